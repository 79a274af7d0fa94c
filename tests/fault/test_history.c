/*
 * The history of a joinable queue whose producers and consumers are killed at random: nothing that the hub owned is lost,
 * nothing comes twice without its flag, and nothing comes that nobody put. A run is so many operations (puts, takes, dones)
 * over each lane, and at the least some deaths of either kind: $LIBIPC_FAULT_OPERATIONS, a million by default, a tenth
 * of that under sanitizers.
 * Touches workers, which it kills, and a hub of its own for every test.
 */
#include "support/items.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PRODUCERS = 3, CONSUMERS = 4, MAXSIZE = 500, FLUSH_EVERY = 40, DEATHS_MIN = 10, PAUSE_MS = 100 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { OPERATIONS = 100 * 1000 };
#else
enum { OPERATIONS = 1000 * 1000 };
#endif

/* So many items may be put in a run: far more than it takes. */
enum { IDS = 1 << 23 };

/* What is known of one item. Written by workers, read when they are gone. */
struct record {
    atomic_uchar begun; /* its put was begun */
    atomic_uchar owned; /* and a flush behind it came back: the hub owns it */
    atomic_uchar first; /* takes with attempt 1 */
    atomic_uchar takes;
    atomic_uchar done; /* done() was begun: the hub may know of it, also when its caller is killed next */
};

struct history {
    atomic_int stop;
    atomic_uint next_id;
    atomic_uint operations;
    atomic_uint unflagged;  /* taken again with attempt 1 */
    atomic_uint unexpected; /* never put, or not as it was put */
    struct record records[IDS];
};

static uint64_t check_sum(uint64_t id)
{
    return id * UINT64_C(0x9e3779b97f4a7c15) ^ UINT64_C(0x5bd1e995);
}

static struct history *history_at(const char *path)
{
    return shared_file(path, sizeof(struct history));
}

/* ---- workers: ADDRESS HISTORY ---- */

static user member(char **args)
{
    user self;
    CHECK_OK(ipc_connect(&self.conn, args[0], NULL));
    self.queue = queue_named(self.conn, "jobs", true, MAXSIZE);
    say("ready");
    return self;
}

/* Values of some sizes, now and then a large one. */
static size_t padding(uint64_t id)
{
    static const size_t sizes[] = {0, 10, 100, 1000, 10, 0, 20, 300};
    return id % 997 == 0 ? 100 * 1000 : sizes[id % 8];
}

static void put_item(ipc_queue *queue, uint64_t id)
{
    static const char filling[100 * 1000];
    ipc_msg *msg;
    CHECK_OK(ipc_pack(&msg, "[U,U,B]", id, check_sum(id), filling, padding(id)));
    CHECK_OK(ipc_queue_put(queue, msg, IPC_FOREVER));
    ipc_msg_free(msg);
}

static int producer_role(char **args)
{
    struct history *history = history_at(args[1]);
    user me = member(args);
    unsigned mine[FLUSH_EVERY];
    while (!atomic_load(&history->stop)) {
        unsigned count = 0;
        while (count < FLUSH_EVERY) {
            unsigned id = atomic_fetch_add(&history->next_id, 1);
            if (id >= IDS) {
                return 0;
            }
            atomic_store(&history->records[id].begun, 1);
            put_item(me.queue, id);
            mine[count++] = id;
        }
        CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
        for (unsigned i = 0; i < count; i++) {
            atomic_store(&history->records[mine[i]].owned, 1);
        }
        atomic_fetch_add(&history->operations, count);
    }
    user_leave(&me);
    return 0;
}

static void note_take(struct history *history, const ipc_msg *item)
{
    uint64_t id = IDS;
    uint64_t sum = 0;
    const void *filling;
    size_t size = 0;
    if (ipc_unpack(item, "[U,U,B!]", &id, &sum, &filling, &size) || id >= IDS || sum != check_sum(id) ||
        size != padding(id) || !atomic_load(&history->records[id].begun)) {
        atomic_fetch_add(&history->unexpected, 1);
        return;
    }
    struct record *record = &history->records[id];
    bool again = atomic_fetch_add(&record->takes, 1) > 0;
    if (ipc_msg_attempt(item) == 1) {
        bool twice = atomic_fetch_add(&record->first, 1) > 0;
        atomic_fetch_add(&history->unflagged, again || twice);
    }
}

static void finish(ipc_queue *queue, struct history *history, const ipc_msg *item)
{
    uint64_t id = IDS;
    CHECK_OK(ipc_unpack(item, "[U]", &id));
    if (id < IDS) {
        /* before: a death in between hands it out again, and it is noted again */
        atomic_store(&history->records[id].done, 1);
    }
    CHECK_OK(ipc_queue_done(queue, item));
}

/* Works on several at a time, so that a death finds some that are taken, and more that are ahead. */
static int consumer_role(char **args)
{
    enum { AT_ONCE = 5 };
    struct history *history = history_at(args[1]);
    user me = member(args);
    ipc_msg *items[AT_ONCE];
    for (;;) {
        unsigned count = 0;
        ipc_err err = IPC_OK;
        while (count < AT_ONCE && (err = ipc_queue_get(me.queue, 100, &items[count])) == IPC_OK) {
            note_take(history, items[count++]);
        }
        CHECK(err == IPC_OK || err == IPC_EEMPTY);
        for (unsigned i = 0; i < count; i++) {
            finish(me.queue, history, items[i]);
            ipc_msg_free(items[i]);
        }
        atomic_fetch_add(&history->operations, 2 * count);
        if (count == 0 && atomic_load(&history->stop) > 1) {
            user_leave(&me);
            return 0;
        }
    }
}

/* ---- the test ---- */

static unsigned operations_wanted(void)
{
    const char *wanted = getenv("LIBIPC_FAULT_OPERATIONS");
    return wanted ? (unsigned)strtoul(wanted, NULL, 10) : OPERATIONS;
}

struct staff {
    const char *role;
    worker *workers[CONSUMERS > PRODUCERS ? CONSUMERS : PRODUCERS];
    int count;
    unsigned killed;
};

static void hire(struct staff *staff, int i, const place *where, const char *path)
{
    staff->workers[i] = worker_start(staff->role, where->address, path, NULL);
    worker_expect(staff->workers[i], "ready");
}

static void replace_one(struct staff *staff, unsigned *seed, const place *where, const char *path)
{
    int i = (int)((unsigned)rand_r(seed) % (unsigned)staff->count);
    worker_kill(staff->workers[i]);
    staff->killed++;
    hire(staff, i, where, path);
}

static void dismiss(struct staff *staff)
{
    for (int i = 0; i < staff->count; i++) {
        worker_end(staff->workers[i]);
    }
}

static void judge(struct history *history, const struct staff *producers, const struct staff *consumers)
{
    unsigned put = atomic_load(&history->next_id) < IDS ? atomic_load(&history->next_id) : IDS;
    unsigned owned = 0;
    unsigned lost = 0;
    unsigned again = 0;
    unsigned unfinished = 0;
    for (unsigned id = 0; id < put; id++) {
        struct record *record = &history->records[id];
        owned += record->owned;
        lost += record->owned && !record->takes;
        again += record->takes > 1;
        unfinished += record->takes && !record->done;
    }
    print_message(
        "%u operations: %u put, %u owned by the hub; %u producers and %u consumers killed; %u handed out again\n",
        atomic_load(&history->operations), put, owned, producers->killed, consumers->killed, again);
    print_message("%u lost, %u again without a flag, %u unexpected, %u not finished\n", lost,
                  atomic_load(&history->unflagged), atomic_load(&history->unexpected), unfinished);
    CHECK_INT(lost, 0);
    CHECK_INT(atomic_load(&history->unflagged), 0);
    CHECK_INT(atomic_load(&history->unexpected), 0);
    CHECK_INT(unfinished, 0);
    CHECK(owned > 0 && again > 0); /* something happened */
}

/* Kill and replace at random, until there was enough of everything; meanwhile it goes on. */
static void disturb(struct history *history, struct staff *producers, struct staff *consumers, const user *watcher,
                    const place *where, const char *path)
{
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    unsigned before = 0;
    int64_t moved = now_ms();
    for (unsigned now = 0;
         now < operations_wanted() || producers->killed < DEATHS_MIN || consumers->killed < DEATHS_MIN;) {
        int64_t next = now_ms() + rand_r(&seed) % PAUSE_MS;
        EVENTUALLY(now_ms() >= next);
        replace_one(rand_r(&seed) % 3 ? consumers : producers, &seed, where, path);
        ipc_queue_info info;
        CHECK_OK(ipc_queue_stat(watcher->queue, &info));
        now = atomic_load(&history->operations);
        moved = now != before ? now_ms() : moved;
        before = now;
        CHECK(now_ms() - moved < DEADLINE_MS);
    }
}

static void test_history__of_random_deaths(void **state)
{
    const place *where = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", getenv("XDG_RUNTIME_DIR"), fresh_name("history"));
    struct history *history = history_at(path);
    struct staff producers = {.role = "producer", .count = PRODUCERS};
    struct staff consumers = {.role = "consumer", .count = CONSUMERS};
    user watcher = user_of(where, "jobs", true, MAXSIZE);
    for (int i = 0; i < PRODUCERS; i++) {
        hire(&producers, i, where, path);
    }
    for (int i = 0; i < CONSUMERS; i++) {
        hire(&consumers, i, where, path);
    }
    disturb(history, &producers, &consumers, &watcher, where, path);
    atomic_store(&history->stop, 1);
    dismiss(&producers);
    CHECK_OK(ipc_queue_join(watcher.queue, DEADLINE_MS)); /* everything is done in the end */
    atomic_store(&history->stop, 2);
    dismiss(&consumers);
    CHECK_INT(size_of(watcher.queue), 0);
    CHECK_INT(unfinished_of(watcher.queue), 0);
    CHECK_ERR(ipc_queue_task_done(watcher.queue), IPC_EUNFINISHED);
    judge(history, &producers, &consumers);
    user_leave(&watcher);
    unlink(path);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"producer", producer_role}, {"consumer", consumer_role}};
    worker_begin(argc, argv, roles, 3);
    const struct CMUnitTest tests[] = {
        AMONG_MORTALS(test_history__of_random_deaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
