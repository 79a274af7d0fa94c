/*
 * Aligned text.
 * Touches memory, and standard output. Nothing to lock.
 */
#include "table.h"

#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table_cell {
    char *text;
    int width; /* characters: what they take on a terminal, wide ones aside */
    bool number;
};

/* ---- cells ---- */

static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static bool make_room(table *t)
{
    if (t->count < t->capacity) {
        return true;
    }
    size_t capacity = t->capacity ? 2 * t->capacity : 64;
    table_cell *cells = realloc(t->cells, capacity * sizeof *cells);
    if (!cells) {
        return false;
    }
    t->cells = cells;
    t->capacity = capacity;
    return true;
}

/* Takes the text. */
static void add(table *t, char *text, bool number)
{
    if (t->failed || !text || !make_room(t)) {
        free(text);
        t->failed = true;
        return;
    }
    t->cells[t->count++] = (table_cell){.text = text, .width = width_of(text), .number = number};
}

void table_word(table *t, const char *word)
{
    add(t, strdup(word), false);
}

void table_number(table *t, int64_t number)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    add(t, strdup(digits), true);
}

static bool is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == 0x7f) {
            return false;
        }
    }
    return length > 0;
}

void table_text(table *t, const char *text, size_t length)
{
    if (is_plain(text, length)) {
        add(t, strndup(text, length), false);
        return;
    }
    msgpack_sbuffer quoted;
    msgpack_sbuffer_init(&quoted);
    bool good = json_write_string(text, length, &quoted);
    add(t, good ? strndup(quoted.data, quoted.size) : NULL, false);
    msgpack_sbuffer_destroy(&quoted);
}

/* ---- the whole ---- */

static int column_width(const table *t, size_t column)
{
    int widest = 0;
    for (size_t i = column; i < t->count; i += t->columns) {
        widest = t->cells[i].width > widest ? t->cells[i].width : widest;
    }
    return widest;
}

static void print_row(const table *t, const table_cell *row, const int *widths)
{
    const table_cell *model = &t->cells[t->count - t->columns];
    for (size_t i = 0; i < t->columns; i++) {
        int pad = widths[i] - row[i].width;
        bool last = i + 1 == t->columns;
        bool right = model[i].number;
        printf("%*s%s%*s", right ? pad : 0, "", row[i].text, right || last ? 0 : pad, "");
        fputs(last ? "\n" : "  ", stdout);
    }
}

bool table_print(const table *t)
{
    int *widths = calloc(t->columns + 1, sizeof *widths);
    bool good = widths && !t->failed;
    for (size_t i = 0; good && i < t->columns; i++) {
        widths[i] = column_width(t, i);
    }
    for (size_t i = 0; good && i + t->columns <= t->count; i += t->columns) {
        print_row(t, &t->cells[i], widths);
    }
    free(widths);
    return good;
}

void table_free(table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->cells[i].text);
    }
    free(t->cells);
    *t = (table){.columns = t->columns};
}
