/*
 * Containers in the hub core where there are very many of them, or where something is just too long: chains, cycles and stars of
 * lists that refer to each other, and answers beyond what a message may have.
 * Touches memory. One thread.
 */
#include "box_world.h"
#include "hub/reference.h"

#include <ipc/method.h>
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CHAIN = 100 * 1000, CYCLE = 10 * 1000, STAR = 20 * 1000, SOON_US = 150 * 1000 };

static box_client *begin(void)
{
    box_client *self = &box.clients[0];
    box_begin(1, (box_flavour){.left_alone = true});
    box.core.options.max_objects = 2 * CHAIN;
    box_join(self);
    return self;
}

static void ask(box_client *self, ipc__op op, uint32_t handle, unsigned fields, ipc__buf *packed, ipc_err expected)
{
    assert_int_equal(box_ask(self, op, handle, fields, packed), expected);
    ipc__buf_reset(packed);
}

static void open_new(box_client *self, uint32_t handle, const char *type)
{
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    ipc__pack_text(&packer, type);
    msgpack_pack_int(&packer, 0);
    msgpack_pack_nil(&packer);
    msgpack_pack_map(&packer, 0);
    ask(self, IPC__OP_OPEN, handle, 4, &fields, IPC_OK);
    ipc__buf_free(&fields);
}

static void close_one(box_client *self, uint32_t handle)
{
    ipc__buf none = {0};
    ask(self, IPC__OP_CLOSE, handle, 0, &none, IPC_OK);
}

/* A method with one argument, or none of no bytes. */
static void call(box_client *self, uint32_t handle, unsigned method, const void *argument, size_t length,
                 ipc_err expected)
{
    ipc__buf arguments = {0};
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    ipc__buf_write(&arguments, length ? "\x91" : "\x90", 1);
    ipc__buf_write(&arguments, argument, length);
    msgpack_pack_unsigned_int(&packer, method);
    msgpack_pack_bin_with_body(&packer, arguments.data, arguments.length);
    ask(self, IPC__OP_INVOKE, handle, 2, &fields, expected);
    ipc__buf_free(&arguments);
    ipc__buf_free(&fields);
}

/* A list gets what refers to another handle's. */
static void append_reference(box_client *self, uint32_t to, uint32_t of)
{
    ipc__buf none = {0};
    ask(self, IPC__OP_REFER, of, 0, &none, IPC_OK);
    ipc__buf reference = self->answer;
    self->answer = (ipc__buf){0};
    call(self, to, IPC_METHOD_APPEND, reference.data, reference.length, IPC_OK);
    ipc__buf_free(&reference);
}

/* Lists that each have the one before; handle 1 is on the first, the one returned on the last. */
static uint32_t chain(box_client *self, uint32_t length)
{
    uint32_t last = 1;
    open_new(self, 1, "list");
    for (uint32_t i = 1; i < length; i++) {
        uint32_t next = last == 2 ? 3 : 2;
        open_new(self, next, "list");
        append_reference(self, next, last);
        if (last != 1) {
            close_one(self, last);
        }
        last = next;
    }
    assert_int_equal(box.core.object_count, length);
    return last;
}

static void nothing_is_left(void)
{
    assert_int_equal(box.core.object_count, 0);
    assert_int_equal(box.core.memory, 0);
    assert_null(box.core.candidates);
}

static void test_container_edges__a_long_chain_goes_with_its_end(void **state)
{
    (void)state;
    box_client *self = begin();
    uint32_t last = chain(self, CHAIN);
    close_one(self, 1);
    assert_int_equal(box.core.object_count, CHAIN);
    close_one(self, last);
    nothing_is_left();
    box_end();
}

static void test_container_edges__a_long_chain_goes_with_the_session(void **state)
{
    (void)state;
    box_client *self = begin();
    chain(self, CHAIN);
    ipc__core_session_end(self->session, IPC__END_CRASH, box.now);
    nothing_is_left();
    ipc__buf_free(&self->answer);
    self->session = NULL;
    box_end();
}

static void test_container_edges__a_long_chain_goes_with_the_hub(void **state)
{
    (void)state;
    chain(begin(), CHAIN);
    box_end(); /* which sees to it that nothing is left */
}

/* And from its other end: each that is unlinked, cleared, or overwritten lets go of all behind it. */
static void test_container_edges__a_long_chain_goes_with_a_clear(void **state)
{
    (void)state;
    box_client *self = begin();
    uint32_t last = chain(self, CHAIN);
    close_one(self, 1);
    call(self, last, IPC_METHOD_CLEAR, NULL, 0, IPC_OK);
    assert_int_equal(box.core.object_count, 1);
    box_end();
}

static void close_the_cycle(box_client *self)
{
    uint32_t last = chain(self, CYCLE);
    append_reference(self, 1, last);
    close_one(self, last);
}

static void test_container_edges__a_long_cycle_goes_soon(void **state)
{
    (void)state;
    box_client *self = begin();
    close_the_cycle(self);
    box_pass(SOON_US);
    assert_int_equal(box.core.object_count, CYCLE); /* handle 1 holds all */
    close_one(self, 1);
    box_pass(SOON_US);
    nothing_is_left();
    assert_true(box.core.collection_cost == CYCLE);
    box_end();
}

static void test_container_edges__a_long_cycle_goes_with_the_hub(void **state)
{
    (void)state;
    close_the_cycle(begin());
    box_end();
}

static void test_container_edges__a_cleared_cycle_is_a_chain(void **state)
{
    (void)state;
    box_client *self = begin();
    close_the_cycle(self);
    call(self, 1, IPC_METHOD_CLEAR, NULL, 0, IPC_OK);
    assert_int_equal(box.core.object_count, 1);
    close_one(self, 1);
    nothing_is_left();
    box_end();
}

/* Many that refer to one, which has them all: each that is closed is looked for, with all the others, but not each time. */
static void test_container_edges__a_star_is_not_looked_at_for_every_ray(void **state)
{
    (void)state;
    box_client *self = begin();
    uint64_t looked = 0;
    open_new(self, 1, "list");
    for (uint32_t i = 2; i < STAR + 2; i++) {
        open_new(self, i, "list");
        append_reference(self, i, 1);
        append_reference(self, 1, i);
    }
    close_one(self, 1);
    uint64_t start = box.now;
    for (uint32_t i = 2; i < STAR + 2; i++) {
        close_one(self, i);
        bool looks = ipc__timer_armed(&box.core.collection) && box.core.collection.due <= box.now + 1000;
        box_pass(1000);
        looked += looks ? box.core.collection_cost : 0;
        assert_int_equal(box.core.object_count, i < STAR + 1 ? STAR + 1 : box.core.object_count);
    }
    assert_true(looked <= box.now - start + 2 * (STAR + 1)); /* a reference for every microsecond, at most */
    box_pass(SOON_US);
    nothing_is_left();
    box_end();
}

/* What is beyond a message is not taken out, and then refused. */
static void test_container_edges__what_is_too_long_to_be_told_stays(void **state)
{
    (void)state;
    static unsigned char key[100] = {0xc7, 90, 65}; /* an integer with 89 bytes too many: 5 */
    static const unsigned char value[60] = {0xd9, 58, 'a', 'b'};
    box_client *self = begin();
    box.core.options.max_message = 110;
    open_new(self, 1, "dict");
    key[92] = 5;
    unsigned char map[200] = {0x81};
    memcpy(map + 1, key, 93);
    map[94] = 0;
    call(self, 1, IPC_METHOD_UPDATE, map, 95, IPC_OK);
    map[1] = 5;
    memcpy(map + 2, value, sizeof value);
    call(self, 1, IPC_METHOD_UPDATE, map, 2 + sizeof value, IPC_OK); /* the same key, in its first form */
    uint64_t before = box.core.memory;
    call(self, 1, IPC_METHOD_POP_ITEM, NULL, 0, IPC_ETOOBIG);
    assert_int_equal(box.core.memory, before);
    call(self, 1, IPC_METHOD_POP, "\x05", 1, IPC_OK);
    assert_int_equal(box.core.memory, 0);
    box_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_edges__a_long_chain_goes_with_its_end),
        cmocka_unit_test(test_container_edges__a_long_chain_goes_with_the_session),
        cmocka_unit_test(test_container_edges__a_long_chain_goes_with_the_hub),
        cmocka_unit_test(test_container_edges__a_long_chain_goes_with_a_clear),
        cmocka_unit_test(test_container_edges__a_long_cycle_goes_soon),
        cmocka_unit_test(test_container_edges__a_long_cycle_goes_with_the_hub),
        cmocka_unit_test(test_container_edges__a_cleared_cycle_is_a_chain),
        cmocka_unit_test(test_container_edges__a_star_is_not_looked_at_for_every_ray),
        cmocka_unit_test(test_container_edges__what_is_too_long_to_be_told_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
