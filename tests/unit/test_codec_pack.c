/*
 * Tests of packing by a format: the bytes of every letter, and what is refused in which words.
 * Touches memory alone. One thread.
 */
#include "codec_support.h"

#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

/* Pack, compare, and see that the result passes the pre-scan that the other end will make. */
#define assert_packs(hex, ...)                                                                                         \
    do {                                                                                                               \
        ipc_msg *packed_ = NULL;                                                                                       \
        assert_int_equal(ipc_pack(&packed_, __VA_ARGS__), IPC_OK);                                                     \
        assert_bytes(packed_, hex);                                                                                    \
        assert_true(packed_->checked);                                                                                 \
        assert_int_equal(ipc_msg_check(packed_->data, packed_->length), IPC_OK);                                       \
        ipc_msg_free(packed_);                                                                                         \
    } while (0)

/* Refused with this code and these words; out is NULL then. */
#define assert_refuses(err, says, ...)                                                                                 \
    do {                                                                                                               \
        ipc_msg before_ = {.length = 0};                                                                               \
        ipc_msg *packed_ = &before_;                                                                                   \
        assert_int_equal(ipc_pack(&packed_, __VA_ARGS__), err);                                                        \
        assert_null(packed_);                                                                                          \
        assert_string_equal(ipc_last_error(), says);                                                                   \
    } while (0)

static void test_codec_pack__null_and_booleans(void **state)
{
    (void)state;
    assert_packs("c0", "n");
    assert_packs("c3", "b", 1);
    assert_packs("c3", "b", -7);
    assert_packs("c2", "b", 0);
}

static void test_codec_pack__integers_take_the_shortest_form(void **state)
{
    (void)state;
    assert_packs("00", "i", 0);
    assert_packs("7f", "i", 127);
    assert_packs("cc80", "i", 128);
    assert_packs("e0", "i", -32);
    assert_packs("d0df", "i", -33);
    assert_packs("ce7fffffff", "i", INT_MAX);
    assert_packs("d280000000", "i", INT_MIN);
    assert_packs("cd0100", "I", (int64_t)256);
    assert_packs("cf7fffffffffffffff", "I", INT64_MAX);
    assert_packs("d38000000000000000", "I", INT64_MIN);
    assert_packs("05", "U", (uint64_t)5);
    assert_packs("cfffffffffffffffff", "U", UINT64_MAX);
}

static void test_codec_pack__floats_are_doubles(void **state)
{
    (void)state;
    assert_packs("cb4008000000000000", "f", 3.0);
    assert_packs("cb8000000000000000", "f", -0.0);
    assert_packs("cb7fefffffffffffff", "f", DBL_MAX);
}

static void test_codec_pack__texts_and_bytes(void **state)
{
    (void)state;
    assert_packs("a0", "s", "");
    assert_packs("a568c3a96c6f", "s", "h\xc3\xa9lo");
    assert_packs("a3610062", "S", "a\0bcd", (size_t)3);
    assert_packs("a0", "S", NULL, (size_t)0);
    assert_packs("c403ff0061", "B", "\xff\0abc", (size_t)3);
    assert_packs("c400", "B", NULL, (size_t)0);
}

static void test_codec_pack__moments(void **state)
{
    (void)state;
    assert_packs("d6ff00000005", "t", &(struct timespec){.tv_sec = 5});
    assert_packs("d6ffffffffff", "t", &(struct timespec){.tv_sec = 0xffffffff});
    assert_packs("d7ff0000000400000005", "t", &(struct timespec){.tv_sec = 5, .tv_nsec = 1});
    assert_packs("d7ff0000000100000000", "t", &(struct timespec){.tv_sec = 0x100000000});
    assert_packs("c70cff3b9ac9ffffffffffffffffff", "t", &(struct timespec){.tv_sec = -1, .tv_nsec = 999999999});
}

static void test_codec_pack__sequences_and_maps(void **state)
{
    (void)state;
    assert_packs("90", "[]");
    assert_packs("80", "{}");
    assert_packs("9301c093c20203", "[i,n,[b,i,i]]", 1, 0, 2, 3);
    assert_packs("82a2696407a27879 92cb3ff8000000000000cb4004000000000000", "{s:i,s:[f,f]}", "id", 7, "xy", 1.5, 2.5);
    assert_packs("929081a17880", "[[],{s:{}}]", "x");
    assert_packs("dc001000000000000000000000000000000000", "[iiiiiiiiiiiiiiii]", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                 0, 0, 0);
}

static void test_codec_pack__blanks_are_for_the_eye(void **state)
{
    (void)state;
    assert_packs("81a17892c001", "{s[ni]}", "x", 1);
    assert_packs("81a17892c001", " { s : [ n , i ] } ", "x", 1);
}

static void test_codec_pack__values_packed_before(void **state)
{
    (void)state;
    ipc_msg *inner;
    assert_int_equal(ipc_pack(&inner, "[i,s]", 1, "x"), IPC_OK);
    assert_packs("9201a178", "v", inner);
    assert_packs("82a161 9201a178 a162 9201a178", "{s:v,s:v}", "a", inner, "b", inner);
    ipc_msg_free(inner);
}

static void test_codec_pack__a_value_that_was_not_checked_is_checked(void **state)
{
    (void)state;
    ipc_msg *two = ipc__msg_new(2); /* two values: put into a sequence, it would count wrong */
    assert_non_null(two);
    memset(two->bytes, 0xc0, 2);
    assert_refuses(IPC_EBADMSG, "bytes are left behind the value: offset 1 of 2 bytes", "[v]", two);
    assert_refuses(IPC_EBADMSG, "bytes are left behind the value: offset 1 of 2 bytes", "v", two);
    ipc_msg_free(two);
}

/* depth openers, inside, depth closers */
static void format_nested(char *format, unsigned depth, const char *inside)
{
    size_t length = strlen(inside);
    memset(format, '[', depth);
    memcpy(format + depth, inside, length);
    memset(format + depth + length, ']', depth);
    format[2 * depth + length] = '\0';
}

static void test_codec_pack__the_depth_is_that_of_the_scan(void **state)
{
    (void)state;
    char format[100];
    ipc_msg *deepest;
    format_nested(format, 32, "n");
    assert_int_equal(ipc_pack(&deepest, format), IPC_OK);
    assert_int_equal(ipc_msg_check(deepest->data, deepest->length), IPC_OK);
    assert_packs("91919191919191919191919191919191 91919191919191919191919191919191 c0", "v", deepest);
    assert_refuses(IPC_EDEPTH, "nested deeper than 32: offset 32 of 34 bytes; ipc_set_value_limits() allows more",
                   "[v]", deepest);
    assert_refuses(IPC_EDEPTH, "nested deeper than 32: offset 34 of 36 bytes; ipc_set_value_limits() allows more",
                   "{s:v}", "x", deepest);
    ipc_msg_free(deepest);
    format_nested(format, 33, "");
    assert_refuses(
        IPC_EFORMAT,
        "character 33 ('[') of the format \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\""
        ": nested deeper than 32",
        format);
}

static void test_codec_pack__text_has_to_be_utf8(void **state)
{
    (void)state;
    assert_refuses(IPC_EBADMSG,
                   "character 4 ('s') of the format \"{s:s}\": the text is not UTF-8 at its byte 2: bytes go with B",
                   "{s:s}", "key", "ab\xff");
    assert_refuses(IPC_EBADMSG,
                   "character 2 ('s') of the format \"{s:s}\": the text is not UTF-8 at its byte 0: bytes go with B",
                   "{s:s}", "\xc0\x80", "x");
    assert_refuses(IPC_EBADMSG,
                   "character 1 ('S') of the format \"S\": the text is not UTF-8 at its byte 1: bytes go with B", "S",
                   "a\xc3\xa9", (size_t)2);
}

static void test_codec_pack__null_arguments(void **state)
{
    (void)state;
    assert_refuses(IPC_EINVAL, "character 1 ('s') of the format \"s\": the text is NULL", "s", NULL);
    assert_refuses(IPC_EINVAL, "character 2 ('s') of the format \"{s:i}\": the text is NULL", "{s:i}", NULL, 1);
    assert_refuses(IPC_EINVAL, "character 1 ('S') of the format \"S\": the text is NULL", "S", NULL, (size_t)1);
    assert_refuses(IPC_EINVAL, "character 1 ('B') of the format \"B\": the bytes are NULL", "B", NULL, (size_t)1);
    assert_refuses(IPC_EINVAL, "character 1 ('t') of the format \"t\": the moment is NULL", "t", NULL);
    assert_refuses(IPC_EINVAL, "character 1 ('v') of the format \"v\": the message is NULL", "v", NULL);
    ipc_msg *out;
    assert_int_equal(ipc_pack(&out, NULL), IPC_EINVAL);
    assert_int_equal(ipc_pack(NULL, "n"), IPC_EINVAL);
}

static void test_codec_pack__arguments_out_of_range(void **state)
{
    (void)state;
    const char *says = "character 1 ('t') of the format \"t\": the moment's nanoseconds are not from 0 to 999999999";
    assert_refuses(IPC_EINVAL, says, "t", &(struct timespec){.tv_nsec = 1000000000});
    assert_refuses(IPC_EINVAL, says, "t", &(struct timespec){.tv_nsec = -1});
    const size_t large = (size_t)UINT32_MAX + 1; /* refused before the first byte is looked at */
    assert_refuses(IPC_ETOOBIG, "character 1 ('S') of the format \"S\": a text of 4 GiB or more", "S", "x", large);
    assert_refuses(IPC_ETOOBIG, "character 1 ('B') of the format \"B\": bytes of 4 GiB or more", "B", "x", large);
}

typedef struct wrong {
    const char *format;
    const char *place; /* how the text begins, up to the format */
    const char *why;
} wrong;

static const wrong wrongs[] = {
    {"", "at the end", "it names no value"},
    {" ,: ", "at the end", "it names no value"},
    {"q", "character 1 ('q')", "no letter of a format"},
    {"[x]", "character 2 ('x')", "no letter of a format"},
    {"*", "character 1 ('*')", "no letter of a format"},
    {"{?s:i}", "character 2 ('?')", "no letter of a format"},
    {"[i!]", "character 3 ('!')", "no letter of a format"},
    {"ii", "character 2 ('i')", "a second value: put them into a sequence, [ ]"},
    {"[][]", "character 3 ('[')", "a second value: put them into a sequence, [ ]"},
    {"[", "at the end", "a '[' or '{' is not closed"},
    {"[{s:i}", "at the end", "a '[' or '{' is not closed"},
    {"]", "character 1 (']')", "it closes nothing that is open here"},
    {"[}", "character 2 ('}')", "it closes nothing that is open here"},
    {"{s:[i}]", "character 6 ('}')", "it closes nothing that is open here"},
    {"[]]", "character 3 (']')", "it closes nothing that is open here"},
    {"{s}", "character 3 ('}')", "a key without a value"},
    {"{s:i,s}", "character 7 ('}')", "a key without a value"},
    {"{i:i}", "character 2 ('i')", "a map's key must be a text (s)"},
    {"{S:i}", "character 2 ('S')", "a map's key must be a text (s)"},
    {"{s:i,{}:i}", "character 6 ('{')", "a map's key must be a text (s)"},
};

/* No argument is there to be read: the format is refused before. */
static void test_codec_pack__wrong_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        char says[200];
        snprintf(says, sizeof says, "%s of the format \"%s\": %s", wrongs[i].place, wrongs[i].format, wrongs[i].why);
        assert_refuses(IPC_EFORMAT, says, wrongs[i].format);
    }
}

static void test_codec_pack__large_values_are_whole(void **state)
{
    (void)state;
    const size_t lengths[] = {31, 32, 255, 256, 4000, 5000, 65535, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        block b = {malloc(lengths[i]), lengths[i]};
        assert_non_null(b.bytes);
        memset(b.bytes, 'x', b.length);
        ipc_msg *msg;
        assert_int_equal(ipc_pack(&msg, "[S,B]", (const char *)b.bytes, b.length, b.bytes, b.length), IPC_OK);
        const char *text;
        const void *bytes;
        size_t text_length;
        size_t bytes_length;
        assert_int_equal(ipc_unpack(msg, "[S,B!]", &text, &text_length, &bytes, &bytes_length), IPC_OK);
        assert_int_equal(text_length, b.length);
        assert_int_equal(bytes_length, b.length);
        assert_memory_equal(text, b.bytes, b.length);
        assert_memory_equal(bytes, b.bytes, b.length);
        ipc_msg_free(msg);
        block_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_pack__null_and_booleans),
        cmocka_unit_test(test_codec_pack__integers_take_the_shortest_form),
        cmocka_unit_test(test_codec_pack__floats_are_doubles),
        cmocka_unit_test(test_codec_pack__texts_and_bytes),
        cmocka_unit_test(test_codec_pack__moments),
        cmocka_unit_test(test_codec_pack__sequences_and_maps),
        cmocka_unit_test(test_codec_pack__blanks_are_for_the_eye),
        cmocka_unit_test(test_codec_pack__values_packed_before),
        cmocka_unit_test(test_codec_pack__a_value_that_was_not_checked_is_checked),
        cmocka_unit_test(test_codec_pack__the_depth_is_that_of_the_scan),
        cmocka_unit_test(test_codec_pack__text_has_to_be_utf8),
        cmocka_unit_test(test_codec_pack__null_arguments),
        cmocka_unit_test(test_codec_pack__arguments_out_of_range),
        cmocka_unit_test(test_codec_pack__wrong_formats),
        cmocka_unit_test(test_codec_pack__large_values_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
