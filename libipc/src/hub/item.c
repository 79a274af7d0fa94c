/*
 * Items: values in the hub's hands, counted against its memory.
 * Touches the core's count. Not locked: the core's thread.
 */
#include "hub/stream.h"

#include <stdlib.h>

enum { COPY_MAX = 512 }; /* a value that came in a block of its own stays there, unless it is as small as this */

#ifdef __SANITIZE_ADDRESS__
enum { SLAB_MAX = 0 }; /* each item by itself: its ends are watched */
#else
enum { SLAB_MAX = IPC__SLAB_MAX };
#endif

static size_t item_size(const ipc__item *item)
{
    bool pointer = item->in_block || item->length < sizeof(void *);
    return offsetof(ipc__item, bytes) + (pointer ? sizeof(void *) : item->length);
}

static uint64_t item_cost(const ipc__item *item)
{
    return sizeof *item + item->length;
}

ipc__item *ipc__item_new(ipc__core *core, ipc__bytes value, ipc__block *block)
{
    /* a block that holds more than the value would be kept, and read, from its beginning */
    bool in_block = value.length > COPY_MAX && block->data == value.data;
    size_t tail = in_block || value.length < sizeof(void *) ? sizeof(void *) : value.length;
    size_t size = offsetof(ipc__item, bytes) + tail;
    ipc__item *item = size <= SLAB_MAX ? ipc__slab_alloc(&core->slabs, size) : malloc(size);
    if (!item) {
        return NULL;
    }
    item->length = (uint32_t)value.length;
    item->attempt = 1;
    item->strikes = 0;
    item->in_block = in_block;
    if (in_block) {
        item->bytes.block = ipc__block_ref(block);
    } else if (value.length) {
        memcpy((unsigned char *)item + offsetof(ipc__item, bytes), value.data, value.length);
    }
    core->memory += item_cost(item);
    return item;
}

void ipc__item_free(ipc__core *core, ipc__item *item)
{
    core->memory -= item_cost(item);
    if (item->in_block) {
        ipc__block_unref(item->bytes.block);
    }
    size_t size = item_size(item);
    if (size <= SLAB_MAX) {
        ipc__slab_free(&core->slabs, item, size);
    } else {
        free(item);
    }
}
