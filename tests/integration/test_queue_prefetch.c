/*
 * Items that a consumer was handed ahead of its calls: nobody else may miss them, however many, however slow it is.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ITEMS = 1000, TAKEN = 200 };

/* A consumer that has taken TAKEN of ITEMS, so fast that it was handed many more. */
static user greedy_consumer(const place *where)
{
    user self = user_of(where, "jobs", false, 0);
    put_numbers(self.queue, 1, ITEMS);
    CHECK_OK(ipc_queue_flush(self.queue, DEADLINE_MS));
    expect_numbers(self.queue, 1, TAKEN);
    return self;
}

/* Every number from first to last once. One that comes behind a higher one says so. */
static void expect_all(ipc_queue *queue, int64_t first, int64_t last, int64_t timeout_ms)
{
    bool seen[ITEMS + 1] = {false};
    int64_t highest = 0;
    for (int64_t i = first; i <= last; i++) {
        ipc_msg *item;
        CHECK_OK(ipc_queue_get(queue, timeout_ms, &item));
        int64_t number = number_of(item);
        CHECK(number >= first && number <= last && !seen[number]);
        seen[number] = true;
        CHECK_INT(ipc_msg_attempt(item), 1);
        CHECK_INT(ipc_msg_late(item), number < highest);
        highest = number > highest ? number : highest;
        ipc_msg_free(item);
    }
}

static void test_prefetch__get_0_never_misses_what_an_idle_consumer_has(void **state)
{
    user greedy = greedy_consumer(*state);
    user other = user_of(*state, "jobs", false, 0);
    expect_all(other.queue, TAKEN + 1, ITEMS, 0);
    int64_t number;
    CHECK_ERR(get_number(other.queue, 0, &number), IPC_EEMPTY);
    CHECK_ERR(get_number(greedy.queue, 0, &number), IPC_EEMPTY);
    user_leave(&greedy);
    user_leave(&other);
}

static void test_prefetch__a_slow_consumer_does_not_hoard(void **state)
{
    user slow = greedy_consumer(*state);
    user other = user_of(*state, "jobs", false, 0);
    int64_t before = now_ms();
    expect_all(other.queue, TAKEN + 1, ITEMS, DEADLINE_MS);
    CHECK(now_ms() - before < 2 * PROMPT_MS);
    user_leave(&slow);
    user_leave(&other);
}

static void test_prefetch__what_is_ahead_counts_as_size(void **state)
{
    user greedy = greedy_consumer(*state);
    user other = user_of(*state, "jobs", false, 0);
    CHECK_INT(size_of(greedy.queue), ITEMS - TAKEN);
    EVENTUALLY_WITHIN(PROMPT_MS, size_of(other.queue) == ITEMS - TAKEN);
    bool empty;
    CHECK_OK(ipc_queue_empty(other.queue, &empty));
    CHECK(!empty);
    user_leave(&greedy);
    user_leave(&other);
}

static void test_prefetch__a_consumer_that_closes_gives_back(void **state)
{
    user greedy = greedy_consumer(*state);
    user other = user_of(*state, "jobs", false, 0);
    ipc_queue_close(greedy.queue);
    CHECK_OK(ipc_conn_flush(greedy.conn, DEADLINE_MS));
    for (int64_t number = TAKEN + 1; number <= ITEMS; number++) {
        ipc_msg *item = take(other.queue); /* in their order, as if nobody had had them */
        CHECK_INT(number_of(item), number);
        CHECK_INT(ipc_msg_attempt(item), 1);
        ipc_msg_free(item);
    }
    user_leave(&greedy);
    user_leave(&other);
}

static void test_prefetch__a_connection_that_closes_gives_back(void **state)
{
    user greedy = greedy_consumer(*state);
    user other = user_of(*state, "jobs", false, 0);
    ipc_conn_close(greedy.conn);
    expect_all(other.queue, TAKEN + 1, ITEMS, 0);
    user_leave(&greedy);
    user_leave(&other);
}

static void test_prefetch__a_consumer_that_pauses_finds_everything_again(void **state)
{
    enum { LONGER_THAN_VALID_MS = 1300 };
    user greedy = greedy_consumer(*state);
    int64_t begin = now_ms();
    EVENTUALLY(now_ms() - begin > LONGER_THAN_VALID_MS);
    expect_all(greedy.queue, TAKEN + 1, ITEMS, 0);
    user_leave(&greedy);
}

/* ---- several that wait ---- */

enum { WAITING = 8 };

static ipc_err take_for_ever(void *arg)
{
    int64_t number;
    return get_number(arg, IPC_FOREVER, &number);
}

static void test_prefetch__each_waiting_consumer_gets_one(void **state)
{
    user consumer[WAITING];
    call get[WAITING];
    user producer = user_of(*state, "jobs", false, 0);
    for (int i = 0; i < WAITING; i++) {
        consumer[i] = user_of(*state, "jobs", false, 0);
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < WAITING; i++) {
            call_start_and_block(&get[i], take_for_ever, consumer[i].queue);
        }
        put_numbers(producer.queue, 1, WAITING);
        for (int i = 0; i < WAITING; i++) {
            CHECK_OK(call_result(&get[i], PROMPT_MS));
        }
        CHECK_INT(size_of(producer.queue), 0);
    }
    for (int i = 0; i < WAITING; i++) {
        user_leave(&consumer[i]);
    }
    user_leave(&producer);
}

static void test_prefetch__consumers_by_turns_with_0_take_everything(void **state)
{
    user consumer[WAITING];
    user producer = user_of(*state, "jobs", false, 0);
    for (int i = 0; i < WAITING; i++) {
        consumer[i] = user_of(*state, "jobs", false, 0);
    }
    put_numbers(producer.queue, 1, ITEMS);
    CHECK_OK(ipc_queue_flush(producer.queue, DEADLINE_MS));
    bool seen[ITEMS + 1] = {false};
    for (int i = 0; i < ITEMS; i++) {
        int64_t number = 0;
        CHECK_OK(get_number(consumer[i * 5 % WAITING].queue, 0, &number));
        CHECK(!seen[number]);
        seen[number] = true;
    }
    for (int i = 0; i < WAITING; i++) {
        user_leave(&consumer[i]);
    }
    user_leave(&producer);
}

/* ---- another process that idles ---- */

/* ADDRESS: takes TAKEN items and says so; then does nothing until its input ends, and leaves. */
static int greedy_role(char **args)
{
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    ipc_queue *queue = queue_named(conn, "jobs", false, 0);
    expect_numbers(queue, 1, TAKEN);
    say("taken");
    while (listen_for_line()) {
    }
    ipc_queue_free(queue);
    ipc_conn_free(conn);
    return 0;
}

static void test_prefetch__an_idle_process_keeps_nothing_from_get_0(void **state)
{
    const place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    put_numbers(me.queue, 1, ITEMS);
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    worker *greedy = worker_start("greedy", where->address, NULL);
    worker_expect(greedy, "taken");
    expect_all(me.queue, TAKEN + 1, ITEMS, 0);
    worker_end(greedy);
    CHECK_INT(size_of(me.queue), 0);
    user_leave(&me);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"greedy", greedy_role}};
    worker_begin(argc, argv, roles, 2);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_prefetch__get_0_never_misses_what_an_idle_consumer_has),
        ON_EVERY_LANE(test_prefetch__a_slow_consumer_does_not_hoard),
        ON_EVERY_LANE(test_prefetch__what_is_ahead_counts_as_size),
        ON_EVERY_LANE(test_prefetch__a_consumer_that_closes_gives_back),
        ON_EVERY_LANE(test_prefetch__a_connection_that_closes_gives_back),
        ON_EVERY_LANE(test_prefetch__a_consumer_that_pauses_finds_everything_again),
        ON_EVERY_LANE(test_prefetch__each_waiting_consumer_gets_one),
        ON_EVERY_LANE(test_prefetch__consumers_by_turns_with_0_take_everything),
        BETWEEN_PROCESSES(test_prefetch__an_idle_process_keeps_nothing_from_get_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
