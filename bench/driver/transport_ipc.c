/*
 * Ours: libipc's queues and pipes, through the public API, one value a call.
 * Touches libipc. One thread.
 */
#include "driver/transport.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEAD_MAX = 5 }; /* of a msgpack bin */

typedef struct ipc_side {
    ipc_conn *conn;
    ipc_queue *to;
    ipc_queue *from;
    ipc_pipe *pipe;
    ipc_msg *held;         /* what the last receive returned */
    unsigned char *packed; /* the value: a bin's head and the payload */
    size_t head;
    size_t size;
    bool finishes; /* each item that it receives */
    bool borrows;  /* it, instead of a copy */
} ipc_side;

/* The head of a msgpack bin: the payload is put behind it again and again. */
static size_t write_head(unsigned char *at, size_t size)
{
    if (size <= UINT8_MAX) {
        at[0] = 0xc4;
        at[1] = (unsigned char)size;
        return 2;
    }
    if (size <= UINT16_MAX) {
        at[0] = 0xc5;
        at[1] = (unsigned char)(size >> 8);
        at[2] = (unsigned char)size;
        return 3;
    }
    at[0] = 0xc6;
    for (int i = 0; i < 4; i++) {
        at[1 + i] = (unsigned char)(size >> (24 - 8 * i));
    }
    return HEAD_MAX;
}

static ipc_side *side_new(const bench_options *options)
{
    ipc_side *side = bench_alloc(sizeof *side);
    side->size = options->size;
    side->finishes = options->joinable;
    side->borrows = options->borrow;
    side->packed = bench_alloc(HEAD_MAX + options->size);
    side->head = write_head(side->packed, options->size);
    bench_check(ipc_connect(&side->conn, options->address, NULL), "ipc_connect");
    return side;
}

static void *side_payload(void *self)
{
    ipc_side *side = self;
    return side->packed + side->head;
}

static const void *received(ipc_side *side, ipc_msg *msg)
{
    ipc_msg_free(side->held);
    side->held = msg;
    size_t length;
    const unsigned char *bytes = ipc_msg_bytes(msg, &length);
    if (length != side->head + side->size) {
        bench_fail("a message of %zu bytes came, not %zu", length, side->head + side->size);
    }
    return bytes + side->head;
}

static void side_free(ipc_side *side)
{
    ipc_msg_free(side->held);
    ipc_conn_free(side->conn);
    free(side->packed);
    free(side);
}

/* ---- queues ---- */

static ipc_queue *open_queue(const ipc_side *side, const bench_options *options, const char *suffix)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", options->name, suffix);
    ipc_queue_options queue_options = IPC_QUEUE_OPTIONS_INIT;
    queue_options.maxsize = options->maxsize;
    queue_options.joinable = options->joinable;
    ipc_queue *queue;
    bench_check(ipc_queue_open(&queue, side->conn, name, &queue_options), "ipc_queue_open");
    return queue;
}

static void *queue_open(const bench_options *options, bench_side which)
{
    ipc_side *side = side_new(options);
    if (which != BENCH_RECEIVES) {
        side->to = open_queue(side, options, which == BENCH_BOTH_B ? "-back" : "");
    }
    if (which != BENCH_SENDS) {
        side->from = open_queue(side, options, which == BENCH_BOTH_A ? "-back" : "");
    }
    return side;
}

static void queue_send(void *self)
{
    ipc_side *side = self;
    bench_check(ipc_queue_put_packed(side->to, side->packed, side->head + side->size, IPC_FOREVER), "ipc_queue_put");
}

static const void *queue_receive(void *self)
{
    ipc_side *side = self;
    ipc_msg *msg;
    if (side->borrows) {
        bench_check(ipc_queue_get_borrowed(side->from, IPC_FOREVER, &msg), "ipc_queue_get_borrowed");
    } else {
        bench_check(ipc_queue_get(side->from, IPC_FOREVER, &msg), "ipc_queue_get");
    }
    if (side->finishes) {
        bench_check(ipc_queue_done(side->from, msg), "ipc_queue_done");
    }
    return received(side, msg);
}

static void queue_close(void *self)
{
    ipc_side *side = self;
    if (side->to) {
        bench_check(ipc_queue_flush(side->to, IPC_FOREVER), "ipc_queue_flush");
    }
    ipc_queue_free(side->to);
    ipc_queue_free(side->from);
    side_free(side);
}

const bench_transport bench_queue = {
    .name = "queue",
    .open = queue_open,
    .payload = side_payload,
    .send = queue_send,
    .receive = queue_receive,
    .close = queue_close,
};

/* ---- pipes ---- */

static void *pipe_open(const bench_options *options, bench_side which)
{
    ipc_side *side = side_new(options);
    ipc_pipe_options pipe_options = IPC_PIPE_OPTIONS_INIT;
    pipe_options.end = which == BENCH_BOTH_A || which == BENCH_SENDS ? IPC_PIPE_A : IPC_PIPE_B;
    bench_check(ipc_pipe_open(&side->pipe, side->conn, options->name, &pipe_options), "ipc_pipe_open");
    return side;
}

static void pipe_send(void *self)
{
    ipc_side *side = self;
    bench_check(ipc_pipe_send_packed(side->pipe, side->packed, side->head + side->size, IPC_FOREVER), "ipc_pipe_send");
}

static const void *pipe_receive(void *self)
{
    ipc_side *side = self;
    ipc_msg *msg;
    bench_check(ipc_pipe_recv(side->pipe, IPC_FOREVER, &msg), "ipc_pipe_recv");
    return received(side, msg);
}

static void pipe_close(void *self)
{
    ipc_side *side = self;
    bench_check(ipc_pipe_flush(side->pipe, IPC_FOREVER), "ipc_pipe_flush");
    ipc_pipe_free(side->pipe);
    side_free(side);
}

const bench_transport bench_pipe = {
    .name = "pipe",
    .open = pipe_open,
    .payload = side_payload,
    .send = pipe_send,
    .receive = pipe_receive,
    .close = pipe_close,
};
