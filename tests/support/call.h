/*
 * Calls that block, made by threads of their own.
 * Touches the call's struct. Started and awaited by one thread.
 */
#ifndef SUPPORT_CALL_H
#define SUPPORT_CALL_H

#include <ipc/ipc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct call {
    ipc_err (*run)(void *arg);
    void *arg;
    pthread_t thread;
    atomic_bool sleeps; /* the library has said that the call is about to sleep */
    atomic_bool over;
    ipc_err result;
    char words[512]; /* the error's */
} call;

/* Start run(arg) in a thread. */
void call_start(call *self, ipc_err (*run)(void *arg), void *arg);

/* Start it, and wait until it sleeps inside the library. */
void call_start_and_block(call *self, ipc_err (*run)(void *arg), void *arg);

/* Its result, which must come within so many milliseconds. */
ipc_err call_result(call *self, int64_t within_ms);

#endif
