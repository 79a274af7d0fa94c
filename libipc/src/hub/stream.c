/*
 * Streams: items go in by a bound, and out by demand.
 * Touches the core it lives in, and sessions through the lane seam. Not locked: the core's thread.
 */
#include "hub/stream.h"

#include "util/clock.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

enum {
    REBALANCE_US = 2000,    /* how long somebody starves before others give back */
    /* Used up only where the other side is stopped or starved of processor time: otherwise it answers at once. */
    POLL_RECALL_MS = 200, /* how long a POLL waits for others to give back */
    FULL_RECALL_MS = 200, /* how long a put without patience waits for credits to come back */
    STREAK_US = 5000,       /* puts closer than this are a sustained stream */
    GRANT_MAX = 4096,       /* credits of one grant */
};

/* ---- items ---- */

ipc__item *ipc__item_new(ipc__bytes value, ipc__block *block)
{
    bool in_block = value.length > IPC__INLINE_MAX;
    size_t tail = in_block || value.length < sizeof(void *) ? sizeof(void *) : value.length;
    ipc__item *item = malloc(offsetof(ipc__item, bytes) + tail);
    if (!item) {
        return NULL;
    }
    item->length = (uint32_t)value.length;
    item->attempt = 1;
    item->in_block = in_block;
    if (in_block) {
        item->bytes.block = ipc__block_ref(block);
    } else if (value.length) {
        memcpy((unsigned char *)item + offsetof(ipc__item, bytes), value.data, value.length);
    }
    return item;
}

static uint64_t item_cost(const ipc__item *item)
{
    return sizeof *item + item->length;
}

void ipc__item_free(ipc__core *core, ipc__item *item)
{
    core->memory -= item_cost(item);
    if (item->in_block) {
        ipc__block_unref(item->bytes.block);
    }
    free(item);
}

static void free_all(ipc__core *core, ipc__item **list)
{
    while (*list) {
        ipc__item *item = *list;
        DL_DELETE(*list, item);
        ipc__item_free(core, item);
    }
}

static ipc__core *core_of(const ipc__stream *stream)
{
    return stream->object->core;
}

/* ---- room ---- */

static uint64_t held(const ipc__stream *stream)
{
    return stream->ready_count + stream->untaken + stream->credits;
}

bool ipc__stream_room(const ipc__stream *stream)
{
    return stream->maxsize == 0 || held(stream) < stream->maxsize;
}

uint64_t ipc__stream_size(const ipc__stream *stream)
{
    return stream->ready_count + stream->untaken;
}

/* The hub owns it from here on, whether or not there is room yet. */
static void own_item(ipc__stream *stream, ipc__item *item)
{
    if (stream->ops->accepted) {
        stream->ops->accepted(stream, item);
    }
}

static void enqueue(ipc__stream *stream, ipc__item *item)
{
    item->seq = ++stream->next_seq;
    DL_APPEND(stream->ready, item);
    stream->ready_count++;
}

/* ---- credits ---- */

static void credits_set(ipc__source *source, uint64_t credits)
{
    source->stream->credits = source->stream->credits - source->credits + credits;
    source->credits = credits;
}

static void credits_expired(ipc__timer *timer, uint64_t now)
{
    (void)now;
    ipc__source *source = (ipc__source *)((char *)timer - offsetof(ipc__source, expiry));
    credits_set(source, 0);
    ipc__stream_pump(source->stream);
}

/* Ask everybody for their credits: somebody waits for room. */
static void credits_recall(ipc__stream *stream)
{
    ipc__source *source;
    DL_FOREACH(stream->sources, source)
    {
        if (source->credits && !source->recalling) {
            source->recalling = true;
            ipc__notify(source->hold, IPC__OP_UNCREDIT, 0, 0);
        }
    }
}

/*
 * A sustained stream of puts gets credits: at most half of what is free, shared among those who have some, twice as
 * many as the last time. Nobody gets any while others wait for room.
 */
static void credits_grant(ipc__source *source)
{
    ipc__stream *stream = source->stream;
    ipc__core *core = core_of(stream);
    bool stream_of_puts = core->now - source->last_put <= STREAK_US;
    source->last_put = core->now;
    if (!stream_of_puts) {
        source->grant = 0;
    }
    if (!stream->maxsize || !stream_of_puts || stream->putters || source->recalling ||
        source->credits > source->grant / 2) {
        return;
    }
    uint64_t producers = 0;
    ipc__source *other;
    DL_FOREACH(stream->sources, other)
    {
        producers += other->credits > 0 || other == source;
    }
    uint64_t used = held(stream);
    uint64_t spare = used < stream->maxsize ? (stream->maxsize - used) / (2 * producers) : 0;
    uint64_t more = source->grant ? 2 * source->grant : 1;
    more = more < spare ? more : spare;
    more = more < GRANT_MAX ? more : GRANT_MAX;
    if (more == 0 || !ipc__timer_set(&core->timers, &source->expiry, core->now + core->validity * 3 / 2)) {
        return;
    }
    source->grant = more;
    credits_set(source, source->credits + more);
    ipc__notify(source->hold, IPC__OP_CREDIT, more, 0);
}

/* ---- putting ---- */

/* Whether a put of this source's session waits: then none of its later ones may pass. */
static bool waits(const ipc__source *source)
{
    ipc__call *call;
    DL_FOREACH(source->stream->putters, call)
    {
        if (call->session_id == source->hold->session->id) {
            return true;
        }
    }
    return false;
}

/* There is no room, or others come first: the put waits. */
static ipc_err wait_for_room(ipc__source *source, const ipc__request *request, int64_t timeout_ms, ipc__item *item)
{
    ipc__stream *stream = source->stream;
    bool pipelined = request->op == IPC__OP_PUT;
    if (!pipelined && timeout_ms == 0) {
        if (stream->credits == 0) {
            ipc__item_free(core_of(stream), item);
            return ipc__fail_plain(IPC_EFULL);
        }
        timeout_ms = FULL_RECALL_MS;
    }
    ipc__call *call = ipc__call_wait(source->hold, pipelined ? 0 : request->seq, &stream->putters,
                                     pipelined ? -1 : timeout_ms, IPC_EFULL);
    if (!call) {
        ipc__item_free(core_of(stream), item);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    call->item = item;
    if (pipelined) {
        own_item(stream, item);
    }
    source->last_put = core_of(stream)->now;
    if (stream->credits) {
        credits_recall(stream);
    }
    return IPC_OK;
}

static ipc_err put_item(ipc__source *source, const ipc__request *request, int64_t timeout_ms, ipc__item *item,
                        bool credit)
{
    ipc__stream *stream = source->stream;
    /* A credit is room already; without one, whoever waits comes first. */
    bool enters = credit ? !(stream->putters && waits(source)) : ipc__stream_room(stream) && !stream->putters;
    if (!enters) {
        ipc_err err = wait_for_room(source, request, timeout_ms, item);
        ipc__stream_pump(stream); /* the credit's room is free again */
        return err;
    }
    own_item(stream, item);
    enqueue(stream, item);
    if (request->op == IPC__OP_PUT_WAIT) {
        ipc__reply(source->hold->session, source->hold->id, request->seq, IPC_OK);
    }
    if (stream->maxsize) {
        credits_grant(source);
    }
    ipc__stream_pump(stream);
    return IPC_OK;
}

/* Whether the value may come in at all. */
static ipc_err check_value(const ipc__core *core, ipc__bytes value)
{
    if (value.length > core->options.max_message) {
        return ipc__fail(IPC_ETOOBIG, "a value of %zu bytes; the hub allows %u", value.length,
                         core->options.max_message);
    }
    if (core->memory + value.length > core->options.max_memory) {
        return ipc__fail(IPC_ELIMIT, "the hub holds %llu bytes of values and may hold %llu; take some out, or start it "
                         "with a higher limit", (unsigned long long)core->memory,
                         (unsigned long long)core->options.max_memory);
    }
    return IPC_OK;
}

ipc_err ipc__stream_put(ipc__source *source, const ipc__request *request)
{
    bool pipelined = request->op == IPC__OP_PUT;
    int64_t timeout_ms = -1;
    ipc__bytes value;
    ipc__block *block;
    if (request->fields != (pipelined ? 1U : 2U) || (!pipelined && !ipc__read_int(&request->envelope->at, &timeout_ms)) ||
        !ipc__read_value(request->envelope, &value, &block)) {
        return IPC_EPROTO;
    }
    ipc__core *core = core_of(source->stream);
    source->hold->session->acked += value.length;
    bool credit = pipelined && source->credits > 0;
    if (credit) {
        credits_set(source, source->credits - 1);
    }
    ipc_err err = check_value(core, value);
    ipc__item *item = err ? NULL : ipc__item_new(value, block);
    if (!item) {
        ipc__stream_pump(source->stream);
        return err ? err : ipc__fail_plain(IPC_ENOMEM);
    }
    core->memory += item_cost(item);
    return put_item(source, request, timeout_ms, item, credit);
}

ipc_err ipc__stream_uncredited(ipc__source *source, const ipc__request *request)
{
    uint64_t back;
    if (request->fields != 1 || !ipc__read_uint(&request->envelope->at, &back)) {
        return IPC_EPROTO;
    }
    source->recalling = false;
    source->grant = 0;
    /* It has none left, however it counts: none were given since they were asked for, and its puts came before this. */
    credits_set(source, 0);
    ipc__stream_pump(source->stream);
    return IPC_OK;
}

/* ---- taking back ---- */

/* When the hub takes deliveries back alone: the client stops using them a half earlier. */
static uint64_t validity_end(const ipc__sub *sub)
{
    const ipc__core *core = core_of(sub->stream);
    return core->now + (core->validity + sub->out_bytes / IPC__VALIDITY_BYTES_PER_US) * 3 / 2;
}

void ipc__stream_return(ipc__stream *stream, ipc__item *item)
{
    ipc__item *before = stream->ready;
    while (before && before->seq < item->seq) {
        before = before->next;
    }
    if (before) {
        DL_PREPEND_ELEM(stream->ready, before, item);
    } else {
        DL_APPEND(stream->ready, item);
    }
    stream->ready_count++;
}

static bool demands(const ipc__sub *sub, uint64_t now)
{
    return !sub->hold->session->ending && (sub->poll || (sub->window > sub->out_count && sub->demand_until > now));
}

static void ring_leave(ipc__sub *sub)
{
    if (sub->in_ring) {
        DL_DELETE2(sub->stream->ring, sub, ring_prev, ring_next);
        sub->in_ring = false;
    }
}

/* A consumer may have come to want more. */
static void ring_enter(ipc__sub *sub)
{
    if (!sub->in_ring && demands(sub, core_of(sub->stream)->now)) {
        DL_APPEND2(sub->stream->ring, sub, ring_prev, ring_next);
        sub->in_ring = true;
    }
}

static void sub_drop(ipc__sub *sub, ipc__item *item)
{
    DL_DELETE(sub->out, item);
    sub->out_count--;
    sub->out_bytes -= item->length;
    sub->stream->untaken--;
}

/* Untaken deliveries return, newest first, down to a position. */
static void give_back(ipc__sub *sub, uint64_t first, uint32_t raise)
{
    while (sub->out && sub->out->prev->position >= first) {
        ipc__item *item = sub->out->prev;
        sub_drop(sub, item);
        item->attempt = (item->attempt + raise) & INT32_MAX;
        ipc__stream_return(sub->stream, item);
    }
}

bool ipc__stream_take(ipc__sub *sub, uint64_t position)
{
    if (position > sub->position) {
        return false;
    }
    while (sub->out && sub->out->position <= position) {
        ipc__item *item = sub->out;
        sub_drop(sub, item);
        sub->stream->ops->taken(sub->stream, sub, item);
    }
    if (sub->hold->session) {
        ring_enter(sub);
    }
    sub->taken = position > sub->taken ? position : sub->taken;
    return true;
}

/* What the lane knows by itself. */
static void learn_taken(ipc__sub *sub)
{
    if (sub->out) {
        ipc__session *session = sub->hold->session;
        ipc__stream_take(sub, session->lane->taken(session->peer, sub->hold->id));
    }
}

static void recall(ipc__sub *sub, uint64_t count)
{
    ipc__session *session = sub->hold->session;
    int64_t back = session->lane->recall(session->peer, sub->hold->id, (uint32_t)count);
    if (back == IPC__RECALL_LATER) {
        sub->recalling = true;
        return;
    }
    learn_taken(sub);
    for (; back > 0 && sub->out; back--) {
        give_back(sub, sub->out->prev->position, 0);
    }
    ring_enter(sub);
}

/* The consumer that has most to give back, other than one. */
static ipc__sub *richest(const ipc__stream *stream, const ipc__sub *other)
{
    ipc__sub *best = NULL;
    ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        if (sub != other && sub->out_count && !sub->recalling && !sub->hold->session->ending &&
            (!best || sub->out_count > best->out_count)) {
            best = sub;
        }
    }
    return best;
}

/* A consumer that has nothing and wants something; NULL for none. */
static ipc__sub *starving(const ipc__stream *stream)
{
    ipc__sub *sub;
    DL_FOREACH2(stream->ring, sub, ring_next)
    {
        if (sub->out_count == 0 && demands(sub, core_of(stream)->now)) {
            return sub;
        }
    }
    return NULL;
}

/* Somebody has waited with nothing while others keep items: take half of what the richest has. */
static void rebalance(ipc__timer *timer, uint64_t now)
{
    ipc__stream *stream = (ipc__stream *)((char *)timer - offsetof(ipc__stream, rebalance));
    (void)now;
    ipc__sub *poor = stream->ready ? NULL : starving(stream);
    ipc__sub *giver = poor ? richest(stream, poor) : NULL;
    if (giver) {
        recall(giver, (giver->out_count + 1) / 2);
    }
    ipc__stream_pump(stream);
}

/* A REVOKE voids the consumer's demand: who still wants something asks again. */
static void withdraw(ipc__sub *sub)
{
    sub->window = 0;
    sub->recalling = false;
    ring_leave(sub);
    if (sub->poll) {
        ring_enter(sub);
    }
}

/* Without asking. Where the lane does not know what is taken, some may have been, and was not said. */
static void take_back(ipc__sub *sub)
{
    if (sub->hold->session->lane->exact) {
        recall(sub, sub->out_count);
    } else {
        give_back(sub, 0, 1);
    }
    withdraw(sub);
    ipc__notify(sub->hold, IPC__OP_REVOKE, 0, sub->position);
}

/* A client that is stopped keeps what it has not taken. */
static void validity_over(ipc__timer *timer, uint64_t now)
{
    (void)now;
    ipc__sub *sub = (ipc__sub *)((char *)timer - offsetof(ipc__sub, validity));
    ipc__core *core = core_of(sub->stream);
    learn_taken(sub);
    if (sub->out && sub->out->position <= sub->validity_mark) {
        take_back(sub);
    }
    if (sub->out) {
        sub->validity_mark = sub->position;
        ipc__timer_set(&core->timers, &sub->validity, validity_end(sub));
    }
    ipc__stream_pump(sub->stream);
}

/* ---- moving ---- */

static void deliver(ipc__sub *sub)
{
    ipc__stream *stream = sub->stream;
    ipc__core *core = core_of(stream);
    ipc__item *item = stream->ready;
    DL_DELETE(stream->ready, item);
    stream->ready_count--;
    item->position = ++sub->position;
    DL_APPEND(sub->out, item);
    sub->out_count++;
    sub->out_bytes += item->length;
    stream->untaken++;
    if (!ipc__timer_armed(&sub->validity)) {
        sub->validity_mark = sub->position;
        ipc__timer_set(&core->timers, &sub->validity, validity_end(sub));
    }
    ipc__session *session = sub->hold->session;
    session->lane->deliver(session->peer, sub->hold->id, item);
}

static void admit(ipc__stream *stream)
{
    while (stream->putters && ipc__stream_room(stream)) {
        ipc__call *call = stream->putters;
        if (call->seq) {
            own_item(stream, call->item);
        }
        enqueue(stream, call->item);
        call->item = NULL;
        ipc__call_answer(call, IPC_OK);
    }
}

/* Serve consumers in turn, an item each. */
static void serve(ipc__stream *stream)
{
    uint64_t now = core_of(stream)->now;
    while (stream->ready && stream->ring) {
        ipc__sub *sub = stream->ring;
        if (!demands(sub, now)) {
            ring_leave(sub);
            continue;
        }
        deliver(sub);
        if (sub->poll) {
            ipc__call_answer(sub->poll, IPC_OK);
        }
        if (stream->ring->ring_next) {
            DL_DELETE2(stream->ring, sub, ring_prev, ring_next);
            DL_APPEND2(stream->ring, sub, ring_prev, ring_next);
        }
    }
}

/* Somebody who does not want to wait has nothing: ask the next one, or say so. Whether anything may move now. */
static bool hurry_polls(ipc__stream *stream)
{
    while (stream->pollers && !stream->untaken) {
        ipc__call_answer(stream->pollers, IPC_EEMPTY);
    }
    ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        if (sub->recalling) {
            return false;
        }
    }
    ipc__sub *giver = stream->pollers ? richest(stream, NULL) : NULL;
    uint64_t before = stream->untaken;
    if (giver) {
        recall(giver, 1);
    }
    return stream->untaken != before;
}

void ipc__stream_pump(ipc__stream *stream)
{
    if (stream->object->deleting) {
        return;
    }
    do {
        if (stream->putters) {
            admit(stream);
        }
        serve(stream);
    } while (stream->pollers && !stream->ready && hurry_polls(stream));
    if (!stream->ready && stream->untaken && stream->ring && !ipc__timer_armed(&stream->rebalance) &&
        starving(stream)) {
        ipc__core *core = core_of(stream);
        ipc__timer_set(&core->timers, &stream->rebalance, core->now + REBALANCE_US);
    }
}

/* ---- consuming ---- */

ipc_err ipc__stream_flow(ipc__sub *sub, const ipc__request *request)
{
    uint64_t taken;
    uint64_t window;
    int64_t wait_ms;
    if (request->fields != 3 || !ipc__read_uint(&request->envelope->at, &taken) ||
        !ipc__read_uint(&request->envelope->at, &window) || !ipc__read_int(&request->envelope->at, &wait_ms) ||
        !ipc__stream_take(sub, taken)) {
        return IPC_EPROTO;
    }
    sub->window = window;
    sub->demand_until = ipc__deadline(request->now, wait_ms);
    ring_leave(sub);
    ring_enter(sub);
    ipc__stream_pump(sub->stream);
    return IPC_OK;
}

ipc_err ipc__stream_poll(ipc__sub *sub, const ipc__request *request)
{
    ipc__stream *stream = sub->stream;
    if (request->fields != 0) {
        return IPC_EPROTO;
    }
    if (sub->poll) {
        return ipc__fail(IPC_EBUSY, "another POLL of this handle waits");
    }
    learn_taken(sub);
    ipc__stream_pump(stream); /* that made room */
    ipc__hold *hold = sub->hold;
    if (sub->out || (stream->ready && !stream->putters)) {
        if (!sub->out) {
            deliver(sub);
            ipc__stream_pump(stream);
        }
        ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
        return IPC_OK;
    }
    /* Nobody has anything, also nobody who was asked to give it back already. */
    if (!stream->untaken && !stream->ready) {
        return ipc__fail_plain(IPC_EEMPTY);
    }
    sub->poll = ipc__call_wait(hold, request->seq, &stream->pollers, POLL_RECALL_MS, IPC_EEMPTY);
    if (!sub->poll) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    sub->poll->slot = &sub->poll;
    ring_leave(sub);
    DL_PREPEND2(stream->ring, sub, ring_prev, ring_next);
    sub->in_ring = true;
    ipc__stream_pump(stream);
    return IPC_OK;
}

ipc_err ipc__stream_recalled(ipc__sub *sub, const ipc__request *request)
{
    uint64_t taken;
    uint64_t first;
    if (request->fields != 2 || !ipc__read_uint(&request->envelope->at, &taken) ||
        !ipc__read_uint(&request->envelope->at, &first) || (first && first <= taken) ||
        !ipc__stream_take(sub, taken)) {
        return IPC_EPROTO;
    }
    sub->recalling = false;
    if (first) {
        /* Deliveries that crossed the answer go back too: the client drops what comes before the REVOKE. */
        give_back(sub, first, 0);
        withdraw(sub);
        ipc__notify(sub->hold, IPC__OP_REVOKE, first, sub->position);
    }
    ipc__stream_pump(sub->stream);
    return IPC_OK;
}

/* ---- beginnings and ends ---- */

void ipc__stream_init(ipc__stream *stream, ipc__object *object, const ipc__stream_ops *ops, uint64_t maxsize)
{
    *stream = (ipc__stream){.ops = ops, .object = object, .maxsize = maxsize, .rebalance.fire = rebalance};
}

void ipc__stream_clear(ipc__stream *stream)
{
    free_all(core_of(stream), &stream->ready);
    stream->ready_count = 0;
}

void ipc__stream_fini(ipc__stream *stream)
{
    while (stream->putters) {
        ipc__call_answer(stream->putters, IPC_EDELETED);
    }
    ipc__timer_clear(&core_of(stream)->timers, &stream->rebalance);
    ipc__stream_clear(stream);
}

void ipc__sub_attach(ipc__sub *sub, ipc__stream *stream, ipc__hold *hold)
{
    *sub = (ipc__sub){.stream = stream, .hold = hold, .validity.fire = validity_over};
    DL_APPEND(stream->subs, sub);
}

void ipc__sub_detach(ipc__sub *sub, ipc__end end)
{
    ipc__stream *stream = sub->stream;
    if (!stream) {
        return;
    }
    bool unsure = false;
    if (sub->hold->session) {
        learn_taken(sub); /* while it is whole: it may come to want more by that */
        unsure = end == IPC__END_CRASH && !sub->hold->session->lane->exact;
    }
    ring_leave(sub);
    DL_DELETE(stream->subs, sub);
    ipc__timer_clear(&core_of(stream)->timers, &sub->validity);
    give_back(sub, 0, unsure);
    sub->stream = NULL;
    ipc__stream_pump(stream);
}

void ipc__source_attach(ipc__source *source, ipc__stream *stream, ipc__hold *hold)
{
    *source = (ipc__source){.stream = stream, .hold = hold, .expiry.fire = credits_expired};
    DL_APPEND(stream->sources, source);
}

void ipc__source_detach(ipc__source *source)
{
    ipc__stream *stream = source->stream;
    if (!stream) {
        return;
    }
    DL_DELETE(stream->sources, source);
    ipc__timer_clear(&core_of(stream)->timers, &source->expiry);
    credits_set(source, 0);
    source->stream = NULL;
    ipc__stream_pump(stream);
}
