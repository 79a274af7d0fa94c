/*
 * Pipe handles: one end each, thin over put and take.
 * Touches the handle under its connection's lock.
 */
#include "client/handle.h"
#include "util/error.h"

#include <ipc/pipe.h>
#include <stdlib.h>

struct ipc_pipe {
    ipc__handle base;
    ipc_pipe_end end;
    bool simplex; /* A receives, B sends */
};

/* ---- opening ---- */

static ipc_err check_options(const ipc_pipe_options *given, ipc_pipe_options *options)
{
    *options = (ipc_pipe_options)IPC_PIPE_OPTIONS_INIT;
    if (!given) {
        return IPC_OK;
    }
    if (given->size == 0 || given->size > sizeof *options) {
        return ipc__fail(IPC_EINVAL, "ipc_pipe_options.size is %zu; begin with IPC_PIPE_OPTIONS_INIT", given->size);
    }
    memcpy(options, given, given->size);
    if ((unsigned)options->mode > IPC_OPEN_AS_IS || (unsigned)options->end > IPC_PIPE_B) {
        return ipc__fail(IPC_EINVAL, "mode %d or end %d is none of ipc_open_mode and ipc_pipe_end", (int)options->mode,
                         (int)options->end);
    }
    return IPC_OK;
}

/* What is not asked for is not compared: simplex counts only when it is set, or when the pipe is made here. */
static void pack_options(ipc__buf *buf, ipc_pipe_end end, bool ask_simplex, bool simplex)
{
    msgpack_packer packer = ipc__packer(buf);
    msgpack_pack_map(&packer, 1 + ask_simplex);
    msgpack_pack_str_with_body(&packer, "end", 3);
    msgpack_pack_int(&packer, end);
    if (ask_simplex) {
        msgpack_pack_str_with_body(&packer, "simplex", 7);
        simplex ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    }
}

static ipc_err read_reply(ipc_pipe *pipe, ipc__buf *reply)
{
    ipc_msg *options;
    int end = 0;
    int simplex = 0;
    ipc_err err = ipc__msg_answer(&options, reply->data, reply->length);
    ipc__buf_free(reply);
    if (!err) {
        err = ipc_unpack(options, "{s:i,s:b}", "end", &end, "simplex", &simplex);
        ipc_msg_free(options);
    }
    if (err || end < IPC_PIPE_A || end > IPC_PIPE_B) {
        return ipc__fail(IPC_EPROTO, "the hub's answer to OPEN is not a pipe's options");
    }
    pipe->end = (ipc_pipe_end)end;
    pipe->simplex = simplex;
    return IPC_OK;
}

static ipc_err open_pipe(ipc_pipe **out, ipc_conn *conn, ipc__where where, ipc_open_mode mode,
                         const ipc_pipe_options *options)
{
    ipc_pipe *pipe = calloc(1, sizeof *pipe);
    if (!pipe) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    bool asks = options && mode != IPC_OPEN_AS_IS;
    pack_options(&pipe->base.open, options ? options->end : IPC_PIPE_ANY, asks, asks && options->simplex);
    mode = mode == IPC_OPEN_AS_IS ? IPC_OPEN_ATTACH : mode;
    ipc__buf reply;
    ipc_err err = ipc__handle_open(&pipe->base, conn, "pipe", where, mode, &reply);
    if (err) {
        free(pipe);
        return err;
    }
    err = read_reply(pipe, &reply);
    if (!err) {
        /* Whoever comes first after a loss must not take the other's end. */
        ipc__buf again = {0};
        pack_options(&again, pipe->end, true, pipe->simplex);
        pthread_mutex_lock(&conn->lock);
        ipc__buf_free(&pipe->base.open);
        pipe->base.open = again;
        pthread_mutex_unlock(&conn->lock);
        err = again.failed ? ipc__fail_plain(IPC_ENOMEM) : IPC_OK;
    }
    if (err) {
        ipc_pipe_free(pipe);
        return err;
    }
    *out = pipe;
    return IPC_OK;
}

ipc_err ipc_pipe_open(ipc_pipe **out, ipc_conn *conn, const char *name, const ipc_pipe_options *given)
{
    if (!out || !name) {
        return ipc__fail(IPC_EINVAL, "a pipe's end is opened by name, into a place for it; ipc_pipe_pair() makes one "
                                     "without a name");
    }
    *out = NULL;
    ipc_pipe_options options;
    ipc_err err = check_options(given, &options);
    if (err) {
        return err;
    }
    if (conn) {
        ipc__conn_ref(conn);
    } else if ((err = ipc_conn_default(&conn))) {
        return err;
    }
    err = open_pipe(out, conn, (ipc__where){.name = name}, options.mode, given ? &options : NULL);
    ipc__conn_unref(conn);
    return err;
}

ipc_err ipc_pipe_pair(ipc_pipe **a, ipc_pipe **b, ipc_conn *conn, const ipc_pipe_options *given)
{
    if (!a || !b) {
        return ipc__fail(IPC_EINVAL, "no place for the pipe's ends");
    }
    *a = *b = NULL;
    ipc_pipe_options options;
    ipc_err err = check_options(given, &options);
    if (err) {
        return err;
    }
    if (conn) {
        ipc__conn_ref(conn);
    } else if ((err = ipc_conn_default(&conn))) {
        return err;
    }
    options.end = IPC_PIPE_A;
    err = open_pipe(a, conn, (ipc__where){0}, IPC_OPEN_CREATE, &options);
    if (!err) {
        options.end = IPC_PIPE_B;
        err = open_pipe(b, conn, (ipc__where){.sibling = (*a)->base.id}, IPC_OPEN_ATTACH, &options);
    }
    if (err) {
        ipc_pipe_free(*a);
        *a = NULL;
    }
    ipc__conn_unref(conn);
    return err;
}

ipc_err ipc_pipe_attach(ipc_pipe **out, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!out) {
        return ipc__fail(IPC_EINVAL, "no place for the pipe");
    }
    *out = NULL;
    char *name = NULL;
    ipc__where where = {0};
    ipc_err err = ipc__ticket_read(ticket, "pipe", &conn, &name, &where);
    if (err) {
        return err;
    }
    err = open_pipe(out, conn, where, IPC_OPEN_ATTACH, NULL);
    if (!err) {
        (*out)->base.name = name;
        name = NULL;
    }
    free(name);
    ipc__conn_unref(conn);
    return err;
}

ipc_err ipc_pipe_share(ipc_pipe *pipe, ipc_msg **ticket)
{
    return ipc__handle_share(&pipe->base, ticket);
}

const char *ipc_pipe_name(const ipc_pipe *pipe)
{
    return pipe->base.name;
}

bool ipc_pipe_readable(const ipc_pipe *pipe)
{
    return !pipe->simplex || pipe->end == IPC_PIPE_A;
}

bool ipc_pipe_writable(const ipc_pipe *pipe)
{
    return !pipe->simplex || pipe->end == IPC_PIPE_B;
}

/* ---- sending ---- */

static ipc_err send_value(ipc_pipe *pipe, ipc__bytes value, ipc__block *block, int64_t timeout_ms)
{
    if (!ipc_pipe_writable(pipe)) {
        return ipc__fail(IPC_EPERM, "this end of a one-way pipe only receives");
    }
    ipc_err err = ipc__handle_enter(&pipe->base);
    if (err) {
        return err;
    }
    if (pipe->base.end) {
        err = ipc__fail_plain(pipe->base.end == IPC_EEOF ? IPC_EPIPE : pipe->base.end);
    } else {
        err = ipc__put(&pipe->base, value, block, timeout_ms < 0 ? IPC__NEVER : ipc__deadline(ipc__now(), timeout_ms));
        err = err == IPC_EFULL ? IPC_ETIMEOUT : err;
    }
    return ipc__handle_leave(&pipe->base, err);
}

ipc_err ipc_pipe_send_packed(ipc_pipe *pipe, const void *bytes, size_t length, int64_t timeout_ms)
{
    return send_value(pipe, (ipc__bytes){bytes, length}, NULL, timeout_ms);
}

ipc_err ipc_pipe_send(ipc_pipe *pipe, const ipc_msg *msg, int64_t timeout_ms)
{
    if (!msg) {
        return ipc__fail(IPC_EINVAL, "no message to send");
    }
    ipc__block *block = NULL;
    if (msg->length > IPC__INLINE_MAX) {
        block = ipc__block_of_msg(msg);
        if (!block) {
            return ipc__fail_plain(IPC_ENOMEM);
        }
    }
    ipc_err err = send_value(pipe, (ipc__bytes){msg->data, msg->length}, block, timeout_ms);
    ipc__block_unref(block);
    return err;
}

ipc_err ipc_pipe_send_bytes(ipc_pipe *pipe, const void *bytes, size_t length, int64_t timeout_ms)
{
    if ((!bytes && length) || length > UINT32_MAX) {
        return ipc__fail(IPC_EINVAL, "no bytes to send, or more than %u", UINT32_MAX);
    }
    ipc__buf packed = {0};
    msgpack_packer packer = ipc__packer(&packed);
    msgpack_pack_bin(&packer, length);
    msgpack_pack_bin_body(&packer, bytes, length);
    ipc_err err = packed.failed ? ipc__fail_plain(IPC_ENOMEM)
                                : send_value(pipe, (ipc__bytes){packed.data, packed.length}, NULL, timeout_ms);
    ipc__buf_free(&packed);
    return err;
}

ipc_err ipc_pipe_flush(ipc_pipe *pipe, int64_t timeout_ms)
{
    return ipc__handle_flush(&pipe->base, timeout_ms);
}

/* ---- receiving ---- */

static ipc_err only_sends(void)
{
    return ipc__fail(IPC_EPERM, "this end of a one-way pipe only sends");
}

static ipc_err enter_to_receive(ipc_pipe *pipe)
{
    return ipc_pipe_readable(pipe) ? ipc__handle_enter(&pipe->base) : only_sends();
}

ipc_err ipc_pipe_recv(ipc_pipe *pipe, int64_t timeout_ms, ipc_msg **msg)
{
    *msg = NULL;
    ipc_err err = enter_to_receive(pipe);
    if (err) {
        return err;
    }
    return ipc__handle_leave(&pipe->base, ipc__take(&pipe->base, timeout_ms, msg));
}

/* A place for bytes, and how many are to come. */
struct room {
    size_t capacity;
    size_t front; /* bytes before them */
    size_t length;
};

/* By the value's head: whether it is bytes, and how many. */
static ipc_err fits(ipc__bytes head, size_t length, void *arg)
{
    struct room *room = arg;
    static const size_t fronts[] = {2, 3, 5}; /* a bin's head, by the width of its length */
    unsigned width = head.length && head.data[0] >= 0xc4 && head.data[0] <= 0xc6 ? head.data[0] - 0xc4U : 3;
    if (width > 2 || head.length < fronts[width]) {
        return ipc__fail(IPC_ETYPE, "the next value is no bytes; receive it as a value");
    }
    room->front = fronts[width];
    room->length = 0;
    for (size_t i = 1; i < room->front; i++) {
        room->length = room->length << 8 | head.data[i];
    }
    if (room->length != length - room->front) {
        return ipc__fail(IPC_ETYPE, "the next value is no bytes; receive it as a value");
    }
    if (room->length > room->capacity) {
        return ipc__fail(IPC_ETOOSMALL, "%zu bytes are to come, into a buffer of %zu", room->length, room->capacity);
    }
    return IPC_OK;
}

ipc_err ipc_pipe_recv_bytes(ipc_pipe *pipe, int64_t timeout_ms, void *buffer, size_t capacity, size_t *length)
{
    *length = 0;
    ipc_err err = enter_to_receive(pipe);
    if (err) {
        return err;
    }
    struct room room = {.capacity = capacity};
    ipc_msg *msg = NULL;
    err = ipc__take_if(&pipe->base, timeout_ms, fits, &room, &msg);
    err = ipc__handle_leave(&pipe->base, err);
    if (err && err != IPC_ETOOSMALL) {
        return err;
    }
    *length = room.length;
    if (msg) {
        if (*length) {
            memcpy(buffer, msg->data + room.front, *length);
        }
        ipc_msg_free(msg);
    }
    return err;
}

ipc_err ipc_pipe_fd(ipc_pipe *pipe, int *fd)
{
    *fd = -1;
    return ipc_pipe_readable(pipe) ? ipc__handle_fd(&pipe->base, fd) : only_sends();
}

ipc_err ipc_pipe_poll(ipc_pipe *pipe, int64_t timeout_ms, bool *ready)
{
    *ready = false;
    ipc_err err = enter_to_receive(pipe);
    if (err) {
        return err;
    }
    err = ipc__take_ready(&pipe->base, timeout_ms);
    *ready = err == IPC_OK;
    return ipc__handle_leave(&pipe->base, err == IPC_EEMPTY ? IPC_OK : err);
}

/* ---- ends ---- */

void ipc_pipe_close(ipc_pipe *pipe)
{
    if (pipe) {
        ipc__handle_close(&pipe->base);
    }
}

void ipc_pipe_free(ipc_pipe *pipe)
{
    if (pipe) {
        ipc__handle_fini(&pipe->base);
        free(pipe);
    }
}
