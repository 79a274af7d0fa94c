/*
 * Queues as a program uses them, over every lane: putting, taking, waiting, sizes, order, values of every size.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- taking and waiting ---- */

static void test_queue__what_is_put_is_taken(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    ipc_msg *job;
    CHECK_OK(ipc_pack(&job, "{s:i,s:s}", "id", 7, "path", "a.png"));
    CHECK_OK(ipc_queue_put(me.queue, job, IPC_FOREVER));
    ipc_msg *item = take(me.queue);
    int id = 0;
    const char *path = NULL;
    CHECK_OK(ipc_unpack(item, "{s:i,s:s!}", "id", &id, "path", &path));
    CHECK_INT(id, 7);
    CHECK(strcmp(path, "a.png") == 0);
    CHECK_INT(ipc_msg_attempt(item), 1);
    CHECK_INT(ipc_msg_attempt(job), 0);
    ipc_msg_free(item);
    ipc_msg_free(job);
    user_leave(&me);
}

static void test_queue__two_sessions_meet_by_name(void **state)
{
    user producer = user_of(*state, "jobs", false, 0);
    user consumer = user_of(*state, "jobs", false, 0);
    CHECK(strcmp(ipc_queue_name(consumer.queue), "jobs") == 0);
    put_numbers(producer.queue, 1, 1000);
    expect_numbers(consumer.queue, 1, 1000);
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_queue__get_of_an_empty_one_does_not_wait_with_0(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    ipc_msg *item = (ipc_msg *)me.queue;
    for (int i = 0; i < 20; i++) {
        int64_t before = now_ms();
        CHECK_ERR(ipc_queue_get(me.queue, 0, &item), IPC_EEMPTY);
        CHECK(now_ms() - before < PROMPT_MS);
        CHECK(item == NULL);
    }
    user_leave(&me);
}

static void test_queue__get_waits_as_long_as_it_is_told(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    ipc_msg *item;
    for (int64_t timeout = 1; timeout <= 256; timeout *= 16) {
        int64_t before = now_ms();
        CHECK_ERR(ipc_queue_get(me.queue, timeout, &item), IPC_EEMPTY);
        int64_t waited = now_ms() - before;
        CHECK(waited >= timeout - 1);
        CHECK(waited < timeout + PROMPT_MS);
    }
    user_leave(&me);
}

struct take_one {
    ipc_queue *queue;
    int64_t timeout_ms;
    int64_t number;
};

static ipc_err take_one(void *arg)
{
    struct take_one *self = arg;
    return get_number(self->queue, self->timeout_ms, &self->number);
}

static void wake_by_put(ipc_queue *producer, ipc_queue *consumer)
{
    for (int round = 0; round < 20; round++) {
        call get;
        struct take_one arg = {consumer, round % 2 ? IPC_FOREVER : DEADLINE_MS, 0};
        call_start_and_block(&get, take_one, &arg);
        CHECK_OK(put_number(producer, round, 0));
        CHECK_OK(call_result(&get, PROMPT_MS));
        CHECK_INT(arg.number, round);
    }
}

static void test_queue__a_waiting_get_wakes_for_another_sessions_put(void **state)
{
    user producer = user_of(*state, "jobs", false, 0);
    user consumer = user_of(*state, "jobs", false, 0);
    wake_by_put(producer.queue, consumer.queue);
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_queue__a_waiting_get_wakes_for_a_put_through_the_same_handle(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    wake_by_put(me.queue, me.queue);
    user_leave(&me);
}

/* ---- sizes ---- */

static void test_queue__own_puts_are_counted_at_once(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    bool is;
    CHECK_OK(ipc_queue_empty(me.queue, &is));
    CHECK(is);
    for (int64_t number = 1; number <= 300; number++) {
        CHECK_OK(put_number(me.queue, number, 0));
        if (number % 50 == 1) {
            CHECK_INT(size_of(me.queue), number);
            CHECK_OK(ipc_queue_empty(me.queue, &is));
            CHECK(!is);
        }
    }
    CHECK_OK(ipc_queue_full(me.queue, &is));
    CHECK(!is);
    user_leave(&me);
}

static void test_queue__the_size_falls_with_every_take(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    user watcher = user_of(*state, "jobs", false, 0);
    put_numbers(me.queue, 1, 200);
    for (int64_t number = 1; number <= 200; number++) {
        expect_numbers(me.queue, number, number);
        CHECK_INT(size_of(me.queue), 200 - number); /* its own takes are counted at once */
    }
    put_numbers(me.queue, 1, 50);
    expect_numbers(me.queue, 1, 20);
    EVENTUALLY_WITHIN(PROMPT_MS, size_of(watcher.queue) == 30); /* others learn of them soon */
    user_leave(&me);
    user_leave(&watcher);
}

static void test_queue__a_lone_consumer_drains_it_without_waiting(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    for (int round = 0; round < 5; round++) {
        put_numbers(me.queue, 1, 500);
        int64_t taken = 0;
        int64_t number;
        ipc_err err;
        while ((err = get_number(me.queue, 0, &number)) == IPC_OK) {
            CHECK_INT(number, ++taken);
        }
        CHECK_INT(err, IPC_EEMPTY);
        CHECK_INT(taken, 500);
    }
    user_leave(&me);
}

static void test_queue__stat_tells_all(void **state)
{
    user me = user_of(*state, "jobs", true, 9);
    put_numbers(me.queue, 1, 4);
    ipc_msg *item = take(me.queue);
    ipc_queue_info info;
    CHECK_OK(ipc_queue_stat(me.queue, &info));
    CHECK_INT(info.size, 3);
    CHECK_INT(info.maxsize, 9);
    CHECK_INT(info.unfinished, 4);
    CHECK(info.joinable);
    CHECK_OK(ipc_queue_done(me.queue, item));
    CHECK_INT(unfinished_of(me.queue), 3);
    ipc_msg_free(item);
    user_leave(&me);
}

/* ---- order ---- */

enum { PRODUCERS = 4, CONSUMERS = 3, EACH = 500, STEP = 1000000 };

static void put_by_turns(const place *where, user *producers)
{
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = user_of(where, "jobs", false, 0);
    }
    for (int i = 0; i < EACH; i++) {
        for (int producer = 0; producer < PRODUCERS; producer++) {
            CHECK_OK(put_number(producers[producer].queue, producer * STEP + i, 0));
        }
    }
    for (int i = 0; i < PRODUCERS; i++) {
        CHECK_OK(ipc_queue_flush(producers[i].queue, DEADLINE_MS));
    }
}

static void leave_all(user *users, int count)
{
    for (int i = 0; i < count; i++) {
        user_leave(&users[i]);
    }
}

static void test_queue__first_in_first_out_of_every_producer(void **state)
{
    user producers[PRODUCERS];
    user consumer = user_of(*state, "jobs", false, 0);
    put_by_turns(*state, producers);
    int64_t next[PRODUCERS] = {0};
    for (int taken = 0; taken < PRODUCERS * EACH; taken++) {
        int64_t number;
        CHECK_OK(get_number(consumer.queue, taken % 2 ? 0 : DEADLINE_MS, &number));
        CHECK_INT(number % STEP, next[number / STEP]++);
    }
    leave_all(producers, PRODUCERS);
    user_leave(&consumer);
}

/* With several consumers, what one had ahead and gave back may come late to another: only once, and all of it. */
static void test_queue__consumers_by_turns_take_everything_once(void **state)
{
    user producers[PRODUCERS];
    user consumers[CONSUMERS];
    put_by_turns(*state, producers);
    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i] = user_of(*state, "jobs", false, 0);
    }
    bool seen[PRODUCERS][EACH] = {{false}};
    for (int taken = 0; taken < PRODUCERS * EACH; taken++) {
        int64_t number;
        CHECK_OK(get_number(consumers[taken * 7 % CONSUMERS].queue, 0, &number));
        bool *this = &seen[number / STEP][number % STEP];
        CHECK(!*this);
        *this = true;
    }
    EVENTUALLY_WITHIN(PROMPT_MS, size_of(consumers[0].queue) == 0);
    leave_all(producers, PRODUCERS);
    leave_all(consumers, CONSUMERS);
}

/* ---- values ---- */

static void put_pattern(ipc_queue *queue, size_t size, unsigned seed)
{
    ipc_msg *msg = pattern(size, seed);
    CHECK_OK(ipc_queue_put(queue, msg, DEADLINE_MS));
    ipc_msg_free(msg);
}

static void expect_pattern(ipc_queue *queue, size_t size, unsigned seed)
{
    ipc_msg *item = take(queue);
    CHECK(is_pattern(item, size, seed));
    ipc_msg_free(item);
}

static void test_queue__values_of_every_size_arrive_whole(void **state)
{
    static const size_t sizes[] = {0,     1,     255,   256,     65000,   65530,     65535,           65536,
                                   65537, 65541, 70000, 1 << 20, 3 << 20, 20U << 20, (4U << 20) - 10, 1};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    user producer = user_of(*state, "jobs", false, 0);
    user consumer = user_of(*state, "jobs", false, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        put_pattern(producer.queue, sizes[i], i);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        expect_pattern(consumer.queue, sizes[i], i);
    }
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_queue__many_large_values_pass_the_window(void **state)
{
    enum { COUNT = 60, SIZE = 512 * 1024 }; /* 30 MiB, and the window has 4 */
    user producer = user_of(*state, "jobs", false, 0);
    user consumer = user_of(*state, "jobs", false, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        put_pattern(producer.queue, SIZE + i, i);
    }
    CHECK_INT(size_of(producer.queue), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        expect_pattern(consumer.queue, SIZE + i, i);
    }
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_queue__a_value_outlives_its_queue_and_connection(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    put_pattern(me.queue, 1 << 20, 3);
    ipc_msg *item = take(me.queue);
    ipc_conn_close(me.conn);
    user_leave(&me);
    CHECK(is_pattern(item, 1 << 20, 3));
    ipc_msg_free(item);
}

static void test_queue__bytes_are_put_as_they_are(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    CHECK_OK(ipc_queue_put_packed(me.queue, "\x2a", 1, 0));
    CHECK_OK(ipc_queue_put_packed(me.queue, "\xc1", 1, 0)); /* no value: who reads it finds out */
    expect_numbers(me.queue, 42, 42);
    ipc_msg *item = take(me.queue);
    int64_t number;
    CHECK_ERR(ipc_unpack(item, "I", &number), IPC_EBADMSG);
    ipc_msg_free(item);
    user_leave(&me);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_queue__what_is_put_is_taken),
        ON_EVERY_LANE(test_queue__two_sessions_meet_by_name),
        ON_EVERY_LANE(test_queue__get_of_an_empty_one_does_not_wait_with_0),
        ON_EVERY_LANE(test_queue__get_waits_as_long_as_it_is_told),
        ON_EVERY_LANE(test_queue__a_waiting_get_wakes_for_another_sessions_put),
        ON_EVERY_LANE(test_queue__a_waiting_get_wakes_for_a_put_through_the_same_handle),
        ON_EVERY_LANE(test_queue__own_puts_are_counted_at_once),
        ON_EVERY_LANE(test_queue__the_size_falls_with_every_take),
        ON_EVERY_LANE(test_queue__a_lone_consumer_drains_it_without_waiting),
        ON_EVERY_LANE(test_queue__stat_tells_all),
        ON_EVERY_LANE(test_queue__first_in_first_out_of_every_producer),
        ON_EVERY_LANE(test_queue__consumers_by_turns_take_everything_once),
        ON_EVERY_LANE(test_queue__values_of_every_size_arrive_whole),
        ON_EVERY_LANE(test_queue__many_large_values_pass_the_window),
        ON_EVERY_LANE(test_queue__a_value_outlives_its_queue_and_connection),
        ON_EVERY_LANE(test_queue__bytes_are_put_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
