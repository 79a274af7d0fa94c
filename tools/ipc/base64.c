/*
 * Base64: three bytes are four characters.
 * Touches nothing but memory. Nothing to lock.
 */
#include "base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_encode(const void *bytes, size_t length, msgpack_sbuffer *out)
{
    const unsigned char *at = bytes;
    while (length > 0) {
        size_t taken = length < 3 ? length : 3;
        uint32_t group = (uint32_t)at[0] << 16;
        group |= taken > 1 ? (uint32_t)at[1] << 8 : 0;
        group |= taken > 2 ? (uint32_t)at[2] : 0;
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], '=', '='};
        if (taken > 1) {
            text[2] = alphabet[group >> 6 & 63];
        }
        if (taken > 2) {
            text[3] = alphabet[group & 63];
        }
        if (msgpack_sbuffer_write(out, text, sizeof text) != 0) {
            return false;
        }
        at += taken;
        length -= taken;
    }
    return true;
}

/* The six bits of a character; 64 for one that is not of the alphabet. */
static uint32_t sextet(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (uint32_t)(at - alphabet) : 64;
}

/* Decode four characters, of which the last *padding* are '='. False: not of the alphabet, or bits are left over. */
static bool decode_group(const char *text, size_t padding, msgpack_sbuffer *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t bits = i < 4 - padding ? sextet(text[i]) : 0;
        if (bits == 64) {
            return false;
        }
        group = group << 6 | bits;
    }
    char bytes[3] = {(char)(group >> 16 & 0xff), (char)(group >> 8 & 0xff), (char)(group & 0xff)};
    size_t length = 3 - padding;
    for (size_t i = length; i < 3; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return msgpack_sbuffer_write(out, bytes, length) == 0;
}

bool base64_decode(const char *text, size_t length, msgpack_sbuffer *out)
{
    if (length % 4 != 0) {
        return false;
    }
    for (size_t at = 0; at < length; at += 4) {
        size_t padding = 0;
        if (at + 4 == length && text[at + 3] == '=') {
            padding = text[at + 2] == '=' ? 2 : 1;
        }
        if (!decode_group(text + at, padding, out)) {
            return false;
        }
    }
    return true;
}
