/*
 * Containers, as bench/python_containers.py asks for them. "operations": single ones, one after the other, a gap apart: the median
 * and the 99th percentile of each, in microseconds. "update" and "get_many": a thousand keys a call (--size), microseconds a call.
 * Touches libipc. One thread.
 */
#include "driver/shared.h"

#include <string.h>

enum { WARM_UP = 20 };

static void operations(const bench_options *options, bench_shared *shared)
{
    for (const bench_operation *operation = bench_operations; operation->name; operation++) {
        bench_time(options, operation->name, operation->run, shared);
    }
}

/* ---- many keys ---- */

static void update(const bench_options *options, const bench_shared *shared)
{
    ipc_msg *map = bench_pack_keys(0, options->size, true);
    bench_check(ipc_dict_update(shared->dict, map), "ipc_dict_update");
    ipc_msg_free(map);
}

/* All of the values are looked at. */
static void get_many(const bench_options *options, const bench_shared *shared)
{
    ipc_msg *keys = bench_pack_keys(0, options->size, false);
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
