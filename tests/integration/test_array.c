/*
 * Arrays and values: what every function of <ipc/array.h> gives, and what it refuses; and their locks.
 * Touches a hub of its own for every test, which it may kill, threads, a forked child and a worker that it kills.
 */
#include "containers.h"
#include "support/call.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t at(ipc_array *array, int64_t index)
{
    int64_t number = -999;
    CHECK_OK(ipc_array_get_int(array, index, &number));
    return number;
}

static void expect_all(ipc_array *array, const char *text)
{
    ipc_msg *all;
    CHECK_OK(ipc_array_slice(array, IPC_OMITTED, IPC_OMITTED, 1, &all));
    CHECK_VALUE(all, text);
}

static ipc_err set_slice(ipc_array *array, int64_t start, int64_t stop, int64_t step, const char *text)
{
    ipc_msg *values = value(text);
    ipc_err err = ipc_array_set_slice(array, start, stop, step, values);
    ipc_msg_free(values);
    return err;
}

static ipc_err open_with(ipc_array **array, ipc_conn *conn, const char *name, char typecode, bool scalar,
                         const char *text)
{
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    ipc_msg *values = value(text);
    options.typecode = typecode;
    options.scalar = scalar;
    options.values = values;
    ipc_err err = ipc_array_open(array, conn, name, &options);
    ipc_msg_free(values);
    return err;
}

/* ---- numbers ---- */

static void test_array__what_was_stored_is_there(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_array *mine = array_of(a, "counts", 'i', 4);
    ipc_array *theirs = array_of(b, "counts", 'i', 4);
    expect_all(theirs, "[0, 0, 0, 0]");
    CHECK_OK(ipc_array_set_int(mine, 0, 7));
    CHECK_OK(ipc_array_set_int(mine, -1, -7));
    CHECK_INT(at(theirs, 0), 7);
    CHECK_INT(at(theirs, 3), -7);
    double f;
    CHECK_OK(ipc_array_get_float(theirs, -1, &f));
    CHECK(f == -7.0);
    int64_t now;
    CHECK_OK(ipc_array_increment(theirs, 1, 5, &now));
    CHECK_INT(now, 5);
    CHECK_OK(ipc_array_increment(mine, 1, -6, NULL));
    expect_all(mine, "[7, -1, 0, -7]");
    GIVES(mine, COPY, "[]", "[7, -1, 0, -7]");
    GIVES(mine, LENGTH, "[]", "4");
    GIVES(mine, COMPARE_SET, "[0, [7.0], [8]]", "true");
    GIVES(mine, COMPARE_SET, "[0, [7], [9]]", "false");
    CHECK_INT(at(theirs, 0), 8);
    CHECK(strcmp(ipc_array_name(mine), "counts") == 0);
    CHECK_INT(ipc_array_typecode(mine), 'i');
    CHECK_INT(ipc_array_length(theirs), 4);
    CHECK(!ipc_array_scalar(mine));
    ipc_array_free(mine);
    ipc_array_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_array__integers_at_their_limits(void **state)
{
    static const struct {
        char code;
        const char *low, *high, *below, *above;
    } rows[] = {
        {'b', "-128", "127", "-129", "128"},
        {'B', "0", "255", "-1", "256"},
        {'h', "-32768", "32767", "-32769", "32768"},
        {'H', "0", "65535", "-1", "65536"},
        {'i', "-2147483648", "2147483647", "-2147483649", "2147483648"},
        {'I', "0", "4294967295", "-1", "4294967296"},
        {'l', "-9223372036854775808", "9223372036854775807", "-9223372036854775808", "9223372036854775808"},
        {'q', "-9223372036854775808", "9223372036854775807", "-9223372036854775808", "9223372036854775808"},
        {'L', "0", "18446744073709551615", "-1", "18446744073709551615"},
        {'Q', "0", "18446744073709551615", "-1", "18446744073709551615"},
    };
    ipc_conn *conn = connect_to(*state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        ipc_array *array = array_of(conn, NULL, rows[i].code, 2);
        CHECK_INT(ipc_array_typecode(array), rows[i].code);
        snprintf(text, sizeof text, "[%s, %s]", rows[i].low, rows[i].high);
        CHECK_OK(set_slice(array, IPC_OMITTED, IPC_OMITTED, 1, text));
        expect_all(array, text);
        const char *const beyond[] = {rows[i].below, rows[i].above};
        for (int j = 0; j < 2; j++) {
            if (strcmp(beyond[j], j ? rows[i].high : rows[i].low) != 0) {
                char arguments[100];
                snprintf(arguments, sizeof arguments, "[0, %s]", beyond[j]);
                FAILS(array, SET, arguments, IPC_ERANGE, "that is beyond typecode");
                snprintf(arguments, sizeof arguments, "[0, 2, null, [1, %s]]", beyond[j]);
                FAILS(array, SET_SLICE, arguments, IPC_ERANGE, "that is beyond typecode");
            }
        }
        FAILS(array, INCREMENT, "[0, -1]", IPC_ERANGE, "beyond");
        FAILS(array, INCREMENT, "[1, 1]", IPC_ERANGE, "beyond");
        FAILS(array, SET, "[0, 1.0]", IPC_EKIND, "is an integer");
        FAILS(array, SET, "[0, \"1\"]", IPC_EKIND, "is an integer");
        FAILS(array, SET_SLICE, "[0, 2, null, [1, null]]", IPC_EKIND, "is an integer");
        FAILS(array, COMPARE_SET, "[0, [0], [0.5]]", IPC_EKIND, "is an integer");
        expect_all(array, text);
        GIVES(array, SET, "[0, true]", "null");
        CHECK_INT(at(array, 0), 1);
        ipc_array_free(array);
    }
    ipc_conn_free(conn);
}

static void test_array__integers_above_an_int64(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_array *array = array_of(conn, NULL, 'Q', 1);
    int64_t number = 7;
    double f;
    GIVES(array, SET, "[0, 9223372036854775808]", "null");
    CHECK_ERR(ipc_array_get_int(array, 0, &number), IPC_ERANGE);
    CHECK_WORDS("beyond an int64_t");
    CHECK_INT(number, 0);
    CHECK_OK(ipc_array_get_float(array, 0, &f));
    CHECK(f == 0x1p63);
    CHECK_ERR(ipc_array_increment(array, 0, 1, NULL), IPC_ERANGE);
    CHECK_OK(ipc_array_increment(array, 0, -1, &number));
    CHECK_INT(number, INT64_MAX);
    CHECK_ERR(ipc_array_set_int(array, 0, -1), IPC_ERANGE);
    CHECK_WORDS("beyond typecode Q: unsigned integers of 64 bits");
    CHECK_ERR(ipc_array_set_float(array, 0, 1), IPC_EKIND);
    ipc_array_free(array);
    ipc_conn_free(conn);
}

static void test_array__floats(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_array *wide = array_of(conn, NULL, 'd', 2);
    ipc_array *narrow = array_of(conn, NULL, 'f', 2);
    CHECK_ERR(ipc_array_set_float(narrow, 0, 1e300), IPC_ERANGE); /* no number becomes an infinity */
    CHECK_OK(ipc_array_set_float(narrow, 0, 1.0 / 0.0));
    double f;
    int64_t number;
    CHECK_OK(ipc_array_set_float(wide, 0, 0.1));
    CHECK_OK(ipc_array_set_float(narrow, 0, 0.1));
    CHECK_OK(ipc_array_get_float(wide, 0, &f));
    CHECK(f == 0.1);
    CHECK_OK(ipc_array_get_float(narrow, 0, &f));
    CHECK(f == (double)0.1F);
    CHECK_OK(ipc_array_set_int(wide, 1, 3));
    CHECK_OK(ipc_array_set_float(narrow, 1, INFINITY));
    expect_all(wide, "[0.10000000000000001, 3.0]");
    CHECK_ERR(ipc_array_get_int(wide, 1, &number), IPC_ERANGE);
    CHECK_WORDS("it is no integer");
    CHECK_ERR(ipc_array_increment(wide, 1, 1, &number), IPC_EKIND);
    CHECK_WORDS("typecode d");
    CHECK_ERR(ipc_array_increment(narrow, 1, 1, NULL), IPC_EKIND);
    expect_all(wide, "[0.10000000000000001, 3.0]"); /* nothing was added */
    GIVES(wide, INCREMENT, "[1, 0.5]", "3.5");
    GIVES(narrow, INCREMENT, "[0, 1]", "1.1000000238418579"); /* as it is stored */
    GIVES(wide, SET, "[0, 18446744073709551615]", "null");
    GIVES(wide, GET, "[0]", "1.8446744073709552e+19");
    FAILS(wide, SET, "[0, \"1\"]", IPC_EKIND, "an element of typecode d is a number");
    GIVES(wide, SET, "[0, nan]", "null");
    GIVES(wide, GET, "[0]", "nan");
    ipc_array_free(wide);
    ipc_array_free(narrow);
    ipc_conn_free(conn);
}

static void test_array__slices(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_array *array;
    ipc_msg *got;
    CHECK_OK(open_with(&array, conn, NULL, 'h', false, "[0, 1, 2, 3, 4]"));
    CHECK_OK(ipc_array_slice(array, 1, -1, 2, &got));
    CHECK_VALUE(got, "[1, 3]");
    CHECK_OK(ipc_array_slice(array, IPC_OMITTED, IPC_OMITTED, -1, &got));
    CHECK_VALUE(got, "[4, 3, 2, 1, 0]");
    CHECK_OK(ipc_array_slice(array, 3, 1, 1, &got));
    CHECK_VALUE(got, "[]");
    CHECK_OK(ipc_array_slice(array, 2, IPC_OMITTED, INT64_MAX, &got));
    CHECK_VALUE(got, "[2]");
    CHECK_ERR(ipc_array_slice(array, 0, 1, 0, &got), IPC_EINVAL);
    CHECK(got == NULL);
    CHECK_OK(set_slice(array, IPC_OMITTED, IPC_OMITTED, -2, "[40, 20, 0]"));
    expect_all(array, "[0, 1, 20, 3, 40]");
    CHECK_OK(set_slice(array, 4, IPC_OMITTED, INT64_MAX, "[4]"));
    CHECK_ERR(set_slice(array, 0, 2, 1, "[1, 2, 3]"), IPC_EINVAL);
    CHECK_WORDS("3 numbers cannot replace 2: an array's length stays");
    CHECK_ERR(set_slice(array, 0, 2, 1, "[7, 32768]"), IPC_ERANGE);
    CHECK_ERR(set_slice(array, 0, 2, 1, "[7, 1.5]"), IPC_EKIND);
    CHECK_ERR(set_slice(array, 0, 2, 1, "7"), IPC_EKIND);
    CHECK_ERR(set_slice(array, 0, 2, 0, "[7, 7]"), IPC_EINVAL);
    CHECK_ERR(ipc_array_set_slice(array, 0, 2, 1, NULL), IPC_EINVAL);
    expect_all(array, "[0, 1, 20, 3, 4]"); /* all, or nothing */
    ipc_array_free(array);
    ipc_conn_free(conn);
}

static void test_array__indexes_beyond_the_ends(void **state)
{
    static const int64_t none[] = {2, -3, INT64_MAX, INT64_MIN};
    ipc_conn *conn = connect_to(*state);
    ipc_array *array = array_of(conn, NULL, 'q', 2);
    int64_t number;
    double f;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK_ERR(ipc_array_get_int(array, none[i], &number), IPC_EINDEX);
        CHECK_ERR(ipc_array_get_float(array, none[i], &f), IPC_EINDEX);
        CHECK_ERR(ipc_array_set_int(array, none[i], 1), IPC_EINDEX);
        CHECK_ERR(ipc_array_set_float(array, none[i], 1), IPC_EINDEX);
        CHECK_ERR(ipc_array_increment(array, none[i], 1, &number), IPC_EINDEX);
    }
    CHECK_WORDS("is none of the 2 there are");
    CHECK_ERR(ipc_array_invoke(array, IPC_METHOD_CLEAR, NULL, NULL), IPC_EINVAL);
    CHECK_WORDS("an array has no method");
    CHECK_ERR(ipc_array_invoke_packed(array, IPC_METHOD_GET, "\x91", 1, NULL), IPC_EBADMSG);
    expect_all(array, "[0, 0]");
    ipc_array_free(array);
    ipc_conn_free(conn);
}

/* ---- opening ---- */

static void test_array__what_makes_one(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_array *array;
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    CHECK_ERR(ipc_array_open(NULL, conn, NULL, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_array_attach(NULL, conn, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_array_open(&array, conn, "a", NULL), IPC_EINVAL);
    CHECK_WORDS("what makes an array says its typecode, and its length or what it begins with");
    CHECK(array == NULL);
    options.typecode = 'x';
    options.length = 2;
    CHECK_ERR(ipc_array_open(&array, conn, "a", &options), IPC_EINVAL);
    CHECK_WORDS("b B h H i I l L q Q f d");
    options.typecode = (char)0xff;
    CHECK_ERR(ipc_array_open(&array, conn, "a", &options), IPC_EINVAL);
    options.typecode = 'b';
    options.length = UINT64_C(1) << 32;
    CHECK_ERR(ipc_array_open(&array, conn, "a", &options), IPC_EINVAL);
    CHECK_WORDS("an array has at most 4294967295 numbers");
    options.length = 0;
    options.scalar = true;
    options.typecode = 0;
    CHECK_ERR(ipc_array_open(&array, conn, "a", &options), IPC_EINVAL);
    CHECK_WORDS("what makes a value says its typecode");
    options.size = 3;
    CHECK_ERR(ipc_array_open(&array, conn, "a", &options), IPC_EINVAL);
    CHECK_ERR(open_with(&array, conn, "a", 'b', false, "[1, 128]"), IPC_ERANGE);
    CHECK_ERR(open_with(&array, conn, "a", 'b', false, "[1, 1.5]"), IPC_EKIND);
    CHECK_ERR(open_with(&array, conn, "a", 'b', false, "7"), IPC_EINVAL);
    CHECK_ERR(open_with(&array, conn, "a", 'b', true, "[1, 2]"), IPC_EINVAL);
    CHECK_WORDS("a value is one number");
    options = (ipc_array_options)IPC_ARRAY_OPTIONS_INIT;
    options.typecode = 'b';
    ipc_msg *large = bytes_of(1024 * 1024, 'x');
    options.values = large;
    CHECK_ERR(ipc_array_open(&array, conn, "a", &options), IPC_ETOOBIG);
    CHECK_WORDS("1 MiB is the most");
    ipc_msg_free(large);
    CHECK_INT(hub_number(conn, "objects"), 0);
    CHECK_INT(hub_number(conn, "memory"), 0);
    CHECK_OK(open_with(&array, conn, "none", 'b', false, "[]"));
    CHECK_INT(ipc_array_length(array), 0);
    expect_all(array, "[]");
    ipc_array_free(array);
    ipc_array_free(NULL);
    ipc_array_close(NULL);
    ipc_conn_free(conn);
}

static void test_array__options_that_differ(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_array *array = array_of(conn, "a", 'h', 3);
    ipc_array *other;
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    CHECK_OK(ipc_array_open(&other, conn, "a", NULL));
    CHECK_INT(ipc_array_typecode(other), 'h');
    CHECK_INT(ipc_array_length(other), 3);
    ipc_array_free(other);
    options.typecode = 'H';
    CHECK_ERR(ipc_array_open(&other, conn, "a", &options), IPC_EOPTIONS);
    CHECK_WORDS("array \"a\" exists with typecode h and length 3; ask for that, or for none");
    options.typecode = 'h';
    options.length = 4;
    CHECK_ERR(ipc_array_open(&other, conn, "a", &options), IPC_EOPTIONS);
    options.length = 3;
    CHECK_OK(ipc_array_open(&other, conn, "a", &options));
    ipc_array_free(other);
    options.mode = IPC_OPEN_AS_IS;
    options.length = 99;
    CHECK_OK(ipc_array_open(&other, conn, "a", &options));
    CHECK_INT(ipc_array_length(other), 3);
    ipc_array_free(other);
    CHECK_OK(ipc_array_set_int(array, 0, 5));
    CHECK_OK(open_with(&other, conn, "a", 'h', false, "[7, 8, 9]")); /* it is there: they are not looked at */
    expect_all(other, "[5, 0, 0]");
    ipc_array_free(other);
    options = (ipc_array_options)IPC_ARRAY_OPTIONS_INIT;
    options.scalar = true;
    CHECK_ERR(ipc_array_open(&other, conn, "a", &options), IPC_ETYPE);
    CHECK_WORDS("\"a\" is an array, not a value");
    ipc_array_free(array);
    ipc_conn_free(conn);
}

static void test_array__a_value_is_one_number(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_array *array;
    ipc_array *same;
    ipc_msg *ticket;
    CHECK_OK(open_with(&array, conn, "n", 'i', true, "[41]"));
    CHECK(ipc_array_scalar(array));
    CHECK_INT(ipc_array_length(array), 1);
    CHECK_OK(ipc_array_increment(array, 0, 1, NULL));
    CHECK_OK(ipc_array_share(array, &ticket));
    CHECK_OK(ipc_array_attach(&same, conn, ticket));
    CHECK(ipc_array_scalar(same));
    CHECK_INT(ipc_array_typecode(same), 'i');
    CHECK_INT(at(same, 0), 42);
    ipc_msg_free(ticket);
    ipc_array_free(same);
    ipc_array_free(array);
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    options.typecode = 'd';
    options.scalar = true;
    options.length = 7; /* of no account */
    CHECK_OK(ipc_array_open(&array, conn, NULL, &options));
    expect_all(array, "[0.0]");
    CHECK(ipc_array_name(array) == NULL);
    ipc_array_free(array);
    ipc_conn_free(conn);
}

static void test_array__ends(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_array *mine = array_of(a, "a", 'b', 1);
    ipc_array *theirs;
    ipc_msg *ticket;
    int64_t number;
    CHECK_OK(ipc_array_share(mine, &ticket));
    CHECK_OK(ipc_array_attach(&theirs, b, ticket));
    ipc_msg_free(ticket);
    ipc_array_close(mine);
    CHECK_ERR(ipc_array_get_int(mine, 0, &number), IPC_ECLOSED);
    CHECK_ERR(ipc_array_acquire(mine, 0, NULL), IPC_ECLOSED);
    CHECK_OK(ipc_unlink(a, "a"));
    CHECK_ERR(ipc_array_set_int(theirs, 0, 1), IPC_EDELETED);
    CHECK_ERR(ipc_array_release(theirs), IPC_EDELETED);
    ticket = value("{}");
    ipc_array_free(mine);
    CHECK_ERR(ipc_array_attach(&mine, b, ticket), IPC_EBADMSG);
    CHECK(mine == NULL);
    ipc_msg_free(ticket);
    ipc_array_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_array__the_hub_is_killed(void **state)
{
    place *where = *state;
    ipc_conn *conn = connect_to(where);
    ipc_array *array = array_of(conn, "a", 'H', 3);
    CHECK_OK(ipc_array_set_int(array, 2, 5));
    pid_t pid = place_hub_pid(where);
    CHECK(pid > 0);
    CHECK_INT(kill(pid, SIGKILL), 0);
    EVENTUALLY(hub_pid(where->address) != pid);
    CHECK_ERR(ipc_array_set_int(array, 2, 6), IPC_ELOST);
    expect_all(array, "[0, 0, 0]"); /* made anew, with what it was made of */
    CHECK_ERR(ipc_array_set_int(array, 2, 65536), IPC_ERANGE);
    ipc_array_free(array);
    ipc_conn_free(conn);
}

/* ---- its lock ---- */

static ipc_err acquire(void *array)
{
    return ipc_array_acquire(array, IPC_FOREVER, NULL);
}

static ipc_err release(void *array)
{
    return ipc_array_release(array);
}

static void test_array__its_lock(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_array *mine = array_of(a, "a", 'b', 1);
    ipc_array *theirs = array_of(b, "a", 'b', 1);
    ipc_grant grant;
    CHECK_ERR(ipc_array_release(mine), IPC_ENOTHELD);
    CHECK_OK(ipc_array_acquire(mine, 0, &grant));
    CHECK_OK(ipc_array_acquire(mine, 0, NULL)); /* again */
    CHECK(!grant.abandoned);
    CHECK_OK(ipc_array_set_int(theirs, 0, 3)); /* who does not ask is not kept out */
    CHECK_ERR(ipc_array_acquire(theirs, 10, NULL), IPC_ETIMEOUT);
    CHECK_ERR(ipc_array_release(theirs), IPC_ENOTOWNER);
    call stranger;
    call_start(&stranger, release, mine); /* another thread of the owner's session */
    CHECK_ERR(call_result(&stranger, PROMPT_MS), IPC_ENOTOWNER);
    call waiter;
    call_start_and_block(&waiter, acquire, theirs);
    CHECK_OK(ipc_array_release(mine));
    CHECK(!atomic_load(&waiter.over));
    CHECK_OK(ipc_array_release(mine));
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    CHECK_ERR(ipc_array_release(mine), IPC_ENOTOWNER);
    ipc_conn_close(b); /* and with it the thread that has it */
    CHECK_OK(ipc_array_acquire(mine, PROMPT_MS, &grant));
    CHECK(grant.abandoned);
    CHECK_OK(ipc_array_release(mine));
    ipc_array_free(mine);
    ipc_array_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

/* ADDRESS: acquires the lock of "a", says so, and waits. */
static int owner_role(char **args)
{
    ipc_conn *conn;
    ipc_array *array;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    CHECK_OK(ipc_array_open(&array, conn, "a", NULL));
    CHECK_OK(ipc_array_acquire(array, IPC_FOREVER, NULL));
    say("mine");
    listen_for_line();
    return 0;
}

static void test_array__an_owner_is_killed(void **state)
{
    const place *where = *state;
    ipc_conn *conn = connect_to(where);
    ipc_array *array = array_of(conn, "a", 'b', 1);
    worker *owner = worker_start("owner", where->address, NULL);
    worker_expect(owner, "mine");
    CHECK_ERR(ipc_array_acquire(array, 0, NULL), IPC_ETIMEOUT);
    worker_kill(owner);
    ipc_grant grant;
    CHECK_OK(ipc_array_acquire(array, DEADLINE_MS, &grant));
    CHECK(grant.abandoned);
    CHECK_OK(ipc_array_release(array));
    ipc_array_free(array);
    ipc_conn_free(conn);
}

enum { TIMES = 100 };

/* Read and write in two steps, under the lock. */
static ipc_err count_up(void *arg)
{
    ipc_array *array = arg;
    for (int i = 0; i < TIMES; i++) {
        CHECK_OK(ipc_array_acquire(array, IPC_FOREVER, NULL));
        CHECK_OK(ipc_array_set_int(array, 0, at(array, 0) + 1));
        CHECK_OK(ipc_array_release(array));
        CHECK_OK(ipc_array_increment(array, 1, 1, NULL));
    }
    return IPC_OK;
}

static int child_counts(void *array)
{
    CHECK_OK(count_up(array));
    return 0;
}

static void test_array__threads_and_a_child_count(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_array *array = array_of(conn, NULL, 'i', 2);
    pid_t child = FORKS_WORK && place_hub_pid(*state) ? fork_child(child_counts, array) : 0;
    call threads[2];
    call_start(&threads[0], count_up, array);
    call_start(&threads[1], count_up, array);
    CHECK_OK(call_result(&threads[0], DEADLINE_MS));
    CHECK_OK(call_result(&threads[1], DEADLINE_MS));
    if (child) {
        child_succeeds(child);
    }
    CHECK_INT(at(array, 0), child ? 3 * TIMES : 2 * TIMES);
    CHECK_INT(at(array, 1), child ? 3 * TIMES : 2 * TIMES);
    ipc_array_free(array);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"owner", owner_role}};
    worker_begin(argc, argv, roles, 2);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_array__what_was_stored_is_there),
        ON_LANE(test_array__integers_at_their_limits, inproc),
        ON_LANE(test_array__integers_above_an_int64, inproc),
        ON_LANE(test_array__floats, inproc),
        ON_EVERY_LANE(test_array__slices),
        ON_LANE(test_array__indexes_beyond_the_ends, inproc),
        ON_EVERY_LANE(test_array__what_makes_one),
        ON_EVERY_LANE(test_array__options_that_differ),
        ON_EVERY_LANE(test_array__a_value_is_one_number),
        ON_EVERY_LANE(test_array__ends),
        ON_LANE(test_array__the_hub_is_killed, named),
        ON_EVERY_LANE(test_array__its_lock),
        AMONG_MORTALS(test_array__an_owner_is_killed),
        ON_LANE(test_array__threads_and_a_child_count, named),
        ON_LANE(test_array__threads_and_a_child_count, inproc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
