/*
 * Dicts with more keys than the hub keeps in one table: they are as those with few.
 * Touches a hub of its own for every test.
 */
#include "containers.h"
#include "support/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT = 20000, STEP = 50, AT_ONCE = 100, ONE_MAX = 32 };

/* The keys are the numbers from 1 to last, of which each is the value, too. */
static void update_numbers(ipc_dict *dict, int last)
{
    char text[AT_ONCE * ONE_MAX];
    for (int first = 1; first <= last; first += AT_ONCE) {
        size_t used = (size_t)snprintf(text, sizeof text, "[{");
        for (int i = first; i <= last && i < first + AT_ONCE; i++) {
            const char *between = i > first ? ", " : "";
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%d: %d", between, i, i);
        }
        snprintf(text + used, sizeof text - used, "}]");
        GIVES(dict, UPDATE, text, "null");
    }
}

static void expect_length(ipc_dict *dict, uint64_t expected)
{
    uint64_t length;
    CHECK_OK(ipc_dict_length(dict, &length));
    CHECK_INT(length, expected);
}

/* All keys, in their order: from 1 to last without those that are a multiple of step; then two more, or 0. */
static void expect_keys(ipc_dict *dict, int last, int step, const int more[2])
{
    ipc_msg *keys;
    ipc_cursor at;
    ipc_value value;
    CHECK_OK(ipc_dict_keys(dict, &keys));
    CHECK_OK(ipc_cursor_open(&at, keys));
    CHECK_OK(ipc_cursor_next(&at, &value));
    expect_length(dict, value.as.count);
    for (int i = 1; i <= last; i++) {
        if (i % step) {
            CHECK_OK(ipc_cursor_next(&at, &value));
            CHECK_INT(value.as.i, i);
        }
    }
    for (int i = 0; i < 2 && more[i]; i++) {
        CHECK_OK(ipc_cursor_next(&at, &value));
        CHECK_INT(value.as.i, more[i]);
    }
    CHECK(ipc_cursor_next(&at, &value) != IPC_OK);
    ipc_msg_free(keys);
}

static void take_out(ipc_dict *dict, int number)
{
    char arguments[ONE_MAX];
    char expected[ONE_MAX];
    snprintf(arguments, sizeof arguments, "[%d]", number);
    snprintf(expected, sizeof expected, "%d", number);
    GIVES(dict, GET, arguments, expected);
    GIVES(dict, DELETE, arguments, "null");
    FAILS(dict, GET, arguments, IPC_EKEY, "no such key");
}

static const int none[2];

static void test_dict_large__keys_keep_their_order(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    update_numbers(dict, COUNT);
    expect_length(dict, COUNT);
    for (int i = STEP; i <= COUNT; i += STEP) { /* early ones and late ones */
        take_out(dict, i);
    }
    expect_keys(dict, COUNT, STEP, none);
    GIVES(dict, SET, "[50, 50]", "null"); /* again, and at the end now */
    GIVES(dict, SET, "[19950, 19950]", "null");
    GIVES(dict, SET, "[7, 7]", "null"); /* where it is */
    GIVES(dict, SET, "[19999, 19999]", "null");
    expect_keys(dict, COUNT, STEP, (const int[]){50, 19950});
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict_large__the_newest_is_taken_first(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    update_numbers(dict, COUNT);
    take_out(dict, STEP);
    GIVES(dict, SET, "[50, true]", "null");
    GIVES(dict, POP_ITEM, "[]", "[50, true]");
    for (int i = COUNT; i > COUNT - 100; i--) {
        char expected[ONE_MAX];
        snprintf(expected, sizeof expected, "[%d, %d]", i, i);
        GIVES(dict, POP_ITEM, "[]", expected);
    }
    expect_length(dict, COUNT - 101);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

static void test_dict_large__when_it_is_empty_nothing_is_left(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_dict *dict = dict_of(conn, NULL);
    uint64_t before = hub_number(conn, "memory");
    for (int i = 0; i < 2; i++) {
        update_numbers(dict, COUNT);
        expect_keys(dict, COUNT, COUNT + 1, none);
        CHECK_OK(ipc_dict_clear(dict));
        expect_length(dict, 0);
        CHECK_INT(hub_number(conn, "memory"), before);
    }
    update_numbers(dict, 10);
    expect_keys(dict, 10, COUNT, none);
    ipc_dict_free(dict);
    ipc_conn_free(conn);
}

/* ---- a value that is longer than what a session may leave untold otherwise ---- */

enum { LONG_VALUE = 160 * 1024 * 1024, GETS = 6 };

struct waking {
    ipc_event *event;
    atomic_bool over;
};

static ipc_err set_again_and_again(void *arg)
{
    struct waking *self = arg;
    while (!atomic_load(&self->over)) {
        CHECK_OK(ipc_event_set(self->event));
        CHECK_OK(ipc_event_clear(self->event));
    }
    return IPC_OK;
}

static ipc_err wait_again_and_again(void *arg)
{
    struct waking *self = arg;
    ipc_err err = IPC_OK;
    while (!atomic_load(&self->over) && !err) {
        err = ipc_event_wait(self->event, IPC_FOREVER);
    }
    return err;
}

/* What the session's other threads are told meanwhile does not end it. */
static void test_dict_large__a_long_answer_and_others_behind_it(void **state)
{
    ipc_conn *conns[2] = {connect_to(*state), connect_to(*state)};
    struct waking sides[2] = {{0}, {0}};
    call calls[2];
    ipc_dict *dict;
    CHECK_OK(ipc_dict_open(&dict, conns[0], NULL, NULL));
    void *bytes = calloc(1, LONG_VALUE);
    ipc_msg *msg;
    CHECK_OK(ipc_pack(&msg, "B", bytes, (size_t)LONG_VALUE));
    free(bytes);
    CHECK_OK(ipc_dict_set(dict, "x", msg));
    ipc_msg_free(msg);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(ipc_event_open(&sides[i].event, conns[i], "e", NULL));
        call_start(&calls[i], i ? set_again_and_again : wait_again_and_again, &sides[i]);
    }
    for (int i = 0; i < GETS; i++) {
        CHECK_OK(ipc_dict_get(dict, "x", &msg));
        ipc_msg_free(msg);
    }
    for (int i = 0; i < 2; i++) {
        atomic_store(&sides[i].over, true);
        CHECK_OK(call_result(&calls[i], PROMPT_MS));
        ipc_event_free(sides[i].event);
    }
    ipc_dict_free(dict);
    ipc_conn_free(conns[0]);
    ipc_conn_free(conns[1]);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_LANE(test_dict_large__keys_keep_their_order, inproc),
        ON_LANE(test_dict_large__the_newest_is_taken_first, inproc),
        ON_LANE(test_dict_large__when_it_is_empty_nothing_is_left, inproc),
        ON_LANE(test_dict_large__a_long_answer_and_others_behind_it, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
