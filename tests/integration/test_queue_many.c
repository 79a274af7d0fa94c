/*
 * Puts and gets of several items at once; bytes through pipes.
 * Touches a hub of its own for every test.
 */
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 1000 };

static void free_all(ipc_msg **items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ipc_msg_free(items[i]);
    }
}

/* ---- many ---- */

static void test_many__all_are_put_and_taken_in_order(void **state)
{
    user producer = user_of(*state, "q", true, 0);
    user consumer = user_of(*state, "q", true, 0);
    ipc_packed values[MANY];
    unsigned char packed[MANY];
    for (size_t i = 0; i < MANY; i++) {
        packed[i] = (unsigned char)(i % 100);
        values[i] = (ipc_packed){&packed[i], 1};
    }
    size_t put;
    CHECK_OK(ipc_queue_put_many(producer.queue, values, MANY, 0, &put));
    CHECK_INT(put, MANY);
    ipc_msg *items[64];
    size_t taken = 0;
    while (taken < MANY) {
        size_t count;
        CHECK_OK(ipc_queue_get_many(consumer.queue, DEADLINE_MS, 64, items, &count));
        CHECK(count >= 1 && count <= 64);
        for (size_t i = 0; i < count; i++) {
            CHECK_INT(number_of(items[i]), (taken + i) % 100);
            CHECK_OK(ipc_queue_done(consumer.queue, items[i]));
        }
        free_all(items, count);
        taken += count;
    }
    CHECK_OK(ipc_queue_join(producer.queue, DEADLINE_MS));
    size_t count = 1;
    user fresh = user_of(*state, "fresh", true, 0);
    CHECK_OK(ipc_queue_put_many(fresh.queue, values, 64, 0, &put));
    CHECK_OK(ipc_queue_get_many(fresh.queue, DEADLINE_MS, 64, items, &count));
    CHECK_INT(count, 64); /* it asks for so many */
    free_all(items, count);
    user_leave(&fresh);
    CHECK_ERR(ipc_queue_get_many(consumer.queue, 0, 64, items, &count), IPC_EEMPTY);
    CHECK_INT(count, 0);
    user_leave(&producer);
    user_leave(&consumer);
}

static void test_many__a_full_queue_takes_some(void **state)
{
    user me = user_of(*state, "q", false, 3);
    const unsigned char packed[] = {1, 2, 3, 4, 5};
    ipc_packed values[5];
    for (size_t i = 0; i < 5; i++) {
        values[i] = (ipc_packed){&packed[i], 1};
    }
    size_t put;
    CHECK_ERR(ipc_queue_put_many(me.queue, values, 5, 50, &put), IPC_EFULL);
    CHECK_INT(put, 3);
    expect_numbers(me.queue, 1, 3);
    CHECK_OK(ipc_queue_put_many(me.queue, values, 0, 0, NULL));
    CHECK_ERR(ipc_queue_put_many(me.queue, NULL, 1, 0, NULL), IPC_EINVAL);
    size_t count;
    CHECK_ERR(ipc_queue_get_many(me.queue, 0, 0, &(ipc_msg *){NULL}, &count), IPC_EINVAL);
    user_leave(&me);
}

/* ---- bytes ---- */

static void test_bytes__come_as_they_were_sent(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_pair(&a, &b, conn, NULL));
    static unsigned char sent[300000];
    static unsigned char got[sizeof sent];
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (unsigned char)(i * 7 + i / 256);
    }
    const size_t lengths[] = {0, 1, 255, 256, 65535, 65536, sizeof sent};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t length = 1;
        CHECK_OK(ipc_pipe_send_bytes(a, sent, lengths[i], DEADLINE_MS));
        CHECK_OK(ipc_pipe_recv_bytes(b, DEADLINE_MS, got, sizeof got, &length));
        CHECK_INT(length, lengths[i]);
        CHECK(memcmp(sent, got, length) == 0);
    }
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    ipc_conn_free(conn);
}

static void test_bytes__what_does_not_fit_stays(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_pair(&a, &b, conn, NULL));
    char got[8];
    size_t length;
    CHECK_OK(ipc_pipe_send_bytes(a, "0123456789", 10, DEADLINE_MS));
    CHECK_OK(send_number(a, 5));
    CHECK_ERR(ipc_pipe_recv_bytes(b, DEADLINE_MS, got, sizeof got, &length), IPC_ETOOSMALL);
    CHECK_INT(length, 10);
    CHECK_WORDS("10 bytes are to come, into a buffer of 8");
    CHECK_ERR(ipc_pipe_recv_bytes(b, 0, NULL, 0, &length), IPC_ETOOSMALL);
    char whole[10];
    CHECK_OK(ipc_pipe_recv_bytes(b, 0, whole, sizeof whole, &length));
    CHECK(length == 10 && memcmp(whole, "0123456789", 10) == 0);
    CHECK_ERR(ipc_pipe_recv_bytes(b, DEADLINE_MS, got, sizeof got, &length), IPC_ETYPE);
    expect_received(b, 5);
    CHECK_ERR(ipc_pipe_recv_bytes(b, 0, got, sizeof got, &length), IPC_EEMPTY);
    ipc_pipe_free(a);
    CHECK_ERR(ipc_pipe_recv_bytes(b, DEADLINE_MS, got, sizeof got, &length), IPC_EEOF);
    ipc_pipe_free(b);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_many__all_are_put_and_taken_in_order),
        ON_EVERY_LANE(test_many__a_full_queue_takes_some),
        ON_EVERY_LANE(test_bytes__come_as_they_were_sent),
        ON_EVERY_LANE(test_bytes__what_does_not_fit_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
