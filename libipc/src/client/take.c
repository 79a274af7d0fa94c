/*
 * Takes: from what the hub delivered ahead, by a window that follows how fast things are taken.
 * Touches the handle and its connection, whose lock is held.
 */
#include "client/handle.h"
#include "util/error.h"

#include <stdlib.h>
#include <sys/eventfd.h>

enum {
    WINDOW_MAX = 16384,
    WINDOW_BYTES = 4 * 1024 * 1024, /* untaken bytes worth of window */
    SLOW_US = 5000,                 /* a delivery that waited so long came too early */
    FAST_US = 2000,                 /* a window that is used up so fast may grow */
    IDLE_US = 1000,                 /* who has taken nothing for so long reports at once */
    POLL_MS = 500,                  /* the hub answers a POLL sooner */
    FENCE_MS = 500,                 /* and a RECALLED, if it lives */
    WANTS_US = 20 * 1000,           /* who has not asked for so long wants nothing any more */
};

/* ---- the ring ---- */

static ipc__entry *entry_at(ipc__prefetch *in, uint32_t index)
{
    return &in->ring[(in->head + index) & (in->capacity - 1)];
}

static bool ring_grow(ipc__prefetch *in)
{
    if (in->count < in->capacity) {
        return true;
    }
    uint32_t capacity = in->capacity ? 2 * in->capacity : 16;
    ipc__entry *ring = malloc(capacity * sizeof *ring);
    if (!ring) {
        return false;
    }
    for (uint32_t i = 0; i < in->count; i++) {
        ring[i] = *entry_at(in, i);
    }
    free(in->ring);
    in->ring = ring;
    in->capacity = capacity;
    in->head = 0;
    return true;
}

/* Deliveries that came together lie in one block: the ring has one reference for all of them that stand in a row. */
static void ring_push(ipc__prefetch *in, const ipc__entry *entry)
{
    if (in->count == 0 || entry_at(in, in->count - 1)->block != entry->block) {
        ipc__block_ref(entry->block);
    }
    *entry_at(in, in->count++) = *entry;
    in->bytes += entry->length;
}

/* Drop the oldest one. */
static void ring_pop(ipc__prefetch *in)
{
    ipc__entry *entry = entry_at(in, 0);
    in->bytes -= entry->length;
    in->head = (in->head + 1) & (in->capacity - 1);
    if (--in->count == 0 || entry_at(in, 0)->block != entry->block) {
        ipc__block_unref(entry->block);
    }
}

/* Drop the newest ones until count are left. */
static void ring_cut(ipc__prefetch *in, uint32_t count)
{
    while (in->count > count) {
        ipc__entry *entry = entry_at(in, --in->count);
        in->bytes -= entry->length;
        if (in->count == 0 || entry_at(in, in->count - 1)->block != entry->block) {
            ipc__block_unref(entry->block);
        }
    }
}

void ipc__prefetch_clear(ipc__prefetch *in)
{
    ring_cut(in, 0);
    free(in->ring);
    unsigned getters = in->getters;
    *in = (ipc__prefetch){.getters = getters};
}

/* ---- telling the hub ---- */

static void send_flow(ipc__handle *handle, uint32_t window, int64_t wait_ms)
{
    ipc__prefetch *in = &handle->in;
    msgpack_packer packer = ipc__op_begin(handle->conn, IPC__OP_FLOW, handle->id, 3);
    msgpack_pack_uint64(&packer, in->taken);
    msgpack_pack_uint32(&packer, window);
    msgpack_pack_int64(&packer, wait_ms);
    in->reported = in->flowed = in->taken;
    in->reported_at = ipc__now();
    in->demand = wait_ms != 0;
}

static uint32_t window_of(const ipc__handle *handle)
{
    const ipc__prefetch *in = &handle->in;
    uint32_t by_bytes = WINDOW_BYTES / (in->mean + 1) + 2;
    uint32_t window = in->window ? in->window : 1;
    /* Takes are told when half of it is used up: of a bounded object, producers wait for that. */
    if (handle->bound && window > handle->bound / 2 + 1) {
        window = (uint32_t)(handle->bound / 2 + 1);
    }
    return window < by_bytes ? window : by_bytes;
}

static void report(ipc__handle *handle, bool demand)
{
    const ipc__prefetch *in = &handle->in;
    if (!demand || in->fenced) {
        send_flow(handle, 0, 0);
        return;
    }
    /* Who only waits on the descriptor is shown one item. */
    bool idle = handle->ready_fd >= 0 && !in->getters && ipc__now() > in->last_get + WANTS_US;
    send_flow(handle, idle ? 1 : window_of(handle), -1);
}

void ipc__take_report(ipc__handle *handle)
{
    if (handle->in.taken != handle->in.reported) {
        report(handle, handle->in.demand);
    }
}

/* Give back from a position on (0: nothing), of which so many stay here. Until the hub says REVOKE, what comes is void. */
static void give_back_from(ipc__handle *handle, uint32_t keep, uint64_t first)
{
    ipc__prefetch *in = &handle->in;
    ring_cut(in, keep);
    msgpack_packer packer = ipc__op_begin(handle->conn, IPC__OP_RECALLED, handle->id, 2);
    msgpack_pack_uint64(&packer, in->taken);
    msgpack_pack_uint64(&packer, first);
    in->reported = in->flowed = in->taken;
    if (first) {
        in->fenced = true;
        in->demand = false; /* REVOKE voids it; who waits then asks again */
    }
    in->window = in->window / 2;
    ipc__take_signal(handle);
}

static void give_back(ipc__handle *handle, uint32_t keep)
{
    ipc__prefetch *in = &handle->in;
    give_back_from(handle, keep, keep < in->count ? entry_at(in, keep)->position : 0);
}

/* ---- what the hub says ---- */

bool ipc__on_deliver(ipc__handle *handle, ipc__envelope *envelope, const ipc__head *head, uint64_t now_us)
{
    uint32_t attempt;
    bool late = false;
    ipc__bytes value;
    ipc__block *block;
    if (head->fields < 2 || head->fields > 3 || !ipc__read_u32(&envelope->at, &attempt) ||
        !ipc__read_value(envelope, &value, &block) || value.length > UINT32_MAX ||
        (head->fields == 3 && !ipc__read_bool(&envelope->at, &late))) {
        return false;
    }
    if (!handle) {
        return true; /* closed: the hub takes it back with the handle */
    }
    ipc__prefetch *in = &handle->in;
    in->received++;
    if (in->fenced) {
        return true;
    }
    if (!ring_grow(in)) {
        give_back_from(handle, in->count, in->received); /* it cannot be kept */
        ipc__conn_kick(handle->conn);
        return true;
    }
    const ipc_conn *conn = handle->conn;
    ipc__entry entry = {
        .block = block,
        .data = value.data,
        .length = (uint32_t)value.length,
        .attempt = attempt & INT32_MAX,
        .late = late,
        .seq = head->seq,
        .position = in->received,
        .valid_until =
            now_us + conn->welcome.validity_us + value.length / IPC__VALIDITY_BYTES_PER_US - conn->clock_offset,
    };
    ring_push(in, &entry);
    in->mean = (uint32_t)((7 * (uint64_t)in->mean + value.length) / 8);
    return true;
}

void ipc__on_recall(ipc__handle *handle, uint64_t count)
{
    ipc__prefetch *in = &handle->in;
    give_back(handle, count < in->count ? in->count - (uint32_t)count : 0);
    ipc__conn_kick(handle->conn);
}

void ipc__on_revoke(ipc__handle *handle, uint64_t first, uint64_t last)
{
    ipc__prefetch *in = &handle->in;
    (void)last; /* the newest delivery */
    uint32_t keep = 0;
    while (keep < in->count && entry_at(in, keep)->position < first) {
        keep++;
    }
    ring_cut(in, keep);
    in->fenced = false;
    in->demand = false; /* who waits asks again */
    if (handle->ready_fd >= 0) {
        ipc__conn_kick(handle->conn); /* the library's thread, for who waits on the descriptor */
    }
}

/* ---- taking ---- */

/* Whether a getter has something to do: take, ask, or return the end. */
static bool stirs(void *arg)
{
    const ipc__handle *handle = arg;
    const ipc__prefetch *in = &handle->in;
    return handle->closed || in->count || handle->end || handle->drained || (!in->fenced && !in->demand) ||
           handle->generation != handle->conn->generation;
}

/* The window grows while it is used up fast, and shrinks when what it brought waits. */
static void adapt(ipc__prefetch *in, uint64_t waited, uint64_t now)
{
    if (waited > SLOW_US) {
        in->window = in->window / 2;
    } else if (now - in->reported_at < FAST_US && in->window < WINDOW_MAX) {
        in->window = in->window ? 2 * in->window : 2;
    }
}

/* Tell when half the window is used up, or after a pause; the library's thread tells the rest. */
static void report_taken(ipc__handle *handle, uint64_t arrived, uint64_t coarse)
{
    ipc__prefetch *in = &handle->in;
    if ((in->taken - in->flowed) * 2 >= window_of(handle)) {
        uint64_t now = ipc__now();
        adapt(in, now > arrived ? now - arrived : 0, now);
        report(handle, true);
        ipc__conn_post(handle->conn);
    } else if (coarse > in->reported_at + IDLE_US) {
        report(handle, in->demand);
        ipc__conn_post(handle->conn);
    } else if (!in->telling && !handle->conn->thread_ticks) { /* it looks up soon enough by itself */
        in->telling = true;
        handle->conn->active_at = ipc__now();
        ipc__conn_kick(handle->conn);
    }
}

static void block_unref(void *block)
{
    ipc__block_unref(block);
}

/* Make the message: a copy of a small value, the block itself for a large one. */
static ipc_msg *message_of(const ipc__entry *entry)
{
    if (entry->length > IPC__INLINE_MAX) {
        ipc_msg *msg = ipc__msg_borrow(entry->data, entry->length, block_unref, entry->block);
        if (msg) {
            ipc__block_ref(entry->block);
        }
        return msg;
    }
    ipc_msg *msg = ipc__msg_new(entry->length);
    if (msg && entry->length) {
        memcpy(msg->bytes, entry->data, entry->length);
    }
    return msg;
}

/* What a value must be to be taken; a NULL one takes any. */
struct acceptance {
    ipc_err (*accepts)(ipc__bytes value, void *arg);
    void *arg;
};

/* Take the oldest delivery if it is valid and acceptable. IPC_OK, IPC_EEMPTY, IPC_ENOMEM. */
static ipc_err take_now(ipc__handle *handle, const struct acceptance *check, ipc_msg **item)
{
    ipc__prefetch *in = &handle->in;
    if (in->count == 0) {
        return IPC_EEMPTY;
    }
    uint64_t coarse = ipc__now_coarse();
    ipc__entry *entry = entry_at(in, 0);
    if (coarse + IPC__COARSE_LAG_US >= entry->valid_until && ipc__now() >= entry->valid_until) {
        give_back(handle, 0);
        ipc__conn_post(handle->conn);
        return IPC_EEMPTY;
    }
    if (check) {
        ipc_err err = check->accepts((ipc__bytes){entry->data, entry->length}, check->arg);
        if (err) {
            return err;
        }
    }
    ipc_msg *msg = message_of(entry);
    if (!msg) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    msg->source = handle->number;
    msg->seq = entry->seq;
    msg->position = entry->position;
    msg->attempt = entry->attempt;
    msg->late = entry->late;
    msg->generation = handle->generation;
    in->taken = entry->position;
    in->last_get = coarse;
    uint64_t arrived = entry->valid_until - handle->conn->welcome.validity_us;
    ring_pop(in);
    if (handle->ready_fd >= 0) {
        ipc__take_signal(handle);
    }
    report_taken(handle, arrived, coarse);
    *item = msg;
    return IPC_OK;
}

static void ask(ipc__handle *handle)
{
    ipc__prefetch *in = &handle->in;
    if (!in->demand && !in->fenced) {
        report(handle, true);
    }
    in->last_get = ipc__now();
}

static bool poll_is_over(void *arg)
{
    return !((ipc__prefetch *)arg)->polling;
}

/* Ask the hub whether there is anything at all. IPC_OK: look again. One thread at a time asks. */
static ipc_err poll_hub(ipc__handle *handle)
{
    ask(handle);
    ipc__take_report(handle); /* the hub must not take for untaken what is */
    handle->in.polling = true;
    ipc__op_begin(handle->conn, IPC__OP_POLL, handle->id, 0);
    ipc__pending pending;
    ipc_err err = ipc__conn_call(handle->conn, &pending, ipc__deadline(ipc__now(), POLL_MS));
    ipc__buf_free(&pending.reply);
    handle->in.polling = false;
    ipc__conn_wake(handle->conn);
    return err;
}

/* Errors that stand before anything else: of the handle, or of an earlier put. */
static ipc_err standing(ipc__handle *handle)
{
    ipc_err err = ipc__handle_gone(handle);
    if (err || handle->in.count) {
        return err;
    }
    return handle->end ? ipc__fail_plain(handle->end) : handle->drained ? ipc__fail_plain(IPC_ESHUTDOWN) : IPC_OK;
}

/* Wait for a delivery to be there. */
static ipc_err await(ipc__handle *handle, int64_t timeout_ms)
{
    ipc__prefetch *in = &handle->in;
    uint64_t deadline = ipc__deadline(ipc__now(), timeout_ms);
    if (handle->drained && in->count == 0) {
        handle->drained = in->demand = false; /* something may have come back: who asks again is told again */
        ipc__take_signal(handle);
    }
    for (;;) {
        ipc_err err = standing(handle);
        if (err || in->count) {
            return err;
        }
        if (timeout_ms == 0 && !in->fenced) {
            /* Whatever it says, look again: a delivery may be recalled before it is seen, or taken by another thread. */
            err = in->polling ? ipc__conn_wait(handle->conn, poll_is_over, in, IPC__NEVER) : poll_hub(handle);
            err = err == IPC_EEMPTY && in->count ? IPC_OK : err;
        } else {
            if (handle->bound && in->taken != in->reported) {
                report(handle, true); /* there may be room only by that */
            }
            ask(handle);
            in->getters++;
            err = ipc__conn_wait(handle->conn, stirs, handle,
                                 in->fenced && timeout_ms == 0 ? ipc__deadline(ipc__now(), FENCE_MS) : deadline);
            in->getters--;
        }
        if (err) {
            return err == IPC_ETIMEOUT ? ipc__fail_plain(IPC_EEMPTY) : err;
        }
    }
}

static ipc_err take(ipc__handle *handle, int64_t timeout_ms, const struct acceptance *check, ipc_msg **item)
{
    ipc_err err = take_now(handle, check, item);
    uint64_t deadline = err == IPC_EEMPTY ? ipc__deadline(ipc__now(), timeout_ms) : 0;
    while (err == IPC_EEMPTY) {
        /* What came may be gone again: another thread took it, or it was recalled. */
        err = await(handle, timeout_ms <= 0 ? timeout_ms : ipc__left_ms(ipc__now(), deadline));
        if (err) {
            return err;
        }
        err = take_now(handle, check, item);
    }
    return err;
}

ipc_err ipc__take(ipc__handle *handle, int64_t timeout_ms, ipc_msg **item)
{
    return take(handle, timeout_ms, NULL, item);
}

ipc_err ipc__take_if(ipc__handle *handle, int64_t timeout_ms, ipc_err (*accepts)(ipc__bytes value, void *arg),
                     void *arg, ipc_msg **item)
{
    return take(handle, timeout_ms, &(struct acceptance){accepts, arg}, item);
}

void ipc__take_wish(ipc__handle *handle, size_t count)
{
    ipc__prefetch *in = &handle->in;
    if (in->count == 0 && in->window < count) {
        in->window = count < WINDOW_MAX ? (uint32_t)count : WINDOW_MAX;
        in->demand = false; /* that is, not for so many */
    }
}

ipc_err ipc__take_here(ipc__handle *handle, ipc_msg **item)
{
    return take_now(handle, NULL, item);
}

ipc_err ipc__take_ready(ipc__handle *handle, int64_t timeout_ms)
{
    ipc_err err = await(handle, timeout_ms);
    return err == IPC_EEOF ? IPC_OK : err;
}

/* ---- descriptors ---- */

void ipc__take_signal(ipc__handle *handle)
{
    const ipc_conn *conn = handle->conn;
    if (handle->ready_fd < 0) {
        return;
    }
    bool ready = handle->in.count || handle->end || handle->drained || handle->failed || handle->closed ||
                 conn->state != IPC__CONN_LIVE || handle->generation != conn->generation;
    eventfd_t count;
    if (ready && !handle->signalled) {
        eventfd_write(handle->ready_fd, 1);
    } else if (!ready && handle->signalled) {
        eventfd_read(handle->ready_fd, &count);
    }
    handle->signalled = ready;
}

ipc_err ipc__take_fd(ipc__handle *handle, int *fd)
{
    ipc_conn *conn = handle->conn;
    if (handle->ready_fd < 0) {
        handle->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (handle->ready_fd < 0) {
            return ipc__fail_errno("cannot make an eventfd");
        }
        handle->signalled = false;
        handle->fd_forks = conn->forks;
        conn->watchers++;
        ipc__take_signal(handle);
        ipc__conn_kick(conn);
    }
    *fd = handle->ready_fd;
    return IPC_OK;
}

/* ---- meanwhile ---- */

uint64_t ipc__take_maintain(ipc__handle *handle, uint64_t now)
{
    ipc__prefetch *in = &handle->in;
    if (in->count && now >= entry_at(in, 0)->valid_until) {
        give_back(handle, 0);
    }
    in->telling = false;
    bool watched = handle->ready_fd >= 0 && !handle->end;
    bool wants = in->getters || watched || now < in->last_get + WANTS_US;
    if (watched && !in->demand && !in->fenced && in->count == 0 && !handle->drained) {
        report(handle, true);
    }
    if ((in->demand && !wants) || (in->taken != in->reported && now - in->reported_at >= IDLE_US)) {
        report(handle, in->demand && wants);
    }
    uint64_t due = in->count ? entry_at(in, 0)->valid_until : IPC__NEVER;
    uint64_t next = IPC__NEVER;
    if (in->taken != in->reported) {
        next = in->reported_at + IDLE_US;
    } else if (in->demand && !in->getters && !watched) {
        next = in->last_get + WANTS_US;
    }
    return next < due ? next : due;
}
