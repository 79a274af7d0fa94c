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

enum { BENCH_KEY_SIZE = 16 };

/* A key of three letters and a number. */
void bench_key(char text[BENCH_KEY_SIZE], const char *kind, uint64_t number);

/* A map with the keys "key" and their numbers from the first one on, or a sequence of the keys alone; fewer than 65536. */
ipc_msg *bench_pack_keys(uint64_t first, size_t count, bool values);

/* Another connection. */
ipc_conn *bench_connect(const char *address);

#endif
