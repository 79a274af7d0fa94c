/*
 * Processes that are killed: what they had comes back, what they were waiting for passes to others, and nobody hangs.
 * Touches workers, which it kills, and a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Until a death is known: at once where there is a lifeline, after some silence over TCP. */
static int64_t known_within(const place *where)
{
    return where->which == LANE_TCP ? SILENCE_MS + 2 * PROMPT_MS : PROMPT_MS;
}

/* ---- workers; each does its part, says so, and then waits to be killed ---- */

static void await_end(void)
{
    while (listen_for_line()) {
    }
}

static user worker_user(char **args, bool joinable)
{
    user self;
    CHECK_OK(ipc_connect(&self.conn, args[0], NULL));
    self.queue = queue_named(self.conn, "jobs", joinable, strtoull(args[1], NULL, 10));
    return self;
}

/* ADDRESS MAXSIZE JOINABLE TAKEN DONE: takes some items, and finishes some of them. */
static int taker_role(char **args)
{
    user me = worker_user(args, atoi(args[2]));
    int done = atoi(args[4]);
    for (int i = 0; i < atoi(args[3]); i++) {
        ipc_msg *item = take(me.queue);
        if (i < done) {
            CHECK_OK(ipc_queue_done(me.queue, item));
        }
        ipc_msg_free(item);
    }
    size_of(me.queue); /* now the hub knows what was taken */
    say("taken");
    await_end();
    return 0;
}

static void says_that_it_sleeps(void *said)
{
    if (!*(bool *)said) {
        *(bool *)said = true;
        say("sleeping");
    }
}

/* ADDRESS MAXSIZE: waits for an item. */
static int waiter_role(char **args)
{
    user me = worker_user(args, false);
    bool said = false;
    const ipc_wait_hooks hooks = {.before = says_that_it_sleeps, .arg = &said};
    ipc_set_wait_hooks(&hooks);
    int64_t number;
    CHECK_OK(get_number(me.queue, IPC_FOREVER, &number));
    say("got %lld", (long long)number);
    await_end();
    return 0;
}

/* ADDRESS MAXSIZE FIRST LAST: puts, and says when it waits for room, or is through. */
static int putter_role(char **args)
{
    user me = worker_user(args, false);
    for (int64_t number = atoll(args[2]); number <= atoll(args[3]); number++) {
        ipc_err err = put_number(me.queue, number, 0);
        if (err == IPC_EFULL) {
            say("waiting %lld", (long long)number);
            err = put_number(me.queue, number, IPC_FOREVER);
        }
        CHECK_OK(err);
    }
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    say("put");
    await_end();
    return 0;
}

/* ADDRESS END COUNT: holds an end of the pipe "talk", and sends so many numbers. */
static int talker_role(char **args)
{
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.end = (ipc_pipe_end)atoi(args[1]);
    ipc_pipe *pipe;
    CHECK_OK(ipc_pipe_open(&pipe, conn, "talk", &options));
    for (int64_t number = 1; number <= atoll(args[2]); number++) {
        CHECK_OK(send_number(pipe, number));
    }
    CHECK_OK(ipc_pipe_flush(pipe, DEADLINE_MS));
    say("sent");
    await_end();
    return 0;
}

static worker *start_taker(const place *where, bool joinable, int taken, int done)
{
    char numbers[2][16];
    snprintf(numbers[0], sizeof numbers[0], "%d", taken);
    snprintf(numbers[1], sizeof numbers[1], "%d", done);
    worker *self = worker_start("taker", where->address, "0", joinable ? "1" : "0", numbers[0], numbers[1], NULL);
    worker_expect(self, "taken");
    return self;
}

/* ---- consumers ---- */

enum { ITEMS = 200, TAKEN = 50, DONE = 20 };

static void test_death__a_joinable_consumers_items_come_back_flagged(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", true, 0);
    put_numbers(me.queue, 1, ITEMS);
    worker *taker = start_taker(where, true, TAKEN, DONE); /* it has more ahead, too */
    CHECK_INT(unfinished_of(me.queue), ITEMS - DONE);
    worker_kill(taker);
    EVENTUALLY_WITHIN(known_within(where), size_of(me.queue) == ITEMS - DONE);
    for (int64_t number = DONE + 1; number <= ITEMS; number++) {
        ipc_msg *item = take(me.queue); /* in their order */
        CHECK_INT(number_of(item), number);
        unsigned attempt = ipc_msg_attempt(item);
        CHECK(attempt == 2 || (number > TAKEN && attempt == 1)); /* what was not taken may not be flagged */
        CHECK_OK(ipc_queue_done(me.queue, item));
        ipc_msg_free(item);
    }
    CHECK_OK(ipc_queue_join(me.queue, DEADLINE_MS));
    CHECK_INT(unfinished_of(me.queue), 0);
    user_leave(&me);
}

static void test_death__a_plain_consumers_taken_items_are_done(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    put_numbers(me.queue, 1, ITEMS);
    worker_kill(start_taker(where, false, TAKEN, 0));
    EVENTUALLY_WITHIN(known_within(where), size_of(me.queue) == ITEMS - TAKEN);
    expect_each(me.queue, TAKEN + 1, ITEMS, known_within(where));
    int64_t number;
    CHECK_ERR(get_number(me.queue, 0, &number), IPC_EEMPTY);
    user_leave(&me);
}

static void test_death__every_death_counts_an_attempt(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", true, 0);
    put_numbers(me.queue, 1, 1);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    for (unsigned attempt = 2; attempt <= 4; attempt++) {
        worker_kill(start_taker(where, true, 1, 0));
        ipc_msg *item;
        CHECK_OK(ipc_queue_get(me.queue, known_within(where), &item));
        CHECK_INT(ipc_msg_attempt(item), 2 * attempt - 2); /* released here, which counts one more */
        CHECK_OK(ipc_queue_release(me.queue, item));
        ipc_msg_free(item);
        CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    }
    user_leave(&me);
}

static void test_death__join_waits_for_what_came_back(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", true, 0);
    user joiner = user_of(where, "jobs", true, 0);
    put_numbers(me.queue, 1, 10);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    worker *taker = start_taker(where, true, 10, 5);
    call join;
    call_start_and_block(&join, join_for_ever, joiner.queue);
    worker_kill(taker);
    for (int i = 0; i < 5; i++) {
        CHECK(!atomic_load(&join.over));
        ipc_msg *item = take(me.queue);
        CHECK_OK(ipc_queue_done(me.queue, item));
        ipc_msg_free(item);
    }
    CHECK_OK(call_result(&join, PROMPT_MS));
    user_leave(&me);
    user_leave(&joiner);
}

static void test_death__of_the_putter_leaves_its_items(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    worker *putter = worker_start("putter", where->address, "0", "1", "1000", NULL);
    worker_expect(putter, "put");
    worker_kill(putter);
    expect_numbers(me.queue, 1, 1000);
    user_leave(&me);
}

static void test_death__of_waiting_consumers_swallows_nothing(void **state)
{
    enum { WAITERS = 4 };
    const place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    worker *waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = worker_start("waiter", where->address, "0", NULL);
        worker_expect(waiters[i], "sleeping");
    }
    for (int i = 0; i < WAITERS; i++) {
        worker_kill(waiters[i]);
    }
    put_numbers(me.queue, 1, WAITERS);
    expect_each(me.queue, 1, WAITERS, known_within(where));
    user_leave(&me);
}

/* ---- producers of a bounded queue ---- */

static void test_death__of_a_waiting_putter_drops_what_it_could_not_put(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", false, 5);
    worker *putter = worker_start("putter", where->address, "5", "1", "100", NULL);
    CHECK_INT(worker_expect_number(putter, "waiting"), 6);
    CHECK_INT(size_of(me.queue), 5);
    worker_kill(putter);
    if (where->which == LANE_TCP) { /* until its death is known it still waits, and may get in */
        EVENTUALLY_WITHIN(known_within(where), put_number(me.queue, 99, 0) == IPC_EFULL && size_of(me.queue) == 5);
        int64_t begin = now_ms();
        EVENTUALLY(now_ms() - begin > SILENCE_MS + PROMPT_MS);
    } else {
        ipc_conn *after = connect_to(where); /* the hub looks at the dead one's end before, or with this */
        CHECK_OK(ipc_conn_flush(after, DEADLINE_MS));
        ipc_conn_free(after);
    }
    expect_numbers(me.queue, 1, 5);
    int64_t number;
    CHECK_ERR(get_number(me.queue, 50, &number), IPC_EEMPTY);
    user_leave(&me);
}

static void test_death__of_a_producer_frees_the_room_it_had(void **state)
{
    enum { MAXSIZE = 1000, STREAM = 300 };
    const place *where = *state;
    user me = user_of(where, "jobs", false, MAXSIZE);
    worker *putter = worker_start("putter", where->address, "1000", "1", "300", NULL);
    worker_expect(putter, "put");
    worker_kill(putter); /* with credits */
    int64_t begin = now_ms();
    for (int64_t number = STREAM + 1; number <= MAXSIZE; number++) {
        CHECK_OK(put_number(me.queue, number, known_within(where)));
    }
    CHECK(now_ms() - begin < known_within(where));
    CHECK_ERR(put_number(me.queue, 0, 0), IPC_EFULL);
    expect_numbers(me.queue, 1, MAXSIZE);
    user_leave(&me);
}

/* ---- pipes ---- */

static void test_death__of_a_pipes_peer_is_its_end(void **state)
{
    const place *where = *state;
    ipc_conn *conn = connect_to(where);
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.end = IPC_PIPE_B;
    ipc_pipe *pipe;
    CHECK_OK(ipc_pipe_open(&pipe, conn, "talk", &options));
    worker *one = worker_start("talker", where->address, "1", "100", NULL);
    worker *two = worker_start("talker", where->address, "1", "0", NULL);
    worker_expect(one, "sent");
    worker_expect(two, "sent");
    worker_kill(one);
    for (int64_t number = 1; number <= 100; number++) {
        expect_received(pipe, number);
    }
    CHECK_OK(send_number(pipe, 1)); /* the other one is there still */
    worker_kill(two);
    ipc_msg *msg;
    CHECK_ERR(ipc_pipe_recv(pipe, known_within(where), &msg), IPC_EEOF);
    CHECK_ERR(send_number(pipe, 1), IPC_EPIPE);
    ipc_pipe_free(pipe);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {
        HUB_ROLE, {"taker", taker_role}, {"waiter", waiter_role}, {"putter", putter_role}, {"talker", talker_role}};
    worker_begin(argc, argv, roles, 5);
    const struct CMUnitTest tests[] = {
        AMONG_MORTALS(test_death__a_joinable_consumers_items_come_back_flagged),
        AMONG_MORTALS(test_death__a_plain_consumers_taken_items_are_done),
        AMONG_MORTALS(test_death__every_death_counts_an_attempt),
        AMONG_MORTALS(test_death__join_waits_for_what_came_back),
        AMONG_MORTALS(test_death__of_the_putter_leaves_its_items),
        AMONG_MORTALS(test_death__of_waiting_consumers_swallows_nothing),
        AMONG_MORTALS(test_death__of_a_waiting_putter_drops_what_it_could_not_put),
        AMONG_MORTALS(test_death__of_a_producer_frees_the_room_it_had),
        AMONG_MORTALS(test_death__of_a_pipes_peer_is_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
