/*
 * Moments as RFC 3339 writes them, with up to nine digits of a second's fraction.
 * Touches nothing but memory. Nothing to lock.
 */
#ifndef TOOL_RFC3339_H
#define TOOL_RFC3339_H

#include <msgpack/timestamp.h>
#include <stdbool.h>
#include <stddef.h>

enum { RFC3339_MAX = 64 };

/* Write it in UTC. False: the year is not one of four digits, or the nanoseconds are no fraction. */
bool rfc3339_format(const msgpack_timestamp *moment, char text[RFC3339_MAX]);

/* Read it, with any offset. False: not RFC 3339, no such day, or more than nanoseconds. */
bool rfc3339_parse(const char *text, size_t length, msgpack_timestamp *moment);

#endif
