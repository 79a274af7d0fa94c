/*
 * What tests of containers share.
 * Touches the handles that it is given. Any thread; those that check, as support/check.h says.
 */
#include "containers.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 64 * 1024, HEAD_MAX = 5 };

/* ---- from text ---- */

struct writer {
    const char *at;
    unsigned char *end;
    unsigned char room[ROOM];
};

static void put_byte(struct writer *self, unsigned byte)
{
    CHECK(self->end < self->room + ROOM);
    *self->end++ = (unsigned char)byte;
}

static void put_number(struct writer *self, uint64_t number, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--) {
        put_byte(self, (unsigned)(number >> (8 * (i - 1))) & 0xff);
    }
}

static bool word(struct writer *self, const char *expected)
{
    size_t length = strlen(expected);
    bool here = strncmp(self->at, expected, length) == 0;
    self->at += here ? length : 0;
    return here;
}

static void skip_blanks(struct writer *self)
{
    self->at += strspn(self->at, " ,:");
}

static void put_quoted(struct writer *self, bool text)
{
    size_t length = strcspn(self->at, "\"");
    put_byte(self, text ? 0xdb : 0xc6);
    put_number(self, length, 4);
    for (; length > 0; length--) {
        put_byte(self, (unsigned char)*self->at++);
    }
    CHECK(word(self, "\""));
}

static void put_digits(struct writer *self)
{
    char *behind;
    size_t length = strspn(self->at, "+-.0123456789aefin");
    CHECK(length > 0);
    if (memchr(self->at, '.', length) || memchr(self->at, 'n', length)) {
        double f = strtod(self->at, &behind);
        uint64_t bits;
        memcpy(&bits, &f, sizeof bits);
        put_byte(self, 0xcb);
        put_number(self, bits, 8);
    } else if (*self->at == '-') {
        put_byte(self, 0xd3);
        put_number(self, (uint64_t)strtoll(self->at, &behind, 10), 8);
    } else {
        put_byte(self, 0xcf);
        put_number(self, strtoull(self->at, &behind, 10), 8);
    }
    CHECK(behind == self->at + length);
    self->at = behind;
}

static void put_value(struct writer *self);

static void put_several(struct writer *self, unsigned head, char closing)
{
    unsigned char *start = self->end;
    uint32_t count = 0;
    put_byte(self, head);
    put_number(self, 0, 4);
    for (skip_blanks(self); *self->at != closing; skip_blanks(self)) {
        put_value(self);
        count++;
    }
    self->at++;
    count = closing == '}' ? count / 2 : count;
    for (int i = 0; i < 4; i++) {
        start[1 + i] = (unsigned char)(count >> (8 * (3 - i)));
    }
}

static void put_value(struct writer *self)
{
    if (word(self, "null")) {
        put_byte(self, 0xc0);
    } else if (word(self, "false")) {
        put_byte(self, 0xc2);
    } else if (word(self, "true")) {
        put_byte(self, 0xc3);
    } else if (word(self, "\"")) {
        put_quoted(self, true);
    } else if (word(self, "b\"")) {
        put_quoted(self, false);
    } else if (word(self, "[")) {
        put_several(self, 0xdd, ']');
    } else if (word(self, "{")) {
        put_several(self, 0xdf, '}');
    } else {
        put_digits(self);
    }
}

ipc_msg *value(const char *text)
{
    struct writer *self = malloc(sizeof *self);
    CHECK(self);
    self->at = text;
    self->end = self->room;
    put_value(self);
    CHECK(*self->at == '\0');
    ipc_msg *msg;
    CHECK_OK(ipc_msg_from_bytes(&msg, self->room, (size_t)(self->end - self->room)));
    free(self);
    return msg;
}

/* ---- to text ---- */

static void say_value(FILE *out, ipc_cursor *at);

static void say_several(FILE *out, ipc_cursor *at, uint32_t count, bool map)
{
    for (uint32_t i = 0; i < count; i++) {
        fputs(i ? "," : "", out);
        say_value(out, at);
        if (map) {
            fputc(':', out);
            say_value(out, at);
        }
    }
}

static void say_float(FILE *out, double f)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.17g", f);
    fprintf(out, "%s%s", isnan(f) ? "nan" : digits, isfinite(f) && !strpbrk(digits, ".e") ? ".0" : "");
}

static void say_value(FILE *out, ipc_cursor *at)
{
    ipc_value head;
    CHECK_OK(ipc_cursor_next(at, &head));
    switch (head.kind) {
    case IPC_KIND_NULL:
        fputs("null", out);
        break;
    case IPC_KIND_BOOL:
        fputs(head.as.boolean ? "true" : "false", out);
        break;
    case IPC_KIND_INT:
        fprintf(out, "%" PRId64, head.as.i);
        break;
    case IPC_KIND_UINT:
        fprintf(out, "%" PRIu64, head.as.u);
        break;
    case IPC_KIND_FLOAT:
        say_float(out, head.as.f);
        break;
    case IPC_KIND_STR:
    case IPC_KIND_BIN:
        fprintf(out, "%s\"%.*s\"", head.kind == IPC_KIND_BIN ? "b" : "", (int)head.as.bytes.length, head.as.bytes.data);
        break;
    case IPC_KIND_EXT:
        fprintf(out, "<%d>", head.as.bytes.ext);
        break;
    case IPC_KIND_ARRAY:
    case IPC_KIND_MAP:
        fputc(head.kind == IPC_KIND_MAP ? '{' : '[', out);
        say_several(out, at, head.as.count, head.kind == IPC_KIND_MAP);
        fputc(head.kind == IPC_KIND_MAP ? '}' : ']', out);
        break;
    }
}

void check_value(ipc_msg *msg, const char *text, const char *file, int line)
{
    char *said = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&said, &size);
    char *expected = strdup(text);
    CHECK(out && expected);
    ipc_cursor at;
    CHECK_OK(ipc_cursor_open(&at, msg));
    say_value(out, &at);
    CHECK_INT(fclose(out), 0);
    char *to = expected;
    for (const char *from = text; *from; from++) {
        *to = *from;
        to += *from != ' ';
    }
    *to = '\0';
    if (strcmp(said, expected) != 0) {
        check_fail(file, line, "it is %.900s, not %.900s", said, expected);
    }
    free(said);
    free(expected);
    ipc_msg_free(msg);
}

/* ---- objects ---- */

ipc_dict *dict_of(ipc_conn *conn, const char *name)
{
    ipc_dict *dict;
    CHECK_OK(ipc_dict_open(&dict, conn, name, NULL));
    return dict;
}

ipc_list *list_of(ipc_conn *conn, const char *name, const char *values)
{
    ipc_list *list;
    CHECK_OK(ipc_list_open(&list, conn, name, NULL));
    ipc_msg *all = value(values);
    CHECK_OK(ipc_list_extend(list, all));
    ipc_msg_free(all);
    return list;
}

ipc_array *array_of(ipc_conn *conn, const char *name, char typecode, uint64_t length)
{
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    options.typecode = typecode;
    options.length = length;
    ipc_array *array;
    CHECK_OK(ipc_array_open(&array, conn, name, &options));
    return array;
}

uint64_t hub_number(ipc_conn *conn, const char *what)
{
    ipc_msg *stat;
    uint64_t number;
    CHECK_OK(ipc_stat(conn, &stat));
    CHECK_OK(ipc_unpack(stat, "{s:U}", what, &number));
    ipc_msg_free(stat);
    return number;
}

ipc_msg *bytes_of(size_t size, char fill)
{
    char *bytes = malloc(size);
    CHECK(bytes);
    memset(bytes, fill, size);
    ipc_msg *msg;
    CHECK_OK(ipc_pack(&msg, "B", bytes, size));
    free(bytes);
    return msg;
}

place *place_like(const place *other, const ipc_hub_options *options)
{
    return place_open(other->which, options);
}
