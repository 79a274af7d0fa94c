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

/* ---- scalars ---- */

static ipc_err pack_int(ipc_msg **out, const json_t *body)
{
    const char *digits = json_string_value(body);
    if (*digits == '-') {
        return ipc_pack(out, "I", (int64_t)strtoll(digits, NULL, 10));
    }
    return ipc_pack(out, "U", (uint64_t)strtoull(digits, NULL, 10));
}

static ipc_err pack_float(ipc_msg **out, const json_t *body)
{
    return ipc_pack(out, "f", strtod(json_string_value(body), NULL));
}

static ipc_err pack_bin(ipc_msg **out, const json_t *body)
{
    blob bytes = hex_blob(body);
    ipc_err err = ipc_pack(out, "B", (const void *)bytes.bytes, bytes.length);
    free(bytes.bytes);
    return err;
}

static ipc_err pack_timestamp(ipc_msg **out, const json_t *body)
{
    struct timespec moment = {
        .tv_sec = (time_t)json_integer_value(json_array_get(body, 0)),
        .tv_nsec = (long)json_integer_value(json_array_get(body, 1)),
    };
    return ipc_pack(out, "t", &moment);
}

/* ---- by hand ---- */

/* The buffer is used up, whatever became of what is in it. */
static ipc_err from_buffer(ipc_msg **out, ipc_err err, msgpack_sbuffer *buffer)
{
    err = err ? err : ipc_msg_from_bytes(out, buffer->data, buffer->size);
    msgpack_sbuffer_destroy(buffer);
    return err;
}

static ipc_err append(msgpack_sbuffer *buffer, const json_t *notation)
{
    ipc_msg *msg;
    ipc_err err = notation_try_pack(&msg, notation);
    if (err) {
        return err;
    }
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    msgpack_sbuffer_write(buffer, bytes, length);
    ipc_msg_free(msg);
    return IPC_OK;
}

static ipc_err pack_ext(ipc_msg **out, const json_t *body)
{
    blob bytes = hex_blob(json_array_get(body, 1));
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_ext(&packer, bytes.length, (int8_t)json_integer_value(json_array_get(body, 0)));
    msgpack_pack_ext_body(&packer, bytes.bytes, bytes.length);
    free(bytes.bytes);
    return from_buffer(out, IPC_OK, &buffer);
}

static ipc_err assemble_array(ipc_msg **out, const json_t *body)
{
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, json_array_size(body));
    ipc_err err = IPC_OK;
    for (size_t i = 0; i < json_array_size(body) && !err; i++) {
        err = append(&buffer, json_array_get(body, i));
    }
    return from_buffer(out, err, &buffer);
}

static ipc_err assemble_map(ipc_msg **out, const json_t *body)
{
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, json_array_size(body));
    ipc_err err = IPC_OK;
    for (size_t i = 0; i < json_array_size(body) && !err; i++) {
        err = append(&buffer, json_array_get(json_array_get(body, i), 0));
        err = err ? err : append(&buffer, json_array_get(json_array_get(body, i), 1));
    }
    return from_buffer(out, err, &buffer);
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

static ipc_err pack_array(ipc_msg **out, const json_t *body)
{
    size_t count = json_array_size(body);
    if (count > BY_FORMAT) {
        return assemble_array(out, body);
    }
    ipc_msg *v[BY_FORMAT] = {NULL};
    ipc_err err = IPC_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = notation_try_pack(&v[i], json_array_get(body, i));
    }
    char format[BY_FORMAT + 3];
    repeat(format, '[', "v", count, ']');
    if (!err) {
        err = ipc_pack(out, format, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12],
                       v[13], v[14], v[15]);
    }
    for (size_t i = 0; i < count; i++) {
        ipc_msg_free(v[i]);
    }
    return err;
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

static ipc_err pack_map(ipc_msg **out, const json_t *body)
{
    size_t count = json_array_size(body);
    if (count > BY_FORMAT / 2 || !has_plain_keys(body)) {
        return assemble_map(out, body);
    }
    const char *k[BY_FORMAT / 2] = {NULL};
    ipc_msg *v[BY_FORMAT / 2] = {NULL};
    ipc_err err = IPC_OK;
    for (size_t i = 0; i < count && !err; i++) {
        const json_t *pair = json_array_get(body, i);
        k[i] = json_string_value(json_array_get(pair, 0));
        err = notation_try_pack(&v[i], json_array_get(pair, 1));
    }
    char format[2 * BY_FORMAT + 3];
    repeat(format, '{', "s:v,", count, '}');
    if (!err) {
        err = ipc_pack(out, format, k[0], v[0], k[1], v[1], k[2], v[2], k[3], v[3], k[4], v[4], k[5], v[5], k[6], v[6],
                       k[7], v[7]);
    }
    for (size_t i = 0; i < count; i++) {
        ipc_msg_free(v[i]);
    }
    return err;
}

/* ---- any value ---- */

static ipc_err pack_plain(ipc_msg **out, const json_t *notation)
{
    if (json_is_null(notation)) {
        return ipc_pack(out, "n");
    }
    if (json_is_string(notation)) {
        return ipc_pack(out, "S", json_string_value(notation), json_string_length(notation));
    }
    return ipc_pack(out, "b", (int)json_is_true(notation));
}

static ipc_err pack_kind(ipc_msg **out, const json_t *notation)
{
    static const struct {
        const char *kind;
        ipc_err (*pack)(ipc_msg **out, const json_t *body);
    } kinds[] = {
        {"int", pack_int}, {"float", pack_float},         {"bin", pack_bin}, {"array", pack_array},
        {"map", pack_map}, {"timestamp", pack_timestamp}, {"ext", pack_ext},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const json_t *body = json_object_get(notation, kinds[i].kind);
        if (body) {
            return kinds[i].pack(out, body);
        }
    }
    broken("no kind of value", notation);
}

ipc_err notation_try_pack(ipc_msg **out, const json_t *notation)
{
    *out = NULL;
    json_t *plain = notation_expand(notation);
    ipc_err err = json_is_object(plain) ? pack_kind(out, plain) : pack_plain(out, plain);
    json_decref(plain);
    return err;
}

ipc_msg *notation_pack(const json_t *notation)
{
    ipc_msg *msg;
    if (notation_try_pack(&msg, notation)) {
        broken(ipc_last_error(), notation);
    }
    return msg;
}
