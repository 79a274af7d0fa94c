/*
 * Values as text, one a line: JSON, with objects of one $key for what JSON has no word for (docs/command.md).
 * Touches nothing but memory. Nothing to lock.
 */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <ipc/ipc.h>
#include <msgpack/sbuffer.h>
#include <stdbool.h>
#include <stddef.h>

enum { JSON_WHY_MAX = 512 };

/* Append one value, packed, from its JSON. A NUL stands behind the text. False: *why* says what is wrong. */
bool json_read(const char *text, size_t length, msgpack_sbuffer *packed, char why[JSON_WHY_MAX]);

/* Append the text itself as a packed string. False: as json_read(). */
bool json_read_raw(const char *text, size_t length, msgpack_sbuffer *packed, char why[JSON_WHY_MAX]);

/* Append the JSON of a value, also of one that is not well-formed. False: out of memory. */
bool json_write(const ipc_msg *msg, msgpack_sbuffer *text);

/* Append the JSON of the value at a place in bytes that were checked, and step behind it. False: out of memory. */
bool json_write_next(ipc_cursor *at, msgpack_sbuffer *text);

/* Append a string as it is, anything else as JSON. False: out of memory. */
bool json_write_raw(const ipc_msg *msg, msgpack_sbuffer *text);

/* Append bytes as a JSON string. They have to be UTF-8. False: out of memory. */
bool json_write_string(const char *bytes, size_t length, msgpack_sbuffer *text);

/* Does an object with this one key stand for something else? */
bool json_is_form(const char *key, size_t length);

#endif
