/*
 * Tickets: how a queue or a pipe's end gets from one session to another, also without a name.
 * Touches a hub of its own for every test.
 */
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static ipc_queue *unnamed(ipc_conn *conn)
{
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, conn, NULL, NULL));
    return queue;
}

static void test_ticket__another_session_opens_the_same_queue(void **state)
{
    user me = {.conn = connect_to(*state)};
    me.queue = unnamed(me.conn);
    ipc_msg *ticket;
    CHECK_OK(ipc_queue_share(me.queue, &ticket));
    user other = {.conn = connect_to(*state)};
    CHECK_OK(ipc_queue_attach(&other.queue, other.conn, ticket));
    CHECK(ipc_queue_name(other.queue) == NULL);
    put_numbers(me.queue, 1, 10);
    expect_numbers(other.queue, 1, 10);
    ipc_queue *third;
    CHECK_OK(ipc_queue_attach(&third, me.conn, ticket)); /* it may be used again */
    put_numbers(third, 1, 1);
    expect_numbers(other.queue, 1, 1);
    ipc_queue_free(third);
    ipc_msg_free(ticket);
    user_leave(&me);
    put_numbers(other.queue, 5, 5); /* it lives on with its holder */
    expect_numbers(other.queue, 5, 5);
    user_leave(&other);
}

static void test_ticket__without_a_connection_one_is_made_and_shared(void **state)
{
    user me = {.conn = connect_to(*state)};
    me.queue = unnamed(me.conn);
    put_numbers(me.queue, 1, 4);
    ipc_msg *ticket;
    CHECK_OK(ipc_queue_share(me.queue, &ticket));
    ipc_queue *one;
    ipc_queue *two;
    CHECK_OK(ipc_queue_attach(&one, NULL, ticket));
    CHECK_OK(ipc_queue_attach(&two, NULL, ticket));
    expect_numbers(one, 1, 2);
    ipc_queue_free(one);
    expect_numbers(two, 3, 4);
    ipc_queue_free(two);
    ipc_msg_free(ticket);
    user_leave(&me);
}

static void test_ticket__it_keeps_the_queue_when_the_sharer_closes(void **state)
{
    user me = {.conn = connect_to(*state)};
    me.queue = unnamed(me.conn);
    put_numbers(me.queue, 1, 10);
    ipc_msg *ticket;
    CHECK_OK(ipc_queue_share(me.queue, &ticket));
    ipc_queue_free(me.queue);
    me.queue = NULL;
    CHECK_OK(ipc_conn_flush(me.conn, DEADLINE_MS));
    user other = {.conn = connect_to(*state)};
    CHECK_OK(ipc_queue_attach(&other.queue, other.conn, ticket));
    expect_numbers(other.queue, 1, 10);
    ipc_msg_free(ticket);
    user_leave(&me);
    user_leave(&other);
}

static void test_ticket__it_ends_with_the_sharers_session(void **state)
{
    user me = {.conn = connect_to(*state)};
    me.queue = unnamed(me.conn);
    ipc_msg *ticket;
    CHECK_OK(ipc_queue_share(me.queue, &ticket));
    ipc_conn *other = connect_to(*state);
    user_leave(&me);
    ipc_queue *queue;
    CHECK_ERR(ipc_queue_attach(&queue, other, ticket), IPC_ENOENT);
    CHECK(queue == NULL);
    ipc_msg_free(ticket);
    ipc_conn_free(other);
}

static void test_ticket__of_a_named_queue(void **state)
{
    user me = user_of(*state, "jobs", true, 5);
    ipc_msg *ticket;
    CHECK_OK(ipc_queue_share(me.queue, &ticket));
    user other = {.conn = connect_to(*state)};
    CHECK_OK(ipc_queue_attach(&other.queue, other.conn, ticket));
    CHECK(strcmp(ipc_queue_name(other.queue), "jobs") == 0);
    ipc_queue_info info;
    CHECK_OK(ipc_queue_stat(other.queue, &info));
    CHECK_INT(info.maxsize, 5);
    CHECK(info.joinable);
    CHECK_OK(ipc_unlink(me.conn, "jobs"));
    ipc_queue *late;
    CHECK_ERR(ipc_queue_attach(&late, other.conn, ticket), IPC_ENOENT);
    ipc_msg_free(ticket);
    user_leave(&me);
    user_leave(&other);
}

static void test_ticket__of_a_pipe_is_for_the_same_end(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_conn *other = connect_to(*state);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_pair(&a, &b, conn, NULL));
    ipc_msg *ticket;
    CHECK_OK(ipc_pipe_share(b, &ticket));
    ipc_pipe_free(b); /* the ticket is a holder as well: no end of file yet */
    CHECK_OK(send_number(a, 1));
    ipc_pipe *far;
    CHECK_OK(ipc_pipe_attach(&far, other, ticket));
    expect_received(far, 1);
    CHECK_OK(send_number(far, 2));
    expect_received(a, 2);
    ipc_msg_free(ticket);
    ipc_pipe_free(far);
    ipc_pipe_free(a);
    ipc_conn_free(conn);
    ipc_conn_free(other);
}

static void test_ticket__what_is_none_is_refused(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    ipc_msg *ticket;
    CHECK_OK(ipc_queue_share(me.queue, &ticket));
    ipc_pipe *pipe;
    CHECK_ERR(ipc_pipe_attach(&pipe, me.conn, ticket), IPC_ETYPE);
    CHECK_WORDS("the ticket is for a queue, not a pipe");
    CHECK(pipe == NULL);
    ipc_msg_free(ticket);
    ipc_queue *queue;
    CHECK_ERR(ipc_queue_attach(&queue, me.conn, NULL), IPC_EBADMSG);
    const char *const formats[] = {"n", "[s]", "[s,i,s,s,n,B]", "[s,i,s,s,n,B]"};
    for (int i = 0; i < 4; i++) {
        CHECK_OK(
            ipc_pack(&ticket, formats[i], i == 3 ? "libipc" : "other", i == 3 ? 99 : 1, "x", "queue", "", (size_t)0));
        CHECK_ERR(ipc_queue_attach(&queue, me.conn, ticket), IPC_EBADMSG);
        CHECK_WORDS("ticket");
        ipc_msg_free(ticket);
    }
    CHECK_OK(ipc_pack(&ticket, "[s,i,s,s,n,B]", "libipc", 1, ((const place *)*state)->address, "queue", "12345678",
                      (size_t)8));
    CHECK_ERR(ipc_queue_attach(&queue, me.conn, ticket), IPC_ENOENT); /* a pin that nobody made */
    ipc_msg_free(ticket);
    user_leave(&me);
}

/* ---- to another process ---- */

/* HEX: attaches by the ticket alone, and adds 100 to each number. */
static int adder_role(char **args)
{
    unsigned char bytes[1024];
    size_t length = strlen(args[0]) / 2;
    for (size_t i = 0; i < length; i++) {
        unsigned byte;
        CHECK(sscanf(args[0] + 2 * i, "%2x", &byte) == 1);
        bytes[i] = (unsigned char)byte;
    }
    ipc_msg *ticket;
    CHECK_OK(ipc_msg_from_bytes(&ticket, bytes, length));
    ipc_pipe *pipe;
    CHECK_OK(ipc_pipe_attach(&pipe, NULL, ticket));
    ipc_msg_free(ticket);
    ipc_msg *msg;
    ipc_err err;
    while ((err = ipc_pipe_recv(pipe, IPC_FOREVER, &msg)) == IPC_OK) {
        CHECK_OK(send_number(pipe, number_of(msg) + 100));
        ipc_msg_free(msg);
    }
    CHECK_INT(err, IPC_EEOF);
    ipc_pipe_free(pipe);
    return 0;
}

static void test_ticket__to_a_program_that_was_started(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *mine;
    ipc_pipe *its;
    CHECK_OK(ipc_pipe_pair(&mine, &its, conn, NULL));
    ipc_msg *ticket;
    CHECK_OK(ipc_pipe_share(its, &ticket));
    ipc_pipe_free(its);
    size_t length;
    const unsigned char *bytes = ipc_msg_bytes(ticket, &length);
    char *hex = calloc(length + 1, 2);
    CHECK(hex);
    for (size_t i = 0; i < length; i++) {
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    worker *adder = worker_start("adder", hex, NULL);
    free(hex);
    ipc_msg_free(ticket);
    for (int64_t number = 1; number <= 50; number++) {
        CHECK_OK(send_number(mine, number));
        expect_received(mine, number + 100);
    }
    ipc_pipe_free(mine);
    ipc_conn_close(conn); /* and with it its ticket, which would hold the other end */
    worker_end(adder);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"adder", adder_role}};
    worker_begin(argc, argv, roles, 2);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_ticket__another_session_opens_the_same_queue),
        ON_EVERY_LANE(test_ticket__without_a_connection_one_is_made_and_shared),
        ON_EVERY_LANE(test_ticket__it_keeps_the_queue_when_the_sharer_closes),
        ON_EVERY_LANE(test_ticket__it_ends_with_the_sharers_session),
        ON_EVERY_LANE(test_ticket__of_a_named_queue),
        ON_EVERY_LANE(test_ticket__of_a_pipe_is_for_the_same_end),
        ON_EVERY_LANE(test_ticket__what_is_none_is_refused),
        BETWEEN_PROCESSES(test_ticket__to_a_program_that_was_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
