/*
 * The shared-memory lane, the hub's side: sessions' memory, control rings, and who is to be looked at.
 * Touches the sessions' memory and wakes their processes. Not locked: the hub's thread.
 */
#include "lane/shm_hub.h"

#include "util/error.h"
#include "util/fence.h"
#include "wire/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum {
    IDLE_LOOKS = 64,                   /* looks in vain, after which a peer must wake the hub */
    PARTIAL_MAX = 4 * 1024 * 1024,     /* bytes of a record in pieces */
    BACKLOG_MAX = 16 * 1024 * 1024,    /* to be told to a peer that does not read: it is not listened to meanwhile */
    BACKLOG_LIMIT = 128 * 1024 * 1024, /* it is dropped */
    COMPACT_MIN = 64 * 1024,           /* so much of it that was written goes, when it is more than what is left */
    WAKES_AT_ONCE = 1024,              /* more than a socket holds of the hub's: who sends itself some waits in vain */
    SEGMENTS_MAX = 512,                /* sent, and no value of them has come: more than a control socket holds */
    ALONE_MIN = IPC__SHM_SEGMENT_SIZE / 4, /* a smaller value is no reason to keep a descriptor */
};

/* A segment that the client was sent. */
struct ipc__shm_known {
    uint32_t number;
    UT_hash_handle hh;
};

static ipc__shm_header *header_of(const ipc__shm_peer *peer)
{
    return (ipc__shm_header *)(void *)peer->memory;
}

/* ---- lists ---- */

static void activate(ipc__shm_peer *peer)
{
    peer->idle_looks = 0;
    if (!peer->is_active && peer->mapped) {
        atomic_store_explicit(&header_of(peer)->hub_armed, 0, memory_order_relaxed);
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

static void mark_dirty(ipc__shm_peer *peer)
{
    if (!peer->is_dirty) {
        DL_APPEND2(peer->hub->dirty, peer, dirty_prev, dirty_next);
        peer->is_dirty = true;
    }
}

/* ---- beginnings and ends ---- */

static void segment_gone(ipc__shm_store *store, uint32_t number);

void ipc__shm_hub_init(ipc__shm_hub *hub, void (*fetch)(void *owner))
{
    *hub = (ipc__shm_hub){.store.gone = segment_gone, .fetch = fetch, .fences = ipc__fence_join() && ipc__fence_all()};
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
    header_of(peer)->hub_armed = 1;
    header_of(peer)->hub_fences = hub->fences;
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

static void unwatch(struct ipc__shm_watch *watch)
{
    for (unsigned i = 0; i < 2; i++) {
        if (watch->fds[i] >= 0) {
            close(watch->fds[i]);
            watch->fds[i] = -1;
        }
    }
}

static void outlet_free(ipc__shm_peer *peer, uint32_t handle)
{
    if (peer->outlets[handle]) {
        ipc__shm_outlet_fini(peer->outlets[handle]);
        free(peer->outlets[handle]);
        peer->outlets[handle] = NULL;
    }
    unwatch(&peer->watches[handle]);
    peer->watches[handle] = (struct ipc__shm_watch){.fds = {-1, -1}};
}

static void unstage(ipc__shm_peer *peer)
{
    ipc__block_unref(peer->staged);
    peer->staged = NULL;
}

static void drop_segments(ipc__shm_peer *peer)
{
    while (peer->segments) {
        ipc__shm_segment *segment = peer->segments;
        DL_DELETE(peer->segments, segment);
        ipc__shm_store_disown(segment);
    }
    struct ipc__shm_known *known;
    struct ipc__shm_known *next;
    HASH_ITER(hh, peer->known, known, next)
    {
        HASH_DEL(peer->known, known);
        free(known);
    }
}

void ipc__shm_peer_close(ipc__shm_peer *peer)
{
    if (!peer->hub) {
        return;
    }
    for (uint32_t handle = 0; handle < peer->handles; handle++) {
        outlet_free(peer, handle);
    }
    unstage(peer);
    for (uint32_t i = 0; peer->loans && i < IPC__SHM_LOANS_MAX; i++) {
        ipc__block_unref(peer->loans[i]);
    }
    drop_segments(peer);
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
    free(peer->outlets);
    free(peer->watches);
    free(peer->loans);
    free(peer->small_free);
    free(peer->large_free);
    free(peer->cell_pages);
    ipc__buf_free(&peer->partial);
    ipc__buf_free(&peer->out);
    *peer = (ipc__shm_peer){.wake = -1, .fd = -1};
}

/* ---- handles ---- */

static bool grow_handles(ipc__shm_peer *peer, uint32_t handle)
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

static void lane_closed(void *self, uint32_t handle);

bool ipc__shm_peer_opened(ipc__shm_peer *peer, uint32_t handle)
{
    uint32_t page = handle * IPC__SHM_CELL_SIZE / IPC__SHM_PAGE;
    uint64_t bit = 1ULL << (page % 64);
    if (!(peer->cell_pages[page / 64] & bit)) {
        if (!ipc__shm_allocate(peer->memory + IPC__SHM_CELLS + (size_t)page * IPC__SHM_PAGE, IPC__SHM_PAGE)) {
            return false;
        }
        peer->cell_pages[page / 64] |= bit;
    }
    lane_closed(peer, handle);
    cell_clear(ipc__shm_cell_of(peer->memory, handle));
    return grow_handles(peer, handle);
}

static void keep_ring(uint64_t **list, unsigned *count, uint64_t offset)
{
    uint64_t *longer = realloc(*list, (*count + 1) * sizeof *longer);
    if (longer) {
        *list = longer;
        longer[(*count)++] = offset;
    }
}

static void sweep(ipc__shm_peer *peer, uint32_t handle);

static void lane_closed(void *self, uint32_t handle)
{
    ipc__shm_peer *peer = self;
    if (handle >= peer->handles) {
        return;
    }
    const ipc__shm_outlet *outlet = peer->outlets[handle];
    for (unsigned i = 0; outlet && i < outlet->count; i++) {
        uint64_t offset = (uint64_t)((unsigned char *)outlet->rings[i].slots - peer->memory);
        if (outlet->rings[i].count == IPC__SHM_SMALL_SLOTS) {
            keep_ring(&peer->small_free, &peer->small_count, offset);
        } else {
            keep_ring(&peer->large_free, &peer->large_count, offset);
        }
    }
    if (outlet) {
        sweep(peer, handle); /* what is lent stays so */
    }
    outlet_free(peer, handle);
    cell_clear(ipc__shm_cell_of(peer->memory, handle));
}

static bool lane_opened(void *self, uint32_t handle)
{
    return ipc__shm_peer_opened(self, handle);
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

/* Another ring for a handle: a small one first. */
static bool add_ring(ipc__shm_peer *peer, uint32_t handle)
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
    return outlet && ipc__shm_outlet_add(outlet, peer->memory, ipc__shm_cell_of(peer->memory, handle), offset,
                                         large ? IPC__SHM_LARGE_SLOTS : IPC__SHM_SMALL_SLOTS,
                                         large ? IPC__SHM_LARGE_BYTES : IPC__SHM_SMALL_BYTES);
}

/* It wrote what no honest client writes: the next turn ends it. */
static void break_off(ipc__shm_peer *peer)
{
    if (!peer->broken) {
        peer->broken = true;
        mark_dirty(peer);
    }
}

/* ---- loans ---- */

static atomic_uchar *loan_flag(const ipc__shm_peer *peer, uint32_t loan)
{
    return (atomic_uchar *)(void *)(peer->memory + IPC__SHM_LOANS + loan);
}

/* A loan that the client has given back ends. */
static void collect_loan(ipc__shm_peer *peer, uint32_t loan)
{
    if (peer->loans[loan] && atomic_load_explicit(loan_flag(peer, loan), memory_order_acquire) == IPC__SHM_LOAN_BACK) {
        ipc__block *block = peer->loans[loan];
        peer->loans[loan] = NULL;
        atomic_store_explicit(loan_flag(peer, loan), IPC__SHM_LOAN_NONE, memory_order_release);
        ipc__block_unref(block);
    }
}

static void lend(void *self, uint32_t loan, ipc__block *block)
{
    ipc__shm_peer *peer = self;
    if (!peer->loans && ipc__shm_allocate(peer->memory + IPC__SHM_LOANS, IPC__SHM_PAGE)) {
        peer->loans = calloc(IPC__SHM_LOANS_MAX, sizeof(ipc__block *));
    }
    if (!peer->loans || loan >= IPC__SHM_LOANS_MAX || peer->loans[loan]) {
        break_off(peer);
        ipc__block_unref(block);
        return;
    }
    peer->loans[loan] = block;
    collect_loan(peer, loan); /* it may be back already, and will not be told again */
}

static void collect_loans(ipc__shm_peer *peer)
{
    uint32_t back = atomic_load_explicit(&header_of(peer)->loans_back, memory_order_acquire);
    if (back == peer->loans_back || !peer->loans) {
        return;
    }
    peer->loans_back = back;
    for (uint32_t i = 0; i < IPC__SHM_LOANS_MAX; i++) {
        collect_loan(peer, i);
    }
}

/* Free what consumers of the peer are through with. */
static void sweep(ipc__shm_peer *peer, uint32_t handle)
{
    ipc__shm_outlet_sweep(peer->outlets[handle], lend, peer);
    if (peer->outlets[handle]->broken) {
        break_off(peer);
    }
}

static void sweep_all(ipc__shm_peer *peer)
{
    for (uint32_t handle = 0; handle < peer->handles; handle++) {
        if (peer->outlets[handle] && peer->outlets[handle]->oldest <= peer->outlets[handle]->newest) {
            sweep(peer, handle);
        }
    }
    collect_loans(peer);
}

/* A writer waits for room in its segment: whoever is through with a part of it gives it back. */
static void sweep_everybody(ipc__shm_hub *hub)
{
    ipc__shm_peer *peer;
    DL_FOREACH(hub->peers, peer)
    {
        sweep_all(peer);
    }
}

/* ---- segments ---- */

static void segment_gone(ipc__shm_store *store, uint32_t number)
{
    ipc__shm_hub *hub = (ipc__shm_hub *)((char *)store - offsetof(ipc__shm_hub, store));
    ipc__shm_peer *peer;
    DL_FOREACH(hub->peers, peer)
    {
        struct ipc__shm_known *known;
        HASH_FIND(hh, peer->known, &number, sizeof number, known);
        if (known) {
            HASH_DEL(peer->known, known);
            free(known);
            msgpack_packer packer = ipc__packer(&peer->out);
            ipc__write_op(&packer, IPC__OP_SEGMENT_GONE, 0, 0, 2);
            msgpack_pack_uint32(&packer, number);
            msgpack_pack_uint32(&packer, 0);
            mark_dirty(peer);
        }
    }
}

bool ipc__shm_peer_segment(ipc__shm_peer *peer, int fd, uint32_t local, uint64_t size)
{
    if (!peer->mapped || size > UINT32_MAX) {
        close(fd);
        return false;
    }
    unsigned count;
    ipc__shm_segment *segment;
    DL_COUNT(peer->segments, segment, count);
    if (count >= SEGMENTS_MAX) {
        close(fd);
        return false;
    }
    atomic_uchar *flags = (atomic_uchar *)(void *)(peer->memory + IPC__SHM_CHUNKS);
    if (size == IPC__SHM_SEGMENT_SIZE && !ipc__shm_allocate(peer->memory + IPC__SHM_CHUNKS, IPC__SHM_SEGMENT_PAGES)) {
        close(fd);
        return false;
    }
    segment = ipc__shm_store_add(&peer->hub->store, fd, (size_t)size, local, flags);
    if (segment) {
        DL_APPEND(peer->segments, segment);
    }
    return segment != NULL;
}

static ipc__shm_segment *segment_of(const ipc__shm_peer *peer, uint32_t local)
{
    ipc__shm_segment *segment;
    DL_SEARCH_SCALAR(peer->segments, segment, local, local);
    return segment;
}

/* Make a consumer know a segment. False: not now. */
static bool introduce(ipc__shm_peer *peer, const ipc__shm_segment *segment)
{
    struct ipc__shm_known *known;
    HASH_FIND(hh, peer->known, &segment->number, sizeof segment->number, known);
    if (known) {
        return true;
    }
    known = malloc(sizeof *known);
    if (!known) {
        return false;
    }
    known->number = segment->number;
    HASH_ADD(hh, peer->known, number, sizeof known->number, known);
    if (!known->hh.tbl) {
        free(known);
        return false;
    }
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_int(&packer, IPC__SEGMENT);
    msgpack_pack_uint32(&packer, segment->number);
    msgpack_pack_uint64(&packer, segment->size);
    segment->sealed ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    bool sent = !packet.failed && ipc__control_send(peer->control, &packet, segment->fd);
    ipc__buf_free(&packet);
    if (!sent) {
        HASH_DEL(peer->known, known);
        free(known);
    }
    return sent;
}

/* ---- what comes ---- */

/* The large values of a record, as an envelope's frames. */
static bool add_frames(ipc__shm_peer *peer, ipc__envelope *envelope)
{
    for (unsigned i = 0; i < peer->part_places; i++) {
        const ipc__shm_where *place = &peer->parts[i];
        ipc__shm_segment *segment = segment_of(peer, place->segment);
        if (!segment) {
            peer->hub->fetch(peer->owner);
            segment = segment_of(peer, place->segment);
        }
        ipc__block *block = segment ? ipc__shm_store_chunk(segment, place->offset, place->length) : NULL;
        if (!block) {
            return false;
        }
        bool copied = segment->bits ? segment->used > IPC__SHM_SEGMENT_PAGES / 2 : block->length < ALONE_MIN;
        if (!segment->bits) { /* one value, and nothing else will come of it */
            DL_DELETE(peer->segments, segment);
            ipc__shm_store_disown(segment);
        }
        if (copied) {
            /* Its values are not taken: they must not keep their writer from going on, nor hold a descriptor each. */
            ipc__block *copy = ipc__block_copy(block->data, block->length);
            ipc__block_unref(block);
            block = copy;
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
    while (at < end && peer->memory) {
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
        if (envelope->frame_count > IPC__FRAMES_MAX / 2) {
            ipc__shm_consume(&peer->up, at - peer->up.read);
            hand_on(peer, envelope, ops, input);
        }
    }
    if (peer->memory) {                                  /* else it ended with what was handed on */
        ipc__shm_consume(&peer->up, at - peer->up.read); /* the client has the room again while it is worked on */
        hand_on(peer, envelope, ops, input);
    }
    return true;
}

/* Whether a peer has published something, or waits for room; one that does not read what it is told is not listened to. */
static bool has_something(const ipc__shm_peer *peer)
{
    return (ipc__shm_there(&peer->up) || atomic_load_explicit(&header_of(peer)->wants_room, memory_order_relaxed)) &&
           peer->out.length - peer->out_done <= BACKLOG_MAX;
}

/* What one peer has published. Whether there was any. */
static bool take(ipc__shm_peer *peer, ipc__shm_input_fn *input)
{
    if (!has_something(peer)) {
        return false;
    }
    uint64_t there = ipc__shm_there(&peer->up);
    bool room = atomic_load_explicit(&header_of(peer)->wants_room, memory_order_relaxed);
    ipc__envelope envelope = {.frame_count = 1};
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
        atomic_store_explicit(&header_of(peer)->wants_room, 0, memory_order_relaxed);
        mark_dirty(peer);
    }
    return true;
}

void ipc__shm_peer_take(ipc__shm_peer *peer, ipc__shm_input_fn *input)
{
    if (peer->memory && peer->mapped && !peer->broken) {
        ipc__buf_reset(&peer->out); /* nobody reads it any more */
        peer->out_done = 0;
        take(peer, input);
    }
}

void ipc__shm_peer_look(ipc__shm_peer *peer)
{
    if (!peer->mapped) {
        return;
    }
    sweep_all(peer);
    if (atomic_load_explicit(&header_of(peer)->wants_room, memory_order_relaxed)) {
        sweep_everybody(peer->hub);
        atomic_store_explicit(&header_of(peer)->wants_room, 0, memory_order_relaxed);
        mark_dirty(peer);
    }
    if (peer->out.length > peer->out_done) {
        mark_dirty(peer);
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
    ipc__shm_header *header = header_of(peer);
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
        atomic_store_explicit(&header_of(peer)->hub_armed, 1, memory_order_relaxed);
    }
    fence(hub);
    DL_FOREACH_SAFE2(hub->active, peer, next, active_next)
    {
        if (peer->broken || has_something(peer)) {
            atomic_store_explicit(&header_of(peer)->hub_armed, 0, memory_order_relaxed);
            quiet = false;
        } else {
            deactivate(peer);
        }
    }
    return quiet;
}

/* ---- what goes ---- */

static void wake_by(int socket)
{
    static const unsigned char nil = 0xc0;
    while (send(socket, &nil, sizeof nil, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

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
            atomic_store_explicit(&header_of(peer)->wants_down, 1, memory_order_relaxed);
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

/* Something is there for a handle: who waits on its descriptor is to be woken. */
static void stir(ipc__shm_peer *peer, uint32_t handle)
{
    if (handle < peer->handles && peer->watches[handle].fds[0] >= 0) {
        peer->watches[handle].stirred = peer->stirred = true;
    }
}

/* Whether a handle has something to take, or to be told, that the client has not read. */
static bool is_there(const ipc__shm_peer *peer, uint32_t handle)
{
    struct ipc__shm_watch *watch = &peer->watches[handle];
    if (watch->said && peer->out.length == peer->out_done) {
        watch->said = false;
        watch->said_to = peer->down.written;
    }
    return (peer->outlets[handle] && ipc__shm_outlet_ready(peer->outlets[handle])) || watch->said ||
           atomic_load_explicit(peer->down.tail, memory_order_relaxed) < watch->said_to;
}

/* What a handle had was taken back: who waits on its descriptor waits again. */
static void unstir(ipc__shm_peer *peer, uint32_t handle)
{
    char bytes[64];
    if (peer->watches[handle].fds[1] >= 0 && !is_there(peer, handle)) {
        peer->watches[handle].stirred = false;
        for (int i = 0; i < WAKES_AT_ONCE && recv(peer->watches[handle].fds[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0;
             i++) {
        }
    }
}

static void wake_watchers(ipc__shm_peer *peer)
{
    peer->stirred = false;
    for (uint32_t handle = 0; handle < peer->handles; handle++) {
        if (peer->watches[handle].stirred) {
            peer->watches[handle].stirred = false;
            wake_by(peer->watches[handle].fds[0]);
        }
    }
}

void ipc__shm_hub_flush(ipc__shm_hub *hub)
{
    ipc__shm_peer *peer;
    DL_FOREACH2(hub->dirty, peer, dirty_next)
    {
        if (peer->mapped) {
            ipc__shm_header *header = header_of(peer);
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
        if (peer->mapped && atomic_load_explicit(&header_of(peer)->client_armed, memory_order_relaxed)) {
            atomic_store_explicit(&header_of(peer)->client_armed, 0, memory_order_relaxed);
            wake_by(peer->control);
        }
        if (peer->stirred) {
            wake_watchers(peer);
        }
        if (peer->broken) {
            activate(peer); /* the next turn ends it */
        }
    }
}

bool ipc__shm_peer_watch(ipc__shm_peer *peer, uint32_t handle, const int fds[2])
{
    struct ipc__shm_watch watch = {.fds = {fds[0], fds[1]}, .said_to = 0};
    if (handle >= IPC__HANDLES_MAX || !grow_handles(peer, handle)) {
        unwatch(&watch);
        return false;
    }
    unwatch(&peer->watches[handle]);
    memcpy(peer->watches[handle].fds, watch.fds, sizeof watch.fds);
    if (is_there(peer, handle)) {
        stir(peer, handle);
        mark_dirty(peer);
    }
    return true;
}

/* ---- the lane ---- */

static void lane_send(void *self, const void *op, size_t length)
{
    ipc__shm_peer *peer = self;
    if (peer->out.length - peer->out_done > BACKLOG_LIMIT) {
        break_off(peer); /* one record of it asked for all that */
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
        stir(peer, handle);
    }
    mark_dirty(peer);
}

/* A large value must lie where the consumer can see it. */
static bool stage(ipc__shm_peer *peer, const ipc__item *item)
{
    unstage(peer);
    ipc__block *block = ipc__item_block(item);
    ipc__shm_segment *segment = ipc__shm_store_find(block, &peer->staged_offset);
    if (segment) {
        ipc__block_ref(block);
    } else {
        block = ipc__shm_store_keep(&peer->hub->store, ipc__item_bytes(item));
        segment = ipc__shm_store_find(block, &peer->staged_offset);
    }
    if (!block || !introduce(peer, segment)) {
        ipc__block_unref(block);
        return false;
    }
    peer->staged = block;
    peer->staged_segment = segment->number;
    return true;
}

static bool lane_fits(void *self, uint32_t handle, const ipc__item *item)
{
    ipc__shm_peer *peer = self;
    bool large = item->length > IPC__SHM_INLINE_MAX;
    uint32_t length = large ? 0 : item->length;
    if (handle >= peer->handles || !peer->outlets[handle]) {
        if (!grow_handles(peer, handle) || !add_ring(peer, handle)) {
            return false;
        }
    }
    ipc__shm_outlet *outlet = peer->outlets[handle];
    if (!ipc__shm_outlet_fits(outlet, length)) {
        sweep(peer, handle);
        if (!ipc__shm_outlet_fits(outlet, length) &&
            !(add_ring(peer, handle) && ipc__shm_outlet_fits(outlet, length))) {
            return false;
        }
    }
    return !large || stage(peer, item);
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
    stir(peer, handle);
    mark_dirty(peer);
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
        break_off(peer);
    }
    if (back) {
        unstir(peer, handle);
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
    sweep(peer, handle); /* first: what is free was taken, and is looked at once */
    return ipc__shm_outlet_taken(outlet);
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
