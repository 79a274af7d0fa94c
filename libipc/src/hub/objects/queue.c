/*
 * Queues: a stream with many producers and consumers; a joinable one leases what is taken until it is done.
 * Touches its stream and, through the core, its holders. Not locked: the core's thread.
 */
#include "hub/stream.h"
#include "util/clock.h"
#include "util/error.h"

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

struct queue {
    ipc__object base;
    ipc__stream stream;
    bool joinable;
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
    free(lease);
}

/* One item is done: its lease is over. */
static void finish(struct queue *queue, struct lease *lease)
{
    ipc__item_free(queue->base.core, lease->item);
    lease_free(queue, lease);
    if (--queue->unfinished == 0) {
        ipc__calls_answer(&queue->joiners, IPC_OK);
    }
}

/* Hand an item out again. */
static void revoke(struct queue *queue, struct lease *lease)
{
    ipc__item *item = lease->item;
    lease_free(queue, lease);
    item->attempt++;
    ipc__stream_return(&queue->stream, item);
}

static void queue_taken(ipc__stream *stream, ipc__sub *sub, ipc__item *item)
{
    struct queue *queue = queue_of_stream(stream);
    if (!queue->joinable) {
        ipc__item_free(queue->base.core, item);
        return;
    }
    struct lease *lease = calloc(1, sizeof *lease);
    if (lease) {
        lease->item = item;
        HASH_ADD_KEYPTR(hh, queue->by_seq, &item->seq, sizeof item->seq, lease);
    }
    if (!lease || !lease->hh.tbl) {
        /* Without memory for a lease it is as if the consumer had given the item back. */
        free(lease);
        item->attempt++;
        ipc__stream_return(stream, item);
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

static const ipc__stream_ops stream_ops = {.taken = queue_taken, .accepted = queue_accepted};

static void queue_lease_end(ipc__lease *base, ipc__end end, bool last)
{
    struct queue *queue = queue_of(base->object);
    if (end == IPC__END_CRASH) {
        revoke(queue, (struct lease *)base);
        if (last) {
            ipc__stream_pump(&queue->stream);
        }
        return;
    }
    ipc__log(IPC_LOG_WARN,
             "a session ended cleanly with item %llu of queue \"%s\" taken and not done; it stays unfinished",
             (unsigned long long)((struct lease *)base)->item->seq, queue->base.name ? queue->base.name : "");
}

/* ---- operations ---- */

static struct lease *find_lease(struct queue *queue, uint64_t seq, uint64_t attempt)
{
    struct lease *lease;
    HASH_FIND(hh, queue->by_seq, &seq, sizeof seq, lease);
    return lease && lease->item->attempt == attempt ? lease : NULL;
}

/* DONE and RELEASE: a delivery that is not this one any more is left alone. */
static ipc_err queue_settle(struct queue *queue, struct queue_hold *hold, const ipc__request *request)
{
    uint64_t seq;
    uint64_t position;
    uint64_t attempt;
    if (request->fields != 3 || !ipc__read_uint(&request->envelope->at, &seq) ||
        !ipc__read_uint(&request->envelope->at, &position) || !ipc__read_uint(&request->envelope->at, &attempt) ||
        !ipc__stream_take(&hold->sub, position)) {
        return IPC_EPROTO;
    }
    struct lease *lease = find_lease(queue, seq, attempt);
    if (lease && request->op == IPC__OP_DONE) {
        finish(queue, lease);
    } else if (lease) {
        revoke(queue, lease);
    }
    ipc__stream_pump(&queue->stream);
    return IPC_OK;
}

static ipc_err queue_done_any(struct queue *queue, ipc__hold *hold, const ipc__request *request)
{
    if (request->fields) {
        return IPC_EPROTO;
    }
    if (queue->leases) {
        finish(queue, queue->leases);
        ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
        return IPC_OK;
    }
    if (queue->stream.untaken == 0) {
        return ipc__fail_plain(IPC_EUNFINISHED);
    }
    return ipc__call_wait(hold, request->seq, &queue->finishers, DONE_ANY_WAIT_MS, IPC_EUNFINISHED)
               ? IPC_OK
               : ipc__fail_plain(IPC_ENOMEM);
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
    return ipc__call_wait(hold, request->seq, &queue->joiners, timeout_ms, IPC_ETIMEOUT) ? IPC_OK
                                                                                         : ipc__fail_plain(IPC_ENOMEM);
}

static ipc_err queue_size(struct queue *queue, ipc__hold *hold, const ipc__request *request)
{
    if (request->fields) {
        return IPC_EPROTO;
    }
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
        return ipc__stream_flow(&hold->sub, request);
    case IPC__OP_POLL:
        return ipc__stream_poll(&hold->sub, request);
    case IPC__OP_RECALLED:
        return ipc__stream_recalled(&hold->sub, request);
    case IPC__OP_SIZE:
        return queue_size(queue, base, request);
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

static ipc_err queue_init(ipc__object *object, ipc_cursor options)
{
    struct queue *queue = queue_of(object);
    uint64_t maxsize = 0;
    bool present;
    if (!ipc__option_uint(options, "maxsize", &maxsize, &present) ||
        !ipc__option_bool(options, "joinable", &queue->joinable, &present)) {
        return ipc__fail(IPC_EINVAL, "a queue's options are maxsize (0 or more) and joinable (true or false)");
    }
    ipc__stream_init(&queue->stream, object, &stream_ops, maxsize);
    return IPC_OK;
}

static ipc_err queue_match(const ipc__object *object, ipc_cursor options)
{
    const struct queue *queue = (const struct queue *)object;
    uint64_t maxsize = 0;
    bool joinable = false;
    bool asks_maxsize;
    bool asks_joinable;
    if (!ipc__option_uint(options, "maxsize", &maxsize, &asks_maxsize) ||
        !ipc__option_bool(options, "joinable", &joinable, &asks_joinable)) {
        return ipc__fail(IPC_EINVAL, "a queue's options are maxsize (0 or more) and joinable (true or false)");
    }
    if (asks_maxsize && maxsize != queue->stream.maxsize) {
        return ipc__fail(IPC_EOPTIONS, "queue \"%s\" exists with maxsize %llu, not %llu", object->name,
                         (unsigned long long)queue->stream.maxsize, (unsigned long long)maxsize);
    }
    if (asks_joinable && joinable != queue->joinable) {
        return ipc__fail(IPC_EOPTIONS, "queue \"%s\" exists and is %sjoinable", object->name,
                         queue->joinable ? "" : "not ");
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

static void queue_describe(const ipc__hold *hold, msgpack_packer *packer)
{
    const struct queue *queue = (const struct queue *)hold->object;
    msgpack_pack_map(packer, 2);
    msgpack_pack_str_with_body(packer, "joinable", 8);
    queue->joinable ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    msgpack_pack_str_with_body(packer, "maxsize", 7);
    msgpack_pack_uint64(packer, queue->stream.maxsize);
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
    .describe = queue_describe,
    .unread = queue_unread,
};
