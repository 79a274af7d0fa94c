/*
 * What the fuzz targets share: what must hold, and the input as a sequence of small decisions.
 * Touches nothing but the input; a broken promise ends the process. One thread.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <ipc/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "broken: %s (%s)\n", what, ipc_last_error());
        abort();
    }
}

/* Make sure that the address sanitizer sees where bytes lie. */
static inline void touch(const void *bytes, size_t length)
{
    static volatile unsigned char sum;
    for (size_t i = 0; i < length; i++) {
        sum = (unsigned char)(sum + ((const unsigned char *)bytes)[i]);
    }
}

/* What is left of the input; when nothing is, every decision is 0. */
typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static inline uint8_t input_byte(input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

/* 0 to n - 1 */
static inline unsigned input_below(input *in, unsigned n)
{
    return input_byte(in) % n;
}

/* Up to so many bytes, as they stand. Their number. */
static inline size_t input_bytes(input *in, size_t wanted, const uint8_t **bytes)
{
    size_t length = wanted < in->left ? wanted : in->left;
    *bytes = in->at;
    in->at += length;
    in->left -= length;
    return length;
}

#endif
