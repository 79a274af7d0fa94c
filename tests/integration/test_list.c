/*
 * Lists: what every function of <ipc/list.h> gives, and what it refuses. Slices are held against a model of Python's.
 * Touches a hub of its own for every test, which it may kill, threads and a forked child.
 */
#include "containers.h"
#include "support/call.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_all(ipc_list *list, const char *text)
{
    ipc_msg *all;
    CHECK_OK(ipc_list_slice(list, IPC_OMITTED, IPC_OMITTED, 1, &all));
    CHECK_VALUE(all, text);
}

static void begin_with(ipc_list *list, const char *text)
{
    CHECK_OK(ipc_list_clear(list));
    ipc_msg *all = value(text);
    CHECK_OK(ipc_list_extend(list, all));
    ipc_msg_free(all);
}

static ipc_err with(ipc_err (*run)(ipc_list *list, const ipc_msg *value), ipc_list *list, const char *text)
{
    ipc_msg *msg = value(text);
    ipc_err err = run(list, msg);
    ipc_msg_free(msg);
    return err;
}

static ipc_err at(ipc_err (*run)(ipc_list *list, int64_t index, const ipc_msg *value), ipc_list *list, int64_t index,
                  const char *text)
{
    ipc_msg *msg = value(text);
    ipc_err err = run(list, index, msg);
    ipc_msg_free(msg);
    return err;
}

static uint64_t length_of(ipc_list *list)
{
    uint64_t length = 999;
    CHECK_OK(ipc_list_length(list, &length));
    return length;
}

/* ---- one value ---- */

static void test_list__what_was_stored_is_there(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_list *mine = list_of(a, "jobs", "[]");
    ipc_list *theirs = list_of(b, "jobs", "[]");
    ipc_msg *msg;
    CHECK_OK(with(ipc_list_append, mine, "{\"n\": 1}"));
    CHECK_OK(with(ipc_list_append, mine, "2"));
    CHECK_OK(with(ipc_list_extend, theirs, "[3.5, \"four\"]"));
    CHECK_OK(ipc_list_get(theirs, 0, &msg));
    CHECK_VALUE(msg, "{\"n\": 1}");
    CHECK_OK(ipc_list_get(mine, -1, &msg));
    CHECK_VALUE(msg, "\"four\"");
    CHECK_OK(at(ipc_list_set, mine, -3, "20"));
    expect_all(theirs, "[{\"n\": 1}, 20, 3.5, \"four\"]");
    CHECK_INT(length_of(mine), 4);
    CHECK_OK(ipc_list_delete(mine, 0));
    CHECK_OK(ipc_list_pop(theirs, -1, &msg));
    CHECK_VALUE(msg, "\"four\"");
    CHECK_OK(ipc_list_pop(theirs, 0, &msg));
    CHECK_VALUE(msg, "20");
    GIVES(mine, POP, "[]", "3.5");
    expect_all(mine, "[]");
    CHECK(strcmp(ipc_list_name(mine), "jobs") == 0);
    ipc_list_free(mine);
    ipc_list_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_list__insert(void **state)
{
    static const int64_t places[] = {0, 1, -1, 3, 4, 100, -3, -100, INT64_MAX, INT64_MIN};
    static const char *const after[] = {
        "[9, 1, 2, 3]", "[1, 9, 2, 3]", "[1, 2, 9, 3]", "[1, 2, 3, 9]", "[1, 2, 3, 9]",
        "[1, 2, 3, 9]", "[9, 1, 2, 3]", "[9, 1, 2, 3]", "[1, 2, 3, 9]", "[9, 1, 2, 3]",
    };
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        begin_with(list, "[1, 2, 3]");
        CHECK_OK(at(ipc_list_insert, list, places[i], "9"));
        expect_all(list, after[i]);
    }
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void test_list__indexes_beyond_the_ends(void **state)
{
    static const int64_t none[] = {3, -4, INT64_MAX, INT64_MIN};
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[1, 2, 3]");
    ipc_msg *msg = (ipc_msg *)conn;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK_ERR(ipc_list_get(list, none[i], &msg), IPC_EINDEX);
        CHECK(msg == NULL);
        CHECK_ERR(at(ipc_list_set, list, none[i], "9"), IPC_EINDEX);
        CHECK_ERR(ipc_list_delete(list, none[i]), IPC_EINDEX);
        CHECK_ERR(ipc_list_pop(list, none[i], &msg), IPC_EINDEX);
    }
    CHECK_ERR(ipc_list_get(list, -4, &msg), IPC_EINDEX);
    CHECK_WORDS("index -4 is none of the 3 there are");
    FAILS(list, GET, "[18446744073709551615]", IPC_EINDEX, "beyond 64 bits");
    FAILS(list, GET, "[\"0\"]", IPC_EKIND, "argument 1 has to be an integer");
    FAILS(list, GET, "[0.0]", IPC_EKIND, "argument 1 has to be an integer");
    FAILS(list, INCREMENT, "[7, 1]", IPC_EINDEX, "none of the 3");
    FAILS(list, COMPARE_SET, "[7, [1], [2]]", IPC_EINDEX, "none of the 3");
    GIVES(list, GET, "[true]", "2"); /* as in Python */
    expect_all(list, "[1, 2, 3]");
    CHECK_OK(ipc_list_clear(list));
    CHECK_ERR(ipc_list_pop(list, -1, &msg), IPC_EINDEX);
    CHECK_WORDS("the list is empty");
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void test_list__looking_for_a_value(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[\"a\", 1, 2.0, 1.0, [1], true, nan, null, {\"x\": 1, \"y\": 2}]");
    ipc_msg *one = value("1");
    ipc_msg *two = value("2");
    ipc_msg *none = value("b\"a\"");
    ipc_msg *nan = value("nan");
    uint64_t number;
    CHECK_OK(ipc_list_index(list, one, &number));
    CHECK_INT(number, 1);
    CHECK_OK(ipc_list_count(list, one, &number));
    CHECK_INT(number, 3);
    CHECK_OK(ipc_list_index(list, two, &number));
    CHECK_INT(number, 2);
    CHECK_ERR(ipc_list_index(list, none, &number), IPC_EABSENT);
    CHECK_WORDS("no value in the list equals that one");
    CHECK_INT(number, 0);
    CHECK_OK(ipc_list_count(list, nan, &number));
    CHECK_INT(number, 0);
    GIVES(list, CONTAINS, "[{\"y\": 2.0, \"x\": true}]", "true");
    GIVES(list, CONTAINS, "[{\"y\": 2.0}]", "false");
    GIVES(list, INDEX, "[1, 2]", "3");
    GIVES(list, INDEX, "[1, -5, -3]", "5");
    GIVES(list, INDEX, "[null, -100, 100]", "7");
    GIVES(list, INDEX, "[null, 0, 18446744073709551615]", "7");
    FAILS(list, INDEX, "[1, 4, 5]", IPC_EABSENT, "no value");
    FAILS(list, INDEX, "[1, 18446744073709551615]", IPC_EABSENT, "no value");
    CHECK_OK(ipc_list_remove(list, one));
    CHECK_OK(ipc_list_remove(list, one));
    CHECK_OK(ipc_list_remove(list, one));
    CHECK_ERR(ipc_list_remove(list, one), IPC_EABSENT);
    CHECK_ERR(ipc_list_remove(list, nan), IPC_EABSENT);
    expect_all(list, "[\"a\", 2.0, [1], nan, null, {\"x\": 1, \"y\": 2}]");
    ipc_msg_free(one);
    ipc_msg_free(two);
    ipc_msg_free(none);
    ipc_msg_free(nan);
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void test_list__steps_on_one_value(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[1, \"a\", 9223372036854775807, 0.5]");
    GIVES(list, INCREMENT, "[0, 41]", "42");
    GIVES(list, INCREMENT, "[-1, 1]", "1.5");
    FAILS(list, INCREMENT, "[1, 1]", IPC_EKIND, "only numbers");
    FAILS(list, INCREMENT, "[2, 1]", IPC_ERANGE, "beyond 64 bits");
    GIVES(list, COMPARE_SET, "[1, [\"a\"], [\"b\"]]", "true");
    GIVES(list, COMPARE_SET, "[1, [\"a\"], [\"c\"]]", "false");
    GIVES(list, COMPARE_SET, "[0, [42.0], [0]]", "true");
    FAILS(list, COMPARE_SET, "[0, [], [1]]", IPC_EKIND, "neither the old nor the new one can be absent");
    FAILS(list, COMPARE_SET, "[0, [0], []]", IPC_EKIND, "neither the old nor the new one can be absent");
    GIVES(list, COPY, "[]", "[0, \"b\", 9223372036854775807, 1.5]");
    ipc_list_free(list);
    ipc_conn_free(conn);
}

/* ---- slices ---- */

enum { MOST = 24 };

/* A list of small numbers, and what Python would do with it. */
struct model {
    int values[MOST];
    int count;
};

static bool is_in(int64_t index, const int64_t *places, int count)
{
    for (int i = 0; i < count; i++) {
        if (places[i] == index) {
            return true;
        }
    }
    return false;
}

/* The places of a slice, one after the other, as range(*slice(start, stop, step).indices(length)) has them. */
static int places_of(int64_t length, int64_t start, int64_t stop, int64_t step, int64_t *places)
{
    int64_t low = step > 0 ? 0 : -1;
    int64_t high = step > 0 ? length : length - 1;
    int64_t ends[2] = {start, stop};
    for (int i = 0; i < 2; i++) {
        if (ends[i] == IPC_OMITTED) {
            ends[i] = (step > 0) == (i == 0) ? low : high;
            continue;
        }
        ends[i] += ends[i] < 0 ? length : 0;
        ends[i] = ends[i] < low ? low : ends[i] > high ? high : ends[i];
    }
    int count = 0;
    for (int64_t here = ends[0]; step > 0 ? here < ends[1] : here > ends[1]; here += step) {
        places[count++] = here;
    }
    return count;
}

static void write_model(const struct model *model, char *text)
{
    text += sprintf(text, "[");
    for (int i = 0; i < model->count; i++) {
        text += sprintf(text, "%s%d", i ? "," : "", model->values[i]);
    }
    sprintf(text, "]");
}

static struct model counting(int count, int from)
{
    struct model model = {.count = count};
    for (int i = 0; i < count; i++) {
        model.values[i] = from + i;
    }
    return model;
}

static void check_slice(ipc_list *list, int length, int64_t start, int64_t stop, int64_t step)
{
    int64_t places[MOST];
    struct model slice = {.count = places_of(length, start, stop, step, places)};
    for (int i = 0; i < slice.count; i++) {
        slice.values[i] = (int)places[i];
    }
    char text[200];
    write_model(&slice, text);
    ipc_msg *got;
    CHECK_OK(ipc_list_slice(list, start, stop, step, &got));
    CHECK_VALUE(got, text);
}

static void test_list__every_slice(void **state)
{
    enum { FAR = 7 };
    ipc_conn *conn = connect_to(*state);
    for (int length = 0; length < 6; length++) {
        char text[200];
        struct model model = counting(length, 0);
        write_model(&model, text);
        ipc_list *list = list_of(conn, NULL, text);
        for (int64_t start = -FAR; start <= FAR; start++) {
            for (int64_t stop = -FAR; stop <= FAR; stop++) {
                for (int64_t step = -3; step <= 3; step += step == -1 ? 2 : 1) {
                    check_slice(list, length, start, stop, step);
                }
            }
            check_slice(list, length, start, IPC_OMITTED, start < 0 ? -1 : 2);
            check_slice(list, length, IPC_OMITTED, start, start < 0 ? 2 : -1);
        }
        ipc_list_free(list);
    }
    ipc_conn_free(conn);
}

static void test_list__slices_far_out(void **state)
{
    static const struct {
        const char *arguments, *result;
    } rows[] = {
        {"[null, null, null]", "[0, 1, 2, 3]"},
        {"[1, 9223372036854775807, 1]", "[1, 2, 3]"},
        {"[1, null, 9223372036854775807]", "[1]"},
        {"[-9223372036854775808, null, 2]", "[0, 2]"},
        {"[null, null, -9223372036854775807]", "[3]"},
        {"[null, null, -9223372036854775808]", "[3]"},
        {"[2, null, 18446744073709551615]", "[2]"},
        {"[0, 18446744073709551615, 1]", "[0, 1, 2, 3]"},
        {"[18446744073709551615, null, -1]", "[3, 2, 1, 0]"},
        {"[false, true, true]", "[0]"},
    };
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[0, 1, 2, 3]");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        GIVES(list, GET_SLICE, rows[i].arguments, rows[i].result);
    }
    ipc_msg *got;
    CHECK_ERR(ipc_list_slice(list, 0, 1, 0, &got), IPC_EINVAL);
    CHECK_WORDS("a slice's step is not 0");
    CHECK(got == NULL);
    FAILS(list, GET_SLICE, "[0, \"1\", 1]", IPC_EKIND, "argument 2 has to be an integer");
    FAILS(list, GET_SLICE, "[0, 1, 1.0]", IPC_EKIND, "argument 3 has to be an integer");
    CHECK_OK(ipc_list_delete_slice(list, 1, IPC_OMITTED, INT64_MAX));
    expect_all(list, "[0, 2, 3]");
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void check_deletion(ipc_list *list, int length, int64_t start, int64_t stop, int64_t step)
{
    char text[200];
    int64_t places[MOST];
    int count = places_of(length, start, stop, step, places);
    struct model before = counting(length, 0);
    struct model after = {.count = 0};
    for (int i = 0; i < length; i++) {
        if (!is_in(i, places, count)) {
            after.values[after.count++] = i;
        }
    }
    write_model(&before, text);
    begin_with(list, text);
    CHECK_OK(ipc_list_delete_slice(list, start, stop, step));
    write_model(&after, text);
    expect_all(list, text);
}

static void test_list__every_slice_is_deleted(void **state)
{
    enum { FAR = 6 };
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    for (int length = 0; length < 6; length += length ? 4 : 1) {
        for (int64_t start = -FAR; start <= FAR; start++) {
            for (int64_t stop = -FAR; stop <= FAR; stop++) {
                for (int64_t step = -3; step <= 3; step += step == -1 ? 2 : 1) {
                    check_deletion(list, length, start, stop, step);
                }
            }
        }
    }
    CHECK_ERR(ipc_list_delete_slice(list, 0, 1, 0), IPC_EINVAL);
    ipc_list_free(list);
    ipc_conn_free(conn);
}

/* So many of 100, 101, … are put where a slice was. */
static void check_replacement(ipc_list *list, int length, int64_t start, int64_t stop, int64_t step, int new_count)
{
    char text[200];
    int64_t places[MOST];
    int count = places_of(length, start, stop, step, places);
    struct model before = counting(length, 0);
    struct model new = counting(new_count, 100);
    struct model after = before;
    if (step == 1) {
        int from = (int)(start < 0 ? start + length : start);
        from = from < 0 ? 0 : from > length ? length : from;
        after.count = 0;
        memcpy(after.values + from, new.values, sizeof(int) * (size_t)new_count);
        memcpy(after.values + from + new_count, before.values + from + count,
               sizeof(int) * (size_t)(length - from - count));
        after.count = length - count + new_count;
    }
    for (int i = 0; step != 1 && i < count; i++) {
        after.values[places[i]] = new.values[i];
    }
    write_model(&before, text);
    begin_with(list, text);
    write_model(&new, text);
    ipc_msg *values = value(text);
    bool fits = step == 1 || count == new_count;
    CHECK_ERR(ipc_list_set_slice(list, start, stop, step, values), fits ? IPC_OK : IPC_EINVAL);
    ipc_msg_free(values);
    write_model(fits ? &after : &before, text);
    expect_all(list, text);
}

static void test_list__every_slice_is_replaced(void **state)
{
    enum { FAR = 6 };
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    uint64_t before = hub_number(conn, "memory");
    for (int length = 0; length < 6; length += length ? 4 : 1) {
        for (int64_t start = -FAR; start <= FAR; start++) {
            for (int64_t stop = -FAR; stop <= FAR; stop++) {
                check_replacement(list, length, start, stop, 1, (int)(start & 3));
                check_replacement(list, length, start, stop, 2, 2);
                check_replacement(list, length, start, stop, -2, 3);
                check_replacement(list, length, start, stop, -1, 2);
            }
        }
    }
    ipc_msg *values = value("[1]");
    CHECK_ERR(ipc_list_set_slice(list, 0, 4, 2, values), IPC_EINVAL);
    CHECK_WORDS("1 values cannot replace an extended slice of 2");
    CHECK_ERR(ipc_list_set_slice(list, 0, 4, 0, values), IPC_EINVAL);
    CHECK_ERR(ipc_list_set_slice(list, 0, 4, 1, NULL), IPC_EINVAL);
    ipc_msg_free(values);
    FAILS(list, SET_SLICE, "[0, 1, 1, 7]", IPC_EKIND, "argument 4 has to be a sequence");
    CHECK_OK(ipc_list_clear(list));
    CHECK(hub_number(conn, "memory") <= before + 64); /* the list's own room for some */
    ipc_list_free(list);
    CHECK_INT(hub_number(conn, "memory"), 0);
    ipc_conn_free(conn);
}

/* ---- order ---- */

static void check_sorted(ipc_list *list, const char *before, const char *up, const char *down)
{
    begin_with(list, before);
    CHECK_OK(ipc_list_sort(list, false));
    expect_all(list, up);
    begin_with(list, before);
    CHECK_OK(ipc_list_sort(list, true));
    expect_all(list, down);
}

static void test_list__sort(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    check_sorted(list, "[]", "[]", "[]");
    check_sorted(list, "[null]", "[null]", "[null]"); /* there is nothing to compare it with */
    check_sorted(list, "[3, 1.0, true, 2, 1]", "[1.0, true, 1, 2, 3]", "[3, 2, 1.0, true, 1]");
    check_sorted(list, "[2.5, -1, 18446744073709551615, nan, -inf, 9007199254740993, 9007199254740992.0]",
                 "[-inf, -1, 2.5, 9007199254740992.0, 9007199254740993, 18446744073709551615, nan]",
                 "[nan, 18446744073709551615, 9007199254740993, 9007199254740992.0, 2.5, -1, -inf]");
    check_sorted(list, "[\"b\", \"\", \"aa\", \"é\", \"a\", \"z\"]", "[\"\", \"a\", \"aa\", \"b\", \"z\", \"é\"]",
                 "[\"é\", \"z\", \"b\", \"aa\", \"a\", \"\"]");
    check_sorted(list, "[b\"b\", b\"a\"]", "[b\"a\", b\"b\"]", "[b\"b\", b\"a\"]");
    check_sorted(list, "[[2], [1, \"b\"], [1, \"a\"], [], [1.0]]", "[[], [1.0], [1, \"a\"], [1, \"b\"], [2]]",
                 "[[2], [1, \"b\"], [1, \"a\"], [1.0], []]");
    check_sorted(list, "[[null, 2], [null, 1]]", "[[null, 1], [null, 2]]", "[[null, 2], [null, 1]]");
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void test_list__what_cannot_be_sorted(void **state)
{
    static const char *const mixed[] = {"[3, 1, \"a\", 2]", "[2, 1, null]", "[\"b\", b\"a\"]",     "[null, null]",
                                        "[{}, {}]",         "[[1], 1]",     "[[1, \"a\"], [1, 2]]"};
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++) {
        begin_with(list, mixed[i]);
        CHECK_ERR(ipc_list_sort(list, false), IPC_EKIND);
        CHECK_WORDS("can be put in order, each among their own");
        expect_all(list, mixed[i]);
    }
    FAILS(list, SORT, "[1]", IPC_EKIND, "argument 1 has to be true or false");
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void test_list__a_long_list_is_sorted(void **state)
{
    enum { LONG = 2000 };
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    unsigned random = 1;
    for (int i = 0; i < LONG; i++) { /* [key, when it came], with few keys */
        ipc_msg *pair;
        random = random * 1103515245 + 12345;
        CHECK_OK(ipc_pack(&pair, "[i]", (int)(random >> 16) % 500));
        CHECK_OK(ipc_list_append(list, pair));
        ipc_msg_free(pair);
    }
    CHECK_OK(ipc_list_sort(list, false));
    int last = -1;
    for (int i = 0; i < LONG; i++) {
        ipc_msg *pair;
        int key;
        CHECK_OK(ipc_list_get(list, i, &pair));
        CHECK_OK(ipc_unpack(pair, "[i]", &key));
        ipc_msg_free(pair);
        CHECK(key >= last);
        last = key;
    }
    CHECK_INT(length_of(list), LONG);
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void test_list__all_of_it(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[1, 2, 3]");
    CHECK_OK(ipc_list_reverse(list));
    expect_all(list, "[3, 2, 1]");
    GIVES(list, REPEAT, "[2]", "null");
    expect_all(list, "[3, 2, 1, 3, 2, 1]");
    GIVES(list, REPEAT, "[1]", "null");
    FAILS(list, REPEAT, "[9223372036854775807]", IPC_EMEMORY, "is too long");
    GIVES(list, REPEAT, "[-1]", "null");
    expect_all(list, "[]");
    CHECK_OK(ipc_list_reverse(list));
    CHECK_OK(with(ipc_list_extend, list, "[]"));
    CHECK_ERR(with(ipc_list_extend, list, "7"), IPC_EKIND);
    CHECK_WORDS("argument 1 has to be a sequence");
    CHECK_ERR(with(ipc_list_extend, list, "{1: 2}"), IPC_EKIND);
    expect_all(list, "[]");
    ipc_list_free(list);
    ipc_conn_free(conn);
}

/* ---- what is refused, and ends ---- */

static void test_list__arguments_that_are_none(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_list *list;
    uint64_t number;
    ipc_list_options options = IPC_LIST_OPTIONS_INIT;
    CHECK_ERR(ipc_list_open(NULL, conn, "x", NULL), IPC_EINVAL);
    CHECK_ERR(ipc_list_attach(NULL, conn, NULL), IPC_EINVAL);
    options.mode = IPC_OPEN_ATTACH;
    CHECK_ERR(ipc_list_open(&list, conn, "jobs", &options), IPC_ENOENT);
    CHECK(list == NULL);
    options.size = 0;
    CHECK_ERR(ipc_list_open(&list, conn, "jobs", &options), IPC_EINVAL);
    CHECK_WORDS("ipc_list_options.size is 0");
    list = list_of(conn, NULL, "[1]");
    CHECK_ERR(ipc_list_append(list, NULL), IPC_EINVAL);
    CHECK_WORDS("a value is NULL");
    CHECK_ERR(ipc_list_set(list, 0, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_list_insert(list, 0, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_list_extend(list, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_list_remove(list, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_list_index(list, NULL, &number), IPC_EINVAL);
    CHECK_ERR(ipc_list_count(list, NULL, &number), IPC_EINVAL);
    CHECK_ERR(ipc_list_invoke(list, IPC_METHOD_KEYS, NULL, NULL), IPC_EINVAL);
    CHECK_WORDS("a list has no method 16");
    CHECK_ERR(ipc_list_invoke_packed(list, IPC_METHOD_APPEND, "\x91\xa1\xff", 3, NULL), IPC_EBADMSG);
    CHECK_WORDS("a text is not UTF-8");
    expect_all(list, "[1]");
    ipc_list_free(list);
    ipc_list_free(NULL);
    ipc_list_close(NULL);
    ipc_conn_free(conn);
}

static void test_list__ends(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_list *mine = list_of(a, "jobs", "[1, 2]");
    ipc_list *theirs;
    ipc_msg *ticket;
    CHECK_OK(ipc_list_share(mine, &ticket));
    CHECK_OK(ipc_list_attach(&theirs, b, ticket));
    expect_all(theirs, "[1, 2]");
    ipc_msg_free(ticket);
    ipc_list_close(mine);
    CHECK_ERR(ipc_list_reverse(mine), IPC_ECLOSED);
    CHECK_OK(ipc_unlink(a, "jobs"));
    CHECK_ERR(ipc_list_reverse(theirs), IPC_EDELETED);
    ipc_list_free(mine);
    ipc_list_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_list__the_hub_is_killed(void **state)
{
    place *where = *state;
    ipc_conn *conn = connect_to(where);
    ipc_list *list = list_of(conn, "jobs", "[1]");
    pid_t pid = place_hub_pid(where);
    CHECK(pid > 0);
    CHECK_INT(kill(pid, SIGKILL), 0);
    EVENTUALLY(hub_pid(where->address) != pid);
    CHECK_ERR(with(ipc_list_append, list, "2"), IPC_ELOST);
    CHECK_OK(with(ipc_list_append, list, "3"));
    expect_all(list, "[3]");
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static ipc_err append_some(void *list)
{
    ipc_err err = IPC_OK;
    for (int i = 0; i < 200 && !err; i++) {
        err = with(ipc_list_append, list, "1");
        err = err ? err : with(ipc_list_append, list, "2");
        err = err ? err : with(ipc_list_remove, list, "1");
    }
    return err;
}

static int child_appends(void *list)
{
    CHECK_OK(append_some(list));
    return 0;
}

static void test_list__threads_and_a_child_append(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    pid_t child = FORKS_WORK && place_hub_pid(*state) ? fork_child(child_appends, list) : 0;
    call threads[2];
    call_start(&threads[0], append_some, list);
    call_start(&threads[1], append_some, list);
    CHECK_OK(call_result(&threads[0], DEADLINE_MS));
    CHECK_OK(call_result(&threads[1], DEADLINE_MS));
    if (child) {
        child_succeeds(child);
    }
    CHECK_INT(length_of(list), child ? 600 : 400);
    ipc_list_free(list);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_list__what_was_stored_is_there),
        ON_LANE(test_list__insert, inproc),
        ON_EVERY_LANE(test_list__indexes_beyond_the_ends),
        ON_EVERY_LANE(test_list__looking_for_a_value),
        ON_LANE(test_list__steps_on_one_value, inproc),
        ON_LANE(test_list__every_slice, inproc),
        ON_LANE(test_list__slices_far_out, inproc),
        ON_LANE(test_list__every_slice_is_deleted, inproc),
        ON_LANE(test_list__every_slice_is_replaced, inproc),
        ON_EVERY_LANE(test_list__sort),
        ON_LANE(test_list__what_cannot_be_sorted, inproc),
        ON_LANE(test_list__a_long_list_is_sorted, inproc),
        ON_LANE(test_list__all_of_it, inproc),
        ON_EVERY_LANE(test_list__arguments_that_are_none),
        ON_EVERY_LANE(test_list__ends),
        ON_LANE(test_list__the_hub_is_killed, named),
        ON_LANE(test_list__threads_and_a_child_append, named),
        ON_LANE(test_list__threads_and_a_child_append, inproc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
