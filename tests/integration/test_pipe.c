/*
 * Pipes: both ways and one way, the end of file, broken ones, polling, ends by choice, peers that come later.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct pair {
    ipc_conn *conn;
    ipc_pipe *a;
    ipc_pipe *b;
};

static struct pair pair_of(const place *where, bool simplex)
{
    struct pair self = {.conn = connect_to(where)};
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.simplex = simplex;
    CHECK_OK(ipc_pipe_pair(&self.a, &self.b, self.conn, simplex ? &options : NULL));
    return self;
}

static void pair_leave(struct pair *self)
{
    ipc_pipe_free(self->a);
    ipc_pipe_free(self->b);
    ipc_conn_free(self->conn);
}

static ipc_err recv_number(ipc_pipe *pipe, int64_t timeout_ms)
{
    ipc_msg *msg;
    ipc_err err = ipc_pipe_recv(pipe, timeout_ms, &msg);
    ipc_msg_free(msg);
    return err;
}

static bool polls(ipc_pipe *pipe, int64_t timeout_ms)
{
    bool ready;
    CHECK_OK(ipc_pipe_poll(pipe, timeout_ms, &ready));
    return ready;
}

static ipc_err open_end(ipc_pipe **pipe, ipc_conn *conn, const char *name, ipc_pipe_end end)
{
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.end = end;
    return ipc_pipe_open(pipe, conn, name, &options);
}

/* ---- ways ---- */

static void test_pipe__both_ways(void **state)
{
    struct pair my = pair_of(*state, false);
    CHECK(ipc_pipe_readable(my.a) && ipc_pipe_writable(my.a) && ipc_pipe_readable(my.b) && ipc_pipe_writable(my.b));
    CHECK(ipc_pipe_name(my.a) == NULL);
    for (int64_t number = 1; number <= 500; number++) {
        CHECK_OK(send_number(my.a, number));
        CHECK_OK(send_number(my.b, -number));
    }
    for (int64_t number = 1; number <= 500; number++) {
        expect_received(my.a, -number);
        expect_received(my.b, number);
    }
    pair_leave(&my);
}

static void test_pipe__one_way(void **state)
{
    struct pair my = pair_of(*state, true);
    CHECK(ipc_pipe_readable(my.a) && !ipc_pipe_writable(my.a));
    CHECK(!ipc_pipe_readable(my.b) && ipc_pipe_writable(my.b));
    CHECK_OK(send_number(my.b, 5));
    expect_received(my.a, 5);
    CHECK_ERR(send_number(my.a, 6), IPC_EPERM);
    CHECK_WORDS("only receives");
    CHECK_ERR(recv_number(my.b, 0), IPC_EPERM);
    CHECK_WORDS("only sends");
    bool ready;
    CHECK_ERR(ipc_pipe_poll(my.b, 0, &ready), IPC_EPERM);
    pair_leave(&my);
}

static void test_pipe__values_of_every_size(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 1 << 20, 20U << 20, 3};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    struct pair my = pair_of(*state, false);
    for (unsigned i = 0; i < COUNT; i++) {
        ipc_msg *msg = pattern(sizes[i], i);
        CHECK_OK(ipc_pipe_send(my.a, msg, DEADLINE_MS));
        ipc_msg_free(msg);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        ipc_msg *msg;
        CHECK_OK(ipc_pipe_recv(my.b, DEADLINE_MS, &msg));
        CHECK(is_pattern(msg, sizes[i], i));
        ipc_msg_free(msg);
    }
    pair_leave(&my);
}

/* ---- waiting ---- */

static void test_pipe__receiving_waits_as_long_as_it_is_told(void **state)
{
    struct pair my = pair_of(*state, false);
    for (int64_t timeout = 0; timeout <= 200; timeout += 100) {
        int64_t before = now_ms();
        CHECK_ERR(recv_number(my.a, timeout), IPC_EEMPTY);
        CHECK(!polls(my.a, timeout));
        int64_t waited = now_ms() - before;
        CHECK(waited >= 2 * timeout - 2);
        CHECK(waited < 2 * timeout + PROMPT_MS);
    }
    call receive;
    call_start_and_block(&receive, recv_for_ever, my.a);
    CHECK_OK(send_number(my.b, 1));
    CHECK_OK(call_result(&receive, PROMPT_MS));
    pair_leave(&my);
}

static void test_pipe__poll_takes_nothing(void **state)
{
    struct pair my = pair_of(*state, false);
    call poll;
    call_start_and_block(&poll, poll_for_ever, my.a);
    CHECK_OK(send_number(my.b, 1));
    CHECK_OK(call_result(&poll, PROMPT_MS));
    CHECK(polls(my.a, 0));
    CHECK(polls(my.a, IPC_FOREVER));
    expect_received(my.a, 1);
    CHECK(!polls(my.a, 0));
    pair_leave(&my);
}

static void test_pipe__poll_is_ready_at_the_end(void **state)
{
    struct pair my = pair_of(*state, false);
    call poll;
    call_start_and_block(&poll, poll_for_ever, my.a);
    ipc_pipe_close(my.b);
    CHECK_OK(call_result(&poll, PROMPT_MS));
    CHECK(polls(my.a, 0));
    CHECK_ERR(recv_number(my.a, 0), IPC_EEOF);
    pair_leave(&my);
}

/* ---- ends ---- */

static void test_pipe__the_end_comes_after_all_is_read(void **state)
{
    struct pair my = pair_of(*state, false);
    for (int64_t number = 1; number <= 300; number++) {
        CHECK_OK(send_number(my.a, number));
    }
    ipc_pipe_close(my.a);
    for (int64_t number = 1; number <= 300; number++) {
        expect_received(my.b, number);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(recv_number(my.b, IPC_FOREVER), IPC_EEOF);
        CHECK_ERR(recv_number(my.b, 0), IPC_EEOF);
    }
    pair_leave(&my);
}

static void test_pipe__the_end_wakes_a_receiver(void **state)
{
    struct pair my = pair_of(*state, false);
    call receive;
    call_start_and_block(&receive, recv_for_ever, my.b);
    ipc_pipe_close(my.a);
    CHECK_ERR(call_result(&receive, PROMPT_MS), IPC_EEOF);
    pair_leave(&my);
}

static void test_pipe__sending_to_nobody_breaks(void **state)
{
    struct pair my = pair_of(*state, false);
    CHECK_OK(send_number(my.a, 1));
    ipc_pipe_close(my.b);
    EVENTUALLY_WITHIN(PROMPT_MS, send_number(my.a, 2) == IPC_EPIPE);
    CHECK_ERR(send_number(my.a, 3), IPC_EPIPE);
    pair_leave(&my);
}

static void test_pipe__a_lost_peer_is_an_end(void **state)
{
    ipc_conn *other = connect_to(*state);
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(open_end(&a, conn, "talk", IPC_PIPE_A));
    CHECK_OK(open_end(&b, other, "talk", IPC_PIPE_B));
    CHECK_OK(send_number(b, 1));
    ipc_conn_close(other);
    expect_received(a, 1);
    CHECK_ERR(recv_number(a, DEADLINE_MS), IPC_EEOF);
    CHECK_ERR(send_number(a, 2), IPC_EPIPE);
    CHECK_ERR(send_number(b, 2), IPC_ECLOSED);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    ipc_conn_free(conn);
    ipc_conn_free(other);
}

/* ---- by name ---- */

static void test_pipe__a_peer_that_comes_later(void **state)
{
    ipc_conn *one = connect_to(*state);
    ipc_conn *two = connect_to(*state);
    ipc_pipe *early;
    ipc_pipe *late;
    CHECK_OK(ipc_pipe_open(&early, one, "talk", NULL));
    CHECK(strcmp(ipc_pipe_name(early), "talk") == 0);
    CHECK_OK(send_number(early, 1)); /* it waits for the peer */
    call receive;
    call_start_and_block(&receive, recv_for_ever, early);
    CHECK_OK(ipc_pipe_open(&late, two, "talk", NULL));
    expect_received(late, 1);
    CHECK_OK(send_number(late, 2));
    CHECK_OK(call_result(&receive, PROMPT_MS));
    ipc_pipe_free(early);
    ipc_pipe_free(late);
    ipc_conn_free(one);
    ipc_conn_free(two);
}

static void test_pipe__ends_by_choice(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *b;
    ipc_pipe *any;
    ipc_pipe *more;
    CHECK_OK(open_end(&b, conn, "talk", IPC_PIPE_B));
    CHECK_OK(open_end(&any, conn, "talk", IPC_PIPE_ANY)); /* becomes A */
    CHECK_OK(send_number(b, 1));
    expect_received(any, 1);
    CHECK_ERR(open_end(&more, conn, "talk", IPC_PIPE_ANY), IPC_EBUSY);
    CHECK_WORDS("both ends of pipe \"talk\" are held");
    CHECK_OK(open_end(&more, conn, "talk", IPC_PIPE_B)); /* named: shared */
    CHECK_OK(send_number(more, 2));
    expect_received(any, 2);
    ipc_pipe_free(b);
    CHECK_OK(send_number(more, 3)); /* the end has a holder still */
    expect_received(any, 3);
    ipc_pipe_free(more);
    CHECK_ERR(recv_number(any, DEADLINE_MS), IPC_EEOF);
    ipc_pipe_free(any);
    ipc_conn_free(conn);
}

static void test_pipe__an_end_that_is_gone_is_gone_until_both_are(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(open_end(&a, conn, "talk", IPC_PIPE_A));
    CHECK_OK(open_end(&b, conn, "talk", IPC_PIPE_B));
    CHECK_OK(send_number(a, 1));
    ipc_pipe_free(a);
    ipc_pipe *again;
    CHECK_ERR(open_end(&again, conn, "talk", IPC_PIPE_A), IPC_EPIPE);
    CHECK_WORDS("gone for good");
    ipc_pipe_free(b);
    CHECK_OK(open_end(&a, conn, "talk", IPC_PIPE_A));
    CHECK_OK(open_end(&b, conn, "talk", IPC_PIPE_B));
    CHECK_ERR(recv_number(b, 0), IPC_EEMPTY); /* what the old one held is gone with it */
    CHECK_OK(send_number(a, 2));
    expect_received(b, 2);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    ipc_conn_free(conn);
}

static void test_pipe__options_that_differ(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.simplex = true;
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_open(&a, conn, "talk", &options));
    options.simplex = false;
    CHECK_ERR(ipc_pipe_open(&b, conn, "talk", &options), IPC_EOPTIONS);
    CHECK_WORDS("pipe \"talk\" exists and is simplex");
    CHECK_OK(ipc_pipe_open(&b, conn, "talk", NULL));
    CHECK(!ipc_pipe_readable(b));
    options = (ipc_pipe_options)IPC_PIPE_OPTIONS_INIT;
    options.mode = IPC_OPEN_CREATE;
    ipc_pipe *more;
    CHECK_ERR(ipc_pipe_open(&more, conn, "talk", &options), IPC_EEXIST);
    options.mode = IPC_OPEN_ATTACH;
    CHECK_ERR(ipc_pipe_open(&more, conn, "other", &options), IPC_ENOENT);
    options.end = (ipc_pipe_end)3;
    CHECK_ERR(ipc_pipe_open(&more, conn, "other", &options), IPC_EINVAL);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    ipc_conn_free(conn);
}

static void test_pipe__unlink_ends_both(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_open(&a, conn, "talk", NULL));
    CHECK_OK(ipc_pipe_open(&b, conn, "talk", NULL));
    call receive;
    call_start_and_block(&receive, recv_for_ever, a);
    CHECK_OK(ipc_unlink(conn, "talk"));
    CHECK_ERR(call_result(&receive, PROMPT_MS), IPC_EDELETED);
    CHECK_ERR(send_number(b, 1), IPC_EDELETED);
    bool ready;
    CHECK_ERR(ipc_pipe_poll(b, 0, &ready), IPC_EDELETED);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_pipe__both_ways),
        ON_EVERY_LANE(test_pipe__one_way),
        ON_EVERY_LANE(test_pipe__values_of_every_size),
        ON_EVERY_LANE(test_pipe__receiving_waits_as_long_as_it_is_told),
        ON_EVERY_LANE(test_pipe__poll_takes_nothing),
        ON_EVERY_LANE(test_pipe__poll_is_ready_at_the_end),
        ON_EVERY_LANE(test_pipe__the_end_comes_after_all_is_read),
        ON_EVERY_LANE(test_pipe__the_end_wakes_a_receiver),
        ON_EVERY_LANE(test_pipe__sending_to_nobody_breaks),
        ON_EVERY_LANE(test_pipe__a_lost_peer_is_an_end),
        ON_EVERY_LANE(test_pipe__a_peer_that_comes_later),
        ON_EVERY_LANE(test_pipe__ends_by_choice),
        ON_EVERY_LANE(test_pipe__an_end_that_is_gone_is_gone_until_both_are),
        ON_EVERY_LANE(test_pipe__options_that_differ),
        ON_EVERY_LANE(test_pipe__unlink_ends_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
