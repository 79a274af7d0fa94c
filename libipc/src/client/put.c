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

enum { RING_MS = 200 }; /* how long the hub may take to read a ring, whatever the timeout of a put */

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

/* The ring's room, where there is a ring. */
static bool ring_has_room(void *arg)
{
    const struct room *room = arg;
    const ipc_conn *conn = room->conn;
    return conn->state != IPC__CONN_LIVE ||
           (ipc__outbox_empty(&conn->out) && conn->link->ops->claims->room(conn->link, room->length));
}

/* The hub is at work on what is in the ring: that is no waiting for room in the object, and not bounded by its timeout alone. */
static ipc_err wait_for_ring(struct room *room, uint64_t deadline)
{
    if (ring_has_room(room)) {
        return IPC_OK;
    }
    uint64_t soon = ipc__deadline(ipc__now(), RING_MS);
    return ipc__conn_wait(room->conn, ring_has_room, room, soon > deadline ? soon : deadline);
}

static ipc_err wait_for_room(ipc__handle *handle, uint64_t length, uint64_t deadline)
{
    struct room room = {.conn = handle->conn, .length = length};
    ipc_err err = IPC_OK;
    if (handle->conn->link->ops->claims) {
        err = wait_for_ring(&room, deadline);
        return err == IPC_ETIMEOUT ? ipc__fail(IPC_EFULL, "the hub has not taken in what was put before") : err;
    }
    while (!err && !has_room(&room)) {
        /* A ping's answer brings the count, however little is on the way; others may put meanwhile. */
        ipc__op_begin(handle->conn, IPC__OP_PING, 0, 0);
        ipc__pending_add(handle->conn, &room.ping);
        err = ipc__conn_wait(handle->conn, has_news, &room, deadline);
        if (!room.ping.done) {
            ipc__pending_forget(handle->conn, &room.ping);
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
    ipc__link *link = handle->conn->link;
    if (link->ops->claims) {
        return link->ops->claims->credit(link, handle->id);
    }
    if (handle->credits == 0 || ipc__now_coarse() + IPC__COARSE_LAG_US >= handle->credits_until) {
        handle->credits = 0;
        return false;
    }
    handle->credits--;
    return true;
}

/* What it was taken for did not go out. */
static void return_credit(ipc__handle *handle)
{
    ipc__link *link = handle->conn->link;
    if (link->ops->claims) {
        link->ops->claims->credit_back(link, handle->id);
    } else {
        handle->credits++;
    }
}

/* A large value goes where the hub and its consumer can see it. NULL: it goes as it is. */
static ipc__block *stage(const ipc_conn *conn, ipc__bytes value)
{
    ipc__link *link = conn->link;
    if (!link->ops->claims || value.length <= link->ops->inline_max) {
        return NULL;
    }
    ipc__block *block = link->ops->claims->stage(link, value.length);
    if (block) {
        memcpy((void *)(uintptr_t)block->data, value.data, value.length);
    }
    return block;
}

/* A large value is placed before its operation goes: what cannot be placed is not put. */
static bool place(ipc_conn *conn, unsigned frames)
{
    const ipc__claim_ops *claims = conn->link->ops->claims;
    return !claims || conn->out.frame_count == frames || claims->place(conn->link, &conn->out);
}

ipc_err ipc__value_write(ipc_conn *conn, size_t start, ipc__bytes value, ipc__block *block)
{
    unsigned frames = conn->out.frame_count;
    ipc__block *staged = stage(conn, value);
    bool written = ipc__write_value(&conn->out, value, staged ? staged : block) && !conn->out.ops.failed;
    ipc__block_unref(staged);
    if (written && place(conn, frames)) {
        return IPC_OK;
    }
    if (conn->out.frame_count > frames) {
        ipc__block_unref(conn->out.frames[--conn->out.frame_count]);
        conn->out.frame_bytes -= value.length;
    }
    conn->out.ops.length = start;
    conn->out.ops.failed = false;
    return written ? ipc__fail(IPC_ENOMEM,
                               "a value of %zu bytes cannot be shared: too little memory, or too few descriptors",
                               value.length)
                   : ipc__fail_plain(IPC_ENOMEM);
}

/* The same for a put, whose bytes count. */
static ipc_err write_put(ipc_conn *conn, size_t start, ipc__bytes value, ipc__block *block)
{
    ipc_err err = ipc__value_write(conn, start, value, block);
    conn->sent += err ? 0 : value.length;
    return err;
}

static ipc_err put_pipelined(ipc__handle *handle, ipc__bytes value, ipc__block *block)
{
    ipc_conn *conn = handle->conn;
    size_t start = conn->out.ops.length;
    ipc__op_begin(conn, IPC__OP_PUT, handle->id, 1);
    ipc_err err = write_put(conn, start, value, block);
    if (!err) {
        ipc__conn_post(conn);
    }
    return err;
}

static ipc_err put_asking(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline)
{
    ipc_conn *conn = handle->conn;
    size_t start = conn->out.ops.length;
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_PUT_WAIT, handle->id, 2);
    msgpack_pack_int64(&packer, ipc__left_ms(ipc__now(), deadline));
    ipc_err err = write_put(conn, start, value, block);
    if (err) {
        return err;
    }
    ipc__pending pending;
    err = ipc__conn_call(conn, &pending, deadline);
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

static ipc_err put_credited(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline)
{
    if (!handle->bound) {
        return put_pipelined(handle, value, block);
    }
    if (!take_credit(handle)) {
        return put_asking(handle, value, block, deadline);
    }
    ipc_err err = put_pipelined(handle, value, block);
    if (err && handle->conn->state == IPC__CONN_LIVE) {
        return_credit(handle);
    }
    if (!err && handle->credits == handle->credits_half) {
        ipc__conn_flush(handle->conn);
    }
    return err;
}

/* The usual case in one step: nothing is to be waited for, and nothing to be read. */
static bool put_straight(ipc__handle *handle, ipc__bytes value)
{
    ipc_conn *conn = handle->conn;
    if (handle->bound || handle->shut || ipc__handle_gone(handle)) {
        return false;
    }
    ipc__link *link = conn->link;
    if (!link->ops->claims || value.length > conn->welcome.max_message || !ipc__outbox_empty(&conn->out) ||
        link->ops->readable(link) || !link->ops->claims->put(link, handle->id, conn->seq + 1, value)) {
        return false;
    }
    conn->seq++;
    return true;
}

ipc_err ipc__put(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline)
{
    if (put_straight(handle, value)) {
        return IPC_OK;
    }
    ipc_err err = may_put(handle, value, deadline);
    return err ? err : put_credited(handle, value, block, deadline);
}

ipc_err ipc__put_confirm(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline)
{
    ipc_err err = may_put(handle, value, deadline);
    return err ? err : put_asking(handle, value, block, deadline);
}
