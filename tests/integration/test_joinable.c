/*
 * Joinable queues: leases, done, release, task_done, join, and what ends of sessions do to them.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void finish_one(ipc_queue *queue)
{
    ipc_msg *item = take(queue);
    CHECK_OK(ipc_queue_done(queue, item));
    ipc_msg_free(item);
}

/* ---- counting ---- */

static void test_joinable__join_waits_until_all_is_done(void **state)
{
    user producer = user_of(*state, "jobs", true, 0);
    user consumer = user_of(*state, "jobs", true, 0);
    CHECK_OK(ipc_queue_join(producer.queue, 0)); /* nothing was put */
    put_numbers(producer.queue, 1, 5);
    CHECK_ERR(ipc_queue_join(producer.queue, 0), IPC_ETIMEOUT);
    call join;
    call_start_and_block(&join, join_for_ever, producer.queue);
    for (int i = 0; i < 4; i++) {
        finish_one(consumer.queue);
    }
    ipc_msg *last = take(consumer.queue);
    CHECK_INT(unfinished_of(consumer.queue), 1);
    CHECK(!atomic_load(&join.over));
    CHECK_OK(ipc_queue_done(consumer.queue, last));
    CHECK_OK(call_result(&join, PROMPT_MS));
    CHECK_INT(unfinished_of(producer.queue), 0);
    ipc_msg_free(last);
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_joinable__join_waits_as_long_as_it_is_told(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, 1);
    for (int64_t timeout = 0; timeout <= 200; timeout += 100) {
        int64_t before = now_ms();
        CHECK_ERR(ipc_queue_join(me.queue, timeout), IPC_ETIMEOUT);
        int64_t waited = now_ms() - before;
        CHECK(waited >= timeout - 1);
        CHECK(waited < timeout + PROMPT_MS);
    }
    finish_one(me.queue);
    CHECK_OK(ipc_queue_join(me.queue, 0));
    user_leave(&me);
}

static void test_joinable__own_puts_and_takes_count_at_once(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    for (int64_t number = 1; number <= 100; number++) {
        CHECK_OK(put_number(me.queue, number, 0));
        CHECK_INT(unfinished_of(me.queue), 1);
        finish_one(me.queue);
        CHECK_OK(ipc_queue_join(me.queue, 0));
    }
    user_leave(&me);
}

static void test_joinable__done_twice_is_harmless(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, 2);
    ipc_msg *one = take(me.queue);
    CHECK_OK(ipc_queue_done(me.queue, one));
    CHECK_OK(ipc_queue_done(me.queue, one));
    CHECK_INT(unfinished_of(me.queue), 1);
    ipc_msg *two = take(me.queue);
    CHECK_OK(ipc_queue_done(me.queue, one));
    CHECK_OK(ipc_queue_release(me.queue, one));
    CHECK_INT(unfinished_of(me.queue), 1);
    CHECK_OK(ipc_queue_done(me.queue, two));
    CHECK_OK(ipc_queue_join(me.queue, DEADLINE_MS));
    ipc_msg_free(one);
    ipc_msg_free(two);
    user_leave(&me);
}

static void test_joinable__release_hands_out_again_first(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    user other = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, 3);
    ipc_msg *item = take(me.queue);
    CHECK_OK(ipc_queue_release(me.queue, item));
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    CHECK_INT(unfinished_of(me.queue), 3);
    ipc_queue_close(me.queue);
    for (int64_t number = 1; number <= 3; number++) {
        ipc_msg *again = take(other.queue);
        CHECK_INT(number_of(again), number);
        CHECK_INT(ipc_msg_attempt(again), number == 1 ? 2 : 1);
        CHECK_OK(ipc_queue_done(other.queue, again));
        ipc_msg_free(again);
    }
    CHECK_OK(ipc_queue_join(other.queue, DEADLINE_MS));
    ipc_msg_free(item);
    user_leave(&me);
    user_leave(&other);
}

static void test_joinable__an_old_delivery_finishes_nothing(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, 1);
    ipc_msg *first = take(me.queue);
    CHECK_OK(ipc_queue_release(me.queue, first));
    ipc_msg *second = take(me.queue);
    CHECK_INT(ipc_msg_attempt(second), 2);
    CHECK_OK(ipc_queue_done(me.queue, first)); /* that delivery is over */
    CHECK_INT(unfinished_of(me.queue), 1);
    CHECK_OK(ipc_queue_done(me.queue, second));
    CHECK_INT(unfinished_of(me.queue), 0);
    ipc_msg_free(first);
    ipc_msg_free(second);
    user_leave(&me);
}

static void test_joinable__items_of_others_are_refused(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    ipc_queue *other = queue_named(me.conn, "other", true, 0);
    ipc_queue *plain = queue_named(me.conn, "plain", false, 0);
    put_numbers(me.queue, 1, 1);
    put_numbers(plain, 1, 1);
    ipc_msg *item = take(me.queue);
    CHECK_ERR(ipc_queue_done(other, item), IPC_EINVAL);
    CHECK_ERR(ipc_queue_done(me.queue, NULL), IPC_EINVAL);
    ipc_msg *mine;
    CHECK_OK(ipc_pack(&mine, "i", 1));
    CHECK_ERR(ipc_queue_release(me.queue, mine), IPC_EINVAL);
    ipc_msg *simple = take(plain);
    CHECK_ERR(ipc_queue_done(plain, simple), IPC_EINVAL);
    CHECK_WORDS("not joinable");
    CHECK_ERR(ipc_queue_task_done(plain), IPC_EINVAL);
    CHECK_ERR(ipc_queue_join(plain, 0), IPC_EINVAL);
    ipc_msg_free(item);
    ipc_msg_free(mine);
    ipc_msg_free(simple);
    ipc_queue_free(other);
    ipc_queue_free(plain);
    user_leave(&me);
}

/* ---- task_done ---- */

static void test_joinable__task_done_finishes_the_oldest(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, 3);
    expect_numbers(me.queue, 1, 3);
    for (int64_t left = 2; left >= 0; left--) {
        CHECK_OK(ipc_queue_task_done(me.queue));
        CHECK_INT(unfinished_of(me.queue), left);
    }
    CHECK_ERR(ipc_queue_task_done(me.queue), IPC_EUNFINISHED);
    CHECK_OK(ipc_queue_join(me.queue, 0));
    user_leave(&me);
}

static void test_joinable__task_done_without_a_take_is_too_much(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    CHECK_ERR(ipc_queue_task_done(me.queue), IPC_EUNFINISHED);
    put_numbers(me.queue, 1, 1);
    CHECK_ERR(ipc_queue_task_done(me.queue), IPC_EUNFINISHED); /* put, and not taken by anybody */
    finish_one(me.queue);
    CHECK_ERR(ipc_queue_task_done(me.queue), IPC_EUNFINISHED);
    user_leave(&me);
}

static void test_joinable__task_done_by_another_session_than_the_takers(void **state)
{
    user taker = user_of(*state, "jobs", true, 0);
    user other = user_of(*state, "jobs", true, 0);
    for (int round = 0; round < 20; round++) {
        put_numbers(taker.queue, 1, 3);
        expect_numbers(taker.queue, 1, 3);
        for (int i = 0; i < 3; i++) {
            CHECK_OK(ipc_queue_task_done(other.queue)); /* whether the takes are reported already or not */
        }
        CHECK_ERR(ipc_queue_task_done(other.queue), IPC_EUNFINISHED);
        CHECK_OK(ipc_queue_join(taker.queue, DEADLINE_MS));
    }
    user_leave(&taker);
    user_leave(&other);
}

static ipc_err take_and_finish(void *arg)
{
    int64_t number;
    ipc_err err = get_number(arg, DEADLINE_MS, &number);
    return err ? err : ipc_queue_task_done(arg);
}

static void test_joinable__task_done_is_for_the_threads_own_oldest(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, 2);
    ipc_msg *mine = take(me.queue);
    call other;
    call_start(&other, take_and_finish, me.queue); /* takes the second, and finishes that */
    CHECK_OK(call_result(&other, DEADLINE_MS));
    CHECK_INT(unfinished_of(me.queue), 1);
    CHECK_OK(ipc_queue_done(me.queue, mine));
    CHECK_OK(ipc_queue_join(me.queue, DEADLINE_MS));
    ipc_msg_free(mine);
    user_leave(&me);
}

static void test_joinable__one_more_task_done_than_items_for_many_threads(void **state)
{
    enum { THREADS = 8 };
    user me = user_of(*state, "jobs", true, 0);
    put_numbers(me.queue, 1, THREADS);
    call calls[THREADS];
    for (int i = 0; i < THREADS; i++) {
        call_start(&calls[i], take_and_finish, me.queue);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_OK(call_result(&calls[i], DEADLINE_MS));
    }
    CHECK_ERR(ipc_queue_task_done(me.queue), IPC_EUNFINISHED);
    CHECK_OK(ipc_queue_join(me.queue, 0));
    user_leave(&me);
}

/* ---- ends ---- */

static void test_joinable__a_clean_end_leaves_taken_items_unfinished(void **state)
{
    user watcher = user_of(*state, "jobs", true, 0);
    user taker = user_of(*state, "jobs", true, 0);
    put_numbers(watcher.queue, 1, 3);
    CHECK_OK(ipc_queue_flush(watcher.queue, DEADLINE_MS));
    expect_numbers(taker.queue, 1, 2);
    ipc_conn_close(taker.conn);
    CHECK_INT(size_of(watcher.queue), 1);
    CHECK_INT(unfinished_of(watcher.queue), 3);
    finish_one(watcher.queue);
    CHECK_ERR(ipc_queue_join(watcher.queue, 0), IPC_ETIMEOUT);
    CHECK_OK(ipc_queue_task_done(watcher.queue)); /* somebody else may still say that they are done */
    CHECK_OK(ipc_queue_task_done(watcher.queue));
    CHECK_OK(ipc_queue_join(watcher.queue, 0));
    CHECK_ERR(ipc_queue_task_done(watcher.queue), IPC_EUNFINISHED);
    user_leave(&taker);
    user_leave(&watcher);
}

static void test_joinable__a_closed_handle_keeps_what_was_taken_leased(void **state)
{
    user watcher = user_of(*state, "jobs", true, 0);
    user taker = user_of(*state, "jobs", true, 0);
    put_numbers(watcher.queue, 1, 2);
    CHECK_OK(ipc_queue_flush(watcher.queue, DEADLINE_MS));
    expect_numbers(taker.queue, 1, 1);
    ipc_queue_close(taker.queue);
    CHECK_OK(ipc_conn_flush(taker.conn, DEADLINE_MS));
    CHECK_INT(size_of(watcher.queue), 1); /* what was not taken is back */
    CHECK_INT(unfinished_of(watcher.queue), 2);
    expect_numbers(watcher.queue, 2, 2);
    CHECK_OK(ipc_queue_task_done(watcher.queue));
    CHECK_OK(ipc_queue_task_done(watcher.queue));
    CHECK_OK(ipc_queue_join(watcher.queue, DEADLINE_MS));
    user_leave(&taker);
    user_leave(&watcher);
}

static void test_joinable__join_of_a_bounded_one_counts_waiting_puts(void **state)
{
    user producer = user_of(*state, "jobs", true, 2);
    user consumer = user_of(*state, "jobs", true, 2);
    put_numbers(producer.queue, 1, 2);
    for (int i = 0; i < 50; i++) {
        finish_one(consumer.queue);
        CHECK_OK(put_number(producer.queue, 3, DEADLINE_MS));
        CHECK_ERR(ipc_queue_join(producer.queue, 0), IPC_ETIMEOUT);
    }
    finish_one(consumer.queue);
    finish_one(consumer.queue);
    CHECK_OK(ipc_queue_join(producer.queue, DEADLINE_MS));
    user_leave(&producer);
    user_leave(&consumer);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_joinable__join_waits_until_all_is_done),
        ON_EVERY_LANE(test_joinable__join_waits_as_long_as_it_is_told),
        ON_EVERY_LANE(test_joinable__own_puts_and_takes_count_at_once),
        ON_EVERY_LANE(test_joinable__done_twice_is_harmless),
        ON_EVERY_LANE(test_joinable__release_hands_out_again_first),
        ON_EVERY_LANE(test_joinable__an_old_delivery_finishes_nothing),
        ON_EVERY_LANE(test_joinable__items_of_others_are_refused),
        ON_EVERY_LANE(test_joinable__task_done_finishes_the_oldest),
        ON_EVERY_LANE(test_joinable__task_done_without_a_take_is_too_much),
        ON_EVERY_LANE(test_joinable__task_done_by_another_session_than_the_takers),
        ON_EVERY_LANE(test_joinable__task_done_is_for_the_threads_own_oldest),
        ON_EVERY_LANE(test_joinable__one_more_task_done_than_items_for_many_threads),
        ON_EVERY_LANE(test_joinable__a_clean_end_leaves_taken_items_unfinished),
        ON_EVERY_LANE(test_joinable__a_closed_handle_keeps_what_was_taken_leased),
        ON_EVERY_LANE(test_joinable__join_of_a_bounded_one_counts_waiting_puts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
