/*
 * Many threads on one handle, on one connection, and with connections of their own.
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

enum { THREADS = 6, EACH = 400, ALL = THREADS * EACH };

/* What the threads of a test share. */
struct shared {
    const place *where;
    ipc_conn *conn;
    ipc_queue *queue;
    ipc_pipe *a;
    ipc_pipe *b;
    atomic_int next_thread;
    atomic_int left; /* items to be taken */
    atomic_uchar seen[ALL];
};

/* Run as many threads of each function (NULL: none); all must succeed. */
static void run(struct shared *shared, ipc_err (*one)(void *), ipc_err (*two)(void *))
{
    call ones[THREADS];
    call twos[THREADS];
    for (int i = 0; i < THREADS; i++) {
        call_start(&ones[i], one, shared);
        if (two) {
            call_start(&twos[i], two, shared);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_OK(call_result(&ones[i], DEADLINE_MS));
        if (two) {
            CHECK_OK(call_result(&twos[i], DEADLINE_MS));
        }
    }
}

static void expect_all_seen_once(struct shared *shared)
{
    for (int i = 0; i < ALL; i++) {
        CHECK_INT(atomic_load(&shared->seen[i]), 1);
    }
}

static ipc_err putter(void *arg)
{
    struct shared *shared = arg;
    int thread = atomic_fetch_add(&shared->next_thread, 1);
    for (int i = 0; i < EACH; i++) {
        ipc_err err = put_number(shared->queue, thread * EACH + i, IPC_FOREVER);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

static ipc_err getter(void *arg)
{
    struct shared *shared = arg;
    while (atomic_fetch_sub(&shared->left, 1) > 0) {
        int64_t number;
        ipc_err err = get_number(shared->queue, IPC_FOREVER, &number);
        if (err) {
            return err;
        }
        atomic_fetch_add(&shared->seen[number], 1);
    }
    return IPC_OK;
}

static ipc_err worker_thread(void *arg)
{
    struct shared *shared = arg;
    while (atomic_fetch_sub(&shared->left, 1) > 0) {
        ipc_msg *item;
        ipc_err err = ipc_queue_get(shared->queue, IPC_FOREVER, &item);
        if (err) {
            return err;
        }
        int64_t number = number_of(item);
        atomic_fetch_add(&shared->seen[number], 1);
        err = number % 2 ? ipc_queue_done(shared->queue, item) : ipc_queue_task_done(shared->queue);
        ipc_msg_free(item);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

static struct shared *shared_new(const place *where, bool joinable, uint64_t maxsize)
{
    struct shared *shared = calloc(1, sizeof *shared);
    CHECK(shared);
    shared->where = where;
    shared->conn = connect_to(where);
    shared->queue = queue_named(shared->conn, "jobs", joinable, maxsize);
    atomic_store(&shared->left, ALL);
    return shared;
}

static void shared_free(struct shared *shared)
{
    ipc_pipe_free(shared->a);
    ipc_pipe_free(shared->b);
    ipc_queue_free(shared->queue);
    ipc_conn_free(shared->conn);
    free(shared);
}

static void test_threads__put_and_get_through_one_handle(void **state)
{
    struct shared *shared = shared_new(*state, false, 0);
    run(shared, putter, getter);
    expect_all_seen_once(shared);
    CHECK_INT(size_of(shared->queue), 0);
    shared_free(shared);
}

static void test_threads__a_bounded_queue_through_one_handle(void **state)
{
    struct shared *shared = shared_new(*state, false, 16);
    run(shared, putter, getter);
    expect_all_seen_once(shared);
    shared_free(shared);
}

static void test_threads__a_joinable_queue_through_one_handle(void **state)
{
    struct shared *shared = shared_new(*state, true, 50);
    run(shared, putter, worker_thread);
    expect_all_seen_once(shared);
    CHECK_OK(ipc_queue_join(shared->queue, DEADLINE_MS));
    CHECK_ERR(ipc_queue_task_done(shared->queue), IPC_EUNFINISHED);
    shared_free(shared);
}

/* ---- polling threads ---- */

static ipc_err poller(void *arg)
{
    struct shared *shared = arg;
    while (atomic_load(&shared->left) > 0) {
        int64_t number;
        ipc_err err = get_number(shared->queue, 0, &number);
        if (err == IPC_OK) {
            atomic_fetch_add(&shared->seen[number], 1);
            atomic_fetch_sub(&shared->left, 1);
        } else if (err != IPC_EEMPTY) {
            return err;
        }
    }
    return IPC_OK;
}

static void test_threads__get_0_by_many_through_one_handle(void **state)
{
    struct shared *shared = shared_new(*state, false, 0);
    run(shared, putter, poller);
    expect_all_seen_once(shared);
    shared_free(shared);
}

/* ---- pipes ---- */

static ipc_err sender(void *arg)
{
    struct shared *shared = arg;
    int thread = atomic_fetch_add(&shared->next_thread, 1);
    for (int i = 0; i < EACH; i++) {
        ipc_err err = send_number(shared->a, thread * EACH + i);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

static ipc_err receiver(void *arg)
{
    struct shared *shared = arg;
    while (atomic_fetch_sub(&shared->left, 1) > 0) {
        ipc_msg *msg;
        ipc_err err = ipc_pipe_recv(shared->b, IPC_FOREVER, &msg);
        if (err) {
            return err;
        }
        atomic_fetch_add(&shared->seen[number_of(msg)], 1);
        ipc_msg_free(msg);
    }
    return IPC_OK;
}

static void test_threads__a_pipe_through_one_handle_an_end(void **state)
{
    struct shared *shared = shared_new(*state, false, 0);
    CHECK_OK(ipc_pipe_pair(&shared->a, &shared->b, shared->conn, NULL));
    run(shared, sender, receiver);
    expect_all_seen_once(shared);
    shared_free(shared);
}

/* ---- opening and closing ---- */

static ipc_err opener(void *arg)
{
    struct shared *shared = arg;
    int thread = atomic_fetch_add(&shared->next_thread, 1);
    for (int i = 0; i < 50; i++) {
        ipc_queue *queue;
        ipc_err err = ipc_queue_open(&queue, shared->conn, i % 2 ? "common" : NULL, NULL);
        err = err ? err : put_number(queue, thread, 0);
        int64_t number = -1;
        err = err ? err : get_number(queue, IPC_FOREVER, &number);
        if (!err && i % 2 == 0 && number != thread) {
            err = IPC_EPROTO;
        }
        ipc_queue_free(queue);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

static void test_threads__open_and_close_on_one_connection(void **state)
{
    struct shared *shared = shared_new(*state, false, 0);
    run(shared, opener, NULL);
    ipc_msg *list;
    CHECK_OK(ipc_objects(shared->conn, &list));
    CHECK_OK(ipc_unpack(list, "[**!]")); /* "common" and "jobs": no handle was left to one without a name */
    ipc_msg_free(list);
    shared_free(shared);
}

static ipc_err connector(void *arg)
{
    struct shared *shared = arg;
    int thread = atomic_fetch_add(&shared->next_thread, 1);
    for (int i = 0; i < 8; i++) {
        ipc_conn *conn;
        ipc_queue *queue = NULL;
        ipc_err err = ipc_connect(&conn, shared->where->address, NULL);
        err = err ? err : ipc_queue_open(&queue, conn, "jobs", NULL);
        err = err ? err : put_number(queue, thread * 8 + i, 0);
        if (i % 2) {
            ipc_conn_close(conn);
        }
        ipc_queue_free(queue);
        ipc_conn_free(conn);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

static void test_threads__connect_and_leave(void **state)
{
    struct shared *shared = shared_new(*state, false, 0);
    run(shared, connector, NULL);
    CHECK_INT(size_of(shared->queue), THREADS * 8);
    shared_free(shared);
}

/* ---- waiting ---- */

static ipc_err wait_for_event(void *event)
{
    return ipc_event_wait(event, IPC_FOREVER);
}

/* How often a thread of this process has given up its processor to wait. */
static long sleeps(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_nvcsw;
}

static void test_threads__who_waits_is_not_woken_for_others_answers(void **state)
{
    enum { WAITERS = 100, CALLS = 300, EACH_MAX = 20 };
    ipc_conn *conn = connect_to(*state);
    ipc_event *event;
    CHECK_OK(ipc_event_open(&event, conn, "later", NULL));
    call waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        call_start_and_block(&waiters[i], wait_for_event, event);
    }
    long before = sleeps();
    for (int i = 0; i < CALLS; i++) {
        bool set;
        CHECK_OK(ipc_event_is_set(event, &set));
        CHECK(!set);
    }
    CHECK(sleeps() - before < (long)CALLS * EACH_MAX);
    CHECK_OK(ipc_event_set(event));
    for (int i = 0; i < WAITERS; i++) {
        CHECK_OK(call_result(&waiters[i], DEADLINE_MS));
    }
    ipc_event_free(event);
    ipc_conn_free(conn);
}

/* ---- one closes what others use ---- */

static ipc_err user_until_closed(void *arg)
{
    struct shared *shared = arg;
    ipc_err err = IPC_OK;
    for (int64_t i = 0; err == IPC_OK || err == IPC_EEMPTY; i++) {
        int64_t number;
        err = i % 3 ? get_number(shared->queue, i % 5, &number) : put_number(shared->queue, i, IPC_FOREVER);
        atomic_fetch_add(&shared->next_thread, 1);
    }
    return err == IPC_ECLOSED ? IPC_OK : err;
}

static void close_under_use(const place *where, void (*close_one)(struct shared *shared))
{
    for (int round = 0; round < 8; round++) {
        struct shared *shared = shared_new(where, false, 0);
        call calls[THREADS];
        for (int i = 0; i < THREADS; i++) {
            call_start(&calls[i], user_until_closed, shared);
        }
        EVENTUALLY(atomic_load(&shared->next_thread) > THREADS * 10);
        close_one(shared);
        for (int i = 0; i < THREADS; i++) {
            CHECK_OK(call_result(&calls[i], 2 * PROMPT_MS));
        }
        shared_free(shared);
    }
}

static void close_queue(struct shared *shared)
{
    ipc_queue_close(shared->queue);
}

static void close_conn(struct shared *shared)
{
    ipc_conn_close(shared->conn);
}

static void test_threads__one_closes_the_handle_that_others_use(void **state)
{
    close_under_use(*state, close_queue);
}

static void test_threads__one_closes_the_connection_that_others_use(void **state)
{
    ipc_conn *keep = connect_to(*state);
    close_under_use(*state, close_conn);
    ipc_conn_free(keep);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_threads__put_and_get_through_one_handle),
        ON_EVERY_LANE(test_threads__a_bounded_queue_through_one_handle),
        ON_EVERY_LANE(test_threads__a_joinable_queue_through_one_handle),
        ON_EVERY_LANE(test_threads__get_0_by_many_through_one_handle),
        ON_EVERY_LANE(test_threads__a_pipe_through_one_handle_an_end),
        ON_EVERY_LANE(test_threads__open_and_close_on_one_connection),
        ON_EVERY_LANE(test_threads__connect_and_leave),
        ON_EVERY_LANE(test_threads__who_waits_is_not_woken_for_others_answers),
        ON_EVERY_LANE(test_threads__one_closes_the_handle_that_others_use),
        ON_EVERY_LANE(test_threads__one_closes_the_connection_that_others_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
