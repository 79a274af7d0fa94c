/*
 * Single operations on what several programs share.
 * Touches libipc. One thread.
 */
#include "driver/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 11, PAIR_MAX = 1 + KEY + 5 };

ipc_msg *bench_integer(int64_t number)
{
    ipc_msg *msg;
    bench_check(ipc_pack(&msg, "i", number), "ipc_pack");
    return msg;
}

ipc_conn *bench_connect(const char *address)
{
    ipc_conn *conn;
    bench_check(ipc_connect(&conn, address, NULL), "ipc_connect");
    return conn;
}

/* ---- many keys, packed ---- */

/* The head of an array or a map of so many, fewer than 65536. */
static unsigned char *write_head(unsigned char *at, unsigned char code, size_t count)
{
    *at++ = code;
    *at++ = (unsigned char)(count >> 8);
    *at++ = (unsigned char)count;
    return at;
}

void bench_key(char text[BENCH_KEY_SIZE], const char *kind, uint64_t number)
{
    snprintf(text, BENCH_KEY_SIZE, "%s-%07u", kind, (unsigned)(number % 10000000));
}

static unsigned char *write_key(unsigned char *at, uint64_t number)
{
    char text[BENCH_KEY_SIZE];
    bench_key(text, "key", number);
    *at++ = 0xa0 | KEY;
    memcpy(at, text, KEY);
    return at + KEY;
}

static unsigned char *write_number(unsigned char *at, uint32_t number)
{
    *at++ = 0xce;
    for (int shift = 24; shift >= 0; shift -= 8) {
        *at++ = (unsigned char)(number >> shift);
    }
    return at;
}

ipc_msg *bench_pack_keys(uint64_t first, size_t count, bool values)
{
    unsigned char *bytes = bench_alloc(3 + count * PAIR_MAX);
    unsigned char *at = write_head(bytes, values ? 0xde : 0xdc, count);
    for (uint64_t number = first; number < first + count; number++) {
        at = write_key(at, number);
        at = values ? write_number(at, (uint32_t)number) : at;
    }
    ipc_msg *msg;
    bench_check(ipc_msg_from_bytes(&msg, bytes, (size_t)(at - bytes)), "ipc_msg_from_bytes");
    free(bytes);
    return msg;
}

/* ---- operations ---- */

static void dict_set(void *arg)
{
    const bench_shared *shared = arg;
    bench_check(ipc_dict_set(shared->dict, "key", shared->number), "ipc_dict_set");
}

static void dict_get(void *arg)
{
    const bench_shared *shared = arg;
    ipc_msg *value;
    bench_check(ipc_dict_get(shared->dict, "key", &value), "ipc_dict_get");
    ipc_msg_free(value);
}

static void list_append(void *arg)
{
    const bench_shared *shared = arg;
    bench_check(ipc_list_append(shared->list, shared->number), "ipc_list_append");
}

/* Two operations. */
static void lock_twice(void *arg)
{
    const bench_shared *shared = arg;
    bench_check(ipc_lock_acquire(shared->lock, IPC_FOREVER, NULL), "ipc_lock_acquire");
    bench_check(ipc_lock_release(shared->lock), "ipc_lock_release");
}

static void value_set(void *arg)
{
    const bench_shared *shared = arg;
    bench_check(ipc_array_set_int(shared->value, 0, 7), "ipc_array_set_int");
}

static void value_get(void *arg)
{
    const bench_shared *shared = arg;
    int64_t number;
    bench_check(ipc_array_get_int(shared->value, 0, &number), "ipc_array_get_int");
}

/* It is made, and goes. */
static void open_and_close(void *arg)
{
    const bench_shared *shared = arg;
    ipc_list *list;
    bench_check(ipc_list_open(&list, shared->conn, NULL, NULL), "ipc_list_open");
    ipc_list_free(list);
}

const bench_operation bench_operations[] = {
    {"dict_set", dict_set},   {"dict_get", dict_get},   {"list_append", list_append},   {"lock_twice", lock_twice},
    {"value_set", value_set}, {"value_get", value_get}, {"open_close", open_and_close}, {NULL, NULL},
};

/* ---- beginnings and ends ---- */

bench_shared bench_shared_open(const char *address)
{
    bench_shared shared = {.conn = bench_connect(address), .number = bench_integer(1000)};
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    options.typecode = 'q';
    options.scalar = true;
    bench_check(ipc_dict_open(&shared.dict, shared.conn, "dict", NULL), "ipc_dict_open");
    bench_check(ipc_list_open(&shared.list, shared.conn, "list", NULL), "ipc_list_open");
    bench_check(ipc_lock_open(&shared.lock, shared.conn, "lock", NULL), "ipc_lock_open");
    bench_check(ipc_array_open(&shared.value, shared.conn, "value", &options), "ipc_array_open");
    dict_set(&shared);
    return shared;
}

void bench_shared_free(bench_shared *shared)
{
    ipc_dict_free(shared->dict);
    ipc_list_free(shared->list);
    ipc_lock_free(shared->lock);
    ipc_array_free(shared->value);
    ipc_msg_free(shared->number);
    ipc_conn_free(shared->conn);
}
