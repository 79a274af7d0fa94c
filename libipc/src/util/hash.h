/*
 * A hash for numbers that are given out one after the other.
 * Touches nothing. Any thread.
 */
#ifndef IPC__HASH_H
#define IPC__HASH_H

#include <stdint.h>

/* Neighbours lie in neighbouring buckets; the upper bits keep those apart that are left of a long row at even distances. */
static inline unsigned ipc__hash_of(uint64_t number)
{
    return (unsigned)(number ^ number >> 6 ^ number >> 12 ^ number >> 20);
}

#endif
