/*
 * From packed bytes to a value's notation, with the library's cursor; and what tables need besides.
 * Touches memory and the tables' files. One thread.
 */
#include "notation.h"

#include <endian.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void broken(const char *what, const json_t *where)
{
    char *text = where ? json_dumps(where, JSON_ENCODE_ANY) : NULL;
    fprintf(stderr, "%s: %.500s\n", what, text ? text : "");
    exit(2);
}

json_t *load_table(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", CONFORMANCE_DIR, name);
    json_error_t error;
    json_t *table = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!table) {
        fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
        exit(2);
    }
    return table;
}

json_t *member(const json_t *object, const char *key)
{
    json_t *found = json_object_get(object, key);
    if (!found) {
        broken(key, object);
    }
    return found;
}

const char *text_member(const json_t *object, const char *key)
{
    const char *text = json_string_value(member(object, key));
    if (!text) {
        broken(key, object);
    }
    return text;
}

/* ---- hex ---- */

static unsigned char *grow(blob *out, size_t more)
{
    out->bytes = realloc(out->bytes, out->length + more + 1);
    if (!out->bytes) {
        abort();
    }
    unsigned char *at = out->bytes + out->length;
    out->length += more;
    return at;
}

static void append_hex(blob *out, const json_t *digits, size_t times)
{
    const char *text = json_string_value(digits);
    size_t count = text ? strlen(text) / 2 : 0;
    unsigned char *at = grow(out, count * times);
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        if (sscanf(text + 2 * i, "%2x", &value) != 1) {
            broken("not hex", digits);
        }
        at[i] = (unsigned char)value;
    }
    for (size_t i = 1; i < times; i++) {
        memcpy(at + i * count, at, count);
    }
}

blob hex_blob(const json_t *parts)
{
    blob out = {NULL, 0};
    grow(&out, 0);
    if (json_is_string(parts)) {
        append_hex(&out, parts, 1);
        return out;
    }
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        if (json_is_string(part)) {
            append_hex(&out, part, 1);
        } else {
            append_hex(&out, json_array_get(part, 0), (size_t)json_integer_value(json_array_get(part, 1)));
        }
    }
    return out;
}

json_t *hex_text(const void *bytes, size_t length)
{
    char *text = malloc(2 * length + 1);
    if (!text) {
        abort();
    }
    for (size_t i = 0; i < length; i++) {
        snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
    }
    json_t *digits = json_stringn(text, 2 * length);
    free(text);
    return digits;
}

/* ---- short forms ---- */

static json_t *write_int(const char *format, unsigned long long number)
{
    char text[32];
    snprintf(text, sizeof text, format, number);
    return json_pack("{s:s}", "int", text);
}

static json_t *repeat_text(const char *text, size_t length, size_t times)
{
    blob all = {NULL, 0};
    grow(&all, length * times);
    for (size_t i = 0; i < times; i++) {
        memcpy(all.bytes + i * length, text, length);
    }
    json_t *repeated = json_stringn((const char *)all.bytes, all.length);
    free(all.bytes);
    return repeated;
}

static json_t *repeat_elements(const json_t *body, size_t times)
{
    json_t *all = json_array();
    for (size_t i = 0; i < times; i++) {
        json_array_extend(all, (json_t *)(uintptr_t)body); /* reads it */
    }
    return all;
}

static json_t *repeated(const json_t *again)
{
    const json_t *what = json_array_get(again, 0);
    size_t times = (size_t)json_integer_value(json_array_get(again, 1));
    if (json_is_string(what)) {
        return repeat_text(json_string_value(what), json_string_length(what), times);
    }
    const json_t *bin = json_object_get(what, "bin");
    if (bin) {
        return json_pack("{s:o}", "bin", repeat_text(json_string_value(bin), json_string_length(bin), times));
    }
    return json_pack("{s:o}", "array", repeat_elements(json_is_array(what) ? what : member(what, "array"), times));
}

json_t *notation_expand(const json_t *notation)
{
    if (json_is_integer(notation)) {
        return write_int("%lld", (unsigned long long)json_integer_value(notation));
    }
    if (json_is_array(notation)) {
        return json_pack("{s:O}", "array", notation);
    }
    const json_t *again = json_object_get(notation, "repeat");
    return again ? repeated(again) : json_incref((json_t *)(uintptr_t)notation); /* only its count changes */
}

/* ---- writing ---- */

static json_t *write_float(double number)
{
    char text[64];
    snprintf(text, sizeof text, isnan(number) ? "nan" : "%a", number);
    return json_pack("{s:s}", "float", text);
}

/* A moment in one of msgpack's three forms; anything else is an extension like others. */
static bool read_moment(const ipc_value *value, int64_t *seconds, uint32_t *nanoseconds)
{
    uint32_t word = 0;
    uint64_t wide = 0;
    const char *data = value->as.bytes.data;
    switch (value->as.bytes.length) {
    case 4:
        memcpy(&word, data, sizeof word);
        *seconds = be32toh(word);
        *nanoseconds = 0;
        return true;
    case 8:
        memcpy(&wide, data, sizeof wide);
        *seconds = (int64_t)(be64toh(wide) & 0x3ffffffff);
        *nanoseconds = (uint32_t)(be64toh(wide) >> 34);
        return *nanoseconds < 1000000000;
    case 12:
        memcpy(&word, data, sizeof word);
        memcpy(&wide, data + sizeof word, sizeof wide);
        *seconds = (int64_t)be64toh(wide);
        *nanoseconds = be32toh(word);
        return *nanoseconds < 1000000000;
    default:
        return false;
    }
}

static json_t *write_ext(const ipc_value *value)
{
    int64_t seconds;
    uint32_t nanoseconds;
    if (value->as.bytes.ext == IPC_EXT_TIMESTAMP && read_moment(value, &seconds, &nanoseconds)) {
        return json_pack("{s:[I,I]}", "timestamp", (json_int_t)seconds, (json_int_t)nanoseconds);
    }
    return json_pack("{s:[i,o]}", "ext", value->as.bytes.ext, hex_text(value->as.bytes.data, value->as.bytes.length));
}

static json_t *must(json_t *notation)
{
    if (!notation) {
        broken("a value within another is missing", NULL);
    }
    return notation;
}

static json_t *write_array(ipc_cursor *cursor, uint32_t count)
{
    json_t *body = json_array();
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(body, must(notation_next(cursor)));
    }
    return json_pack("{s:o}", "array", body);
}

static json_t *write_map(ipc_cursor *cursor, uint32_t count)
{
    json_t *body = json_array();
    for (uint32_t i = 0; i < count; i++) {
        json_t *key = must(notation_next(cursor));
        json_array_append_new(body, json_pack("[o,o]", key, must(notation_next(cursor))));
    }
    return json_pack("{s:o}", "map", body);
}

json_t *notation_next(ipc_cursor *cursor)
{
    ipc_value value;
    if (ipc_cursor_next(cursor, &value)) {
        return NULL;
    }
    switch (value.kind) {
    case IPC_KIND_NULL:
        return json_null();
    case IPC_KIND_BOOL:
        return json_boolean(value.as.boolean);
    case IPC_KIND_INT:
        return write_int("%lld", (unsigned long long)value.as.i);
    case IPC_KIND_UINT:
        return write_int("%llu", value.as.u);
    case IPC_KIND_FLOAT:
        return write_float(value.as.f);
    case IPC_KIND_STR:
        return json_stringn(value.as.bytes.data, value.as.bytes.length);
    case IPC_KIND_BIN:
        return json_pack("{s:o}", "bin", hex_text(value.as.bytes.data, value.as.bytes.length));
    case IPC_KIND_ARRAY:
        return write_array(cursor, value.as.count);
    case IPC_KIND_MAP:
        return write_map(cursor, value.as.count);
    case IPC_KIND_EXT:
        return write_ext(&value);
    }
    return NULL;
}

json_t *notation_of(const ipc_msg *msg)
{
    ipc_cursor cursor;
    if (ipc_cursor_open(&cursor, msg)) {
        broken(ipc_last_error(), NULL);
    }
    return must(notation_next(&cursor));
}

/* ---- comparing ---- */

static bool same_elements(const json_t *one, const json_t *other)
{
    for (size_t i = 0; i < json_array_size(one); i++) {
        if (!notation_same(json_array_get(one, i), json_array_get(other, i))) {
            return false;
        }
    }
    return json_array_size(one) == json_array_size(other);
}

/* Whether each pair of the one map, which may be a pattern, stands for some pair of the other. */
static bool covered(const json_t *one, const json_t *other)
{
    for (size_t i = 0; i < json_array_size(one); i++) {
        bool found = false;
        for (size_t j = 0; j < json_array_size(other) && !found; j++) {
            found = same_elements(json_array_get(one, i), json_array_get(other, j));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Whether each pair of the other map is one that the pattern has a pair for. */
static bool covers(const json_t *one, const json_t *other)
{
    for (size_t j = 0; j < json_array_size(other); j++) {
        bool found = false;
        for (size_t i = 0; i < json_array_size(one) && !found; i++) {
            found = same_elements(json_array_get(one, i), json_array_get(other, j));
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

static bool same_pairs(const json_t *one, const json_t *other)
{
    return json_array_size(one) == json_array_size(other) && covered(one, other) && covers(one, other);
}

/* What a value in full is called in a pattern. */
static const char *kind_of(const json_t *notation)
{
    if (json_is_object(notation)) {
        return json_object_iter_key(json_object_iter((json_t *)(uintptr_t)notation));
    }
    return json_is_string(notation) ? "text" : json_is_boolean(notation) ? "bool" : "null";
}

static bool same_kinds(const json_t *one, const json_t *other)
{
    const json_t *any = json_object_get(one, "any");
    if (any) {
        return strcmp(json_string_value(any), kind_of(other)) == 0;
    }
    const json_t *map = json_object_get(one, "map");
    if (map && json_object_get(other, "map")) {
        return same_pairs(map, json_object_get(other, "map"));
    }
    const json_t *array = json_object_get(one, "array");
    if (array && json_object_get(other, "array")) {
        return same_elements(array, json_object_get(other, "array"));
    }
    return json_equal(one, other);
}

bool notation_same(const json_t *one, const json_t *other)
{
    json_t *plain = notation_expand(one);
    json_t *plain_other = notation_expand(other);
    bool same = same_kinds(plain, plain_other);
    json_decref(plain_other);
    json_decref(plain);
    return same;
}
