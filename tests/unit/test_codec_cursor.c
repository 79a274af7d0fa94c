/*
 * Tests of the cursor: every form of every value, steps at the bounds, skipping.
 * Touches memory alone. One thread.
 */
#include "codec_support.h"

#include <math.h>

/* The one value in these bytes; the cursor is at their end then. */
static ipc_value read_one(block b)
{
    ipc_cursor cursor;
    ipc_value value;
    ipc_cursor_init(&cursor, b.bytes, b.length);
    assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_OK);
    assert_ptr_equal(cursor.at, b.bytes + b.length);
    return value;
}

static void assert_int(const char *hex, int64_t expected)
{
    block b = block_hex(hex);
    ipc_value value = read_one(b);
    assert_int_equal(value.kind, IPC_KIND_INT);
    assert_true(value.as.i == expected);
    block_free(b);
}

static void test_codec_cursor__integers_of_every_width(void **state)
{
    (void)state;
    assert_int("00", 0);
    assert_int("7f", 127);
    assert_int("e0", -32);
    assert_int("ff", -1);
    assert_int("cc00", 0);
    assert_int("ccff", 255);
    assert_int("cdffff", 65535);
    assert_int("ceffffffff", 4294967295);
    assert_int("cf7fffffffffffffff", INT64_MAX);
    assert_int("d07f", 127);
    assert_int("d080", -128);
    assert_int("d18000", -32768);
    assert_int("d1ffff", -1);
    assert_int("d280000000", INT32_MIN);
    assert_int("d38000000000000000", INT64_MIN);
    assert_int("d37fffffffffffffff", INT64_MAX);
}

static void test_codec_cursor__uint_only_above_int64(void **state)
{
    (void)state;
    const char *hex[] = {"cf8000000000000000", "cfffffffffffffffff"};
    const uint64_t expected[] = {(uint64_t)INT64_MAX + 1, UINT64_MAX};
    for (size_t i = 0; i < 2; i++) {
        block b = block_hex(hex[i]);
        ipc_value value = read_one(b);
        assert_int_equal(value.kind, IPC_KIND_UINT);
        assert_true(value.as.u == expected[i]);
        block_free(b);
    }
}

static void test_codec_cursor__null_and_booleans(void **state)
{
    (void)state;
    const char *hex[] = {"c0", "c2", "c3"};
    const ipc_kind kinds[] = {IPC_KIND_NULL, IPC_KIND_BOOL, IPC_KIND_BOOL};
    for (size_t i = 0; i < 3; i++) {
        block b = block_hex(hex[i]);
        ipc_value value = read_one(b);
        assert_int_equal(value.kind, kinds[i]);
        assert_true(i == 0 || value.as.boolean == (i == 2));
        block_free(b);
    }
}

static void assert_float(const char *hex, double expected)
{
    block b = block_hex(hex);
    ipc_value value = read_one(b);
    assert_int_equal(value.kind, IPC_KIND_FLOAT);
    assert_memory_equal(&value.as.f, &expected, sizeof expected);
    block_free(b);
}

static void test_codec_cursor__floats_narrow_and_wide(void **state)
{
    (void)state;
    assert_float("ca3fc00000", 1.5);
    assert_float("ca80000000", -0.0);
    assert_float("ca7f800000", INFINITY);
    assert_float("ca00000001", 0x1p-149);
    assert_float("cb3ff8000000000000", 1.5);
    assert_float("cbffefffffffffffff", -0x1.fffffffffffffp+1023);
    block nan = block_hex("ca7fc00000");
    assert_true(isnan(read_one(nan).as.f));
    block_free(nan);
}

static void assert_body(const char *hex, ipc_kind kind, const char *body, int ext)
{
    block b = block_hex(hex);
    ipc_value value = read_one(b);
    assert_int_equal(value.kind, kind);
    assert_int_equal(value.as.bytes.length, strlen(body));
    assert_memory_equal(value.as.bytes.data, body, strlen(body));
    assert_int_equal(value.as.bytes.ext, ext);
    assert_ptr_equal(value.as.bytes.data + value.as.bytes.length, b.bytes + b.length);
    block_free(b);
}

static void test_codec_cursor__texts_bytes_and_extensions(void **state)
{
    (void)state;
    assert_body("a0", IPC_KIND_STR, "", 0);
    assert_body("a26869", IPC_KIND_STR, "hi", 0);
    assert_body("d9026869", IPC_KIND_STR, "hi", 0);
    assert_body("da00026869", IPC_KIND_STR, "hi", 0);
    assert_body("db000000026869", IPC_KIND_STR, "hi", 0);
    assert_body("c400", IPC_KIND_BIN, "", 0);
    assert_body("c4026869", IPC_KIND_BIN, "hi", 0);
    assert_body("c500026869", IPC_KIND_BIN, "hi", 0);
    assert_body("c6000000026869", IPC_KIND_BIN, "hi", 0);
    assert_body("d44161", IPC_KIND_EXT, "a", IPC_EXT_BIGINT);
    assert_body("d5ff6162", IPC_KIND_EXT, "ab", IPC_EXT_TIMESTAMP);
    assert_body("d68061626364", IPC_KIND_EXT, "abcd", -128);
    assert_body("d77f6162636461626364", IPC_KIND_EXT, "abcdabcd", 127);
    assert_body("d80161626364616263646162636461626364", IPC_KIND_EXT, "abcdabcdabcdabcd", 1);
    assert_body("c70005", IPC_KIND_EXT, "", 5);
    assert_body("c70305616263", IPC_KIND_EXT, "abc", 5);
    assert_body("c8000305616263", IPC_KIND_EXT, "abc", 5);
    assert_body("c90000000305616263", IPC_KIND_EXT, "abc", 5);
}

static void test_codec_cursor__heads_of_sequences_and_maps(void **state)
{
    (void)state;
    const char *arrays[] = {"920102", "dc00020102", "dd000000020102"};
    const char *maps[] = {"8201020304", "de000201020304", "df0000000201020304"};
    for (size_t i = 0; i < 3; i++) {
        block array = block_hex(arrays[i]);
        block map = block_hex(maps[i]);
        ipc_cursor cursor;
        ipc_value value;
        ipc_cursor_init(&cursor, array.bytes, array.length);
        assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_OK);
        assert_int_equal(value.kind, IPC_KIND_ARRAY);
        assert_int_equal(value.as.count, 2);
        assert_ptr_equal(cursor.at, array.bytes + array.length - 2);
        ipc_cursor_init(&cursor, map.bytes, map.length);
        assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_OK);
        assert_int_equal(value.kind, IPC_KIND_MAP);
        assert_int_equal(value.as.count, 2);
        assert_ptr_equal(cursor.at, map.bytes + map.length - 4);
        block_free(array);
        block_free(map);
    }
}

static void test_codec_cursor__the_end_is_empty(void **state)
{
    (void)state;
    ipc_cursor cursor;
    ipc_value value;
    ipc_cursor_init(&cursor, NULL, 0);
    assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_EEMPTY);
    assert_int_equal(ipc_cursor_skip(&cursor), IPC_EEMPTY);
    block b = block_hex("0102");
    ipc_cursor_init(&cursor, b.bytes, b.length);
    assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_OK);
    assert_int_equal(ipc_cursor_skip(&cursor), IPC_OK);
    assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_EEMPTY);
    assert_string_equal(ipc_last_error(), "no bytes are left");
    block_free(b);
}

static void test_codec_cursor__bad_bytes_leave_it_where_it_is(void **state)
{
    (void)state;
    const char *bad[] = {
        "c1",         "cd00",     "cf00000000000000", "d3",         "ca000000", "a261",       "d9",        "da00",
        "dbffffffff", "c4",       "c40261",           "c6ffffffff", "d4",       "d441",       "d80100",    "c7",
        "c700",       "c7020500", "c9ffffffff",       "91",         "810c",     "ddffffffff", "df80000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        block b = block_hex(bad[i]);
        ipc_cursor cursor;
        ipc_value value;
        ipc_cursor_init(&cursor, b.bytes, b.length);
        assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_EBADMSG);
        assert_ptr_equal(cursor.at, b.bytes);
        assert_says("before their end");
        assert_int_equal(ipc_cursor_skip(&cursor), IPC_EBADMSG);
        assert_ptr_equal(cursor.at, b.bytes);
        block_free(b);
    }
}

static void test_codec_cursor__skip_passes_one_whole_value(void **state)
{
    (void)state;
    const char *whole[] = {"05",       "a26869",      "90", "80", "93019202039104", "82a16191c0a16281c0c0",
                           "91919190", "c70305616263"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        char hex[100];
        snprintf(hex, sizeof hex, "%s2a", whole[i]);
        block b = block_hex(hex);
        ipc_cursor cursor;
        ipc_value value;
        ipc_cursor_init(&cursor, b.bytes, b.length);
        assert_int_equal(ipc_cursor_skip(&cursor), IPC_OK);
        assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_OK);
        assert_int_equal(value.as.i, 42);
        assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_EEMPTY);
        block_free(b);
    }
}

static void test_codec_cursor__skip_of_a_broken_value_stays(void **state)
{
    (void)state;
    const char *broken[] = {"9301", "930102", "82010203", "92c0c1", "9192", "9291019f00"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        block b = block_hex(broken[i]);
        ipc_cursor cursor;
        ipc_cursor_init(&cursor, b.bytes, b.length);
        assert_int_equal(ipc_cursor_skip(&cursor), IPC_EBADMSG);
        assert_ptr_equal(cursor.at, b.bytes);
        block_free(b);
    }
}

/* Each head is fine by itself; together they announce more than there is. */
static void test_codec_cursor__skip_adds_up_what_is_announced(void **state)
{
    (void)state;
    block b = block_hex("9391c0c0");
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, b.bytes, b.length);
    assert_int_equal(ipc_cursor_skip(&cursor), IPC_EBADMSG);
    assert_string_equal(ipc_last_error(), "more elements are announced than bytes are left, 2 bytes before their end");
    block_free(b);
}

/* A million levels: whoever recurses dies of it. */
static void test_codec_cursor__skip_does_not_recurse(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    block b = {malloc(DEPTH), DEPTH};
    assert_non_null(b.bytes);
    memset(b.bytes, 0x91, DEPTH - 1);
    b.bytes[DEPTH - 1] = 0xc0;
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, b.bytes, b.length);
    assert_int_equal(ipc_cursor_skip(&cursor), IPC_OK);
    assert_ptr_equal(cursor.at, cursor.end);
    ipc_cursor_init(&cursor, b.bytes, b.length - 1);
    assert_int_equal(ipc_cursor_skip(&cursor), IPC_EBADMSG);
    block_free(b);
}

static void test_codec_cursor__open_checks_a_message_once(void **state)
{
    (void)state;
    ipc_cursor cursor;
    ipc_msg *good = ipc__msg_new(1);
    assert_non_null(good);
    good->bytes[0] = 0x05;
    assert_false(atomic_load(&good->checked));
    assert_int_equal(ipc_cursor_open(&cursor, good), IPC_OK);
    assert_true(atomic_load(&good->checked));
    ipc_value value;
    assert_int_equal(ipc_cursor_next(&cursor, &value), IPC_OK);
    assert_int_equal(value.as.i, 5);
    ipc_msg_free(good);

    ipc_msg *bad = ipc__msg_new(1);
    assert_non_null(bad);
    bad->bytes[0] = 0xc1;
    assert_int_equal(ipc_cursor_open(&cursor, bad), IPC_EBADMSG);
    assert_int_equal(ipc_cursor_open(&cursor, bad), IPC_EBADMSG);
    assert_says("0xc1");
    ipc_msg_free(bad);
    assert_int_equal(ipc_cursor_open(&cursor, NULL), IPC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_cursor__integers_of_every_width),
        cmocka_unit_test(test_codec_cursor__uint_only_above_int64),
        cmocka_unit_test(test_codec_cursor__null_and_booleans),
        cmocka_unit_test(test_codec_cursor__floats_narrow_and_wide),
        cmocka_unit_test(test_codec_cursor__texts_bytes_and_extensions),
        cmocka_unit_test(test_codec_cursor__heads_of_sequences_and_maps),
        cmocka_unit_test(test_codec_cursor__the_end_is_empty),
        cmocka_unit_test(test_codec_cursor__bad_bytes_leave_it_where_it_is),
        cmocka_unit_test(test_codec_cursor__skip_passes_one_whole_value),
        cmocka_unit_test(test_codec_cursor__skip_of_a_broken_value_stays),
        cmocka_unit_test(test_codec_cursor__skip_adds_up_what_is_announced),
        cmocka_unit_test(test_codec_cursor__skip_does_not_recurse),
        cmocka_unit_test(test_codec_cursor__open_checks_a_message_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
