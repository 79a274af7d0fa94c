/*
 * Base64 (RFC 4648, with padding): how bytes are written in JSON.
 * Touches nothing but memory. Nothing to lock.
 */
#ifndef TOOL_BASE64_H
#define TOOL_BASE64_H

#include <msgpack/sbuffer.h>
#include <stdbool.h>
#include <stddef.h>

/* Append the text for these bytes. False: out of memory. */
bool base64_encode(const void *bytes, size_t length, msgpack_sbuffer *out);

/* Append the bytes for this text. False: not what base64_encode() writes, or out of memory. */
bool base64_decode(const char *text, size_t length, msgpack_sbuffer *out);

#endif
