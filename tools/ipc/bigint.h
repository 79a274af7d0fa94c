/*
 * Integers beyond 64 bits, as libipc packs them (IPC_EXT_BIGINT: two's complement, big-endian, shortest form), and their
 * decimal digits. Touches nothing but memory.
 * Nothing to lock.
 */
#ifndef TOOL_BIGINT_H
#define TOOL_BIGINT_H

#include <msgpack/sbuffer.h>
#include <stdbool.h>
#include <stddef.h>

/* The conversion's time grows with the square: longer ones are shown as the bytes that they are. The digits are those of
 * the longest. */
enum { BIGINT_BYTES_MAX = 4096, BIGINT_DIGITS_MAX = 9864 };

/* Is this the packed form of an integer that fits neither int64_t nor uint64_t, and short enough to convert? */
bool bigint_is_shown(const void *bytes, size_t length);

/* Append the digits. Only for what bigint_is_shown(). False: out of memory. */
bool bigint_to_decimal(const void *bytes, size_t length, msgpack_sbuffer *out);

/* Is this -?(0|[1-9][0-9]*) ? */
bool bigint_is_decimal(const char *text, size_t length);

/* The packed form of decimal digits (bigint_is_decimal()): its length, 0 where that is beyond BIGINT_BYTES_MAX. */
size_t bigint_from_decimal(const char *text, size_t length, unsigned char bytes[BIGINT_BYTES_MAX]);

#endif
