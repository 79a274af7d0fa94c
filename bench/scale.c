/*
 * Whether anything costs more where there is more of something else. "objects": operations beside so many lists (--others), which have
 * handles here, or names (--named), or are another session's (--apart). "handles": beside so many handles on one list.
 * "waiters": notifying one of so many that wait for a condition, and all. "keys": operations on a dict of so many keys; between two
 * stops it is filled, so that bench/run can look at the memory.
 * Touches libipc, and threads of its own for those who wait.
 */
#include "driver/shared.h"
#include "driver/waiters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP = 20 };

/* ---- beside other objects ---- */

static ipc_list **open_lists(const bench_options *options, ipc_conn *conn, bool named, bool one)
{
    ipc_list **lists = bench_alloc((options->others + 1) * sizeof *lists);
    for (uint64_t i = 0; i < options->others; i++) {
        char name[32];
        snprintf(name, sizeof name, "list %llu", one ? 0ULL : (unsigned long long)i);
        bench_check(ipc_list_open(&lists[i], conn, named ? name : NULL, NULL), "ipc_list_open");
    }
    return lists;
}

static void beside(const bench_options *options, bool one)
{
    bench_shared shared = bench_shared_open(options->address);
    ipc_conn *owner = options->apart ? bench_connect(options->address) : shared.conn;
    ipc_list **others = open_lists(options, owner, options->named || one, one);
    for (int i = 0; i < WARM_UP; i++) {
        bench_operations[0].run(&shared);
    }
    bench_ready();
    for (const bench_operation *operation = bench_operations; operation->name; operation++) {
        bench_time(options, operation->name, operation->run, &shared);
    }
    bench_waiters waiters = bench_waiters_start(options->address, 1, 1);
    bench_waiters_notify_one(&waiters, options->count);
    bench_waiters_end(&waiters);
    for (uint64_t i = 0; i < options->others; i++) {
        ipc_list_free(others[i]);
    }
    free(others);
    if (options->apart) {
        ipc_conn_free(owner);
    }
    bench_shared_free(&shared);
}

/* ---- many who wait ---- */

static void waiters(const bench_options *options)
{
    uint64_t sessions = options->sessions ? options->sessions : 1;
    bench_waiters those = bench_waiters_start(options->address, options->others, sessions);
    bench_ready();
    bench_waiters_notify_one(&those, options->count);
    bench_waiters_notify_all(&those, options->count / 100 + 1);
    bench_waiters_end(&those);
}

/* ---- many keys ---- */

typedef struct keys {
    ipc_dict *dict;
    ipc_msg *number;
    const char *kind;
    uint64_t count;
    uint64_t next; /* the next one's number */
    uint64_t step; /* to the one after that: in an order that caches cannot follow */
    char key[BENCH_KEY_SIZE];
} keys;

static void next_key(keys *all)
{
    bench_key(all->key, all->kind, all->next);
    all->next = (all->next + all->step) % all->count;
}

static void set_key(void *arg)
{
    const keys *all = arg;
    bench_check(ipc_dict_set(all->dict, all->key, all->number), "ipc_dict_set");
}

static void get_key(void *arg)
{
    const keys *all = arg;
    ipc_msg *value;
    bench_check(ipc_dict_get(all->dict, all->key, &value), "ipc_dict_get");
    ipc_msg_free(value);
}

static void delete_key(void *arg)
{
    const keys *all = arg;
    bench_check(ipc_dict_delete(all->dict, all->key), "ipc_dict_delete");
}

static void increment_key(void *arg)
{
    const keys *all = arg;
    bench_check(ipc_dict_increment(all->dict, all->key, 1, NULL), "ipc_dict_increment");
}

static void pop_item(void *arg)
{
    const keys *all = arg;
    bench_check(ipc_dict_invoke(all->dict, IPC_METHOD_POP_ITEM, NULL, NULL), "POP_ITEM");
}

/* As bench_time(), each time with the next key. */
static void time_keys(keys *all, uint64_t count, const char *name, void (*run)(void *all))
{
    uint64_t *samples = bench_alloc(count * sizeof *samples);
    for (uint64_t i = 0; i < count; i++) {
        next_key(all);
        uint64_t begun = bench_now();
        run(all);
        samples[i] = bench_now() - begun;
    }
    bench_percentiles(name, samples, count);
    free(samples);
}

/* What the hub has computed so far, in nanoseconds. */
static uint64_t hub_cpu(clockid_t clock)
{
    struct timespec so_far;
    if (clock_gettime(clock, &so_far)) {
        bench_fail("the hub's clock cannot be read");
    }
    return (uint64_t)so_far.tv_sec * 1000000000U + (uint64_t)so_far.tv_nsec;
}

static clockid_t hub_clock(ipc_conn *conn)
{
    ipc_msg *stat;
    int pid;
    clockid_t clock;
    bench_check(ipc_stat(conn, &stat), "ipc_stat");
    bench_check(ipc_unpack(stat, "{s:i}", "pid", &pid), "ipc_unpack");
    ipc_msg_free(stat);
    if (clock_getcpuclockid(pid, &clock)) {
        bench_fail("the hub has no clock");
    }
    return clock;
}

typedef struct filling {
    uint64_t took;
    uint64_t longest;
} filling;

/*
 * A few keys at a time. That a table grows is in what the hub computes for the longest one, which hardly moves with what else the
 * machine does.
 */
static filling fill(const keys *all, clockid_t clock)
{
    enum { STEP = 100 };
    filling times = {0};
    uint64_t first = bench_now();
    for (uint64_t i = 0; i < all->count; i += STEP) {
        ipc_msg *some = bench_pack_keys(i, all->count - i < STEP ? all->count - i : STEP, true);
        uint64_t begun = hub_cpu(clock);
        bench_check(ipc_dict_update(all->dict, some), "ipc_dict_update");
        uint64_t took = hub_cpu(clock) - begun;
        times.longest = took > times.longest ? took : times.longest;
        ipc_msg_free(some);
    }
    times.took = bench_now() - first;
    return times;
}

/* Set, get and increment those that are there; add others and delete them; take out what came last. */
static void work(keys *all, uint64_t count)
{
    all->step = 7919; /* a prime */
    time_keys(all, count, "set", set_key);
    time_keys(all, count, "get", get_key);
    time_keys(all, count, "increment", increment_key);
    all->kind = "new";
    all->next = 0;
    time_keys(all, count, "new", set_key);
    all->next = 0;
    time_keys(all, count, "delete", delete_key);
    time_keys(all, count, "pop_item", pop_item);
}

static void many_keys(const bench_options *options)
{
    ipc_conn *conn = bench_connect(options->address);
    keys all = {.number = bench_integer(1000), .kind = "key", .count = options->others, .step = 1};
    uint64_t count = options->count < options->others / 2 ? options->count : options->others / 2;
    bench_check(ipc_dict_open(&all.dict, conn, "keys", NULL), "ipc_dict_open");
    set_key(&all); /* "": everything is connected */
    clockid_t clock = hub_clock(conn);
    bench_ready();
    filling times = fill(&all, clock);
    bench_ready();
    bench_number("longest_ms", (double)times.longest / 1e6);
    bench_number("mean", (double)times.took / 1e3 / (double)all.count);
    work(&all, count);
    ipc_dict_free(all.dict);
    ipc_msg_free(all.number);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    bench_options options = bench_parse(argc, argv);
    if (options.count == 0 || options.others == 0) {
        bench_fail("one operation at least, beside one other at least");
    }
    if (strcmp(options.role, "objects") == 0) {
        beside(&options, false);
    } else if (strcmp(options.role, "handles") == 0) {
        beside(&options, true);
    } else if (strcmp(options.role, "waiters") == 0) {
        waiters(&options);
    } else if (strcmp(options.role, "keys") == 0 && options.others > 1) {
        many_keys(&options);
    } else {
        bench_fail("objects, handles, waiters or keys");
    }
    return 0;
}
