/*
 * The shared-memory lane, the client's side: large values on their way to the hub.
 * Touches the segment, the session's flags for it, and the control socket. Not locked: the connection's lock.
 */
#include "lane/shm_outbound.h"

#include "wire/control.h"

#include <stdlib.h>
#include <unistd.h>

enum { ALONE = IPC__SHM_SEGMENT_SIZE / 4 }; /* a larger value is a segment of its own */

/* A part of the segment that is being written. */
struct staged {
    ipc__block base;
    ipc__shm_outbound *outbound;
    uint32_t page;
    bool sent;
};

void ipc__shm_outbound_init(ipc__shm_outbound *outbound, ipc__shm_session *session, int control)
{
    *outbound = (ipc__shm_outbound){.session = session, .control = control};
}

void ipc__shm_outbound_free(ipc__shm_outbound *outbound)
{
    ipc__shm_arena_close(&outbound->arena);
    free(outbound->lent);
}

void ipc__shm_outbound_abandon(ipc__shm_outbound *outbound)
{
    ipc__shm_arena_abandon(&outbound->arena);
    free(outbound->lent);
}

/* Send the hub a segment. It is there before anything that refers to it. */
static bool send_segment(ipc__shm_outbound *outbound, uint32_t number, size_t size, int fd)
{
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_int(&packer, IPC__SEGMENT);
    msgpack_pack_uint32(&packer, number);
    msgpack_pack_uint64(&packer, size);
    bool sent = !packet.failed && ipc__control_send(outbound->control, &packet, fd);
    ipc__buf_free(&packet);
    return sent;
}

static bool open_arena(ipc__shm_outbound *outbound)
{
    if (outbound->arena.base || outbound->refused) {
        return !outbound->refused;
    }
    int fd = ipc__shm_arena_open(&outbound->arena);
    bool sent = fd >= 0 && send_segment(outbound, 0, IPC__SHM_SEGMENT_SIZE, fd);
    if (fd >= 0) {
        close(fd);
    }
    if (!sent) {
        ipc__shm_arena_close(&outbound->arena);
        outbound->refused = true;
    }
    return sent;
}

/* ---- what the hub has ---- */

static atomic_uchar *flag_of(const ipc__shm_outbound *outbound, uint32_t page)
{
    return (atomic_uchar *)(void *)(outbound->session->memory + IPC__SHM_CHUNKS + page);
}

static bool lend(ipc__shm_outbound *outbound, uint32_t page, size_t length)
{
    if (outbound->lent_count == outbound->lent_capacity) {
        uint32_t capacity = outbound->lent_capacity ? 2 * outbound->lent_capacity : 64;
        ipc__shm_lent *lent = malloc(capacity * sizeof *lent);
        if (!lent) {
            return false;
        }
        for (uint32_t i = 0; i < outbound->lent_count; i++) {
            lent[i] = outbound->lent[(outbound->lent_head + i) % outbound->lent_capacity];
        }
        free(outbound->lent);
        outbound->lent = lent;
        outbound->lent_head = 0;
        outbound->lent_capacity = capacity;
    }
    outbound->lent[(outbound->lent_head + outbound->lent_count++) % outbound->lent_capacity] =
        (ipc__shm_lent){page, (uint32_t)length};
    return true;
}

static bool is_back(const ipc__shm_outbound *outbound, const ipc__shm_lent *lent)
{
    return atomic_load_explicit(flag_of(outbound, lent->page), memory_order_acquire) == 0;
}

/* What came back can be used again: the oldest ones, or, where one of them stays out, all. */
static void collect(ipc__shm_outbound *outbound, bool all)
{
    while (outbound->lent_count && is_back(outbound, &outbound->lent[outbound->lent_head])) {
        const ipc__shm_lent *lent = &outbound->lent[outbound->lent_head];
        ipc__shm_arena_free(&outbound->arena, lent->page, lent->length);
        outbound->lent_head = (outbound->lent_head + 1) % outbound->lent_capacity;
        outbound->lent_count--;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; all && i < outbound->lent_count; i++) {
        ipc__shm_lent one = outbound->lent[(outbound->lent_head + i) % outbound->lent_capacity];
        if (is_back(outbound, &one)) {
            ipc__shm_arena_free(&outbound->arena, one.page, one.length);
        } else {
            outbound->lent[(outbound->lent_head + kept++) % outbound->lent_capacity] = one;
        }
    }
    outbound->lent_count = all ? kept : outbound->lent_count;
}

/* ---- what goes ---- */

static bool alloc(ipc__shm_outbound *outbound, size_t length, uint32_t *page)
{
    collect(outbound, false);
    if (ipc__shm_arena_alloc(&outbound->arena, length, page)) {
        return true;
    }
    collect(outbound, true);
    return ipc__shm_arena_alloc(&outbound->arena, length, page);
}

bool ipc__shm_outbound_room(ipc__shm_outbound *outbound, size_t length)
{
    uint32_t page;
    if (length > ALONE || !open_arena(outbound)) {
        return true;
    }
    bool room = alloc(outbound, length, &page);
    if (room) {
        ipc__shm_arena_free(&outbound->arena, page, length);
    }
    return room;
}

static void staged_release(ipc__block *base)
{
    struct staged *staged = (struct staged *)base;
    if (!staged->sent) {
        ipc__shm_arena_free(&staged->outbound->arena, staged->page, base->length);
    }
    free(staged);
}

ipc__block *ipc__shm_outbound_stage(ipc__shm_outbound *outbound, size_t length)
{
    uint32_t page;
    if (length > ALONE || !open_arena(outbound) || !alloc(outbound, length, &page)) {
        return NULL;
    }
    struct staged *staged = malloc(sizeof *staged);
    if (!staged) {
        ipc__shm_arena_free(&outbound->arena, page, length);
        return NULL;
    }
    atomic_init(&staged->base.refs, 1);
    staged->base.data = outbound->arena.base + (size_t)page * IPC__SHM_PAGE;
    staged->base.length = length;
    staged->base.release = staged_release;
    staged->outbound = outbound;
    staged->page = page;
    staged->sent = false;
    return &staged->base;
}

static bool place_alone(ipc__shm_outbound *outbound, const ipc__block *block, ipc__shm_where *place)
{
    int fd = ipc__shm_sealed(block->data, block->length);
    bool sent = fd >= 0 && send_segment(outbound, outbound->last + 1, block->length, fd);
    if (fd >= 0) {
        close(fd);
    }
    if (sent) {
        *place = (ipc__shm_where){.segment = ++outbound->last, .length = (uint32_t)block->length};
    }
    return sent;
}

bool ipc__shm_outbound_place(ipc__shm_outbound *outbound, ipc__block *block, ipc__shm_where *place)
{
    if (block->release != staged_release) {
        return place_alone(outbound, block, place);
    }
    struct staged *staged = (struct staged *)block;
    if (!lend(outbound, staged->page, block->length)) {
        return false;
    }
    staged->sent = true;
    atomic_store_explicit(flag_of(outbound, staged->page), 1, memory_order_relaxed);
    *place = (ipc__shm_where){.segment = 0, .offset = staged->page * IPC__SHM_PAGE, .length = (uint32_t)block->length};
    return true;
}
