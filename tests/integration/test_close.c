/*
 * Closing: it wakes who waits, is finite, may be repeated, loses nothing that was put, and leaves nothing behind.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"
#include "support/os.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- while others wait ---- */

enum { WAYS = 5 };

/* A session with a call of each kind that blocks. */
struct busy {
    ipc_conn *conn;
    ipc_queue *empty;
    ipc_queue *full;
    ipc_queue *unfinished;
    ipc_pipe *talk;
    ipc_pipe *other;
    call calls[WAYS];
};

static void busy_start(struct busy *self, const place *where)
{
    self->conn = connect_to(where);
    self->empty = queue_named(self->conn, "empty", false, 0);
    self->full = queue_named(self->conn, "full", false, 1);
    self->unfinished = queue_named(self->conn, "unfinished", true, 0);
    CHECK_OK(ipc_pipe_open(&self->talk, self->conn, "talk", NULL));
    CHECK_OK(ipc_pipe_open(&self->other, self->conn, "other", NULL));
    put_numbers(self->full, 1, 1);
    put_numbers(self->unfinished, 1, 1);
    call_start_and_block(&self->calls[0], get_for_ever, self->empty);
    call_start_and_block(&self->calls[1], put_for_ever, self->full);
    call_start_and_block(&self->calls[2], join_for_ever, self->unfinished);
    call_start_and_block(&self->calls[3], recv_for_ever, self->talk);
    call_start_and_block(&self->calls[4], poll_for_ever, self->other);
}

static void busy_expect_closed(struct busy *self)
{
    for (int i = 0; i < WAYS; i++) {
        CHECK_ERR(call_result(&self->calls[i], PROMPT_MS), IPC_ECLOSED);
    }
}

static void busy_leave(struct busy *self)
{
    ipc_queue_free(self->empty);
    ipc_queue_free(self->full);
    ipc_queue_free(self->unfinished);
    ipc_pipe_free(self->talk);
    ipc_pipe_free(self->other);
    ipc_conn_free(self->conn);
}

static void test_close__of_a_handle_wakes_who_waits_on_it(void **state)
{
    struct busy my;
    busy_start(&my, *state);
    ipc_queue_close(my.empty);
    CHECK_ERR(call_result(&my.calls[0], PROMPT_MS), IPC_ECLOSED);
    for (int i = 1; i < WAYS; i++) {
        CHECK(!atomic_load(&my.calls[i].over)); /* that one alone */
    }
    ipc_queue_close(my.full);
    CHECK_ERR(call_result(&my.calls[1], PROMPT_MS), IPC_ECLOSED);
    ipc_queue_close(my.unfinished);
    CHECK_ERR(call_result(&my.calls[2], PROMPT_MS), IPC_ECLOSED);
    ipc_pipe_close(my.talk);
    CHECK_ERR(call_result(&my.calls[3], PROMPT_MS), IPC_ECLOSED);
    ipc_pipe_close(my.other);
    CHECK_ERR(call_result(&my.calls[4], PROMPT_MS), IPC_ECLOSED);
    busy_leave(&my);
}

static void test_close__of_a_connection_wakes_who_waits_through_it(void **state)
{
    for (int round = 0; round < 10; round++) {
        struct busy my;
        ipc_conn *keep = connect_to(*state);
        busy_start(&my, *state);
        ipc_conn_close(my.conn);
        busy_expect_closed(&my);
        busy_leave(&my);
        const char *const names[] = {"empty", "full", "unfinished", "talk", "other"};
        for (int i = 0; i < WAYS; i++) {
            CHECK_OK(ipc_unlink(keep, names[i]));
        }
        ipc_conn_free(keep);
    }
}

static void test_close__ends_all_calls(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, 1);
    ipc_msg *item = take(me.queue);
    ipc_queue_close(me.queue);
    ipc_queue_close(me.queue);
    ipc_queue_info info;
    ipc_msg *ticket;
    int64_t number;
    CHECK_ERR(put_number(me.queue, 1, IPC_FOREVER), IPC_ECLOSED);
    CHECK_ERR(get_number(me.queue, IPC_FOREVER, &number), IPC_ECLOSED);
    CHECK_ERR(ipc_queue_done(me.queue, item), IPC_ECLOSED);
    CHECK_ERR(ipc_queue_task_done(me.queue), IPC_ECLOSED);
    CHECK_ERR(ipc_queue_join(me.queue, IPC_FOREVER), IPC_ECLOSED);
    CHECK_ERR(ipc_queue_stat(me.queue, &info), IPC_ECLOSED);
    CHECK_ERR(ipc_queue_flush(me.queue, IPC_FOREVER), IPC_ECLOSED);
    CHECK_ERR(ipc_queue_share(me.queue, &ticket), IPC_ECLOSED);
    ipc_queue *other = queue_named(me.conn, "other", false, 0);
    ipc_conn_close(me.conn);
    ipc_conn_close(me.conn);
    CHECK_ERR(get_number(other, 0, &number), IPC_ECLOSED);
    CHECK_ERR(put_number(other, 1, 0), IPC_ECLOSED);
    ipc_queue *none;
    CHECK_ERR(ipc_queue_open(&none, me.conn, "jobs", NULL), IPC_ECLOSED);
    CHECK_ERR(ipc_conn_flush(me.conn, IPC_FOREVER), IPC_ECLOSED);
    CHECK_ERR(ipc_unlink(me.conn, "jobs"), IPC_ECLOSED);
    CHECK_ERR(ipc_objects(me.conn, &ticket), IPC_ECLOSED);
    ipc_msg_free(item);
    ipc_queue_free(other);
    user_leave(&me);
    ipc_queue_close(NULL);
    ipc_queue_free(NULL);
    ipc_pipe_close(NULL);
    ipc_pipe_free(NULL);
    ipc_conn_close(NULL);
    ipc_conn_free(NULL);
    ipc_msg_free(NULL);
    ipc_hub_free(NULL);
}

static ipc_err close_it(void *conn)
{
    ipc_conn_close(conn);
    return IPC_OK;
}

static void test_close__by_many_threads_at_once(void **state)
{
    enum { THREADS = 6 };
    for (int round = 0; round < 10; round++) {
        user me = user_of(*state, "jobs", false, 0);
        put_numbers(me.queue, 1, 50);
        call calls[THREADS];
        for (int i = 0; i < THREADS; i++) {
            call_start(&calls[i], close_it, me.conn);
        }
        for (int i = 0; i < THREADS; i++) {
            CHECK_OK(call_result(&calls[i], DEADLINE_MS));
        }
        user_leave(&me);
    }
}

static void test_close__a_handle_keeps_its_connection(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    ipc_conn_free(me.conn);
    put_numbers(me.queue, 1, 10);
    expect_numbers(me.queue, 1, 10);
    ipc_queue_free(me.queue);
}

/* ---- what was put stays ---- */

static void test_close__loses_no_put(void **state)
{
    enum { EACH = 2000 };
    user watcher = user_of(*state, "jobs", false, 0);
    user one = user_of(*state, "jobs", false, 0);
    put_numbers(one.queue, 1, EACH);
    ipc_conn_close(one.conn);
    CHECK_INT(size_of(watcher.queue), EACH);
    user two = user_of(*state, "jobs", false, 0);
    put_numbers(two.queue, 1, EACH);
    ipc_queue_free(two.queue);
    ipc_conn_free(two.conn);
    CHECK_INT(size_of(watcher.queue), 2 * EACH);
    user_leave(&one);
    user_leave(&watcher);
}

struct putter {
    ipc_queue *queue;
    atomic_bool begun;
    int64_t put; /* so many times it was told that it had */
};

static ipc_err put_until_it_fails(void *arg)
{
    struct putter *self = arg;
    for (;;) {
        ipc_err err = put_number(self->queue, self->put + 1, IPC_FOREVER);
        if (err) {
            return err;
        }
        self->put++;
        atomic_store(&self->begun, true);
    }
}

static void test_close__a_put_meanwhile_counts_or_is_refused(void **state)
{
    user watcher = user_of(*state, "jobs", false, 0);
    for (int round = 0; round < 200; round++) {
        user me = user_of(*state, "jobs", false, 0);
        struct putter putter = {.queue = me.queue};
        call putting;
        call_start(&putting, put_until_it_fails, &putter);
        while (!atomic_load(&putter.begun)) {
            sched_yield();
        }
        ipc_conn_close(me.conn);
        CHECK_ERR(call_result(&putting, DEADLINE_MS), IPC_ECLOSED);
        CHECK_INT(size_of(watcher.queue), putter.put);
        expect_numbers(watcher.queue, 1, putter.put);
        user_leave(&me);
    }
    user_leave(&watcher);
}

/* The goodbye is said, and the hub has not heard it. */
static void test_close__a_put_behind_the_goodbye_is_refused(void **state)
{
    user watcher = user_of(*state, "jobs", false, 0);
    user me = user_of(*state, "jobs", false, 0);
    put_numbers(me.queue, 1, 1);
    expect_numbers(watcher.queue, 1, 1);
    pid_t hub = place_hub_pid(*state);
    CHECK_INT(kill(hub, SIGSTOP), 0);
    call closing;
    call_start_and_block(&closing, close_it, me.conn);
    CHECK_ERR(put_number(me.queue, 2, 0), IPC_ECLOSED);
    CHECK_INT(kill(hub, SIGCONT), 0);
    CHECK_OK(call_result(&closing, DEADLINE_MS));
    CHECK_INT(size_of(watcher.queue), 0);
    user_leave(&me);
    user_leave(&watcher);
}

/* Blocks, of which few are on the way at a time: the hub has to work through them before the closing's patience is over. */
static ipc_err put_blocks_until_it_fails(void *arg)
{
    struct putter *self = arg;
    ipc_msg *block = pattern(100, 1);
    ipc_err err;
    while ((err = ipc_queue_put(self->queue, block, IPC_FOREVER)) == IPC_OK) {
        self->put++;
    }
    ipc_msg_free(block);
    return err;
}

/* The same, and the put waits for room on the way to the hub. */
static void test_close__a_put_that_waits_for_the_hub(void **state)
{
    user watcher = user_of(*state, "jobs", false, 0);
    user me = user_of(*state, "jobs", false, 0);
    pid_t hub = place_hub_pid(*state);
    CHECK_INT(kill(hub, SIGSTOP), 0);
    struct putter putter = {.queue = me.queue};
    call putting;
    call_start_and_block(&putting, put_blocks_until_it_fails, &putter);
    call closing;
    call_start_and_block(&closing, close_it, me.conn);
    CHECK_INT(kill(hub, SIGCONT), 0);
    CHECK_OK(call_result(&closing, DEADLINE_MS));
    CHECK_ERR(call_result(&putting, DEADLINE_MS), IPC_ECLOSED);
    CHECK_INT(size_of(watcher.queue), putter.put);
    user_leave(&me);
    user_leave(&watcher);
}

/* ADDRESS: puts, and returns from main, or calls exit() deep inside, without closing anything. */
static int leaver_role(char **args)
{
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    ipc_queue *queue = queue_named(conn, "jobs", true, 0);
    put_numbers(queue, 1, 1000);
    expect_numbers(queue, 1, 10);
    return 0;
}

static void test_close__a_program_that_just_ends_has_ended_cleanly(void **state)
{
    const place *where = *state;
    user watcher = user_of(where, "jobs", true, 0);
    worker_end(worker_start("leaver", where->address, NULL));
    CHECK_INT(size_of(watcher.queue), 990); /* what was taken stays taken: no crash */
    CHECK_INT(unfinished_of(watcher.queue), 1000);
    ipc_msg *item = take(watcher.queue);
    CHECK_INT(number_of(item), 11);
    CHECK_INT(ipc_msg_attempt(item), 1);
    ipc_msg_free(item);
    user_leave(&watcher);
}

/* ---- what was lent stays ---- */

enum { LENT = 1024 * 1024, SEGMENT = 64 * 1024 * 1024 };

/* Its producer goes on, through more than all of its memory. */
static void go_around(ipc_queue *queue)
{
    ipc_msg *other = pattern(LENT, 100);
    for (unsigned i = 0; i < 3 * SEGMENT / LENT / 2; i++) {
        CHECK_OK(ipc_queue_put(queue, other, DEADLINE_MS));
        ipc_msg_free(take(queue));
    }
    ipc_msg_free(other);
}

/* The hub has not looked at the loan yet: neither the queue nor the session is there any more when it does. */
static void test_close__a_loan_outlives_queue_and_connection(void **state)
{
    user producer = user_of(*state, "others", false, 0);
    for (unsigned round = 0; round < 3; round++) {
        ipc_queue *queue = queue_named(producer.conn, "jobs", false, 0);
        user reader = user_of(*state, "jobs", false, 0);
        ipc_msg *value = pattern(LENT, round);
        CHECK_OK(ipc_queue_put(queue, value, DEADLINE_MS));
        ipc_msg *item;
        CHECK_OK(ipc_queue_get_borrowed(reader.queue, DEADLINE_MS, &item));
        CHECK_OK(ipc_unlink(producer.conn, "jobs"));
        ipc_conn_close(reader.conn);
        go_around(producer.queue);
        CHECK(is_pattern(item, LENT, round));
        ipc_msg_free(item);
        ipc_msg_free(value);
        ipc_queue_free(queue);
        user_leave(&reader);
    }
    user_leave(&producer);
}

/* ---- what is left ---- */

static void use(const place *where, int round)
{
    user me = user_of(where, "jobs", true, 0);
    user other = user_of(where, "jobs", true, 0);
    put_numbers(me.queue, 1, 30);
    for (int i = 0; i < 30; i++) {
        ipc_msg *item = take(other.queue);
        CHECK_OK(ipc_queue_done(other.queue, item));
        ipc_msg_free(item);
    }
    CHECK_OK(ipc_queue_join(me.queue, DEADLINE_MS));
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_pair(&a, &b, me.conn, NULL));
    CHECK_OK(send_number(a, round));
    expect_received(b, round);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    if (round % 2) {
        ipc_conn_close(me.conn);
    }
    user_leave(&me);
    user_leave(&other);
}

static void test_close__leaves_no_descriptor_and_no_thread(void **state)
{
    unsigned fds = open_fds();
    unsigned threads = running_threads();
    for (int round = 0; round < 10; round++) {
        use(*state, round);
    }
    /* The embedded hub and libzmq let go of a connection that ended a moment later. */
    EVENTUALLY(open_fds() <= fds);
    EVENTUALLY(running_threads() <= threads);
}

static void test_close__a_connection_that_failed_leaves_nothing(void **state)
{
    (void)state;
    unsigned fds = open_fds();
    unsigned threads = running_threads();
    for (int round = 0; round < 10; round++) {
        ipc_conn *conn;
        ipc_err err = ipc_connect(&conn, "tcp://127.0.0.1:1",
                                  &(ipc_conn_options){sizeof(ipc_conn_options), .connect_timeout_ms = 50});
        CHECK(tcp_allowed() ? err == IPC_ENOHUB : err != IPC_OK);
        CHECK_ERR(ipc_connect(&conn, "inproc://nobody", NULL), IPC_ENOHUB);
        CHECK_ERR(ipc_connect(&conn, "ipc:///nowhere/at/all", NULL), IPC_ENOHUB);
        CHECK_ERR(ipc_connect(&conn, "not an address", NULL), IPC_EADDRESS);
    }
    EVENTUALLY(open_fds() <= fds);
    EVENTUALLY(running_threads() <= threads);
}

static void test_close__of_hubs_leaves_nothing(void **state)
{
    (void)state;
    unsigned fds = open_fds();
    unsigned threads = running_threads();
    for (int round = 0; round < 10; round++) {
        const char *addresses[] = {fresh_name("hub"), "inproc://hub", "tcp://127.0.0.1:*"};
        for (int i = 0; i < (tcp_allowed() ? 3 : 2); i++) {
            ipc_hub *hub;
            CHECK_OK(ipc_hub_start(&hub, addresses[i], NULL));
            ipc_conn *conn;
            CHECK_OK(ipc_connect(&conn, ipc_hub_address(hub), NULL));
            ipc_queue *queue = queue_named(conn, "jobs", false, 0);
            put_numbers(queue, 1, 100);
            expect_numbers(queue, 1, 50);
            if (round % 2) { /* the hub before its session, or after */
                ipc_hub_stop(hub);
            }
            ipc_queue_free(queue);
            ipc_conn_free(conn);
            ipc_hub_free(hub);
        }
    }
    CHECK_INT(run_directory_files(NULL), 0);
    EVENTUALLY(open_fds() <= fds);
    EVENTUALLY(running_threads() <= threads);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"leaver", leaver_role}};
    worker_begin(argc, argv, roles, 2);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_close__of_a_handle_wakes_who_waits_on_it),
        ON_EVERY_LANE(test_close__of_a_connection_wakes_who_waits_through_it),
        ON_EVERY_LANE(test_close__ends_all_calls),
        ON_EVERY_LANE(test_close__by_many_threads_at_once),
        ON_EVERY_LANE(test_close__a_handle_keeps_its_connection),
        ON_EVERY_LANE(test_close__loses_no_put),
        ON_EVERY_LANE(test_close__a_put_meanwhile_counts_or_is_refused),
        ON_LANE(test_close__a_put_behind_the_goodbye_is_refused, named),
        ON_LANE(test_close__a_put_that_waits_for_the_hub, named),
        ON_EVERY_LANE(test_close__a_loan_outlives_queue_and_connection),
        BETWEEN_PROCESSES(test_close__a_program_that_just_ends_has_ended_cleanly),
        ON_EVERY_LANE(test_close__leaves_no_descriptor_and_no_thread),
        cmocka_unit_test(test_close__a_connection_that_failed_leaves_nothing),
        cmocka_unit_test(test_close__of_hubs_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
