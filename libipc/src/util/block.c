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
