/*
 * Takes: from what the hub delivered ahead, by a window that follows how fast things are taken.
 * Touches the handle and its connection, whose lock is held.
 */
#include "client/handle.h"
#include "util/error.h"

#include <stdlib.h>

enum {
    WINDOW_MAX = 16384,
    WINDOW_BYTES = 4 * 1024 * 1024, /* untaken bytes worth of window */
    SLOW_US = 5000,                 /* a delivery that waited so long came too early */
    FAST_US = 2000,                 /* a window that is used up so fast may grow */
    IDLE_US = 1000,                 /* who has taken nothing for so long reports at once */
    POLL_MS = 500,                  /* the hub answers a POLL sooner */
    FENCE_MS = 500,                 /* and a RECALLED, if it lives */
    WANTS_US = 20 * 1000,           /* who has not asked for so long wants nothing any more */
    WANTS_MS = WANTS_US / 1000,
    COPY_MAX = 32 * 1024, /* a smaller value is copied out of shared memory, wherever it lies */
};

bool ipc__take_there(const ipc__handle *handle)
{
    const ipc__claim_ops *claims = ipc__claims_of(handle);
    return handle->in.count || (claims && claims->ready(handle->conn->link, handle->id));
}

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

/* The hub is told of all that was taken. */
static void note_told(ipc__handle *handle)
{
    ipc__prefetch *in = &handle->in;
    in->reported = in->taken;
    in->due = in->taken + (window_of(handle) + 1) / 2;
}

static void send_flow(ipc__handle *handle, uint32_t window, int64_t wait_ms)
{
    ipc__prefetch *in = &handle->in;
    msgpack_packer packer = ipc__op_begin(handle->conn, IPC__OP_FLOW, handle->id, 3);
    msgpack_pack_uint64(&packer, in->taken);
    msgpack_pack_uint32(&packer, window);
    msgpack_pack_int64(&packer, wait_ms);
    note_told(handle);
    in->reported_at = ipc__now();
    in->demand = wait_ms < 0; /* one that ends by itself is none to rely on */
    const ipc__claim_ops *claims = ipc__claims_of(handle);
    in->asked_at = claims ? claims->position(handle->conn->link, handle->id) : 0;
}

static void report_for(ipc__handle *handle, bool demand, int64_t wait_ms)
{
    const ipc__prefetch *in = &handle->in;
    if (!demand || in->fenced) {
        send_flow(handle, 0, 0);
        return;
    }
    /* Who only waits on the descriptor is shown one item. */
    bool idle = handle->ready_fd >= 0 && !in->getters && ipc__now() > in->last_get + WANTS_US;
    send_flow(handle, idle ? 1 : window_of(handle), handle->ready_fd >= 0 ? -1 : wait_ms);
}

/* Without a thread that would withdraw it, the demand of one that does not wait ends by itself. */
static void report(ipc__handle *handle, bool demand)
{
    report_for(handle, demand, ipc__claims_of(handle) && !handle->in.getters ? WANTS_MS : -1);
}

void ipc__take_demand(ipc__handle *handle)
{
    report(handle, true);
    ipc__conn_post(handle->conn);
}

void ipc__take_report(ipc__handle *handle)
{
    if (handle->in.taken != handle->in.reported && !ipc__claims_of(handle)) { /* the hub sees it otherwise */
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
    if (first) {
        in->fenced = true;
        in->demand = false; /* REVOKE voids it; who waits then asks again */
    }
    in->window = in->window / 2;
    note_told(handle);
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

/* Whether the hub knows that something is wanted here. What it delivered since, and took back or another thread took, has used that up. */
static bool asks(const ipc__handle *handle)
{
    const ipc__prefetch *in = &handle->in;
    const ipc__claim_ops *claims = ipc__claims_of(handle);
    return in->fenced || (in->demand && !(claims && claims->position(handle->conn->link, handle->id) != in->asked_at));
}

/* Whether a getter has something to do: take, ask, or return the end. */
static bool stirs(void *arg)
{
    const ipc__handle *handle = arg;
    return handle->closed || ipc__take_there(handle) || handle->end || handle->drained || !asks(handle) ||
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
    const ipc__claim_ops *claims = ipc__claims_of(handle);
    if (in->taken >= in->due || (claims && claims->tell(handle->conn->link, handle->id, in->taken))) {
        uint64_t now = ipc__now();
        bool known = arrived != UINT64_MAX; /* when what was taken came; else the last report tells how fast it goes */
        uint64_t waited = known ? (now > arrived ? now - arrived : 0) : now - in->reported_at;
        adapt(in, waited, now);
        report(handle, true);
        ipc__conn_post(handle->conn);
    } else if (claims) {
        return; /* the hub looks for itself */
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

/* What a value must be to be taken, and how; a NULL one takes any. */
struct acceptance {
    ipc_err (*accepts)(ipc__bytes head, size_t length, void *arg); /* NULL: any */
    void *arg;
    bool borrows; /* a large one stays in shared memory */
};

/* What there is to know of a message's delivery; and that it is taken. */
static void note_taken(ipc__handle *handle, ipc_msg *msg, uint64_t position, uint64_t coarse)
{
    msg->source = handle->number;
    msg->position = position;
    msg->generation = handle->generation;
    handle->in.taken = position;
    handle->in.last_get = coarse;
}

/* A part of a delivery's bytes, from its beginning. */
static void copy_delivery(const ipc__delivery *delivery, unsigned char *to, uint32_t length)
{
    uint32_t first = length < delivery->first ? length : delivery->first;
    if (first) {
        memcpy(to, delivery->data, first);
    }
    if (first < length) {
        memcpy(to + first, delivery->rest, length - first);
    }
}

static ipc_err check_delivery(const struct acceptance *check, const ipc__delivery *delivery)
{
    unsigned char head[IPC__HEAD_MAX];
    uint32_t length = delivery->length < IPC__HEAD_MAX ? delivery->length : IPC__HEAD_MAX;
    copy_delivery(delivery, head, length);
    return check->accepts((ipc__bytes){head, length}, delivery->length, check->arg);
}

/* The next delivery, with the segment that it lies in. IPC_EEMPTY; IPC_ENOMEM it cannot be seen. */
static ipc_err next_delivery(ipc__handle *handle, const ipc__claim_ops *claims, ipc__delivery *delivery)
{
    ipc_conn *conn = handle->conn;
    int found = claims->next(conn->link, handle->id, delivery);
    if (found < 0) {
        ipc__conn_read_control(conn); /* its segment came that way */
        if (conn->state != IPC__CONN_LIVE) {
            return ipc__handle_gone(handle);
        }
        found = claims->next(conn->link, handle->id, delivery);
    }
    return found < 0
               ? ipc__fail(IPC_ENOMEM, "the next value cannot be mapped: too little memory, or too few descriptors")
           : found == 0 ? IPC_EEMPTY
                        : IPC_OK;
}

/* A message for a delivery, with room for a copy, or around the block that keeps it where it is. */
static ipc_msg *message_for(ipc__link *link, const ipc__delivery *delivery, bool borrows, ipc__block **loan)
{
    *loan = borrows && delivery->segment ? link->ops->claims->borrow(link, delivery) : NULL;
    if (!*loan) {
        return ipc__msg_new(delivery->length);
    }
    ipc_msg *msg = ipc__msg_borrow((*loan)->data, delivery->length, block_unref, *loan);
    if (!msg) {
        ipc__block_unref(*loan);
        return NULL;
    }
    msg->shared = !delivery->stable;
    return msg;
}

/* Copy what was claimed, or have it lent. */
static void fetch(ipc__link *link, const ipc__delivery *delivery, ipc__block *loan, ipc_msg *msg)
{
    if (loan) {
        link->ops->claims->lend(link, delivery, loan);
        return;
    }
    if (delivery->length) {
        copy_delivery(delivery, msg->bytes, delivery->length);
    }
    link->ops->claims->release(link, delivery);
}

/* Take the oldest delivery out of shared memory. IPC_OK, IPC_EEMPTY, IPC_ENOMEM, or what is not acceptable. */
static ipc_err claim_now(ipc__handle *handle, const ipc__claim_ops *claims, const struct acceptance *check,
                         ipc_msg **item)
{
    ipc__link *link = handle->conn->link;
    for (;;) {
        ipc__delivery delivery;
        ipc_err err = next_delivery(handle, claims, &delivery);
        if (!err && check && check->accepts) {
            err = check_delivery(check, &delivery);
        }
        if (err) {
            return err;
        }
        ipc__block *loan;
        bool borrows = delivery.length > COPY_MAX && ((check && check->borrows) || delivery.stable);
        ipc_msg *msg = message_for(link, &delivery, borrows, &loan);
        if (!msg) {
            return ipc__fail_plain(IPC_ENOMEM);
        }
        if (!claims->claim(link, handle->id, &delivery)) {
            ipc_msg_free(msg); /* the hub was faster */
            continue;
        }
        fetch(link, &delivery, loan, msg);
        msg->seq = delivery.seq;
        msg->attempt = delivery.attempt;
        msg->late = delivery.late;
        handle->in.mean = (uint32_t)((7 * (uint64_t)handle->in.mean + delivery.length) / 8);
        note_taken(handle, msg, delivery.position, handle->ready_fd >= 0 ? ipc__now_coarse() : 0);
        report_taken(handle, UINT64_MAX, 0);
        if (handle->ready_fd >= 0) {
            ipc__take_signal(handle);
        }
        *item = msg;
        return IPC_OK;
    }
}

/* Take the oldest delivery if it is valid and acceptable. IPC_OK, IPC_EEMPTY, IPC_ENOMEM. */
static ipc_err take_now(ipc__handle *handle, const struct acceptance *check, ipc_msg **item)
{
    ipc__prefetch *in = &handle->in;
    const ipc__claim_ops *claims = ipc__claims_of(handle);
    if (claims) {
        return claim_now(handle, claims, check, item);
    }
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
    if (check && check->accepts) {
        ipc__bytes head = {entry->data, entry->length < IPC__HEAD_MAX ? entry->length : IPC__HEAD_MAX};
        ipc_err err = check->accepts(head, entry->length, check->arg);
        if (err) {
            return err;
        }
    }
    ipc_msg *msg = message_of(entry);
    if (!msg) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    msg->seq = entry->seq;
    msg->attempt = entry->attempt;
    msg->late = entry->late;
    note_taken(handle, msg, entry->position, coarse);
    uint64_t arrived = entry->valid_until - handle->conn->welcome.validity_us;
    ring_pop(in);
    if (handle->ready_fd >= 0) {
        ipc__take_signal(handle);
    }
    report_taken(handle, arrived, coarse);
    *item = msg;
    return IPC_OK;
}

/* wait_ms: how long the demand holds; -1 as long as somebody waits. */
static void ask(ipc__handle *handle, int64_t wait_ms)
{
    if (!asks(handle)) {
        report_for(handle, true, wait_ms);
    }
    handle->in.last_get = ipc__now();
}

/* A wait is over in vain: where no thread withdraws the demand, this does. */
static void withdraw(ipc__handle *handle)
{
    if (ipc__claims_of(handle) && handle->in.demand && !handle->in.getters && handle->ready_fd < 0) {
        report(handle, false);
        ipc__conn_post(handle->conn);
    }
}

static bool poll_is_over(void *arg)
{
    return !((ipc__prefetch *)arg)->polling;
}

/* Ask the hub whether there is anything at all. IPC_OK: look again. One thread at a time asks. */
static ipc_err poll_hub(ipc__handle *handle)
{
    ask(handle, ipc__claims_of(handle) ? WANTS_MS : -1);
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
    if (err || ipc__take_there(handle)) {
        return err;
    }
    return handle->end ? ipc__fail_plain(handle->end) : handle->drained ? ipc__fail_plain(IPC_ESHUTDOWN) : IPC_OK;
}

/* What the hub has said until now is here when this returns. */
static void ping(ipc__handle *handle, uint64_t deadline)
{
    ipc__op_begin(handle->conn, IPC__OP_PING, 0, 0);
    ipc__pending pending;
    ipc__conn_call(handle->conn, &pending, deadline); /* the session tells how it went */
    ipc__buf_free(&pending.reply);
}

/*
 * Nothing was left, and something may have come back since. That nothing is left may have been said twice, as an answer and to all:
 * what is still on its way of that must be here before it is asked for anew, and the new answer before it is believed.
 */
static void ask_again(ipc__handle *handle, int64_t timeout_ms, uint64_t deadline)
{
    if (timeout_ms != 0) {
        ping(handle, deadline);
    }
    handle->drained = handle->in.demand = false;
    ipc__take_signal(handle);
    if (timeout_ms != 0) { /* a POLL is answered by itself */
        ask(handle, -1);
        ping(handle, deadline);
    }
}

/* Wait for a delivery to be there. */
static ipc_err await(ipc__handle *handle, int64_t timeout_ms)
{
    ipc__prefetch *in = &handle->in;
    uint64_t deadline = ipc__deadline(ipc__now(), timeout_ms);
    bool asked = false;
    if (handle->drained && !ipc__take_there(handle)) {
        ask_again(handle, timeout_ms, deadline);
    }
    for (;;) {
        ipc_err err = standing(handle);
        if (err || ipc__take_there(handle)) {
            return err;
        }
        if (timeout_ms == 0 && !in->fenced) {
            /* Whatever it says, look again: a delivery may be recalled before it is seen, or taken by another thread. */
            err = in->polling ? ipc__conn_wait(handle->conn, poll_is_over, in, IPC__NEVER) : poll_hub(handle);
            err = err == IPC_EEMPTY && ipc__take_there(handle) ? IPC_OK : err;
        } else {
            if (!asked && ipc__claims_of(handle) && !asks(handle)) {
                asked = true; /* the hub may deliver on what was asked before, and need not be asked again */
                in->getters++;
                ipc__conn_spin(handle->conn);
                in->getters--;
                continue;
            }
            if (handle->bound && in->taken != in->reported && !ipc__claims_of(handle)) {
                report(handle, true); /* there may be room only by that */
            }
            ask(handle, -1);
            in->getters++;
            err = ipc__conn_wait(handle->conn, stirs, handle,
                                 in->fenced && timeout_ms == 0 ? ipc__deadline(ipc__now(), FENCE_MS) : deadline);
            in->getters--;
        }
        if (err) {
            withdraw(handle);
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
            ipc__take_signal(handle); /* the hub may have written for what was taken since */
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

ipc_err ipc__take_if(ipc__handle *handle, int64_t timeout_ms,
                     ipc_err (*accepts)(ipc__bytes head, size_t length, void *arg), void *arg, ipc_msg **item)
{
    return take(handle, timeout_ms, &(struct acceptance){.accepts = accepts, .arg = arg}, item);
}

ipc_err ipc__take_borrowed(ipc__handle *handle, int64_t timeout_ms, ipc_msg **item)
{
    return take(handle, timeout_ms, &(struct acceptance){.borrows = true}, item);
}

void ipc__take_wish(ipc__handle *handle, size_t count)
{
    ipc__prefetch *in = &handle->in;
    if (!ipc__take_there(handle) && in->window < count) {
        in->window = count < WINDOW_MAX ? (uint32_t)count : WINDOW_MAX;
        in->demand = false; /* that is, not for so many */
    }
}

ipc_err ipc__take_here(ipc__handle *handle, ipc_msg **item)
{
    ipc_err err = take_now(handle, NULL, item);
    if (err == IPC_EEMPTY) {
        ipc__take_signal(handle);
    }
    return err;
}

ipc_err ipc__take_ready(ipc__handle *handle, int64_t timeout_ms)
{
    ipc_err err = await(handle, timeout_ms);
    return err == IPC_EEOF ? IPC_OK : err;
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
