/*
 * What the benchmarks' C programs share: their options, the clock, and the line protocol with bench/run.
 * Touches standard input and output. One thread.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <ipc/ipc.h>
#include <stdint.h>

/*
 * The line protocol: a program says "ready" when it is set up, waits for a line, does its work, and writes its numbers,
 * one "NAME VALUE" a line. An exit status other than 0 is a failure; its reason is on standard error.
 */

typedef struct bench_options {
    const char *role;    /* the program's first argument */
    const char *over;    /* which transport */
    const char *address; /* a hub's for ours, an endpoint for ZeroMQ's, a path for others */
    const char *second;  /* forwarders: where to */
    const char *name;    /* of the object */
    uint64_t count;      /* messages */
    size_t size;         /* bytes of payload in each */
    uint64_t maxsize;    /* of the queue; 0: none */
    uint64_t gap_us;     /* pause before each message or operation */
    uint64_t others;     /* of what there is beside that which is measured */
    uint64_t sessions;   /* that those are spread over */
    bool named;          /* the others have names */
    bool apart;          /* the others are another session's */
    bool joinable;       /* a joinable queue: the consumer finishes each item */
    bool borrow;         /* the consumer reads values where they lie */
} bench_options;

/* Read the command line. A wrong one ends the program. */
bench_options bench_parse(int argc, char **argv);

/* Nanoseconds on the monotonic clock, which all processes of the machine share. */
uint64_t bench_now(void);

/* Sleep. */
void bench_pause(uint64_t us);

/* Say "ready" and wait to be told to go. */
void bench_ready(void);

/* Write what this process has computed, in all its threads, since it was told to go: "cpu", in microseconds. */
void bench_cpu(void);

/* Write one number. */
void bench_number(const char *name, double value);

/* Run it so often, each time after the options' pause, and write percentiles of the time that it took. */
void bench_time(const bench_options *options, const char *name, void (*run)(void *arg), void *arg);

/* Sort samples of nanoseconds, and write their median and 99th percentile as microseconds: NAME_p50, NAME_p99. */
void bench_percentiles(const char *name, uint64_t *samples, size_t count);

/* End the program with a reason. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* End the program unless err is IPC_OK. */
void bench_check(ipc_err err, const char *what);

/* As malloc and calloc, without the NULL. */
void *bench_alloc(size_t size);

#endif
