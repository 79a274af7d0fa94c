/*
 * Packed values to JSON: walked with a cursor, so that nothing of them is lost on the way; jansson writes the scalars.
 * Touches nothing but memory. Nothing to lock.
 */
#include "base64.h"
#include "bigint.h"
#include "json.h"
#include "rfc3339.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put(msgpack_sbuffer *text, const char *literal)
{
    return msgpack_sbuffer_write(text, literal, strlen(literal)) == 0;
}

static bool write_value(msgpack_sbuffer *text, ipc_cursor *at);

/* ---- scalars ---- */

static int append(const char *bytes, size_t length, void *text)
{
    return msgpack_sbuffer_write(text, bytes, length);
}

/* Takes the reference. */
static bool write_scalar(msgpack_sbuffer *text, json_t *value, size_t flags)
{
    bool good = value && json_dump_callback(value, append, text, JSON_ENCODE_ANY | flags) == 0;
    json_decref(value);
    return good;
}

bool json_write_string(const char *bytes, size_t length, msgpack_sbuffer *text)
{
    return write_scalar(text, json_stringn_nocheck(bytes ? bytes : "", length), 0);
}

/* As many digits as it takes to read the same number back, from 15 on. */
static bool write_float(msgpack_sbuffer *text, double number)
{
    if (!isfinite(number)) {
        return put(text, isnan(number) ? "{\"$float\":\"nan\"}"
                                       : (number > 0 ? "{\"$float\":\"inf\"}" : "{\"$float\":\"-inf\"}"));
    }
    int digits = 15;
    for (char trial[32]; digits < 17; digits++) {
        snprintf(trial, sizeof trial, "%.*g", digits, number);
        if (strtod(trial, NULL) == number) {
            break;
        }
    }
    return write_scalar(text, json_real(number), JSON_REAL_PRECISION((size_t)digits));
}

static bool write_bytes(msgpack_sbuffer *text, const char *before, const void *bytes, size_t length, const char *behind)
{
    return put(text, before) && base64_encode(bytes, length, text) && put(text, behind);
}

static bool write_timestamp(msgpack_sbuffer *text, const ipc_value *value)
{
    msgpack_object object = {.type = MSGPACK_OBJECT_EXT};
    object.via.ext.type = IPC_EXT_TIMESTAMP;
    object.via.ext.size = value->as.bytes.length;
    object.via.ext.ptr = value->as.bytes.data;
    msgpack_timestamp moment;
    char words[RFC3339_MAX];
    if (!msgpack_object_to_timestamp(&object, &moment) || !rfc3339_format(&moment, words)) {
        return false;
    }
    return put(text, "{\"$time\":\"") && put(text, words) && put(text, "\"}");
}

/* As what it means where that is read back to the same, or else as its bytes. */
static bool write_ext(msgpack_sbuffer *text, const ipc_value *value)
{
    const void *bytes = value->as.bytes.data;
    size_t length = value->as.bytes.length;
    size_t start = text->size;
    if (value->as.bytes.ext == IPC_EXT_BIGINT && bigint_is_shown(bytes, length)) {
        return put(text, "{\"$int\":\"") && bigint_to_decimal(bytes, length, text) && put(text, "\"}");
    }
    if (value->as.bytes.ext == IPC_EXT_TIMESTAMP && write_timestamp(text, value)) {
        return true;
    }
    text->size = start;
    char before[32];
    snprintf(before, sizeof before, "{\"$ext\":[%d,\"", value->as.bytes.ext);
    return write_bytes(text, before, bytes, length, "\"]}");
}

/* ---- maps ---- */

struct key {
    const char *data;
    size_t length;
};

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left;
    const struct key *b = right;
    if (a->length != b->length) {
        return a->length < b->length ? -1 : 1;
    }
    return memcmp(a->data, b->data, a->length);
}

static bool has_twins(struct key *keys, uint32_t count)
{
    qsort(keys, count, sizeof *keys, compare_keys);
    for (uint32_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The keys, where all are texts that JSON objects can have. */
static bool collect_keys(ipc_cursor at, uint32_t count, struct key *keys)
{
    for (uint32_t i = 0; i < count; i++) {
        ipc_value key;
        if (ipc_cursor_next(&at, &key) != IPC_OK || key.kind != IPC_KIND_STR ||
            (key.as.bytes.length && memchr(key.as.bytes.data, '\0', key.as.bytes.length)) ||
            ipc_cursor_skip(&at) != IPC_OK) {
            return false;
        }
        keys[i] = (struct key){key.as.bytes.length ? key.as.bytes.data : "", key.as.bytes.length};
    }
    return true;
}

/* Can it be a JSON object, and be read back as the same? An answer without memory is no. */
static bool is_object(ipc_cursor at, uint32_t count)
{
    struct key *keys = calloc(count ? count : 1, sizeof *keys);
    bool object = keys && collect_keys(at, count, keys) &&
                  !(count == 1 && json_is_form(keys[0].data, keys[0].length)) && !has_twins(keys, count);
    free(keys);
    return object;
}

static bool write_pairs(msgpack_sbuffer *text, ipc_cursor *at, uint32_t count)
{
    bool good = put(text, "{\"$map\":[");
    for (uint32_t i = 0; good && i < count; i++) {
        good = put(text, i ? ",[" : "[") && write_value(text, at) && put(text, ",") && write_value(text, at) &&
               put(text, "]");
    }
    return good && put(text, "]}");
}

static bool write_map(msgpack_sbuffer *text, ipc_cursor *at, uint32_t count)
{
    if (!is_object(*at, count)) {
        return write_pairs(text, at, count);
    }
    bool good = put(text, "{");
    for (uint32_t i = 0; good && i < count; i++) {
        good = (i == 0 || put(text, ",")) && write_value(text, at) && put(text, ":") && write_value(text, at);
    }
    return good && put(text, "}");
}

/* ---- any value ---- */

static bool write_array(msgpack_sbuffer *text, ipc_cursor *at, uint32_t count)
{
    bool good = put(text, "[");
    for (uint32_t i = 0; good && i < count; i++) {
        good = (i == 0 || put(text, ",")) && write_value(text, at);
    }
    return good && put(text, "]");
}

/* Recurses as deep as a checked value may be nested. */
static bool write_value(msgpack_sbuffer *text, ipc_cursor *at)
{
    ipc_value value;
    char digits[32];
    if (ipc_cursor_next(at, &value) != IPC_OK) {
        return false;
    }
    switch (value.kind) {
    case IPC_KIND_NULL:
        return put(text, "null");
    case IPC_KIND_BOOL:
        return put(text, value.as.boolean ? "true" : "false");
    case IPC_KIND_INT:
        snprintf(digits, sizeof digits, "%" PRId64, value.as.i);
        return put(text, digits);
    case IPC_KIND_UINT:
        snprintf(digits, sizeof digits, "%" PRIu64, value.as.u);
        return put(text, digits);
    case IPC_KIND_FLOAT:
        return write_float(text, value.as.f);
    case IPC_KIND_STR:
        return json_write_string(value.as.bytes.data, value.as.bytes.length, text);
    case IPC_KIND_BIN:
        return write_bytes(text, "{\"$bin\":\"", value.as.bytes.data, value.as.bytes.length, "\"}");
    case IPC_KIND_ARRAY:
        return write_array(text, at, value.as.count);
    case IPC_KIND_MAP:
        return write_map(text, at, value.as.count);
    case IPC_KIND_EXT:
        return write_ext(text, &value);
    }
    return false;
}

bool json_write_next(ipc_cursor *at, msgpack_sbuffer *text)
{
    return write_value(text, at);
}

bool json_write(const ipc_msg *msg, msgpack_sbuffer *text)
{
    ipc_cursor at;
    if (ipc_cursor_open(&at, msg) == IPC_OK) {
        return write_value(text, &at);
    }
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    return write_bytes(text, "{\"$msgpack\":\"", bytes, length, "\"}");
}

bool json_write_raw(const ipc_msg *msg, msgpack_sbuffer *text)
{
    ipc_cursor at;
    ipc_value value;
    if (ipc_cursor_open(&at, msg) == IPC_OK && ipc_cursor_next(&at, &value) == IPC_OK && value.kind == IPC_KIND_STR) {
        return value.as.bytes.length == 0 ||
               msgpack_sbuffer_write(text, value.as.bytes.data, value.as.bytes.length) == 0;
    }
    return json_write(msg, text);
}
