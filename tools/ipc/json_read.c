/*
 * JSON to packed values: jansson reads the text; integers beyond its 64 bits and the $forms are made here.
 * Touches nothing but memory. Nothing to lock.
 */
#include "base64.h"
#include "bigint.h"
#include "json.h"
#include "rfc3339.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <msgpack/pack.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    msgpack_sbuffer *packed;
    msgpack_packer packer;
    char *why;
};

static struct reader reader_of(msgpack_sbuffer *packed, char why[JSON_WHY_MAX])
{
    struct reader r = {.packed = packed, .why = why};
    msgpack_packer_init(&r.packer, packed, msgpack_sbuffer_write);
    snprintf(why, JSON_WHY_MAX, "out of memory"); /* unless something else is said */
    return r;
}

__attribute__((format(printf, 2, 3))) static bool refuse(const struct reader *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, JSON_WHY_MAX, format, args);
    va_end(args);
    return false;
}

static bool pack_value(struct reader *r, json_t *value);

/* ---- what JSON has no word for ---- */

static bool pack_decimal(struct reader *r, const char *digits, size_t length)
{
    errno = 0;
    int64_t i = strtoll(digits, NULL, 10);
    if (errno == 0) {
        return msgpack_pack_int64(&r->packer, i) == 0;
    }
    errno = 0;
    uint64_t u = strtoull(digits, NULL, 10);
    if (errno == 0 && digits[0] != '-') {
        return msgpack_pack_uint64(&r->packer, u) == 0;
    }
    unsigned char bytes[BIGINT_BYTES_MAX];
    size_t size = bigint_from_decimal(digits, length, bytes);
    if (size == 0) {
        return refuse(r, "an integer of %zu digits, beyond %d bytes; as {\"$ext\": [%d, base64]} it may be longer",
                      length, BIGINT_BYTES_MAX, IPC_EXT_BIGINT);
    }
    return msgpack_pack_ext_with_body(&r->packer, bytes, size, IPC_EXT_BIGINT) == 0;
}

static bool read_int(struct reader *r, json_t *value)
{
    const char *digits = json_string_value(value);
    size_t length = json_string_length(value);
    if (!digits || !bigint_is_decimal(digits, length)) {
        return refuse(r, "{\"$int\": ...} takes a string of decimal digits");
    }
    return pack_decimal(r, digits, length);
}

static bool read_float(struct reader *r, json_t *value)
{
    static const struct {
        const char *name;
        double number;
    } names[] = {{"nan", (double)NAN}, {"inf", (double)INFINITY}, {"-inf", -(double)INFINITY}};
    const char *name = json_string_value(value);
    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i].name) == 0) {
            return msgpack_pack_double(&r->packer, names[i].number) == 0;
        }
    }
    return refuse(r, "{\"$float\": ...} takes \"nan\", \"inf\" or \"-inf\"; any other number is written as such");
}

static bool read_time(struct reader *r, json_t *value)
{
    msgpack_timestamp moment;
    const char *text = json_string_value(value);
    if (!text || !rfc3339_parse(text, json_string_length(value), &moment)) {
        return refuse(r, "{\"$time\": ...} takes a moment like \"2024-05-17T09:30:00.25Z\" (RFC 3339)");
    }
    return msgpack_pack_timestamp(&r->packer, &moment) == 0;
}

/* The bytes of a base64 string, to be freed. False: it is none. */
static bool bytes_of(json_t *value, msgpack_sbuffer *bytes)
{
    msgpack_sbuffer_init(bytes);
    const char *text = json_string_value(value);
    if (text && base64_decode(text, json_string_length(value), bytes)) {
        return true;
    }
    msgpack_sbuffer_destroy(bytes);
    return false;
}

static bool read_bin(struct reader *r, json_t *value)
{
    msgpack_sbuffer bytes;
    if (!bytes_of(value, &bytes)) {
        return refuse(r, "{\"$bin\": ...} takes a string of base64 with its padding");
    }
    bool good = msgpack_pack_bin_with_body(&r->packer, bytes.data, bytes.size) == 0;
    msgpack_sbuffer_destroy(&bytes);
    return good;
}

static bool read_ext(struct reader *r, json_t *value)
{
    json_int_t type = INT64_MAX;
    msgpack_sbuffer bytes;
    if (json_array_size(value) == 2 && json_is_integer(json_array_get(value, 0))) {
        type = json_integer_value(json_array_get(value, 0));
    }
    if (type < INT8_MIN || type > INT8_MAX || !bytes_of(json_array_get(value, 1), &bytes)) {
        return refuse(r, "{\"$ext\": ...} takes [type, base64], the type from -128 to 127");
    }
    bool good = msgpack_pack_ext_with_body(&r->packer, bytes.data, bytes.size, (int8_t)type) == 0;
    msgpack_sbuffer_destroy(&bytes);
    return good;
}

static bool read_map(struct reader *r, json_t *value)
{
    size_t index;
    json_t *pair;
    if (!json_is_array(value) || msgpack_pack_map(&r->packer, json_array_size(value)) != 0) {
        return refuse(r, "{\"$map\": ...} takes an array of [key, value] pairs");
    }
    json_array_foreach(value, index, pair)
    {
        if (json_array_size(pair) != 2) {
            return refuse(r, "{\"$map\": ...} takes [key, value] pairs; its element %zu is none", index + 1);
        }
        if (!pack_value(r, json_array_get(pair, 0)) || !pack_value(r, json_array_get(pair, 1))) {
            return false;
        }
    }
    return true;
}

static bool read_msgpack(struct reader *r, json_t *value)
{
    (void)value;
    return refuse(r, "{\"$msgpack\": ...} is a whole value; inside another one it has no meaning");
}

static const struct form {
    const char *key;
    bool (*read)(struct reader *r, json_t *value);
} forms[] = {
    {"$bin", read_bin}, {"$ext", read_ext},   {"$float", read_float},     {"$int", read_int},
    {"$map", read_map}, {"$time", read_time}, {"$msgpack", read_msgpack},
};

static const struct form *find_form(const char *key, size_t length)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strlen(forms[i].key) == length && memcmp(forms[i].key, key, length) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

bool json_is_form(const char *key, size_t length)
{
    return find_form(key, length) != NULL;
}

/* ---- what it has ---- */

static bool pack_string(struct reader *r, const char *text, size_t length)
{
    return msgpack_pack_str_with_body(&r->packer, text, length) == 0;
}

static bool pack_object(struct reader *r, json_t *object)
{
    void *first = json_object_iter(object);
    if (json_object_size(object) == 1) {
        const char *key = json_object_iter_key(first);
        const struct form *form = find_form(key, strlen(key));
        if (form) {
            return form->read(r, json_object_iter_value(first));
        }
    }
    if (msgpack_pack_map(&r->packer, json_object_size(object)) != 0) {
        return false;
    }
    for (void *at = first; at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        if (!pack_string(r, key, strlen(key)) || !pack_value(r, json_object_iter_value(at))) {
            return false;
        }
    }
    return true;
}

static bool pack_array(struct reader *r, json_t *array)
{
    size_t index;
    json_t *element;
    if (msgpack_pack_array(&r->packer, json_array_size(array)) != 0) {
        return false;
    }
    json_array_foreach(array, index, element)
    {
        if (!pack_value(r, element)) {
            return false;
        }
    }
    return true;
}

/* Recurses as deep as jansson did, which has a bound. */
static bool pack_value(struct reader *r, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return msgpack_pack_nil(&r->packer) == 0;
    case JSON_TRUE:
        return msgpack_pack_true(&r->packer) == 0;
    case JSON_FALSE:
        return msgpack_pack_false(&r->packer) == 0;
    case JSON_INTEGER:
        return msgpack_pack_int64(&r->packer, json_integer_value(value)) == 0;
    case JSON_REAL:
        return msgpack_pack_double(&r->packer, json_real_value(value)) == 0;
    case JSON_STRING:
        return pack_string(r, json_string_value(value), json_string_length(value));
    case JSON_ARRAY:
        return pack_array(r, value);
    case JSON_OBJECT:
        return pack_object(r, value);
    }
    return refuse(r, "a value of an unknown type");
}

/* ---- parsing ---- */

/* The length of the string that begins here, quotes included. */
static size_t string_span(const char *text, size_t length)
{
    size_t i = 1;
    while (i < length && text[i] != '"') {
        i += text[i] == '\\' ? 2 : 1;
    }
    return i + 1 < length ? i + 1 : length;
}

static size_t number_span(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && text[i] && strchr("0123456789+-.eE", text[i])) {
        i++;
    }
    return i;
}

/* Is this an integer that jansson refuses? */
static bool is_wide(const char *text, size_t length)
{
    if (!bigint_is_decimal(text, length)) {
        return false;
    }
    errno = 0;
    (void)strtoll(text, NULL, 10);
    return errno == ERANGE;
}

/* Copy a text with its integers beyond 64 bits put into {"$int": "..."}. */
static bool widen(const char *text, size_t length, msgpack_sbuffer *out)
{
    static const char before[] = "{\"$int\":\"";
    static const char behind[] = "\"}";
    int failed = 0;
    for (size_t at = 0; at < length && !failed;) {
        size_t number = number_span(text + at, length - at);
        size_t span = number ? number : text[at] == '"' ? string_span(text + at, length - at) : 1;
        bool wide = number && is_wide(text + at, number);
        failed |= wide ? msgpack_sbuffer_write(out, before, sizeof before - 1) : 0;
        failed |= msgpack_sbuffer_write(out, text + at, span);
        failed |= wide ? msgpack_sbuffer_write(out, behind, sizeof behind - 1) : 0;
        at += span;
    }
    return !failed;
}

static json_t *parse(const struct reader *r, const char *text, size_t length)
{
    static const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_error_t error;
    json_t *value = json_loadb(text, length, flags, &error);
    if (value || json_error_code(&error) != json_error_numeric_overflow) {
        if (!value && error.column > 0) {
            refuse(r, "column %d: %s", error.column, error.text);
        } else if (!value) {
            refuse(r, "%s", error.text);
        }
        return value;
    }
    msgpack_sbuffer wide;
    msgpack_sbuffer_init(&wide);
    if (widen(text, length, &wide)) {
        value = json_loadb(wide.data, wide.size, flags, &error);
        if (!value) {
            refuse(r, "%s", error.text); /* the column is that of the copy */
        }
    }
    msgpack_sbuffer_destroy(&wide);
    return value;
}

/* {"$msgpack": base64}: bytes as they are, for handing on what nobody can read. False: it is something else. */
static bool is_verbatim(json_t *value)
{
    return json_object_size(value) == 1 && json_object_get(value, "$msgpack");
}

static bool read_verbatim(const struct reader *r, json_t *value)
{
    msgpack_sbuffer bytes;
    if (!bytes_of(json_object_get(value, "$msgpack"), &bytes)) {
        return refuse(r, "{\"$msgpack\": ...} takes a string of base64 with its padding");
    }
    bool good = msgpack_sbuffer_write(r->packed, bytes.data, bytes.size) == 0;
    msgpack_sbuffer_destroy(&bytes);
    return good;
}

bool json_read(const char *text, size_t length, msgpack_sbuffer *packed, char why[JSON_WHY_MAX])
{
    struct reader r = reader_of(packed, why);
    size_t start = packed->size;
    json_t *value = parse(&r, text, length);
    if (!value) {
        return false;
    }
    bool verbatim = is_verbatim(value);
    bool good = verbatim ? read_verbatim(&r, value) : pack_value(&r, value);
    json_decref(value);
    if (good && !verbatim && ipc_msg_check(packed->data + start, packed->size - start) != IPC_OK) {
        return refuse(&r, "%s", ipc_last_error());
    }
    return good;
}

bool json_read_raw(const char *text, size_t length, msgpack_sbuffer *packed, char why[JSON_WHY_MAX])
{
    struct reader r = reader_of(packed, why);
    size_t start = packed->size;
    if (length > UINT32_MAX) {
        return refuse(&r, "a text of 4 GiB or more");
    }
    if (!pack_string(&r, text, length)) {
        return false;
    }
    if (ipc_msg_check(packed->data + start, packed->size - start) != IPC_OK) {
        return refuse(&r, "%s", ipc_last_error());
    }
    return true;
}
