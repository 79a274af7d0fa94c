/*
 * Many threads that wait on one connection: each is woken by what it waits for, and nobody by what is another's.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { WAITERS = 60, CALLS = 500 };

struct shared {
    ipc_conn *conn;
    ipc_condition *condition;
    ipc_event *event;
    ipc_dict *dict;
    atomic_int woken;
};

static struct shared *shared_new(const place *where)
{
    struct shared *shared = calloc(1, sizeof *shared);
    CHECK(shared != NULL);
    shared->conn = connect_to(where);
    CHECK_OK(ipc_condition_open(&shared->condition, shared->conn, "condition", NULL));
    CHECK_OK(ipc_event_open(&shared->event, shared->conn, "event", NULL));
    CHECK_OK(ipc_dict_open(&shared->dict, shared->conn, "dict", NULL));
    return shared;
}

static void shared_free(struct shared *shared)
{
    ipc_condition_free(shared->condition);
    ipc_event_free(shared->event);
    ipc_dict_free(shared->dict);
    ipc_conn_free(shared->conn);
    free(shared);
}

static ipc_err wait_for_event(void *arg)
{
    return ipc_event_wait(((struct shared *)arg)->event, IPC_FOREVER);
}

static ipc_err wait_for_notification(void *arg)
{
    struct shared *shared = arg;
    bool notified = false;
    ipc_err err = ipc_condition_acquire(shared->condition, IPC_FOREVER, NULL);
    err = err ? err : ipc_condition_wait(shared->condition, IPC_FOREVER, &notified, NULL);
    if (!err) {
        atomic_fetch_add(&shared->woken, notified);
    }
    return err ? err : ipc_condition_release(shared->condition);
}

static long switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

/* What one thread asks wakes none of those who wait for something else. */
static void test_waiters__sleep_while_others_call(void **state)
{
    struct shared *shared = shared_new(*state);
    call waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        call_start_and_block(&waiters[i], wait_for_event, shared);
    }
    long before = switches();
    for (int i = 0; i < CALLS; i++) {
        int64_t now;
        CHECK_OK(ipc_dict_increment(shared->dict, "calls", 1, &now));
        CHECK_INT(now, i + 1);
    }
    CHECK(switches() - before < (long)CALLS * WAITERS / 4);
    CHECK_OK(ipc_event_set(shared->event));
    for (int i = 0; i < WAITERS; i++) {
        CHECK_OK(call_result(&waiters[i], DEADLINE_MS));
    }
    shared_free(shared);
}

static uint64_t waiting(struct shared *shared)
{
    ipc_msg *info;
    uint64_t count = 0;
    CHECK_OK(ipc_info(shared->conn, "condition", &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:U}}", "state", "waiting_for_notify", &count));
    ipc_msg_free(info);
    return count;
}

/* One notification, one that goes on; whoever drives meanwhile, and however it goes. */
static void test_waiters__each_by_its_own_notification(void **state)
{
    struct shared *shared = shared_new(*state);
    call waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        call_start_and_block(&waiters[i], wait_for_notification, shared);
    }
    EVENTUALLY(waiting(shared) == WAITERS);
    for (int i = 0; i < WAITERS; i++) {
        CHECK_OK(ipc_condition_acquire(shared->condition, IPC_FOREVER, NULL));
        CHECK_OK(ipc_condition_notify(shared->condition, 1));
        CHECK_OK(ipc_condition_release(shared->condition));
        EVENTUALLY(atomic_load(&shared->woken) == i + 1);
    }
    for (int i = 0; i < WAITERS; i++) {
        CHECK_OK(call_result(&waiters[i], DEADLINE_MS));
    }
    shared_free(shared);
}

/* Those who wait learn of the end, all of them. */
static void test_waiters__the_connection_is_closed(void **state)
{
    struct shared *shared = shared_new(*state);
    ipc_conn *keep = connect_to(*state);
    call waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        call_start_and_block(&waiters[i], i % 2 ? wait_for_event : wait_for_notification, shared);
    }
    ipc_conn_close(shared->conn);
    for (int i = 0; i < WAITERS; i++) {
        CHECK_ERR(call_result(&waiters[i], DEADLINE_MS), IPC_ECLOSED);
    }
    ipc_conn_free(keep);
    shared_free(shared);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_waiters__sleep_while_others_call),
        ON_EVERY_LANE(test_waiters__each_by_its_own_notification),
        ON_EVERY_LANE(test_waiters__the_connection_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
