/*
 * Opening by name: the modes, options that differ, wrong types, names, lists, deletion, and the hub's limits.
 * Touches a hub of its own for every test.
 */
#include "support/call.h"
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static ipc_err open_mode(ipc_conn *conn, const char *name, ipc_open_mode mode, ipc_queue **queue)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.mode = mode;
    return ipc_queue_open(queue, conn, name, &options);
}

static void test_open__the_modes(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue *queue;
    ipc_queue *none;
    CHECK_ERR(open_mode(conn, "jobs", IPC_OPEN_ATTACH, &none), IPC_ENOENT);
    CHECK_WORDS("there is no queue named \"jobs\"");
    CHECK(none == NULL);
    CHECK_OK(open_mode(conn, "jobs", IPC_OPEN_CREATE, &queue));
    CHECK_ERR(open_mode(conn, "jobs", IPC_OPEN_CREATE, &none), IPC_EEXIST);
    CHECK_WORDS("there is a queue named \"jobs\" already");
    CHECK(none == NULL);
    ipc_queue *same;
    CHECK_OK(open_mode(conn, "jobs", IPC_OPEN_ATTACH, &same));
    put_numbers(queue, 1, 1);
    expect_numbers(same, 1, 1);
    ipc_queue_free(same);
    CHECK_OK(open_mode(conn, "jobs", IPC_OPEN_EITHER, &same));
    put_numbers(queue, 2, 2);
    expect_numbers(same, 2, 2);
    ipc_queue_free(same);
    ipc_queue_free(queue);
    ipc_conn_free(conn);
}

static void test_open__of_another_type(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    ipc_pipe *pipe;
    CHECK_ERR(ipc_pipe_open(&pipe, me.conn, "jobs", NULL), IPC_ETYPE);
    CHECK_WORDS("\"jobs\" is a queue, not a pipe");
    CHECK(pipe == NULL);
    CHECK_OK(ipc_pipe_open(&pipe, me.conn, "talk", NULL));
    ipc_queue *queue;
    CHECK_ERR(ipc_queue_open(&queue, me.conn, "talk", NULL), IPC_ETYPE);
    CHECK_WORDS("\"talk\" is a pipe, not a queue");
    CHECK_ERR(open_mode(me.conn, "talk", IPC_OPEN_CREATE, &queue), IPC_EEXIST);
    ipc_pipe_free(pipe);
    user_leave(&me);
}

static ipc_err open_options(ipc_conn *conn, bool joinable, uint64_t maxsize)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = joinable;
    options.maxsize = maxsize;
    ipc_queue *queue;
    ipc_err err = ipc_queue_open(&queue, conn, "jobs", &options);
    ipc_queue_free(queue);
    return err;
}

static void test_open__other_options_than_the_first_openers(void **state)
{
    user me = user_of(*state, "jobs", true, 7);
    user other = {.conn = connect_to(*state)};
    CHECK_ERR(open_options(other.conn, true, 8), IPC_EOPTIONS);
    CHECK_WORDS("queue \"jobs\" exists with maxsize 7, not 8");
    CHECK_ERR(open_options(other.conn, false, 7), IPC_EOPTIONS);
    CHECK_WORDS("queue \"jobs\" exists and is joinable");
    CHECK_OK(open_options(other.conn, true, 7));
    CHECK_OK(ipc_queue_open(&other.queue, other.conn, "jobs", NULL)); /* takes it as it is */
    ipc_queue_info info;
    CHECK_OK(ipc_queue_stat(other.queue, &info));
    CHECK_INT(info.maxsize, 7);
    CHECK(info.joinable);
    user_leave(&me);
    user_leave(&other);
}

static void test_open__names(void **state)
{
    ipc_conn *conn = connect_to(*state);
    char name[300];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, conn, name, NULL));
    CHECK(strcmp(ipc_queue_name(queue), name) == 0);
    ipc_queue_free(queue);
    name[255] = 'n';
    name[256] = '\0';
    CHECK_ERR(ipc_queue_open(&queue, conn, name, NULL), IPC_ENAME);
    CHECK_WORDS("1 to 255 bytes");
    CHECK_ERR(ipc_queue_open(&queue, conn, "", NULL), IPC_ENAME);
    CHECK_OK(ipc_queue_open(&queue, conn, "with spaces / slashes / \xc3\xa9", NULL));
    ipc_queue_free(queue);
    CHECK_ERR(ipc_queue_open(&queue, conn, "not \xff utf-8", NULL), IPC_ENAME);
    ipc_msg *list;
    CHECK_OK(ipc_objects(conn, &list)); /* nobody's name may spoil it */
    ipc_msg_free(list);
    ipc_conn_free(conn);
}

static void test_open__options_that_are_none(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue *queue;
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.size = 0;
    CHECK_ERR(ipc_queue_open(&queue, conn, "jobs", &options), IPC_EINVAL);
    CHECK_WORDS("IPC_QUEUE_OPTIONS_INIT");
    options.size = sizeof options + 1;
    CHECK_ERR(ipc_queue_open(&queue, conn, "jobs", &options), IPC_EINVAL);
    options.size = sizeof options;
    options.mode = (ipc_open_mode)4;
    CHECK_ERR(ipc_queue_open(&queue, conn, "jobs", &options), IPC_EINVAL);
    CHECK_ERR(ipc_queue_open(NULL, conn, "jobs", NULL), IPC_EINVAL);
    ipc_pipe *pipe;
    CHECK_ERR(ipc_pipe_open(&pipe, conn, NULL, NULL), IPC_EINVAL);
    ipc_conn_free(conn);
}

/* ---- life ---- */

static void test_open__without_a_name_each_is_its_own(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue *one;
    ipc_queue *two;
    CHECK_OK(ipc_queue_open(&one, conn, NULL, NULL));
    CHECK_OK(ipc_queue_open(&two, conn, NULL, NULL));
    CHECK(ipc_queue_name(one) == NULL);
    put_numbers(one, 1, 3);
    CHECK_INT(size_of(two), 0);
    put_numbers(two, 7, 7);
    expect_numbers(one, 1, 3);
    expect_numbers(two, 7, 7);
    ipc_queue_free(one);
    ipc_queue_free(two);
    ipc_conn_free(conn);
}

static void test_open__a_named_one_stays_until_it_is_unlinked(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    put_numbers(me.queue, 1, 10);
    ipc_queue_free(me.queue);
    me.queue = queue_named(me.conn, "jobs", false, 0);
    CHECK_INT(size_of(me.queue), 10);
    expect_numbers(me.queue, 1, 4);
    ipc_conn *keep = connect_to(*state); /* or the hub might end */
    user_leave(&me);
    me = user_of(*state, "jobs", false, 0);
    expect_numbers(me.queue, 5, 10);
    CHECK_OK(ipc_unlink(me.conn, "jobs"));
    CHECK_ERR(ipc_unlink(me.conn, "jobs"), IPC_ENOENT);
    CHECK_WORDS("nothing is named \"jobs\"");
    user_leave(&me);
    ipc_conn_free(keep);
}

static void test_open__unlink_ends_who_waits(void **state)
{
    user getter = user_of(*state, "empty", false, 0);
    user putter = user_of(*state, "full", false, 1);
    user joiner = user_of(*state, "unfinished", true, 0);
    put_numbers(putter.queue, 1, 1);
    put_numbers(joiner.queue, 1, 1);
    call get;
    call put;
    call join;
    call_start_and_block(&get, get_for_ever, getter.queue);
    call_start_and_block(&put, put_for_ever, putter.queue);
    call_start_and_block(&join, join_for_ever, joiner.queue);
    ipc_conn *conn = connect_to(*state);
    CHECK_OK(ipc_conn_flush(getter.conn, DEADLINE_MS)); /* what the calls sent is there */
    CHECK_OK(ipc_conn_flush(putter.conn, DEADLINE_MS));
    CHECK_OK(ipc_conn_flush(joiner.conn, DEADLINE_MS));
    CHECK_OK(ipc_unlink(conn, "empty"));
    CHECK_OK(ipc_unlink(conn, "full"));
    CHECK_OK(ipc_unlink(conn, "unfinished"));
    CHECK_ERR(call_result(&get, PROMPT_MS), IPC_EDELETED);
    CHECK_ERR(call_result(&put, PROMPT_MS), IPC_EDELETED);
    CHECK_ERR(call_result(&join, PROMPT_MS), IPC_EDELETED);
    user_leave(&getter);
    user_leave(&putter);
    user_leave(&joiner);
    ipc_conn_free(conn);
}

static void test_open__a_deleted_one_stays_deleted_for_its_handles(void **state)
{
    user me = user_of(*state, "jobs", true, 0);
    ipc_conn *conn = connect_to(*state);
    put_numbers(me.queue, 1, 20);
    ipc_msg *item = take(me.queue);
    CHECK_OK(ipc_unlink(conn, "jobs"));
    EVENTUALLY_WITHIN(PROMPT_MS, put_number(me.queue, 1, 0) == IPC_EDELETED);
    CHECK_ERR(put_number(me.queue, 1, 0), IPC_EDELETED);
    ipc_queue_info info;
    CHECK_ERR(ipc_queue_stat(me.queue, &info), IPC_EDELETED);
    CHECK_ERR(ipc_queue_join(me.queue, IPC_FOREVER), IPC_EDELETED);
    ipc_msg *ticket;
    CHECK_ERR(ipc_queue_share(me.queue, &ticket), IPC_EDELETED);
    int64_t number;
    EVENTUALLY_WITHIN(PROMPT_MS, get_number(me.queue, IPC_FOREVER, &number) == IPC_EDELETED);
    CHECK_ERR(get_number(me.queue, 0, &number), IPC_EDELETED);
    ipc_msg_free(item);
    ipc_queue *fresh = queue_named(conn, "jobs", false, 3); /* the name is free for another */
    put_numbers(fresh, 1, 1);
    CHECK_ERR(get_number(me.queue, 0, &number), IPC_EDELETED);
    expect_numbers(fresh, 1, 1);
    ipc_queue_free(fresh);
    ipc_conn_free(conn);
    user_leave(&me);
}

static void test_open__list_tells_what_there_is(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    user other = user_of(*state, "jobs", false, 0);
    put_numbers(me.queue, 1, 5);
    ipc_msg *list;
    CHECK_OK(ipc_objects(me.conn, &list));
    const char *name = NULL;
    const char *type = NULL;
    int size = 0;
    int handles = 0;
    CHECK_OK(
        ipc_unpack(list, "[{s:s,s:s,s:i,s:i!}!]", "name", &name, "type", &type, "size", &size, "handles", &handles));
    CHECK(strcmp(name, "jobs") == 0);
    CHECK(strcmp(type, "queue") == 0);
    CHECK_INT(size, 5);
    CHECK_INT(handles, 2);
    ipc_msg_free(list);
    CHECK_OK(ipc_unlink(other.conn, "jobs"));
    CHECK_OK(ipc_objects(me.conn, &list));
    CHECK_OK(ipc_unpack(list, "[!]"));
    ipc_msg_free(list);
    user_leave(&me);
    user_leave(&other);
}

/* ---- limits ---- */

static ipc_hub_options small_hub(void)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_sessions = 3;
    options.max_objects = 4;
    options.max_memory = 1 << 20;
    options.max_message = 200 * 1000;
    return options;
}

/* Instead of place_setup: the same on a hub with low limits. */
static int small_setup(void **state)
{
    ipc_hub_options options = small_hub();
    *state = place_open(*(const lane *)*state, &options);
    return 0;
}

static void test_limits__sessions(void **state)
{
    ipc_conn *conn[3];
    for (int i = 0; i < 3; i++) {
        conn[i] = connect_to(*state);
    }
    ipc_conn *more;
    const place *where = *state;
    int64_t before = now_ms();
    CHECK_ERR(ipc_connect(&more, where->address, NULL), IPC_ESESSIONS);
    CHECK_WORDS("3 sessions");
    CHECK(now_ms() - before < PROMPT_MS);
    ipc_conn_free(conn[1]);
    EVENTUALLY_WITHIN(PROMPT_MS, ipc_connect(&conn[1], where->address, NULL) == IPC_OK);
    for (int i = 0; i < 3; i++) {
        ipc_conn_free(conn[i]);
    }
}

static void test_limits__objects(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_queue *queue[5];
    for (int i = 0; i < 4; i++) {
        CHECK_OK(ipc_queue_open(&queue[i], conn, i % 2 ? fresh_name("jobs") : NULL, NULL));
    }
    CHECK_ERR(ipc_queue_open(&queue[4], conn, NULL, NULL), IPC_EOBJECTS);
    CHECK_WORDS("4 objects");
    ipc_queue_free(queue[0]); /* without a name: it is gone */
    CHECK_OK(ipc_queue_open(&queue[0], conn, "again", NULL));
    for (int i = 0; i < 4; i++) {
        ipc_queue_free(queue[i]);
    }
    ipc_conn_free(conn);
}

static void test_limits__a_message(void **state)
{
    user me = user_of(*state, "jobs", false, 0);
    ipc_msg *fits = pattern(200 * 1000 - 5, 1); /* packed: 5 bytes more */
    ipc_msg *over = pattern(200 * 1000 - 4, 1);
    CHECK_ERR(ipc_queue_put(me.queue, over, 0), IPC_ETOOBIG);
    CHECK_WORDS("200001 bytes; the hub allows 200000");
    CHECK_OK(ipc_queue_put(me.queue, fits, 0));
    CHECK_INT(size_of(me.queue), 1);
    ipc_pipe *a;
    ipc_pipe *b;
    CHECK_OK(ipc_pipe_pair(&a, &b, me.conn, NULL));
    CHECK_ERR(ipc_pipe_send(a, over, 0), IPC_ETOOBIG);
    CHECK_OK(ipc_pipe_send(a, fits, 0));
    ipc_pipe_free(a);
    ipc_pipe_free(b);
    ipc_msg_free(fits);
    ipc_msg_free(over);
    user_leave(&me);
}

static void test_limits__memory_is_told_by_a_later_call(void **state)
{
    enum { FITS = 5 };
    user me = user_of(*state, "jobs", false, 0);
    ipc_msg *msg = pattern(190 * 1000, 1);
    for (int i = 0; i < FITS + 1; i++) {
        CHECK_OK(ipc_queue_put(me.queue, msg, DEADLINE_MS)); /* on its way; the hub refuses the last one */
    }
    CHECK_ERR(ipc_queue_flush(me.queue, DEADLINE_MS), IPC_EMEMORY);
    CHECK_WORDS("1 earlier put failed");
    CHECK_WORDS("may hold 1048576");
    CHECK_INT(size_of(me.queue), FITS); /* told once: the handle is good again */
    for (int i = 0; i < FITS; i++) {
        ipc_msg *item = take(me.queue);
        CHECK(is_pattern(item, 190 * 1000, 1));
        ipc_msg_free(item);
    }
    CHECK_OK(ipc_queue_put(me.queue, msg, DEADLINE_MS));
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    ipc_msg_free(msg);
    user_leave(&me);
}

#define ON_SMALL_HUB(test, which)                                                                                      \
    {                                                                                                                  \
#test " [" #which "]", (test), small_setup, place_teardown, (void *)(uintptr_t)&lane_##which                   \
    }
#define ON_EVERY_SMALL_HUB(test) ON_SMALL_HUB(test, named), ON_SMALL_HUB(test, tcp), ON_SMALL_HUB(test, inproc)

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_open__the_modes),
        ON_EVERY_LANE(test_open__of_another_type),
        ON_EVERY_LANE(test_open__other_options_than_the_first_openers),
        ON_EVERY_LANE(test_open__names),
        ON_EVERY_LANE(test_open__options_that_are_none),
        ON_EVERY_LANE(test_open__without_a_name_each_is_its_own),
        ON_EVERY_LANE(test_open__a_named_one_stays_until_it_is_unlinked),
        ON_EVERY_LANE(test_open__unlink_ends_who_waits),
        ON_EVERY_LANE(test_open__a_deleted_one_stays_deleted_for_its_handles),
        ON_EVERY_LANE(test_open__list_tells_what_there_is),
        ON_EVERY_SMALL_HUB(test_limits__sessions),
        ON_EVERY_SMALL_HUB(test_limits__objects),
        ON_EVERY_SMALL_HUB(test_limits__a_message),
        ON_EVERY_SMALL_HUB(test_limits__memory_is_told_by_a_later_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
