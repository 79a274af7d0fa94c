/*
 * What the codec's tests share: bytes from hex, blocks of exactly their size, random numbers from a printed seed.
 * Touches nothing but memory and the environment. One thread.
 */
#ifndef CODEC_SUPPORT_H
#define CODEC_SUPPORT_H

#include "codec/msg.h"
#include "codec/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Bytes in a block of exactly their size, so that the address sanitizer sees a step outside. */
typedef struct block {
    unsigned char *bytes;
    size_t length;
} block;

static inline block block_copy(const void *bytes, size_t length)
{
    block copy = {malloc(length ? length : 1), length};
    assert_non_null(copy.bytes);
    if (length > 0) {
        memcpy(copy.bytes, bytes, length);
    }
    return copy;
}

static inline void block_free(block b)
{
    free(b.bytes);
}

static inline unsigned hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);
    assert_true(c && at);
    return (unsigned)(at - digits);
}

/* From "82 a1" and the like: lower case, spaces are for the eye. */
static inline block block_hex(const char *hex)
{
    unsigned char bytes[1024];
    size_t length = 0;
    for (; *hex; hex++) {
        if (*hex == ' ') {
            continue;
        }
        assert_true(length < sizeof bytes);
        bytes[length++] = (unsigned char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        hex++;
    }
    return block_copy(bytes, length);
}

static inline void assert_bytes(const ipc_msg *msg, const char *hex)
{
    block expected = block_hex(hex);
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    assert_int_equal(length, expected.length);
    assert_memory_equal(bytes, expected.bytes, length);
    block_free(expected);
}

/* The error text has this in it? */
static inline void assert_says(const char *part)
{
    if (!strstr(ipc_last_error(), part)) {
        fail_msg("\"%s\" does not say \"%s\"", ipc_last_error(), part);
    }
}

static inline ipc_msg *msg_hex(const char *hex)
{
    block b = block_hex(hex);
    ipc_msg *msg;
    assert_int_equal(ipc_msg_from_bytes(&msg, b.bytes, b.length), IPC_OK);
    block_free(b);
    return msg;
}

/* Random numbers (splitmix64), the same for the same seed everywhere. */
static uint64_t random_state;

static inline uint64_t random_next(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint32_t random_below(uint32_t limit)
{
    return (uint32_t)(random_next() % limit);
}

/* The seed is fixed, so that a failure is one for everybody; $LIBIPC_TEST_SEED takes another. */
static inline void random_seed(uint64_t seed)
{
    const char *other = getenv("LIBIPC_TEST_SEED");
    random_state = other ? strtoull(other, NULL, 0) : seed;
    print_message("seed %llu (LIBIPC_TEST_SEED)\n", (unsigned long long)random_state);
}

#endif
