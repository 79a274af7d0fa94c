/*
 * What the hub sends: replies go to who waits for them, the rest to the handles.
 * Touches the connection and its handles. The connection's lock is held.
 */
#include "client/handle.h"
#include "util/error.h"

#include <stdlib.h>

/* A code of the hub's: 0, or one that has a name. */
static bool is_code(int64_t code)
{
    return code == IPC_OK || (code < 0 && code >= INT32_MIN && ipc_err_name((ipc_err)code));
}

static ipc__handle *find_handle(const ipc_conn *conn, uint32_t id)
{
    return id < conn->slot_count ? conn->slots[id].handle : NULL;
}

/* Step over fields, noting where they stand. */
static bool skip(ipc__envelope *envelope, uint32_t fields, ipc__bytes *span)
{
    span->data = envelope->at.at;
    for (; fields > 0; fields--) {
        if (ipc_cursor_skip(&envelope->at)) {
            return false;
        }
    }
    span->length = (size_t)(envelope->at.at - span->data);
    return true;
}

/* An error's words, alone in the reply. */
static bool keep_words(ipc__pending *pending, ipc__bytes span)
{
    ipc_cursor at;
    ipc_cursor_init(&at, span.data, span.length);
    ipc__bytes words;
    if (!ipc__read_str(&at, &words)) {
        return false;
    }
    ipc__buf_write(&pending->reply, (const char *)words.data, words.length);
    return true;
}

/* The answer to a ping tells more about the clocks: the hub's time is at most what it says plus the way back. */
static void on_pong(ipc_conn *conn, uint64_t hub_now)
{
    uint64_t offset = hub_now - conn->pinged_at;
    uint64_t drift = conn->welcome.silence_us / 10000;
    conn->clock_offset = (int64_t)(offset - conn->clock_offset) < 0 ? offset : conn->clock_offset + drift;
}

static bool on_reply(ipc_conn *conn, const ipc__head *head, ipc__envelope *envelope, uint64_t hub_now)
{
    int64_t code;
    ipc__bytes span;
    if (head->fields < 1 || !ipc__read_int(&envelope->at, &code) || !is_code(code) ||
        !skip(envelope, head->fields - 1, &span)) {
        return false;
    }
    if (head->seq && head->handle && head->handle < conn->slot_count &&
        conn->slots[head->handle].close_seq == head->seq) {
        ipc__slot_give(conn, head->handle);
        return true;
    }
    if (head->seq == conn->ping_seq && head->seq) {
        on_pong(conn, hub_now);
    }
    ipc__pending *pending = ipc__pending_find(conn, head->seq);
    if (!pending) {
        return true; /* whoever asked has given up */
    }
    ipc__pending_end(conn, pending, (ipc_err)code);
    if (code) {
        return keep_words(pending, span);
    }
    if (pending->keeps) {
        pending->block = ipc__block_ref(envelope->frames[0]);
        pending->fields = span;
        return true;
    }
    ipc__buf_write(&pending->reply, (const char *)span.data, span.length);
    pending->err = pending->reply.failed ? IPC_ENOMEM : IPC_OK;
    return true;
}

static bool on_fail(ipc__handle *handle, const ipc__head *head, ipc__envelope *envelope)
{
    int64_t code;
    ipc__bytes words;
    if (head->fields != 2 || !ipc__read_int(&envelope->at, &code) || !is_code(code) ||
        !ipc__read_str(&envelope->at, &words)) {
        return false;
    }
    if (!handle) {
        return true;
    }
    if (handle->fail_count++ == 0) {
        handle->failed = (ipc_err)code;
        handle->fail_first = head->seq;
        free(handle->fail_words);
        handle->fail_words = strndup((const char *)words.data, words.length);
    }
    return true;
}

static bool on_end(ipc_conn *conn, ipc__handle *handle, const ipc__head *head, ipc__envelope *envelope)
{
    int64_t code;
    if (head->fields != 1 || !ipc__read_int(&envelope->at, &code) || !is_code(code)) {
        return false;
    }
    if (head->handle == 0) {
        ipc__conn_lose(conn, IPC_ELOST);
    } else if (handle && code == IPC_ESHUTDOWN) {
        handle->shut = handle->drained = true;
    } else if (handle) {
        handle->end = (ipc_err)code;
    }
    return true;
}

static void on_credit(ipc_conn *conn, ipc__handle *handle, uint64_t count, uint64_t hub_now)
{
    handle->credits = (ipc__now() < handle->credits_until ? handle->credits : 0) + count;
    handle->credits_until = hub_now + conn->welcome.validity_us - conn->clock_offset;
    handle->credits_half = handle->credits / 2;
}

static void on_uncredit(ipc_conn *conn, ipc__handle *handle)
{
    uint64_t unused = ipc__now() < handle->credits_until ? handle->credits : 0;
    handle->credits = 0;
    msgpack_packer packer = ipc__op_begin(conn, IPC__OP_UNCREDITED, handle->id, 1);
    msgpack_pack_uint64(&packer, unused);
    ipc__conn_kick(conn);
}

/* The hub's operations with two numbers. */
static bool on_numbers(ipc_conn *conn, ipc__handle *handle, const ipc__head *head, ipc__envelope *envelope,
                       uint64_t hub_now)
{
    uint64_t first;
    uint64_t second;
    if (head->fields != 2 || !ipc__read_uint(&envelope->at, &first) || !ipc__read_uint(&envelope->at, &second)) {
        return false;
    }
    if (!handle) {
        return true; /* closed meanwhile */
    }
    switch (head->op) {
    case IPC__OP_RECALL:
        ipc__on_recall(handle, first);
        return true;
    case IPC__OP_REVOKE:
        ipc__on_revoke(handle, first, second);
        return true;
    case IPC__OP_CREDIT:
        on_credit(conn, handle, first, hub_now);
        return true;
    case IPC__OP_SHUT:
        handle->shut = true;
        handle->credits = 0;
        return true;
    default:
        on_uncredit(conn, handle);
        return true;
    }
}

static bool handle_op(ipc_conn *conn, ipc__handle *handle, const ipc__head *head, ipc__envelope *envelope,
                      uint64_t hub_now)
{
    switch (head->op) {
    case IPC__OP_DELIVER:
        return ipc__on_deliver(handle, envelope, head, hub_now);
    case IPC__OP_FAIL:
        return on_fail(handle, head, envelope);
    case IPC__OP_END:
        return on_end(conn, handle, head, envelope);
    case IPC__OP_RECALL:
    case IPC__OP_REVOKE:
    case IPC__OP_CREDIT:
    case IPC__OP_UNCREDIT:
    case IPC__OP_SHUT:
        return on_numbers(conn, handle, head, envelope, hub_now);
    default:
        return false;
    }
}

static bool dispatch_one(ipc_conn *conn, const ipc__head *head, ipc__envelope *envelope, uint64_t hub_now)
{
    if (head->op == IPC__OP_REPLY) {
        return on_reply(conn, head, envelope, hub_now);
    }
    if (head->op == IPC__OP_SEGMENT_GONE) {
        uint64_t number;
        uint64_t none;
        bool known = conn->link->ops->claims && head->fields == 2 && ipc__read_uint(&envelope->at, &number) &&
                     ipc__read_uint(&envelope->at, &none) && number <= UINT32_MAX;
        if (known) {
            ipc__conn_read_control(conn); /* it was sent that way, before this was said */
        }
        if (known && conn->state == IPC__CONN_LIVE) {
            conn->link->ops->claims->segment_gone(conn->link, (uint32_t)number);
        }
        return known;
    }
    ipc__handle *handle = find_handle(conn, head->handle);
    bool good = handle_op(conn, handle, head, envelope, hub_now);
    if (handle && handle->ready_fd >= 0) {
        ipc__take_signal(handle);
    }
    return good;
}

bool ipc__conn_dispatch(ipc_conn *conn, ipc__envelope *envelope)
{
    uint64_t header[3] = {0, 0, conn->sent}; /* epoch, now_us, acked; where there is none, what was sent is the hub's */
    if (!ipc__envelope_open(envelope, header, envelope->bare ? 0 : 3)) {
        return false;
    }
    conn->heard_at = ipc__now();
    conn->acked = header[2] > conn->acked && header[2] <= conn->sent ? header[2] : conn->acked;
    while (ipc__envelope_more(envelope)) {
        ipc__head head;
        if (!ipc__envelope_next(envelope, &head) || !dispatch_one(conn, &head, envelope, header[1])) {
            return false;
        }
    }
    return true;
}
