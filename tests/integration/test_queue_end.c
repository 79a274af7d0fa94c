/*
 * Ends: of queues that are shut down, and of items that are handed out in vain.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void expect_no_more(ipc_queue *queue)
{
    ipc_msg *item;
    CHECK_ERR(ipc_queue_get(queue, 0, &item), IPC_ESHUTDOWN);
    CHECK_ERR(ipc_queue_get(queue, DEADLINE_MS, &item), IPC_ESHUTDOWN);
    CHECK_ERR(ipc_queue_get(queue, IPC_FOREVER, &item), IPC_ESHUTDOWN);
}

/* ---- shutdown ---- */

static void test_shutdown__what_is_there_is_taken_and_nothing_put(void **state)
{
    user producer = user_of(*state, "q", false, 0);
    user consumer = user_of(*state, "q", false, 0);
    put_numbers(producer.queue, 1, 100);
    CHECK_OK(ipc_queue_shutdown(producer.queue, IPC_SHUTDOWN_DRAIN));
    CHECK_ERR(put_number(producer.queue, 101, IPC_FOREVER), IPC_ESHUTDOWN);
    expect_numbers(consumer.queue, 1, 100);
    expect_no_more(consumer.queue);
    CHECK_OK(ipc_queue_shutdown(consumer.queue, IPC_SHUTDOWN_DRAIN));
    user late = user_of(*state, "q", false, 0);
    expect_no_more(late.queue);
    CHECK_ERR(put_number(late.queue, 102, 0), IPC_ESHUTDOWN);
    user_leave(&producer);
    user_leave(&consumer);
    user_leave(&late);
}

static void test_shutdown__who_waits_is_told(void **state)
{
    user full = user_of(*state, "full", true, 1);
    user empty = user_of(*state, "empty", false, 0);
    put_numbers(full.queue, 1, 1);
    call put;
    call get;
    call join;
    call_start_and_block(&put, put_for_ever, full.queue);
    call_start_and_block(&get, get_for_ever, empty.queue);
    call_start_and_block(&join, join_for_ever, full.queue);
    user other = user_of(*state, "full", true, 1);
    CHECK_OK(ipc_queue_shutdown(other.queue, IPC_SHUTDOWN_DRAIN));
    CHECK_ERR(call_result(&put, PROMPT_MS), IPC_ESHUTDOWN);
    CHECK(!atomic_load(&get.over));
    ipc_queue *same = queue_named(other.conn, "empty", false, 0);
    CHECK_OK(ipc_queue_shutdown(same, IPC_SHUTDOWN_DRAIN));
    CHECK_ERR(call_result(&get, PROMPT_MS), IPC_ESHUTDOWN);
    CHECK(!atomic_load(&join.over));
    ipc_msg *item = take(other.queue);
    CHECK_OK(ipc_queue_done(other.queue, item));
    ipc_msg_free(item);
    CHECK_OK(call_result(&join, PROMPT_MS));
    ipc_queue_free(same);
    user_leave(&full);
    user_leave(&empty);
    user_leave(&other);
}

static void test_shutdown__a_put_on_its_way_is_told_later(void **state)
{
    user producer = user_of(*state, "q", false, 0);
    user other = user_of(*state, "q", false, 0);
    put_numbers(producer.queue, 1, 3);
    CHECK_OK(ipc_queue_flush(producer.queue, DEADLINE_MS));
    CHECK_OK(ipc_queue_shutdown(other.queue, IPC_SHUTDOWN_DRAIN));
    /* The producer hears of it some time; until then its puts go out and are refused. */
    ipc_err err = IPC_OK;
    int64_t puts = 0;
    EVENTUALLY((err = put_number(producer.queue, 4, 0)) != IPC_OK || ++puts < 0);
    CHECK_INT(err, IPC_ESHUTDOWN);
    expect_numbers(other.queue, 1, 3);
    expect_no_more(other.queue);
    user_leave(&producer);
    user_leave(&other);
}

static void test_shutdown__at_once_drops_what_nobody_has_taken(void **state)
{
    user producer = user_of(*state, "q", true, 0);
    user consumer = user_of(*state, "q", true, 0);
    put_numbers(producer.queue, 1, 50);
    ipc_msg *item = take(consumer.queue); /* and some more were handed to it ahead */
    call join;
    call_start_and_block(&join, join_for_ever, producer.queue);
    CHECK_OK(ipc_queue_shutdown(producer.queue, IPC_SHUTDOWN_IMMEDIATE));
    EVENTUALLY(size_of(producer.queue) == 0);
    CHECK_INT(unfinished_of(producer.queue), 1);
    CHECK(!atomic_load(&join.over));
    expect_no_more(producer.queue);
    CHECK_OK(ipc_queue_done(consumer.queue, item));
    CHECK_OK(call_result(&join, PROMPT_MS));
    ipc_msg_free(item);
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_shutdown__what_comes_back_can_be_taken(void **state)
{
    user one = user_of(*state, "q", true, 0);
    user two = user_of(*state, "q", true, 0);
    put_numbers(one.queue, 1, 1);
    ipc_msg *item = take(one.queue);
    CHECK_OK(ipc_queue_shutdown(one.queue, IPC_SHUTDOWN_DRAIN));
    expect_no_more(two.queue);
    CHECK_OK(ipc_queue_release(one.queue, item));
    ipc_msg_free(item);
    CHECK_OK(ipc_conn_flush(one.conn, DEADLINE_MS));
    item = take(two.queue);
    CHECK_INT(ipc_msg_attempt(item), 2);
    CHECK_OK(ipc_queue_done(two.queue, item));
    ipc_msg_free(item);
    expect_no_more(two.queue);
    CHECK_OK(ipc_queue_join(one.queue, DEADLINE_MS));
    user_leave(&one);
    user_leave(&two);
}

/* ---- confirmed puts ---- */

static void test_confirm__the_outcome_is_this_puts_own(void **state)
{
    user me = user_of(*state, "q", false, 2);
    ipc_msg *msg;
    CHECK_OK(ipc_pack(&msg, "i", 5));
    CHECK_OK(ipc_queue_put_confirm(me.queue, msg, 0));
    CHECK_OK(ipc_queue_put_confirm(me.queue, msg, 0));
    CHECK_ERR(ipc_queue_put_confirm(me.queue, msg, 0), IPC_EFULL);
    CHECK_ERR(ipc_queue_put_confirm(me.queue, msg, 20), IPC_EFULL);
    user other = user_of(*state, "q", false, 2);
    CHECK_INT(size_of(other.queue), 2); /* nothing is on its way */
    CHECK_OK(ipc_queue_shutdown(other.queue, IPC_SHUTDOWN_DRAIN));
    CHECK_ERR(ipc_queue_put_confirm(me.queue, msg, 0), IPC_ESHUTDOWN);
    ipc_msg_free(msg);
    user_leave(&me);
    user_leave(&other);
}

/* ---- redelivery ---- */

static ipc_queue *jobs_with(ipc_conn *conn, ipc_redeliver redeliver, uint32_t max_deliveries, const char *dead)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = true;
    options.redeliver = redeliver;
    options.max_deliveries = max_deliveries;
    options.dead_letter = dead;
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, conn, "jobs", &options));
    return queue;
}

/* A consumer that takes an item, and waits to be told how to end. */
static int consumer_role(char **args)
{
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, conn, "jobs", NULL));
    ipc_msg *item = take(queue);
    CHECK_OK(ipc_conn_flush(conn, DEADLINE_MS));
    say("took %d", (int)number_of(item));
    ipc_msg_free(item);
    const char *how = listen_for_line();
    if (how && strcmp(how, "fail") == 0) {
        ipc_conn_fail(conn);
    } else if (how && strcmp(how, "fail at exit") == 0) {
        ipc_conn_fail(NULL);
    } else if (how && strcmp(how, "close") == 0) {
        ipc_conn_close(conn);
    }
    say("ended");
    listen_for_line();
    return 0;
}

static int handles_of(ipc_conn *conn, const char *name)
{
    ipc_msg *info;
    int handles = 0;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:i}", "handles", &handles));
    ipc_msg_free(info);
    return handles;
}

/* One item is taken by a consumer that ends in a way; then it comes back, or does not. */
static void expect_back(const place *where, ipc_redeliver redeliver, const char *how, bool back)
{
    ipc_conn *conn = connect_to(where);
    ipc_queue *queue = jobs_with(conn, redeliver, 0, NULL);
    CHECK_OK(put_number(queue, 1, 0));
    worker *consumer = worker_start("consumer", where->address, NULL);
    CHECK_INT(worker_expect_number(consumer, "took"), 1);
    if (strcmp(how, "kill") == 0) {
        worker_kill(consumer);
    } else {
        worker_tell(consumer, "%s", how);
        worker_expect(consumer, "ended");
        worker_end(consumer);
    }
    EVENTUALLY(handles_of(conn, "jobs") == 1); /* the hub knows of the end */
    ipc_msg *item = NULL;
    CHECK_ERR(ipc_queue_get(queue, 0, &item), back ? IPC_OK : IPC_EEMPTY);
    if (back) {
        CHECK_INT(ipc_msg_attempt(item), 2);
        CHECK_OK(ipc_queue_done(queue, item));
        ipc_msg_free(item);
    }
    CHECK_INT(unfinished_of(queue), !back);
    ipc_queue_free(queue);
    CHECK_OK(ipc_unlink(conn, "jobs"));
    ipc_conn_free(conn);
}

static void test_redeliver__after_a_crash(void **state)
{
    expect_back(*state, IPC_REDELIVER_CRASH, "kill", true);
    expect_back(*state, IPC_REDELIVER_CRASH, "fail", true);
    expect_back(*state, IPC_REDELIVER_CRASH, "fail at exit", true);
    expect_back(*state, IPC_REDELIVER_CRASH, "close", false);
}

static void test_redeliver__always(void **state)
{
    expect_back(*state, IPC_REDELIVER_ALWAYS, "kill", true);
    expect_back(*state, IPC_REDELIVER_ALWAYS, "close", true);
}

static void test_redeliver__never(void **state)
{
    expect_back(*state, IPC_REDELIVER_NEVER, "kill", false);
    expect_back(*state, IPC_REDELIVER_NEVER, "close", false);
}

static void test_redeliver__in_vain_it_goes_to_the_dead_letters(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue *queue = jobs_with(conn, IPC_REDELIVER_CRASH, 2, "dead");
    put_numbers(queue, 1, 1);
    for (unsigned attempt = 1; attempt <= 2; attempt++) {
        ipc_msg *item = take(queue);
        CHECK_INT(number_of(item), 1);
        CHECK_INT(ipc_msg_attempt(item), attempt);
        CHECK_OK(ipc_queue_release(queue, item));
        ipc_msg_free(item);
    }
    CHECK_OK(ipc_queue_join(queue, DEADLINE_MS));
    ipc_queue *dead = queue_named(conn, "dead", false, 0);
    expect_numbers(dead, 1, 1);
    ipc_queue_free(dead);
    ipc_queue_free(queue);
    ipc_conn_free(conn);
}

static void test_redeliver__in_vain_it_is_dropped_and_join_returns(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue *queue = jobs_with(conn, IPC_REDELIVER_CRASH, 1, NULL);
    put_numbers(queue, 1, 1);
    worker *consumer = worker_start("consumer", ((const place *)*state)->address, NULL);
    CHECK_INT(worker_expect_number(consumer, "took"), 1);
    worker_kill(consumer);
    CHECK_OK(ipc_queue_join(queue, DEADLINE_MS));
    CHECK_INT(size_of(queue), 0);
    ipc_queue_free(queue);
    ipc_conn_free(conn);
}

static void expect_refused(ipc_conn *conn, ipc_queue_options options, const char *words)
{
    ipc_queue *queue;
    CHECK_ERR(ipc_queue_open(&queue, conn, "jobs", &options), IPC_EINVAL);
    CHECK_WORDS(words);
    CHECK(!queue);
}

/* An item that comes where another one was in memory has nothing of what befell that one. */
static void test_redeliver__in_vain_each_item_counts_its_own(void **state)
{
    enum { ROUNDS = 50, DELIVERIES = 3 };
    ipc_conn *conn = connect_to(*state);
    ipc_queue *jobs = jobs_with(conn, IPC_REDELIVER_CRASH, DELIVERIES, NULL);
    for (int64_t number = 1; number <= ROUNDS; number++) {
        put_numbers(jobs, number, number);
        for (unsigned attempt = 1; attempt <= DELIVERIES; attempt++) {
            ipc_msg *item = take(jobs);
            CHECK_INT(number_of(item), number);
            CHECK_INT(ipc_msg_attempt(item), attempt);
            CHECK_OK((attempt < DELIVERIES ? ipc_queue_release : ipc_queue_done)(jobs, item));
            ipc_msg_free(item);
        }
    }
    CHECK_OK(ipc_queue_join(jobs, DEADLINE_MS));
    ipc_queue_free(jobs);
    ipc_conn_free(conn);
}

static void test_redeliver__options_that_make_no_sense(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.max_deliveries = 3;
    expect_refused(conn, options, "are for joinable queues");
    options.joinable = true;
    options.max_deliveries = 1001;
    expect_refused(conn, options, "max_deliveries (0 to 1000)");
    options.max_deliveries = 0;
    options.dead_letter = "dead";
    expect_refused(conn, options, "needs max_deliveries");
    options.max_deliveries = 1;
    options.dead_letter = "jobs";
    expect_refused(conn, options, "its own dead_letter");
    options.redeliver = (ipc_redeliver)3;
    expect_refused(conn, options, "none of");
    ipc_pipe *pipe;
    CHECK_OK(ipc_pipe_open(&pipe, conn, "pipe", NULL));
    options.redeliver = IPC_REDELIVER_CRASH;
    options.dead_letter = "pipe";
    ipc_queue *queue;
    CHECK_ERR(ipc_queue_open(&queue, conn, "jobs", &options), IPC_ETYPE);
    ipc_pipe_free(pipe);
    ipc_conn_free(conn);
}

static void test_redeliver__options_that_differ(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue *queue = jobs_with(conn, IPC_REDELIVER_ALWAYS, 2, "dead");
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = true;
    ipc_queue *same;
    CHECK_OK(ipc_queue_open(&same, conn, "jobs", &options));
    ipc_queue_free(same);
    options.max_deliveries = 3;
    CHECK_ERR(ipc_queue_open(&same, conn, "jobs", &options), IPC_EOPTIONS);
    CHECK_WORDS("exists with max_deliveries 2, not 3");
    options.max_deliveries = 2;
    options.redeliver = IPC_REDELIVER_NEVER;
    CHECK_ERR(ipc_queue_open(&same, conn, "jobs", &options), IPC_EOPTIONS);
    CHECK_WORDS("exists with redeliver 1, not 2");
    options.redeliver = IPC_REDELIVER_ALWAYS;
    options.dead_letter = "buried";
    CHECK_ERR(ipc_queue_open(&same, conn, "jobs", &options), IPC_EOPTIONS);
    CHECK_WORDS("exists with dead_letter \"dead\", not \"buried\"");
    ipc_queue_free(queue);
    ipc_conn_free(conn);
}

static void test_open__as_it_is(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.mode = IPC_OPEN_AS_IS;
    ipc_queue *same;
    CHECK_ERR(ipc_queue_open(&same, conn, "jobs", &options), IPC_ENOENT);
    ipc_queue *queue = jobs_with(conn, IPC_REDELIVER_ALWAYS, 2, "dead");
    CHECK_OK(ipc_queue_open(&same, conn, "jobs", &options));
    ipc_queue_info info;
    CHECK_OK(ipc_queue_stat(same, &info));
    CHECK(info.joinable);
    ipc_queue_free(same);
    ipc_queue_free(queue);
    ipc_conn_free(conn);
}

static void test_open__made_anew_it_is_what_it_was(void **state)
{
    place *where = *state;
    ipc_conn *other = connect_to(where);
    ipc_queue *queue = jobs_with(other, IPC_REDELIVER_ALWAYS, 2, "dead");
    ipc_conn *conn = connect_to(where);
    ipc_queue *plain;
    CHECK_OK(ipc_queue_open(&plain, conn, "jobs", NULL)); /* it says nothing of what it is */
    kill(place_hub_pid(where), SIGKILL);
    EVENTUALLY(put_number(plain, 1, 0) == IPC_ELOST);
    EVENTUALLY(put_number(plain, 1, 0) == IPC_OK);
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, "jobs", &info));
    int joinable;
    const char *dead;
    CHECK_OK(ipc_unpack(info, "{s:{s:b,s:s}}", "state", "joinable", &joinable, "dead_letter", &dead));
    CHECK(joinable && strcmp(dead, "dead") == 0);
    ipc_msg_free(info);
    ipc_queue_free(plain);
    ipc_queue_free(queue);
    ipc_conn_free(conn);
    ipc_conn_free(other);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"consumer", consumer_role}};
    worker_begin(argc, argv, roles, sizeof roles / sizeof roles[0]);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_shutdown__what_is_there_is_taken_and_nothing_put),
        ON_EVERY_LANE(test_shutdown__who_waits_is_told),
        ON_EVERY_LANE(test_shutdown__a_put_on_its_way_is_told_later),
        ON_EVERY_LANE(test_shutdown__at_once_drops_what_nobody_has_taken),
        ON_EVERY_LANE(test_shutdown__what_comes_back_can_be_taken),
        ON_EVERY_LANE(test_confirm__the_outcome_is_this_puts_own),
        AMONG_MORTALS(test_redeliver__after_a_crash),
        AMONG_MORTALS(test_redeliver__always),
        AMONG_MORTALS(test_redeliver__never),
        ON_EVERY_LANE(test_redeliver__in_vain_it_goes_to_the_dead_letters),
        AMONG_MORTALS(test_redeliver__in_vain_it_is_dropped_and_join_returns),
        ON_EVERY_LANE(test_redeliver__in_vain_each_item_counts_its_own),
        ON_EVERY_LANE(test_redeliver__options_that_make_no_sense),
        ON_EVERY_LANE(test_redeliver__options_that_differ),
        ON_EVERY_LANE(test_open__as_it_is),
        ON_LANE(test_open__made_anew_it_is_what_it_was, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
