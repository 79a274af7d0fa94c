/*
 * Looking at a hub and its objects, and its limits.
 * Touches a hub of its own for every test.
 */
#include "support/items.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A number of a map's; or of a map in it. */
static int64_t number_in(const ipc_msg *map, const char *format, const char *key, const char *inner)
{
    int64_t number = -1;
    ipc_err err = inner ? ipc_unpack(map, format, key, inner, &number) : ipc_unpack(map, format, key, &number);
    CHECK_OK(err);
    return number;
}

static int64_t stat_of(ipc_conn *conn, const char *key)
{
    ipc_msg *stat;
    CHECK_OK(ipc_stat(conn, &stat));
    int64_t number = number_in(stat, "{s:I}", key, NULL);
    ipc_msg_free(stat);
    return number;
}

static int64_t state_of(ipc_conn *conn, const char *name, const char *key)
{
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, name, &info));
    int64_t number = number_in(info, "{s:{s:I}}", "state", key);
    ipc_msg_free(info);
    return number;
}

static void test_look__at_the_hub(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_conn *other = connect_to(*state);
    CHECK_INT(stat_of(conn, "sessions"), 2);
    CHECK_INT(stat_of(conn, "objects"), 0);
    CHECK_INT(stat_of(conn, "memory"), 0);
    CHECK(stat_of(conn, "pid") > 0);
    CHECK(stat_of(conn, "uptime_ms") >= 0);
    ipc_queue *queue = queue_named(other, "q", false, 0);
    CHECK_OK(put_number(queue, 1, 0));
    CHECK_OK(ipc_conn_flush(other, DEADLINE_MS));
    CHECK_INT(stat_of(conn, "objects"), 1);
    CHECK(stat_of(conn, "memory") > 0);
    ipc_queue_free(queue);
    ipc_conn_free(other);
    EVENTUALLY(stat_of(conn, "sessions") == 1);
    ipc_conn_free(conn);
}

static void test_look__at_a_queue(void **state)
{
    user me = user_of(*state, "jobs", true, 10);
    put_numbers(me.queue, 1, 5);
    ipc_msg *item = take(me.queue);
    CHECK_OK(ipc_conn_flush(me.conn, DEADLINE_MS));
    EVENTUALLY(state_of(me.conn, "jobs", "leased") == 1);
    CHECK_INT(state_of(me.conn, "jobs", "size"), 4);
    CHECK_INT(state_of(me.conn, "jobs", "unfinished"), 5);
    CHECK_INT(state_of(me.conn, "jobs", "accepted"), 5);
    CHECK_INT(state_of(me.conn, "jobs", "maxsize"), 10);
    CHECK_INT(state_of(me.conn, "jobs", "joins_waiting"), 0);
    ipc_msg *info;
    CHECK_OK(ipc_info(me.conn, "jobs", &info));
    const char *type;
    const char *language;
    CHECK_OK(ipc_unpack(info, "{s:s,s:[{s:s}]}", "type", &type, "holders", "language", &language));
    CHECK(strcmp(type, "queue") == 0 && strcmp(language, "c") == 0);
    ipc_msg_free(info);
    CHECK_ERR(ipc_info(me.conn, "nothing", &info), IPC_ENOENT);
    CHECK_ERR(ipc_info(me.conn, NULL, &info), IPC_EINVAL);
    CHECK(!info);
    ipc_msg_free(item);
    user_leave(&me);
}

static void test_look__at_a_pipe(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_pipe *pipe;
    CHECK_OK(ipc_pipe_open(&pipe, conn, "p", NULL));
    CHECK_OK(send_number(pipe, 1));
    CHECK_OK(ipc_pipe_flush(pipe, DEADLINE_MS));
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, "p", &info));
    int a = -1;
    int b = -1;
    int size = -1;
    CHECK_OK(
        ipc_unpack(info, "{s:{s:{s:i},s:{s:i,s:i}}}", "state", "a", "holders", &a, "b", "holders", &b, "size", &size));
    CHECK(a == 1 && b == 0 && size == 1);
    ipc_msg_free(info);
    ipc_pipe_free(pipe);
    ipc_conn_free(conn);
}

static void test_look__whatever_the_limits_of_values_are(void **state)
{
    CHECK_OK(ipc_set_value_limits(&(ipc_value_limits){.max_depth = 1, .max_elements = 2}));
    user me = user_of(*state, "q", true, 0);
    ipc_msg *info;
    CHECK_OK(ipc_info(me.conn, "q", &info));
    ipc_msg_free(info);
    CHECK_OK(ipc_stat(me.conn, &info));
    ipc_msg_free(info);
    ipc_msg *ticket;
    CHECK_OK(ipc_queue_share(me.queue, &ticket));
    ipc_queue *same;
    CHECK_OK(ipc_queue_attach(&same, me.conn, ticket));
    ipc_msg_free(ticket);
    ipc_queue_free(same);
    ipc_msg *deep;
    CHECK_OK(ipc_set_value_limits(NULL));
    CHECK_OK(ipc_pack(&deep, "[[i]]", 1));
    CHECK_OK(ipc_queue_put(me.queue, deep, 0));
    ipc_msg_free(deep);
    CHECK_OK(ipc_set_value_limits(&(ipc_value_limits){.max_depth = 1, .max_elements = 9}));
    deep = take(me.queue);
    int number;
    CHECK_ERR(ipc_unpack(deep, "[[i]]", &number), IPC_EDEPTH);
    CHECK_OK(ipc_queue_done(me.queue, deep));
    ipc_msg_free(deep);
    CHECK_OK(ipc_set_value_limits(NULL));
    user_leave(&me);
}

static void test_look__whatever_programs_call_themselves(void **state)
{
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    char program[600];
    memset(program, 'p', sizeof program);
    program[3] = '\xe9';
    program[sizeof program - 1] = '\0';
    options.program = program;
    ipc_conn *odd;
    CHECK_OK(ipc_connect(&odd, ((const place *)*state)->address, &options));
    ipc_conn *conn = connect_to(*state);
    ipc_msg *stat;
    CHECK_OK(ipc_stat(conn, &stat));
    const char *first;
    CHECK_OK(ipc_unpack(stat, "{s:[{s:s}]}", "who", "program", &first));
    CHECK(strcmp(first, "ppp") == 0);
    ipc_msg_free(stat);
    ipc_conn_free(odd);
    ipc_conn_free(conn);
}

/* ---- limits: each with an error of its own ---- */

static void test_limits__each_has_its_own_error(void **state)
{
    (void)state;
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_sessions = 2;
    options.max_objects = 2;
    options.max_memory = 4096;
    options.max_message = 2048;
    options.max_name = 8;
    options.max_waiting = 3;
    place *where = place_open(LANE_NAMED, &options);
    ipc_conn *conn = connect_to(where);
    ipc_conn *second = connect_to(where);
    ipc_conn *third;
    CHECK_ERR(ipc_connect(&third, where->address, NULL), IPC_ESESSIONS);
    CHECK_WORDS("the hub has its 2 sessions");
    ipc_queue *queue;
    CHECK_ERR(ipc_queue_open(&queue, conn, "ninechars", NULL), IPC_ENAME);
    CHECK_WORDS("a name has 1 to 8 bytes here, this one has 9");
    queue = queue_named(conn, "q", false, 0);
    ipc_queue *more = queue_named(conn, "r", false, 0);
    ipc_queue *most;
    CHECK_ERR(ipc_queue_open(&most, conn, "s", NULL), IPC_EOBJECTS);
    ipc_msg *big = pattern(2100, 1);
    CHECK_ERR(ipc_queue_put(queue, big, 0), IPC_ETOOBIG);
    ipc_msg_free(big);
    ipc_msg *some = pattern(1800, 2);
    CHECK_OK(ipc_queue_put_confirm(queue, some, 0));
    CHECK_OK(ipc_queue_put_confirm(queue, some, 0));
    CHECK_ERR(ipc_queue_put_confirm(queue, some, 0), IPC_EMEMORY);
    CHECK_WORDS("take some out, or start it with a higher limit");
    CHECK_INT(size_of(queue), 2); /* and nothing was dropped */
    CHECK_INT(stat_of(conn, "refused_puts"), 1);
    ipc_msg *tickets[3];
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_queue_share(more, &tickets[i]));
    }
    ipc_msg *none;
    CHECK_ERR(ipc_queue_share(more, &none), IPC_ELIMIT);
    for (int i = 0; i < 3; i++) {
        ipc_msg_free(tickets[i]);
    }
    ipc_msg_free(some);
    ipc_queue_free(queue);
    ipc_queue_free(more);
    ipc_conn_free(conn);
    ipc_conn_free(second);
    place_close(where);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_look__at_the_hub),
        ON_EVERY_LANE(test_look__at_a_queue),
        ON_EVERY_LANE(test_look__at_a_pipe),
        ON_EVERY_LANE(test_look__whatever_the_limits_of_values_are),
        ON_LANE(test_look__whatever_programs_call_themselves, named),
        ON_LANE(test_look__whatever_programs_call_themselves, tcp),
        cmocka_unit_test(test_limits__each_has_its_own_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
