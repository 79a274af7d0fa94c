/*
 * The shared-memory lane, the hub's side: what the core asks of the lane.
 * Touches the sessions' memory. Not locked: the hub's thread.
 */
#include "lane/shm_peer.h"

enum {
    BACKLOG_LIMIT = 128 * 1024 * 1024, /* untold operations: the peer is dropped, */
    ANSWERS_LIMIT = 8,                 /* and so many as the largest of them: an answer may be longer than that alone */
};

/* Whether what a peer asked for in one go is more than anybody would. */
static bool asked_too_much(ipc__shm_peer *peer, size_t length)
{
    uint64_t untold = peer->out.length - peer->out_done;
    peer->largest = untold && peer->largest > length ? peer->largest : length;
    return untold > BACKLOG_LIMIT && untold > ANSWERS_LIMIT * peer->largest;
}

static void lane_send(void *self, const void *op, size_t length)
{
    ipc__shm_peer *peer = self;
    if (asked_too_much(peer, length)) {
        ipc__shm_break_off(peer);
        return;
    }
    ipc__buf_write(&peer->out, op, length);
    ipc_cursor at;
    uint32_t fields;
    uint32_t code;
    uint32_t handle;
    ipc_cursor_init(&at, op, length);
    if (ipc__read_array(&at, &fields) && ipc__read_u32(&at, &code) && ipc__read_u32(&at, &handle) &&
        code != IPC__OP_REPLY && handle < peer->handles) {
        peer->watches[handle].said = true;
        ipc__shm_stir(peer, handle);
    }
    ipc__shm_mark_dirty(peer);
}

/* A large value must lie where the consumer can see it. What was copied for that stays, if the consumer cannot be told now. */
static bool stage(ipc__shm_peer *peer, uint32_t handle, const ipc__item *item)
{
    if (!peer->staged || peer->staged_handle != handle || peer->staged_seq != item->seq) {
        ipc__shm_unstage(peer);
        peer->staged_handle = handle;
        peer->staged_seq = item->seq;
        ipc__block *block = ipc__item_block(item);
        const ipc__shm_segment *there = ipc__shm_store_find(block, &peer->staged_offset);
        peer->staged = there && there->fd >= 0 ? ipc__block_ref(block)
                                               : ipc__shm_store_keep(&peer->hub->store, ipc__item_bytes(item));
    }
    const ipc__shm_segment *segment = ipc__shm_store_find(peer->staged, &peer->staged_offset);
    if (!segment || !ipc__shm_introduce(peer, segment)) {
        return false;
    }
    peer->staged_segment = segment->number;
    if (peer->staged != ipc__item_block(item)) {
        ipc__shm_store_sent(peer->staged); /* it is this consumer's copy, and for nobody else */
    }
    return true;
}

static bool lane_fits(void *self, uint32_t handle, const ipc__item *item)
{
    ipc__shm_peer *peer = self;
    bool large = item->length > IPC__SHM_INLINE_MAX;
    uint32_t length = large ? 0 : item->length;
    if (handle >= peer->handles || !peer->outlets[handle]) {
        if (!ipc__shm_handles_reserve(peer, handle) || !ipc__shm_handle_add_ring(peer, handle)) {
            return false;
        }
    }
    ipc__shm_outlet *outlet = peer->outlets[handle];
    if (!ipc__shm_outlet_fits(outlet, length)) {
        ipc__shm_handle_sweep(peer, handle);
        if (!ipc__shm_outlet_fits(outlet, length) &&
            !(ipc__shm_handle_add_ring(peer, handle) && ipc__shm_outlet_fits(outlet, length))) {
            return false;
        }
    }
    return !large || stage(peer, handle, item);
}

static void lane_deliver(void *self, uint32_t handle, const ipc__item *item)
{
    ipc__shm_peer *peer = self;
    ipc__shm_outlet *outlet = peer->outlets[handle];
    if (item->length > IPC__SHM_INLINE_MAX) {
        ipc__block *block = peer->staged;
        peer->staged = NULL;
        ipc__shm_outlet_put(outlet, item, (ipc__bytes){NULL, 0}, peer->staged_segment, peer->staged_offset, block);
    } else {
        ipc__shm_outlet_put(outlet, item, ipc__item_bytes(item), 0, 0, NULL);
    }
    ipc__shm_stir(peer, handle);
    ipc__shm_mark_dirty(peer);
}

static ipc__shm_outlet *outlet_of(const ipc__shm_peer *peer, uint32_t handle)
{
    return handle < peer->handles ? peer->outlets[handle] : NULL;
}

static int64_t lane_recall(void *self, uint32_t handle, uint32_t count)
{
    ipc__shm_peer *peer = self;
    ipc__shm_outlet *outlet = outlet_of(peer, handle);
    uint64_t back = outlet ? ipc__shm_outlet_recall(outlet, count) : 0;
    if (outlet && outlet->broken) {
        ipc__shm_break_off(peer);
    }
    if (back) {
        ipc__shm_unstir(peer, handle);
    }
    return (int64_t)back;
}

static uint64_t lane_taken(void *self, uint32_t handle)
{
    ipc__shm_peer *peer = self;
    ipc__shm_outlet *outlet = outlet_of(peer, handle);
    if (!outlet) {
        return 0;
    }
    uint64_t taken = ipc__shm_outlet_taken(outlet);
    ipc__shm_handle_sweep(peer, handle); /* afterwards: it also steps over what was recalled */
    return taken;
}

static void lane_tell(void *self, uint32_t handle, uint64_t position)
{
    const ipc__shm_peer *peer = self;
    atomic_store_explicit(&ipc__shm_cell_of(peer->memory, handle)->tell_at, position, memory_order_relaxed);
    ipc__shm_fence();
}

static void lane_credit(void *self, uint32_t handle, uint64_t count)
{
    ipc__shm_peer *peer = self;
    atomic_fetch_add(&ipc__shm_cell_of(peer->memory, handle)->credits, count);
}

static uint64_t lane_uncredit(void *self, uint32_t handle)
{
    const ipc__shm_peer *peer = self;
    return atomic_exchange(&ipc__shm_cell_of(peer->memory, handle)->credits, 0);
}

static void lane_peer_gone(void *self)
{
    (void)self; /* the loop frees what is its own */
}

static bool lane_opened(void *self, uint32_t handle)
{
    return ipc__shm_handle_opened(self, handle);
}

static void lane_closed(void *self, uint32_t handle)
{
    ipc__shm_handle_closed(self, handle);
}

const ipc__lane_ops ipc__shm_lane = {
    .name = "shm",
    .exact = true,
    .still = true,
    .send = lane_send,
    .deliver = lane_deliver,
    .recall = lane_recall,
    .taken = lane_taken,
    .fits = lane_fits,
    .tell = lane_tell,
    .credit = lane_credit,
    .uncredit = lane_uncredit,
    .opened = lane_opened,
    .closed = lane_closed,
    .peer_gone = lane_peer_gone,
};
