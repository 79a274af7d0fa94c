/*
 * Containers, as bench/python_containers.py asks for them. "operations": single ones, one after the other, a gap apart: the median
 * and the 99th percentile of each, in microseconds. "update" and "get_many": a thousand keys a call (--size), microseconds a call.
 * Touches libipc. One thread.
 */
#include "driver/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 20, KEY = 8, PAIR_MAX = 1 + KEY + 5 };

static void operations(const bench_options *options, bench_shared *shared)
{
    for (const bench_operation *operation = bench_operations; operation->name; operation++) {
        bench_time(options, operation->name, operation->run, shared);
    }
}

/* ---- many keys ---- */

/* The head of an array or a map of so many, fewer than 65536. */
static unsigned char *write_head(unsigned char *at, unsigned char code, size_t count)
{
    *at++ = code;
    *at++ = (unsigned char)(count >> 8);
    *at++ = (unsigned char)count;
    return at;
}

static unsigned char *write_key(unsigned char *at, unsigned number)
{
    char text[KEY + 1];
    snprintf(text, sizeof text, "key-%04u", number % 10000);
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

/* A map with all keys and their numbers, or a sequence of the keys alone. */
static ipc_msg *pack_keys(size_t count, bool values)
{
    unsigned char *bytes = bench_alloc(3 + count * PAIR_MAX);
    unsigned char *at = write_head(bytes, values ? 0xde : 0xdc, count);
    for (size_t i = 0; i < count; i++) {
        at = write_key(at, (unsigned)i);
        at = values ? write_number(at, (uint32_t)i) : at;
    }
    ipc_msg *msg;
    bench_check(ipc_msg_from_bytes(&msg, bytes, (size_t)(at - bytes)), "ipc_msg_from_bytes");
    free(bytes);
    return msg;
}

static void update(const bench_options *options, const bench_shared *shared)
{
    ipc_msg *map = pack_keys(options->size, true);
    bench_check(ipc_dict_update(shared->dict, map), "ipc_dict_update");
    ipc_msg_free(map);
}

/* All of the values are looked at. */
static void get_many(const bench_options *options, const bench_shared *shared)
{
    ipc_msg *keys = pack_keys(options->size, false);
    ipc_msg *values;
    bench_check(ipc_dict_get_many(shared->dict, keys, &values), "ipc_dict_get_many");
    ipc_cursor at;
    ipc_value value;
    bench_check(ipc_cursor_open(&at, values), "ipc_cursor_open");
    bench_check(ipc_cursor_next(&at, &value), "the values");
    for (uint32_t i = 0; i < options->size; i++) {
        bench_check(ipc_cursor_next(&at, &value), "a value");
        if (value.kind != IPC_KIND_INT || value.as.i != i) {
            bench_fail("a value came that nobody stored");
        }
    }
    ipc_msg_free(values);
    ipc_msg_free(keys);
}

static void batches(const bench_options *options, const bench_shared *shared,
                    void (*run)(const bench_options *options, const bench_shared *shared))
{
    uint64_t begun = bench_now();
    for (uint64_t i = 0; i < options->count; i++) {
        run(options, shared);
    }
    bench_number("batch", (double)(bench_now() - begun) / 1000 / (double)options->count);
}

int main(int argc, char **argv)
{
    bench_options options = bench_parse(argc, argv);
    if (options.count == 0 || options.size == 0 || options.size > 10000) {
        bench_fail("one operation at least, and 1 to 10000 keys");
    }
    bench_shared shared = bench_shared_open(options.address);
    update(&options, &shared);
    for (int i = 0; i < WARM_UP; i++) {
        for (const bench_operation *operation = bench_operations; operation->name; operation++) {
            operation->run(&shared);
        }
    }
    bench_ready();
    if (strcmp(options.role, "operations") == 0) {
        operations(&options, &shared);
    } else if (strcmp(options.role, "update") == 0) {
        batches(&options, &shared, update);
    } else if (strcmp(options.role, "get_many") == 0) {
        batches(&options, &shared, get_many);
    } else {
        bench_fail("operations, update or get_many");
    }
    bench_shared_free(&shared);
    return 0;
}
