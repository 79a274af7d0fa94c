/*
 * Streams, the producers' side: items go in by a bound, with credits for who puts steadily.
 * Touches the core it lives in, and sessions through the lane seam. Not locked: the core's thread.
 */
#include "hub/stream.h"
#include "util/clock.h"
#include "util/error.h"

#include <utlist.h>

enum {
    FULL_RECALL_MS = 200, /* how long a put without patience waits for credits to come back; they do at once unless
                             somebody is stopped */
    STREAK_US = 5000,     /* puts closer than this are a sustained stream */
    OVERDUE_US = 2000,    /* how long a put waits for room before others are asked for their credits */
    GRANT_MAX = 4096,     /* credits of one grant */
};

/* ---- room ---- */

static ipc__core *core_of(const ipc__stream *stream)
{
    return stream->object->core;
}

static uint64_t held(const ipc__stream *stream)
{
    return stream->ready_count + stream->untaken + stream->credits;
}

bool ipc__stream_room(const ipc__stream *stream)
{
    return stream->maxsize == 0 || held(stream) < stream->maxsize;
}

/* The hub owns it from here on, whether or not there is room yet. */
static void own_item(ipc__stream *stream, ipc__item *item)
{
    if (stream->ops->accepted) {
        stream->ops->accepted(stream, item);
    }
}

void ipc__stream_append(ipc__stream *stream, ipc__item *item)
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

/* Take back at once what is not used, where the lane can. False: its owner must be asked. */
static bool credits_take(ipc__source *source)
{
    const ipc__session *session = source->hold->session;
    if (!session || !session->lane->uncredit) {
        return false;
    }
    uint64_t unused = session->lane->uncredit(session->peer, source->hold->id);
    credits_set(source, unused < source->credits ? source->credits - unused : 0); /* the rest is on its way */
    return true;
}

static void credits_expired(ipc__timer *timer, uint64_t now)
{
    (void)now;
    ipc__source *source = (ipc__source *)((char *)timer - offsetof(ipc__source, expiry));
    credits_take(source);
    credits_set(source, 0);
    ipc__stream_pump(source->stream);
}

/* Ask everybody for their credits: somebody waits for room. */
static void credits_recall(ipc__stream *stream)
{
    ipc__source *source;
    DL_FOREACH(stream->sources, source)
    {
        if (source->credits && !source->recalling && ipc__hold_alive(source->hold) && !credits_take(source)) {
            source->recalling = true;
            ipc__notify(source->hold, IPC__OP_UNCREDIT, 0, 0);
        }
    }
}

/* Somebody has waited for room for a while, though credits are out: they are asked for. */
static void credits_overdue(ipc__timer *timer, uint64_t now)
{
    ipc__stream *stream = (ipc__stream *)((char *)timer - offsetof(ipc__stream, overdue));
    (void)now;
    if (stream->putters) {
        credits_recall(stream);
        ipc__stream_pump(stream); /* what could be taken back at once is room */
    }
}

/* Who waits for room need not wait long for credits that nobody uses; while consumers make room, they are left alone. */
static void credits_watch(ipc__stream *stream)
{
    ipc__core *core = core_of(stream);
    bool waits = stream->putters && stream->credits;
    if (!waits) {
        ipc__timer_clear(&core->timers, &stream->overdue);
    } else if (!ipc__timer_armed(&stream->overdue)) {
        stream->overdue.fire = credits_overdue;
        ipc__timer_set(&core->timers, &stream->overdue, core->now + OVERDUE_US);
    }
}

/* Whether credits are out that will come back soon, if their owners run. */
static bool credits_to_come(const ipc__stream *stream)
{
    const ipc__source *source;
    DL_FOREACH(stream->sources, source)
    {
        if (source->credits && !source->silent) {
            return true;
        }
    }
    return false;
}

/* A put has waited for credits in vain: whoever has not given them back by now is stopped, and is not waited for again. */
static bool put_late(ipc__call *call)
{
    ipc__source *source;
    DL_FOREACH(call->stream->sources, source)
    {
        source->silent = source->recalling;
    }
    return false;
}

/* How many a producer may have: at most half of what is free, shared among those who have some. */
static uint64_t spare_credits(const ipc__source *source)
{
    const ipc__stream *stream = source->stream;
    uint64_t used = held(stream);
    /* Of little room nobody gets a part: a few credits each time would cost a message for every few puts. */
    if (used + stream->maxsize / 4 > stream->maxsize) {
        return 0;
    }
    uint64_t producers = 0;
    const ipc__source *other;
    DL_FOREACH(stream->sources, other)
    {
        producers += other->credits > 0 || other == source;
    }
    return (stream->maxsize - used) / (2 * producers);
}

/* Credits for who puts steadily: twice as many as the last time. Nobody gets any while others wait for room. */
static void credits_grant(ipc__source *source)
{
    ipc__stream *stream = source->stream;
    ipc__core *core = core_of(stream);
    if (stream->putters || source->recalling || source->credits > source->grant / 2) {
        return;
    }
    uint64_t spare = spare_credits(source);
    uint64_t more = source->grant ? 2 * source->grant : 1;
    more = more < spare ? more : spare;
    more = more < GRANT_MAX ? more : GRANT_MAX;
    if (more == 0 || !ipc__timer_set(&core->timers, &source->expiry, core->now + core->validity * 3 / 2)) {
        return;
    }
    source->grant = more;
    credits_set(source, source->credits + more);
    const ipc__session *session = source->hold->session;
    if (session->lane->credit) {
        session->lane->credit(session->peer, source->hold->id, more);
    } else {
        ipc__notify(source->hold, IPC__OP_CREDIT, more, 0);
    }
}

/* A put came in at once: is it one of a stream of them? */
static void credits_on_put(ipc__source *source)
{
    uint64_t now = core_of(source->stream)->now;
    bool steady = now - source->last_put <= STREAK_US;
    source->last_put = now;
    if (steady) {
        credits_grant(source);
    } else {
        source->grant = 0;
    }
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
    bool impatient = !pipelined && timeout_ms == 0;
    if (impatient) {
        if (!credits_to_come(stream)) {
            ipc__item_free(core_of(stream), item);
            return ipc__fail_plain(IPC_EFULL);
        }
        timeout_ms = FULL_RECALL_MS;
    }
    ipc__call *call;
    ipc_err err = ipc__call_wait(&call, source->hold, pipelined ? 0 : request->seq, &stream->putters,
                                 pipelined ? -1 : timeout_ms, IPC_EFULL);
    if (err) {
        ipc__item_free(core_of(stream), item);
        return err;
    }
    call->item = item;
    call->impatient = impatient;
    call->stream = stream;
    call->source = source;
    call->expired = impatient ? put_late : NULL;
    if (pipelined) {
        own_item(stream, item);
    }
    source->last_put = core_of(stream)->now;
    if (stream->credits && impatient) {
        credits_recall(stream); /* the caller pumps */
    }
    return IPC_OK;
}

/* Whether the value may come in at all. */
static ipc_err check_value(const ipc__core *core, ipc__bytes value)
{
    if (value.length > core->options.max_message) {
        return ipc__fail(IPC_ETOOBIG, "a value of %zu bytes; the hub allows %u", value.length,
                         core->options.max_message);
    }
    return ipc__core_room(core, value.length);
}

/* The next operation as an item, if it is one more PUT of the same handle; else it is left for the core. */
static ipc__item *next_of_run(const ipc__source *source, ipc__envelope *envelope)
{
    ipc__core *core = core_of(source->stream);
    ipc_cursor before = envelope->at;
    unsigned frame = envelope->next_frame;
    ipc__bytes value;
    ipc__block *block;
    if (ipc__envelope_follows(envelope, IPC__OP_PUT, source->hold->id, 1) &&
        ipc__read_value(envelope, &value, &block) && check_value(core, value) == IPC_OK) {
        ipc__item *item = ipc__item_new(core, value, block);
        if (item) {
            source->hold->session->acked += value.length;
            return item;
        }
    }
    envelope->at = before;
    envelope->next_frame = frame;
    return NULL;
}

/* Where nothing has to wait, a PUT brings in all that follow it: consumers are looked for once. */
static void put_run(ipc__source *source, ipc__envelope *envelope)
{
    ipc__stream *stream = source->stream;
    ipc__item *item;
    while ((item = next_of_run(source, envelope))) {
        own_item(stream, item);
        ipc__stream_append(stream, item);
    }
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
    ipc__stream_append(stream, item);
    if (request->op == IPC__OP_PUT_WAIT) {
        ipc__reply(source->hold->session, source->hold->id, request->seq, IPC_OK);
    }
    if (stream->maxsize) {
        credits_on_put(source);
    } else if (request->op == IPC__OP_PUT && !stream->putters) {
        put_run(source, request->envelope);
    }
    ipc__stream_pump(stream);
    return IPC_OK;
}

ipc_err ipc__stream_put(ipc__source *source, const ipc__request *request)
{
    bool pipelined = request->op == IPC__OP_PUT;
    int64_t timeout_ms = -1;
    ipc__bytes value;
    ipc__block *block;
    if (request->fields != (pipelined ? 1U : 2U) ||
        (!pipelined && !ipc__read_int(&request->envelope->at, &timeout_ms)) ||
        !ipc__read_value(request->envelope, &value, &block)) {
        return IPC_EPROTO;
    }
    ipc__core *core = core_of(source->stream);
    source->hold->session->acked += value.length;
    ipc_err err = source->stream->shut ? ipc__fail_plain(IPC_ESHUTDOWN) : check_value(core, value);
    if (!err && source->stream->maxsize && (source->stream->putters || !ipc__stream_room(source->stream))) {
        ipc__stream_pump(source->stream); /* consumers may have made room that is not known yet */
    }
    bool credit = pipelined && source->credits > 0;
    if (credit) {
        credits_set(source, source->credits - 1);
    }
    ipc__item *item = err ? NULL : ipc__item_new(core, value, block);
    if (!item) {
        core->refused++;
        ipc__stream_pump(source->stream);
        return err ? err : ipc__fail_plain(IPC_ENOMEM);
    }
    return put_item(source, request, timeout_ms, item, credit);
}

ipc_err ipc__stream_uncredited(ipc__source *source, const ipc__request *request)
{
    uint64_t back;
    if (request->fields != 1 || !ipc__read_uint(&request->envelope->at, &back)) {
        return IPC_EPROTO;
    }
    source->recalling = source->silent = false;
    source->grant = 0;
    /* It has none left, however it counts: none were given since they were asked for, and its puts came before this. */
    credits_set(source, 0);
    ipc__stream_pump(source->stream);
    return IPC_OK;
}

/* Puts that wait come in while there is room. */
void ipc__stream_admit(ipc__stream *stream)
{
    while (stream->putters && ipc__stream_room(stream)) {
        ipc__call *call = stream->putters;
        if (call->seq) {
            own_item(stream, call->item);
        }
        ipc__stream_append(stream, call->item);
        call->item = NULL;
        ipc__source *source = call->hold && call->seq ? call->source : NULL;
        ipc__call_answer(call, IPC_OK);
        if (source && source->grant) { /* it had some, and used them up */
            source->last_put = core_of(stream)->now;
            credits_grant(source);
        }
    }
    credits_watch(stream);
    /* Nothing is left that could come back: who does not want to wait is told. */
    ipc__call *call;
    ipc__call *next;
    DL_FOREACH_SAFE(stream->credits ? NULL : stream->putters, call, next)
    {
        if (call->impatient) {
            ipc__call_answer(call, IPC_EFULL);
        }
    }
}

void ipc__stream_shut(ipc__stream *stream)
{
    stream->shut = true;
    ipc__source *source;
    DL_FOREACH(stream->sources, source)
    {
        ipc__timer_clear(&core_of(stream)->timers, &source->expiry);
        credits_take(source);
        credits_set(source, 0);
    }
    ipc__call *call;
    ipc__call *next;
    DL_FOREACH_SAFE(stream->putters, call, next)
    {
        if (call->seq) {
            ipc__call_answer(call, IPC_ESHUTDOWN);
        }
    }
}

/* ---- beginnings and ends ---- */

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
