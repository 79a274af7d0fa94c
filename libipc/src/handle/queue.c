/*
 * Queue handles: thin over put and take, with the leases that this process holds.
 * Touches the handle under its connection's lock.
 */
#include "client/handle.h"
#include "util/error.h"
#include "util/hash.h"

#include <ipc/queue.h>
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1 /* an element that could not be added has hh.tbl NULL */
#include <uthash.h>
#include <utlist.h>

/* An item that this process took and has not finished. */
struct lease {
    uint64_t seq;
    uint64_t position;
    unsigned attempt;
    pthread_t thread; /* who took it */
    struct lease *prev, *next;
    UT_hash_handle hh;
};

struct ipc_queue {
    ipc__handle base;
    bool joinable;
    uint64_t maxsize;
    struct lease *leases; /* oldest first */
    struct lease *by_seq;
    uint64_t revoked; /* leases that a lost hub took with it: so many calls of task_done are late, and mean nothing */
};

static void lease_drop(ipc_queue *queue, struct lease *lease)
{
    DL_DELETE(queue->leases, lease);
    HASH_DEL(queue->by_seq, lease);
    free(lease);
}

static void leases_drop(ipc_queue *queue)
{
    while (queue->leases) {
        lease_drop(queue, queue->leases);
    }
}

/* The session is over, and its leases with it. */
static void leases_clear(ipc__handle *base)
{
    ipc_queue *queue = (ipc_queue *)base;
    if (base->conn->state == IPC__CONN_LOST) { /* and not a forked child's, who took nothing */
        queue->revoked += HASH_COUNT(queue->by_seq);
    }
    leases_drop(queue);
}

/* ---- opening ---- */

static ipc_err check_options(const ipc_queue_options *given, ipc_queue_options *options)
{
    *options = (ipc_queue_options)IPC_QUEUE_OPTIONS_INIT;
    if (!given) {
        return IPC_OK;
    }
    if (given->size == 0 || given->size > sizeof *options) {
        return ipc__fail(IPC_EINVAL, "ipc_queue_options.size is %zu; begin with IPC_QUEUE_OPTIONS_INIT", given->size);
    }
    memcpy(options, given, given->size);
    if ((unsigned)options->mode > IPC_OPEN_AS_IS || (unsigned)options->redeliver > IPC_REDELIVER_NEVER) {
        return ipc__fail(IPC_EINVAL, "mode %d or redeliver %d is none of ipc_open_mode and ipc_redeliver",
                         (int)options->mode, (int)options->redeliver);
    }
    return IPC_OK;
}

static void pack_number(msgpack_packer *packer, const char *key, uint64_t number)
{
    if (number) {
        ipc__pack_text(packer, key);
        msgpack_pack_uint64(packer, number);
    }
}

/* 0 asks for nothing: an existing queue may have a bound. */
static void pack_options(ipc__buf *buf, const ipc_queue_options *options)
{
    msgpack_packer packer = ipc__packer(buf);
    if (!options) {
        msgpack_pack_map(&packer, 0);
        return;
    }
    int fields = 1 + (options->maxsize > 0) + (options->redeliver != IPC_REDELIVER_CRASH) +
                 (options->max_deliveries > 0) + (options->dead_letter != NULL);
    msgpack_pack_map(&packer, (size_t)fields);
    ipc__pack_text(&packer, "joinable");
    options->joinable ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    pack_number(&packer, "maxsize", options->maxsize);
    pack_number(&packer, "redeliver", (uint64_t)options->redeliver);
    pack_number(&packer, "max_deliveries", options->max_deliveries);
    if (options->dead_letter) {
        ipc__pack_text(&packer, "dead_letter");
        ipc__pack_text(&packer, options->dead_letter);
    }
}

static ipc_err read_reply(ipc_queue *queue, ipc__buf *reply)
{
    /* Where it has to be made anew, after its hub was lost, it becomes what it was. */
    ipc__buf_free(&queue->base.open);
    queue->base.open = *reply;
    ipc_msg *options;
    int joinable = 0;
    int shut = 0;
    ipc_err err = ipc__msg_answer(&options, reply->data, reply->length);
    if (!err) {
        err = ipc_unpack(options, "{s:b,s:U,s:b}", "joinable", &joinable, "maxsize", &queue->maxsize, "shut", &shut);
        ipc_msg_free(options);
    }
    pthread_mutex_lock(&queue->base.conn->lock); /* the library's thread may hear of a shutdown meanwhile */
    queue->joinable = joinable;
    queue->base.shut = queue->base.shut || shut;
    queue->base.bound = queue->maxsize;
    pthread_mutex_unlock(&queue->base.conn->lock);
    return err ? ipc__fail(IPC_EPROTO, "the hub's answer to OPEN is not a queue's options") : IPC_OK;
}

static ipc_err open_queue(ipc_queue **out, ipc_conn *conn, ipc__where where, ipc_open_mode mode,
                          const ipc_queue_options *options)
{
    ipc_queue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    pack_options(&queue->base.open, options);
    queue->base.reset = leases_clear;
    ipc__buf reply;
    ipc_err err = ipc__handle_open(&queue->base, conn, "queue", where, mode, &reply);
    if (err) {
        free(queue);
        return err;
    }
    err = read_reply(queue, &reply);
    if (err) {
        ipc_queue_free(queue);
        return err;
    }
    *out = queue;
    return IPC_OK;
}

ipc_err ipc_queue_open(ipc_queue **out, ipc_conn *conn, const char *name, const ipc_queue_options *given)
{
    if (!out) {
        return ipc__fail(IPC_EINVAL, "no place for the queue");
    }
    *out = NULL;
    ipc_queue_options options;
    ipc_err err = check_options(given, &options);
    if (err) {
        return err;
    }
    if (conn) {
        ipc__conn_ref(conn);
    } else if ((err = ipc_conn_default(&conn))) {
        return err;
    }
    bool as_is = options.mode == IPC_OPEN_AS_IS;
    err = open_queue(out, conn, (ipc__where){.name = name}, as_is ? IPC_OPEN_ATTACH : options.mode,
                     given && !as_is ? &options : NULL);
    ipc__conn_unref(conn);
    return err;
}

ipc_err ipc_queue_attach(ipc_queue **out, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!out) {
        return ipc__fail(IPC_EINVAL, "no place for the queue");
    }
    *out = NULL;
    char *name = NULL;
    ipc__where where = {0};
    ipc_err err = ipc__ticket_read(ticket, "queue", &conn, &name, &where);
    if (err) {
        return err;
    }
    err = open_queue(out, conn, where, IPC_OPEN_ATTACH, NULL);
    if (!err) {
        (*out)->base.name = name;
        name = NULL;
    }
    free(name);
    ipc__conn_unref(conn);
    return err;
}

ipc_err ipc_queue_refer(ipc_queue *queue, ipc_msg **reference)
{
    return ipc__handle_refer(&queue->base, reference);
}

ipc_err ipc_queue_share(ipc_queue *queue, ipc_msg **ticket)
{
    return ipc__handle_share(&queue->base, ticket);
}

const char *ipc_queue_name(const ipc_queue *queue)
{
    return queue->base.name;
}

/* ---- putting ---- */

typedef ipc_err (*put_fn)(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline);

static uint64_t put_deadline(int64_t timeout_ms)
{
    return timeout_ms < 0 ? IPC__NEVER : ipc__deadline(ipc__now(), timeout_ms);
}

static ipc_err put(ipc_queue *queue, put_fn how, ipc__bytes value, ipc__block *block, int64_t timeout_ms)
{
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    err =
        queue->base.end ? ipc__fail_plain(queue->base.end) : how(&queue->base, value, block, put_deadline(timeout_ms));
    return ipc__handle_leave(&queue->base, err);
}

ipc_err ipc_queue_put_packed(ipc_queue *queue, const void *bytes, size_t length, int64_t timeout_ms)
{
    return put(queue, ipc__put, (ipc__bytes){bytes, length}, NULL, timeout_ms);
}

ipc_err ipc_queue_put_confirm_packed(ipc_queue *queue, const void *bytes, size_t length, int64_t timeout_ms)
{
    return put(queue, ipc__put_confirm, (ipc__bytes){bytes, length}, NULL, timeout_ms);
}

static ipc_err put_msg(ipc_queue *queue, put_fn how, const ipc_msg *msg, int64_t timeout_ms)
{
    if (!msg) {
        return ipc__fail(IPC_EINVAL, "no message to put");
    }
    ipc__block *block = NULL;
    if (msg->length > IPC__INLINE_MAX) {
        block = ipc__block_of_msg(msg);
        if (!block) {
            return ipc__fail_plain(IPC_ENOMEM);
        }
    }
    ipc_err err = put(queue, how, (ipc__bytes){msg->data, msg->length}, block, timeout_ms);
    ipc__block_unref(block);
    return err;
}

ipc_err ipc_queue_put(ipc_queue *queue, const ipc_msg *msg, int64_t timeout_ms)
{
    return put_msg(queue, ipc__put, msg, timeout_ms);
}

ipc_err ipc_queue_put_confirm(ipc_queue *queue, const ipc_msg *msg, int64_t timeout_ms)
{
    return put_msg(queue, ipc__put_confirm, msg, timeout_ms);
}

ipc_err ipc_queue_put_many(ipc_queue *queue, const ipc_packed *values, size_t count, int64_t timeout_ms, size_t *put)
{
    size_t ignored;
    put = put ? put : &ignored;
    *put = 0;
    if (!values && count) {
        return ipc__fail(IPC_EINVAL, "no values to put");
    }
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    uint64_t deadline = put_deadline(timeout_ms);
    for (; !err && *put < count; *put += !err) {
        ipc__bytes value = {values[*put].bytes, values[*put].length};
        err = queue->base.end ? ipc__fail_plain(queue->base.end) : ipc__put(&queue->base, value, NULL, deadline);
    }
    return ipc__handle_leave(&queue->base, err);
}

ipc_err ipc_queue_flush(ipc_queue *queue, int64_t timeout_ms)
{
    return ipc__handle_flush(&queue->base, timeout_ms);
}

/* ---- taking ---- */

/* Remember a lease. Without memory for it the item itself tells that it was taken. */
static void lease_add(ipc_queue *queue, ipc_msg *item)
{
    struct lease *lease = malloc(sizeof *lease);
    if (!lease) {
        item->unleased = true;
        return;
    }
    *lease = (struct lease){
        .seq = item->seq, .position = item->position, .attempt = item->attempt, .thread = pthread_self()};
    HASH_ADD_BYHASHVALUE(hh, queue->by_seq, seq, sizeof lease->seq, ipc__hash_of(item->seq), lease);
    if (!lease->hh.tbl) {
        free(lease);
        item->unleased = true;
        return;
    }
    DL_APPEND(queue->leases, lease);
}

typedef ipc_err (*take_fn)(ipc__handle *handle, int64_t timeout_ms, ipc_msg **item);

static ipc_err get(ipc_queue *queue, take_fn how, int64_t timeout_ms, ipc_msg **item)
{
    *item = NULL;
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    err = how(&queue->base, timeout_ms, item);
    if (!err && queue->joinable) {
        lease_add(queue, *item);
    }
    return ipc__handle_leave(&queue->base, err);
}

ipc_err ipc_queue_get(ipc_queue *queue, int64_t timeout_ms, ipc_msg **item)
{
    return get(queue, ipc__take, timeout_ms, item);
}

ipc_err ipc_queue_get_borrowed(ipc_queue *queue, int64_t timeout_ms, ipc_msg **item)
{
    return get(queue, ipc__take_borrowed, timeout_ms, item);
}

ipc_err ipc_queue_get_many(ipc_queue *queue, int64_t timeout_ms, size_t max, ipc_msg **items, size_t *count)
{
    *count = 0;
    if (!items || max == 0) {
        return ipc__fail(IPC_EINVAL, "no place for the items");
    }
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    ipc__take_wish(&queue->base, max);
    err = ipc__take(&queue->base, timeout_ms, &items[0]);
    while (!err) {
        if (queue->joinable) {
            lease_add(queue, items[*count]);
        }
        if (++*count == max || ipc__take_here(&queue->base, &items[*count])) {
            break;
        }
    }
    return ipc__handle_leave(&queue->base, err);
}

ipc_err ipc_queue_fd(ipc_queue *queue, int *fd)
{
    return ipc__handle_fd(&queue->base, fd);
}

/* ---- finishing ---- */

static ipc_err not_joinable(const ipc_queue *queue)
{
    return ipc__fail(IPC_EINVAL, "queue \"%s\" is not joinable: open it with joinable set",
                     queue->base.name ? queue->base.name : "");
}

static void settle(ipc_queue *queue, ipc__op op, uint64_t seq, uint64_t position, unsigned attempt)
{
    ipc_conn *conn = queue->base.conn;
    ipc__prefetch *in = &queue->base.in;
    ipc__op_begin(conn, op, queue->base.id, 3);
    ipc__write_number(&conn->out.ops, seq);
    ipc__write_number(&conn->out.ops, position);
    ipc__write_number(&conn->out.ops, attempt);
    in->reported = position > in->reported ? position : in->reported;
    ipc__conn_post(conn);
}

static ipc_err settle_item(ipc_queue *queue, ipc__op op, const ipc_msg *item)
{
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    if (!queue->joinable) {
        return ipc__handle_leave(&queue->base, not_joinable(queue));
    }
    if (!item || item->source != queue->base.number) {
        return ipc__handle_leave(&queue->base, ipc__fail(IPC_EINVAL, "the item was not taken through this handle"));
    }
    struct lease *lease;
    HASH_FIND_BYHASHVALUE(hh, queue->by_seq, &item->seq, sizeof item->seq, ipc__hash_of(item->seq), lease);
    /* Settled before, or taken in a session that is gone: then this touches nothing. */
    if (lease && item->generation == queue->base.generation && lease->attempt == item->attempt &&
        lease->position == item->position) {
        settle(queue, op, item->seq, item->position, item->attempt);
        lease_drop(queue, lease);
    } else if (item->unleased && item->generation == queue->base.generation) {
        settle(queue, op, item->seq, item->position, item->attempt); /* a second time it touches nothing at the hub */
    }
    return ipc__handle_leave(&queue->base, IPC_OK);
}

ipc_err ipc_queue_done(ipc_queue *queue, const ipc_msg *item)
{
    return settle_item(queue, IPC__OP_DONE, item);
}

ipc_err ipc_queue_release(ipc_queue *queue, const ipc_msg *item)
{
    return settle_item(queue, IPC__OP_RELEASE, item);
}

/* The oldest lease of this thread, else of this handle. */
static struct lease *oldest_lease(const ipc_queue *queue)
{
    struct lease *lease;
    DL_FOREACH(queue->leases, lease)
    {
        if (pthread_equal(lease->thread, pthread_self())) {
            return lease;
        }
    }
    return queue->leases;
}

/* A request without fields; its reply's fields are dropped. */
static ipc_err request(ipc_queue *queue, ipc__op op, ipc__pending *pending)
{
    ipc__take_report(&queue->base);
    ipc__op_begin(queue->base.conn, op, queue->base.id, 0);
    return ipc__conn_call(queue->base.conn, pending, IPC__NEVER);
}

ipc_err ipc_queue_task_done(ipc_queue *queue)
{
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    if (!queue->joinable) {
        return ipc__handle_leave(&queue->base, not_joinable(queue));
    }
    struct lease *lease = oldest_lease(queue);
    if (lease) {
        settle(queue, IPC__OP_DONE, lease->seq, lease->position, lease->attempt);
        lease_drop(queue, lease);
        return ipc__handle_leave(&queue->base, IPC_OK);
    }
    if (queue->revoked) {
        queue->revoked--;
        return ipc__handle_leave(&queue->base, IPC_OK);
    }
    ipc__pending pending;
    err = request(queue, IPC__OP_DONE_ANY, &pending);
    ipc__buf_free(&pending.reply);
    return ipc__handle_leave(&queue->base, err);
}

ipc_err ipc_queue_join(ipc_queue *queue, int64_t timeout_ms)
{
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    if (!queue->joinable) {
        return ipc__handle_leave(&queue->base, not_joinable(queue));
    }
    ipc_conn *conn = queue->base.conn;
    uint64_t deadline = ipc__deadline(ipc__now(), timeout_ms);
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_JOIN, queue->base.id, 1);
    msgpack_pack_int64(&packer, timeout_ms < 0 ? -1 : timeout_ms);
    ipc__pending pending;
    err = ipc__conn_call(conn, &pending, deadline);
    ipc__buf_free(&pending.reply);
    return ipc__handle_leave(&queue->base, err);
}

ipc_err ipc_queue_shutdown(ipc_queue *queue, ipc_shutdown how)
{
    if (how != IPC_SHUTDOWN_DRAIN && how != IPC_SHUTDOWN_IMMEDIATE) {
        return ipc__fail(IPC_EINVAL, "%d is none of ipc_shutdown", (int)how);
    }
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    ipc__take_report(&queue->base);
    msgpack_packer packer = ipc__op_begin(queue->base.conn, IPC__OP_SHUTDOWN, queue->base.id, 1);
    how == IPC_SHUTDOWN_IMMEDIATE ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    ipc__pending pending;
    err = ipc__conn_call(queue->base.conn, &pending, IPC__NEVER);
    ipc__buf_free(&pending.reply);
    return ipc__handle_leave(&queue->base, err);
}

/* ---- asking ---- */

ipc_err ipc_queue_stat(ipc_queue *queue, ipc_queue_info *info)
{
    *info = (ipc_queue_info){0};
    ipc_err err = ipc__handle_enter(&queue->base);
    if (err) {
        return err;
    }
    ipc__pending pending;
    err = request(queue, IPC__OP_SIZE, &pending);
    ipc_cursor at;
    ipc_cursor_init(&at, pending.reply.data, pending.reply.length);
    if (!err && (!ipc__read_uint(&at, &info->size) || !ipc__read_uint(&at, &info->maxsize) ||
                 !ipc__read_uint(&at, &info->unfinished))) {
        err = ipc__fail_plain(IPC_EPROTO);
    }
    info->joinable = queue->joinable;
    ipc__buf_free(&pending.reply);
    return ipc__handle_leave(&queue->base, err);
}

ipc_err ipc_queue_qsize(ipc_queue *queue, uint64_t *size)
{
    ipc_queue_info info;
    ipc_err err = ipc_queue_stat(queue, &info);
    *size = info.size;
    return err;
}

ipc_err ipc_queue_empty(ipc_queue *queue, bool *empty)
{
    ipc_queue_info info;
    ipc_err err = ipc_queue_stat(queue, &info);
    *empty = info.size == 0;
    return err;
}

ipc_err ipc_queue_full(ipc_queue *queue, bool *full)
{
    ipc_queue_info info;
    ipc_err err = ipc_queue_stat(queue, &info);
    *full = info.maxsize && info.size >= info.maxsize;
    return err;
}

/* ---- ends ---- */

void ipc_queue_close(ipc_queue *queue)
{
    if (queue) {
        ipc__handle_close(&queue->base);
    }
}

void ipc_queue_free(ipc_queue *queue)
{
    if (queue) {
        ipc__handle_fini(&queue->base);
        leases_drop(queue); /* the connection may be gone by now */
        free(queue);
    }
}
