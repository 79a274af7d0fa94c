/*
 * Blocks on the heap.
 * Touches nothing but memory. Any thread.
 */
#include "util/block.h"

#include <stdlib.h>
#include <string.h>

static void heap_release(ipc__block *block)
{
    free(block);
}

ipc__block *ipc__block_copy(const void *bytes, size_t length)
{
    ipc__block *block = malloc(sizeof *block + length);
    if (!block) {
        return NULL;
    }
    unsigned char *data = (unsigned char *)(block + 1);
    if (length) {
        memcpy(data, bytes, length);
    }
    atomic_init(&block->refs, 1);
    block->data = data;
    block->length = length;
    block->release = heap_release;
    return block;
}

struct buf_block {
    ipc__block base;
    ipc__buf buf;
};

static void buf_release(ipc__block *base)
{
    struct buf_block *block = (struct buf_block *)base;
    ipc__buf_free(&block->buf);
    free(block);
}

ipc__block *ipc__block_take(ipc__buf *buf)
{
    struct buf_block *block = malloc(sizeof *block);
    if (!block) {
        return NULL;
    }
    atomic_init(&block->base.refs, 1);
    block->base.data = buf->data;
    block->base.length = buf->length;
    block->base.release = buf_release;
    block->buf = *buf;
    *buf = (ipc__buf){0};
    return &block->base;
}
