/*
 * Objects that several programs share, and single operations on them.
 * Touches libipc. One thread.
 */
#ifndef BENCH_SHARED_H
#define BENCH_SHARED_H

#include "driver/driver.h"

typedef struct bench_shared {
    ipc_conn *conn;
    ipc_dict *dict; /* it has the key "key" */
    ipc_list *list;
    ipc_lock *lock;
    ipc_array *value;
    ipc_msg *number;
} bench_shared;

bench_shared bench_shared_open(const char *address);
void bench_shared_free(bench_shared *shared);

typedef struct bench_operation {
    const char *name;
    void (*run)(void *shared);
} bench_operation;

/* All there are; the last one has no name. */
extern const bench_operation bench_operations[];

/* An integer, as a value. */
ipc_msg *bench_integer(int64_t number);

/* Another connection. */
ipc_conn *bench_connect(const char *address);

#endif
