/*
 * The shared-memory lane, the client's side: one session's memory.
 * Touches that memory, segments, and the control socket. Not locked: the connection's lock, but where it says otherwise.
 */
#include "client/link.h"
#include "lane/shm_inlet.h"
#include "lane/shm_outbound.h"
#include "util/error.h"
#include "util/spin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct shm_link {
    ipc__link base;
    ipc__shm_session *session;
    int control;
    ipc__shm_writer up;
    ipc__shm_reader down;
    size_t sent; /* of the outbox, when it goes in pieces */
    ipc__shm_where places[IPC__SHM_PLACES_MAX];
    unsigned place_count; /* of what is being sent */
    ipc__buf partial;     /* pieces of an envelope that is not whole */
    bool asked_room;      /* for a put */
    uint64_t seen;        /* of the hub's news */
    ipc__spin spin;
    ipc__shm_inlets inlets;
    ipc__shm_outbound outbound;
} shm_link;

static shm_link *link_of(ipc__link *base)
{
    return (shm_link *)base;
}

static ipc__shm_header *header_of(const shm_link *link)
{
    return (ipc__shm_header *)(void *)link->session->memory;
}

/* ---- sending ---- */

/* After something was published: the hub looks for itself, or is woken. */
static void wake_hub(const shm_link *link)
{
    ipc__shm_publish_fence(link->session);
    ipc__shm_wake(link->session);
}

static bool link_place(ipc__link *base, ipc__outbox *out)
{
    shm_link *link = link_of(base);
    if (link->place_count + 1 != out->frame_count || link->place_count == IPC__SHM_PLACES_MAX ||
        !ipc__shm_outbound_place(&link->outbound, out->frames[link->place_count], &link->places[link->place_count])) {
        return false;
    }
    link->place_count++;
    return true;
}

static ipc__sent link_send(ipc__link *base, const ipc__buf *header, ipc__outbox *out)
{
    (void)header;
    shm_link *link = link_of(base);
    if (out->ops.failed) {
        return IPC__SENT_NEVER;
    }
    int written = ipc__shm_write(&link->up, &out->ops, &link->sent, link->places, link->place_count, 0);
    wake_hub(link);
    if (written <= 0) {
        atomic_store_explicit(&header_of(link)->wants_room, 1, memory_order_relaxed);
        wake_hub(link);
        return written < 0 ? IPC__SENT_NEVER : IPC__SENT_LATER;
    }
    link->sent = 0;
    link->place_count = 0;
    ipc__outbox_reset(out);
    return IPC__SENT;
}

/* ---- receiving ---- */

static bool link_readable(ipc__link *base)
{
    return ipc__shm_there(&link_of(base)->down) != 0;
}

/* The hub may wait for the room to say more. */
static void make_room(shm_link *link, uint64_t length)
{
    ipc__shm_consume(&link->down, length);
    ipc__shm_fence();
    if (atomic_load_explicit(&header_of(link)->wants_down, memory_order_relaxed)) {
        atomic_store_explicit(&header_of(link)->wants_down, 0, memory_order_relaxed);
        eventfd_write(link->session->wake, 1);
    }
}

enum { COPY_MAX = 4096 }; /* a longer record keeps the buffer that it was gathered in */

static int link_receive(ipc__link *base, ipc__envelope *envelope)
{
    shm_link *link = link_of(base);
    for (;;) {
        uint64_t there = ipc__shm_there(&link->down);
        ipc__shm_piece piece;
        if (there == 0) {
            return 0;
        }
        if (there > link->down.size || there < sizeof piece) {
            return -1;
        }
        ipc__shm_copy_out(&link->down, link->down.read, &piece, sizeof piece);
        if (piece.places || ipc__shm_padded(piece.length) > there - sizeof piece ||
            !ipc__buf_reserve(&link->partial, piece.length)) {
            return -1;
        }
        ipc__shm_copy_out(&link->down, link->down.read + sizeof piece, link->partial.data + link->partial.length,
                          piece.length);
        link->partial.length += piece.length;
        make_room(link, sizeof piece + ipc__shm_padded(piece.length));
        if (!piece.more) {
            break;
        }
    }
    bool large = link->partial.length > COPY_MAX;
    ipc__block *ops =
        large ? ipc__block_take(&link->partial) : ipc__block_copy(link->partial.data, link->partial.length);
    ipc__buf_reset(&link->partial);
    if (!ops) {
        return -1;
    }
    *envelope = (ipc__envelope){.frames = {ops}, .frame_count = 1, .bare = true};
    return 1;
}

static int link_fd(const ipc__link *base)
{
    (void)base;
    return -1;
}

/* ---- claims ---- */

static bool link_opened(ipc__link *base, uint32_t handle)
{
    return ipc__shm_inlet_open(&link_of(base)->inlets, handle);
}

static bool link_ready(ipc__link *base, uint32_t handle)
{
    return ipc__shm_inlet_ready(&link_of(base)->inlets, handle);
}

static int link_next(ipc__link *base, uint32_t handle, ipc__delivery *delivery)
{
    return ipc__shm_inlet_next(&link_of(base)->inlets, handle, delivery);
}

static bool link_claim(ipc__link *base, uint32_t handle, const ipc__delivery *delivery)
{
    return ipc__shm_inlet_claim(&link_of(base)->inlets, handle, delivery);
}

static void link_release(ipc__link *base, const ipc__delivery *delivery)
{
    (void)base;
    ipc__shm_inlet_release(delivery);
}

static ipc__block *link_borrow(ipc__link *base, const ipc__delivery *delivery)
{
    return ipc__shm_inlet_borrow(&link_of(base)->inlets, delivery);
}

static void link_lend(ipc__link *base, const ipc__delivery *delivery, ipc__block *block)
{
    (void)base;
    ipc__shm_inlet_lend(delivery, block);
}

static uint64_t link_position(ipc__link *base, uint32_t handle)
{
    return ipc__shm_inlet_position(&link_of(base)->inlets, handle);
}

static bool link_tell(ipc__link *base, uint32_t handle, uint64_t position)
{
    const shm_link *link = link_of(base);
    /* Behind the claim in the one order of both: the hub sees the take, or this what the hub asks for. */
    uint64_t from = atomic_load(&ipc__shm_cell_of(link->session->memory, handle)->tell_at);
    return from && position >= from;
}

static bool link_credit(ipc__link *base, uint32_t handle)
{
    const shm_link *link = link_of(base);
    atomic_uint_least64_t *credits = &ipc__shm_cell_of(link->session->memory, handle)->credits;
    uint64_t there = atomic_load_explicit(credits, memory_order_relaxed);
    while (there) {
        if (atomic_compare_exchange_weak(credits, &there, there - 1)) {
            return true;
        }
    }
    return false;
}

static void link_credit_back(ipc__link *base, uint32_t handle)
{
    const shm_link *link = link_of(base);
    atomic_fetch_add(&ipc__shm_cell_of(link->session->memory, handle)->credits, 1);
}

static bool has_room(shm_link *link, size_t length)
{
    uint64_t needed = IPC__SHM_RESERVE + 256 + (length <= IPC__SHM_INLINE_MAX ? length : 0);
    return ipc__shm_room(&link->up, needed) >= needed &&
           (length <= IPC__SHM_INLINE_MAX || ipc__shm_outbound_room(&link->outbound, length));
}

static bool link_room(ipc__link *base, size_t length)
{
    shm_link *link = link_of(base);
    if (has_room(link, length)) {
        return true;
    }
    atomic_uint *wants = &header_of(link)->wants_room;
    bool answered = link->asked_room && !atomic_load_explicit(wants, memory_order_acquire);
    if (answered && length > IPC__SHM_INLINE_MAX && ipc__shm_all_read(&link->up)) {
        link->asked_room = false;
        return true; /* the hub has done what it can: the value goes alone */
    }
    if (!link->asked_room || answered) {
        link->asked_room = true;
        atomic_store_explicit(wants, 1, memory_order_relaxed);
        wake_hub(link);
    }
    return has_room(link, length);
}

static bool link_put(ipc__link *base, uint32_t handle, uint64_t seq, ipc__bytes value)
{
    shm_link *link = link_of(base);
    unsigned char head[IPC__OP_HEAD_MAX + IPC__BIN_HEAD_MAX];
    if (value.length > IPC__SHM_INLINE_MAX) {
        return false;
    }
    const unsigned char *end = ipc__bin_head_at(ipc__op_at(head, IPC__OP_PUT, handle, seq, 1), (uint32_t)value.length);
    if (!ipc__shm_write_row(&link->up, (ipc__bytes){head, (size_t)(end - head)}, value, IPC__SHM_RESERVE)) {
        return false;
    }
    wake_hub(link);
    return true;
}

static ipc__block *link_stage(ipc__link *base, size_t length)
{
    return ipc__shm_outbound_stage(&link_of(base)->outbound, length);
}

static bool link_segment(ipc__link *base, uint32_t number, uint64_t size, bool sealed, int fd)
{
    return ipc__shm_inlets_segment(&link_of(base)->inlets, number, size, sealed, fd);
}

static void link_segment_gone(ipc__link *base, uint32_t number)
{
    ipc__shm_inlets_segment_gone(&link_of(base)->inlets, number);
}

/* ---- waiting ---- */

static uint64_t news(const shm_link *link)
{
    return atomic_load_explicit(&header_of(link)->news, memory_order_acquire);
}

static bool link_quiet(ipc__link *base)
{
    return atomic_load_explicit(&header_of(link_of(base))->hub_armed, memory_order_relaxed) != 0;
}

static void link_glance(ipc__link *base)
{
    shm_link *link = link_of(base);
    link->seen = news(link);
}

static bool has_news(void *arg)
{
    const shm_link *link = arg;
    return news(link) != link->seen;
}

static bool link_spin(ipc__link *base)
{
    shm_link *link = link_of(base);
    return has_news(link) || ipc__spin_until(&link->spin, has_news, link);
}

static bool link_arm(ipc__link *base)
{
    shm_link *link = link_of(base);
    atomic_store_explicit(&header_of(link)->client_armed, 1, memory_order_relaxed);
    ipc__shm_fence();
    return !has_news(link);
}

static void link_disarm(ipc__link *base)
{
    atomic_store_explicit(&header_of(link_of(base))->client_armed, 0, memory_order_relaxed);
}

/* ---- beginnings and ends ---- */

static void link_free(shm_link *link)
{
    ipc__buf_free(&link->partial);
    free(link);
}

static void link_close(ipc__link *base, bool parted)
{
    shm_link *link = link_of(base);
    ipc__shm_inlets_free(&link->inlets);
    ipc__shm_outbound_free(&link->outbound);
    if (parted) {
        ipc__shm_session_leave(link->session, link->control);
    }
    ipc__shm_session_unref(link->session);
    link_free(link);
}

static void link_abandon(ipc__link *base)
{
    shm_link *link = link_of(base);
    ipc__shm_inlets_abandon(&link->inlets);
    ipc__shm_outbound_abandon(&link->outbound);
    ipc__shm_session_abandon(link->session);
    link_free(link);
}

static const ipc__claim_ops claims = {
    .opened = link_opened,
    .ready = link_ready,
    .next = link_next,
    .claim = link_claim,
    .release = link_release,
    .borrow = link_borrow,
    .lend = link_lend,
    .position = link_position,
    .tell = link_tell,
    .credit = link_credit,
    .credit_back = link_credit_back,
    .room = link_room,
    .put = link_put,
    .stage = link_stage,
    .place = link_place,
    .segment = link_segment,
    .segment_gone = link_segment_gone,
    .quiet = link_quiet,
    .glance = link_glance,
    .spin = link_spin,
    .arm = link_arm,
    .disarm = link_disarm,
};

static const ipc__link_ops ops = {
    .name = "shm",
    .inline_max = IPC__SHM_INLINE_MAX,
    .send = link_send,
    .receive = link_receive,
    .readable = link_readable,
    .fd = link_fd,
    .close = link_close,
    .abandon = link_abandon,
    .claims = &claims,
};

ipc_err ipc__shm_link_open(ipc__link **out, int memory, int wake, int control)
{
    shm_link *link = calloc(1, sizeof *link);
    ipc__shm_session *session = ipc__shm_session_new(memory, wake);
    if (!link || !session) {
        ipc_err err = ipc__fail(IPC_ELANE, "cannot map the session's shared memory: %s", strerrordesc_np(errno));
        if (session) {
            ipc__shm_session_unref(session);
        }
        free(link);
        return err;
    }
    link->base.ops = &ops;
    link->session = session;
    link->control = control;
    link->up = ipc__shm_up_writer(session->memory);
    link->down = ipc__shm_down_reader(session->memory);
    link->inlets.session = session;
    ipc__shm_outbound_init(&link->outbound, session, control);
    *out = &link->base;
    return IPC_OK;
}
