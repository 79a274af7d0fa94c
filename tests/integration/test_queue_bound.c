/*
 * Bounded queues: maxsize is exact, whoever puts, however fast, and whatever credits are out.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Put until there is no room: how many went in. */
static int64_t fill(ipc_queue *queue, int64_t first)
{
    int64_t number = first;
    ipc_err err;
    while ((err = put_number(queue, number, 0)) == IPC_OK) {
        number++;
    }
    CHECK_INT(err, IPC_EFULL);
    return number - first;
}

static void test_bound__puts_fit_until_maxsize(void **state)
{
    static const int64_t sizes[] = {1, 2, 3, 10, 1000, 5000};
    ipc_conn *conn = connect_to(*state);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ipc_queue *queue = queue_named(conn, fresh_name("bound"), false, (uint64_t)sizes[i]);
        bool full;
        CHECK_OK(ipc_queue_full(queue, &full));
        CHECK(!full);
        CHECK_INT(fill(queue, 1), sizes[i]);
        CHECK_INT(size_of(queue), sizes[i]);
        CHECK_OK(ipc_queue_full(queue, &full));
        CHECK(full);
        expect_numbers(queue, 1, 1);
        CHECK_OK(ipc_queue_full(queue, &full));
        CHECK(!full);
        CHECK_INT(fill(queue, sizes[i] + 1), 1);
        expect_numbers(queue, 2, sizes[i] + 1);
        CHECK_INT(size_of(queue), 0);
        ipc_queue_free(queue);
    }
    ipc_conn_free(conn);
}

static void test_bound__a_put_waits_as_long_as_it_is_told(void **state)
{
    user me = user_of(*state, "jobs", false, 2);
    put_numbers(me.queue, 1, 2);
    for (int64_t timeout = 0; timeout <= 200; timeout += 100) {
        int64_t before = now_ms();
        CHECK_ERR(put_number(me.queue, 99, timeout), IPC_EFULL);
        int64_t waited = now_ms() - before;
        CHECK(waited >= timeout - 1);
        CHECK(waited < timeout + PROMPT_MS);
    }
    expect_numbers(me.queue, 1, 2);
    CHECK_INT(size_of(me.queue), 0); /* what was refused is not there */
    user_leave(&me);
}

struct put_one {
    ipc_queue *queue;
    int64_t number;
    int64_t timeout_ms;
};

static ipc_err put_one(void *arg)
{
    struct put_one *self = arg;
    return put_number(self->queue, self->number, self->timeout_ms);
}

static void test_bound__a_waiting_put_goes_in_when_there_is_room(void **state)
{
    user producer = user_of(*state, "jobs", false, 1);
    user consumer = user_of(*state, "jobs", false, 1);
    put_numbers(producer.queue, 1, 1);
    for (int64_t number = 2; number <= 20; number++) {
        call put;
        struct put_one arg = {producer.queue, number, number % 2 ? IPC_FOREVER : DEADLINE_MS};
        call_start_and_block(&put, put_one, &arg);
        CHECK_INT(size_of(consumer.queue), 1);
        expect_numbers(consumer.queue, number - 1, number - 1);
        CHECK_OK(call_result(&put, PROMPT_MS));
    }
    expect_numbers(consumer.queue, 20, 20);
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_bound__several_waiting_puts_go_in_by_turns(void **state)
{
    enum { WAITING = 5 };
    user producer[WAITING];
    call put[WAITING];
    struct put_one arg[WAITING];
    user consumer = user_of(*state, "jobs", false, 1);
    put_numbers(consumer.queue, 0, 0);
    CHECK_OK(ipc_queue_flush(consumer.queue, DEADLINE_MS));
    for (int i = 0; i < WAITING; i++) {
        producer[i] = user_of(*state, "jobs", false, 1);
        arg[i] = (struct put_one){producer[i].queue, 1 + i, IPC_FOREVER};
        call_start_and_block(&put[i], put_one, &arg[i]);
        CHECK_OK(ipc_conn_flush(producer[i].conn, DEADLINE_MS)); /* it waits in the hub, behind the others */
    }
    expect_numbers(consumer.queue, 0, WAITING);
    for (int i = 0; i < WAITING; i++) {
        CHECK_OK(call_result(&put[i], PROMPT_MS));
        user_leave(&producer[i]);
    }
    user_leave(&consumer);
}

static void test_bound__an_idle_producer_keeps_no_room(void **state)
{
    enum { MAXSIZE = 1000, STREAM = 300 };
    user idle = user_of(*state, "jobs", false, MAXSIZE);
    user other = user_of(*state, "jobs", false, MAXSIZE);
    put_numbers(idle.queue, 1, STREAM); /* so fast that it has credits when it stops */
    CHECK_OK(ipc_queue_flush(idle.queue, DEADLINE_MS));
    CHECK_INT(fill(other.queue, STREAM + 1), MAXSIZE - STREAM);
    CHECK_INT(size_of(other.queue), MAXSIZE);
    expect_numbers(other.queue, 1, MAXSIZE);
    user_leave(&idle);
    user_leave(&other);
}

static void test_bound__a_producer_that_closes_leaves_its_room(void **state)
{
    enum { MAXSIZE = 100, STREAM = 40 };
    user one = user_of(*state, "jobs", false, MAXSIZE);
    user other = user_of(*state, "jobs", false, MAXSIZE);
    put_numbers(one.queue, 1, STREAM);
    user_leave(&one); /* what it put is in the hub before it is gone */
    CHECK_INT(fill(other.queue, STREAM + 1), MAXSIZE - STREAM);
    expect_numbers(other.queue, 1, MAXSIZE);
    user_leave(&other);
}

static void test_bound__what_a_consumer_has_ahead_counts(void **state)
{
    enum { MAXSIZE = 200 };
    user producer = user_of(*state, "jobs", false, MAXSIZE);
    user consumer = user_of(*state, "jobs", false, MAXSIZE);
    int64_t put = fill(producer.queue, 1);
    int64_t taken = 0;
    for (int round = 0; round < 20; round++) {
        expect_numbers(consumer.queue, taken + 1, taken + 37); /* it has some more ahead */
        taken += 37;
        CHECK_INT(size_of(consumer.queue), put - taken);
        put += fill(producer.queue, put + 1);
        CHECK_INT(put - taken, MAXSIZE);
    }
    user_leave(&producer);
    user_leave(&consumer);
}

/* ---- many producers ---- */

enum { FLOODERS = 6, FLOOD_MAXSIZE = 64 };

struct flooder {
    user user;
    int64_t put;
};

static ipc_err flood_once(void *arg)
{
    struct flooder *self = arg;
    ipc_err err;
    while ((err = put_number(self->user.queue, 1, 0)) == IPC_OK) {
        self->put++;
    }
    return err == IPC_EFULL ? IPC_OK : err;
}

static void test_bound__many_producers_fill_it_exactly(void **state)
{
    struct flooder flooder[FLOODERS] = {0};
    user consumer = user_of(*state, "jobs", false, FLOOD_MAXSIZE);
    for (int i = 0; i < FLOODERS; i++) {
        flooder[i].user = user_of(*state, "jobs", false, FLOOD_MAXSIZE);
    }
    int64_t taken = 0;
    for (int round = 0; round < 20; round++) {
        call flood[FLOODERS];
        for (int i = 0; i < FLOODERS; i++) {
            call_start(&flood[i], flood_once, &flooder[i]);
        }
        int64_t put = 0;
        for (int i = 0; i < FLOODERS; i++) {
            CHECK_OK(call_result(&flood[i], DEADLINE_MS));
            put += flooder[i].put;
        }
        CHECK_INT(put - taken, FLOOD_MAXSIZE);
        CHECK_INT(size_of(consumer.queue), FLOOD_MAXSIZE);
        for (int i = 0; i < 1 + round * 3; i++) {
            ipc_msg_free(take(consumer.queue));
            taken++;
        }
        CHECK_INT(size_of(consumer.queue), put - taken); /* now the hub knows what was taken */
    }
    for (int i = 0; i < FLOODERS; i++) {
        user_leave(&flooder[i].user);
    }
    user_leave(&consumer);
}

/* ---- many processes ---- */

enum { WORKERS = 4, EACH = 3000 };

/* ADDRESS INDEX: puts EACH numbers, as fast as there is room. */
static int producer_role(char **args)
{
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    ipc_queue *queue = queue_named(conn, "jobs", false, FLOOD_MAXSIZE);
    int64_t index = atoll(args[1]);
    say("ready");
    CHECK(listen_for_line());
    for (int64_t i = 0; i < EACH; i++) {
        CHECK_OK(put_number(queue, index * EACH + i, IPC_FOREVER));
    }
    ipc_queue_free(queue);
    ipc_conn_free(conn);
    return 0;
}

static void test_bound__no_look_ever_sees_more_than_maxsize(void **state)
{
    const place *where = *state;
    worker *producer[WORKERS];
    user consumer = user_of(where, "jobs", false, FLOOD_MAXSIZE);
    user watcher = user_of(where, "jobs", false, FLOOD_MAXSIZE);
    for (int i = 0; i < WORKERS; i++) {
        char index[8];
        snprintf(index, sizeof index, "%d", i);
        producer[i] = worker_start("producer", where->address, index, NULL);
        worker_expect(producer[i], "ready");
    }
    for (int i = 0; i < WORKERS; i++) {
        worker_tell(producer[i], "go");
    }
    int64_t next[WORKERS] = {0};
    for (int taken = 0; taken < WORKERS * EACH; taken++) {
        int64_t number;
        CHECK_OK(get_number(consumer.queue, DEADLINE_MS, &number));
        CHECK_INT(number % EACH, next[number / EACH]);
        next[number / EACH]++;
        if (taken % 16 == 0) {
            CHECK(size_of(watcher.queue) <= FLOOD_MAXSIZE);
        }
    }
    CHECK_INT(size_of(consumer.queue), 0);
    for (int i = 0; i < WORKERS; i++) {
        worker_end(producer[i]);
    }
    user_leave(&consumer);
    user_leave(&watcher);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"producer", producer_role}};
    worker_begin(argc, argv, roles, 2);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_bound__puts_fit_until_maxsize),
        ON_EVERY_LANE(test_bound__a_put_waits_as_long_as_it_is_told),
        ON_EVERY_LANE(test_bound__a_waiting_put_goes_in_when_there_is_room),
        ON_EVERY_LANE(test_bound__several_waiting_puts_go_in_by_turns),
        ON_EVERY_LANE(test_bound__an_idle_producer_keeps_no_room),
        ON_EVERY_LANE(test_bound__a_producer_that_closes_leaves_its_room),
        ON_EVERY_LANE(test_bound__what_a_consumer_has_ahead_counts),
        ON_EVERY_LANE(test_bound__many_producers_fill_it_exactly),
        BETWEEN_PROCESSES(test_bound__no_look_ever_sees_more_than_maxsize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
