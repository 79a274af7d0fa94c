/*
 * The shared-memory lane, the hub's side: handles' numbers, and the memory of their delivery rings.
 * Touches the sessions' memory. Not locked: the hub's thread.
 */
#include "lane/shm_peer.h"

#include <stdlib.h>
#include <utlist.h>

bool ipc__shm_handles_reserve(ipc__shm_peer *peer, uint32_t handle)
{
    if (handle < peer->handles) {
        return true;
    }
    uint32_t count = peer->handles ? peer->handles : 16;
    while (count <= handle) {
        count *= 2;
    }
    ipc__shm_outlet **outlets = realloc(peer->outlets, count * sizeof(ipc__shm_outlet *));
    peer->outlets = outlets ? outlets : peer->outlets;
    struct ipc__shm_watch *watches = outlets ? realloc(peer->watches, count * sizeof *watches) : NULL;
    if (!watches) {
        return false;
    }
    peer->watches = watches;
    for (; peer->handles < count; peer->handles++) {
        peer->outlets[peer->handles] = NULL;
        peer->watches[peer->handles] = (struct ipc__shm_watch){.fds = {-1, -1}};
    }
    return true;
}

static void cell_clear(ipc__shm_cell *cell)
{
    atomic_store(&cell->rings, 0);
    atomic_store(&cell->tell_at, 0);
    atomic_store(&cell->credits, 0);
}

/* Memory of a ring that nobody uses. Without memory to remember it, it goes with the session. */
static void keep_ring(ipc__shm_peer *peer, bool large, uint64_t offset)
{
    uint64_t **list = large ? &peer->large_free : &peer->small_free;
    unsigned *count = large ? &peer->large_count : &peer->small_count;
    uint64_t *longer = realloc(*list, (*count + 1) * sizeof *longer);
    if (longer) {
        *list = longer;
        longer[(*count)++] = offset;
    }
}

static void outlet_free(ipc__shm_peer *peer, uint32_t handle)
{
    if (peer->outlets[handle]) {
        DL_DELETE(peer->outlet_list, peer->outlets[handle]);
        ipc__shm_outlet_fini(peer->outlets[handle]);
        free(peer->outlets[handle]);
        peer->outlets[handle] = NULL;
    }
    ipc__shm_unwatch(peer, handle);
    peer->watches[handle].said = false;
    peer->watches[handle].said_to = 0;
}

void ipc__shm_handle_closed(ipc__shm_peer *peer, uint32_t handle)
{
    if (handle >= peer->handles) {
        return;
    }
    const ipc__shm_outlet *outlet = peer->outlets[handle];
    for (unsigned i = 0; outlet && i < outlet->count; i++) {
        uint64_t offset = (uint64_t)((unsigned char *)outlet->rings[i].slots - peer->memory);
        keep_ring(peer, outlet->rings[i].count != IPC__SHM_SMALL_SLOTS, offset);
    }
    if (outlet) {
        ipc__shm_handle_sweep(peer, handle); /* what is lent stays so */
    }
    if (peer->staged_handle == handle) {
        ipc__shm_unstage(peer);
    }
    outlet_free(peer, handle);
    cell_clear(ipc__shm_cell_of(peer->memory, handle));
}

bool ipc__shm_handle_opened(ipc__shm_peer *peer, uint32_t handle)
{
    uint32_t page = handle * IPC__SHM_CELL_SIZE / IPC__SHM_PAGE;
    uint64_t bit = 1ULL << (page % 64);
    if (!(peer->cell_pages[page / 64] & bit)) {
        if (!ipc__shm_allocate(peer->memory + IPC__SHM_CELLS + (size_t)page * IPC__SHM_PAGE, IPC__SHM_PAGE)) {
            return false;
        }
        peer->cell_pages[page / 64] |= bit;
    }
    ipc__shm_handle_closed(peer, handle);
    cell_clear(ipc__shm_cell_of(peer->memory, handle));
    return ipc__shm_handles_reserve(peer, handle);
}

/* Memory for a ring, allocated. 0: there is none. */
static uint64_t ring_memory(ipc__shm_peer *peer, bool large)
{
    if (large && peer->large_count) {
        return peer->large_free[--peer->large_count];
    }
    if (!large && peer->small_count) {
        return peer->small_free[--peer->small_count];
    }
    uint64_t size = large ? IPC__SHM_LARGE_SLOTS * sizeof(ipc__shm_slot) + IPC__SHM_LARGE_BYTES
                          : IPC__SHM_SMALL_SLOTS * sizeof(ipc__shm_slot) + IPC__SHM_SMALL_BYTES;
    uint64_t limit = large ? IPC__SHM_LARGE_LIMIT : IPC__SHM_SIZE;
    if (peer->rings_end + size > limit || !ipc__shm_allocate(peer->memory + peer->rings_end, size)) {
        return 0;
    }
    peer->rings_end += size;
    return peer->rings_end - size;
}

/* A small one first. */
bool ipc__shm_handle_add_ring(ipc__shm_peer *peer, uint32_t handle)
{
    ipc__shm_outlet *outlet = peer->outlets[handle];
    bool large = outlet && outlet->count;
    uint64_t offset = outlet && outlet->count == 2 ? 0 : ring_memory(peer, large);
    if (!offset) {
        return false;
    }
    if (!outlet) {
        outlet = peer->outlets[handle] = calloc(1, sizeof *outlet);
    }
    bool added = outlet && ipc__shm_outlet_add(outlet, peer->memory, ipc__shm_cell_of(peer->memory, handle), offset,
                                               large ? IPC__SHM_LARGE_SLOTS : IPC__SHM_SMALL_SLOTS,
                                               large ? IPC__SHM_LARGE_BYTES : IPC__SHM_SMALL_BYTES);
    if (!added) {
        keep_ring(peer, large, offset);
        if (outlet && outlet->count == 0) {
            free(outlet);
            peer->outlets[handle] = NULL;
        }
    } else if (outlet->count == 1) {
        outlet->handle = handle;
        DL_APPEND(peer->outlet_list, outlet);
    }
    return added;
}

void ipc__shm_handle_sweep(ipc__shm_peer *peer, uint32_t handle)
{
    ipc__shm_outlet_sweep(peer->outlets[handle], ipc__shm_lend, peer);
    if (peer->outlets[handle]->broken) {
        ipc__shm_break_off(peer);
    }
}

void ipc__shm_peer_sweep(ipc__shm_peer *peer)
{
    const ipc__shm_outlet *outlet;
    DL_FOREACH(peer->outlet_list, outlet)
    {
        if (outlet->oldest <= outlet->newest) {
            ipc__shm_handle_sweep(peer, outlet->handle);
        }
    }
    ipc__shm_loans_collect(peer);
}

void ipc__shm_handles_free(ipc__shm_peer *peer)
{
    for (uint32_t handle = 0; handle < peer->handles; handle++) {
        outlet_free(peer, handle);
    }
    peer->handles = 0;
    free(peer->outlets);
    free(peer->watches);
    free(peer->small_free);
    free(peer->large_free);
    free(peer->cell_pages);
}
