/*
 * Containers at the limits: large values, answers that are too large, a hub's memory, and how deep a value is nested.
 * Touches hubs of its own for every test.
 */
#include "containers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KIB = 1024, MIB = 1024 * KIB };

static void check_same(ipc_msg *got, const ipc_msg *expected)
{
    size_t length;
    size_t expected_length;
    const void *bytes = ipc_msg_bytes(got, &length);
    const void *expected_bytes = ipc_msg_bytes(expected, &expected_length);
    CHECK_INT(length, expected_length);
    CHECK(memcmp(bytes, expected_bytes, length) == 0);
    ipc_msg_free(got);
}

/* ---- large values ---- */

static void test_limits__large_values(void **state)
{
    static const size_t sizes[] = {60 * KIB, 70 * KIB, 3 * MIB, 20 * MIB};
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_dict *dict = dict_of(a, "dict");
    ipc_list *list = list_of(b, "list", "[]");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ipc_msg *large = bytes_of(sizes[i], (char)('a' + i));
        ipc_msg *got;
        uint64_t index;
        bool was;
        CHECK_OK(ipc_dict_set(dict, "large", large));
        CHECK_OK(ipc_dict_get(dict, "large", &got));
        check_same(got, large);
        CHECK_OK(ipc_dict_compare_set(dict, "large", large, large, &was));
        CHECK(was);
        CHECK_OK(ipc_list_append(list, large));
        CHECK_OK(ipc_list_index(list, large, &index));
        CHECK_INT(index, i);
        CHECK_OK(ipc_list_get(list, (int64_t)i, &got));
        check_same(got, large);
        CHECK_OK(ipc_dict_pop(dict, "large", &got));
        check_same(got, large);
        ipc_msg_free(large);
    }
    ipc_msg *all;
    CHECK_OK(ipc_list_slice(list, IPC_OMITTED, IPC_OMITTED, 1, &all));
    CHECK_OK(ipc_list_clear(list));
    CHECK_OK(ipc_list_extend(list, all));
    ipc_msg *again;
    CHECK_OK(ipc_list_slice(list, IPC_OMITTED, IPC_OMITTED, 1, &again));
    check_same(again, all);
    ipc_msg_free(all);
    ipc_dict_free(dict);
    ipc_list_free(list);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_limits__a_large_array(void **state)
{
    enum { MANY = 300000 };
    ipc_conn *conn = connect_to(*state);
    ipc_array *array = array_of(conn, NULL, 'i', MANY);
    int64_t number;
    CHECK_OK(ipc_array_set_int(array, -1, INT32_MIN));
    ipc_msg *all;
    CHECK_OK(ipc_array_slice(array, IPC_OMITTED, IPC_OMITTED, -1, &all));
    CHECK_OK(ipc_array_set_slice(array, IPC_OMITTED, IPC_OMITTED, 1, all));
    ipc_msg_free(all);
    CHECK_OK(ipc_array_get_int(array, 0, &number));
    CHECK_INT(number, INT32_MIN);
    CHECK_OK(ipc_array_get_int(array, -1, &number));
    CHECK_INT(number, 0);
    CHECK_INT(hub_number(conn, "memory"), 4 * MANY);
    ipc_array_free(array);
    CHECK_INT(hub_number(conn, "memory"), 0);
    ipc_conn_free(conn);
}

/* ---- a hub that allows little ---- */

enum { SMALL = 100 * KIB };

/* A session with a hub whose messages are small. */
struct small {
    place *place;
    ipc_conn *conn;
};

static struct small small_of(const place *like)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_message = SMALL;
    struct small self = {.place = place_like(like, &options)};
    self.conn = connect_to(self.place);
    return self;
}

static void small_leave(struct small *self)
{
    ipc_conn_free(self->conn);
    place_close(self->place);
}

static void test_limits__arguments_that_are_too_large(void **state)
{
    struct small self = small_of(*state);
    ipc_dict *dict = dict_of(self.conn, "dict");
    ipc_list *list = list_of(self.conn, "list", "[1]");
    static const size_t sizes[] = {SMALL, SMALL + 300 * KIB, 20 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ipc_msg *large = bytes_of(sizes[i], 'x');
        ipc_msg *got = (ipc_msg *)dict;
        CHECK_ERR(ipc_dict_set(dict, "x", large), IPC_ETOOBIG);
        CHECK_WORDS("the hub allows 102400");
        CHECK_ERR(ipc_dict_set_default(dict, "x", large, &got), IPC_ETOOBIG);
        CHECK(got == NULL);
        CHECK_ERR(ipc_list_append(list, large), IPC_ETOOBIG);
        ipc_msg_free(large);
        GIVES(dict, COPY, "[]", "{}"); /* and the session is as it was */
        GIVES(list, COPY, "[]", "[1]");
    }
    ipc_dict_free(dict);
    ipc_list_free(list);
    small_leave(&self);
}

static void test_limits__answers_that_are_too_large(void **state)
{
    struct small self = small_of(*state);
    ipc_dict *dict = dict_of(self.conn, "dict");
    ipc_list *list = list_of(self.conn, "list", "[]");
    ipc_msg *content = bytes_of(40 * KIB, 'x');
    ipc_msg *got = (ipc_msg *)dict;
    static const char *const keys[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_dict_set(dict, keys[i], content));
        CHECK_OK(ipc_list_append(list, content));
    }
    CHECK_ERR(ipc_dict_copy(dict, &got), IPC_ETOOBIG);
    CHECK_WORDS("ask for less at a time");
    CHECK(got == NULL);
    FAILS(dict, VALUES, "[]", IPC_ETOOBIG, "the hub allows 102400");
    FAILS(dict, ITEMS, "[]", IPC_ETOOBIG, "the hub allows 102400");
    FAILS(dict, GET_MANY, "[[\"a\", \"a\", \"a\"]]", IPC_ETOOBIG, "the hub allows 102400");
    GIVES(dict, KEYS, "[]", "[\"a\", \"b\", \"c\"]");
    FAILS(list, COPY, "[]", IPC_ETOOBIG, "the hub allows 102400");
    CHECK_ERR(ipc_list_slice(list, IPC_OMITTED, IPC_OMITTED, 1, &got), IPC_ETOOBIG);
    CHECK_ERR(ipc_list_slice(list, IPC_OMITTED, IPC_OMITTED, -1, &got), IPC_ETOOBIG);
    CHECK_OK(ipc_list_slice(list, 1, IPC_OMITTED, 1, &got));
    ipc_msg_free(got);
    CHECK_OK(ipc_dict_get(dict, "b", &got));
    check_same(got, content);
    ipc_array *array = array_of(self.conn, NULL, 'B', 200 * KIB);
    CHECK_ERR(ipc_array_slice(array, IPC_OMITTED, IPC_OMITTED, 1, &got), IPC_ETOOBIG);
    FAILS(array, COPY, "[]", IPC_ETOOBIG, "the hub allows 102400");
    CHECK_OK(ipc_array_slice(array, 0, 50 * KIB, 1, &got));
    ipc_msg_free(got);
    ipc_msg_free(content);
    ipc_array_free(array);
    ipc_dict_free(dict);
    ipc_list_free(list);
    small_leave(&self);
}

/* What an array begins with comes with its opening. */
static void test_limits__what_an_array_begins_with(void **state)
{
    enum { MANY = 900 * KIB };
    struct small small = small_of(*state);
    ipc_conn *conn = connect_to(*state);
    unsigned char *bytes = calloc(1, MANY + 5);
    ipc_msg *values;
    ipc_msg *got;
    ipc_array *array;
    CHECK(bytes);
    memcpy(bytes, (const unsigned char[]){0xdd, 0, MANY >> 16, MANY >> 8 & 0xff, MANY & 0xff}, 5);
    bytes[5 + 7] = 7;
    CHECK_OK(ipc_msg_from_bytes(&values, bytes, MANY + 5));
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    options.typecode = 'b';
    options.values = values;
    CHECK_ERR(ipc_array_open(&array, small.conn, "a", &options), IPC_ETOOBIG);
    CHECK_WORDS("the hub allows 102400");
    CHECK_INT(hub_number(small.conn, "objects"), 0);
    CHECK_OK(ipc_array_open(&array, conn, "a", &options));
    CHECK_INT(ipc_array_length(array), MANY);
    CHECK_OK(ipc_array_slice(array, 6, 9, 1, &got));
    CHECK_VALUE(got, "[0, 7, 0]");
    ipc_array_free(array);
    ipc_msg_free(values);
    free(bytes);
    ipc_conn_free(conn);
    small_leave(&small);
}

/* A key keeps its first form, so a pair can be longer than what brought its value. It is not lost for that. */
static void test_limits__a_pair_that_cannot_be_told_stays(void **state)
{
    struct small self = small_of(*state);
    ipc_dict *dict = dict_of(self.conn, "dict");
    ipc_msg *arguments;
    ipc_msg *content = bytes_of(SMALL - 7, 'x'); /* with [1, head, bytes] just as much as is allowed */
    ipc_msg *got;
    GIVES(dict, SET, "[1.0, 0]", "null");
    CHECK_OK(ipc_pack(&arguments, "[i,v]", 1, content));
    CHECK_OK(ipc_dict_invoke(dict, IPC_METHOD_SET, arguments, NULL));
    CHECK_ERR(ipc_dict_invoke(dict, IPC_METHOD_POP_ITEM, NULL, &got), IPC_ETOOBIG);
    CHECK(got == NULL);
    GIVES(dict, LENGTH, "[]", "1");
    ipc_msg_free(arguments);
    CHECK_OK(ipc_pack(&arguments, "[i]", 1));
    CHECK_OK(ipc_dict_invoke(dict, IPC_METHOD_POP, arguments, &got));
    check_same(got, content);
    ipc_msg_free(arguments);
    ipc_msg_free(content);
    ipc_dict_free(dict);
    small_leave(&self);
}

/* ---- a hub's memory ---- */

static void test_limits__a_hub_that_is_full(void **state)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_memory = MIB;
    place *full = place_like(*state, &options);
    ipc_conn *conn = connect_to(full);
    ipc_dict *dict = dict_of(conn, "dict");
    ipc_list *list = list_of(conn, "list", "[1, 2]");
    ipc_msg *content = bytes_of(50 * KIB, 'x');
    ipc_msg *got;
    char key[2] = "a";
    ipc_err err;
    while ((err = ipc_dict_set(dict, key, content)) == IPC_OK) {
        key[0]++;
    }
    CHECK_INT(err, IPC_EMEMORY);
    CHECK_WORDS("may hold 1048576");
    CHECK(key[0] >= 'a' + 15 && key[0] <= 'a' + 21);
    ipc_msg *large = bytes_of(90 * KIB, 'y');
    CHECK_ERR(ipc_dict_set(dict, "a", large), IPC_EMEMORY);
    CHECK_ERR(ipc_dict_set_default(dict, "new", large, &got), IPC_EMEMORY);
    CHECK_ERR(ipc_list_append(list, large), IPC_EMEMORY);
    CHECK_ERR(ipc_list_set(list, 0, large), IPC_EMEMORY);
    ipc_msg *several;
    CHECK_OK(ipc_pack(&several, "[i,v]", 3, large));
    CHECK_ERR(ipc_list_extend(list, several), IPC_EMEMORY);
    CHECK_ERR(ipc_list_set_slice(list, 0, 1, 1, several), IPC_EMEMORY);
    ipc_msg_free(several);
    CHECK_OK(ipc_pack(&several, "{s:i,s:v}", "b", 3, "c", large));
    CHECK_ERR(ipc_dict_update(dict, several), IPC_EMEMORY);
    ipc_msg_free(several);
    FAILS(list, REPEAT, "[200000]", IPC_EMEMORY, "may hold 1048576");
    ipc_array *array;
    ipc_array_options numbers = IPC_ARRAY_OPTIONS_INIT;
    numbers.typecode = 'd';
    numbers.length = MIB;
    CHECK_ERR(ipc_array_open(&array, conn, NULL, &numbers), IPC_EMEMORY);
    for (char last = key[0]; key[0] > 'a';) { /* what was there still is */
        key[0]--;
        CHECK_OK(ipc_dict_get(dict, key, &got));
        check_same(got, content);
        CHECK(key[0] < last);
    }
    GIVES(list, COPY, "[]", "[1, 2]");
    CHECK_OK(ipc_dict_clear(dict));
    CHECK_OK(ipc_list_append(list, large));
    CHECK_OK(ipc_list_clear(list));
    ipc_msg_free(large);
    ipc_msg_free(content);
    ipc_dict_free(dict);
    ipc_list_free(list);
    ipc_conn_free(conn);
    place_close(full);
}

static void test_limits__objects(void **state)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_objects = 2;
    place *full = place_like(*state, &options);
    ipc_conn *conn = connect_to(full);
    ipc_dict *dict = dict_of(conn, NULL);
    ipc_list *list = list_of(conn, NULL, "[]");
    ipc_dict *none;
    ipc_list *no_list;
    CHECK_ERR(ipc_dict_open(&none, conn, NULL, NULL), IPC_EOBJECTS);
    CHECK_ERR(ipc_list_open(&no_list, conn, "x", NULL), IPC_EOBJECTS);
    CHECK_WORDS("the hub has its 2 objects");
    CHECK(none == NULL && no_list == NULL);
    ipc_dict_free(dict);
    ipc_list_free(list);
    ipc_conn_free(conn);
    place_close(full);
}

/* ---- depth ---- */

/* null in so many sequences. */
static size_t nested(unsigned char *bytes, unsigned depth)
{
    memset(bytes, 0x91, depth);
    bytes[depth] = 0xc0;
    return depth + 1;
}

static void test_limits__depth(void **state)
{
    enum { DEPTH = 32 };
    unsigned char bytes[DEPTH + 1];
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    ipc_list *list = list_of(conn, NULL, "[]");
    ipc_msg *deep;
    CHECK_OK(ipc_msg_from_bytes(&deep, bytes, nested(bytes, DEPTH)));
    CHECK_OK(ipc_dict_set(dict, "deep", deep));
    CHECK_OK(ipc_list_append(list, deep));
    ipc_msg *got;
    CHECK_OK(ipc_dict_get(dict, "deep", &got));
    check_same(got, deep);
    static const ipc_method around[] = {IPC_METHOD_VALUES, IPC_METHOD_ITEMS, IPC_METHOD_COPY};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) { /* the levels that a method adds do not count */
        CHECK_OK(ipc_dict_invoke(dict, around[i], NULL, &got));
        size_t length;
        const unsigned char *answer = ipc_msg_bytes(got, &length);
        CHECK(length > DEPTH && memcmp(answer + length - DEPTH - 1, bytes, DEPTH + 1) == 0);
        ipc_msg_free(got);
    }
    ipc_msg *keys;
    CHECK_OK(ipc_pack(&keys, "[s]", "deep"));
    CHECK_OK(ipc_dict_get_many(dict, keys, &got));
    ipc_msg_free(got);
    ipc_msg_free(keys);
    CHECK_OK(ipc_list_slice(list, 0, 1, 1, &got));
    ipc_msg_free(got);
    uint64_t count;
    CHECK_OK(ipc_list_count(list, deep, &count));
    CHECK_INT(count, 1);
    CHECK_OK(ipc_list_append(list, deep));
    CHECK_ERR(ipc_list_sort(list, false), IPC_OK); /* equal, however deep */
    ipc_msg_free(deep);
    ipc_dict_free(dict);
    ipc_list_free(list);
    ipc_conn_free(conn);
}

static void test_limits__deeper_than_any_program_may(void **state)
{
    enum { MOST = 128 + 3, FAR = 5000 }; /* and what the widest method has around a value */
    unsigned char *bytes = malloc(FAR + 2);
    CHECK(bytes);
    ipc_conn *conn = connect_to(*state);
    ipc_list *list = list_of(conn, NULL, "[]");
    CHECK_OK(ipc_list_invoke_packed(list, IPC_METHOD_APPEND, bytes, nested(bytes, MOST), NULL));
    CHECK_ERR(ipc_list_invoke_packed(list, IPC_METHOD_APPEND, bytes, nested(bytes, MOST + 1), NULL), IPC_EDEPTH);
    CHECK_ERR(ipc_list_invoke_packed(list, IPC_METHOD_APPEND, bytes, nested(bytes, FAR), NULL), IPC_EDEPTH);
    CHECK_WORDS("nested deeper than");
    ipc_msg *got;
    CHECK_ERR(ipc_list_get(list, 0, &got), IPC_EDEPTH); /* this program takes 32 */
    CHECK(got == NULL);
    GIVES(list, LENGTH, "[]", "1");
    free(bytes);
    ipc_list_free(list);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_limits__large_values),
        ON_EVERY_LANE(test_limits__a_large_array),
        ON_EVERY_LANE(test_limits__arguments_that_are_too_large),
        ON_EVERY_LANE(test_limits__answers_that_are_too_large),
        ON_EVERY_LANE(test_limits__what_an_array_begins_with),
        ON_EVERY_LANE(test_limits__a_pair_that_cannot_be_told_stays),
        ON_EVERY_LANE(test_limits__a_hub_that_is_full),
        ON_LANE(test_limits__objects, inproc),
        ON_EVERY_LANE(test_limits__depth),
        ON_LANE(test_limits__deeper_than_any_program_may, inproc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
