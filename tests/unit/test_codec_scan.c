/*
 * Tests of the pre-scan: what is one well-formed value, what is not, and where and why not.
 * Touches memory alone. One thread.
 */
#include "codec_support.h"

static void assert_accepted(const char *hex)
{
    block b = block_hex(hex);
    if (ipc_msg_check(b.bytes, b.length) != IPC_OK) {
        fail_msg("%s is refused: %s", hex, ipc_last_error());
    }
    block_free(b);
}

static void assert_refused(const char *hex, const char *reason, size_t offset)
{
    block b = block_hex(hex);
    char text[200];
    snprintf(text, sizeof text, "%s: offset %zu of %zu bytes", reason, offset, b.length);
    if (ipc_msg_check(b.bytes, b.length) != IPC_EBADMSG) {
        fail_msg("%s is accepted", hex);
    }
    assert_string_equal(ipc_last_error(), text);
    block_free(b);
}

static const char *const values[] = {
    "c0",
    "c2",
    "c3", /* null and booleans */
    "00",
    "7f",
    "e0",
    "ff",
    "ccff",
    "cdffff",
    "ceffffffff", /* integers */
    "cfffffffffffffffff",
    "d080",
    "d18000",
    "d280000000",
    "d38000000000000000",
    "ca3f800000",
    "cb3ff0000000000000",
    "cb7ff8000000000000", /* floats */
    "a0",
    "a161",
    "d90161",
    "da000161",
    "db0000000161", /* text */
    "c400",
    "c401ff",
    "c50001ff",
    "c600000001ff", /* bytes */
    "d40100",
    "d5010000",
    "d60100000000",
    "d7ff0000000000000000", /* extensions */
    "d80100000000000000000000000000000000",
    "c70005",
    "c7010500",
    "c800010500",
    "c90000000105ff",
    "90",
    "9101",
    "dc0000",
    "dc000101",
    "dd0000000101", /* sequences */
    "80",
    "810102",
    "de0000",
    "de00010102",
    "df000000010102", /* maps */
    "83a16101a16202a16393c0c2c3",
    "9281a1619190c0",
};

static void test_codec_scan__every_form_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_accepted(values[i]);
    }
}

static void test_codec_scan__a_value_cut_short_is_refused_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        block whole = block_hex(values[i]);
        for (size_t length = 0; length < whole.length; length++) {
            block cut = block_copy(whole.bytes, length);
            assert_int_equal(ipc_msg_check(cut.bytes, cut.length), IPC_EBADMSG);
            block_free(cut);
        }
        block_free(whole);
    }
}

static void test_codec_scan__a_byte_too_many_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char hex[200];
        snprintf(hex, sizeof hex, "%sc0", values[i]);
        assert_refused(hex, "bytes are left behind the value", strlen(values[i]) / 2);
    }
}

static void test_codec_scan__the_reason_and_the_offset_are_told(void **state)
{
    (void)state;
    block none = block_hex("");
    assert_int_equal(ipc_msg_check(none.bytes, 0), IPC_EBADMSG);
    assert_string_equal(ipc_last_error(), "no bytes, where one value should be");
    block_free(none);
    assert_refused("c1", "the byte 0xc1 is reserved", 0);
    assert_refused("92c0c1", "the byte 0xc1 is reserved", 2);
    assert_refused("92c0cd00", "the bytes end inside a value", 2);
    assert_refused("d9", "the bytes end inside a value", 0);
    assert_refused("d4", "the bytes end inside a value", 0);
    assert_refused("93c0a26162", "the bytes end where a value should begin", 5);
    assert_refused("91a26b", "more bytes are announced than are left", 1);
    assert_refused("91c4ff00", "more bytes are announced than are left", 1);
    assert_refused("c7020500", "more bytes are announced than are left", 0);
    assert_refused("9201", "more elements are announced than bytes are left", 0);
    assert_refused("8101", "more elements are announced than bytes are left", 0);
}

static void test_codec_scan__a_count_is_held_against_the_bytes_left(void **state)
{
    (void)state;
    assert_refused("ddffffffff", "more elements are announced than bytes are left", 0);
    assert_refused("dfffffffff", "more elements are announced than bytes are left", 0);
    assert_refused("df80000000", "more elements are announced than bytes are left", 0); /* twice that is 0 in 32 bits */
    assert_refused("dcffff", "more elements are announced than bytes are left", 0);
    assert_refused("deffff", "more elements are announced than bytes are left", 0);
    assert_refused("92c0dd7fffffff", "more elements are announced than bytes are left", 2);
    assert_refused("dbffffffff", "more bytes are announced than are left", 0);
    assert_refused("c6ffffffff", "more bytes are announced than are left", 0);
    assert_refused("c9ffffffff01", "more bytes are announced than are left", 0);
}

/* Sequences in sequences, with head as the innermost. */
static block nested(unsigned depth, unsigned char innermost)
{
    unsigned char bytes[200];
    assert_true(depth > 0 && depth <= sizeof bytes);
    memset(bytes, 0x91, depth);
    bytes[depth - 1] = innermost;
    return block_copy(bytes, depth);
}

static void test_codec_scan__a_depth_of_32_is_the_deepest(void **state)
{
    (void)state;
    const unsigned char innermost[] = {0x90, 0x80};
    for (size_t i = 0; i < sizeof innermost; i++) {
        block deepest = nested(32, innermost[i]);
        assert_int_equal(ipc_msg_check(deepest.bytes, deepest.length), IPC_OK);
        block_free(deepest);
        block deeper = nested(33, innermost[i]);
        assert_int_equal(ipc_msg_check(deeper.bytes, deeper.length), IPC_EDEPTH);
        assert_string_equal(ipc_last_error(),
                            "nested deeper than 32: offset 32 of 33 bytes; ipc_set_value_limits() allows more");
        block_free(deeper);
    }
    block scalar = nested(33, 0xc0);
    assert_int_equal(ipc_msg_check(scalar.bytes, scalar.length), IPC_OK);
    block_free(scalar);
}

/* A sequence of count nulls. */
static block flat(uint32_t count)
{
    block b = {malloc(count + 5u), count + 5u};
    assert_non_null(b.bytes);
    memset(b.bytes, 0xc0, b.length);
    b.bytes[0] = 0xdd;
    for (unsigned i = 0; i < 4; i++) {
        b.bytes[1 + i] = (unsigned char)(count >> (24 - 8 * i));
    }
    return b;
}

static void test_codec_scan__the_number_of_values_has_a_limit(void **state)
{
    (void)state;
    block most = flat(IPC__ELEMENTS - 1);
    assert_int_equal(ipc_msg_check(most.bytes, most.length), IPC_OK);
    block_free(most);
    block over = flat(IPC__ELEMENTS);
    assert_int_equal(ipc_msg_check(over.bytes, over.length), IPC_EELEMENTS);
    assert_says("of more values than 16777216: offset 0 of");
    block_free(over);
}

static void test_codec_scan__limits_are_the_programs(void **state)
{
    (void)state;
    const ipc_value_limits wrong[] = {{sizeof(ipc_value_limits), 0, 1},
                                      {sizeof(ipc_value_limits), 129, 1},
                                      {sizeof(ipc_value_limits), 1, 0},
                                      {0, 32, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(ipc_set_value_limits(&wrong[i]), IPC_EINVAL);
    }
    assert_int_equal(ipc_get_value_limits().max_depth, 32);
    assert_int_equal(ipc_set_value_limits(&(ipc_value_limits){sizeof(ipc_value_limits), 128, 130}), IPC_OK);
    block deep = nested(128, 0x90);
    assert_int_equal(ipc_msg_check(deep.bytes, deep.length), IPC_OK);
    block_free(deep);
    block deeper = nested(129, 0x90);
    assert_int_equal(ipc_msg_check(deeper.bytes, deeper.length), IPC_EDEPTH);
    block_free(deeper);
    block more = flat(130);
    assert_int_equal(ipc_msg_check(more.bytes, more.length), IPC_EELEMENTS);
    block_free(more);
    assert_int_equal(ipc_set_value_limits(NULL), IPC_OK);
    assert_int_equal(ipc_get_value_limits().max_elements, 1 << 24);
}

static void test_codec_scan__a_key_is_a_scalar(void **state)
{
    (void)state;
    const char *keys[] = {"c0",   "c3",     "05",           "ff",      "cfffffffffffffffff", "cb3ff0000000000000",
                          "a161", "c40161", "d6ff00000000", "c70141ff"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char hex[100];
        snprintf(hex, sizeof hex, "82a17ac0%s90", keys[i]);
        assert_accepted(hex);
    }
    assert_refused("8190c0", "a map's key is no scalar", 1);
    assert_refused("8180c0", "a map's key is no scalar", 1);
    assert_refused("82a16191c091c0c0", "a map's key is no scalar", 5);
    assert_refused("81d44200c0", "a map's key is no scalar", 1);
}

typedef struct text_case {
    const char *hex;
    int bad; /* the offset of what is wrong in the text; -1: nothing */
} text_case;

static const text_case texts[] = {
    {"", -1},
    {"00", -1},
    {"7f", -1},
    {"c280", -1},
    {"dfbf", -1},
    {"e0a080", -1},
    {"ed9fbf", -1},
    {"ee8080", -1},
    {"efbfbf", -1},
    {"f0908080", -1},
    {"f48fbfbf", -1},
    {"efbbbf", -1},
    {"80", 0},
    {"bf", 0},
    {"c080", 0}, /* overlong NUL */
    {"c1bf", 0},
    {"e08080", 0},
    {"e09fbf", 0},
    {"f0808080", 0},
    {"f08fbfbf", 0},
    {"eda080", 0},
    {"edbfbf", 0}, /* surrogates */
    {"f4908080", 0},
    {"f5808080", 0},
    {"f8888080", 0},
    {"fe", 0},
    {"ff", 0},
    {"c2", 0},
    {"c241", 0},
    {"e0a0", 0},
    {"e0a041", 0},
    {"f09080", 0},
    {"f0908041", 0},
    {"e241a1", 0},
    {"4142c3", 2},
    {"41c3a9ff", 3},
    {"c3a9e2", 2},
    /* around the eight bytes that are looked at together */
    {"6162636465666768", -1},
    {"616263646566676880", 8},
    {"6162636465666780", 7},
    {"8061626364656667", 0},
    {"61626364656667c3a9", -1},
    {"6162636465666768c3a96162636465ff", 15},
    {"6162636465666768616263646566f09f9880", -1},
};

static void test_codec_scan__text_is_strict_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char hex[100];
        snprintf(hex, sizeof hex, "d9%02zx%s", strlen(texts[i].hex) / 2, texts[i].hex);
        if (texts[i].bad < 0) {
            assert_accepted(hex);
        } else {
            assert_refused(hex, "a text is not UTF-8", 2 + (size_t)texts[i].bad);
        }
    }
}

static size_t utf8_encode(uint32_t point, unsigned char *out)
{
    if (point < 0x80) {
        out[0] = (unsigned char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (unsigned char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (unsigned char)((0xf00u >> length & 0xf0u) | point);
    return length;
}

static void test_codec_scan__every_code_point_and_no_surrogate(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x1fffff; point++) {
        unsigned char bytes[4];
        size_t length = utf8_encode(point, bytes);
        bool is_character = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
        if (ipc__utf8_span(bytes, length) != (is_character ? length : 0)) {
            fail_msg("U+%X", point);
        }
    }
}

/* Of all pairs of bytes, those are text that two ASCII characters or one of two bytes make. */
static void test_codec_scan__every_pair_of_bytes(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        const unsigned char bytes[] = {(unsigned char)(pair >> 8), (unsigned char)pair};
        bool ascii = bytes[0] < 0x80 && bytes[1] < 0x80;
        bool two = bytes[0] >= 0xc2 && bytes[0] <= 0xdf && (bytes[1] & 0xc0) == 0x80;
        assert_int_equal(ipc__utf8_span(bytes, 2) == 2, ascii || two);
    }
}

static void test_codec_scan__null_is_an_argument_error(void **state)
{
    (void)state;
    assert_int_equal(ipc_msg_check(NULL, 1), IPC_EINVAL);
    assert_int_equal(ipc_msg_check(NULL, 0), IPC_EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_scan__every_form_is_accepted),
        cmocka_unit_test(test_codec_scan__a_value_cut_short_is_refused_at_every_length),
        cmocka_unit_test(test_codec_scan__a_byte_too_many_is_refused),
        cmocka_unit_test(test_codec_scan__the_reason_and_the_offset_are_told),
        cmocka_unit_test(test_codec_scan__a_count_is_held_against_the_bytes_left),
        cmocka_unit_test(test_codec_scan__a_depth_of_32_is_the_deepest),
        cmocka_unit_test(test_codec_scan__the_number_of_values_has_a_limit),
        cmocka_unit_test(test_codec_scan__limits_are_the_programs),
        cmocka_unit_test(test_codec_scan__a_key_is_a_scalar),
        cmocka_unit_test(test_codec_scan__text_is_strict_utf8),
        cmocka_unit_test(test_codec_scan__every_code_point_and_no_surrogate),
        cmocka_unit_test(test_codec_scan__every_pair_of_bytes),
        cmocka_unit_test(test_codec_scan__null_is_an_argument_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
