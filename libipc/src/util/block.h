/*
 * Blocks: bytes with a reference count, wherever they live (a ZeroMQ message, a mapping, the heap).
 * Touches nothing but memory. The count is atomic; the bytes never change.
 */
#ifndef IPC__BLOCK_H
#define IPC__BLOCK_H

#include "util/buf.h"

#include <stdatomic.h>
#include <stddef.h>

typedef struct ipc__block ipc__block;

struct ipc__block {
    atomic_uint refs;
    const unsigned char *data;
    size_t length;
    void (*release)(ipc__block *block); /* with the last reference; may come from any thread */
};

/* A block on the heap with a copy of the bytes. NULL: out of memory. */
ipc__block *ipc__block_copy(const void *bytes, size_t length);

/* A block around what a buffer holds, which is empty then. NULL: out of memory; the buffer keeps it. */
ipc__block *ipc__block_take(ipc__buf *buf);

static inline ipc__block *ipc__block_ref(ipc__block *block)
{
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return block;
}

static inline void ipc__block_unref(ipc__block *block)
{
    if (block && atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1) {
        block->release(block);
    }
}

#endif
