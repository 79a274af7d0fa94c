/*
 * Puts: within the byte window, with a credit where the object is bounded, batched with what else is sent.
 * Touches the handle and its connection, whose lock is held.
 */
#include "client/handle.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

/* ---- blocks around messages ---- */

struct msg_block {
    ipc__block base;
    ipc_msg *msg;
};

static void msg_block_release(ipc__block *base)
{
    struct msg_block *block = (struct msg_block *)base;
    ipc_msg_free(block->msg);
    free(block);
}

ipc__block *ipc__block_of_msg(const ipc_msg *msg)
{
    struct msg_block *block = malloc(sizeof *block);
    if (block) {
        atomic_init(&block->base.refs, 1);
        block->base.data = msg->data;
        block->base.length = msg->length;
        block->base.release = msg_block_release;
        block->msg = ipc_msg_ref((ipc_msg *)(uintptr_t)msg); /* only its count changes */
    }
    return &block->base;
}

/* ---- the window ---- */

struct room {
    ipc_conn *conn;
    uint64_t length;
    ipc__pending ping;
};

static bool has_room(void *arg)
{
    const struct room *room = arg;
    uint64_t on_the_way = room->conn->sent - room->conn->acked;
    return on_the_way == 0 || on_the_way + room->length <= room->conn->welcome.window;
}

static bool has_news(void *arg)
{
    return has_room(arg) || ((struct room *)arg)->ping.done;
}

static ipc_err wait_for_room(ipc__handle *handle, uint64_t length, uint64_t deadline)
{
    struct room room = {.conn = handle->conn, .length = length};
    ipc_err err = IPC_OK;
    while (!err && !has_room(&room)) {
        /* A ping's answer brings the count, however little is on the way; others may put meanwhile. */
        ipc__op_begin(handle->conn, IPC__OP_PING, 0, 0);
        ipc__pending_add(handle->conn, &room.ping);
        err = ipc__conn_wait(handle->conn, has_news, &room, deadline);
        if (!room.ping.done) {
            DL_DELETE(handle->conn->pending, &room.ping);
        } else if (!err && room.ping.err) {
            err = room.ping.err == IPC_ELOST ? ipc__conn_lost(handle->conn) : ipc__fail_plain(room.ping.err);
        }
        ipc__buf_free(&room.ping.reply);
    }
    return err == IPC_ETIMEOUT ? ipc__fail(IPC_EFULL, "the hub has not taken in what was put before") : err;
}

/* ---- putting ---- */

static bool take_credit(ipc__handle *handle)
{
    if (handle->credits == 0 || ipc__now_coarse() + IPC__COARSE_LAG_US >= handle->credits_until) {
        handle->credits = 0;
        return false;
    }
    handle->credits--;
    return true;
}

/* Write the operation's value. Out of memory: the operation is taken back. */
static bool write_value(ipc_conn *conn, size_t start, ipc__bytes value, ipc__block *block)
{
    if (ipc__write_value(&conn->out, value, block) && !conn->out.ops.failed) {
        conn->sent += value.length;
        return true;
    }
    conn->out.ops.length = start;
    conn->out.ops.failed = false;
    return false;
}

static ipc_err put_pipelined(ipc__handle *handle, ipc__bytes value, ipc__block *block)
{
    ipc_conn *conn = handle->conn;
    size_t start = conn->out.ops.length;
    ipc__op_begin(conn, IPC__OP_PUT, handle->id, 1);
    if (!write_value(conn, start, value, block)) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc__conn_post(conn);
    return IPC_OK;
}

static ipc_err put_asking(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline)
{
    ipc_conn *conn = handle->conn;
    size_t start = conn->out.ops.length;
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_PUT_WAIT, handle->id, 2);
    msgpack_pack_int64(&packer, ipc__left_ms(ipc__now(), deadline));
    if (!write_value(conn, start, value, block)) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc__pending pending;
    ipc_err err = ipc__conn_call(conn, &pending, deadline);
    ipc__buf_free(&pending.reply);
    return err;
}

/* Whether the value may go out: its size, the window, the handle. */
static ipc_err may_put(ipc__handle *handle, ipc__bytes value, uint64_t deadline)
{
    const ipc_conn *conn = handle->conn;
    if (value.length > conn->welcome.max_message) {
        return ipc__fail(IPC_ETOOBIG, "a value of %zu bytes; the hub allows %llu", value.length,
                         (unsigned long long)conn->welcome.max_message);
    }
    ipc_err err = wait_for_room(handle, value.length, deadline);
    err = err ? err : ipc__handle_gone(handle); /* the lock was let go */
    return !err && handle->shut ? ipc__fail_plain(IPC_ESHUTDOWN) : err;
}

ipc_err ipc__put(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline)
{
    ipc_err err = may_put(handle, value, deadline);
    if (err) {
        return err;
    }
    if (!handle->bound) {
        return put_pipelined(handle, value, block);
    }
    if (take_credit(handle)) {
        err = put_pipelined(handle, value, block);
        if (!err && handle->credits == handle->credits_half) {
            ipc__conn_flush(handle->conn);
        }
        return err;
    }
    return put_asking(handle, value, block, deadline);
}

ipc_err ipc__put_confirm(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline)
{
    ipc_err err = may_put(handle, value, deadline);
    return err ? err : put_asking(handle, value, block, deadline);
}
