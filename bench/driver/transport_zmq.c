/*
 * Theirs: raw ZeroMQ sockets, zmq_send and zmq_recv. The side that sends first binds, the other connects.
 * Touches libzmq. One thread.
 */
#include "driver/transport.h"

#include <stdlib.h>
#include <zmq.h>

enum { HIGH_WATER_MARK = 100000 };

typedef struct zmq_side {
    void *context;
    void *socket;
    unsigned char *payload;
    unsigned char *buffer;
    size_t size;
} zmq_side;

static void *open_socket(void *context, int type, const char *endpoint, bool binds)
{
    int mark = HIGH_WATER_MARK;
    void *socket = zmq_socket(context, type);
    if (!socket || zmq_setsockopt(socket, ZMQ_SNDHWM, &mark, sizeof mark) != 0 ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &mark, sizeof mark) != 0 ||
        (binds ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint)) != 0) {
        bench_fail("ZeroMQ at %s: %s", endpoint, zmq_strerror(zmq_errno()));
    }
    return socket;
}

static zmq_side *side_open(const bench_options *options, int type, bool binds)
{
    zmq_side *side = bench_alloc(sizeof *side);
    side->size = options->size;
    side->payload = bench_alloc(options->size);
    side->buffer = bench_alloc(options->size);
    side->context = zmq_ctx_new();
    side->socket = open_socket(side->context, type, options->address, binds);
    return side;
}

static void *pushpull_open(const bench_options *options, bench_side which)
{
    return side_open(options, which == BENCH_SENDS ? ZMQ_PUSH : ZMQ_PULL, which == BENCH_SENDS);
}

static void *pair_open(const bench_options *options, bench_side which)
{
    return side_open(options, ZMQ_PAIR, which == BENCH_BOTH_A || which == BENCH_SENDS);
}

static void *side_payload(void *self)
{
    return ((zmq_side *)self)->payload;
}

static void side_send(void *self)
{
    zmq_side *side = self;
    if (zmq_send(side->socket, side->payload, side->size, 0) < 0) {
        bench_fail("zmq_send: %s", zmq_strerror(zmq_errno()));
    }
}

static const void *side_receive(void *self)
{
    zmq_side *side = self;
    int length = zmq_recv(side->socket, side->buffer, side->size, 0);
    if (length < 0 || (size_t)length != side->size) {
        bench_fail("zmq_recv: %d bytes, not %zu: %s", length, side->size, length < 0 ? zmq_strerror(zmq_errno()) : "");
    }
    return side->buffer;
}

static void side_close(void *self)
{
    zmq_side *side = self;
    zmq_close(side->socket);
    zmq_ctx_term(side->context); /* LINGER is for ever: what was sent goes out */
    free(side->payload);
    free(side->buffer);
    free(side);
}

/* The producer has bound its end; the consumer connects to ours. */
static void pushpull_forward(const bench_options *options)
{
    void *context = zmq_ctx_new();
    void *from = open_socket(context, ZMQ_PULL, options->address, false);
    void *to = open_socket(context, ZMQ_PUSH, options->second, true);
    for (uint64_t i = 0; i <= options->count; i++) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, from, 0) < 0 || zmq_msg_send(&message, to, 0) < 0) {
            bench_fail("cannot forward: %s", zmq_strerror(zmq_errno()));
        }
    }
    zmq_close(from);
    zmq_close(to);
    zmq_ctx_term(context);
}

const bench_transport bench_pushpull = {
    .name = "pushpull",
    .open = pushpull_open,
    .payload = side_payload,
    .send = side_send,
    .receive = side_receive,
    .close = side_close,
    .forward = pushpull_forward,
};

const bench_transport bench_pair = {
    .name = "pair",
    .open = pair_open,
    .payload = side_payload,
    .send = side_send,
    .receive = side_receive,
    .close = side_close,
};
