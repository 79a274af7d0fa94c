/*
 * wire.json and the hub: its conversations are held with the hub core behind the ZeroMQ lane, on a clock of the test's.
 * What the hub sends is exactly what is written there.
 * Touches ZeroMQ inside this process. One thread.
 */
#include "wire.h"

#include "hub/core.h"
#include "lane/zmq_context.h"
#include "lane/zmq_hub.h"
#include "util/clock.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_US = 10 * 1000 * 1000 };

static json_t *wire;

/* A hub without its loop, and a client without its library. */
typedef struct rig {
    ipc__core core;
    ipc__zmq_hub *zmq;
    ipc__zmq_peer peer;
    ipc__session *session;
    void *dealer;
} rig;

/* ---- both sides ---- */

static void rig_open(rig *self, uint64_t epoch)
{
    static unsigned count;
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://wire-%u", ++count);
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    ipc__core_init(&self->core, &options);
    self->core.epoch = epoch;
    assert_int_equal(ipc__zmq_hub_open(&self->zmq, endpoint, sizeof endpoint, epoch, options.max_message), IPC_OK);
    const ipc__identity who = {{(const unsigned char *)"c", 1}, {(const unsigned char *)"demo", 4}, 0};
    assert_int_equal(ipc__core_session(&self->core, &ipc__zmq_lane, &self->peer, &who, &self->session), IPC_OK);
    ipc__zmq_peer_init(&self->peer, self->zmq, &self->session->acked, NULL);
    self->dealer = zmq_socket(ipc__zmq_context_acquire(), ZMQ_DEALER);
    assert_non_null(self->dealer);
    const int none = 0;
    zmq_setsockopt(self->dealer, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_connect(self->dealer, endpoint), 0);
}

static void rig_close(rig *self)
{
    if (self->session) {
        ipc__core_session_end(self->session, IPC__END_CLEAN, self->core.now);
    }
    ipc__zmq_peer_fini(&self->peer);
    ipc__core_fini(&self->core);
    zmq_close(self->dealer);
    ipc__zmq_context_release();
    ipc__zmq_hub_close(self->zmq);
}

/* ---- the client's messages ---- */

static void send_frames(const rig *self, const json_t *message)
{
    size_t count;
    blob *frames = wire_frames(message, &count);
    for (size_t i = 0; i < count; i++) {
        int more = i + 1 < count ? ZMQ_SNDMORE : 0;
        assert_int_equal(zmq_send(self->dealer, frames[i].bytes, frames[i].length, more), frames[i].length);
    }
    wire_frames_free(frames, count);
}

static void receive_at_hub(const rig *self, ipc__zmq_id *id, ipc__envelope *envelope)
{
    ipc__zmq_peer *peer;
    uint64_t late = ipc__now() + PATIENCE_US;
    while (ipc__zmq_hub_receive(self->zmq, id, &peer, envelope) != 1) {
        assert_true(ipc__now() < late);
        sched_yield();
    }
}

/* The session takes up its sender. What BIND is answered waits for the flush; without BIND nobody is told. */
static void bind_sender(rig *self, const ipc__zmq_id *id, ipc__envelope *envelope, bool says_bind, uint64_t now)
{
    assert_true(ipc__zmq_peer_bind(&self->peer, id));
    ipc__head head = {0};
    ipc__bytes token;
    if (says_bind) {
        assert_true(ipc__envelope_next(envelope, &head) && head.op == IPC__OP_BIND && head.fields == 1);
        assert_true(ipc__read_bin(&envelope->at, &token) && token.length == IPC__TOKEN_SIZE);
        ipc__reply(self->session, 0, head.seq, IPC_OK);
        return;
    }
    ipc__zmq_hub_flush(self->zmq, now);
    char header[64];
    assert_true(zmq_recv(self->dealer, header, sizeof header, 0) > 0);
}

static const char *first_name(const json_t *message)
{
    return text_member(json_array_get(member(message, "operations"), 0), "name");
}

static void play_client(rig *self, const json_t *message, uint64_t now)
{
    send_frames(self, message);
    ipc__zmq_id id;
    ipc__envelope envelope;
    uint64_t epoch;
    receive_at_hub(self, &id, &envelope);
    assert_true(ipc__envelope_open(&envelope, &epoch, 1));
    if (self->peer.id.length == 0) {
        bind_sender(self, &id, &envelope, strcmp(first_name(message), "BIND") == 0, now);
    }
    ipc_err err = ipc__core_input(self->session, &envelope, now);
    ipc__envelope_free(&envelope);
    ipc__zmq_hub_flush(self->zmq, now);
    if (err == IPC_ECLOSED && strncmp(first_name(message), "BYE", 3) == 0) {
        ipc__core_session_end(self->session, IPC__END_CLEAN, now);
        self->session = NULL;
        return;
    }
    assert_int_equal(err, IPC_OK);
}

/* ---- the hub's messages ---- */

static void expect_hub(const rig *self, const json_t *message)
{
    size_t count;
    blob *frames = wire_frames(message, &count);
    for (size_t i = 0; i < count; i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, self->dealer, ZMQ_DONTWAIT) < 0) {
            fail_msg("the hub does not say %s", first_name(message));
        }
        wire_compare(first_name(message), &frames[i], zmq_msg_data(&frame), zmq_msg_size(&frame));
        assert_int_equal(zmq_msg_more(&frame), i + 1 < count);
        zmq_msg_close(&frame);
    }
    wire_frames_free(frames, count);
}

static void expect_silence(const rig *self)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, self->dealer, ZMQ_DONTWAIT) >= 0) {
        const char *hex = json_string_value(hex_text(zmq_msg_data(&frame), zmq_msg_size(&frame)));
        fail_msg("the hub says something that is not written: %.600s", hex);
    }
    zmq_msg_close(&frame);
}

/* ---- conversations ---- */

/* As the hub's loop does: it wakes up for whatever is due. */
static void pass_time(rig *self, uint64_t until)
{
    while (ipc__core_due(&self->core) <= until) {
        ipc__core_advance(&self->core, ipc__core_due(&self->core));
    }
    ipc__core_advance(&self->core, until);
    ipc__zmq_hub_flush(self->zmq, until);
}

static void play(rig *self, const json_t *message)
{
    const char *by = text_member(message, "by");
    uint64_t now = (uint64_t)json_integer_value(member(message, "at_us"));
    if (strcmp(by, "hub") == 0) {
        expect_hub(self, message);
        return;
    }
    expect_silence(self);
    if (strcmp(by, "client") == 0) {
        play_client(self, message, now);
    } else {
        pass_time(self, now);
    }
}

static void test_wire_hub(void **state)
{
    const json_t *conversation = *state;
    const json_t *messages = member(conversation, "messages");
    rig here = {.zmq = NULL};
    rig_open(&here, strtoull(text_member(conversation, "epoch"), NULL, 10));
    for (size_t i = 0; i < json_array_size(messages); i++) {
        play(&here, json_array_get(messages, i));
    }
    expect_silence(&here);
    rig_close(&here);
}

int main(void)
{
    wire = load_table("wire.json");
    const json_t *conversations = member(wire, "conversations");
    struct CMUnitTest *tests = calloc(json_array_size(conversations), sizeof *tests);
    if (!tests) {
        return 2;
    }
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(conversations); i++) {
        json_t *conversation = json_array_get(conversations, i);
        if (!json_object_get(conversation, "live")) {
            tests[count++] =
                (struct CMUnitTest){text_member(conversation, "name"), test_wire_hub, NULL, NULL, conversation};
        }
    }
    int failed = count ? _cmocka_run_group_tests("wire and the hub", tests, count, NULL, NULL) : 2;
    free(tests);
    json_decref(wire);
    return failed;
}
