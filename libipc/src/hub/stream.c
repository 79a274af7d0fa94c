/*
 * Streams, the consumers' side: items go out by demand, and come back by recall.
 * Touches the core it lives in, and sessions through the lane seam. Not locked: the core's thread.
 */
#include "hub/stream.h"

#include "util/clock.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

enum {
    PATIENCE_MIN_US = 2000, /* how long somebody starves before others give back; doubled while that helps nobody */
    PATIENCE_MAX_US = 500 * 1000,
    WANTS_US = 20 * 1000, /* demand on a still lane, after it was served */
    TOLD_FAST_US = 500,   /* takes told so fast one after the other are told in batches */
    NEWS_US = 1000,       /* and looked for so often */
    STUCK_US = 10 * 1000, /* how long a lane that cannot take anything is left alone */
    POLL_RECALL_MS = 200, /* how long a POLL waits for others to give back; they answer at once unless stopped */
};

/* ---- items ---- */

static ipc__core *core_of(const ipc__stream *stream)
{
    return stream->object->core;
}

uint64_t ipc__stream_size(const ipc__stream *stream)
{
    return stream->ready_count + stream->untaken;
}

static void ready_remove(ipc__stream *stream, ipc__item *item)
{
    DL_DELETE(stream->ready, item);
    stream->back = stream->back == item ? NULL : stream->back;
}

static void free_all(ipc__core *core, ipc__item **list)
{
    while (*list) {
        ipc__item *item = *list;
        DL_DELETE(*list, item);
        ipc__item_free(core, item);
    }
}

/* ---- taking back ---- */

/* A part of the time after which the hub takes deliveries back alone: the client stops using them a half earlier. */
static uint64_t validity_step(const ipc__sub *sub)
{
    uint64_t validity = core_of(sub->stream)->validity + sub->out_bytes / IPC__VALIDITY_BYTES_PER_US;
    return validity * 3 / 2 / IPC__VALIDITY_TICKS;
}

/* The first ready item with a higher number; NULL: none. Looked for both ways from where the last one came back. */
static ipc__item *place_of(const ipc__stream *stream, uint64_t seq)
{
    if (!stream->ready || stream->ready->prev->seq < seq) {
        return NULL;
    }
    ipc__item *at = stream->back ? stream->back : stream->ready;
    while (at->seq < seq) {
        at = at->next;
    }
    while (at != stream->ready && at->prev->seq > seq) {
        at = at->prev;
    }
    return at;
}

void ipc__stream_return(ipc__stream *stream, ipc__item *item, ipc__back how)
{
    if (how != IPC__BACK_UNTAKEN) {
        ipc__item_raise(item);
    }
    if (stream->ops->keeps && !stream->ops->keeps(stream, item, how)) {
        return;
    }
    ipc__item *before = place_of(stream, item->seq);
    stream->back = item;
    if (before) {
        DL_PREPEND_ELEM(stream->ready, before, item);
    } else {
        DL_APPEND(stream->ready, item);
    }
    stream->ready_count++;
}

static bool demands(const ipc__sub *sub, uint64_t now)
{
    return ipc__hold_alive(sub->hold) && !sub->full &&
           (sub->poll || (sub->window > sub->out_count && sub->demand_until > now));
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

/* The highest number that the consumer has, after some went back. */
static void find_newest(ipc__sub *sub)
{
    sub->newest = sub->newest_taken;
    ipc__item *item;
    DL_FOREACH(sub->out, item)
    {
        sub->newest = item->seq > sub->newest ? item->seq : sub->newest;
    }
}

/* Untaken deliveries return, newest first, down to a position. */
static void give_back(ipc__sub *sub, uint64_t first, ipc__back how)
{
    if (how != IPC__BACK_UNTAKEN) {
        sub->newest_taken = sub->newest;
    }
    while (sub->out && sub->out->prev->position >= first) {
        ipc__item *item = sub->out->prev;
        sub_drop(sub, item);
        /* Of what may have been taken, the oldest may be what the consumer died of. */
        ipc__stream_return(sub->stream, item, how == IPC__BACK_SUSPECT && sub->out ? IPC__BACK_UNSURE : how);
    }
    find_newest(sub);
}

/* Something is taken: who waits for others to give back need not wait long any more. */
static void hasten(ipc__stream *stream)
{
    if (stream->patience == PATIENCE_MIN_US) {
        return;
    }
    stream->patience = PATIENCE_MIN_US;
    if (ipc__timer_armed(&stream->rebalance)) {
        ipc__core *core = core_of(stream);
        ipc__timer_set(&core->timers, &stream->rebalance, core->now + stream->patience);
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
        sub->newest_taken = item->seq > sub->newest_taken ? item->seq : sub->newest_taken;
        hasten(sub->stream);
        sub->stream->ops->taken(sub->stream, sub, item);
    }
    sub->taken = position > sub->taken ? position : sub->taken;
    sub->full = false;
    if (sub->hold->session) {
        ring_enter(sub);
    }
    return true;
}

/* What the lane knows by itself. */
static void learn_taken(ipc__sub *sub)
{
    ipc__session *session = sub->hold->session;
    if (!sub->out || !session || !session->lane->exact) {
        return;
    }
    uint64_t position = session->lane->taken(session->peer, sub->hold->id);
    if (position <= sub->taken) {
        return;
    }
    if (session->lane->still && sub->demand_until != IPC__NEVER) {
        uint64_t until = core_of(sub->stream)->now + WANTS_US; /* it is at work */
        sub->demand_until = sub->demand_until > until ? sub->demand_until : until;
    }
    ipc__stream_take(sub, position);
}

void ipc__stream_learn(ipc__stream *stream)
{
    ipc__sub *sub;
    DL_FOREACH(stream->untaken ? stream->subs : NULL, sub)
    {
        if (ipc__hold_alive(sub->hold)) { /* one that goes has its turn */
            learn_taken(sub);
        }
    }
}

bool ipc__stream_unsure(const ipc__stream *stream)
{
    const ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        if (sub->out && !(sub->hold->session && sub->hold->session->lane->exact)) {
            return true;
        }
    }
    return false;
}

static void recall(ipc__sub *sub, uint64_t count)
{
    ipc__session *session = sub->hold->session;
    int64_t back = session->lane->recall(session->peer, sub->hold->id, (uint32_t)count);
    if (back == IPC__RECALL_LATER) {
        sub->recalling = true;
        sub->recalled_at = core_of(sub->stream)->now;
        return;
    }
    learn_taken(sub);
    for (; back > 0 && sub->out; back--) {
        give_back(sub, sub->out->prev->position, IPC__BACK_UNTAKEN);
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
        if (sub != other && sub->out_count && !sub->recalling && ipc__hold_alive(sub->hold) &&
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
        /* Two that want something and take nothing must not pass it to and fro for ever. */
        stream->patience = 2 * stream->patience < PATIENCE_MAX_US ? 2 * stream->patience : PATIENCE_MAX_US;
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
static void take_back(ipc__sub *sub, bool unsure)
{
    if (sub->hold->session->lane->exact) {
        recall(sub, sub->out_count);
    } else {
        give_back(sub, 0, unsure ? IPC__BACK_UNSURE : IPC__BACK_UNTAKEN);
    }
    withdraw(sub);
    ipc__notify(sub->hold, IPC__OP_REVOKE, 0, sub->position);
}

/* A client that is stopped keeps what it has not taken. */
static void validity_tick(ipc__timer *timer, uint64_t now)
{
    ipc__sub *sub = (ipc__sub *)((char *)timer - offsetof(ipc__sub, validity));
    learn_taken(sub);
    if (sub->out && sub->out->position <= sub->marks[IPC__VALIDITY_TICKS - 1]) {
        take_back(sub, true);
    }
    memmove(sub->marks + 1, sub->marks, sizeof sub->marks - sizeof sub->marks[0]);
    sub->marks[0] = sub->position;
    if (sub->out) {
        ipc__timer_set(&core_of(sub->stream)->timers, timer, now + validity_step(sub));
    }
    ipc__stream_pump(sub->stream);
}

/* ---- moving ---- */

static void deliver(ipc__sub *sub)
{
    ipc__stream *stream = sub->stream;
    ipc__core *core = core_of(stream);
    ipc__item *item = stream->ready;
    ready_remove(stream, item);
    stream->ready_count--;
    item->late = item->seq < sub->newest;
    sub->newest = item->late ? sub->newest : item->seq;
    item->position = ++sub->position;
    DL_APPEND(sub->out, item);
    sub->out_count++;
    sub->out_bytes += item->length;
    stream->untaken++;
    if (!ipc__timer_armed(&sub->validity)) {
        memset(sub->marks, 0, sizeof sub->marks);
        ipc__timer_set(&core->timers, &sub->validity, core->now + validity_step(sub));
    }
    ipc__session *session = sub->hold->session;
    session->lane->deliver(session->peer, sub->hold->id, item);
    if (session->lane->still && sub->demand_until == IPC__NEVER && !sub->hold->watched) {
        sub->cut = true;
        sub->demand_until = core->now + WANTS_US;
    }
}

/* Whether the lane can take the next item. If not, the consumer is served again when it has taken something. */
static bool fits(ipc__sub *sub)
{
    const ipc__session *session = sub->hold->session;
    sub->full = session->lane->fits && !session->lane->fits(session->peer, sub->hold->id, sub->stream->ready);
    return !sub->full;
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
        if (!sub->ring_next && !sub->poll) { /* alone */
            for (uint64_t wanted = sub->window - sub->out_count; wanted && stream->ready && fits(sub); wanted--) {
                deliver(sub);
            }
            continue;
        }
        if (!fits(sub)) {
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

/* What a POLL is told that has found nothing. */
static ipc_err nothing(const ipc__stream *stream)
{
    return ipc__stream_drained(stream) && stream->shut ? IPC_ESHUTDOWN : IPC_EEMPTY;
}

/* Somebody who does not want to wait has nothing: ask the next one, or say so. Whether anything may move now. */
static bool hurry_polls(ipc__stream *stream)
{
    bool asked = false;
    ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        asked = asked || (sub->recalling && !sub->silent);
    }
    ipc__sub *giver = asked ? NULL : richest(stream, NULL);
    while (stream->pollers && (!stream->untaken || (!asked && !giver))) {
        ipc__call_answer(stream->pollers, nothing(stream));
    }
    uint64_t before = stream->untaken;
    if (stream->pollers && giver) {
        /* From who asks for more, half of the newest; from who has stopped asking, all: in order, and at once. */
        bool asks = giver->window && giver->demand_until > core_of(stream)->now;
        recall(giver, asks && giver->out_count > 1 ? giver->out_count / 2 : giver->out_count);
    }
    return stream->untaken != before;
}

/* A POLL's time is over: whoever was asked so long ago and has not answered is stopped, and is not waited for again. */
static bool poll_late(ipc__call *call)
{
    uint64_t now = core_of(call->stream)->now;
    ipc__sub *sub;
    DL_FOREACH(call->stream->subs, sub)
    {
        sub->silent = sub->recalling && now - sub->recalled_at >= POLL_RECALL_MS * IPC__US_PER_MS;
    }
    return false;
}

/* From which position on a consumer should tell: from the next one where somebody waits for that; fast ones in batches. */
static uint64_t telling_from(const ipc__stream *stream, const ipc__sub *sub, bool fast)
{
    bool waited_for = stream->putters || stream->ending;
    if (!sub->out || !(waited_for || sub->full)) {
        return 0;
    }
    if (waited_for && !fast) {
        return sub->out->position;
    }
    /* What it was asked for stands until it is through with that: it need not look again at every turn. */
    uint64_t half = sub->out->position + sub->out_count / 2;
    return sub->tell_at >= sub->out->position && sub->tell_at <= half ? sub->tell_at : half;
}

/*
 * Where somebody waits for takes (puts for room, all for the end), consumers on lanes that don't tell are asked to. Whether one has
 * taken something that is not known yet.
 */
static bool ask_for_news(ipc__stream *stream)
{
    uint64_t now = core_of(stream)->now;
    bool fast = now - stream->told_at < TOLD_FAST_US;
    bool asked = false;
    bool stuck = false; /* it has nothing that it could take, and say so: memory or descriptors ran out */
    ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        const ipc__session *session = sub->hold->session;
        if (!session || !session->lane->tell) {
            continue;
        }
        uint64_t from = telling_from(stream, sub, fast);
        if (from != sub->tell_at) {
            sub->tell_at = from;
            session->lane->tell(session->peer, sub->hold->id, from);
        }
        asked = asked || from;
        stuck = stuck || (sub->full && !sub->out);
    }
    ipc__timers *timers = &core_of(stream)->timers;
    if (!stuck && (!asked || !fast)) {
        ipc__timer_clear(timers, &stream->news);
    } else if (!ipc__timer_armed(&stream->news)) {
        ipc__timer_set(timers, &stream->news, now + (stuck ? STUCK_US : NEWS_US));
    }
    uint64_t before = stream->untaken;
    if (asked) {
        ipc__stream_learn(stream); /* taken before the question was seen */
    }
    return stream->untaken != before;
}

/* Takes that were not told: nobody waits for them longer than this. */
static void news_due(ipc__timer *timer, uint64_t now)
{
    (void)now;
    ipc__stream *stream = (ipc__stream *)((char *)timer - offsetof(ipc__stream, news));
    ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        if (sub->full && !sub->out) {
            sub->full = false;
            ring_enter(sub);
        }
    }
    ipc__stream_pump(stream);
}

static void move(ipc__stream *stream)
{
    do {
        ipc__stream_admit(stream);
        serve(stream);
    } while (stream->pollers && !stream->ready && hurry_polls(stream));
}

void ipc__stream_pump(ipc__stream *stream)
{
    if (stream->object->deleting) {
        return;
    }
    ipc__stream_learn(stream);
    do {
        move(stream);
    } while (ask_for_news(stream));
    if (!stream->ready && stream->untaken && stream->ring && !ipc__timer_armed(&stream->rebalance) &&
        starving(stream)) {
        ipc__core *core = core_of(stream);
        ipc__timer_set(&core->timers, &stream->rebalance, core->now + stream->patience);
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
    sub->silent = false;
    sub->recalled_at = request->now; /* it runs: it has its time from here on */
    sub->window = window;
    sub->full = false;
    sub->demand_until = ipc__deadline(request->now, wait_ms);
    sub->cut = false;
    if (sub->tell_at && taken >= sub->tell_at) {
        sub->stream->told_at = request->now;
    }
    ring_leave(sub);
    ring_enter(sub);
    ipc__stream_pump(sub->stream);
    return IPC_OK;
}

void ipc__sub_watched(ipc__sub *sub)
{
    if (sub->cut) {
        sub->cut = false;
        sub->demand_until = IPC__NEVER;
        ring_enter(sub);
        ipc__stream_pump(sub->stream);
    }
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
    sub->silent = false;
    sub->recalled_at = request->now;
    learn_taken(sub);
    ipc__stream_pump(stream); /* that made room */
    ipc__hold *hold = sub->hold;
    if (sub->out || (stream->ready && !stream->putters && fits(sub))) {
        if (!sub->out) {
            deliver(sub);
            ipc__stream_pump(stream);
        }
        ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
        return IPC_OK;
    }
    /* Nobody has anything, also nobody who was asked to give it back already. */
    if (!stream->untaken && !stream->ready) {
        return ipc__fail_plain(nothing(stream));
    }
    ipc_err err = ipc__call_wait(&sub->poll, hold, request->seq, &stream->pollers, POLL_RECALL_MS, IPC_EEMPTY);
    if (err) {
        return err;
    }
    sub->poll->slot = &sub->poll;
    sub->poll->stream = stream;
    sub->poll->expired = poll_late;
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
        !ipc__read_uint(&request->envelope->at, &first) || (first && first <= taken) || !ipc__stream_take(sub, taken)) {
        return IPC_EPROTO;
    }
    sub->recalling = sub->silent = false;
    if (first) {
        /* Deliveries that crossed the answer go back too: the client drops what comes before the REVOKE. */
        give_back(sub, first, IPC__BACK_UNTAKEN);
        withdraw(sub);
        ipc__notify(sub->hold, IPC__OP_REVOKE, first, sub->position);
    }
    ipc__stream_pump(sub->stream);
    return IPC_OK;
}

/* ---- beginnings and ends ---- */

void ipc__stream_init(ipc__stream *stream, ipc__object *object, const ipc__stream_ops *ops, uint64_t maxsize)
{
    *stream = (ipc__stream){.ops = ops,
                            .object = object,
                            .maxsize = maxsize,
                            .patience = PATIENCE_MIN_US,
                            .rebalance.fire = rebalance,
                            .news.fire = news_due};
}

void ipc__stream_clear(ipc__stream *stream)
{
    free_all(core_of(stream), &stream->ready);
    stream->back = NULL;
    stream->ready_count = 0;
}

void ipc__stream_discard(ipc__stream *stream)
{
    ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        if (!ipc__hold_alive(sub->hold)) {
            continue;
        }
        learn_taken(sub);
        if (sub->out) {
            take_back(sub, false);
        }
    }
    while (stream->ready) {
        ipc__item *item = stream->ready;
        ready_remove(stream, item);
        stream->ready_count--;
        stream->ops->keeps(stream, item, IPC__BACK_UNTAKEN);
    }
    while (stream->putters) {
        ipc__item *item = stream->putters->item;
        stream->putters->item = NULL;
        stream->ops->keeps(stream, item, IPC__BACK_UNTAKEN);
        ipc__call_answer(stream->putters, IPC_ESHUTDOWN);
    }
}

bool ipc__stream_drained(const ipc__stream *stream)
{
    return !stream->ready && !stream->untaken && !stream->putters;
}

void ipc__stream_inspect(const ipc__stream *stream, msgpack_packer *packer)
{
    uint64_t gets = 0;
    const ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        gets += sub->out_count == 0 && demands(sub, core_of(stream)->now);
    }
    uint64_t puts = 0;
    const ipc__call *call;
    DL_COUNT(stream->putters, call, puts);
    ipc__pack_uint(packer, "size", ipc__stream_size(stream));
    ipc__pack_uint(packer, "delivered", stream->untaken);
    ipc__pack_uint(packer, "credits", stream->credits);
    ipc__pack_uint(packer, "accepted", stream->next_seq);
    ipc__pack_uint(packer, "gets_waiting", gets);
    ipc__pack_uint(packer, "puts_waiting", puts);
}

void ipc__stream_fini(ipc__stream *stream)
{
    while (stream->putters) {
        ipc__call_answer(stream->putters, IPC_EDELETED);
    }
    ipc__timer_clear(&core_of(stream)->timers, &stream->rebalance);
    ipc__timer_clear(&core_of(stream)->timers, &stream->overdue);
    ipc__timer_clear(&core_of(stream)->timers, &stream->news);
    ipc__stream_clear(stream);
}

void ipc__sub_attach(ipc__sub *sub, ipc__stream *stream, ipc__hold *hold)
{
    *sub = (ipc__sub){.stream = stream, .hold = hold, .validity.fire = validity_tick};
    DL_APPEND(stream->subs, sub);
}

void ipc__sub_detach(ipc__sub *sub, ipc__end end)
{
    ipc__stream *stream = sub->stream;
    if (!stream) {
        return;
    }
    bool unsure = false;
    if (sub->hold->session && sub->hold->session->lane->exact) {
        learn_taken(sub); /* while it is whole: it may come to want more by that */
        if (sub->out) {
            recall(sub, sub->out_count); /* what cannot be recalled was taken meanwhile */
        }
    } else if (sub->hold->session) {
        unsure = end == IPC__END_CRASH;
    }
    ring_leave(sub);
    DL_DELETE(stream->subs, sub);
    ipc__timer_clear(&core_of(stream)->timers, &sub->validity);
    give_back(sub, 0, unsure ? IPC__BACK_SUSPECT : IPC__BACK_UNTAKEN);
    sub->stream = NULL;
    ipc__stream_pump(stream);
}
