/*
 * What the tests of wire.json share: its vectors by name, an envelope's frames, bytes compared.
 * Touches memory. One thread.
 */
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const json_t *named(const json_t *array, const char *name)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *one = json_array_get(array, i);
        if (strcmp(text_member(one, "name"), name) == 0) {
            return one;
        }
    }
    return NULL;
}

static const json_t *must(const json_t *found, const char *name)
{
    if (!found) {
        broken(name, NULL);
    }
    return found;
}

const json_t *wire_packet(const json_t *wire, const char *name)
{
    return must(named(member(wire, "packets"), name), name);
}

const json_t *wire_conversation(const json_t *wire, const char *name)
{
    return must(named(member(wire, "conversations"), name), name);
}

static const json_t *spoken(const json_t *conversation, const char *name)
{
    const json_t *messages = member(conversation, "messages");
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(messages) && !found; i++) {
        found = named(json_object_get(json_array_get(messages, i), "operations"), name);
    }
    return found;
}

const json_t *wire_operation(const json_t *wire, const char *name)
{
    const json_t *conversations = member(wire, "conversations");
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(conversations) && !found; i++) {
        found = spoken(json_array_get(conversations, i), name);
    }
    return must(found, name);
}

/* ---- bytes ---- */

static void append(blob *out, blob more)
{
    out->bytes = realloc(out->bytes, out->length + more.length + 1);
    if (!out->bytes) {
        abort();
    }
    memcpy(out->bytes + out->length, more.bytes, more.length);
    out->length += more.length;
    free(more.bytes);
}

blob wire_operations(const json_t *message)
{
    blob all = {NULL, 0};
    const json_t *operations = member(message, "operations");
    for (size_t i = 0; i < json_array_size(operations); i++) {
        append(&all, hex_blob(member(json_array_get(operations, i), "hex")));
    }
    return all;
}

blob *wire_frames(const json_t *message, size_t *count)
{
    const json_t *large = json_object_get(message, "frames");
    *count = 1 + json_array_size(large);
    blob *frames = calloc(*count, sizeof *frames);
    if (!frames) {
        abort();
    }
    append(&frames[0], hex_blob(member(member(message, "header"), "hex")));
    append(&frames[0], wire_operations(message));
    for (size_t i = 1; i < *count; i++) {
        frames[i] = hex_blob(json_array_get(large, i - 1));
    }
    return frames;
}

void wire_frames_free(blob *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(frames[i].bytes);
    }
    free(frames);
}

blob wire_pack(const json_t *notation)
{
    ipc_msg *msg = notation_pack(notation);
    blob packed = {NULL, 0};
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    packed.bytes = malloc(length + 1);
    if (!packed.bytes) {
        abort();
    }
    memcpy(packed.bytes, bytes, length);
    packed.length = length;
    ipc_msg_free(msg);
    return packed;
}

blob wire_as_in(const json_t *vector, const void *bytes, size_t length)
{
    json_t *means = json_copy(member(vector, "means"));
    const json_t *varies = json_object_get(vector, "varies");
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, bytes, length);
    json_t *found = notation_next(&cursor);
    const json_t *fields = json_object_get(found, "array");
    for (size_t i = 0; i < json_array_size(varies); i++) {
        size_t at = (size_t)json_integer_value(json_array_get(varies, i));
        if (json_array_get(fields, at)) {
            json_array_set(means, at, json_array_get(fields, at));
        }
    }
    blob packed = wire_pack(means);
    json_decref(found);
    json_decref(means);
    return packed;
}

void wire_compare(const char *what, const blob *expected, const void *bytes, size_t length)
{
    if (length == expected->length && memcmp(bytes, expected->bytes, length) == 0) {
        return;
    }
    const char *found_hex = json_string_value(hex_text(bytes, length));
    const char *expected_hex = json_string_value(hex_text(expected->bytes, expected->length));
    fail_msg("%s:\n  expected %.600s\n  found    %.600s", what, expected_hex, found_hex);
}
