/*
 * The shared-memory lane, the hub's side: segments and chunks.
 * Touches the segments, which it can only read, and one of its own. Not locked: the hub's thread.
 */
#include "lane/shm_store.h"

#include "util/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A part of a segment that the hub has. */
struct chunk {
    ipc__block base;
    ipc__shm_segment *segment;
};

/* ---- segments ---- */

static void segment_free(ipc__shm_segment *segment)
{
    ipc__shm_store *store = segment->store;
    if (segment->hh.tbl) {
        HASH_DEL(store->segments, segment);
    }
    if (segment != store->own && segment->base) {
        munmap((void *)(uintptr_t)segment->base, segment->size);
    }
    if (segment->fd >= 0) {
        close(segment->fd);
    }
    free(segment->bits);
    free(segment->seen);
    free(segment);
}

static void segment_over(ipc__shm_segment *segment)
{
    if (!segment->owned && segment->used == 0) {
        segment->store->gone(segment->store, segment->number);
        segment_free(segment);
    }
}

static ipc__shm_segment *segment_new(ipc__shm_store *store, int fd, size_t size, uint32_t local)
{
    ipc__shm_segment *segment = calloc(1, sizeof *segment);
    if (!segment) {
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    *segment = (ipc__shm_segment){
        .store = store, .number = ++store->last, .local = local, .fd = fd, .size = size, .owned = true};
    HASH_ADD(hh, store->segments, number, sizeof segment->number, segment);
    if (!segment->hh.tbl) {
        segment_free(segment);
        errno = ENOMEM;
        return NULL;
    }
    return segment;
}

ipc__shm_segment *ipc__shm_store_add(ipc__shm_store *store, int fd, size_t size, uint32_t local, atomic_uchar *flags)
{
    int kind = size ? ipc__shm_check(fd, size) : 0;
    if (!kind || (kind == 1 && size != IPC__SHM_SEGMENT_SIZE)) {
        close(fd);
        errno = EPROTO;
        return NULL;
    }
    ipc__shm_segment *segment = segment_new(store, fd, size, local);
    if (!segment) {
        return NULL;
    }
    segment->sealed = kind == 2;
    segment->base = ipc__shm_map(fd, size, false);
    if (!segment->sealed) {
        segment->flags = flags;
        segment->bits = calloc(IPC__SHM_SEGMENT_PAGES / 64, sizeof *segment->bits);
        segment->seen = calloc(IPC__SHM_SEGMENT_PAGES / 64, sizeof *segment->seen);
    }
    if (!segment->base || (!segment->sealed && (!segment->bits || !segment->seen))) {
        segment_free(segment);
        errno = ENOMEM;
        return NULL;
    }
    return segment;
}

void ipc__shm_store_disown(ipc__shm_segment *segment)
{
    segment->owned = false;
    segment->flags = NULL;
    segment_over(segment);
}

/* ---- chunks ---- */

static void set_pages(uint64_t *bits, uint32_t page, uint32_t pages, bool used)
{
    for (uint32_t at = page; at < page + pages; at++) {
        uint64_t bit = 1ULL << (at % 64);
        bits[at / 64] = used ? bits[at / 64] | bit : bits[at / 64] & ~bit;
    }
}

static bool any_page(const uint64_t *bits, uint32_t page, uint32_t pages)
{
    for (uint32_t at = page; at < page + pages; at++) {
        if (bits[at / 64] >> (at % 64) & 1) {
            return true;
        }
    }
    return false;
}

/* A page that its writer has not allocated would be by whoever reads it, when there may be no memory. */
static bool allocated(ipc__shm_segment *segment, uint32_t page, uint32_t pages)
{
    for (uint32_t at = page; at < page + pages; at++) {
        if (!(segment->seen[at / 64] >> (at % 64) & 1)) {
            void *first = (void *)(uintptr_t)(segment->base + (size_t)page * IPC__SHM_PAGE);
            if (segment->fd >= 0 ? fallocate(segment->fd, 0, (off_t)page * IPC__SHM_PAGE, (off_t)pages * IPC__SHM_PAGE)
                                 : madvise(first, (size_t)pages * IPC__SHM_PAGE, MADV_POPULATE_READ)) {
                return false;
            }
            set_pages(segment->seen, page, pages, true);
            return true;
        }
    }
    return true;
}

static void chunk_release(ipc__block *base)
{
    struct chunk *chunk = (struct chunk *)base;
    ipc__shm_segment *segment = chunk->segment;
    uint32_t page = (uint32_t)((size_t)(base->data - segment->base) / IPC__SHM_PAGE);
    uint32_t pages = ipc__shm_pages(base->length);
    segment->used -= pages;
    if (segment == segment->store->own) {
        ipc__shm_arena_free(&segment->store->arena, page, base->length);
    } else if (segment->bits) {
        set_pages(segment->bits, page, pages, false);
        if (segment->flags) {
            atomic_store_explicit(&segment->flags[page], 0, memory_order_release);
        }
    }
    free(chunk);
    segment_over(segment);
}

static ipc__block *chunk_new(ipc__shm_segment *segment, uint32_t offset, size_t length)
{
    struct chunk *chunk = malloc(sizeof *chunk);
    if (!chunk) {
        errno = ENOMEM;
        return NULL;
    }
    chunk->segment = segment;
    atomic_init(&chunk->base.refs, 1);
    chunk->base.data = segment->base + offset;
    chunk->base.length = length;
    chunk->base.release = chunk_release;
    segment->used += ipc__shm_pages(length);
    return &chunk->base;
}

ipc__block *ipc__shm_store_chunk(ipc__shm_segment *segment, uint32_t offset, uint32_t length)
{
    uint32_t page = offset / IPC__SHM_PAGE;
    uint32_t pages = ipc__shm_pages(length);
    if (length == 0 || offset % IPC__SHM_PAGE || (segment->bits && length > IPC__SHM_SEGMENT_SIZE / 4) ||
        (uint64_t)offset + length > segment->size ||
        (segment->bits ? any_page(segment->bits, page, pages) : segment->used || length != segment->size)) {
        errno = EPROTO;
        return NULL;
    }
    if (segment->bits && !allocated(segment, page, pages)) {
        return NULL;
    }
    ipc__block *block = chunk_new(segment, offset, length);
    if (block && segment->bits) {
        set_pages(segment->bits, page, pages, true);
    }
    return block;
}

ipc__shm_segment *ipc__shm_store_find(const ipc__block *block, uint32_t *offset)
{
    if (!block || block->release != chunk_release) {
        return NULL;
    }
    ipc__shm_segment *segment = ((const struct chunk *)block)->segment;
    *offset = (uint32_t)(block->data - segment->base);
    return segment;
}

void ipc__shm_store_sent(const ipc__block *block)
{
    uint32_t offset;
    ipc__shm_segment *segment = ipc__shm_store_find(block, &offset);
    if (segment && segment != segment->store->own && segment->fd >= 0) {
        close(segment->fd);
        segment->fd = -1;
    }
}

/* ---- the hub's own ---- */

static bool own_open(ipc__shm_store *store)
{
    if (store->own) {
        return true;
    }
    int fd = ipc__shm_arena_open(&store->arena);
    store->own = fd >= 0 ? segment_new(store, fd, IPC__SHM_SEGMENT_SIZE, 0) : NULL;
    if (!store->own) {
        ipc__shm_arena_close(&store->arena);
        return false;
    }
    store->own->base = store->arena.base;
    return true;
}

/* A value for which there is no room in the hub's segment: one of its own. */
static ipc__block *keep_alone(ipc__shm_store *store, ipc__bytes value)
{
    int fd = ipc__shm_sealed(value.data, value.length);
    ipc__shm_segment *segment = fd < 0 ? NULL : ipc__shm_store_add(store, fd, value.length, 0, NULL);
    ipc__block *block = segment ? chunk_new(segment, 0, value.length) : NULL;
    if (segment) {
        ipc__shm_store_disown(segment);
    }
    return block;
}

ipc__block *ipc__shm_store_keep(ipc__shm_store *store, ipc__bytes value)
{
    uint32_t page;
    if (value.length > IPC__SHM_SEGMENT_SIZE / 4 || !own_open(store) ||
        !ipc__shm_arena_alloc(&store->arena, value.length, &page)) {
        return keep_alone(store, value);
    }
    memcpy(store->arena.base + (size_t)page * IPC__SHM_PAGE, value.data, value.length);
    ipc__block *block = chunk_new(store->own, page * IPC__SHM_PAGE, value.length);
    if (!block) {
        ipc__shm_arena_free(&store->arena, page, value.length);
    }
    return block;
}

void ipc__shm_store_free(ipc__shm_store *store)
{
    ipc__shm_segment *segment;
    ipc__shm_segment *next;
    HASH_ITER(hh, store->segments, segment, next)
    {
        segment_free(segment);
    }
    ipc__shm_arena_close(&store->arena);
}
