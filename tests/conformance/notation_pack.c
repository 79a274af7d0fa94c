/*
 * From a value's notation to packed bytes: with ipc_pack() whatever it can pack, by hand what it has no letter for.
 * Touches memory. One thread.
 */
#include "notation.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How many elements ipc_pack() is given here: a call has the same number of arguments, whatever the format needs. */
enum { BY_FORMAT = 16 };

static ipc_msg *packed(ipc_err err, ipc_msg *msg, const json_t *notation)
{
    if (err) {
        broken(ipc_last_error(), notation);
    }
    return msg;
}

#define PACKED(notation, ...)                                                                                          \
    do {                                                                                                               \
        ipc_msg *msg_ = NULL;                                                                                          \
        ipc_err err_ = ipc_pack(&msg_, __VA_ARGS__);                                                                   \
        return packed(err_, msg_, notation);                                                                           \
    } while (0)

/* ---- scalars ---- */

static ipc_msg *pack_int(const json_t *body)
{
    const char *digits = json_string_value(body);
    if (*digits == '-') {
        PACKED(body, "I", (int64_t)strtoll(digits, NULL, 10));
    }
    PACKED(body, "U", (uint64_t)strtoull(digits, NULL, 10));
}

static ipc_msg *pack_float(const json_t *body)
{
    PACKED(body, "f", strtod(json_string_value(body), NULL));
}

static ipc_msg *pack_bin(const json_t *body)
{
    blob bytes = hex_blob(body);
    ipc_msg *msg = NULL;
    ipc_err err = ipc_pack(&msg, "B", (const void *)bytes.bytes, bytes.length);
    free(bytes.bytes);
    return packed(err, msg, body);
}

static ipc_msg *pack_timestamp(const json_t *body)
{
    struct timespec moment = {
        .tv_sec = (time_t)json_integer_value(json_array_get(body, 0)),
        .tv_nsec = (long)json_integer_value(json_array_get(body, 1)),
    };
    PACKED(body, "t", &moment);
}

/* ---- by hand ---- */

static ipc_msg *from_buffer(msgpack_sbuffer *buffer, const json_t *notation)
{
    ipc_msg *msg = NULL;
    ipc_err err = ipc_msg_from_bytes(&msg, buffer->data, buffer->size);
    msgpack_sbuffer_destroy(buffer);
    return packed(err, msg, notation);
}

static void append(msgpack_sbuffer *buffer, const json_t *notation)
{
    ipc_msg *msg = notation_pack(notation);
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    msgpack_sbuffer_write(buffer, bytes, length);
    ipc_msg_free(msg);
}

static ipc_msg *pack_ext(const json_t *body)
{
    blob bytes = hex_blob(json_array_get(body, 1));
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_ext(&packer, bytes.length, (int8_t)json_integer_value(json_array_get(body, 0)));
    msgpack_pack_ext_body(&packer, bytes.bytes, bytes.length);
    free(bytes.bytes);
    return from_buffer(&buffer, body);
}

static ipc_msg *assemble_array(const json_t *body)
{
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, json_array_size(body));
    for (size_t i = 0; i < json_array_size(body); i++) {
        append(&buffer, json_array_get(body, i));
    }
    return from_buffer(&buffer, body);
}

static ipc_msg *assemble_map(const json_t *body)
{
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, json_array_size(body));
    for (size_t i = 0; i < json_array_size(body); i++) {
        append(&buffer, json_array_get(json_array_get(body, i), 0));
        append(&buffer, json_array_get(json_array_get(body, i), 1));
    }
    return from_buffer(&buffer, body);
}

/* ---- sequences and maps by a format ---- */

static void repeat(char *format, char open, const char *each, size_t count, char close)
{
    *format++ = open;
    for (size_t i = 0; i < count; i++) {
        format = stpcpy(format, each);
    }
    *format++ = close;
    *format = '\0';
}

static ipc_msg *pack_array(const json_t *body)
{
    size_t count = json_array_size(body);
    if (count > BY_FORMAT) {
        return assemble_array(body);
    }
    ipc_msg *v[BY_FORMAT] = {NULL};
    for (size_t i = 0; i < count; i++) {
        v[i] = notation_pack(json_array_get(body, i));
    }
    char format[BY_FORMAT + 3];
    repeat(format, '[', "v", count, ']');
    ipc_msg *msg = NULL;
    ipc_err err = ipc_pack(&msg, format, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11],
                           v[12], v[13], v[14], v[15]);
    for (size_t i = 0; i < count; i++) {
        ipc_msg_free(v[i]);
    }
    return packed(err, msg, body);
}

/* Whether a format can say it: keys are texts without a zero byte. */
static bool has_plain_keys(const json_t *body)
{
    for (size_t i = 0; i < json_array_size(body); i++) {
        const json_t *key = json_array_get(json_array_get(body, i), 0);
        if (!json_is_string(key) || strlen(json_string_value(key)) != json_string_length(key)) {
            return false;
        }
    }
    return true;
}

static ipc_msg *pack_map(const json_t *body)
{
    size_t count = json_array_size(body);
    if (count > BY_FORMAT / 2 || !has_plain_keys(body)) {
        return assemble_map(body);
    }
    const char *k[BY_FORMAT / 2] = {NULL};
    ipc_msg *v[BY_FORMAT / 2] = {NULL};
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(body, i);
        k[i] = json_string_value(json_array_get(pair, 0));
        v[i] = notation_pack(json_array_get(pair, 1));
    }
    char format[2 * BY_FORMAT + 3];
    repeat(format, '{', "s:v,", count, '}');
    ipc_msg *msg = NULL;
    ipc_err err = ipc_pack(&msg, format, k[0], v[0], k[1], v[1], k[2], v[2], k[3], v[3], k[4], v[4], k[5], v[5], k[6],
                           v[6], k[7], v[7]);
    for (size_t i = 0; i < count; i++) {
        ipc_msg_free(v[i]);
    }
    return packed(err, msg, body);
}

/* ---- any value ---- */

static ipc_msg *pack_plain(const json_t *notation)
{
    if (json_is_null(notation)) {
        PACKED(notation, "n");
    }
    if (json_is_string(notation)) {
        PACKED(notation, "S", json_string_value(notation), json_string_length(notation));
    }
    PACKED(notation, "b", (int)json_is_true(notation));
}

static ipc_msg *pack_kind(const json_t *notation)
{
    static const struct {
        const char *kind;
        ipc_msg *(*pack)(const json_t *body);
    } kinds[] = {
        {"int", pack_int}, {"float", pack_float},         {"bin", pack_bin}, {"array", pack_array},
        {"map", pack_map}, {"timestamp", pack_timestamp}, {"ext", pack_ext},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const json_t *body = json_object_get(notation, kinds[i].kind);
        if (body) {
            return kinds[i].pack(body);
        }
    }
    broken("no kind of value", notation);
}

ipc_msg *notation_pack(const json_t *notation)
{
    json_t *plain = notation_expand(notation);
    ipc_msg *msg = json_is_object(plain) ? pack_kind(plain) : pack_plain(plain);
    json_decref(plain);
    return msg;
}
