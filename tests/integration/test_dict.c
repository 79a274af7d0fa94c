/*
 * Dicts and namespaces: what every function of <ipc/dict.h> gives, and what it refuses.
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

static ipc_err set(ipc_dict *dict, const char *key, const char *text)
{
    ipc_msg *msg = value(text);
    ipc_err err = ipc_dict_set(dict, key, msg);
    ipc_msg_free(msg);
    return err;
}

static void expect_at(ipc_dict *dict, const char *key, const char *text)
{
    ipc_msg *msg;
    CHECK_OK(ipc_dict_get(dict, key, &msg));
    CHECK_VALUE(msg, text);
}

static uint64_t length_of(ipc_dict *dict)
{
    uint64_t length = 999;
    CHECK_OK(ipc_dict_length(dict, &length));
    return length;
}

static bool contains(ipc_dict *dict, const char *key)
{
    bool answer;
    CHECK_OK(ipc_dict_contains(dict, key, &answer));
    return answer;
}

/* ---- one key ---- */

static void test_dict__what_was_stored_is_there(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_dict *mine = dict_of(a, "config");
    ipc_dict *theirs = dict_of(b, "config");
    CHECK_OK(set(mine, "one", "{\"deep\": [1, 2.5, null]}"));
    expect_at(theirs, "one", "{\"deep\": [1, 2.5, null]}");
    CHECK_OK(set(theirs, "one", "2"));
    expect_at(mine, "one", "2");
    CHECK(contains(mine, "one") && !contains(mine, "two"));
    CHECK_INT(length_of(mine), 1);
    ipc_msg *taken;
    CHECK_OK(ipc_dict_pop(theirs, "one", &taken));
    CHECK_VALUE(taken, "2");
    CHECK(!contains(mine, "one"));
    CHECK_OK(set(mine, "", "\"an empty key\""));
    CHECK_OK(ipc_dict_delete(theirs, ""));
    CHECK_INT(length_of(mine), 0);
    CHECK(strcmp(ipc_dict_name(mine), "config") == 0);
    CHECK(!ipc_dict_names(mine));
    ipc_dict_free(mine);
    ipc_dict_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_dict__what_is_not_there(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    ipc_msg *msg = (ipc_msg *)conn;
    CHECK_ERR(ipc_dict_get(dict, "x", &msg), IPC_EKEY);
    CHECK_WORDS("no such key");
    CHECK(msg == NULL);
    CHECK_ERR(ipc_dict_pop(dict, "x", &msg), IPC_EKEY);
    CHECK_ERR(ipc_dict_delete(dict, "x"), IPC_EKEY);
    CHECK_WORDS("no such key");
    FAILS(dict, POP_ITEM, "[]", IPC_EKEY, "the dict is empty");
    GIVES(dict, GET, "[\"x\", 7]", "7");
    GIVES(dict, POP, "[\"x\", [8]]", "[8]");
    CHECK_INT(length_of(dict), 0);
    CHECK(ipc_dict_name(dict) == NULL);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__set_default_keeps_what_is_there(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    ipc_msg *first = value("[1]");
    ipc_msg *second = value("[2]");
    ipc_msg *there;
    CHECK_OK(ipc_dict_set_default(dict, "x", first, &there));
    CHECK_VALUE(there, "[1]");
    CHECK_OK(ipc_dict_set_default(dict, "x", second, &there));
    CHECK_VALUE(there, "[1]");
    CHECK_OK(ipc_dict_set_default(dict, "y", second, NULL));
    expect_at(dict, "y", "[2]");
    ipc_msg_free(first);
    ipc_msg_free(second);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__compare_set(void **state)
{
    static const struct {
        const char *before, *old, *new, *after;
        bool was;
    } rows[] = {
        {"1", "1", "2", "2", true},
        {"1", "1.0", "2", "2", true},
        {"1", "true", "2", "2", true},
        {"1", "2", "3", "1", false},
        {"1", NULL, "3", "1", false},
        {"1", "1", NULL, NULL, true},
        {"1", "2", NULL, "1", false},
        {NULL, NULL, "3", "3", true},
        {NULL, "1", "3", NULL, false},
        {NULL, NULL, NULL, NULL, true},
        {"null", "null", "1", "1", true},
        {"null", NULL, "1", "null", false},
        {NULL, "null", "1", NULL, false},
        {"nan", "nan", "1", "nan", false},
        {"\"a\"", "b\"a\"", "1", "\"a\"", false},
        {"[1, [2.0]]", "[true, [2]]", "3", "3", true},
        {"{\"a\": 1, \"b\": 2}", "{\"b\": 2.0, \"a\": 1}", "3", "3", true},
        {"{\"a\": 1}", "{\"a\": 1, \"b\": 2}", "3", "{\"a\": 1}", false},
    };
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_OK(ipc_dict_clear(dict));
        CHECK_OK(rows[i].before ? set(dict, "x", rows[i].before) : IPC_OK);
        ipc_msg *old = rows[i].old ? value(rows[i].old) : NULL;
        ipc_msg *new = rows[i].new ? value(rows[i].new) : NULL;
        bool was;
        CHECK_OK(ipc_dict_compare_set(dict, "x", old, new, &was));
        CHECK_INT(was, rows[i].was);
        ipc_msg_free(old);
        ipc_msg_free(new);
        CHECK_INT(contains(dict, "x"), rows[i].after != NULL);
        if (rows[i].after) {
            expect_at(dict, "x", rows[i].after);
        }
    }
    FAILS(dict, COMPARE_SET, "[\"x\", [1, 2], [3]]", IPC_EKIND, "argument 2 has to be a sequence of one value");
    FAILS(dict, COMPARE_SET, "[\"x\", [1], 3]", IPC_EKIND, "argument 3 has to be");
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__increment(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    int64_t now = 0;
    CHECK_OK(ipc_dict_increment(dict, "n", 5, &now));
    CHECK_INT(now, 5);
    CHECK_OK(ipc_dict_increment(dict, "n", -7, NULL));
    CHECK_OK(ipc_dict_increment(dict, "n", INT64_MAX, &now));
    CHECK_INT(now, INT64_MAX - 2);
    CHECK_ERR(ipc_dict_increment(dict, "n", 3, &now), IPC_ERANGE);
    CHECK_WORDS("beyond 64 bits");
    CHECK_INT(now, 0);
    CHECK_OK(ipc_dict_increment(dict, "n", 2, &now));
    CHECK_INT(now, INT64_MAX);
    CHECK_OK(ipc_dict_increment(dict, "low", INT64_MIN, &now));
    CHECK_INT(now, INT64_MIN);
    CHECK_ERR(ipc_dict_increment(dict, "low", -1, NULL), IPC_ERANGE);
    CHECK_OK(set(dict, "text", "\"1\""));
    CHECK_ERR(ipc_dict_increment(dict, "text", 1, NULL), IPC_EKIND);
    CHECK_WORDS("only numbers");
    expect_at(dict, "text", "\"1\"");
    CHECK_OK(set(dict, "flag", "true"));
    CHECK_OK(ipc_dict_increment(dict, "flag", 1, &now));
    CHECK_INT(now, 2);
    GIVES(dict, INCREMENT, "[\"new\", 1, 10]", "11");
    GIVES(dict, INCREMENT, "[\"new\", 0.5]", "11.5");
    FAILS(dict, INCREMENT, "[\"new\", null]", IPC_EKIND, "only numbers");
    CHECK_OK(set(dict, "large", "9223372036854775808"));
    FAILS(dict, INCREMENT, "[\"large\", 1]", IPC_ERANGE, "beyond 64 bits");
    GIVES(dict, INCREMENT, "[\"large\", -1]", "9223372036854775807"); /* that is within */
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

/* Then the hub has a float, and *now* its whole part. */
static void test_dict__increment_of_a_float(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    int64_t now = 0;
    CHECK_OK(set(dict, "f", "2.5"));
    CHECK_OK(ipc_dict_increment(dict, "f", 1, &now));
    CHECK_INT(now, 3);
    expect_at(dict, "f", "3.5");
    CHECK_OK(set(dict, "f", "-1.0e300"));
    CHECK_OK(ipc_dict_increment(dict, "f", 1, &now));
    CHECK_INT(now, INT64_MIN);
    CHECK_OK(set(dict, "f", "inf"));
    CHECK_OK(ipc_dict_increment(dict, "f", 1, &now));
    CHECK_INT(now, INT64_MAX);
    CHECK_OK(set(dict, "f", "nan"));
    CHECK_OK(ipc_dict_increment(dict, "f", 1, &now));
    CHECK_INT(now, 0);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

/* ---- keys ---- */

static void test_dict__keys_are_equal_as_values_are(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    GIVES(dict, SET, "[1, \"int\"]", "null");
    GIVES(dict, SET, "[1.0, \"float\"]", "null");
    GIVES(dict, GET, "[true]", "\"float\"");
    GIVES(dict, COPY, "[]", "{1: \"float\"}"); /* the first form stays */
    GIVES(dict, SET, "[\"1\", 2]", "null");
    GIVES(dict, SET, "[b\"1\", 3]", "null");
    GIVES(dict, SET, "[null, 4]", "null");
    GIVES(dict, SET, "[0.5, 5]", "null");
    GIVES(dict, SET, "[18446744073709551615, 6]", "null");
    GIVES(dict, SET, "[-0.0, 7]", "null");
    GIVES(dict, GET, "[false]", "7");
    GIVES(dict, CONTAINS, "[18446744073709551615]", "true");
    GIVES(dict, CONTAINS, "[1.8446744073709552e+19]", "false"); /* 2^64: one more */
    GIVES(dict, KEYS, "[]", "[1, \"1\", b\"1\", null, 0.5, 18446744073709551615, -0.0]");
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__moments_are_keys(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    static const unsigned char set_short[] = "\x92\xd6\xff\0\0\0\x01\x01";                /* a second, in 32 bits */
    static const unsigned char get_long[] = "\x91\xc7\x0c\xff\0\0\0\0\0\0\0\0\0\0\0\x01"; /* in 96 */
    ipc_msg *msg;
    CHECK_OK(ipc_dict_invoke_packed(dict, IPC_METHOD_SET, set_short, sizeof set_short - 1, NULL));
    CHECK_OK(ipc_dict_invoke_packed(dict, IPC_METHOD_GET, get_long, sizeof get_long - 1, &msg));
    CHECK_VALUE(msg, "1");
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__what_is_no_key(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    static const char *const none[] = {"[nan, 1]", "[[1], 1]", "[{}, 1]"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        FAILS(dict, SET, none[i], IPC_EKIND, "a key is null, true, false, a number but NaN, a text, bytes or a moment");
    }
    FAILS(dict, GET, "[[]]", IPC_EKIND, "a key is");
    FAILS(dict, DELETE, "[nan]", IPC_EKIND, "a key is");
    FAILS(dict, CONTAINS, "[{}]", IPC_EKIND, "a key is");
    FAILS(dict, POP, "[[], 1]", IPC_EKIND, "a key is");
    FAILS(dict, INCREMENT, "[[], 1]", IPC_EKIND, "a key is");
    FAILS(dict, COMPARE_SET, "[[], [], []]", IPC_EKIND, "a key is");
    FAILS(dict, SET_DEFAULT, "[[], 1]", IPC_EKIND, "a key is");
    FAILS(dict, UPDATE, "[{\"a\": 1, nan: 2}]", IPC_EKIND, "a key is");
    FAILS(dict, GET_MANY, "[[\"a\", []]]", IPC_EKIND, "a key is");
    static const unsigned char ext[] = "\x92\xd4\x07x\x01";
    CHECK_ERR(ipc_dict_invoke_packed(dict, IPC_METHOD_SET, ext, sizeof ext - 1, NULL), IPC_EKIND);
    CHECK_INT(length_of(dict), 0);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__a_namespace_has_names(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict_options options = IPC_DICT_OPTIONS_INIT;
    options.names = true;
    ipc_dict *names;
    ipc_dict *dict;
    CHECK_OK(ipc_dict_open(&names, conn, "names", &options));
    CHECK(ipc_dict_names(names));
    CHECK_OK(set(names, "x", "1"));
    expect_at(names, "x", "1");
    FAILS(names, SET, "[1, 1]", IPC_EKIND, "the keys of a namespace are texts");
    FAILS(names, UPDATE, "[{\"y\": 1, b\"z\": 2}]", IPC_EKIND, "the keys of a namespace are texts");
    CHECK_INT(length_of(names), 1);
    CHECK_ERR(ipc_dict_open(&dict, conn, "names", NULL), IPC_ETYPE);
    CHECK_WORDS("\"names\" is a namespace, not a dict");
    CHECK(dict == NULL);
    ipc_dict_free(dict_of(conn, "plain"));
    CHECK_ERR(ipc_dict_open(&dict, conn, "plain", &options), IPC_ETYPE);
    ipc_msg *ticket;
    CHECK_OK(ipc_dict_share(names, &ticket));
    CHECK_OK(ipc_dict_attach(&dict, conn, ticket));
    CHECK(ipc_dict_names(dict));
    expect_at(dict, "x", "1");
    ipc_msg_free(ticket);
    ipc_dict_free(dict);
    ipc_dict_free(names);
    ipc_conn_free(conn);
}

/* ---- all of it ---- */

static void test_dict__keys_keep_their_places(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    ipc_msg *msg = value("{\"c\": 1, \"a\": 2, \"b\": 3}");
    CHECK_OK(ipc_dict_update(dict, msg));
    ipc_msg_free(msg);
    CHECK_OK(set(dict, "a", "20"));
    CHECK_OK(ipc_dict_keys(dict, &msg));
    CHECK_VALUE(msg, "[\"c\", \"a\", \"b\"]");
    CHECK_OK(ipc_dict_delete(dict, "c"));
    CHECK_OK(set(dict, "c", "10"));
    CHECK_OK(ipc_dict_copy(dict, &msg));
    CHECK_VALUE(msg, "{\"a\": 20, \"b\": 3, \"c\": 10}");
    GIVES(dict, VALUES, "[]", "[20, 3, 10]");
    GIVES(dict, ITEMS, "[]", "[[\"a\", 20], [\"b\", 3], [\"c\", 10]]");
    msg = value("[\"c\", \"none\", \"a\", \"c\"]");
    ipc_msg *several;
    CHECK_OK(ipc_dict_get_many(dict, msg, &several));
    CHECK_VALUE(several, "[10, null, 20, 10]");
    ipc_msg_free(msg);
    GIVES(dict, GET_MANY, "[[\"x\", \"a\"], [0]]", "[[0], 20]");
    GIVES(dict, POP_ITEM, "[]", "[\"c\", 10]");
    GIVES(dict, LENGTH, "[]", "2");
    CHECK_OK(ipc_dict_clear(dict));
    CHECK_OK(ipc_dict_copy(dict, &msg));
    CHECK_VALUE(msg, "{}");
    GIVES(dict, UPDATE, "[{}]", "null");
    GIVES(dict, GET_MANY, "[[]]", "[]");
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__many_keys(void **state)
{
    enum { MANY = 3000 };
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    uint64_t before = hub_number(conn, "memory");
    char key[24];
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key %d", i);
        CHECK_OK(ipc_dict_increment(dict, key, i, NULL));
    }
    CHECK_INT(length_of(dict), MANY);
    for (int i = 0; i < MANY; i += 7) {
        int64_t now;
        snprintf(key, sizeof key, "key %d", i);
        CHECK_OK(ipc_dict_increment(dict, key, 0, &now));
        CHECK_INT(now, i);
    }
    CHECK(hub_number(conn, "memory") > before + (uint64_t)MANY * 10);
    CHECK_OK(ipc_dict_clear(dict));
    CHECK_INT(hub_number(conn, "memory"), before);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

/* ---- what is refused ---- */

static void test_dict__arguments_that_are_none(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    ipc_msg *msg;
    bool was;
    CHECK_ERR(ipc_dict_open(NULL, conn, "x", NULL), IPC_EINVAL);
    CHECK_ERR(ipc_dict_attach(NULL, conn, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_dict_get(dict, NULL, &msg), IPC_EINVAL);
    CHECK_WORDS("the key is NULL");
    CHECK(msg == NULL);
    CHECK_ERR(ipc_dict_set(dict, "x", NULL), IPC_EINVAL);
    CHECK_WORDS("a value is NULL");
    CHECK_ERR(ipc_dict_update(dict, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_dict_get_many(dict, NULL, &msg), IPC_EINVAL);
    CHECK_ERR(ipc_dict_compare_set(dict, NULL, NULL, NULL, &was), IPC_EINVAL);
    CHECK_ERR(ipc_dict_get(dict, "\xff", &msg), IPC_EBADMSG);
    CHECK_WORDS("the key is not UTF-8");
    CHECK_ERR(ipc_dict_increment(dict, "a\xc0", 1, NULL), IPC_EBADMSG);
    ipc_msg *list = value("[1]");
    CHECK_ERR(ipc_dict_update(dict, list), IPC_EKIND);
    CHECK_WORDS("argument 1 has to be a map");
    ipc_msg_free(list);
    FAILS(dict, GET_MANY, "[7]", IPC_EKIND, "argument 1 has to be a sequence");
    CHECK_INT(length_of(dict), 0);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__methods_that_are_none(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    ipc_msg *msg;
    CHECK_ERR(ipc_dict_invoke(dict, (ipc_method)99, NULL, &msg), IPC_EINVAL);
    CHECK_WORDS("a dict has no method 99");
    CHECK_ERR(ipc_dict_invoke(dict, (ipc_method)-1, NULL, NULL), IPC_EINVAL);
    CHECK_ERR(ipc_dict_invoke(dict, IPC_METHOD_APPEND, NULL, NULL), IPC_EINVAL);
    FAILS(dict, SET, "[1]", IPC_EINVAL, "this method of a dict takes 2 to 2 arguments, not 1");
    FAILS(dict, LENGTH, "[1]", IPC_EINVAL, "takes 0 to 0 arguments, not 1");
    FAILS(dict, GET, "[1, 2, 3, 4, 5, 6]", IPC_EINVAL, "takes 1 to 2 arguments, not 6");
    FAILS(dict, SET, "{1: 2}", IPC_EKIND, "a method's arguments are a sequence");
    static const struct {
        const char *bytes;
        size_t length;
        ipc_err err;
    } garbage[] = {
        {"", 0, IPC_EBADMSG},         {"\x92\x01", 2, IPC_EBADMSG},         {"\x92\x01\xc1", 3, IPC_EBADMSG},
        {"\x90\x90", 2, IPC_EBADMSG}, {"\x92\xa1\xff\x01", 4, IPC_EBADMSG}, {"\x92\x01\x81\x80\x01", 5, IPC_EBADMSG},
    };
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        CHECK_ERR(ipc_dict_invoke_packed(dict, IPC_METHOD_SET, garbage[i].bytes, garbage[i].length, &msg),
                  garbage[i].err);
        CHECK(msg == NULL);
    }
    CHECK_WORDS("a map's key is no scalar");
    CHECK_OK(ipc_dict_invoke(dict, IPC_METHOD_LENGTH, NULL, &msg));
    CHECK_VALUE(msg, "0");
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__opening(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict;
    ipc_dict *same;
    ipc_dict_options options = IPC_DICT_OPTIONS_INIT;
    options.mode = IPC_OPEN_ATTACH;
    CHECK_ERR(ipc_dict_open(&dict, conn, "config", &options), IPC_ENOENT);
    CHECK_WORDS("there is no dict named \"config\"");
    options.mode = IPC_OPEN_CREATE;
    CHECK_OK(ipc_dict_open(&dict, conn, "config", &options));
    CHECK_ERR(ipc_dict_open(&same, conn, "config", &options), IPC_EEXIST);
    options.mode = IPC_OPEN_ATTACH;
    CHECK_OK(ipc_dict_open(&same, conn, "config", &options));
    ipc_dict_free(same);
    options.size = 1000;
    CHECK_ERR(ipc_dict_open(&same, conn, "config", &options), IPC_EINVAL);
    CHECK_WORDS("ipc_dict_options.size is 1000");
    CHECK_ERR(ipc_dict_open(&same, conn, "", NULL), IPC_ENAME);
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, conn, "jobs", NULL));
    CHECK_ERR(ipc_dict_open(&same, conn, "jobs", NULL), IPC_ETYPE);
    CHECK_WORDS("\"jobs\" is a queue, not a dict");
    ipc_list *list;
    CHECK_ERR(ipc_list_open(&list, conn, "config", NULL), IPC_ETYPE);
    ipc_queue_free(queue);
    ipc_dict_free(dict);
    ipc_dict_free(NULL);
    ipc_dict_close(NULL);
    ipc_conn_free(conn);
}

/* ---- ends ---- */

static void test_dict__a_ticket_leads_to_it(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_dict *mine = dict_of(a, NULL);
    ipc_dict *theirs;
    ipc_msg *ticket;
    CHECK_OK(ipc_dict_share(mine, &ticket));
    CHECK_OK(ipc_dict_attach(&theirs, b, ticket));
    CHECK_OK(set(mine, "x", "1"));
    ipc_dict_free(mine);
    expect_at(theirs, "x", "1");
    ipc_list *list;
    CHECK_ERR(ipc_list_attach(&list, b, ticket), IPC_ETYPE);
    CHECK_ERR(ipc_dict_attach(&mine, b, NULL), IPC_EBADMSG);
    CHECK_WORDS("no ticket or reference");
    ipc_msg_free(ticket);
    ticket = value("[1]");
    CHECK_ERR(ipc_dict_attach(&mine, b, ticket), IPC_EBADMSG);
    CHECK(mine == NULL);
    ipc_msg_free(ticket);
    ipc_dict_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_dict__unlink_under_its_holders(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, "config");
    ipc_msg *msg;
    CHECK_OK(set(dict, "x", "1"));
    CHECK_OK(ipc_unlink(conn, "config"));
    CHECK_ERR(ipc_dict_get(dict, "x", &msg), IPC_EDELETED);
    CHECK_ERR(set(dict, "x", "1"), IPC_EDELETED);
    CHECK_ERR(ipc_dict_refer(dict, &msg), IPC_EDELETED);
    ipc_dict *anew = dict_of(conn, "config");
    CHECK_INT(length_of(anew), 0);
    ipc_dict_close(anew);
    ipc_dict_close(anew);
    CHECK_ERR(ipc_dict_get(anew, "x", &msg), IPC_ECLOSED);
    ipc_dict_free(anew);
    ipc_dict_free(dict);
    dict = dict_of(conn, NULL);
    ipc_conn_close(conn);
    CHECK_ERR(set(dict, "x", "1"), IPC_ECLOSED);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict__the_hub_is_killed(void **state)
{
    place *where = *state;
    ipc_conn *conn = connect_to(where);
    ipc_dict *named = dict_of(conn, "config");
    ipc_dict *unnamed = dict_of(conn, NULL);
    ipc_msg *msg;
    CHECK_OK(set(named, "x", "1"));
    pid_t pid = place_hub_pid(where);
    CHECK(pid > 0);
    CHECK_INT(kill(pid, SIGKILL), 0);
    EVENTUALLY(hub_pid(where->address) != pid);
    CHECK_ERR(ipc_dict_get(named, "x", &msg), IPC_ELOST);
    CHECK_ERR(ipc_dict_get(named, "x", &msg), IPC_EKEY); /* anew, and empty */
    CHECK_OK(set(named, "x", "2"));
    expect_at(named, "x", "2");
    CHECK_ERR(set(unnamed, "x", "1"), IPC_ELOST);
    CHECK_ERR(set(unnamed, "x", "1"), IPC_ELOST);
    ipc_dict_free(named);
    ipc_dict_free(unnamed);
    ipc_conn_free(conn);
}

/* ---- several at once ---- */

enum { THREADS = 4, TIMES = 300 };

static ipc_err count_up(void *dict)
{
    ipc_err err = IPC_OK;
    for (int i = 0; i < TIMES && !err; i++) {
        err = ipc_dict_increment(dict, "n", 1, NULL);
    }
    return err;
}

static void test_dict__threads_count_together(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_conn *other = connect_to(*state);
    ipc_dict *dicts[2] = {dict_of(conn, "counts"), dict_of(other, "counts")};
    call threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        call_start(&threads[i], count_up, dicts[i % 2]);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_OK(call_result(&threads[i], DEADLINE_MS));
    }
    expect_at(dicts[0], "n", "1200");
    ipc_dict_free(dicts[0]);
    ipc_dict_free(dicts[1]);
    ipc_conn_free(conn);
    ipc_conn_free(other);
}

static int child_counts(void *arg)
{
    ipc_dict **dicts = arg;
    CHECK_OK(count_up(dicts[0]));
    CHECK_OK(count_up(dicts[1]));
    return 0;
}

static void test_dict__a_child_uses_what_its_parent_opened(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dicts[2] = {dict_of(conn, "counts"), dict_of(conn, NULL)};
    if (FORKS_WORK) {
        pid_t child = fork_child(child_counts, dicts);
        CHECK_OK(count_up(dicts[0]));
        child_succeeds(child);
        expect_at(dicts[0], "n", "600");
        expect_at(dicts[1], "n", "300");
    }
    ipc_dict_free(dicts[0]);
    ipc_dict_free(dicts[1]);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_dict__what_was_stored_is_there),
        ON_EVERY_LANE(test_dict__what_is_not_there),
        ON_LANE(test_dict__set_default_keeps_what_is_there, inproc),
        ON_LANE(test_dict__compare_set, inproc),
        ON_LANE(test_dict__increment, inproc),
        ON_LANE(test_dict__increment_of_a_float, inproc),
        ON_LANE(test_dict__keys_are_equal_as_values_are, inproc),
        ON_LANE(test_dict__moments_are_keys, inproc),
        ON_LANE(test_dict__what_is_no_key, inproc),
        ON_EVERY_LANE(test_dict__a_namespace_has_names),
        ON_EVERY_LANE(test_dict__keys_keep_their_places),
        ON_LANE(test_dict__many_keys, inproc),
        ON_EVERY_LANE(test_dict__arguments_that_are_none),
        ON_EVERY_LANE(test_dict__methods_that_are_none),
        ON_EVERY_LANE(test_dict__opening),
        ON_EVERY_LANE(test_dict__a_ticket_leads_to_it),
        ON_EVERY_LANE(test_dict__unlink_under_its_holders),
        ON_LANE(test_dict__the_hub_is_killed, named),
        ON_EVERY_LANE(test_dict__threads_count_together),
        ON_LANE(test_dict__a_child_uses_what_its_parent_opened, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
