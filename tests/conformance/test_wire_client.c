/*
 * wire.json and the client: what the library sends for every call is what is written there, but for the seq; and what a
 * hub may say is understood. The hub is made of the vectors.
 * Touches a control socket, a TCP port, and ZeroMQ inside this process. One thread beside the library's and the hub's.
 */
#include "fake_hub.h"
#include "wire.h"

#include "wire/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, SEQ = 2 };

static json_t *wire;

/* ---- saying and hearing by the vectors' names ---- */

static const json_t *vector(const char *name)
{
    return wire_operation(wire, name);
}

static unsigned op_of(const json_t *vector)
{
    return (unsigned)json_integer_value(json_array_get(member(vector, "means"), 0));
}

/* The hub answers the next operation that is like one vector with others. */
static void answer(fake_hub *hub, const char *asked, const char *name)
{
    fake_hub_answer(hub, op_of(vector(asked)), vector(name));
}

static void answer_also(fake_hub *hub, const char *asked, const char *name)
{
    fake_hub_answer_also(hub, op_of(vector(asked)), vector(name));
}

/* The library sends the vector; the fields at the end of the list, and its seq, may be others. */
static void expect_but(fake_hub *hub, const char *name, int field)
{
    json_t *own = json_copy((json_t *)(uintptr_t)vector(name)); /* reads it */
    json_object_set_new(own, "varies", field > SEQ ? json_pack("[i,i]", SEQ, field) : json_pack("[i]", SEQ));
    blob frame;
    blob found = fake_hub_heard(hub, op_of(own), &frame);
    blob expected = wire_as_in(own, found.bytes, found.length);
    wire_compare(name, &expected, found.bytes, found.length);
    free(expected.bytes);
    free(found.bytes);
    free(frame.bytes);
    json_decref(own);
}

static void expect(fake_hub *hub, const char *name)
{
    expect_but(hub, name, SEQ);
}

/* With the very seq that the vector has. */
static void expect_exactly(fake_hub *hub, const char *name)
{
    blob found = fake_hub_heard(hub, op_of(vector(name)), NULL);
    blob expected = hex_blob(member(vector(name), "hex"));
    wire_compare(name, &expected, found.bytes, found.length);
    free(expected.bytes);
    free(found.bytes);
}

static void expect_packet(fake_hub *hub, const char *name, unsigned kind)
{
    blob found = fake_hub_packet(hub, kind);
    blob expected = hex_blob(member(wire_packet(wire, name), "hex"));
    wire_compare(name, &expected, found.bytes, found.length);
    free(expected.bytes);
    free(found.bytes);
}

/* ---- calls ---- */

static ipc_conn *connect_to(const fake_hub *hub)
{
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.language = "c";
    options.program = "demo";
    ipc_conn *conn;
    assert_int_equal(ipc_connect(&conn, fake_hub_address(hub), &options), IPC_OK);
    return conn;
}

static void end(fake_hub *hub, ipc_conn *conn)
{
    ipc_conn_free(conn);
    fake_hub_close(hub);
}

static ipc_queue *open_queue(fake_hub *hub, ipc_conn *conn)
{
    answer(hub, "OPEN by name", "REPLY with a queue's options");
    ipc_queue *queue;
    assert_int_equal(ipc_queue_open(&queue, conn, "jobs", NULL), IPC_OK);
    return queue;
}

static ipc_queue *open_tasks(fake_hub *hub, ipc_conn *conn)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.mode = IPC_OPEN_CREATE;
    options.joinable = true;
    options.maxsize = 2;
    answer(hub, "OPEN with options", "REPLY with a joinable queue's options");
    ipc_queue *queue;
    assert_int_equal(ipc_queue_open(&queue, conn, "tasks", &options), IPC_OK);
    return queue;
}

static ipc_err put_int(ipc_queue *queue, int number, int64_t timeout_ms)
{
    ipc_msg *msg;
    assert_int_equal(ipc_pack(&msg, "i", number), IPC_OK);
    ipc_err err = ipc_queue_put(queue, msg, timeout_ms);
    ipc_msg_free(msg);
    return err;
}

static ipc_msg *get(ipc_queue *queue)
{
    ipc_msg *item = NULL;
    assert_int_equal(ipc_queue_get(queue, PATIENCE_MS, &item), IPC_OK);
    return item;
}

static void get_int(ipc_queue *queue, int expected)
{
    ipc_msg *item = get(queue);
    int number = 0;
    assert_int_equal(ipc_unpack(item, "i", &number), IPC_OK);
    assert_int_equal(number, expected);
    ipc_msg_free(item);
}

/* ---- beginnings and ends of sessions ---- */

static void test_wire_client__a_session(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    expect_packet(hub, "HELLO", IPC__HELLO);
    expect_exactly(hub, "BIND");
    blob header = fake_hub_header(hub);
    const json_t *first = json_array_get(member(wire_conversation(wire, "a queue"), "messages"), 0);
    blob expected = hex_blob(member(member(first, "header"), "hex"));
    wire_compare("the header", &expected, header.bytes, header.length);
    free(expected.bytes);
    free(header.bytes);
    assert_int_equal(ipc_conn_flush(conn, PATIENCE_MS), IPC_OK);
    expect(hub, "PING");
    ipc_conn_close(conn);
    expect(hub, "BYE");
    end(hub, conn);
}

static void test_wire_client__a_session_over_tcp(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open_remote(wire);
    answer(hub, "HELLO over TCP", "REPLY to HELLO");
    ipc_conn *conn = connect_to(hub);
    expect_exactly(hub, "HELLO over TCP");
    blob header = fake_hub_header(hub);
    const json_t *first = json_array_get(member(wire_conversation(wire, "over TCP"), "messages"), 0);
    blob expected = hex_blob(member(member(first, "header"), "hex"));
    wire_compare("the header", &expected, header.bytes, header.length);
    free(expected.bytes);
    free(header.bytes);
    end(hub, conn);
}

static void test_wire_client__a_refused_session(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open_remote(wire);
    answer(hub, "HELLO over TCP", "REPLY: another version");
    ipc_conn *conn = NULL;
    assert_int_equal(ipc_connect(&conn, fake_hub_address(hub), NULL), IPC_EPROTO);
    assert_non_null(strstr(ipc_last_error(), "the client speaks version 2"));
    fake_hub_close(hub);
}

static void test_wire_client__the_end_of_a_session(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_queue(hub, conn);
    answer(hub, "FLOW for one", "END of a session");
    ipc_msg *item;
    assert_int_equal(ipc_queue_get(queue, PATIENCE_MS, &item), IPC_ELOST);
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__a_fork(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *one = open_queue(hub, conn);
    ipc_queue *two = open_queue(hub, conn);
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    expect_packet(hub, "FORK", IPC__FORK);
    ipc_queue_free(one);
    ipc_queue_free(two);
    end(hub, conn);
}

/* ---- queues ---- */

static void test_wire_client__opening(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_queue(hub, conn);
    expect_exactly(hub, "OPEN by name");
    answer(hub, "PIN", "REPLY to PIN");
    ipc_msg *ticket;
    assert_int_equal(ipc_queue_share(queue, &ticket), IPC_OK);
    expect(hub, "PIN");
    answer(hub, "OPEN by pin", "REPLY to OPEN by pin");
    ipc_queue *other;
    assert_int_equal(ipc_queue_attach(&other, conn, ticket), IPC_OK);
    expect(hub, "OPEN by pin");
    ipc_msg_free(ticket);
    answer(hub, "OPEN to attach", "REPLY: no object of this name");
    ipc_queue *none;
    assert_int_equal(ipc_queue_open(&none, conn, "tasks", NULL), IPC_ENOENT);
    assert_string_equal(ipc_last_error(),
                        "there is no queue named \"tasks\"; open it with mode \"either\" to create it");
    ipc_queue_close(other);
    expect(hub, "CLOSE");
    ipc_queue_free(other);
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__puts(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_queue(hub, conn);
    ipc_msg *text;
    assert_int_equal(ipc_pack(&text, "s", "hello"), IPC_OK);
    assert_int_equal(ipc_queue_put(queue, text, PATIENCE_MS), IPC_OK);
    ipc_msg_free(text);
    expect_exactly(hub, "PUT of a text");
    assert_int_equal(put_int(queue, 42, PATIENCE_MS), IPC_OK);
    expect_exactly(hub, "PUT of an integer");
    assert_int_equal(ipc_queue_put_packed(queue, "\xc0", 1, PATIENCE_MS), IPC_OK);
    expect_exactly(hub, "PUT of null");
    answer(hub, "PUT to a deleted queue", "FAIL: deleted");
    assert_int_equal(ipc_queue_put_packed(queue, "\xc0", 1, PATIENCE_MS), IPC_OK);
    expect(hub, "PUT to a deleted queue");
    assert_int_equal(ipc_queue_flush(queue, PATIENCE_MS), IPC_EDELETED);
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__a_large_value(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_queue(hub, conn);
    json_t *parts = json_pack("[s,[s,i]]", "c600010000", "61", 65536);
    blob large = hex_blob(parts);
    json_decref(parts);
    assert_int_equal(ipc_queue_put_packed(queue, large.bytes, large.length, PATIENCE_MS), IPC_OK);
    blob frame;
    blob found = fake_hub_heard(hub, op_of(vector("PUT of a large value")), &frame);
    json_t *own = json_pack("{s:O,s:[i]}", "means", member(vector("PUT of a large value"), "means"), "varies", SEQ);
    blob expected = wire_as_in(own, found.bytes, found.length);
    wire_compare("PUT of a large value", &expected, found.bytes, found.length);
    wire_compare("its frame", &large, frame.bytes, frame.length);
    json_decref(own);
    free(expected.bytes);
    free(found.bytes);
    free(frame.bytes);
    free(large.bytes);
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__takes(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_queue(hub, conn);
    answer(hub, "FLOW for one", "DELIVER of a text");
    ipc_msg *item = get(queue);
    const char *text;
    assert_int_equal(ipc_unpack(item, "s", &text), IPC_OK);
    assert_string_equal(text, "hello");
    assert_int_equal(ipc_msg_attempt(item), 1);
    ipc_msg_free(item);
    expect(hub, "FLOW for one");
    answer(hub, "POLL", "DELIVER of an integer");
    answer_also(hub, "POLL", "REPLY to POLL");
    assert_int_equal(ipc_queue_get(queue, 0, &item), IPC_OK);
    ipc_msg_free(item);
    expect(hub, "POLL");
    answer(hub, "POLL", "REPLY: nothing to take");
    assert_int_equal(ipc_queue_get(queue, 0, &item), IPC_EEMPTY);
    answer(hub, "SIZE", "REPLY to SIZE");
    uint64_t size;
    assert_int_equal(ipc_queue_qsize(queue, &size), IPC_OK);
    assert_int_equal(size, 2);
    expect(hub, "SIZE");
    answer(hub, "POLL", "END of a deleted object");
    answer_also(hub, "POLL", "REPLY: nothing to take");
    assert_int_not_equal(ipc_queue_get(queue, 0, &item), IPC_OK);
    assert_int_equal(ipc_queue_get(queue, PATIENCE_MS, &item), IPC_EDELETED);
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__giving_back(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_queue(hub, conn);
    answer(hub, "FLOW for one", "DELIVER, position 1");
    answer_also(hub, "FLOW for one", "DELIVER, position 2");
    answer_also(hub, "FLOW for one", "DELIVER, position 3");
    get_int(queue, 1);
    fake_hub_say(hub, vector("RECALL"));
    expect(hub, "RECALLED");
    fake_hub_say(hub, vector("REVOKE"));
    get_int(queue, 2);
    fake_hub_say(hub, vector("RECALL once more"));
    expect(hub, "RECALLED, nothing");
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__credits(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_tasks(hub, conn);
    expect_exactly(hub, "OPEN with options");
    assert_int_equal(put_int(queue, 1, IPC_FOREVER), IPC_OK);
    expect_exactly(hub, "PUT_WAIT for ever");
    assert_int_equal(put_int(queue, 2, 0), IPC_OK);
    expect_exactly(hub, "PUT_WAIT");
    answer(hub, "PUT_WAIT", "REPLY: no room");
    assert_int_equal(put_int(queue, 3, 0), IPC_EFULL);
    expect_exactly(hub, "PUT_WAIT when there is no room");
    answer(hub, "PUT_WAIT", "CREDIT");
    answer_also(hub, "PUT_WAIT", "REPLY to PUT_WAIT");
    assert_int_equal(put_int(queue, 6, IPC_FOREVER), IPC_OK);
    assert_int_equal(put_int(queue, 7, IPC_FOREVER), IPC_OK);
    expect(hub, "PUT with a credit");
    fake_hub_say(hub, vector("CREDIT"));
    fake_hub_say(hub, vector("UNCREDIT"));
    expect(hub, "UNCREDITED");
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__finishing(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_tasks(hub, conn);
    answer(hub, "FLOW for one", "DELIVER of item 1");
    answer_also(hub, "FLOW for one", "DELIVER of item 2");
    ipc_msg *one = get(queue);
    ipc_msg *two = get(queue);
    answer(hub, "JOIN without waiting", "REPLY: timed out");
    assert_int_equal(ipc_queue_join(queue, 0), IPC_ETIMEOUT);
    expect(hub, "JOIN without waiting");
    assert_int_equal(ipc_queue_done(queue, two), IPC_OK);
    expect(hub, "DONE");
    assert_int_equal(ipc_queue_release(queue, one), IPC_OK);
    expect(hub, "RELEASE");
    assert_int_equal(ipc_queue_join(queue, IPC_FOREVER), IPC_OK);
    expect(hub, "JOIN for ever");
    answer(hub, "DONE_ANY when nothing is out", "REPLY: task_done too often");
    assert_int_equal(ipc_queue_task_done(queue), IPC_EUNFINISHED);
    expect(hub, "DONE_ANY when nothing is out");
    ipc_msg_free(one);
    ipc_msg_free(two);
    ipc_queue_free(queue);
    end(hub, conn);
}

static int always(void *arg)
{
    (void)arg;
    return 1;
}

static void test_wire_client__cancelling(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_queue *queue = open_tasks(hub, conn);
    fake_hub_hold(hub, op_of(vector("JOIN that is cancelled")));
    answer(hub, "CANCEL", "REPLY: cancelled");
    const ipc_wait_hooks hooks = {.interrupted = always};
    ipc_set_wait_hooks(&hooks);
    ipc_err err = ipc_queue_join(queue, IPC_FOREVER);
    ipc_set_wait_hooks(NULL);
    assert_int_equal(err, IPC_EINTR);
    expect(hub, "JOIN that is cancelled");
    expect_but(hub, "CANCEL", 3);
    ipc_queue_free(queue);
    end(hub, conn);
}

static void test_wire_client__names(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    assert_int_equal(ipc_unlink(conn, "jobs"), IPC_OK);
    expect(hub, "UNLINK");
    answer(hub, "LIST", "REPLY to LIST");
    ipc_msg *list;
    assert_int_equal(ipc_objects(conn, &list), IPC_OK);
    expect(hub, "LIST");
    json_t *found = notation_of(list);
    assert_true(notation_same(found, json_array_get(member(vector("REPLY to LIST"), "means"), 4)));
    json_decref(found);
    ipc_msg_free(list);
    end(hub, conn);
}

/* ---- pipes ---- */

static void test_wire_client__a_pipe(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.end = IPC_PIPE_A;
    ipc_pipe *a;
    ipc_pipe *b;
    answer(hub, "OPEN of a pipe's end", "REPLY with a pipe's options");
    assert_int_equal(ipc_pipe_open(&a, conn, "line", &options), IPC_OK);
    expect_exactly(hub, "OPEN of a pipe's end");
    answer(hub, "OPEN of the end that is free", "REPLY with the other end");
    assert_int_equal(ipc_pipe_open(&b, conn, "line", NULL), IPC_OK);
    expect_exactly(hub, "OPEN of the end that is free");
    ipc_msg *hi;
    assert_int_equal(ipc_pack(&hi, "s", "hi"), IPC_OK);
    assert_int_equal(ipc_pipe_send(a, hi, PATIENCE_MS), IPC_OK);
    ipc_msg_free(hi);
    expect_exactly(hub, "PUT into a pipe");
    answer(hub, "FLOW of a receiver", "DELIVER from a pipe");
    assert_int_equal(ipc_pipe_recv(b, PATIENCE_MS, &hi), IPC_OK);
    ipc_msg_free(hi);
    expect_exactly(hub, "FLOW of a receiver");
    ipc_pipe_close(a);
    expect(hub, "CLOSE of an end");
    fake_hub_say(hub, vector("END of a pipe"));
    assert_int_equal(ipc_pipe_recv(b, PATIENCE_MS, &hi), IPC_EEOF);
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    end(hub, conn);
}

static void test_wire_client__a_pipe_without_a_name(void **state)
{
    (void)state;
    fake_hub *hub = fake_hub_open(wire);
    ipc_conn *conn = connect_to(hub);
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.simplex = true;
    answer(hub, "OPEN of a pipe without a name", "REPLY with end A");
    answer(hub, "OPEN of its other end", "REPLY with end B");
    ipc_pipe *a;
    ipc_pipe *b;
    assert_int_equal(ipc_pipe_pair(&a, &b, conn, &options), IPC_OK);
    expect_exactly(hub, "OPEN of a pipe without a name");
    expect_exactly(hub, "OPEN of its other end");
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    end(hub, conn);
}

static int load(void **state)
{
    (void)state;
    wire = load_table("wire.json");
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_client__a_session),
        cmocka_unit_test(test_wire_client__a_session_over_tcp),
        cmocka_unit_test(test_wire_client__a_refused_session),
        cmocka_unit_test(test_wire_client__the_end_of_a_session),
        cmocka_unit_test(test_wire_client__a_fork),
        cmocka_unit_test(test_wire_client__opening),
        cmocka_unit_test(test_wire_client__puts),
        cmocka_unit_test(test_wire_client__a_large_value),
        cmocka_unit_test(test_wire_client__takes),
        cmocka_unit_test(test_wire_client__giving_back),
        cmocka_unit_test(test_wire_client__credits),
        cmocka_unit_test(test_wire_client__finishing),
        cmocka_unit_test(test_wire_client__cancelling),
        cmocka_unit_test(test_wire_client__names),
        cmocka_unit_test(test_wire_client__a_pipe),
        cmocka_unit_test(test_wire_client__a_pipe_without_a_name),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
