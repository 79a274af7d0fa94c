/*
 * wire.json and a running hub: how sessions begin, and how those are refused that cannot. What differs from run to run
 * (an epoch, a token, a clock, an endpoint) is what the vectors say varies.
 * Touches a hub of its own, its control socket and its endpoint. One thread beside the hub's.
 */
#include "wire.h"

#include "wire/address.h"
#include "wire/control.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, FRAME_MAX = 4096 };

static json_t *wire;

/* ---- over the control socket ---- */

typedef struct local {
    ipc_hub *hub;
    ipc__address address;
    int control;
} local;

static void local_open(local *self)
{
    static unsigned count;
    char name[64];
    snprintf(name, sizeof name, "wire-%d-%u", (int)getpid(), ++count);
    assert_int_equal(ipc_hub_start(&self->hub, name, NULL), IPC_OK);
    assert_int_equal(ipc__address_parse(&self->address, name), IPC_OK);
    self->control = ipc__control_connect(self->address.control);
    assert_true(self->control >= 0);
}

static void local_close(local *self)
{
    close(self->control);
    ipc_hub_free(self->hub);
}

static void say_packet(int control, const char *name, int fd)
{
    blob bytes = hex_blob(member(wire_packet(wire, name), "hex"));
    ipc__buf packet = {.data = bytes.bytes, .length = bytes.length};
    assert_true(ipc__control_send(control, &packet, fd));
    free(bytes.bytes);
}

static size_t hear_packet(int control, char *packet, size_t size)
{
    struct pollfd one = {.fd = control, .events = POLLIN};
    assert_int_equal(poll(&one, 1, PATIENCE_MS), 1);
    int fd;
    ssize_t length = ipc__control_receive(control, packet, size, &fd);
    assert_true(length >= 0 && fd < 0);
    return (size_t)length;
}

/* The hub's next packet is the vector, but for what varies. */
static void expect_packet(int control, const json_t *vector, ipc__welcome *welcome)
{
    char packet[FRAME_MAX];
    size_t length = hear_packet(control, packet, sizeof packet);
    blob expected = wire_as_in(vector, packet, length);
    wire_compare(text_member(vector, "name"), &expected, packet, length);
    free(expected.bytes);
    ipc_cursor cursor;
    uint32_t fields;
    if (welcome) {
        assert_int_equal(ipc__control_open(&cursor, packet, length, &fields), IPC__WELCOME);
        assert_true(ipc__welcome_read(welcome, &cursor));
    }
}

/* ---- over ZeroMQ ---- */

typedef struct line {
    void *context;
    void *dealer;
} line;

static void line_open(line *self, const char *endpoint)
{
    self->context = zmq_ctx_new();
    self->dealer = zmq_socket(self->context, ZMQ_DEALER);
    const int none = 0;
    zmq_setsockopt(self->dealer, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_connect(self->dealer, endpoint), 0);
}

static void line_close(line *self)
{
    zmq_close(self->dealer);
    zmq_ctx_term(self->context);
}

static void say(const line *self, const blob *header, const blob *operations)
{
    blob frame = {malloc(header->length + operations->length), header->length + operations->length};
    assert_non_null(frame.bytes);
    memcpy(frame.bytes, header->bytes, header->length);
    memcpy(frame.bytes + header->length, operations->bytes, operations->length);
    assert_int_equal(zmq_send(self->dealer, frame.bytes, frame.length, 0), frame.length);
    free(frame.bytes);
}

/* A message's only operation is the vector, and its header too, but for what varies. */
static void expect_message(const line *self, const json_t *message)
{
    zmq_pollitem_t one = {.socket = self->dealer, .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&one, 1, PATIENCE_MS), 1);
    unsigned char frame[FRAME_MAX];
    int length = zmq_recv(self->dealer, frame, sizeof frame, 0);
    assert_true(length > 0 && length <= FRAME_MAX);
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, frame, (size_t)length);
    assert_int_equal(ipc_cursor_skip(&cursor), IPC_OK);
    size_t split = (size_t)(cursor.at - frame);
    const json_t *header = member(message, "header");
    blob expected = wire_as_in(header, frame, split);
    wire_compare("the header", &expected, frame, split);
    free(expected.bytes);
    const json_t *operation = json_array_get(member(message, "operations"), 0);
    expected = wire_as_in(operation, frame + split, (size_t)length - split);
    wire_compare(text_member(operation, "name"), &expected, frame + split, (size_t)length - split);
    free(expected.bytes);
}

/* ---- the tests ---- */

static void test_wire_live__conversation(void **state)
{
    const json_t *messages = member(*state, "messages");
    ipc_hub *hub;
    assert_int_equal(ipc_hub_start(&hub, "tcp://127.0.0.1:*", NULL), IPC_OK);
    line here;
    line_open(&here, ipc_hub_address(hub));
    assert_true(json_array_size(messages) >= 2);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        if (strcmp(text_member(message, "by"), "client") == 0) {
            blob header = hex_blob(member(member(message, "header"), "hex"));
            blob operations = wire_operations(message);
            say(&here, &header, &operations);
            free(operations.bytes);
            free(header.bytes);
        } else {
            expect_message(&here, message);
        }
    }
    line_close(&here);
    ipc_hub_free(hub);
}

/* The first two messages of a conversation: BIND, with this session's token in its epoch, and the answer. */
static void bind_session(const ipc__welcome *welcome, line *here)
{
    const json_t *messages = member(wire_conversation(wire, "a queue"), "messages");
    json_t *bind =
        json_deep_copy(member(json_array_get(member(json_array_get(messages, 0), "operations"), 0), "means"));
    json_array_set_new(bind, 3, json_pack("{s:o}", "bin", hex_text(welcome->token, IPC__TOKEN_SIZE)));
    char epoch[32];
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)welcome->epoch);
    json_t *header_means = json_pack("[{s:s}]", "int", epoch);
    blob header = wire_pack(header_means);
    blob operation = wire_pack(bind);
    line_open(here, welcome->endpoint);
    say(here, &header, &operation);
    json_t *answer = json_deep_copy(json_array_get(messages, 1));
    json_object_set_new(member(answer, "header"), "varies", json_pack("[i,i]", 0, 1));
    expect_message(here, answer);
    json_decref(answer);
    free(operation.bytes);
    free(header.bytes);
    json_decref(header_means);
    json_decref(bind);
}

static void test_wire_live__hello_and_bind(void **state)
{
    (void)state;
    local here;
    local_open(&here);
    say_packet(here.control, "HELLO", -1);
    ipc__welcome welcome;
    expect_packet(here.control, wire_packet(wire, "WELCOME"), &welcome);
    assert_true(welcome.epoch != 0);
    assert_string_equal(welcome.endpoint, here.address.endpoint);
    line lane;
    bind_session(&welcome, &lane);
    line_close(&lane);
    local_close(&here);
}

static void test_wire_live__a_refusal(void **state)
{
    (void)state;
    local here;
    local_open(&here);
    say_packet(here.control, "HELLO of another version", -1);
    expect_packet(here.control, wire_packet(wire, "REFUSED"), NULL);
    char nothing[16];
    assert_int_equal(hear_packet(here.control, nothing, sizeof nothing), 0);
    local_close(&here);
}

static void test_wire_live__a_fork(void **state)
{
    (void)state;
    local here;
    local_open(&here);
    say_packet(here.control, "HELLO", -1);
    ipc__welcome parent;
    expect_packet(here.control, wire_packet(wire, "WELCOME"), &parent);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    say_packet(here.control, "FORK", pair[1]);
    close(pair[1]);
    json_t *heir = json_deep_copy(wire_packet(wire, "WELCOME"));
    json_array_append_new(member(heir, "varies"), json_integer(3)); /* its session is another */
    ipc__welcome child;
    expect_packet(pair[0], heir, &child);
    assert_true(child.epoch == parent.epoch && child.session != parent.session);
    assert_memory_not_equal(child.token, parent.token, IPC__TOKEN_SIZE);
    line lane;
    bind_session(&child, &lane);
    line_close(&lane);
    json_decref(heir);
    close(pair[0]);
    local_close(&here);
}

int main(void)
{
    wire = load_table("wire.json");
    json_t *conversations = member(wire, "conversations");
    struct CMUnitTest tests[16] = {
        cmocka_unit_test(test_wire_live__hello_and_bind),
        cmocka_unit_test(test_wire_live__a_refusal),
        cmocka_unit_test(test_wire_live__a_fork),
    };
    size_t count = 3;
    for (size_t i = 0; i < json_array_size(conversations) && count < 16; i++) {
        json_t *one = json_array_get(conversations, i);
        if (json_object_get(one, "live")) {
            tests[count++] =
                (struct CMUnitTest){text_member(one, "name"), test_wire_live__conversation, NULL, NULL, one};
        }
    }
    int failed = count > 3 ? _cmocka_run_group_tests("wire and a running hub", tests, count, NULL, NULL) : 2;
    json_decref(wire);
    return failed;
}
