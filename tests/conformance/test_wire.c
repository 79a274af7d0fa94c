/*
 * wire.json and the library's readers: every vector's bytes are what it means, and every envelope and packet is read.
 * Touches memory and the table's file. One thread.
 */
#include "wire.h"

#include "wire/control.h"
#include "wire/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *wire;

static void each_message(void (*check)(const json_t *message))
{
    const json_t *conversations = member(wire, "conversations");
    for (size_t i = 0; i < json_array_size(conversations); i++) {
        const json_t *messages = member(json_array_get(conversations, i), "messages");
        assert_true(json_array_size(messages) > 0);
        for (size_t j = 0; j < json_array_size(messages); j++) {
            if (strcmp(text_member(json_array_get(messages, j), "by"), "time") != 0) {
                check(json_array_get(messages, j));
            }
        }
    }
}

/* ---- bytes and meanings ---- */

static void check_vector(const json_t *vector)
{
    blob bytes = hex_blob(member(vector, "hex"));
    blob packed = wire_pack(member(vector, "means"));
    wire_compare("what the meaning packs to", &bytes, packed.bytes, packed.length);
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, bytes.bytes, bytes.length);
    json_t *found = notation_next(&cursor);
    if (!notation_same(found, member(vector, "means"))) {
        broken("is not what it means", vector);
    }
    assert_int_equal(ipc_msg_check(bytes.bytes, bytes.length), IPC_OK);
    json_decref(found);
    free(packed.bytes);
    free(bytes.bytes);
}

static void check_message_vectors(const json_t *message)
{
    check_vector(member(message, "header"));
    const json_t *operations = member(message, "operations");
    for (size_t i = 0; i < json_array_size(operations); i++) {
        check_vector(json_array_get(operations, i));
    }
}

static void test_wire__vectors_are_what_they_mean(void **state)
{
    (void)state;
    const json_t *packets = member(wire, "packets");
    for (size_t i = 0; i < json_array_size(packets); i++) {
        check_vector(json_array_get(packets, i));
    }
    each_message(check_message_vectors);
}

/* ---- envelopes ---- */

static uint64_t number_at(const json_t *means, size_t at)
{
    json_t *full = notation_expand(json_array_get(means, at));
    uint64_t number = strtoull(text_member(full, "int"), NULL, 10);
    json_decref(full);
    return number;
}

/* The fields behind seq, up to the operation's end. */
static void read_fields(ipc__envelope *envelope, const ipc__head *head, const json_t *means)
{
    bool invokes = head->op == IPC__OP_INVOKE; /* some with arguments that are refused */
    bool has_value = head->op == IPC__OP_PUT || head->op == IPC__OP_PUT_WAIT || head->op == IPC__OP_DELIVER || invokes;
    uint32_t at = head->op == IPC__OP_PUT ? 0 : 1; /* behind a timeout, an attempt, or a method */
    for (uint32_t i = 0; i < head->fields; i++) {
        if (!has_value || i != at) {
            assert_int_equal(ipc_cursor_skip(&envelope->at), IPC_OK);
            continue;
        }
        ipc__bytes value;
        ipc__block *block;
        assert_true(ipc__read_value(envelope, &value, &block));
        assert_true(invokes || ipc_msg_check(value.data, value.length) == IPC_OK);
        assert_true((block != envelope->frames[0]) == json_is_null(json_array_get(means, 3 + i)));
    }
}

static void check_envelope(const json_t *message)
{
    size_t count;
    blob *frames = wire_frames(message, &count);
    ipc__envelope envelope = {.frame_count = (unsigned)count};
    for (size_t i = 0; i < count; i++) {
        envelope.frames[i] = ipc__block_copy(frames[i].bytes, frames[i].length);
        assert_non_null(envelope.frames[i]);
    }
    const json_t *header_means = member(member(message, "header"), "means");
    uint64_t header[3];
    unsigned fields = strcmp(text_member(message, "by"), "client") == 0 ? 1 : 3;
    assert_true(ipc__envelope_open(&envelope, header, fields));
    for (unsigned i = 0; i < fields; i++) {
        assert_true(header[i] == number_at(header_means, i));
    }
    const json_t *operations = member(message, "operations");
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const json_t *means = member(json_array_get(operations, i), "means");
        ipc__head head = {0};
        assert_true(ipc__envelope_more(&envelope) && ipc__envelope_next(&envelope, &head));
        assert_int_equal(head.op, number_at(means, 0));
        assert_int_equal(head.handle, number_at(means, 1));
        assert_int_equal(head.seq, number_at(means, 2));
        assert_int_equal(head.fields, json_array_size(means) - 3);
        read_fields(&envelope, &head, means);
    }
    assert_false(ipc__envelope_more(&envelope));
    assert_int_equal(envelope.next_frame, count);
    ipc__envelope_free(&envelope);
    wire_frames_free(frames, count);
}

static void test_wire__envelopes_are_read(void **state)
{
    (void)state;
    each_message(check_envelope);
}

/* ---- packets ---- */

static void test_wire__packets_are_read(void **state)
{
    (void)state;
    const json_t *packets = member(wire, "packets");
    for (size_t i = 0; i < json_array_size(packets); i++) {
        const json_t *packet = json_array_get(packets, i);
        const json_t *means = member(packet, "means");
        blob bytes = hex_blob(member(packet, "hex"));
        ipc_cursor cursor;
        uint32_t fields;
        assert_int_equal(ipc__control_open(&cursor, bytes.bytes, bytes.length, &fields), number_at(means, 0));
        assert_int_equal(fields, json_array_size(means) - 1);
        free(bytes.bytes);
    }
}

static void test_wire__welcome_is_written_as_it_is_read(void **state)
{
    (void)state;
    blob bytes = hex_blob(member(wire_packet(wire, "WELCOME"), "hex"));
    ipc_cursor cursor;
    uint32_t fields;
    ipc__welcome welcome;
    assert_int_equal(ipc__control_open(&cursor, bytes.bytes, bytes.length, &fields), IPC__WELCOME);
    assert_int_equal(fields, IPC__WELCOME_FIELDS);
    assert_true(ipc__welcome_read(&welcome, &cursor));
    assert_int_equal(welcome.version, IPC__PROTOCOL_VERSION);
    assert_int_equal(welcome.window, IPC__WINDOW);
    assert_string_equal(welcome.endpoint, "ipc:///run/user/1000/libipc/demo.sock");
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 1 + IPC__WELCOME_FIELDS);
    msgpack_pack_int(&packer, IPC__WELCOME);
    ipc__welcome_pack(&welcome, &packer);
    wire_compare("WELCOME", &bytes, packet.data, packet.length);
    ipc__buf_free(&packet);
    free(bytes.bytes);
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
        cmocka_unit_test(test_wire__vectors_are_what_they_mean),
        cmocka_unit_test(test_wire__envelopes_are_read),
        cmocka_unit_test(test_wire__packets_are_read),
        cmocka_unit_test(test_wire__welcome_is_written_as_it_is_read),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
