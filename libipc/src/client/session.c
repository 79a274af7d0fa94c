/*
 * A connection's operations on their way out, and requests with their replies.
 * Touches the link. The connection's lock is held for every function.
 */
#include "client/conn.h"
#include "util/error.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <utlist.h>

enum {
    IDLE_US = 30,           /* who has sent nothing for so long sends at once */
    BUSY_STARTS = 16,       /* operations between two sends that are worth gathering */
    BUSY_STAYS = 256,       /* and how many a millisecond must then bring */
    BUSY_BYTES = 32 * 1024, /* or bytes */
    LATE_MS = 2000,         /* a hub that keeps a timeout may be so much late */
};

msgpack_packer ipc__op_begin(ipc_conn *conn, ipc__op op, uint32_t handle, unsigned fields)
{
    msgpack_packer packer = ipc__packer(&conn->out.ops);
    ipc__write_op(&packer, op, handle, ++conn->seq, fields);
    return packer;
}

static ipc__sent send_outbox(ipc_conn *conn)
{
    if (conn->link->ops->claims) {
        return conn->link->ops->send(conn->link, &conn->header, &conn->out); /* nothing is gathered */
    }
    uint64_t burst = conn->seq - conn->flushed_seq;
    conn->busy = conn->out.ops.length > BUSY_BYTES || burst >= (conn->busy ? BUSY_STAYS : BUSY_STARTS);
    conn->flushed_seq = conn->seq;
    conn->flushed_at = conn->active_at = ipc__now();
    conn->waiting_out = false;
    return conn->link->ops->send(conn->link, &conn->header, &conn->out);
}

void ipc__conn_flush(ipc_conn *conn)
{
    bool any = false;
    /* What comes meanwhile may have to be answered. */
    while (!ipc__outbox_empty(&conn->out) && conn->state == IPC__CONN_LIVE) {
        ipc__sent sent = send_outbox(conn);
        if (sent == IPC__SENT_NEVER) {
            ipc__outbox_reset(&conn->out);
            ipc__conn_lose(conn, IPC_ELOST);
            return;
        }
        if (sent == IPC__SENT_LATER) {
            break;
        }
        /* A send may swallow the edge that would have woken the driver: then what came is taken here. */
        any = (conn->link->ops->readable(conn->link) && ipc__conn_pump(conn)) || any;
    }
    if (any) {
        ipc__conn_wake(conn);
    }
}

void ipc__conn_kick(ipc_conn *conn)
{
    if (conn->kicked || !conn->has_thread) {
        return;
    }
    conn->kicked = true;
    if (conn->thread_drives) {
        eventfd_write(conn->wake, 1);
    } else if (conn->thread_parked) {
        pthread_cond_signal(&conn->thread_wake);
    }
}

void ipc__conn_post(ipc_conn *conn)
{
    if (conn->link->ops->claims || ipc__outbox_full(&conn->out)) {
        ipc__conn_flush(conn);
    } else if (!conn->waiting_out) {
        uint64_t now = ipc__now();
        if (now - conn->flushed_at > IDLE_US) {
            ipc__conn_flush(conn);
            return;
        }
        conn->active_at = now;
        conn->waiting_out = true;
        ipc__conn_kick(conn);
    }
}

/* ---- requests ---- */

bool ipc__pending_done(void *pending)
{
    return ((ipc__pending *)pending)->done;
}

static ipc__pending **pendings_of(ipc_conn *conn, uint64_t seq)
{
    return &conn->pending[seq % IPC__PENDINGS];
}

void ipc__pending_add(ipc_conn *conn, ipc__pending *pending)
{
    *pending = (ipc__pending){.seq = conn->seq};
    DL_APPEND(*pendings_of(conn, pending->seq), pending);
}

void ipc__pending_forget(ipc_conn *conn, ipc__pending *pending)
{
    DL_DELETE(*pendings_of(conn, pending->seq), pending);
}

ipc__pending *ipc__pending_find(ipc_conn *conn, uint64_t seq)
{
    ipc__pending *pending;
    DL_SEARCH_SCALAR(*pendings_of(conn, seq), pending, seq, seq);
    return pending;
}

void ipc__pending_end(ipc_conn *conn, ipc__pending *pending, ipc_err err)
{
    ipc__pending_forget(conn, pending);
    pending->err = err;
    pending->done = true;
    if (pending->wake) {
        pthread_cond_signal(pending->wake);
    }
}

void ipc__pendings_end(ipc_conn *conn, ipc_err err)
{
    for (size_t i = 0; i < IPC__PENDINGS; i++) {
        while (conn->pending[i]) {
            ipc__pending_end(conn, conn->pending[i], err);
        }
    }
}

/* The reply's error, in its words. */
static ipc_err answer(const ipc_conn *conn, const ipc__pending *pending)
{
    if (pending->err && pending->reply.length) {
        return ipc__fail(pending->err, "%.*s", (int)pending->reply.length, (const char *)pending->reply.data);
    }
    return pending->err == IPC_ELOST ? ipc__conn_lost(conn) : pending->err ? ipc__fail_plain(pending->err) : IPC_OK;
}

/* The hub keeps this timeout, and did not. What became of the request cannot be known. */
static ipc_err unanswered(ipc_conn *conn)
{
    ipc__conn_lose(conn, IPC_ELOST);
    return ipc__fail(IPC_ELOST, "the hub at %s does not answer; the session with it is given up", conn->address.text);
}

/* The caller gives up waiting: the hub's answer decides what became of the request. */
static ipc_err cancel(ipc_conn *conn, ipc__pending *pending)
{
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_CANCEL, 0, 1);
    msgpack_pack_uint64(&packer, pending->seq);
    ipc_err err = ipc__conn_wait_deaf(conn, ipc__pending_done, pending, ipc__deadline(ipc__now(), LATE_MS));
    return err == IPC_ETIMEOUT ? unanswered(conn) : err;
}

ipc_err ipc__conn_ask(ipc_conn *conn, ipc__pending *pending, uint64_t deadline)
{
    ipc__pending_add(conn, pending);
    ipc_err err = ipc__conn_wait(conn, ipc__pending_done, pending, deadline);
    if (!pending->done) {
        ipc__pending_forget(conn, pending);
        return err;
    }
    return answer(conn, pending);
}

static ipc_err call(ipc_conn *conn, ipc__pending *pending, uint64_t deadline, bool keeps)
{
    ipc__pending_add(conn, pending);
    pending->keeps = keeps;
    if (conn->out.ops.failed) {
        ipc__pending_forget(conn, pending);
        ipc__outbox_reset(&conn->out);
        ipc__conn_lose(conn, IPC_ENOMEM);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    uint64_t margin = (uint64_t)LATE_MS * IPC__US_PER_MS;
    uint64_t late = deadline > IPC__NEVER - margin ? IPC__NEVER : deadline + margin;
    ipc_err err = ipc__conn_wait(conn, ipc__pending_done, pending, late);
    if (err == IPC_ETIMEOUT) {
        err = unanswered(conn);
    } else if (err == IPC_EINTR) {
        err = cancel(conn, pending);
    }
    if (!pending->done) {
        ipc__pending_forget(conn, pending);
    }
    return err ? err : answer(conn, pending);
}

ipc_err ipc__conn_call(ipc_conn *conn, ipc__pending *pending, uint64_t deadline)
{
    return call(conn, pending, deadline, false);
}

ipc_err ipc__conn_call_keep(ipc_conn *conn, ipc__pending *pending, uint64_t deadline)
{
    return call(conn, pending, deadline, true);
}
