/*
 * Integers beyond 64 bits: schoolbook conversion, nine digits at a time.
 * Touches nothing but memory. Nothing to lock.
 */
#include "bigint.h"

#include <stdint.h>
#include <string.h>

enum {
    CHUNK_DIGITS = 9,
    CHUNK = 1000000000,
    WORK_BYTES = BIGINT_BYTES_MAX + 8, /* a number too long by little is seen to be so */
};

static void negate(unsigned char *bytes, size_t length)
{
    unsigned carry = 1;
    for (size_t i = length; i-- > 0;) {
        carry += (unsigned char)~bytes[i];
        bytes[i] = (unsigned char)(carry & 0xff);
        carry >>= 8;
    }
}

/* ---- to digits ---- */

bool bigint_is_shown(const void *packed, size_t length)
{
    const unsigned char *bytes = packed;
    if (length < 9 || length > BIGINT_BYTES_MAX) {
        return false;
    }
    bool longer_than_needed = (bytes[0] == 0x00 && bytes[1] < 0x80) || (bytes[0] == 0xff && bytes[1] >= 0x80);
    bool fits_uint64 = length == 9 && bytes[0] == 0x00;
    return !longer_than_needed && !fits_uint64;
}

/* Divide in place by CHUNK. The remainder. */
static uint32_t divide(unsigned char *bytes, size_t length)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < length; i++) {
        rest = rest << 8 | bytes[i];
        bytes[i] = (unsigned char)(rest / CHUNK);
        rest %= CHUNK;
    }
    return (uint32_t)rest;
}

bool bigint_to_decimal(const void *packed, size_t length, msgpack_sbuffer *out)
{
    unsigned char bytes[BIGINT_BYTES_MAX];
    char digits[BIGINT_DIGITS_MAX + 2 * CHUNK_DIGITS];
    char *first = digits + sizeof digits;
    memcpy(bytes, packed, length);
    bool negative = bytes[0] >= 0x80;
    if (negative) {
        negate(bytes, length);
    }
    size_t start = 0;
    while (start < length) {
        uint32_t chunk = divide(bytes + start, length - start);
        for (int i = 0; i < CHUNK_DIGITS; i++) {
            *--first = (char)('0' + chunk % 10);
            chunk /= 10;
        }
        while (start < length && bytes[start] == 0) {
            start++;
        }
    }
    while (*first == '0') {
        first++;
    }
    if (negative) {
        *--first = '-';
    }
    return msgpack_sbuffer_write(out, first, (size_t)(digits + sizeof digits - first)) == 0;
}

/* ---- from digits ---- */

bool bigint_is_decimal(const char *text, size_t length)
{
    size_t sign = length > 0 && text[0] == '-';
    size_t digits = length - sign;
    if (digits == 0 || (digits > 1 && text[sign] == '0')) {
        return false;
    }
    for (size_t i = sign; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Multiply by *factor* and add, in place. */
static void multiply_add(unsigned char *bytes, uint32_t factor, uint32_t more)
{
    uint64_t carry = more;
    for (size_t i = WORK_BYTES; i-- > 0;) {
        carry += (uint64_t)bytes[i] * factor;
        bytes[i] = (unsigned char)(carry & 0xff);
        carry >>= 8;
    }
}

/* The number of leading bytes that only repeat the sign. */
static size_t superfluous(const unsigned char *bytes)
{
    size_t skip = 0;
    unsigned char sign = bytes[0] >= 0x80 ? 0xff : 0x00;
    while (skip + 1 < WORK_BYTES && bytes[skip] == sign && (bytes[skip + 1] >= 0x80) == (sign == 0xff)) {
        skip++;
    }
    return skip;
}

size_t bigint_from_decimal(const char *text, size_t length, unsigned char bytes[BIGINT_BYTES_MAX])
{
    unsigned char work[WORK_BYTES] = {0};
    size_t at = text[0] == '-';
    if (length - at > BIGINT_DIGITS_MAX) {
        return 0;
    }
    while (at < length) {
        uint32_t factor = 1;
        uint32_t chunk = 0;
        for (int i = 0; i < CHUNK_DIGITS && at < length; i++) {
            chunk = 10 * chunk + (uint32_t)(text[at++] - '0');
            factor *= 10;
        }
        multiply_add(work, factor, chunk);
    }
    if (text[0] == '-') {
        negate(work, WORK_BYTES);
    }
    size_t skip = superfluous(work);
    if (WORK_BYTES - skip > BIGINT_BYTES_MAX) {
        return 0;
    }
    memcpy(bytes, work + skip, WORK_BYTES - skip);
    return WORK_BYTES - skip;
}
