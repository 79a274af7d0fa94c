/*
 * Processes that are stopped (SIGSTOP): they are alive, and harm themselves alone. Also a hub that is stopped.
 * Touches workers, which it stops, and a hub of its own for every test.
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

/* What a stopped process holds is handed to others within this. */
enum { TAKEN_BACK_MS = 2000 };

/* What a stopped hub may add to a timeout. */
enum { LATE_MS = 2000 };

enum { ITEMS = 600, TAKEN = 100, MAXSIZE = 1000, STREAM = 300 };

static user worker_user(char **args, bool joinable, uint64_t maxsize)
{
    user self;
    CHECK_OK(ipc_connect(&self.conn, args[0], NULL));
    self.queue = queue_named(self.conn, "jobs", joinable, maxsize);
    return self;
}

/* What is left for this one; each number is said. */
static void say_what_is_left(user *me)
{
    ipc_msg *item;
    while (ipc_queue_get(me->queue, 0, &item) == IPC_OK) {
        say("%s %lld", ipc_msg_attempt(item) > 1 ? "again" : "first", (long long)number_of(item));
        ipc_msg_free(item);
    }
    say("empty");
}

/* ADDRESS JOINABLE: takes TAKEN items, and stops itself with the last one; goes on with what is left. */
static int taker_role(char **args)
{
    bool joinable = atoi(args[1]);
    user me = worker_user(args, joinable, 0);
    for (int i = 0; i < TAKEN; i++) {
        ipc_msg_free(take(me.queue));
    }
    raise(SIGSTOP);
    if (joinable) {
        for (int i = 0; i < TAKEN; i++) {
            CHECK_OK(ipc_queue_task_done(me.queue)); /* they were leased all the time */
        }
    }
    say_what_is_left(&me);
    user_leave(&me);
    return 0;
}

static void says_that_it_sleeps(void *said)
{
    if (!*(bool *)said) {
        *(bool *)said = true;
        say("sleeping");
    }
}

/* ADDRESS: waits for an item. */
static int waiter_role(char **args)
{
    user me = worker_user(args, false, 0);
    bool said = false;
    const ipc_wait_hooks hooks = {.before = says_that_it_sleeps, .arg = &said};
    ipc_set_wait_hooks(&hooks);
    int64_t number;
    ipc_err err = get_number(me.queue, IPC_FOREVER, &number);
    CHECK(err == IPC_OK || err == IPC_ELOST);
    say("got %lld", err ? -1 : (long long)number);
    ipc_set_wait_hooks(NULL);
    user_leave(&me);
    return 0;
}

/* ADDRESS: puts so fast that it has credits, and stops itself. Goes on with a few more. */
static int putter_role(char **args)
{
    user me = worker_user(args, false, MAXSIZE);
    put_numbers(me.queue, 1, STREAM);
    raise(SIGSTOP);
    put_numbers(me.queue, STREAM + 1, STREAM + 10);
    user_leave(&me);
    return 0;
}

/* ---- consumers ---- */

static void test_stopped__a_consumer_keeps_nothing_from_others(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    put_numbers(me.queue, 1, ITEMS);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    worker *taker = worker_start("taker", where->address, "0", NULL);
    worker_await_stop(taker);
    int64_t begin = now_ms();
    bool seen[ITEMS + 1] = {false};
    for (int left = ITEMS - TAKEN; left > 0;) {
        ipc_msg *item;
        CHECK_OK(ipc_queue_get(me.queue, TAKEN_BACK_MS + PROMPT_MS, &item));
        int64_t number = number_of(item);
        CHECK(!seen[number]);
        seen[number] = true;
        left -= number > TAKEN;
        CHECK(number > TAKEN || ipc_msg_attempt(item) > 1); /* taken and not reported: flagged */
        ipc_msg_free(item);
    }
    CHECK(now_ms() - begin < TAKEN_BACK_MS + PROMPT_MS / 2);
    int64_t number;
    while (get_number(me.queue, 0, &number) == IPC_OK) {
        CHECK(number <= TAKEN && !seen[number]);
    }
    worker_signal(taker, SIGCONT);
    worker_expect(taker, "empty"); /* what it had ahead is not its any more */
    worker_end(taker);
    user_leave(&me);
}

static void test_stopped__a_consumer_keeps_what_it_took(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", true, 0);
    put_numbers(me.queue, 1, TAKEN);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    worker *taker = worker_start("taker", where->address, "1", NULL);
    worker_await_stop(taker);
    int64_t begin = now_ms();
    EVENTUALLY(now_ms() - begin > TAKEN_BACK_MS);
    /* What it had reported as taken when it stopped is leased to it still; what it had not, came back flagged. */
    uint64_t back = size_of(me.queue);
    CHECK(back < TAKEN);
    CHECK_INT(unfinished_of(me.queue), TAKEN);
    for (uint64_t i = 0; i < back; i++) {
        ipc_msg *item = take(me.queue);
        CHECK_INT(ipc_msg_attempt(item), 2);
        CHECK_OK(ipc_queue_done(me.queue, item));
        ipc_msg_free(item);
    }
    CHECK_ERR(ipc_queue_join(me.queue, 0), IPC_ETIMEOUT);
    worker_signal(taker, SIGCONT);
    worker_expect(taker, "empty");
    worker_end(taker);
    CHECK_OK(ipc_queue_join(me.queue, DEADLINE_MS));
    user_leave(&me);
}

static void test_stopped__waiting_consumers_swallow_nothing(void **state)
{
    enum { WAITERS = 3 };
    const place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    worker *waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = worker_start("waiter", where->address, NULL);
        worker_expect(waiters[i], "sleeping");
        worker_signal(waiters[i], SIGSTOP);
        worker_await_stop(waiters[i]);
    }
    put_numbers(me.queue, 1, 10);
    int64_t begin = now_ms();
    expect_each(me.queue, 1, 10, TAKEN_BACK_MS + PROMPT_MS);
    CHECK(now_ms() - begin < TAKEN_BACK_MS + PROMPT_MS);
    put_numbers(me.queue, 101, 100 + WAITERS);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    for (int i = 0; i < WAITERS; i++) {
        worker_signal(waiters[i], SIGCONT);
    }
    int64_t got = 0;
    for (int i = 0; i < WAITERS; i++) {
        long long number = worker_expect_number(waiters[i], "got");
        CHECK(where->which == LANE_TCP ? number == -1 || number > 100 : number > 100);
        got += number > 0;
        worker_end(waiters[i]);
    }
    CHECK_INT(size_of(me.queue), WAITERS - got);
    user_leave(&me);
}

/* ---- producers ---- */

static void test_stopped__a_producer_keeps_no_room(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", false, MAXSIZE);
    worker *putter = worker_start("putter", where->address, NULL);
    worker_await_stop(putter);
    int64_t begin = now_ms();
    for (int64_t number = 1; number <= MAXSIZE - STREAM; number++) {
        CHECK_OK(put_number(me.queue, 10000 + number, TAKEN_BACK_MS + PROMPT_MS));
    }
    CHECK(now_ms() - begin < TAKEN_BACK_MS + PROMPT_MS);
    CHECK(size_of(me.queue) <= MAXSIZE);
    /* What it had not sent yet was not in; so others may have filled it meanwhile. */
    while (put_number(me.queue, 20000, 0) == IPC_OK) {
    }
    CHECK_INT(size_of(me.queue), MAXSIZE);
    worker_signal(putter, SIGCONT);
    int64_t next = 1;
    while (next <= STREAM + 10) {
        int64_t number;
        CHECK(size_of(me.queue) <= MAXSIZE);
        CHECK_OK(get_number(me.queue, DEADLINE_MS, &number));
        if (number < 10000) {
            CHECK_INT(number, next++); /* all of its puts, in order, none lost */
        }
    }
    worker_end(putter);
    user_leave(&me);
}

/* ---- hubs ---- */

static ipc_err stat_it(void *queue)
{
    ipc_queue_info info;
    return ipc_queue_stat(queue, &info);
}

static void stop_hub(const place *where, int signal)
{
    CHECK_INT(kill(place_hub_pid(where), signal), 0);
}

static void test_stopped__a_hub_that_goes_on_has_lost_nothing(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", true, 0);
    user other = user_of(where, "jobs", true, 0);
    put_numbers(me.queue, 1, ITEMS);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    expect_numbers(other.queue, 1, TAKEN);
    stop_hub(where, SIGSTOP);
    call stat;
    call_start_and_block(&stat, stat_it, me.queue);
    int64_t begin = now_ms();
    if (where->which == LANE_TCP) { /* over TCP such a silence would be the session's end */
        EVENTUALLY(now_ms() - begin > SILENCE_MS / 3);
    } else {
        EVENTUALLY(now_ms() - begin > TAKEN_BACK_MS);
    }
    CHECK(!atomic_load(&stat.over));
    stop_hub(where, SIGCONT);
    CHECK_OK(call_result(&stat, PROMPT_MS));
    for (int i = 0; i < TAKEN; i++) {
        CHECK_OK(ipc_queue_task_done(other.queue));
    }
    for (int64_t number = TAKEN + 1; number <= ITEMS; number++) {
        ipc_msg *item = take(other.queue);
        CHECK_INT(number_of(item), number);
        CHECK_OK(ipc_queue_done(other.queue, item));
        ipc_msg_free(item);
    }
    CHECK_OK(ipc_queue_join(me.queue, DEADLINE_MS));
    user_leave(&me);
    user_leave(&other);
}

static void test_stopped__a_hub_holds_up_no_timeout_and_no_close(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    user other = user_of(where, "jobs", false, 0);
    put_numbers(me.queue, 1, 1);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    stop_hub(where, SIGSTOP);
    int64_t begin = now_ms();
    ipc_msg *item;
    CHECK_ERR(ipc_queue_get(other.queue, 100, &item), IPC_EEMPTY);
    CHECK(now_ms() - begin < 100 + PROMPT_MS);
    begin = now_ms();
    ipc_err err = ipc_queue_flush(me.queue, 100);
    CHECK(err == IPC_ETIMEOUT || err == IPC_ELOST);
    CHECK(now_ms() - begin < 100 + LATE_MS + PROMPT_MS);
    ipc_conn *conn;
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.connect_timeout_ms = 200;
    begin = now_ms();
    CHECK_ERR(ipc_connect(&conn, where->address, &options), IPC_ENOHUB);
    CHECK(now_ms() - begin < 200 + PROMPT_MS);
    begin = now_ms();
    user_leave(&me);
    CHECK(now_ms() - begin < LATE_MS + PROMPT_MS);
    stop_hub(where, SIGCONT);
    user_leave(&other);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"taker", taker_role}, {"waiter", waiter_role}, {"putter", putter_role}};
    worker_begin(argc, argv, roles, 4);
    const struct CMUnitTest tests[] = {
        AMONG_MORTALS(test_stopped__a_consumer_keeps_nothing_from_others),
        ON_LANE(test_stopped__a_consumer_keeps_what_it_took, named),
        AMONG_MORTALS(test_stopped__waiting_consumers_swallow_nothing),
        ON_LANE(test_stopped__a_producer_keeps_no_room, named),
        AMONG_MORTALS(test_stopped__a_hub_that_goes_on_has_lost_nothing),
        AMONG_MORTALS(test_stopped__a_hub_holds_up_no_timeout_and_no_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
