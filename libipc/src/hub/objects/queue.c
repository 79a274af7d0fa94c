/*
 * Queues: a stream with many producers and consumers; a joinable one leases what is taken until it is done, and knows
 * where to put what is handed out in vain.
 * Touches its stream and, through the core, its holders. Not locked: the core's thread.
 */
#include "hub/stream.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hash.h"

#include <ipc/queue.h>
#include <stdlib.h>
#include <utlist.h>

enum { DONE_ANY_WAIT_MS = 250 }; /* how long a DONE_ANY waits for a take that is not reported yet */

/* A taken item that is not done. */
struct lease {
    ipc__lease base;
    ipc__item *item;
    struct lease *older, *newer; /* in the queue, by time of taking */
    UT_hash_handle hh;           /* by the item's number */
};

/* What it was asked to be. */
struct options {
    uint64_t maxsize;
    bool joinable;
    uint64_t redeliver;      /* an ipc_redeliver */
    uint64_t max_deliveries; /* 0: no bound */
    ipc__bytes dead_letter;  /* no bytes: none */
    struct {
        bool maxsize, joinable, redeliver, max_deliveries, dead_letter;
    } asked;
};

struct queue {
    ipc__object base;
    ipc__stream stream;
    bool joinable;
    ipc_redeliver redeliver;
    uint32_t max_deliveries;
    char *dead_letter;   /* the name of the queue for what is handed out in vain; or NULL */
    bool discarding;     /* shut down at once: nothing comes back */
    uint64_t left;       /* leases of a session that is just ending, which stay */
    uint64_t unfinished; /* items put and not done */
    struct lease *leases;
    struct lease *by_seq;
    ipc__call *joiners;
    ipc__call *finishers; /* DONE_ANYs that wait for a lease */
};

struct queue_hold {
    ipc__hold base;
    ipc__sub sub;
    ipc__source source;
};

static struct queue *queue_of(ipc__object *object)
{
    return (struct queue *)object;
}

static struct queue *queue_of_stream(ipc__stream *stream)
{
    return queue_of(stream->object);
}

/* ---- leases ---- */

static void lease_free(struct queue *queue, struct lease *lease)
{
    ipc__lease_remove(&lease->base);
    DL_DELETE2(queue->leases, lease, older, newer);
    HASH_DEL(queue->by_seq, lease);
    ipc__slab_free(&queue->base.core->slabs, lease, sizeof *lease);
}

/* One item less is unfinished. */
static void count_down(struct queue *queue)
{
    if (queue->joinable && --queue->unfinished == 0) {
        ipc__calls_answer(&queue->joiners, IPC_OK);
    }
}

/* One item is done: its lease is over. */
static void finish(struct queue *queue, struct lease *lease)
{
    ipc__item_free(queue->base.core, lease->item);
    lease_free(queue, lease);
    count_down(queue);
}

/* Nothing is left of a queue that was shut down. What comes back later is for those who ask again. */
static bool is_over(const struct queue *queue)
{
    return queue->stream.shut && !queue->base.deleting && ipc__stream_drained(&queue->stream);
}

/* It may be over by now: then all are told. */
static void check_end(struct queue *queue)
{
    ipc__hold *hold;
    DL_FOREACH(is_over(queue) ? queue->base.holds : NULL, hold)
    {
        if (ipc__hold_alive(hold)) {
            ipc__notify_end(hold, IPC_ESHUTDOWN);
        }
    }
}

/* ---- what is handed out in vain ---- */

static const char *name_of(const struct queue *queue)
{
    return queue->base.name ? queue->base.name : "";
}

/* Move an item to the queue for such. False: there is no way, it stays. */
static bool bury(struct queue *queue, ipc__item *item)
{
    ipc__core *core = queue->base.core;
    if (!queue->dead_letter) {
        ipc__log(IPC_LOG_WARN, "item %llu of queue \"%s\" was handed out %u times in vain, and is dropped",
                 (unsigned long long)item->seq, name_of(queue), item->strikes);
        ipc__item_free(core, item);
        return true;
    }
    ipc__object *object;
    ipc_err err = ipc__object_named(core, &ipc__queue_ops, queue->dead_letter, &object);
    struct queue *dead = err ? NULL : queue_of(object);
    if (!dead || dead->stream.shut || dead == queue) {
        ipc__log(IPC_LOG_ERROR, "item %llu of queue \"%s\" cannot go to queue \"%s\", and is handed out again: %s",
                 (unsigned long long)item->seq, name_of(queue), queue->dead_letter,
                 err ? ipc_last_error() : "that is shut down");
        return false;
    }
    ipc__log(IPC_LOG_WARN, "item %llu of queue \"%s\" was handed out %u times in vain, and goes to queue \"%s\"",
             (unsigned long long)item->seq, name_of(queue), item->strikes, queue->dead_letter);
    item->attempt = 1;
    item->strikes = 0;
    dead->unfinished += dead->joinable;
    ipc__stream_append(&dead->stream, item);
    ipc__stream_pump(&dead->stream);
    return true;
}

static bool queue_keeps(ipc__stream *stream, ipc__item *item, ipc__back how)
{
    struct queue *queue = queue_of_stream(stream);
    if (queue->base.deleting) {
        return true; /* and goes with the queue */
    }
    if (queue->discarding) {
        ipc__item_free(queue->base.core, item);
        count_down(queue);
        return false; /* whoever it was with is told that it is void, and only then of the end */
    }
    if (!queue->max_deliveries || how < IPC__BACK_SUSPECT) {
        return true;
    }
    ipc__item_strike(item);
    /* A suspicion alone does not bury: it may never have been taken. */
    if (item->strikes < queue->max_deliveries + (how == IPC__BACK_SUSPECT) || !bury(queue, item)) {
        return true;
    }
    count_down(queue);
    check_end(queue);
    return false;
}

/* Hand an item out again. */
static void revoke(struct queue *queue, struct lease *lease)
{
    ipc__item *item = lease->item;
    lease_free(queue, lease);
    ipc__stream_return(&queue->stream, item, IPC__BACK_UNFINISHED);
}

static void queue_taken(ipc__stream *stream, ipc__sub *sub, ipc__item *item)
{
    struct queue *queue = queue_of_stream(stream);
    check_end(queue);
    if (!queue->joinable) {
        ipc__item_free(queue->base.core, item);
        return;
    }
    ipc__slabs *slabs = &queue->base.core->slabs;
    struct lease *lease = ipc__slab_alloc(slabs, sizeof *lease);
    if (lease) {
        *lease = (struct lease){.item = item};
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, queue->by_seq, &item->seq, sizeof item->seq, ipc__hash_of(item->seq), lease);
    }
    if (!lease || !lease->hh.tbl) {
        /* Without memory for a lease it is as if the consumer had given the item back. */
        if (lease) {
            ipc__slab_free(slabs, lease, sizeof *lease);
        }
        ipc__stream_return(stream, item, IPC__BACK_UNSURE);
        return;
    }
    ipc__lease_add(&lease->base, &queue->base, sub->hold->session);
    DL_APPEND2(queue->leases, lease, older, newer);
    if (queue->finishers) {
        ipc__call_answer(queue->finishers, IPC_OK);
        finish(queue, lease);
    }
}

static void queue_accepted(ipc__stream *stream, ipc__item *item)
{
    (void)item;
    queue_of_stream(stream)->unfinished += queue_of_stream(stream)->joinable;
}

static const ipc__stream_ops stream_ops = {.taken = queue_taken, .accepted = queue_accepted, .keeps = queue_keeps};

static void queue_lease_end(ipc__lease *base, ipc__end end, bool last)
{
    struct queue *queue = queue_of(base->object);
    bool again =
        end == IPC__END_CLEAN ? queue->redeliver == IPC_REDELIVER_ALWAYS : queue->redeliver != IPC_REDELIVER_NEVER;
    if (again) {
        revoke(queue, (struct lease *)base);
        if (last) {
            ipc__stream_pump(&queue->stream);
        }
        return;
    }
    queue->left++;
    if (last) {
        ipc__log(IPC_LOG_WARN, "a session ended with %llu of queue \"%s\" taken and not done; they stay unfinished",
                 (unsigned long long)queue->left, name_of(queue));
        queue->left = 0;
    }
}

/* ---- operations ---- */

static struct lease *find_lease(struct queue *queue, uint64_t seq, uint64_t attempt)
{
    struct lease *lease;
    HASH_FIND_BYHASHVALUE(hh, queue->by_seq, &seq, sizeof seq, ipc__hash_of(seq), lease);
    return lease && lease->item->attempt == attempt ? lease : NULL;
}

/* DONE and RELEASE: a delivery that is not this one any more is left alone. */
static ipc_err settle(struct queue *queue, struct queue_hold *hold, ipc__op op, ipc_cursor *at)
{
    uint64_t seq;
    uint64_t position;
    uint64_t attempt;
    if (!ipc__read_uint(at, &seq) || !ipc__read_uint(at, &position) || !ipc__read_uint(at, &attempt) ||
        !ipc__stream_take(&hold->sub, position)) {
        return IPC_EPROTO;
    }
    struct lease *lease = find_lease(queue, seq, attempt);
    if (lease && op == IPC__OP_DONE) {
        finish(queue, lease);
    } else if (lease) {
        revoke(queue, lease);
    }
    return IPC_OK;
}

static ipc_err queue_settle(struct queue *queue, struct queue_hold *hold, const ipc__request *request)
{
    ipc__envelope *envelope = request->envelope;
    if (request->fields != 3) {
        return IPC_EPROTO;
    }
    ipc_err err = settle(queue, hold, request->op, &envelope->at);
    while (!err && request->op == IPC__OP_DONE && ipc__envelope_follows(envelope, IPC__OP_DONE, hold->base.id, 3)) {
        err = settle(queue, hold, IPC__OP_DONE, &envelope->at);
    }
    ipc__stream_pump(&queue->stream);
    return err;
}

static ipc_err queue_done_any(struct queue *queue, ipc__hold *hold, const ipc__request *request)
{
    if (request->fields) {
        return IPC_EPROTO;
    }
    ipc__stream_pump(&queue->stream); /* with what was taken meanwhile */
    if (queue->leases) {
        finish(queue, queue->leases);
        ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
        return IPC_OK;
    }
    if (!ipc__stream_unsure(&queue->stream)) {
        return ipc__fail_plain(IPC_EUNFINISHED);
    }
    return ipc__call_wait(NULL, hold, request->seq, &queue->finishers, DONE_ANY_WAIT_MS, IPC_EUNFINISHED);
}

static ipc_err queue_join(struct queue *queue, ipc__hold *hold, const ipc__request *request)
{
    int64_t timeout_ms;
    if (request->fields != 1 || !ipc__read_int(&request->envelope->at, &timeout_ms)) {
        return IPC_EPROTO;
    }
    if (queue->unfinished == 0) {
        ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
        return IPC_OK;
    }
    if (timeout_ms == 0) {
        return ipc__fail_plain(IPC_ETIMEOUT);
    }
    return ipc__call_wait(NULL, hold, request->seq, &queue->joiners, timeout_ms, IPC_ETIMEOUT);
}

static ipc_err queue_shutdown(struct queue *queue, ipc__hold *hold, const ipc__request *request)
{
    bool immediate;
    if (request->fields != 1 || !ipc__read_bool(&request->envelope->at, &immediate)) {
        return IPC_EPROTO;
    }
    if (!queue->stream.shut) {
        ipc__hold *other;
        DL_FOREACH(queue->base.holds, other)
        {
            if (ipc__hold_alive(other)) {
                ipc__notify(other, IPC__OP_SHUT, 0, 0);
            }
        }
        ipc__stream_shut(&queue->stream);
        queue->stream.ending = true;
    }
    if (immediate && !queue->discarding) {
        queue->discarding = true;
        ipc__stream_discard(&queue->stream);
    }
    ipc__stream_pump(&queue->stream);
    check_end(queue);
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    return IPC_OK;
}

/* A consumer asks: it is told when there is nothing to wait for. */
static ipc_err queue_flow(struct queue *queue, struct queue_hold *hold, const ipc__request *request)
{
    ipc_err err = ipc__stream_flow(&hold->sub, request);
    if (!err && is_over(queue)) {
        ipc__notify_end(&hold->base, IPC_ESHUTDOWN);
    }
    return err;
}

static ipc_err queue_size(struct queue *queue, ipc__hold *hold, const ipc__request *request)
{
    if (request->fields) {
        return IPC_EPROTO;
    }
    ipc__stream_pump(&queue->stream); /* with what was taken meanwhile */
    msgpack_packer packer = ipc__reply_begin(hold->session, hold->id, request->seq, 5);
    msgpack_pack_uint64(&packer, ipc__stream_size(&queue->stream));
    msgpack_pack_uint64(&packer, queue->stream.maxsize);
    msgpack_pack_uint64(&packer, queue->unfinished);
    queue->joinable ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    uint64_t size = ipc__stream_size(&queue->stream);
    msgpack_pack_uint64(&packer, queue->stream.maxsize > size ? queue->stream.maxsize - size : 0);
    ipc__reply_end(hold->session);
    return IPC_OK;
}

static ipc_err queue_request(ipc__hold *base, const ipc__request *request)
{
    struct queue *queue = queue_of(base->object);
    struct queue_hold *hold = (struct queue_hold *)base;
    switch (request->op) {
    case IPC__OP_PUT:
    case IPC__OP_PUT_WAIT:
        return ipc__stream_put(&hold->source, request);
    case IPC__OP_UNCREDITED:
        return ipc__stream_uncredited(&hold->source, request);
    case IPC__OP_FLOW:
        return queue_flow(queue, hold, request);
    case IPC__OP_POLL:
        return ipc__stream_poll(&hold->sub, request);
    case IPC__OP_RECALLED:
        return ipc__stream_recalled(&hold->sub, request);
    case IPC__OP_SIZE:
        return queue_size(queue, base, request);
    case IPC__OP_SHUTDOWN:
        return queue_shutdown(queue, base, request);
    default:
        break;
    }
    if (!queue->joinable) {
        return IPC_EPROTO;
    }
    switch (request->op) {
    case IPC__OP_DONE:
    case IPC__OP_RELEASE:
        return queue_settle(queue, hold, request);
    case IPC__OP_DONE_ANY:
        return queue_done_any(queue, base, request);
    case IPC__OP_JOIN:
        return queue_join(queue, base, request);
    default:
        return IPC_EPROTO;
    }
}

/* ---- beginnings and ends ---- */

static ipc_err read_options(ipc_cursor map, struct options *options)
{
    *options = (struct options){0};
    if (!ipc__option_uint(map, "maxsize", &options->maxsize, &options->asked.maxsize) ||
        !ipc__option_bool(map, "joinable", &options->joinable, &options->asked.joinable) ||
        !ipc__option_uint(map, "redeliver", &options->redeliver, &options->asked.redeliver) ||
        !ipc__option_uint(map, "max_deliveries", &options->max_deliveries, &options->asked.max_deliveries) ||
        !ipc__option_text(map, "dead_letter", &options->dead_letter, &options->asked.dead_letter) ||
        options->redeliver > (uint64_t)IPC_REDELIVER_NEVER || options->max_deliveries > IPC__STRIKES_MAX) {
        return ipc__fail(IPC_EINVAL,
                         "a queue's options are maxsize (0 or more), joinable (true or false), redeliver (0, 1 or 2), "
                         "max_deliveries (0 to %d) and dead_letter (a name)",
                         IPC__STRIKES_MAX);
    }
    return IPC_OK;
}

/* A queue for what is handed out in vain: there at once, so that a wrong name shows now. */
static ipc_err init_dead_letter(struct queue *queue, ipc__bytes name)
{
    if (memchr(name.data, 0, name.length)) {
        return ipc__fail(IPC_ENAME, "a dead_letter's name must be without a NUL");
    }
    queue->dead_letter = strndup((const char *)name.data, name.length);
    if (!queue->dead_letter) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    if (queue->base.name && strcmp(queue->base.name, queue->dead_letter) == 0) {
        return ipc__fail(IPC_EINVAL, "queue \"%s\" cannot be its own dead_letter", queue->dead_letter);
    }
    ipc__object *dead;
    return ipc__object_named(queue->base.core, &ipc__queue_ops, queue->dead_letter, &dead);
}

static ipc_err queue_init(ipc__object *object, ipc_cursor map)
{
    struct queue *queue = queue_of(object);
    struct options options;
    ipc_err err = read_options(map, &options);
    if (err) {
        return err;
    }
    if (!options.joinable && (options.redeliver || options.max_deliveries || options.dead_letter.length)) {
        return ipc__fail(IPC_EINVAL,
                         "redeliver, max_deliveries and dead_letter are for joinable queues: in others, what "
                         "is taken is done");
    }
    if (options.dead_letter.length && !options.max_deliveries) {
        return ipc__fail(IPC_EINVAL, "a dead_letter needs max_deliveries: after how many does an item go there?");
    }
    queue->joinable = options.joinable;
    queue->redeliver = (ipc_redeliver)options.redeliver;
    queue->max_deliveries = (uint32_t)options.max_deliveries;
    ipc__stream_init(&queue->stream, object, &stream_ops, options.maxsize);
    err = options.dead_letter.length ? init_dead_letter(queue, options.dead_letter) : IPC_OK;
    if (err) {
        free(queue->dead_letter);
    }
    return err;
}

static ipc_err differs(const ipc__object *object, const char *option, uint64_t is, uint64_t asked)
{
    return ipc__fail(IPC_EOPTIONS, "queue \"%s\" exists with %s %llu, not %llu; ask for that, or for none",
                     object->name, option, (unsigned long long)is, (unsigned long long)asked);
}

static ipc_err queue_match(const ipc__object *object, ipc_cursor map)
{
    const struct queue *queue = (const struct queue *)object;
    struct options options;
    ipc_err err = read_options(map, &options);
    if (err) {
        return err;
    }
    if (options.asked.joinable && options.joinable != queue->joinable) {
        return ipc__fail(IPC_EOPTIONS,
                         "queue \"%s\" exists and is %sjoinable; open it so, as it is, or under another name",
                         object->name, queue->joinable ? "" : "not ");
    }
    if (options.asked.maxsize && options.maxsize != queue->stream.maxsize) {
        return differs(object, "maxsize", queue->stream.maxsize, options.maxsize);
    }
    if (options.asked.redeliver && options.redeliver != (uint64_t)queue->redeliver) {
        return differs(object, "redeliver", (uint64_t)queue->redeliver, options.redeliver);
    }
    if (options.asked.max_deliveries && options.max_deliveries != queue->max_deliveries) {
        return differs(object, "max_deliveries", queue->max_deliveries, options.max_deliveries);
    }
    const char *dead = queue->dead_letter ? queue->dead_letter : "";
    if (options.asked.dead_letter && (options.dead_letter.length != strlen(dead) ||
                                      memcmp(options.dead_letter.data, dead, options.dead_letter.length) != 0)) {
        return ipc__fail(IPC_EOPTIONS, "queue \"%s\" exists with dead_letter \"%s\", not \"%.*s\"", object->name, dead,
                         (int)options.dead_letter.length, (const char *)options.dead_letter.data);
    }
    return IPC_OK;
}

static void queue_fini(ipc__object *object)
{
    struct queue *queue = queue_of(object);
    while (queue->leases) {
        ipc__item_free(object->core, queue->leases->item);
        lease_free(queue, queue->leases);
    }
    ipc__stream_fini(&queue->stream);
    free(queue->dead_letter);
}

static ipc_err queue_attach(ipc__hold *base, ipc_cursor options, const ipc__hold *twin)
{
    (void)twin;
    (void)options;
    struct queue_hold *hold = (struct queue_hold *)base;
    struct queue *queue = queue_of(base->object);
    ipc__sub_attach(&hold->sub, &queue->stream, base);
    ipc__source_attach(&hold->source, &queue->stream, base);
    return IPC_OK;
}

static void queue_detach(ipc__hold *base, ipc__end end, uint64_t now)
{
    (void)now;
    struct queue_hold *hold = (struct queue_hold *)base;
    ipc__sub_detach(&hold->sub, end);
    ipc__source_detach(&hold->source);
}

static void pack_options(const struct queue *queue, msgpack_packer *packer)
{
    ipc__pack_bool(packer, "joinable", queue->joinable);
    ipc__pack_uint(packer, "maxsize", queue->stream.maxsize);
    ipc__pack_uint(packer, "redeliver", (uint64_t)queue->redeliver);
    ipc__pack_uint(packer, "max_deliveries", queue->max_deliveries);
    ipc__pack_text(packer, "dead_letter");
    if (queue->dead_letter) {
        ipc__pack_text(packer, queue->dead_letter);
    } else {
        msgpack_pack_nil(packer);
    }
    ipc__pack_bool(packer, "shut", queue->stream.shut);
}

static void queue_watched(ipc__hold *base)
{
    ipc__sub_watched(&((struct queue_hold *)base)->sub);
}

static void queue_describe(const ipc__hold *hold, msgpack_packer *packer)
{
    msgpack_pack_map(packer, 6);
    pack_options((const struct queue *)hold->object, packer);
}

static void queue_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct queue *queue = (const struct queue *)object;
    unsigned joins = 0;
    const ipc__call *call;
    DL_COUNT(queue->joiners, call, joins);
    msgpack_pack_map(packer, 6 + IPC__STREAM_FIELDS + 3);
    pack_options(queue, packer);
    ipc__stream_inspect(&queue->stream, packer);
    ipc__pack_uint(packer, "leased", HASH_COUNT(queue->by_seq));
    ipc__pack_uint(packer, "unfinished", queue->unfinished);
    ipc__pack_uint(packer, "joins_waiting", joins);
}

static void queue_refresh(ipc__object *object)
{
    ipc__stream_pump(&queue_of(object)->stream);
}

static uint64_t queue_unread(const ipc__object *object)
{
    const struct queue *queue = (const struct queue *)object;
    return ipc__stream_size(&queue->stream);
}

const ipc__object_ops ipc__queue_ops = {
    .name = "queue",
    .size = sizeof(struct queue),
    .hold_size = sizeof(struct queue_hold),
    .init = queue_init,
    .match = queue_match,
    .fini = queue_fini,
    .attach = queue_attach,
    .detach = queue_detach,
    .request = queue_request,
    .lease_end = queue_lease_end,
    .watched = queue_watched,
    .describe = queue_describe,
    .refresh = queue_refresh,
    .unread = queue_unread,
    .inspect = queue_inspect,
};
