/*
 * Handles: opening, entering and leaving calls, closing.
 * Touches the handle and its connection, under the connection's lock.
 */
#include "client/handle.h"

#include "codec/scan.h"
#include "util/error.h"

#include <stdlib.h>
#include <unistd.h>

/* In a forked child: whoever was inside is a thread of the parent's, and so is who waits on the descriptor. */
static void forget_parents_calls(ipc__handle *handle)
{
    if (handle->forks == handle->conn->forks) {
        return;
    }
    handle->forks = handle->conn->forks;
    handle->users = handle->in.getters = 0;
    handle->in.polling = false;
    if (handle->ready_fd >= 0 && handle->fd_forks != handle->forks) {
        ipc__take_unwatch(handle);
    }
}

/* ---- opening ---- */

static void pack_where(msgpack_packer *packer, const ipc__where *where)
{
    if (where->name) {
        ipc__pack_text(packer, where->name);
    } else if (where->pin.length) {
        msgpack_pack_bin_with_body(packer, where->pin.data, where->pin.length);
    } else if (where->reference.length) {
        ipc__buf_write(packer->data, (const char *)where->reference.data, where->reference.length);
    } else if (where->sibling) {
        msgpack_pack_uint32(packer, where->sibling);
    } else {
        msgpack_pack_nil(packer);
    }
}

/* Open at the hub. The lock is held, the connection live. The reply's options, if they are wanted, are to be freed. */
static ipc_err open_at_hub(ipc__handle *handle, const ipc__where *where, ipc_open_mode mode, ipc__buf *reply)
{
    ipc_conn *conn = handle->conn;
    if (handle->open.length > conn->welcome.max_message) { /* over ZeroMQ it would never get there */
        return ipc__fail(IPC_ETOOBIG, "options of %zu bytes; the hub allows %llu", handle->open.length,
                         (unsigned long long)conn->welcome.max_message);
    }
    uint32_t id = ipc__slot_take(conn, handle);
    if (id == 0) {
        return ipc__fail(IPC_ELIMIT, "this session has its %d handles, or memory ran out", IPC__HANDLES_MAX);
    }
    handle->id = id;
    handle->generation = conn->generation;
    if (conn->link->ops->claims && !conn->link->ops->claims->opened(conn->link, id)) {
        ipc__slot_give(conn, id);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_OPEN, id, 4);
    ipc__pack_text(&packer, handle->type);
    msgpack_pack_int(&packer, mode);
    pack_where(&packer, where);
    ipc__buf_write(&conn->out.ops, (const char *)handle->open.data, handle->open.length);
    ipc__pending pending;
    ipc_err err = ipc__conn_call(conn, &pending, IPC__NEVER);
    if (err) {
        handle->generation = conn->generation - 1; /* of no session */
        pthread_cond_broadcast(&conn->changed);
        ipc__conn_wake(conn);
    }
    if (err && id < conn->slot_count && conn->slots[id].handle == handle) {
        conn->slots[id].handle = NULL;
        if (err == IPC_EINTR && conn->state == IPC__CONN_LIVE) {
            /* The answer is still to come: what it opened is closed behind it. */
            ipc__op_begin(conn, IPC__OP_CLOSE, id, 0);
            conn->slots[id].close_seq = conn->seq;
            ipc__conn_kick(conn);
        } else {
            ipc__slot_give(conn, id);
        }
    }
    if (reply && !err) {
        *reply = pending.reply;
    } else {
        ipc__buf_free(&pending.reply);
    }
    return err;
}

static ipc_err check_name(const char *name)
{
    size_t length = name ? strlen(name) : 1;
    if (length == 0 || length > IPC__NAME_MAX) {
        return ipc__fail(IPC_ENAME, "a name has 1 to %d bytes, this one has %zu", IPC__NAME_MAX, length);
    }
    if (name && ipc__utf8_span((const unsigned char *)name, length) != length) {
        return ipc__fail(IPC_ENAME, "a name must be UTF-8");
    }
    return IPC_OK;
}

ipc_err ipc__handle_open(ipc__handle *handle, ipc_conn *conn, const char *type, ipc__where where, ipc_open_mode mode,
                         ipc__buf *reply)
{
    static atomic_uint_least64_t numbers;
    ipc__fork_check();
    handle->ready_fd = handle->own_fd = handle->hub_fd = -1;
    handle->conn = ipc__conn_ref(conn);
    handle->type = type;
    handle->number = atomic_fetch_add(&numbers, 1) + 1;
    ipc_err err = check_name(where.name);
    if (!err && where.name) {
        handle->name = strdup(where.name);
        err = handle->name ? IPC_OK : ipc__fail_plain(IPC_ENOMEM);
    }
    if (!err && handle->open.failed) {
        err = ipc__fail_plain(IPC_ENOMEM);
    }
    if (!err) {
        pthread_mutex_lock(&conn->lock);
        err = ipc__conn_enter(conn);
        err = err ? err : open_at_hub(handle, &where, mode, reply);
        pthread_mutex_unlock(&conn->lock);
    }
    if (err) {
        free(handle->name);
        handle->name = NULL;
        ipc__buf_free(&handle->open);
        ipc__conn_unref(conn);
        handle->conn = NULL;
    }
    return err;
}

/* ---- calls ---- */

/* The session that the handle was opened in is gone. That is told once; then it is opened again, if it has a name. */
static ipc_err reopen(ipc__handle *handle)
{
    if (!handle->told_lost) {
        handle->told_lost = true;
        return ipc__conn_lost(handle->conn);
    }
    if (!handle->name) {
        return ipc__fail(IPC_ELOST, "the %s had no name, and is gone with its hub", handle->type);
    }
    ipc__handle_reset(handle);
    ipc_err err = open_at_hub(handle, &(ipc__where){.name = handle->name}, IPC_OPEN_EITHER, NULL);
    if (!err) {
        handle->told_lost = handle->shut = handle->drained = false;
        handle->end = IPC_OK;
        handle->failed = IPC_OK;
        handle->fail_count = 0;
        ipc__take_watch(handle); /* who waits on the descriptor waits on */
    }
    return err;
}

/* An earlier put's error: returned once. */
static ipc_err deferred(ipc__handle *handle)
{
    ipc_err err = handle->failed;
    ipc__fail(err, "%llu earlier put%s failed, the first as operation %llu: %s", (unsigned long long)handle->fail_count,
              handle->fail_count == 1 ? "" : "s", (unsigned long long)handle->fail_first,
              handle->fail_words ? handle->fail_words : ipc_strerror(err));
    handle->failed = IPC_OK;
    handle->fail_count = 0;
    ipc__take_signal(handle);
    return err;
}

static ipc_err usable(ipc__handle *handle)
{
    ipc_conn *conn = handle->conn;
    ipc__conn_look(conn);
    bool live = conn->state == IPC__CONN_LIVE && handle->generation == conn->generation;
    if (live && !handle->closed && !handle->failed && !conn->closing) {
        return IPC_OK;
    }
    if (handle->closed || conn->closing) { /* behind the goodbye nothing counts */
        return ipc__fail_plain(IPC_ECLOSED);
    }
    /* The news comes before the attempt to mend it. */
    if ((conn->state == IPC__CONN_LOST || handle->generation != conn->generation) && !handle->told_lost) {
        return conn->state == IPC__CONN_CLOSED ? ipc__fail_plain(IPC_ECLOSED) : reopen(handle);
    }
    ipc_err err = ipc__conn_enter(conn);
    if (!err && handle->generation != conn->generation) {
        err = reopen(handle);
    }
    if (!err && handle->failed) {
        err = deferred(handle);
    }
    return err;
}

ipc_err ipc__handle_enter(ipc__handle *handle)
{
    ipc__fork_check();
    pthread_mutex_lock(&handle->conn->lock);
    forget_parents_calls(handle);
    handle->users++;
    ipc_err err = usable(handle);
    return err ? ipc__handle_leave(handle, err) : IPC_OK;
}

ipc_err ipc__handle_gone(const ipc__handle *handle)
{
    const ipc_conn *conn = handle->conn;
    if (handle->closed || conn->closing || conn->state == IPC__CONN_CLOSED) {
        return ipc__fail_plain(IPC_ECLOSED);
    }
    return conn->state != IPC__CONN_LIVE || handle->generation != conn->generation ? ipc__conn_lost(conn) : IPC_OK;
}

ipc_err ipc__handle_leave(ipc__handle *handle, ipc_err err)
{
    ipc_conn *conn = handle->conn;
    handle->told_lost = handle->told_lost || err == IPC_ELOST;
    if (--handle->users == 0 && handle->closed) {
        pthread_cond_broadcast(&conn->changed);
    }
    pthread_mutex_unlock(&conn->lock);
    return err;
}

void ipc__handle_reset(ipc__handle *handle)
{
    ipc__prefetch_clear(&handle->in);
    handle->credits = 0;
    handle->in.polling = false;
    if (handle->reset) {
        handle->reset(handle);
    }
    ipc__take_signal(handle);
}

ipc_err ipc__handle_fd(ipc__handle *handle, int *fd)
{
    ipc_conn *conn = handle->conn;
    ipc_err err = IPC_OK;
    *fd = -1;
    ipc__fork_check();
    pthread_mutex_lock(&conn->lock);
    forget_parents_calls(handle);
    if (conn->state == IPC__CONN_FORKED) {
        err = ipc__conn_enter(conn); /* the child has nobody yet who would move things */
    }
    if (!err && (handle->closed || conn->state == IPC__CONN_CLOSED)) {
        err = ipc__fail_plain(IPC_ECLOSED);
    }
    err = err ? err : ipc__take_fd(handle, fd);
    pthread_mutex_unlock(&conn->lock);
    return err;
}

void ipc__handle_unwatch(ipc__handle *handle)
{
    if (handle->ready_fd >= 0) {
        ipc__take_unwatch(handle);
        handle->conn->watchers -= handle->conn->watchers > 0;
    }
}

void ipc__handles_signal(ipc_conn *conn)
{
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        if (conn->slots[id].handle) {
            ipc__take_signal(conn->slots[id].handle);
        }
    }
}

ipc_err ipc__handle_flush(ipc__handle *handle, int64_t timeout_ms)
{
    ipc_err err = ipc__handle_enter(handle);
    if (err) {
        return err;
    }
    ipc__op_begin(handle->conn, IPC__OP_PING, 0, 0);
    ipc__pending pending;
    err = ipc__conn_ask(handle->conn, &pending, ipc__deadline(ipc__now(), timeout_ms));
    ipc__buf_free(&pending.reply);
    if (!err && handle->failed) {
        err = deferred(handle);
    }
    return ipc__handle_leave(handle, err);
}

/* ---- ends ---- */

void ipc__handle_close(ipc__handle *handle)
{
    ipc_conn *conn = handle->conn;
    ipc__fork_check();
    pthread_mutex_lock(&conn->lock);
    forget_parents_calls(handle);
    if (!handle->closed) {
        handle->closed = true;
        bool known = handle->generation == conn->generation && handle->id < conn->slot_count &&
                     conn->slots[handle->id].handle == handle;
        if (known && conn->state == IPC__CONN_FORKED) {
            ipc__conn_enter(conn); /* the fork's session holds it too, and must give it up */
        }
        known = known && conn->slots[handle->id].handle == handle;
        if (known && conn->state == IPC__CONN_LIVE) {
            ipc__take_report(handle);
            conn->slots[handle->id].handle = NULL;
            ipc__op_begin(conn, IPC__OP_CLOSE, handle->id, 0);
            conn->slots[handle->id].close_seq = conn->seq;
            ipc__conn_flush(conn);
        } else if (known) {
            ipc__slot_give(conn, handle->id);
        }
        ipc__prefetch_clear(&handle->in);
        ipc__take_signal(handle); /* whoever waits on it looks, and learns it */
        pthread_cond_broadcast(&conn->changed);
        ipc__conn_wake(conn);
    }
    pthread_mutex_unlock(&conn->lock);
}

void ipc__handle_fini(ipc__handle *handle)
{
    ipc_conn *conn = handle->conn;
    ipc__handle_close(handle);
    pthread_mutex_lock(&conn->lock);
    forget_parents_calls(handle);
    while (handle->users) {
        ipc__conn_await_change(conn);
    }
    ipc__handle_unwatch(handle);
    pthread_mutex_unlock(&conn->lock);
    free(handle->name);
    free(handle->fail_words);
    ipc__buf_free(&handle->open);
    ipc__conn_unref(conn);
}
