/*
 * The shared-memory lane, the hub's side: sessions' memory, control rings, and who is to be looked at.
 * Touches the sessions' memory and wakes their processes. Not locked: the hub's thread.
 */
#include "lane/shm_peer.h"

#include "util/error.h"
#include "util/fence.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utlist.h>

enum {
    IDLE_LOOKS = 64,                /* looks in vain, after which a peer must wake the hub */
    PARTIAL_MAX = 4 * 1024 * 1024,  /* bytes of a record in pieces */
    BACKLOG_MAX = 16 * 1024 * 1024, /* to be told to a peer that does not read: it is not listened to meanwhile */
    COMPACT_MIN = 64 * 1024,        /* so much of it that was written goes, when it is more than what is left */
    COPIED_MAX = 64 * 1024 * 1024,  /* bytes of values that are copied for one peer before others have their turn */
    ALONE_MIN = IPC__SHM_SEGMENT_SIZE / 4, /* a smaller value is no reason to keep a descriptor */
};

/* ---- lists ---- */

static void activate(ipc__shm_peer *peer)
{
    peer->idle_looks = 0;
    if (!peer->is_active && peer->mapped) {
        atomic_store_explicit(&ipc__shm_header_of(peer)->hub_armed, 0, memory_order_relaxed);
        DL_APPEND2(peer->hub->active, peer, active_prev, active_next);
        peer->is_active = true;
    }
}

static void deactivate(ipc__shm_peer *peer)
{
    if (peer->is_active) {
        DL_DELETE2(peer->hub->active, peer, active_prev, active_next);
        peer->is_active = false;
    }
}

void ipc__shm_mark_dirty(ipc__shm_peer *peer)
{
    if (!peer->is_dirty) {
        DL_APPEND2(peer->hub->dirty, peer, dirty_prev, dirty_next);
        peer->is_dirty = true;
    }
}

void ipc__shm_break_off(ipc__shm_peer *peer)
{
    if (!peer->broken) {
        peer->broken = true;
        ipc__shm_mark_dirty(peer);
    }
}

/* ---- beginnings and ends ---- */

void ipc__shm_hub_init(ipc__shm_hub *hub, void (*fetch)(void *owner), uint32_t fds_max)
{
    *hub = (ipc__shm_hub){.fds_max = fds_max,
                          .store.gone = ipc__shm_segment_gone,
                          .fetch = fetch,
                          .fences = ipc__fence_join() && ipc__fence_all()};
}

void ipc__shm_hub_free(ipc__shm_hub *hub)
{
    ipc__shm_store_free(&hub->store);
    ipc__buf_free(&hub->input);
}

bool ipc__shm_peer_open(ipc__shm_peer *peer, ipc__shm_hub *hub, int control, void *owner)
{
    *peer = (ipc__shm_peer){.hub = hub, .owner = owner, .control = control, .wake = -1, .rings_end = IPC__SHM_RINGS};
    peer->fd = ipc__shm_memory("libipc-session", IPC__SHM_SIZE);
    peer->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    peer->memory = peer->fd >= 0 && peer->wake >= 0 ? ipc__shm_map(peer->fd, IPC__SHM_SIZE, true) : NULL;
    peer->cell_pages = calloc(IPC__HANDLES_MAX * IPC__SHM_CELL_SIZE / IPC__SHM_PAGE / 64, sizeof *peer->cell_pages);
    if (!peer->memory || !peer->cell_pages || !ipc__shm_allocate(peer->memory, IPC__SHM_FIXED)) {
        int err = errno;
        ipc__shm_peer_close(peer);
        errno = err;
        return false;
    }
    ipc__shm_header_of(peer)->hub_armed = 1;
    ipc__shm_header_of(peer)->hub_fences = hub->fences;
    peer->up = ipc__shm_up_reader(peer->memory);
    peer->down = ipc__shm_down_writer(peer->memory);
    DL_APPEND(hub->peers, peer);
    return true;
}

bool ipc__shm_peer_mapped(ipc__shm_peer *peer)
{
    /* Nobody can punch holes any more; those that there are, are filled. */
    if (!ipc__shm_seal(peer->fd) || !ipc__shm_allocate(peer->memory, IPC__SHM_FIXED)) {
        return false;
    }
    close(peer->fd);
    peer->fd = -1;
    peer->mapped = true;
    activate(peer);
    return true;
}

/* One that has left gives back what it was lent, and wakes the hub for it. */
static void collect_left(ipc__shm_peer *peer)
{
    atomic_store_explicit(&ipc__shm_header_of(peer)->hub_armed, 1, memory_order_relaxed);
    ipc__shm_fence();
    ipc__shm_loans_collect(peer);
}

bool ipc__shm_peer_leave(ipc__shm_peer *peer)
{
    if (!peer->memory || !peer->mapped) {
        return false;
    }
    ipc__shm_peer_sweep(peer); /* what is lent is known as that from here on */
    deactivate(peer);
    ipc__shm_segments_drop(peer);
    peer->mapped = false; /* nothing that it writes matters any more but the loans' flags */
    collect_left(peer);
    return ipc__shm_peer_lends(peer);
}

void ipc__shm_peer_close(ipc__shm_peer *peer)
{
    if (!peer->hub) {
        return;
    }
    ipc__shm_handles_free(peer);
    ipc__shm_unstage(peer);
    ipc__shm_loans_free(peer);
    ipc__shm_segments_drop(peer);
    deactivate(peer);
    if (peer->is_dirty) {
        DL_DELETE2(peer->hub->dirty, peer, dirty_prev, dirty_next);
    }
    if (peer->prev) {
        DL_DELETE(peer->hub->peers, peer);
    }
    if (peer->memory) {
        munmap(peer->memory, IPC__SHM_SIZE);
    }
    if (peer->wake >= 0) {
        close(peer->wake);
    }
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    ipc__buf_free(&peer->partial);
    ipc__buf_free(&peer->out);
    *peer = (ipc__shm_peer){.wake = -1, .fd = -1};
}

/* A writer waits for room in its segment: whoever is through with a part of it gives it back. */
static void sweep_everybody(ipc__shm_hub *hub)
{
    ipc__shm_peer *peer;
    DL_FOREACH(hub->peers, peer)
    {
        ipc__shm_peer_sweep(peer);
    }
}

/* ---- what comes ---- */

/* The large values of a record, as an envelope's frames. */
static bool add_frames(ipc__shm_peer *peer, ipc__envelope *envelope)
{
    for (unsigned i = 0; i < peer->part_places; i++) {
        const ipc__shm_where *place = &peer->parts[i];
        ipc__shm_segment *segment = ipc__shm_segment_of(peer, place->segment);
        if (!segment) {
            peer->hub->fetch(peer->owner);
            segment = ipc__shm_segment_of(peer, place->segment);
        }
        ipc__block *block = segment ? ipc__shm_store_chunk(segment, place->offset, place->length) : NULL;
        if (!block) {
            return false;
        }
        bool crowded = segment->bits && segment->used > IPC__SHM_SEGMENT_PAGES / 2;
        peer->last_copied += crowded && peer->last ? block->length : 0;
        if (peer->last_copied > IPC__SHM_SEGMENT_SIZE) {
            ipc__block_unref(block); /* an honest client's places do not overlap before the hub gave one back */
            return false;
        }
        bool copied = crowded || segment->fd < 0 || (!segment->bits && block->length < ALONE_MIN);
        if (!segment->bits) { /* one value, and nothing else will come of it */
            DL_DELETE(peer->segments, segment);
            ipc__shm_store_disown(segment);
        }
        if (copied) {
            /* Its values are not taken: they must not keep their writer from going on, nor hold a descriptor each. */
            ipc__block *copy = ipc__block_copy(block->data, block->length);
            ipc__block_unref(block);
            block = copy;
            peer->copied += block ? block->length : 0;
        }
        if (!block) {
            return false;
        }
        envelope->frames[envelope->frame_count++] = block;
    }
    peer->part_places = 0;
    return true;
}

static void no_release(ipc__block *block)
{
    (void)block;
}

/* Hand on what was gathered. */
static void hand_on(ipc__shm_peer *peer, ipc__envelope *envelope, ipc__block *ops, ipc__shm_input_fn *input)
{
    ipc__buf *bytes = &peer->hub->input;
    ops->data = bytes->data;
    ops->length = bytes->length;
    envelope->frames[0] = ops;
    envelope->next_frame = 1;
    ipc_cursor_init(&envelope->at, bytes->data, bytes->length);
    if (bytes->length) {
        input(peer->owner, envelope);
    }
    for (unsigned i = 1; i < envelope->frame_count; i++) {
        ipc__block_unref(envelope->frames[i]);
    }
    envelope->frame_count = 1;
    ipc__buf_reset(bytes);
}

/* A piece's head, as it is now: it is not read again. False: nonsense. */
static bool read_piece(const ipc__shm_peer *peer, uint64_t at, uint64_t end, ipc__shm_piece *piece)
{
    if (end - at < sizeof *piece) {
        return false;
    }
    ipc__shm_copy_out(&peer->up, at, piece, sizeof *piece);
    uint64_t left = end - at - sizeof *piece;
    return piece->length <= left && ipc__shm_padded(piece->length) <= left &&
           piece->length >= piece->places * sizeof(ipc__shm_where) &&
           peer->part_places + piece->places <= IPC__SHM_PLACES_MAX;
}

/* Its bytes go behind those before, without what was between them in the ring. False: too many, or no memory. */
static bool take_piece(ipc__shm_peer *peer, uint64_t at, ipc__buf *into, ipc__shm_piece piece)
{
    uint32_t front = piece.places * (uint32_t)sizeof(ipc__shm_where);
    at += sizeof piece;
    if (front) {
        ipc__shm_copy_out(&peer->up, at, peer->parts + peer->part_places, front);
        peer->part_places += piece.places;
    }
    uint32_t length = piece.length - front;
    if (into->length + length > PARTIAL_MAX || !ipc__buf_reserve(into, length)) {
        return false;
    }
    if (length) {
        ipc__shm_copy_out(&peer->up, at + front, into->data + into->length, length);
        into->length += length;
    }
    return true;
}

static bool take_pieces(ipc__shm_peer *peer, uint64_t end, ipc__envelope *envelope, ipc__block *ops,
                        ipc__shm_input_fn *input)
{
    ipc__buf *bytes = &peer->hub->input;
    uint64_t at = peer->up.read;
    while (at < end && peer->mapped) {
        ipc__shm_piece piece;
        bool begun = peer->partial.length > 0;
        if (!read_piece(peer, at, end, &piece) ||
            !take_piece(peer, at, begun || piece.more ? &peer->partial : bytes, piece)) {
            return false;
        }
        at += sizeof piece + ipc__shm_padded(piece.length);
        if (piece.more) {
            continue;
        }
        if (begun) {
            ipc__buf_write(bytes, (const char *)peer->partial.data, peer->partial.length);
            ipc__buf_reset(&peer->partial);
        }
        if (bytes->failed || (peer->part_places && !add_frames(peer, envelope))) {
            return false;
        }
        if (envelope->frame_count > IPC__FRAMES_MAX / 2 || peer->copied > COPIED_MAX) {
            ipc__shm_consume(&peer->up, at - peer->up.read);
            hand_on(peer, envelope, ops, input);
        }
        if (peer->copied > COPIED_MAX) {
            return true; /* others have their turn before the rest */
        }
    }
    if (peer->mapped) {                                  /* else it ended with what was handed on */
        ipc__shm_consume(&peer->up, at - peer->up.read); /* the client has the room again while it is worked on */
        hand_on(peer, envelope, ops, input);
    }
    return true;
}

/* Whether a peer has published something, or waits for room; one that does not read what it is told is not listened to. */
static bool has_something(const ipc__shm_peer *peer)
{
    return (ipc__shm_there(&peer->up) ||
            atomic_load_explicit(&ipc__shm_header_of(peer)->wants_room, memory_order_relaxed)) &&
           peer->out.length - peer->out_done <= BACKLOG_MAX;
}

/* What one peer has published. Whether there was any. */
static bool take(ipc__shm_peer *peer, ipc__shm_input_fn *input)
{
    if (!has_something(peer)) {
        return false;
    }
    peer->copied = 0;
    uint64_t there = ipc__shm_there(&peer->up);
    bool room = atomic_load_explicit(&ipc__shm_header_of(peer)->wants_room, memory_order_relaxed);
    ipc__envelope envelope = {.frame_count = 1, .stop = &peer->broken};
    ipc__block ops = {.release = no_release};
    atomic_init(&ops.refs, 1);
    if (there > peer->up.size || !take_pieces(peer, peer->up.read + there, &envelope, &ops, input)) {
        for (unsigned i = 1; i < envelope.frame_count; i++) {
            ipc__block_unref(envelope.frames[i]);
        }
        ipc__buf_reset(&peer->hub->input);
        peer->broken = true;
    }
    if (room && peer->memory) {
        sweep_everybody(peer->hub);
        atomic_store_explicit(&ipc__shm_header_of(peer)->wants_room, 0, memory_order_relaxed);
        ipc__shm_mark_dirty(peer);
    }
    return true;
}

void ipc__shm_peer_take(ipc__shm_peer *peer, ipc__shm_input_fn *input)
{
    if (peer->memory && peer->mapped && !peer->broken) {
        ipc__buf_reset(&peer->out); /* nobody reads it any more */
        peer->out_done = 0;
        peer->last = true;
        while (take(peer, input) && peer->mapped && !peer->broken) {
        }
    }
}

void ipc__shm_peer_look(ipc__shm_peer *peer)
{
    if (!peer->memory) {
        return;
    }
    if (!peer->mapped) {
        collect_left(peer);
        return;
    }
    ipc__shm_peer_sweep(peer);
    if (atomic_load_explicit(&ipc__shm_header_of(peer)->wants_room, memory_order_relaxed)) {
        sweep_everybody(peer->hub);
        atomic_store_explicit(&ipc__shm_header_of(peer)->wants_room, 0, memory_order_relaxed);
        ipc__shm_mark_dirty(peer);
    }
    if (peer->out.length > peer->out_done) {
        ipc__shm_mark_dirty(peer);
    }
    activate(peer);
}

/* Between arming and the last look: what clients publish without a fence of their own is ordered here. */
static void fence(ipc__shm_hub *hub)
{
    ipc__shm_fence();
    hub->unordered = hub->unordered || (hub->fences && !ipc__fence_all());
}

/* Arm it: from here on it must wake the hub. False: it has something. */
static bool arm(ipc__shm_peer *peer)
{
    ipc__shm_header *header = ipc__shm_header_of(peer);
    atomic_store_explicit(&header->hub_armed, 1, memory_order_relaxed);
    fence(peer->hub);
    if (!has_something(peer)) {
        return true;
    }
    atomic_store_explicit(&header->hub_armed, 0, memory_order_relaxed);
    return false;
}

bool ipc__shm_hub_take(ipc__shm_hub *hub, ipc__shm_input_fn *input)
{
    bool any = false;
    ipc__shm_peer *peer;
    ipc__shm_peer *next;
    DL_FOREACH_SAFE2(hub->active, peer, next, active_next)
    {
        bool had = !peer->broken && take(peer, input);
        any = any || had;
        if (!peer->memory) {
            continue; /* it ended with that */
        }
        if (peer->broken) {
            input(peer->owner, NULL);
        } else if (had) {
            peer->idle_looks = 0;
        } else if (++peer->idle_looks > IDLE_LOOKS && arm(peer)) {
            deactivate(peer);
        }
    }
    return any;
}

bool ipc__shm_hub_glance(const ipc__shm_hub *hub)
{
    const ipc__shm_peer *peer;
    DL_FOREACH2(hub->active, peer, active_next)
    {
        if (peer->broken || has_something(peer)) {
            return true;
        }
    }
    return false;
}

bool ipc__shm_hub_rest(ipc__shm_hub *hub)
{
    ipc__shm_peer *peer;
    ipc__shm_peer *next;
    bool quiet = true;
    DL_FOREACH2(hub->active, peer, active_next)
    {
        atomic_store_explicit(&ipc__shm_header_of(peer)->hub_armed, 1, memory_order_relaxed);
    }
    fence(hub);
    DL_FOREACH_SAFE2(hub->active, peer, next, active_next)
    {
        if (peer->broken || has_something(peer)) {
            atomic_store_explicit(&ipc__shm_header_of(peer)->hub_armed, 0, memory_order_relaxed);
            quiet = false;
        } else {
            deactivate(peer);
        }
    }
    return quiet;
}

/* ---- what goes ---- */

static void write_out(ipc__shm_peer *peer)
{
    if (peer->out.failed) {
        peer->broken = true;
        return;
    }
    for (int tries = 0; tries < 2 && peer->out_done < peer->out.length; tries++) {
        int written = ipc__shm_write(&peer->down, &peer->out, &peer->out_done, NULL, 0, 0);
        if (written < 0) {
            peer->broken = true;
            return;
        }
        if (written == 0) { /* it says when it has read; and has perhaps, meanwhile */
            atomic_store_explicit(&ipc__shm_header_of(peer)->wants_down, 1, memory_order_relaxed);
            ipc__shm_fence();
        }
    }
    if (peer->out_done == peer->out.length) {
        ipc__buf_reset(&peer->out);
        peer->out_done = 0;
    } else if (peer->out_done > COMPACT_MIN && peer->out_done > peer->out.length / 2) {
        peer->out.length -= peer->out_done;
        memmove(peer->out.data, peer->out.data + peer->out_done, peer->out.length);
        peer->out_done = 0;
    }
}

void ipc__shm_hub_flush(ipc__shm_hub *hub)
{
    ipc__shm_peer *peer;
    DL_FOREACH2(hub->dirty, peer, dirty_next)
    {
        if (peer->mapped) {
            ipc__shm_header *header = ipc__shm_header_of(peer);
            write_out(peer);
            atomic_store_explicit(&header->news, header->news + 1, memory_order_release);
        }
    }
    if (hub->dirty) {
        ipc__shm_fence();
    }
    while (hub->dirty) {
        peer = hub->dirty;
        DL_DELETE2(hub->dirty, peer, dirty_prev, dirty_next);
        peer->is_dirty = false;
        if (peer->mapped && atomic_load_explicit(&ipc__shm_header_of(peer)->client_armed, memory_order_relaxed)) {
            atomic_store_explicit(&ipc__shm_header_of(peer)->client_armed, 0, memory_order_relaxed);
            ipc__shm_wake_by(peer->control);
        }
        if (peer->stirred) {
            ipc__shm_wake_watchers(peer);
        }
        if (peer->broken) {
            activate(peer); /* the next turn ends it */
        }
    }
}
