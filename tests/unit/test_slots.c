/*
 * Numbers for handles: each is one handle's, until it is given back.
 * Touches a connection's slots, and no hub.
 */
#include "client/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* It is never looked into. */
static struct ipc__handle *somebody(void)
{
    static char place;
    return (struct ipc__handle *)(void *)&place;
}

static int conn_new(void **state)
{
    *state = calloc(1, sizeof(ipc_conn));
    return *state ? 0 : -1;
}

static int conn_end(void **state)
{
    ipc_conn *conn = *state;
    free(conn->slots);
    free(conn);
    return 0;
}

static void test_slots__every_number_once(void **state)
{
    ipc_conn *conn = *state;
    for (uint32_t expected = 1; expected < IPC__HANDLES_MAX; expected++) {
        assert_int_equal(ipc__slot_take(conn, somebody()), expected);
    }
    assert_int_equal(ipc__slot_take(conn, somebody()), 0);
    ipc__slot_give(conn, 7);
    assert_null(conn->slots[7].handle);
    assert_int_equal(ipc__slot_take(conn, somebody()), 7);
    assert_int_equal(ipc__slot_take(conn, somebody()), 0);
}

static void test_slots__one_that_was_given_back_is_taken_again(void **state)
{
    ipc_conn *conn = *state;
    for (int i = 0; i < 100; i++) {
        uint32_t a = ipc__slot_take(conn, somebody());
        uint32_t b = ipc__slot_take(conn, somebody());
        assert_int_not_equal(a, b);
        ipc__slot_give(conn, i % 2 ? a : b);
        ipc__slot_give(conn, i % 2 ? b : a);
    }
    assert_int_equal(conn->slot_count, 16); /* as many as there were at once, and not more */
}

static void test_slots__after_a_session_those_without_a_handle_are_free(void **state)
{
    ipc_conn *conn = *state;
    for (int i = 0; i < 4; i++) {
        ipc__slot_take(conn, somebody());
    }
    conn->slots[2].handle = NULL;
    conn->slots[2].close_seq = 100; /* its answer will not come any more */
    ipc__slots_tidy(conn);
    assert_int_equal(conn->slots[2].close_seq, 0);
    assert_int_equal(ipc__slot_take(conn, somebody()), 2);
    assert_int_equal(ipc__slot_take(conn, somebody()), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slots__every_number_once, conn_new, conn_end),
        cmocka_unit_test_setup_teardown(test_slots__one_that_was_given_back_is_taken_again, conn_new, conn_end),
        cmocka_unit_test_setup_teardown(test_slots__after_a_session_those_without_a_handle_are_free, conn_new,
                                        conn_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
