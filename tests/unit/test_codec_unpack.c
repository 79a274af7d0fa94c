/*
 * Tests of unpacking by a format: every letter, lookup in maps, the marks, and what is refused in which words.
 * Touches memory alone. One thread.
 */
#include "codec_support.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#define assert_unpacks(msg, ...) assert_int_equal(ipc_unpack(msg, __VA_ARGS__), IPC_OK)

#define assert_refuses(err, says, msg, ...)                                                                            \
    do {                                                                                                               \
        assert_int_equal(ipc_unpack(msg, __VA_ARGS__), err);                                                           \
        assert_string_equal(ipc_last_error(), says);                                                                   \
    } while (0)

static void test_codec_unpack__null_booleans_and_anything(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("95c0c3c2 9201a16b 05");
    int yes = 7;
    int no = 7;
    int last = 0;
    assert_unpacks(msg, "[n,b,b,*,i!]", &yes, &no, &last);
    assert_int_equal(yes, 1);
    assert_int_equal(no, 0);
    assert_int_equal(last, 5);
    ipc_msg_free(msg);
}

static void test_codec_unpack__integers_to_the_bounds_of_their_types(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("97 d280000000 ce7fffffff d38000000000000000 cf7fffffffffffffff cfffffffffffffffff 05 00");
    int least;
    int most;
    int64_t least64;
    int64_t most64;
    uint64_t most_u;
    uint64_t five;
    uint64_t zero;
    assert_unpacks(msg, "[i,i,I,I,U,U,U!]", &least, &most, &least64, &most64, &most_u, &five, &zero);
    assert_true(least == INT_MIN && most == INT_MAX);
    assert_true(least64 == INT64_MIN && most64 == INT64_MAX);
    assert_true(most_u == UINT64_MAX && five == 5 && zero == 0);
    ipc_msg_free(msg);
}

static void test_codec_unpack__an_integer_never_wraps(void **state)
{
    (void)state;
    int i = 1;
    int64_t wide = 1;
    uint64_t u = 1;
    const char *fits_no_int =
        "character 1 ('i') of the format \"i\": the integer does not fit an int: take it with I or U";
    const char *not_int[] = {"ce80000000", "d37fffffffffffffff", "cfffffffffffffffff", "d3ffffffff7fffffff"};
    for (size_t n = 0; n < sizeof not_int / sizeof *not_int; n++) {
        ipc_msg *msg = msg_hex(not_int[n]);
        assert_refuses(IPC_EFORMAT, fits_no_int, msg, "i", &i);
        ipc_msg_free(msg);
    }
    ipc_msg *large = msg_hex("cf8000000000000000");
    assert_refuses(IPC_EFORMAT,
                   "character 1 ('I') of the format \"I\": the integer does not fit an int64_t: take it with U", large,
                   "I", &wide);
    ipc_msg_free(large);
    ipc_msg *negative = msg_hex("ff");
    assert_refuses(IPC_EFORMAT,
                   "character 1 ('U') of the format \"U\": "
                   "the integer is negative, which a uint64_t cannot hold: take it with I",
                   negative, "U", &u);
    ipc_msg_free(negative);
    assert_true(i == 1 && wide == 1 && u == 1);
}

static void test_codec_unpack__f_takes_any_number(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("95 cb3ff8000000000000 ca3f000000 fe 05 cf8000000000000000");
    double f[5];
    assert_unpacks(msg, "[f,f,f,f,f!]", &f[0], &f[1], &f[2], &f[3], &f[4]);
    const double expected[] = {1.5, 0.5, -2.0, 5.0, 0x1p63};
    assert_memory_equal(f, expected, sizeof expected);
    ipc_msg_free(msg);
}

static void test_codec_unpack__texts_end_in_nul(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("93 a26869 a0 a3c3a921"); /* each followed by a byte that is not NUL, or by none */
    const char *hi;
    const char *empty;
    const char *last;
    assert_unpacks(msg, "[s,s,s]", &hi, &empty, &last);
    assert_string_equal(hi, "hi");
    assert_string_equal(empty, "");
    assert_string_equal(last, "\xc3\xa9!");
    ipc_msg_free(msg);
}

static void test_codec_unpack__a_nul_inside_is_for_S(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("a3610062");
    const char *text = NULL;
    size_t length;
    assert_refuses(IPC_EFORMAT, "character 1 ('s') of the format \"s\": the text has a NUL inside: take it with S", msg,
                   "s", &text);
    assert_null(text);
    assert_unpacks(msg, "S", &text, &length);
    assert_int_equal(length, 3);
    assert_memory_equal(text, "a\0b", 3);
    ipc_msg_free(msg);
}

static void test_codec_unpack__S_and_B_point_into_the_message(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("92 a26869 c402ff00");
    const char *text;
    const void *bytes;
    size_t text_length;
    size_t bytes_length;
    assert_unpacks(msg, "[S,B]", &text, &text_length, &bytes, &bytes_length);
    assert_ptr_equal(text, msg->data + 2);
    assert_int_equal(text_length, 2);
    assert_ptr_equal(bytes, msg->data + 6);
    assert_int_equal(bytes_length, 2);
    ipc_msg_free(msg);
}

static void test_codec_unpack__moments_in_their_three_forms(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("93 d6ffffffffff d7ffee6b27fc00000005 c70cff3b9ac9ffffffffffffffffff");
    struct timespec t[3];
    assert_unpacks(msg, "[t,t,t]", &t[0], &t[1], &t[2]);
    assert_true(t[0].tv_sec == 0xffffffff && t[0].tv_nsec == 0);
    assert_true(t[1].tv_sec == 5 && t[1].tv_nsec == 999999999);
    assert_true(t[2].tv_sec == -1 && t[2].tv_nsec == 999999999);
    ipc_msg_free(msg);
}

static void test_codec_unpack__what_is_no_moment(void **state)
{
    (void)state;
    const char *wrong[] = {"d44100", "d5ff0000", "c703ff000000", "d641ffffffff", "05"};
    struct timespec t = {.tv_sec = 77};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ipc_msg *msg = msg_hex(wrong[i]);
        assert_int_equal(ipc_unpack(msg, "t", &t), IPC_EFORMAT);
        assert_says("it wants a moment");
        ipc_msg_free(msg);
    }
    const char *over[] = {"d7ffee6b280000000005", "c70cff3b9aca000000000000000005"};
    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        ipc_msg *msg = msg_hex(over[i]);
        assert_refuses(IPC_EFORMAT, "character 1 ('t') of the format \"t\": the moment does not fit a timespec", msg,
                       "t", &t);
        ipc_msg_free(msg);
    }
    assert_int_equal(t.tv_sec, 77);
}

static void test_codec_unpack__v_is_a_copy_of_its_own(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("93 01 82a16191c0a16202 03");
    ipc_msg *inner;
    ipc_msg *whole;
    int last;
    msg->attempt = 4;
    assert_unpacks(msg, "[*,v,i]", &inner, &last);
    assert_unpacks(msg, "v", &whole);
    ipc_msg_free(msg);
    assert_int_equal(last, 3);
    assert_bytes(inner, "82a16191c0a16202");
    assert_bytes(whole, "930182a16191c0a1620203");
    assert_true(inner->checked);
    assert_int_equal(ipc_msg_attempt(whole), 0);
    ipc_msg_free(inner);
    ipc_msg_free(whole);
}

static void test_codec_unpack__keys_are_looked_up_in_any_order(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("84 a16101 a162920203 01a17a a163a178"); /* one key is an integer */
    int a = 0;
    int b[2] = {0};
    const char *c = NULL;
    assert_unpacks(msg, "{s:i,s:[i,i],s:s}", "a", &a, "b", &b[0], &b[1], "c", &c);
    assert_true(a == 1 && b[0] == 2 && b[1] == 3);
    assert_string_equal(c, "x");
    a = b[0] = b[1] = 0;
    c = NULL;
    assert_unpacks(msg, "{s:s,s:[i,i],s:i}", "c", &c, "b", &b[0], &b[1], "a", &a);
    assert_true(a == 1 && b[0] == 2 && b[1] == 3);
    assert_string_equal(c, "x");
    ipc_msg_free(msg);
}

static void test_codec_unpack__a_key_is_its_whole_text(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("84 a2616201 a16102 c401780a a0 04"); /* ab: 1, a: 2, the bytes x: 10, empty: 4 */
    int a;
    int none;
    assert_unpacks(msg, "{s:i,s:i}", "a", &a, "", &none);
    assert_true(a == 2 && none == 4);
    assert_refuses(IPC_EFORMAT, "character 2 ('s') of the format \"{s:i}\": the map has no such key (key \"x\")", msg,
                   "{s:i}", "x", &a);
    ipc_msg_free(msg);
}

static void test_codec_unpack__an_absent_key_leaves_its_outs_alone(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("81a17a05");
    ipc_msg *kept = msg_hex("c0");
    ipc_msg *v = kept;
    int i = 11;
    int64_t wide = 12;
    const char *s = "old";
    const void *bytes = "old";
    size_t length = 13;
    struct timespec t = {.tv_sec = 14};
    int z;
    assert_unpacks(msg, "{?s:i,?s:[I,{s:s!}!],?s:B,?s:t,?s:v,?s:n,?s:*,s:i!}", "a", &i, "b", &wide, "c", &s, "d",
                   &bytes, &length, "e", &t, "f", &v, "g", "h", "z", &z);
    assert_true(i == 11 && wide == 12 && length == 13 && t.tv_sec == 14 && z == 5);
    assert_string_equal(s, "old");
    assert_string_equal(bytes, "old");
    assert_ptr_equal(v, kept);
    ipc_msg_free(kept);
    ipc_msg_free(msg);
}

static void test_codec_unpack__an_optional_key_that_is_there_counts(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("82a16105a162c0");
    int a = 0;
    assert_unpacks(msg, "{?s:i,?s:n!}", "a", &a, "b");
    assert_int_equal(a, 5);
    assert_refuses(IPC_EFORMAT,
                   "character 9 ('i') of the format \"{?s:i,s:i}\": it wants an integer, the value is null (key \"b\")",
                   msg, "{?s:i,s:i}", "a", &a, "b", &a);
    ipc_msg_free(msg);
}

static void test_codec_unpack__more_is_passed_over_unless_sealed(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("82 a161930102 03 a162c0");
    int i;
    assert_unpacks(msg, "{s:[i]}", "a", &i);
    assert_unpacks(msg, "{}");
    assert_unpacks(msg, "{s:[i,i,i!],s:n!}", "a", &i, &i, &i, "b");
    assert_refuses(IPC_EFORMAT,
                   "character 8 ('!') of the format \"{s:[i,i!],s:n!}\": "
                   "the sequence has more elements than the format names",
                   msg, "{s:[i,i!],s:n!}", "a", &i, &i, "b");
    assert_refuses(IPC_EFORMAT,
                   "character 5 ('!') of the format \"{s:*!}\": the map has keys that the format does not name", msg,
                   "{s:*!}", "a");
    assert_refuses(IPC_EFORMAT,
                   "character 2 ('!') of the format \"{!}\": the map has keys that the format does not name", msg,
                   "{!}");
    ipc_msg_free(msg);
}

static void test_codec_unpack__a_sequence_that_is_too_short(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("9101");
    int i;
    assert_refuses(IPC_EFORMAT, "character 4 ('i') of the format \"[i,i]\": the sequence has no further element", msg,
                   "[i,i]", &i, &i);
    assert_refuses(IPC_EFORMAT, "character 4 ('[') of the format \"[i,[]]\": the sequence has no further element", msg,
                   "[i,[]]", &i);
    ipc_msg_free(msg);
}

/* Every letter meets every kind of value: taken or refused, as the table says. */
static void test_codec_unpack__every_letter_meets_every_kind(void **state)
{
    (void)state;
    const char *hex[] = {
        "c0", "c3",           "05",    "cfffffffffffffffff", "cb3ff8000000000000", "a161", "c40161", "90",
        "80", "d6ff00000005", "d44100"};
    const struct {
        const char *format;
        const char *taken; /* one '1' a value above */
    } table[] = {{"n", "10000000000"},  {"b", "01000000000"}, {"i", "00100000000"}, {"I", "00100000000"},
                 {"U", "00110000000"},  {"f", "00111000000"}, {"s", "00000100000"}, {"S", "00000100000"},
                 {"B", "00000010000"},  {"t", "00000000010"}, {"v", "11111111111"}, {"*", "11111111111"},
                 {"[]", "00000001000"}, {"{}", "00000000100"}};
    for (size_t i = 0; i < sizeof hex / sizeof *hex; i++) {
        ipc_msg *msg = msg_hex(hex[i]);
        for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
            union {
                int64_t i;
                double f;
                const char *text;
                struct timespec t;
                ipc_msg *v;
            } out = {.v = NULL};
            size_t length;
            ipc_err err = ipc_unpack(msg, table[k].format, &out, &length);
            if (err != (table[k].taken[i] == '1' ? IPC_OK : IPC_EFORMAT)) {
                fail_msg("%s meets %s: %d", table[k].format, hex[i], err);
            }
            if (table[k].format[0] == 'v') {
                ipc_msg_free(out.v);
            }
        }
        ipc_msg_free(msg);
    }
}

static void test_codec_unpack__a_mismatch_says_where_and_what(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("82 a2696407 a2787992 c3 a161");
    const char *text;
    double f;
    assert_refuses(IPC_EFORMAT,
                   "character 4 ('s') of the format \"{s:s}\": it wants a text, the value is an integer (key \"id\")",
                   msg, "{s:s}", "id", &text);
    assert_refuses(IPC_EFORMAT,
                   "character 7 ('f') of the format \"{s:[*,f]}\": it wants a number, the value is a text (element 1)",
                   msg, "{s:[*,f]}", "xy", &f);
    assert_refuses(IPC_EFORMAT,
                   "character 4 ('{') of the format \"{s:{}}\": it wants a map, the value is a sequence (key \"xy\")",
                   msg, "{s:{}}", "xy");
    assert_refuses(IPC_EFORMAT, "character 1 ('[') of the format \"[]\": it wants a sequence, the value is a map", msg,
                   "[]");
    ipc_msg_free(msg);
}

static void test_codec_unpack__after_an_error_the_copies_are_taken_back(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("83 a161 01 a162 92 0203 a163 c0");
    ipc_msg *other = msg_hex("c3");
    ipc_msg *first = NULL;
    ipc_msg *second = NULL;
    ipc_msg *absent = other;
    ipc_msg *later = other;
    int i = 0;
    assert_int_equal(ipc_unpack(msg, "{s:v,?s:v,s:[i,v],s:i,s:v}", "a", &first, "nope", &absent, "b", &i, &second, "c",
                                &i, "a", &later),
                     IPC_EFORMAT);
    assert_says("character 21 ('i')");
    assert_null(first);
    assert_null(second);
    assert_ptr_equal(absent, other); /* not ours: left alone */
    assert_ptr_equal(later, other);  /* behind the place */
    assert_int_equal(i, 2);          /* before it */
    ipc_msg_free(other);
    ipc_msg_free(msg);
}

static void test_codec_unpack__copies_are_taken_back_whatever_fails(void **state)
{
    (void)state;
    const char *formats[] = {"[v,!]", "[v,i]", "[v,[b]]", "[v,{}]", "[v,[n,n,n,n]]"};
    ipc_msg *msg = msg_hex("9301 93c0c0c0 c0");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        ipc_msg *copy = NULL;
        int number = 0;
        assert_int_equal(ipc_unpack(msg, formats[i], &copy, &number), IPC_EFORMAT);
        assert_null(copy);
    }
    ipc_msg_free(msg);
}

static void test_codec_unpack__null_arguments(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("81a161a0");
    ipc_msg *taken_back = NULL;
    const char *text;
    size_t length;
    assert_refuses(IPC_EINVAL,
                   "character 4 ('s') of the format \"{s:s}\": the pointer for its value is NULL (key \"a\")", msg,
                   "{s:s}", "a", NULL);
    assert_int_equal(ipc_unpack(msg, "{s:S}", "a", &text, NULL), IPC_EINVAL);
    assert_int_equal(ipc_unpack(msg, "{s:S}", "a", NULL, &length), IPC_EINVAL);
    assert_int_equal(ipc_unpack(msg, "{?s:i}", "b", NULL), IPC_EINVAL); /* also where the value is absent */
    assert_refuses(IPC_EINVAL, "character 6 ('s') of the format \"{s:v,s:i}\": the key is NULL", msg, "{s:v,s:i}", "a",
                   &taken_back, NULL, &length);
    assert_null(taken_back);
    assert_int_equal(ipc_unpack(NULL, "n"), IPC_EINVAL);
    assert_int_equal(ipc_unpack(msg, NULL), IPC_EINVAL);
    ipc_msg_free(msg);
}

typedef struct wrong {
    const char *format;
    const char *place;
    const char *why;
} wrong;

static const wrong wrongs[] = {
    {"", "at the end", "it names no value"},
    {"x", "character 1 ('x')", "no letter of a format"},
    {"!", "character 1 ('!')", "'!' belongs before a ']' or '}'"},
    {"[!i]", "character 3 ('i')", "only a ']' or '}' may stand behind '!'"},
    {"[i!!]", "character 4 ('!')", "only a ']' or '}' may stand behind '!'"},
    {"{s!:i}", "character 3 ('!')", "'!' belongs before a ']' or '}'"},
    {"{s:i!", "at the end", "a '[' or '{' is not closed"},
    {"?i", "character 1 ('?')", "'?' belongs before a map's key"},
    {"[?i]", "character 2 ('?')", "'?' belongs before a map's key"},
    {"{?}", "character 3 ('}')", "'?' belongs before a map's key"},
    {"{??s:i}", "character 3 ('?')", "'?' belongs before a map's key"},
    {"{?!}", "character 3 ('!')", "'?' belongs before a map's key"},
    {"{s?:i}", "character 3 ('?')", "'?' belongs before a map's key"},
    {"{?i:i}", "character 3 ('i')", "'?' belongs before a map's key"},
    {"{*:i}", "character 2 ('*')", "a map's key must be a text (s)"},
    {"{s:i,s}", "character 7 ('}')", "a key without a value"},
    {"**", "character 2 ('*')", "a second value: put them into a sequence, [ ]"},
};

static void test_codec_unpack__wrong_formats(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("80");
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        char says[200];
        snprintf(says, sizeof says, "%s of the format \"%s\": %s", wrongs[i].place, wrongs[i].format, wrongs[i].why);
        assert_refuses(IPC_EFORMAT, says, msg, wrongs[i].format);
    }
    ipc_msg_free(msg);
}

static void test_codec_unpack__an_unchecked_message_is_checked_first(void **state)
{
    (void)state;
    ipc_msg *msg = ipc__msg_borrow("\x92\x01\xc1", 3, NULL, NULL);
    assert_non_null(msg);
    int i = 9;
    assert_refuses(IPC_EBADMSG, "the byte 0xc1 is reserved: offset 2 of 3 bytes", msg, "[i]", &i);
    assert_int_equal(i, 9);
    ipc_msg_free(msg);
}

static void test_codec_unpack__what_pack_made_comes_back(void **state)
{
    (void)state;
    ipc_msg *msg;
    const struct timespec now = {.tv_sec = 1700000000, .tv_nsec = 123456789};
    assert_int_equal(ipc_pack(&msg, "{s:n,s:b,s:i,s:I,s:U,s:f,s:s,s:S,s:B,s:t,s:[[],{}]}", "n", "b", 1, "i", -5, "I",
                              INT64_MIN, "U", UINT64_MAX, "f", 0.1, "s", "text", "S", "a\0b", (size_t)3, "B",
                              "\xff\xfe", (size_t)2, "t", &now, "nested"),
                     IPC_OK);
    int b;
    int i;
    int64_t wide;
    uint64_t u;
    double f;
    const char *s;
    const char *sized;
    const void *bytes;
    size_t lengths[2];
    struct timespec t;
    assert_unpacks(msg, "{s:n,s:b,s:i,s:I,s:U,s:f,s:s,s:S,s:B,s:t,s:[[!],{!}!]!}", "n", "b", &b, "i", &i, "I", &wide,
                   "U", &u, "f", &f, "s", &s, "S", &sized, &lengths[0], "B", &bytes, &lengths[1], "t", &t, "nested");
    assert_true(b == 1 && i == -5 && wide == INT64_MIN && u == UINT64_MAX);
    assert_true(f >= 0.1 && f <= 0.1);
    assert_string_equal(s, "text");
    assert_true(lengths[0] == 3 && memcmp(sized, "a\0b", 3) == 0);
    assert_true(lengths[1] == 2 && memcmp(bytes, "\xff\xfe", 2) == 0);
    assert_true(t.tv_sec == now.tv_sec && t.tv_nsec == now.tv_nsec);
    ipc_msg_free(msg);
}

/* The deepest format over the deepest value. */
static void test_codec_unpack__a_depth_of_32(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("91919191919191919191919191919191 91919191919191919191919191919191 2a");
    int i = 0;
    assert_unpacks(
        msg, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[i!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]!]", &i);
    assert_int_equal(i, 42);
    assert_int_equal(ipc_unpack(msg, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[i]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", &i),
                     IPC_EFORMAT);
    assert_says("character 33 ('[')");
    assert_says("nested deeper than 32");
    ipc_msg_free(msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_unpack__null_booleans_and_anything),
        cmocka_unit_test(test_codec_unpack__integers_to_the_bounds_of_their_types),
        cmocka_unit_test(test_codec_unpack__an_integer_never_wraps),
        cmocka_unit_test(test_codec_unpack__f_takes_any_number),
        cmocka_unit_test(test_codec_unpack__texts_end_in_nul),
        cmocka_unit_test(test_codec_unpack__a_nul_inside_is_for_S),
        cmocka_unit_test(test_codec_unpack__S_and_B_point_into_the_message),
        cmocka_unit_test(test_codec_unpack__moments_in_their_three_forms),
        cmocka_unit_test(test_codec_unpack__what_is_no_moment),
        cmocka_unit_test(test_codec_unpack__v_is_a_copy_of_its_own),
        cmocka_unit_test(test_codec_unpack__keys_are_looked_up_in_any_order),
        cmocka_unit_test(test_codec_unpack__a_key_is_its_whole_text),
        cmocka_unit_test(test_codec_unpack__an_absent_key_leaves_its_outs_alone),
        cmocka_unit_test(test_codec_unpack__an_optional_key_that_is_there_counts),
        cmocka_unit_test(test_codec_unpack__more_is_passed_over_unless_sealed),
        cmocka_unit_test(test_codec_unpack__a_sequence_that_is_too_short),
        cmocka_unit_test(test_codec_unpack__every_letter_meets_every_kind),
        cmocka_unit_test(test_codec_unpack__a_mismatch_says_where_and_what),
        cmocka_unit_test(test_codec_unpack__after_an_error_the_copies_are_taken_back),
        cmocka_unit_test(test_codec_unpack__copies_are_taken_back_whatever_fails),
        cmocka_unit_test(test_codec_unpack__null_arguments),
        cmocka_unit_test(test_codec_unpack__wrong_formats),
        cmocka_unit_test(test_codec_unpack__an_unchecked_message_is_checked_first),
        cmocka_unit_test(test_codec_unpack__what_pack_made_comes_back),
        cmocka_unit_test(test_codec_unpack__a_depth_of_32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
