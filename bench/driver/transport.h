/*
 * Transports: what carries the messages, ours and theirs behind one table, so that both are measured by the same loop.
 * Touches libipc, libzmq, a socket or shared memory. One thread.
 */
#ifndef BENCH_TRANSPORT_H
#define BENCH_TRANSPORT_H

#include "driver/driver.h"

typedef enum bench_side { BENCH_SENDS, BENCH_RECEIVES, BENCH_BOTH_A, BENCH_BOTH_B } bench_side;

typedef struct bench_transport {
    const char *name;
    /* Open one side. */
    void *(*open)(const bench_options *options, bench_side side);
    /* Where to write the next payload, options.size bytes: what was written there before may still stand there. */
    void *(*payload)(void *self);
    /* Send the payload. */
    void (*send)(void *self);
    /* Receive one: borrowed until the next call. Any other size than options.size ends the program. */
    const void *(*receive)(void *self);
    /* What was sent is on its way, whatever this process does next. */
    void (*close)(void *self);
    /* Move all messages of a run from options.address to options.second, as a hub must. NULL: it has no such thing. */
    void (*forward)(const bench_options *options);
} bench_transport;

extern const bench_transport bench_queue;    /* a libipc queue: one way, or two of them for both */
extern const bench_transport bench_pipe;     /* a libipc pipe */
extern const bench_transport bench_pushpull; /* ZeroMQ PUSH to PULL: one way */
extern const bench_transport bench_pair;     /* ZeroMQ PAIR to PAIR */
extern const bench_transport bench_ring;     /* a ring in shared memory: one way */
extern const bench_transport bench_unix;     /* a Unix stream socket */

/* The one named by options.over. */
const bench_transport *bench_transport_of(const bench_options *options);

#endif
