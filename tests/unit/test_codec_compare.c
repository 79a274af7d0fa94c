/*
 * Values compared: every form of every value of a table that Python wrote with every other; and what a table cannot say.
 * Touches nothing but memory. One thread.
 */
#include "codec/compare.h"
#include "codec/number.h"
#include "codec_support.h"
#include "compare_table.h"

#include <math.h>
#include <stdio.h>

enum { FORMS = sizeof forms / sizeof forms[0], MANY = 700 };

/* Of a hex text, in a block of exactly its size. */
static ipc__bytes value_of(const char *hex)
{
    block of = block_hex(hex);
    return (ipc__bytes){of.bytes, of.length};
}

static void value_free(ipc__bytes value)
{
    free((void *)value.data);
}

/* ---- the table ---- */

static ipc__bytes table[FORMS];

static int table_begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        table[i] = value_of(forms[i].hex);
    }
    return 0;
}

static int table_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        value_free(table[i]);
    }
    return 0;
}

static void check_pair(size_t i, size_t j)
{
    char expected = order[forms[i].value][forms[j].value];
    int found = 77;
    bool ordered = ipc__order(table[i], table[j], &found);
    bool equal = ipc__equal(table[i], table[j]);
    bool right = equal == (expected == '=' || expected == '~') && ordered == (expected != '~' && expected != '.') &&
                 (!ordered || found == (expected == '<'   ? -1
                                        : expected == '>' ? 1
                                                          : 0));
    if (!right) {
        fail_msg("%s and %s: equal %d, in order %d: %d; expected %c", forms[i].hex, forms[j].hex, equal, ordered, found,
                 expected);
    }
}

static void test_codec_compare__as_python_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        for (size_t j = 0; j < FORMS; j++) {
            check_pair(i, j);
        }
    }
}

static void test_codec_compare__every_form_of_the_table_is_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        uint64_t handles;
        if (ipc__scan_stored(table[i].data, table[i].length, 0, &handles)) {
            fail_msg("%s: %s", forms[i].hex, ipc_last_error());
        }
    }
}

static void test_codec_compare__what_can_be_a_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        if (ipc__is_key(table[i]) != (keys[forms[i].value] == 'y')) {
            fail_msg("%s", forms[i].hex);
        }
    }
}

/* And of others hardly ever. */
static void test_codec_compare__equal_keys_have_equal_hashes(void **state)
{
    (void)state;
    unsigned hashes[VALUES] = {0};
    unsigned shared = 0;
    for (size_t i = 0; i < FORMS; i++) {
        unsigned value = forms[i].value;
        if (keys[value] != 'y') {
            continue;
        }
        unsigned hash = ipc__key_hash(table[i]);
        bool first = i == 0 || forms[i - 1].value != value;
        if (!first && hash != hashes[value]) {
            fail_msg("%s", forms[i].hex);
        }
        hashes[value] = hash;
        for (unsigned other = 0; first && other < value; other++) {
            shared += keys[other] == 'y' && hashes[other] == hash;
        }
    }
    assert_true(shared <= 1);
}

/* ---- what the table cannot say ---- */

static bool equal_hex(const char *a, const char *b)
{
    ipc__bytes first = value_of(a);
    ipc__bytes second = value_of(b);
    bool equal = ipc__equal(first, second);
    assert_int_equal(ipc__equal(second, first), equal);
    value_free(first);
    value_free(second);
    return equal;
}

static void test_codec_compare__a_nan_equals_nothing_wherever_it_is(void **state)
{
    (void)state;
    static const char *const with_nan[] = {
        "cb7ff8000000000000",
        "cbfff8000000000001",
        "ca7fc00000",
        "91 cb7ff8000000000000",
        "92 01 91 ca7fc00000",
        "81 01 cb7ff8000000000000",
        "81 cb7ff8000000000000 01",       /* a key */
        "82 01 02 cb7ff8000000000000 01", /* behind another one */
        "82 cb7ff8000000000000 01 01 02", /* before it */
        "81 01 81 cb7ff8000000000000 cb7ff8000000000000",
    };
    for (size_t i = 0; i < sizeof with_nan / sizeof with_nan[0]; i++) {
        for (size_t j = 0; j < sizeof with_nan / sizeof with_nan[0]; j++) {
            assert_false(equal_hex(with_nan[i], with_nan[j]));
        }
    }
}

/* Which no language makes, and anybody can send: it does not matter who is asked. */
static void test_codec_compare__maps_with_a_key_twice(void **state)
{
    (void)state;
    assert_true(equal_hex("82 01 02 01 02", "82 01 02 c3 02"));
    assert_false(equal_hex("83 01 02 01 02 03 04", "83 01 02 03 04 03 04"));
    assert_false(equal_hex("83 01 02 03 04 01 02", "83 03 04 01 02 03 04"));
    assert_false(equal_hex("83 03 04 01 02 05 06", "83 01 02 c3 02 03 04"));
    assert_false(equal_hex("82 01 02 01 03", "82 01 03 01 02"));
}

/* Number i of a large map, in one of two forms. */
static void append_number(ipc__buf *buf, uint32_t number, bool wide)
{
    unsigned char bytes[9] = {0xcb};
    if (wide) {
        double f = number;
        uint64_t bits;
        memcpy(&bits, &f, sizeof bits);
        bits = htobe64(bits);
        memcpy(bytes + 1, &bits, sizeof bits);
        ipc__buf_write(buf, (const char *)bytes, sizeof bytes);
        return;
    }
    bytes[0] = 0xce;
    number = htobe32(number);
    memcpy(bytes + 1, &number, sizeof number);
    ipc__buf_write(buf, (const char *)bytes, 5);
}

/* {n: n + other} for so many n, of which each comes step behind the last: step and MANY have no divisor in common. */
static ipc__bytes large_map(ipc__buf *buf, uint32_t step, bool wide, uint32_t other)
{
    *buf = (ipc__buf){0};
    ipc__buf_write(buf, (const char[]){(char)0xde, MANY >> 8, (char)(MANY & 0xff)}, 3);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t number = i * step % MANY;
        append_number(buf, number, wide);
        append_number(buf, number + (number == MANY / 2 ? other : 0), !wide);
    }
    assert_false(buf->failed);
    return (ipc__bytes){buf->data, buf->length};
}

static void test_codec_compare__large_maps_in_any_order(void **state)
{
    (void)state;
    static const uint32_t steps[] = {1, MANY - 1, 3, 11, 333};
    ipc__buf first;
    ipc__bytes straight = large_map(&first, 1, false, 0);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        for (uint32_t other = 0; other < 2; other++) {
            ipc__buf second;
            ipc__bytes turned = large_map(&second, steps[i], true, other);
            assert_int_equal(ipc__equal(straight, turned), other == 0);
            assert_int_equal(ipc__equal(turned, straight), other == 0);
            ipc__buf_free(&second);
        }
    }
    ipc__buf_free(&first);
}

/* {key: 1} so many times. */
static ipc__bytes repeated_map(ipc__buf *buf, uint32_t count, const char *key, size_t length)
{
    unsigned char head[] = {0xdf, (unsigned char)(count >> 24), (unsigned char)(count >> 16),
                            (unsigned char)(count >> 8), (unsigned char)count};
    *buf = (ipc__buf){0};
    ipc__buf_write(buf, (const char *)head, sizeof head);
    for (uint32_t i = 0; i < count; i++) {
        ipc__buf_write(buf, key, length);
        ipc__buf_write(buf, "\x01", 1);
    }
    assert_false(buf->failed);
    return (ipc__bytes){buf->data, buf->length};
}

/* All have one hash, and equal none of the others: who looks each up among them is not done today. */
static void test_codec_compare__a_million_nan_as_keys(void **state)
{
    (void)state;
    ipc__buf first;
    ipc__buf second;
    ipc__bytes numbers = repeated_map(&first, 1000000, "\x07", 1);
    ipc__bytes nan = repeated_map(&second, 1000000, "\xcb\x7f\xf8\0\0\0\0\0\0", 9);
    assert_false(ipc__equal(numbers, nan));
    assert_false(ipc__equal(nan, numbers));
    assert_false(ipc__equal(nan, nan));
    ipc__buf_free(&first);
    ipc__buf_free(&second);
}

/* ---- a number in its forms, by hand ---- */

static void test_codec_compare__sequences_with_nan_are_in_some_order(void **state)
{
    (void)state;
    ipc__bytes one = value_of("92 cb7ff8000000000000 01");
    ipc__bytes two = value_of("92 01 cb7ff8000000000000");
    int found;
    assert_true(ipc__order(one, two, &found) && found == 1);
    assert_true(ipc__order(two, one, &found) && found == -1);
    assert_true(ipc__order(one, one, &found) && found == 0);
    value_free(one);
    value_free(two);
}

/* ---- adding ---- */

static ipc_err add_hex(const char *a, const char *b, ipc_value *sum)
{
    block first = block_hex(a);
    block second = block_hex(b);
    ipc_cursor at;
    ipc_value values[2];
    ipc_cursor_init(&at, first.bytes, first.length);
    assert_int_equal(ipc_cursor_next(&at, &values[0]), IPC_OK);
    ipc_cursor_init(&at, second.bytes, second.length);
    assert_int_equal(ipc_cursor_next(&at, &values[1]), IPC_OK);
    ipc_err err = ipc__number_add(&values[0], &values[1], sum);
    block_free(first);
    block_free(second);
    return err;
}

static void test_codec_compare__sums(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        ipc_err err;
        ipc_kind kind;
        int64_t i;
        double f;
    } sums[] = {
        {"01", "02", IPC_OK, IPC_KIND_INT, 3, 0},
        {"c3", "c3", IPC_OK, IPC_KIND_INT, 2, 0},
        {"01", "ff", IPC_OK, IPC_KIND_INT, 0, 0},
        {"cf7fffffffffffffff", "00", IPC_OK, IPC_KIND_INT, INT64_MAX, 0},
        {"cf7fffffffffffffff", "01", IPC_ERANGE, IPC_KIND_NULL, 0, 0},
        {"d38000000000000000", "ff", IPC_ERANGE, IPC_KIND_NULL, 0, 0},
        {"d38000000000000000", "cf7fffffffffffffff", IPC_OK, IPC_KIND_INT, -1, 0},
        {"cf8000000000000000", "ff", IPC_OK, IPC_KIND_INT, INT64_MAX, 0}, /* an addend is beyond them, the sum is not */
        {"c7024100 05", "01", IPC_OK, IPC_KIND_INT, 6, 0},                /* a bigint that is none */
        {"c70a4101000000000000000000", "01", IPC_ERANGE, IPC_KIND_NULL, 0, 0},
        {"01", "cb3ff8000000000000", IPC_OK, IPC_KIND_FLOAT, 0, 2.5},
        {"cb3ff0000000000000", "01", IPC_OK, IPC_KIND_FLOAT, 0, 2.0}, /* a float stays one */
        {"ca3f000000", "c2", IPC_OK, IPC_KIND_FLOAT, 0, 0.5},
        {"cfffffffffffffffff", "cb3ff0000000000000", IPC_OK, IPC_KIND_FLOAT, 0, 0x1p64},
        {"cb7fefffffffffffff", "cb7fefffffffffffff", IPC_OK, IPC_KIND_FLOAT, 0, INFINITY},
        {"c7024100 05", "cb3ff0000000000000", IPC_OK, IPC_KIND_FLOAT, 0, 6.0},
        {"cb3ff8000000000000", "c7024100 05", IPC_OK, IPC_KIND_FLOAT, 0, 6.5},
        {"c70a4101000000000000000000", "cb3ff0000000000000", IPC_ERANGE, IPC_KIND_NULL, 0, 0},
        {"cb54b249ad2594c37d", "cb3ff0000000000000", IPC_OK, IPC_KIND_FLOAT, 0, 1e100}, /* a float as large is one */
        {"a131", "01", IPC_EKIND, IPC_KIND_NULL, 0, 0},
        {"01", "c0", IPC_EKIND, IPC_KIND_NULL, 0, 0},
        {"01", "90", IPC_EKIND, IPC_KIND_NULL, 0, 0},
        {"c70041", "01", IPC_EKIND, IPC_KIND_NULL, 0, 0}, /* no bytes are no integer */
        {"d6ff00000005", "01", IPC_EKIND, IPC_KIND_NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        ipc_value sum = {.kind = IPC_KIND_NULL};
        ipc_err err = add_hex(sums[i].a, sums[i].b, &sum);
        bool right = err == sums[i].err;
        right = right && (err || sum.kind == sums[i].kind);
        right = right && (err || (sum.kind == IPC_KIND_INT ? sum.as.i == sums[i].i : sum.as.f == sums[i].f));
        if (!right) {
            fail_msg("%s and %s: %s", sums[i].a, sums[i].b, ipc_err_name(err));
        }
    }
}

/* ---- what is stored ---- */

static ipc_err scan_hex(const char *hex, unsigned levels, uint64_t *handles)
{
    block of = block_hex(hex);
    ipc_err err = ipc__scan_stored(of.bytes, of.length, levels, handles);
    block_free(of);
    return err;
}

static void test_codec_compare__references_are_counted(void **state)
{
    (void)state;
    uint64_t handles = 77;
    assert_int_equal(scan_hex("93 01 a1 61 c0", 0, &handles), IPC_OK);
    assert_int_equal(handles, 0);
    assert_int_equal(scan_hex("92 d54201 02 82 01 c7004202 91 c9000000014290", 0, &handles), IPC_OK);
    assert_int_equal(handles, 3);
    assert_int_equal(scan_hex("92 d54101 02 d4ff00", 0, &handles), IPC_OK); /* other extensions */
    assert_int_equal(handles, 0);
    assert_int_equal(scan_hex("81 d44200 01", 0, &handles), IPC_EBADMSG); /* no key */
    assert_int_equal(scan_hex("92 d54201 02", 0, &handles), IPC_EBADMSG);
    assert_int_equal(scan_hex("", 0, &handles), IPC_EBADMSG);
    assert_int_equal(scan_hex("01 02", 0, &handles), IPC_EBADMSG);
    assert_int_equal(scan_hex("ddffffffff", 0, &handles), IPC_EBADMSG);
}

/* However deep a program may have its values; and so many levels more. */
static void test_codec_compare__how_deep_it_may_be(void **state)
{
    (void)state;
    unsigned char deep[IPC__DEPTH_MAX + IPC__DEPTH_EXTRA + 2];
    memset(deep, 0x91, sizeof deep);
    for (unsigned levels = 0; levels <= IPC__DEPTH_EXTRA; levels++) {
        uint64_t handles;
        unsigned most = IPC__DEPTH_MAX + levels;
        deep[most] = 0xc0;
        assert_int_equal(ipc__scan_stored(deep, most + 1, levels, &handles), IPC_OK);
        deep[most] = 0x90;
        assert_int_equal(ipc__scan_stored(deep, most + 1, levels, &handles), IPC_EDEPTH);
        deep[most] = 0x91;
    }
    /* The program's own limit is not the hub's. */
    ipc_value_limits few = IPC_VALUE_LIMITS_INIT;
    few.max_depth = 1;
    few.max_elements = 1;
    uint64_t handles;
    assert_int_equal(ipc_set_value_limits(&few), IPC_OK);
    assert_int_equal(scan_hex("92 91 01 02", 0, &handles), IPC_OK);
    assert_int_equal(ipc_set_value_limits(NULL), IPC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_compare__every_form_of_the_table_is_a_value),
        cmocka_unit_test(test_codec_compare__as_python_does),
        cmocka_unit_test(test_codec_compare__what_can_be_a_key),
        cmocka_unit_test(test_codec_compare__equal_keys_have_equal_hashes),
        cmocka_unit_test(test_codec_compare__a_nan_equals_nothing_wherever_it_is),
        cmocka_unit_test(test_codec_compare__maps_with_a_key_twice),
        cmocka_unit_test(test_codec_compare__large_maps_in_any_order),
        cmocka_unit_test(test_codec_compare__a_million_nan_as_keys),
        cmocka_unit_test(test_codec_compare__sequences_with_nan_are_in_some_order),
        cmocka_unit_test(test_codec_compare__sums),
        cmocka_unit_test(test_codec_compare__references_are_counted),
        cmocka_unit_test(test_codec_compare__how_deep_it_may_be),
    };
    return cmocka_run_group_tests(tests, table_begin, table_end);
}
