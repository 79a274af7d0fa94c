/*
 * Hubs that are killed: whoever waits learns it at once, and the next call meets a new hub.
 * Touches hubs, which it kills.
 */
#include "support/call.h"
#include "support/items.h"
#include "support/os.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Until a killed hub is missed. */
enum { MISSED_MS = PROMPT_MS };

/* Kill the hub. A TCP hub, which nobody starts by itself, is started again at the same address. */
static void kill_hub(place *where)
{
    pid_t pid = place_hub_pid(where);
    CHECK(pid > 0);
    if (!where->process) {
        CHECK_INT(kill(pid, SIGKILL), 0);
        EVENTUALLY(hub_pid(where->address) != pid);
        return;
    }
    worker_kill(where->process);
    char address[sizeof where->address];
    memcpy(address, where->address, sizeof address);
    where->process = worker_start("hub", address, "0", "10000", "1500", "500", "100000", "1000000000", "100000000",
                                  "255", "10000", NULL);
    const char *line = worker_hear(where->process);
    CHECK(line && strncmp(line, "ready ", 6) == 0);
}

static void test_lost__whoever_waits_learns_it(void **state)
{
    place *where = *state;
    enum { WAYS = 5 };
    user empty = user_of(where, "empty", false, 0);
    user full = user_of(where, "full", false, 1);
    user unfinished = user_of(where, "unfinished", true, 0);
    ipc_pipe *talk;
    ipc_pipe *other;
    CHECK_OK(ipc_pipe_open(&talk, empty.conn, "talk", NULL));
    CHECK_OK(ipc_pipe_open(&other, empty.conn, "other", NULL));
    put_numbers(full.queue, 1, 1);
    put_numbers(unfinished.queue, 1, 1);
    call calls[WAYS];
    call_start_and_block(&calls[0], get_for_ever, empty.queue);
    call_start_and_block(&calls[1], put_for_ever, full.queue);
    call_start_and_block(&calls[2], join_for_ever, unfinished.queue);
    call_start_and_block(&calls[3], recv_for_ever, talk);
    call_start_and_block(&calls[4], poll_for_ever, other);
    kill_hub(where);
    for (int i = 0; i < WAYS; i++) {
        CHECK_ERR(call_result(&calls[i], MISSED_MS), IPC_ELOST);
        CHECK(strstr(calls[i].words, where->address));
    }
    user_leave(&full);
    user_leave(&unfinished);
    ipc_pipe_free(talk);
    ipc_pipe_free(other);
    user_leave(&empty);
}

/* ---- calls that a hub answers at once, if it can ---- */

static ipc_err flush_for_ever(void *arg)
{
    return ipc_queue_flush(((user *)arg)->queue, IPC_FOREVER);
}

static ipc_err flush_all_for_ever(void *arg)
{
    return ipc_conn_flush(((user *)arg)->conn, IPC_FOREVER);
}

static ipc_err stat_queue(void *arg)
{
    ipc_queue_info info;
    return ipc_queue_stat(((user *)arg)->queue, &info);
}

static ipc_err open_queue(void *arg)
{
    ipc_queue *queue;
    ipc_err err = ipc_queue_open(&queue, ((user *)arg)->conn, "another", NULL);
    if (!err) {
        ipc_queue_free(queue);
    }
    return err;
}

static ipc_err open_pipe(void *arg)
{
    ipc_pipe *pipe;
    ipc_err err = ipc_pipe_open(&pipe, ((user *)arg)->conn, "another talk", NULL);
    if (!err) {
        ipc_pipe_free(pipe);
    }
    return err;
}

static ipc_err list_all(void *arg)
{
    ipc_msg *list;
    ipc_err err = ipc_objects(((user *)arg)->conn, &list);
    if (!err) {
        ipc_msg_free(list);
    }
    return err;
}

static ipc_err unlink_one(void *arg)
{
    ipc_err err = ipc_unlink(((user *)arg)->conn, "nothing");
    return err == IPC_ENOENT ? IPC_OK : err;
}

static ipc_err share_queue(void *arg)
{
    ipc_msg *ticket;
    ipc_err err = ipc_queue_share(((user *)arg)->queue, &ticket);
    if (!err) {
        ipc_msg_free(ticket);
    }
    return err;
}

/* More than may be on its way. */
static ipc_err put_much(void *arg)
{
    ipc_msg *large = pattern(1 << 20, 1);
    ipc_err err = IPC_OK;
    for (int i = 0; i < 100 && !err; i++) { /* more than any lane takes ahead of its hub */
        err = ipc_queue_put(((user *)arg)->queue, large, IPC_FOREVER);
    }
    ipc_msg_free(large);
    return err;
}

static void test_lost__whoever_waits_for_an_answer_learns_it(void **state)
{
    place *where = *state;
    ipc_err (*const ways[])(void *arg) = {flush_for_ever, flush_all_for_ever, stat_queue,  open_queue, open_pipe,
                                          list_all,       unlink_one,         share_queue, put_much};
    enum { WAYS = sizeof ways / sizeof ways[0] };
    user users[WAYS];
    call calls[WAYS];
    for (int i = 0; i < WAYS; i++) {
        users[i] = user_of(where, fresh_name("jobs"), false, 0);
    }
    CHECK_INT(kill(place_hub_pid(where), SIGSTOP), 0);
    for (int i = 0; i < WAYS; i++) {
        CHECK_OK(put_number(users[i].queue, 1, 0)); /* there is something to flush */
        call_start_and_block(&calls[i], ways[i], &users[i]);
    }
    kill_hub(where);
    for (int i = 0; i < WAYS; i++) {
        CHECK_ERR(call_result(&calls[i], MISSED_MS), IPC_ELOST);
        CHECK(strstr(calls[i].words, where->address));
    }
    for (int i = 0; i < WAYS; i++) { /* and when each handle has been told, the same call works */
        ipc_err err = put_number(users[i].queue, 2, 0);
        CHECK(err == IPC_OK || err == IPC_ELOST);
        CHECK_OK(ways[i](&users[i]));
        user_leave(&users[i]);
    }
}

static ipc_err connect_and_leave(void *where)
{
    ipc_conn *conn;
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.connect_timeout_ms = DEADLINE_MS; /* a hub program has to start meanwhile */
    ipc_err err = ipc_connect(&conn, ((const place *)where)->address, &options);
    if (!err) {
        ipc_conn_free(conn);
    }
    return err;
}

static void test_lost__who_is_connecting_goes_on_to_the_next_hub(void **state)
{
    place *where = *state;
    ipc_conn *keep = connect_to(where);
    CHECK_INT(kill(place_hub_pid(where), SIGSTOP), 0);
    call connecting;
    call_start_and_block(&connecting, connect_and_leave, where);
    kill_hub(where);
    CHECK_OK(call_result(&connecting, DEADLINE_MS));
    ipc_conn_free(keep);
}

static void test_lost__the_next_call_works_again(void **state)
{
    place *where = *state;
    user me = user_of(where, "jobs", true, 7);
    for (int round = 0; round < 5; round++) {
        put_numbers(me.queue, 1, 5);
        expect_numbers(me.queue, 1, 4);
        ipc_msg *item = take(me.queue); /* the last: nothing is here that a call could still take */
        kill_hub(where);
        int64_t begin = now_ms();
        CHECK_ERR(get_for_ever(me.queue), IPC_ELOST); /* told once: what it held is gone */
        CHECK(now_ms() - begin < MISSED_MS);
        ipc_queue_info info;
        CHECK_OK(ipc_queue_stat(me.queue, &info));
        CHECK(now_ms() - begin < 2 * MISSED_MS);
        CHECK_INT(info.size, 0);
        CHECK_INT(info.unfinished, 0);
        CHECK_INT(info.maxsize, 7); /* made anew as it was */
        CHECK(info.joinable);
        CHECK_OK(ipc_queue_done(me.queue, item)); /* of a delivery that is no more: touches nothing */
        put_numbers(me.queue, 1, 3);
        expect_numbers(me.queue, 1, 3);
        CHECK_INT(unfinished_of(me.queue), 3);
        for (int i = 0; i < 3; i++) {
            CHECK_OK(ipc_queue_task_done(me.queue));
        }
        ipc_msg_free(item);
    }
    user_leave(&me);
}

static void test_lost__every_handle_is_told(void **state)
{
    place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    ipc_queue *second = queue_named(me.conn, "more", false, 0);
    ipc_queue *unnamed;
    CHECK_OK(ipc_queue_open(&unnamed, me.conn, NULL, NULL));
    ipc_pipe *pipe;
    CHECK_OK(ipc_pipe_open(&pipe, me.conn, "talk", NULL));
    kill_hub(where);
    EVENTUALLY_WITHIN(MISSED_MS, put_number(me.queue, 1, 0) == IPC_ELOST);
    CHECK_OK(put_number(me.queue, 1, 0)); /* the connection is there again */
    CHECK_ERR(put_number(second, 2, 0), IPC_ELOST);
    CHECK_OK(put_number(second, 2, 0));
    CHECK_ERR(send_number(pipe, 3), IPC_ELOST);
    CHECK_OK(send_number(pipe, 3));
    CHECK_ERR(put_number(unnamed, 4, 0), IPC_ELOST);
    CHECK_ERR(put_number(unnamed, 4, 0), IPC_ELOST); /* nobody can find that one again */
    CHECK_WORDS("no name");
    expect_numbers(me.queue, 1, 1);
    expect_numbers(second, 2, 2);
    ipc_queue_free(second);
    ipc_queue_free(unnamed);
    ipc_pipe_free(pipe);
    user_leave(&me);
}

static void test_lost__what_was_put_and_not_owned_is_told(void **state)
{
    place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    put_numbers(me.queue, 1, 100);
    kill_hub(where);
    CHECK_ERR(ipc_queue_flush(me.queue, DEADLINE_MS), IPC_ELOST); /* never a success for what is gone */
    CHECK_OK(ipc_queue_flush(me.queue, DEADLINE_MS));
    user_leave(&me);
}

static void test_lost__closing_is_quick_and_leaves_nothing(void **state)
{
    place *where = *state;
    unsigned fds = open_fds();
    unsigned threads = running_threads();
    for (int round = 0; round < 3; round++) {
        user me = user_of(where, "jobs", false, 0);
        user other = user_of(where, "jobs", false, 0);
        put_numbers(me.queue, 1, 10);
        kill_hub(where);
        int64_t begin = now_ms();
        if (round) {
            CHECK_ERR(get_for_ever(other.queue), IPC_ELOST);
        }
        user_leave(&me);
        user_leave(&other);
        CHECK(now_ms() - begin < 2 * PROMPT_MS);
    }
    EVENTUALLY(open_fds() <= fds);
    EVENTUALLY(running_threads() <= threads);
}

/* ---- under load ---- */

enum { USERS = 4, LOSSES = 6 };

struct tireless {
    user user;
    atomic_bool *stop;
    atomic_int losses;
    atomic_int moved;
};

static ipc_err move_things(void *arg)
{
    struct tireless *self = arg;
    while (!atomic_load(self->stop)) {
        int64_t number;
        ipc_err err = put_number(self->user.queue, 1, IPC_FOREVER);
        err = err ? err : get_number(self->user.queue, 1000, &number);
        if (err == IPC_ELOST) {
            atomic_fetch_add(&self->losses, 1);
        } else if (err && err != IPC_EEMPTY && err != IPC_ENOHUB) {
            return err;
        } else {
            atomic_fetch_add(&self->moved, 1);
        }
    }
    return IPC_OK;
}

static void test_lost__again_and_again_under_load(void **state)
{
    place *where = *state;
    atomic_bool stop = false;
    struct tireless users[USERS];
    call calls[USERS];
    for (int i = 0; i < USERS; i++) {
        users[i] = (struct tireless){.user = user_of(where, "jobs", false, 8), .stop = &stop};
        call_start(&calls[i], move_things, &users[i]);
    }
    for (int loss = 0; loss < LOSSES; loss++) {
        for (int i = 0; i < USERS; i++) { /* everybody is well, */
            int before = atomic_load(&users[i].moved);
            EVENTUALLY(atomic_load(&users[i].moved) > before + 10);
        }
        kill_hub(where);
        for (int i = 0; i < USERS; i++) { /* learns it, */
            EVENTUALLY(atomic_load(&users[i].losses) > loss);
        }
    }
    for (int i = 0; i < USERS; i++) { /* and is well again */
        int before = atomic_load(&users[i].moved);
        EVENTUALLY(atomic_load(&users[i].moved) > before + 10);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < USERS; i++) {
        CHECK_OK(call_result(&calls[i], DEADLINE_MS));
        CHECK_INT(atomic_load(&users[i].losses), LOSSES);
        user_leave(&users[i].user);
    }
}

/* ---- what a dead hub leaves ---- */

static void test_lost__its_files_are_replaced(void **state)
{
    place *where = *state;
    ipc_conn *conn = connect_to(where);
    pid_t dead = hub_pid(where->address);
    CHECK_INT(kill(dead, SIGKILL), 0);
    EVENTUALLY(hub_pid(where->address) != dead);
    ipc_conn_free(conn);
    CHECK_INT(run_directory_files(where->address), 3); /* nobody tidied up after it */
    conn = connect_to(where);
    CHECK(hub_pid(where->address) > 0 && hub_pid(where->address) != dead);
    CHECK_INT(run_directory_files(where->address), 3);
    ipc_conn_free(conn);
}

static void test_lost__an_embedded_hub_takes_a_dead_ones_place(void **state)
{
    place *where = *state;
    ipc_conn *conn = connect_to(where);
    CHECK_INT(kill(hub_pid(where->address), SIGKILL), 0);
    EVENTUALLY(hub_pid(where->address) == 0);
    ipc_conn_free(conn);
    ipc_hub *hub;
    CHECK_OK(ipc_hub_start(&hub, where->address, NULL));
    conn = connect_to(where);
    ipc_conn_free(conn);
    ipc_hub_free(hub);
    CHECK_INT(run_directory_files(where->address), 0);
}

/* ---- hubs that end in good order are gone as well ---- */

static void test_lost__a_hub_that_is_stopped_in_order(void **state)
{
    place *where = *state;
    user me = user_of(where, "jobs", false, 0);
    call get;
    call_start_and_block(&get, get_for_ever, me.queue);
    if (where->hub) {
        ipc_hub_stop(where->hub);
    } else if (where->process) {
        worker *process = where->process;
        where->process = NULL;
        worker_end(process);
    } else {
        CHECK_INT(kill(hub_pid(where->address), SIGTERM), 0);
    }
    CHECK_ERR(call_result(&get, MISSED_MS), IPC_ELOST);
    user_leave(&me);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        AMONG_MORTALS(test_lost__whoever_waits_learns_it),
        AMONG_MORTALS(test_lost__whoever_waits_for_an_answer_learns_it),
        ON_LANE(test_lost__who_is_connecting_goes_on_to_the_next_hub, named),
        AMONG_MORTALS(test_lost__the_next_call_works_again),
        AMONG_MORTALS(test_lost__every_handle_is_told),
        AMONG_MORTALS(test_lost__what_was_put_and_not_owned_is_told),
        AMONG_MORTALS(test_lost__closing_is_quick_and_leaves_nothing),
        AMONG_MORTALS(test_lost__again_and_again_under_load),
        ON_LANE(test_lost__its_files_are_replaced, named),
        ON_LANE(test_lost__an_embedded_hub_takes_a_dead_ones_place, named),
        ON_EVERY_LANE(test_lost__a_hub_that_is_stopped_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
