/*
 * What a hub says of itself, as text for people. Keys are shown as the hub names them, so that this page, the JSON and the
 * document speak of the same things, and a later hub's new ones are seen at once; only some values are put in words.
 * Touches standard output and standard error. One thread.
 */
#include "report.h"

#include "cli.h"
#include "json.h"
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 128 };

/* ---- values ---- */

static void add_bytes(table *t, int64_t bytes)
{
    static const char units[] = "KMGT";
    size_t unit = 0;
    double size = (double)bytes / 1024;
    for (; size >= 1024 && units[unit + 1]; unit++) {
        size /= 1024;
    }
    char words[64];
    snprintf(words, sizeof words, bytes < 1024 ? "%" PRId64 : "%" PRId64 " (%.4g%c)", bytes, size, units[unit]);
    table_word(t, words);
}

static void add_duration(table *t, int64_t ms)
{
    int64_t s = ms / 1000;
    char words[64];
    if (s >= 24 * 3600) {
        snprintf(words, sizeof words, "%" PRId64 " (%" PRId64 "d %" PRId64 "h)", ms, s / (24 * 3600), s / 3600 % 24);
    } else if (s >= 60) {
        snprintf(words, sizeof words, "%" PRId64 " (%" PRId64 "h %" PRId64 "m)", ms, s / 3600, s / 60 % 60);
    } else {
        snprintf(words, sizeof words, "%" PRId64 " (%.1fs)", ms, (double)ms / 1000);
    }
    table_word(t, words);
}

static void add_us(table *t, int64_t us)
{
    char words[64];
    snprintf(words, sizeof words, "%" PRId64 " (%.1fs)", us, (double)us / 1e6);
    table_word(t, words);
}

static void add_bound(table *t, int64_t most)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, most);
    table_word(t, most ? digits : "0 (no bound)");
}

static void add_redeliver(table *t, int64_t when)
{
    static const char *const names[] = {
        [IPC_REDELIVER_CRASH] = "crash", [IPC_REDELIVER_ALWAYS] = "always", [IPC_REDELIVER_NEVER] = "never"};
    table_word(t, when >= 0 && when < (int64_t)(sizeof names / sizeof names[0]) ? names[when] : "?");
}

/* Numbers that mean more than a number. */
static const struct meaning {
    const char *label;
    void (*add)(table *t, int64_t number);
} meanings[] = {
    {"uptime_ms", add_duration},   {"memory", add_bytes},     {"limits.memory", add_bytes},
    {"limits.message", add_bytes}, {"maxsize", add_bound},    {"max_deliveries", add_bound},
    {"redeliver", add_redeliver},  {"owner.held_us", add_us}, {"actor.acting_us", add_us},
    {"bytes", add_bytes},
};

static void add_number(table *t, const char *label, int64_t number)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (strcmp(meanings[i].label, label) == 0) {
            meanings[i].add(t, number);
            return;
        }
    }
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, number);
    table_word(t, digits);
}

/* Whatever else a later hub may say. */
static bool add_json(table *t, ipc_cursor *at)
{
    msgpack_sbuffer text;
    msgpack_sbuffer_init(&text);
    bool good = json_write_next(at, &text) && msgpack_sbuffer_write(&text, "", 1) == 0;
    table_word(t, good ? text.data : "");
    msgpack_sbuffer_destroy(&text);
    return good;
}

static bool add_value(table *t, const char *label, ipc_cursor *at)
{
    ipc_cursor here = *at;
    ipc_value value;
    if (ipc_cursor_next(at, &value)) {
        return false;
    }
    switch (value.kind) {
    case IPC_KIND_NULL:
        table_word(t, "-");
        return true;
    case IPC_KIND_BOOL:
        table_word(t, value.as.boolean ? "yes" : "no");
        return true;
    case IPC_KIND_INT:
        add_number(t, label, value.as.i);
        return true;
    case IPC_KIND_STR:
        table_text(t, value.as.bytes.data, value.as.bytes.length);
        return true;
    case IPC_KIND_ARRAY:
        if (value.as.count == 0) {
            table_word(t, "-");
            return true;
        }
        break;
    default:
        break;
    }
    *at = here;
    return add_json(t, at);
}

/* ---- lists of maps ---- */

static bool next_map(ipc_cursor *at, uint32_t *pairs)
{
    ipc_value value;
    bool good = ipc_cursor_next(at, &value) == IPC_OK && value.kind == IPC_KIND_MAP;
    *pairs = good ? value.as.count : 0;
    return good && *pairs > 0;
}

static bool next_key(ipc_cursor *at, ipc_value *key)
{
    return ipc_cursor_next(at, key) == IPC_OK && key->kind == IPC_KIND_STR;
}

static bool add_heads(table *t, ipc_cursor at)
{
    uint32_t pairs;
    bool good = next_map(&at, &pairs);
    t->columns = pairs;
    for (uint32_t i = 0; good && i < pairs; i++) {
        ipc_value key;
        char head[LABEL_MAX] = "";
        good = next_key(&at, &key) && ipc_cursor_skip(&at) == IPC_OK;
        for (uint32_t c = 0; good && c < key.as.bytes.length && c + 1 < sizeof head; c++) {
            char lower = key.as.bytes.data[c];
            head[c] = lower >= 'a' && lower <= 'z' ? (char)(lower - 'a' + 'A') : lower;
        }
        table_word(t, head);
    }
    return good;
}

/* A map of the keys of the first one. */
static bool add_row(table *t, ipc_cursor *at)
{
    uint32_t pairs;
    bool good = next_map(at, &pairs) && pairs == t->columns;
    for (uint32_t i = 0; good && i < pairs; i++) {
        ipc_value key;
        ipc_value value;
        good = next_key(at, &key);
        ipc_cursor here = *at;
        good = good && ipc_cursor_next(at, &value) == IPC_OK;
        if (good && value.kind == IPC_KIND_INT) {
            table_number(t, value.as.i);
        } else if (good) {
            *at = here;
            good = add_value(t, "", at);
        }
    }
    return good;
}

/* Those of the type come after the handles' holders, and say what they are. */
static bool print_list(ipc_cursor at, uint32_t count, const char *title)
{
    table t = {0};
    bool good = add_heads(&t, at);
    for (uint32_t i = 0; good && i < count; i++) {
        good = add_row(&t, &at);
    }
    good = good && putchar('\n') != EOF && (!title || printf("%s:\n", title) > 0) && table_print(&t);
    table_free(&t);
    return good;
}

/* ---- the map ---- */

/* What is done at each place of the map: lines first, then the lists. */
struct walk {
    table lines;
    bool lists;
    unsigned depth; /* of the map within the whole */
};

static bool walk_map(struct walk *walk, ipc_cursor *at, uint32_t pairs, const char *prefix);

/* A list of maps, none of them empty, is a table of its own. */
static bool is_list(const ipc_value *value, ipc_cursor at)
{
    uint32_t pairs;
    return value->kind == IPC_KIND_ARRAY && value->as.count > 0 && next_map(&at, &pairs);
}

static bool walk_value(struct walk *walk, ipc_cursor *at, const char *label)
{
    ipc_cursor here = *at;
    ipc_value value;
    if (ipc_cursor_next(at, &value)) {
        return false;
    }
    if (value.kind == IPC_KIND_MAP) {
        char prefix[LABEL_MAX + 1];
        snprintf(prefix, sizeof prefix, "%s.", label);
        /* "state" is what the type says of itself: its keys stand for themselves. */
        return walk_map(walk, at, value.as.count, strcmp(label, "state") == 0 ? "" : prefix);
    }
    if (is_list(&value, *at)) {
        bool good = !walk->lists || print_list(*at, value.as.count, walk->depth > 1 ? label : NULL);
        *at = here;
        return good && ipc_cursor_skip(at) == IPC_OK;
    }
    *at = here;
    if (walk->lists) {
        return ipc_cursor_skip(at) == IPC_OK;
    }
    table_word(&walk->lines, label);
    return add_value(&walk->lines, label, at);
}

/* Recurses as deep as a checked value may be nested. */
static bool walk_map(struct walk *walk, ipc_cursor *at, uint32_t pairs, const char *prefix)
{
    bool good = true;
    walk->depth++;
    for (uint32_t i = 0; good && i < pairs; i++) {
        ipc_value key;
        char label[LABEL_MAX];
        good = next_key(at, &key);
        if (good) {
            snprintf(label, sizeof label, "%s%.*s", prefix, (int)key.as.bytes.length, key.as.bytes.data);
            good = walk_value(walk, at, label);
        }
    }
    walk->depth--;
    return good;
}

static bool walk_all(struct walk *walk, const ipc_msg *map)
{
    ipc_cursor at;
    ipc_value head;
    return ipc_cursor_open(&at, map) == IPC_OK && ipc_cursor_next(&at, &head) == IPC_OK && head.kind == IPC_KIND_MAP &&
           walk_map(walk, &at, head.as.count, "");
}

static bool print_text(const ipc_msg *map, const char *first, const char *text)
{
    struct walk walk = {.lines = {.columns = 2}};
    if (first) {
        table_word(&walk.lines, first);
        table_text(&walk.lines, text, strlen(text));
    }
    bool good = walk_all(&walk, map) && table_print(&walk.lines);
    walk.lists = true;
    good = good && walk_all(&walk, map);
    table_free(&walk.lines);
    return good;
}

/* The line is what the hub said, with *first* at its beginning. */
static bool print_json(const ipc_msg *map, const char *first, const char *text)
{
    msgpack_sbuffer line;
    msgpack_sbuffer_init(&line);
    bool good = true;
    if (first) {
        good = json_write_string(first, strlen(first), &line) && msgpack_sbuffer_write(&line, ":", 1) == 0 &&
               json_write_string(text, strlen(text), &line) && msgpack_sbuffer_write(&line, ",", 1) == 0;
    }
    size_t begin = line.size;
    good = good && json_write(map, &line) && line.data[begin] == '{';
    if (good) {
        printf("{%.*s%.*s\n", (int)begin, line.data, (int)(line.size - begin - 1), line.data + begin + 1);
    }
    msgpack_sbuffer_destroy(&line);
    return good;
}

int report(const ipc_msg *map, report_form form, const char *first, const char *text)
{
    if (!(form == REPORT_JSON ? print_json : print_text)(map, first, text)) {
        cli_say("what the hub says is not understood; is it of another version? Or memory is short");
        return STATUS_ERROR;
    }
    return cli_flush();
}

int report_each(report_one one, ipc_conn *conn, char **names, int count, report_form form)
{
    int status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        if (i > 0 && form == REPORT_TEXT) {
            putchar('\n');
        }
        int result = one(conn, names[i], form);
        status = result ? result : status;
        if (result == STATUS_STOPPED) {
            break;
        }
    }
    return status;
}
