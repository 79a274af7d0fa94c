/*
 * Tests of the wire's fields: numbers and bins are written in msgpack's shortest form, and read in any.
 * Touches memory alone. One thread.
 */
#include "wire/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Numbers around every border between two forms. */
static const uint64_t numbers[] = {
    0,          1,           0x7e,        0x7f,           0x80,      0x81,       0xfe,           0xff,
    0x100,      0x101,       0xfffe,      0xffff,         0x10000,   0x10001,    0xfffffffe,     0xffffffff,
    1ULL << 32, 0x100000001, 0x123456789, INT64_MAX - 1U, INT64_MAX, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX,
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

/* The bytes alone, so that a read behind their end is found. */
static ipc_cursor exact(const void *bytes, size_t length, unsigned char **copy)
{
    *copy = malloc(length);
    assert_non_null(*copy);
    memcpy(*copy, bytes, length);
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, *copy, length);
    return cursor;
}

static void test_wire_fields__numbers_take_the_shortest_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUMBERS; i++) {
        ipc__buf ours = {0};
        ipc__buf theirs = {0};
        msgpack_packer packer = ipc__packer(&theirs);
        ipc__write_number(&ours, numbers[i]);
        msgpack_pack_uint64(&packer, numbers[i]);
        assert_int_equal(ours.length, theirs.length);
        assert_memory_equal(ours.data, theirs.data, theirs.length);
        unsigned char *copy;
        ipc_cursor cursor = exact(ours.data, ours.length, &copy);
        uint64_t read = 0;
        assert_true(ipc__read_uint(&cursor, &read));
        assert_true(read == numbers[i] && cursor.at == cursor.end);
        free(copy);
        ipc__buf_free(&ours);
        ipc__buf_free(&theirs);
    }
}

/* A number in the form of so many bytes, or of fewer where it does not fit: any form is legal. */
static size_t put_wide(unsigned char *at, uint64_t number, unsigned form)
{
    unsigned width = 1U << form;
    at[0] = (unsigned char)(0xcc + form);
    for (unsigned i = 0; i < width; i++) {
        at[1 + i] = (unsigned char)(number >> (8 * (width - 1 - i)));
    }
    return 1 + width;
}

static void test_wire_fields__numbers_are_read_in_any_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < NUMBERS; i++) {
        for (unsigned form = 0; form < 4; form++) {
            if (form < 3 && numbers[i] >> (8U << form)) {
                continue;
            }
            for (size_t behind = 0; behind < 12; behind++) { /* alone, and with more behind it */
                unsigned char bytes[32] = {0};
                size_t length = put_wide(bytes, numbers[i], form);
                unsigned char *copy;
                ipc_cursor cursor = exact(bytes, length + behind, &copy);
                uint64_t read = 0;
                assert_true(ipc__read_uint(&cursor, &read));
                assert_true(read == numbers[i]);
                assert_int_equal(cursor.at - copy, length);
                free(copy);
            }
        }
    }
}

static void test_wire_fields__numbers_that_are_cut_off(void **state)
{
    (void)state;
    for (unsigned form = 0; form < 4; form++) {
        unsigned char bytes[16];
        size_t length = put_wide(bytes, 200, form);
        for (size_t cut = 0; cut < length; cut++) {
            unsigned char *copy;
            ipc_cursor cursor = exact(bytes, cut, &copy);
            uint64_t read = 0;
            assert_false(ipc__read_uint(&cursor, &read));
            free(copy);
        }
    }
}

static void test_wire_fields__small_signed_numbers(void **state)
{
    (void)state;
    for (int64_t number = -32; number < 128; number++) {
        unsigned char byte = (unsigned char)number;
        ipc_cursor cursor;
        ipc_cursor_init(&cursor, &byte, 1);
        int64_t read = 0;
        assert_true(ipc__read_int(&cursor, &read));
        assert_true(read == number && cursor.at == cursor.end);
    }
    const unsigned char text = 0xa0;
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, &text, 1);
    int64_t read = 0;
    assert_false(ipc__read_int(&cursor, &read));
}

static void test_wire_fields__bins_take_the_shortest_form(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 31, 32, 254, 255, 256, 65534, 65535, 65536, 70000};
    unsigned char *bytes = calloc(1, 70000);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        ipc__buf ours = {0};
        ipc__buf theirs = {0};
        msgpack_packer packer = ipc__packer(&theirs);
        memset(bytes, (int)i, lengths[i]);
        assert_true(ipc__write_bin(&ours, (ipc__bytes){lengths[i] ? bytes : NULL, lengths[i]}));
        msgpack_pack_bin_with_body(&packer, bytes, lengths[i]);
        assert_int_equal(ours.length, theirs.length);
        assert_memory_equal(ours.data, theirs.data, theirs.length);
        ipc__buf_free(&ours);
        ipc__buf_free(&theirs);
    }
    free(bytes);
}

static void test_wire_fields__heads_of_operations(void **state)
{
    (void)state;
    for (unsigned fields = 0; fields < 20; fields++) {
        for (size_t i = 0; i < NUMBERS; i++) {
            ipc__buf buf = {0};
            msgpack_packer packer = ipc__packer(&buf);
            ipc__write_op(&packer, IPC__OP_PUT, (uint32_t)numbers[i], numbers[i], fields);
            size_t length = buf.length;
            for (unsigned left = fields; left > 0; left--) {
                msgpack_pack_nil(&packer);
            }
            ipc__envelope envelope = {0};
            unsigned char *copy;
            envelope.at = exact(buf.data, buf.length, &copy);
            ipc__head head = {0};
            assert_true(ipc__envelope_next(&envelope, &head));
            assert_int_equal(head.op, IPC__OP_PUT);
            assert_int_equal(head.handle, (uint32_t)numbers[i]);
            assert_true(head.seq == numbers[i]);
            assert_int_equal(head.fields, fields);
            assert_int_equal(envelope.at.at - copy, length);
            free(copy);
            ipc__buf_free(&buf);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_fields__numbers_take_the_shortest_form),
        cmocka_unit_test(test_wire_fields__numbers_are_read_in_any_form),
        cmocka_unit_test(test_wire_fields__numbers_that_are_cut_off),
        cmocka_unit_test(test_wire_fields__small_signed_numbers),
        cmocka_unit_test(test_wire_fields__bins_take_the_shortest_form),
        cmocka_unit_test(test_wire_fields__heads_of_operations),
    };
    return cmocka_run_group_tests_name("wire fields", tests, NULL, NULL);
}
