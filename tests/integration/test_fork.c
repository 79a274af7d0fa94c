/*
 * Forks: a child uses what its parent opened, at once; nobody loses, doubles or keeps anything by it.
 * Touches a hub of its own for every test. Over TCP a child has no part in its parent's session: see test_fork_tcp__.
 */
#include "support/call.h"
#include "support/items.h"
#include "support/os.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What children are given. */
struct things {
    user user;
    ipc_queue *unnamed;
    ipc_pipe *a;
    ipc_pipe *b;
};

static struct things things_of(const place *where)
{
    struct things self = {.user = user_of(where, "jobs", true, 0)};
    CHECK_OK(ipc_queue_open(&self.unnamed, self.user.conn, NULL, NULL));
    CHECK_OK(ipc_pipe_pair(&self.a, &self.b, self.user.conn, NULL));
    return self;
}

static void things_leave(struct things *self)
{
    ipc_queue_free(self->unnamed);
    ipc_pipe_free(self->a);
    ipc_pipe_free(self->b);
    user_leave(&self->user);
}

/* ---- a child uses its parent's handles ---- */

static int child_echoes(void *arg)
{
    struct things *my = arg;
    ipc_pipe_close(my->a);
    for (int64_t number = 1; number <= 100; number++) {
        expect_received(my->b, number);
        CHECK_OK(send_number(my->b, -number));
        CHECK_OK(put_number(my->user.queue, number, 0));
        CHECK_OK(put_number(my->unnamed, number, 0));
    }
    ipc_msg *msg;
    CHECK_ERR(ipc_pipe_recv(my->b, IPC_FOREVER, &msg), IPC_EEOF); /* the parent closed its end */
    CHECK_OK(ipc_conn_flush(my->user.conn, DEADLINE_MS));
    return 0;
}

static void test_fork__a_child_uses_what_its_parent_opened(void **state)
{
    struct things my = things_of(*state);
    pid_t child = fork_child(child_echoes, &my);
    ipc_pipe_close(my.b);
    for (int64_t number = 1; number <= 100; number++) {
        CHECK_OK(send_number(my.a, number));
        expect_received(my.a, -number);
    }
    expect_numbers(my.user.queue, 1, 100);
    expect_numbers(my.unnamed, 1, 100);
    ipc_pipe_close(my.a);
    child_succeeds(child);
    things_leave(&my);
}

static int child_takes_ten(void *arg)
{
    struct things *my = arg;
    expect_numbers(my->unnamed, 1, 10);
    expect_received(my->b, 5);
    CHECK_OK(send_number(my->b, 6));
    CHECK_OK(ipc_pipe_flush(my->b, DEADLINE_MS));
    return 0;
}

static void test_fork__a_parent_may_close_at_once(void **state)
{
    for (int round = 0; round < 10; round++) {
        struct things my = things_of(*state);
        put_numbers(my.unnamed, 1, 10);
        CHECK_OK(send_number(my.a, 5));
        pid_t child = fork_child(child_takes_ten, &my);
        ipc_queue_free(my.unnamed);
        ipc_pipe_free(my.b);
        my.unnamed = NULL;
        my.b = NULL;
        expect_received(my.a, 6);
        child_succeeds(child);
        ipc_msg *msg;
        CHECK_ERR(ipc_pipe_recv(my.a, DEADLINE_MS, &msg), IPC_EEOF); /* the child was the end's last holder */
        CHECK_OK(ipc_unlink(my.user.conn, "jobs"));
        things_leave(&my);
    }
}

static void test_fork__a_parent_may_end_its_session_at_once(void **state)
{
    struct things my = things_of(*state);
    ipc_conn *keep = connect_to(*state);
    put_numbers(my.unnamed, 1, 10);
    CHECK_OK(send_number(my.a, 5));
    pid_t child = fork_child(child_takes_ten, &my);
    ipc_conn_close(my.user.conn);
    child_succeeds(child);
    things_leave(&my);
    ipc_conn_free(keep);
}

static int child_ends_its_session(void *arg)
{
    struct things *my = arg;
    CHECK_OK(put_number(my->unnamed, 1, 0));
    ipc_conn_close(my->user.conn);
    ipc_queue_free(my->unnamed);
    return 0;
}

static void test_fork__a_childs_close_is_its_own(void **state)
{
    struct things my = things_of(*state);
    child_succeeds(fork_child(child_ends_its_session, &my));
    expect_numbers(my.unnamed, 1, 1);
    CHECK_OK(send_number(my.a, 1));
    expect_received(my.b, 1);
    things_leave(&my);
}

/* ---- nothing is lost or doubled ---- */

static int child_does_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int child_puts(void *arg)
{
    struct things *my = arg;
    put_numbers(my->unnamed, 1001, 1100);
    CHECK_OK(ipc_queue_flush(my->unnamed, DEADLINE_MS));
    return 0;
}

static void test_fork__what_the_parent_put_is_put_once(void **state)
{
    struct things my = things_of(*state);
    for (int round = 0; round < 10; round++) {
        put_numbers(my.unnamed, 1, 37); /* some are not sent yet */
        pid_t child = fork_child(round % 2 ? child_puts : child_does_nothing, &my);
        put_numbers(my.unnamed, 38, 50);
        child_succeeds(child);
        int64_t mine = 0;
        int64_t its = 1000;
        for (int i = 0; i < (round % 2 ? 150 : 50); i++) {
            int64_t number;
            CHECK_OK(get_number(my.unnamed, DEADLINE_MS, &number));
            CHECK_INT(number, number > 1000 ? ++its : ++mine);
        }
        CHECK_INT(size_of(my.unnamed), 0);
    }
    things_leave(&my);
}

static int child_finds_nothing_ahead(void *arg)
{
    struct things *my = arg;
    int64_t number;
    CHECK_ERR(ipc_queue_task_done(my->user.queue), IPC_OK);    /* the parent's lease, by the queue's count */
    CHECK_ERR(get_number(my->user.queue, 0, &number), IPC_OK); /* one that the parent had ahead, taken back from it */
    CHECK(number > 100);
    CHECK_OK(ipc_queue_task_done(my->user.queue));
    CHECK_OK(ipc_queue_flush(my->user.queue, DEADLINE_MS));
    return 0;
}

static void test_fork__a_child_has_no_item_of_its_parents(void **state)
{
    struct things my = things_of(*state);
    put_numbers(my.user.queue, 1, 1000);
    expect_numbers(my.user.queue, 1, 100); /* and many more ahead */
    pid_t child = fork_child(child_finds_nothing_ahead, &my);
    child_succeeds(child);
    CHECK_INT(unfinished_of(my.user.queue), 998);
    int64_t left = 0;
    int64_t number;
    while (get_number(my.user.queue, 0, &number) == IPC_OK) {
        left++;
    }
    CHECK_INT(left, 899);
    things_leave(&my);
}

/* ---- among threads ---- */

struct flood {
    ipc_queue *queue;
    atomic_bool stop;
    int64_t put;
};

static ipc_err flood(void *arg)
{
    struct flood *self = arg;
    while (!atomic_load(&self->stop)) {
        ipc_err err = put_number(self->queue, ++self->put, IPC_FOREVER);
        if (err) {
            return err;
        }
    }
    return IPC_OK;
}

static ipc_err wait_for_ever(void *arg)
{
    ipc_msg *msg;
    ipc_err err = ipc_pipe_recv(arg, IPC_FOREVER, &msg);
    ipc_msg_free(msg);
    return err;
}

static int child_puts_and_asks(void *arg)
{
    struct things *my = arg;
    CHECK_OK(put_number(my->user.queue, 7, 0));
    CHECK_OK(ipc_queue_flush(my->user.queue, DEADLINE_MS));
    return 0;
}

static void test_fork__while_other_threads_put_and_wait(void **state)
{
    enum { CHILDREN = 15 };
    struct things my = things_of(*state);
    struct flood load = {.queue = my.unnamed};
    call flooding;
    call waiting;
    call_start(&flooding, flood, &load);
    call_start_and_block(&waiting, wait_for_ever, my.a);
    for (int i = 0; i < CHILDREN; i++) {
        child_succeeds(fork_child(child_puts_and_asks, &my));
    }
    atomic_store(&load.stop, true);
    CHECK_OK(call_result(&flooding, DEADLINE_MS));
    CHECK_OK(send_number(my.b, 1));
    CHECK_OK(call_result(&waiting, PROMPT_MS));
    CHECK_INT(size_of(my.unnamed), load.put);
    expect_numbers(my.unnamed, 1, load.put);
    CHECK_INT(size_of(my.user.queue), CHILDREN);
    things_leave(&my);
}

static void test_fork__among_threads_a_child_that_does_nothing(void **state)
{
    enum { CHILDREN = 10 };
    struct things my = things_of(*state);
    struct flood load = {.queue = my.unnamed};
    call flooding;
    call waiting;
    call_start(&flooding, flood, &load);
    call_start_and_block(&waiting, wait_for_ever, my.a);
    for (int i = 0; i < CHILDREN; i++) {
        child_succeeds((i % 2 ? fork_child : fork_child_exit)(child_does_nothing, &my));
    }
    atomic_store(&load.stop, true);
    CHECK_OK(call_result(&flooding, DEADLINE_MS));
    CHECK_OK(send_number(my.b, 1));
    CHECK_OK(call_result(&waiting, PROMPT_MS));
    CHECK_INT(size_of(my.unnamed), load.put);
    things_leave(&my);
}

static ipc_err set_logs(void *stop)
{
    while (!atomic_load((atomic_bool *)stop)) {
        ipc_set_log(NULL, NULL);
    }
    return IPC_OK;
}

static int child_sets_its_log(void *arg)
{
    (void)arg;
    ipc_set_log(NULL, NULL);
    return 0;
}

static void test_fork__while_another_thread_is_about_the_log(void **state)
{
    struct things my = things_of(*state);
    atomic_bool stop = false;
    call setting;
    call_start(&setting, set_logs, &stop);
    for (int i = 0; i < 200; i++) {
        child_succeeds(fork_child(child_sets_its_log, NULL));
    }
    atomic_store(&stop, true);
    CHECK_OK(call_result(&setting, DEADLINE_MS));
    things_leave(&my);
}

/* ---- generations ---- */

static int grandchild_puts(void *arg)
{
    struct things *my = arg;
    CHECK_OK(put_number(my->unnamed, 3, 0));
    CHECK_OK(ipc_queue_flush(my->unnamed, DEADLINE_MS));
    return 0;
}

static int child_forks_before_use(void *arg)
{
    struct things *my = arg;
    pid_t child = fork_child(grandchild_puts, my); /* this process has not used anything itself yet */
    CHECK_OK(put_number(my->unnamed, 2, 0));
    child_succeeds(child);
    child_succeeds(fork_child(grandchild_puts, my));
    CHECK_OK(ipc_queue_flush(my->unnamed, DEADLINE_MS));
    return 0;
}

static int child_leaves_a_grandchild(void *arg)
{
    fork_child(grandchild_puts, arg);
    return 0;
}

static void test_fork__grandchildren(void **state)
{
    struct things my = things_of(*state);
    child_succeeds(fork_child(child_forks_before_use, &my));
    CHECK_INT(size_of(my.unnamed), 3);
    child_succeeds(fork_child(child_leaves_a_grandchild, &my));
    EVENTUALLY(size_of(my.unnamed) == 4); /* from an orphan */
    things_leave(&my);
}

static void test_fork__several_holders_of_an_end(void **state)
{
    enum { CHILDREN = 4 };
    struct things my = things_of(*state);
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork_child(child_echoes, &my);
    }
    ipc_pipe_close(my.b);
    CHECK_INT(kill(children[0], SIGKILL), 0);
    CHECK_INT(child_status(children[0]), 128 + SIGKILL);
    CHECK_OK(send_number(my.a, 1)); /* an end lives as long as one of its holders */
    ipc_msg *msg;
    CHECK_OK(ipc_pipe_recv(my.a, DEADLINE_MS, &msg));
    CHECK_INT(number_of(msg), -1);
    ipc_msg_free(msg);
    for (int i = 1; i < CHILDREN; i++) {
        kill(children[i], SIGKILL);
        child_status(children[i]);
    }
    CHECK_ERR(ipc_pipe_recv(my.a, DEADLINE_MS, &msg), IPC_EEOF);
    CHECK_ERR(send_number(my.a, 2), IPC_EPIPE);
    things_leave(&my);
}

/* ---- children that leave ---- */

static unsigned handles_of(ipc_conn *conn, const char *name)
{
    ipc_msg *list;
    CHECK_OK(ipc_objects(conn, &list));
    const char *got = NULL;
    int handles = 0;
    CHECK_OK(ipc_unpack(list, "[{s:s,s:i}]", "name", &got, "handles", &handles));
    CHECK(strcmp(got, name) == 0);
    ipc_msg_free(list);
    return (unsigned)handles;
}

static void test_fork__a_child_that_uses_nothing_leaves_nothing(void **state)
{
    struct things my = things_of(*state);
    CHECK_INT(handles_of(my.user.conn, "jobs"), 1);
    unsigned fds = open_fds();
    for (int i = 0; i < 10; i++) {
        child_succeeds((i % 2 ? fork_child : fork_child_exit)(child_does_nothing, &my));
    }
    EVENTUALLY_WITHIN(PROMPT_MS, handles_of(my.user.conn, "jobs") == 1);
    CHECK_INT(open_fds(), fds);
    things_leave(&my);
}

static void test_fork__a_child_that_exits_has_ended_cleanly(void **state)
{
    struct things my = things_of(*state);
    child_succeeds(fork_child_exit(child_puts, &my));
    child_succeeds(fork_child_exit(child_ends_its_session, &my));
    CHECK_INT(size_of(my.unnamed), 101);
    EVENTUALLY_WITHIN(PROMPT_MS, handles_of(my.user.conn, "jobs") == 1);
    things_leave(&my);
}

static int child_executes(void *arg)
{
    (void)arg;
    execlp("sleep", "sleep", "60", (char *)NULL);
    return CHILD_FAILED;
}

static void test_fork__a_program_that_is_executed_holds_nothing(void **state)
{
    struct things my = things_of(*state);
    pid_t child = fork_child(child_executes, &my);
    EVENTUALLY_WITHIN(PROMPT_MS, handles_of(my.user.conn, "jobs") == 1); /* its lifeline is closed by exec */
    ipc_pipe_close(my.b);
    ipc_msg *msg;
    CHECK_ERR(ipc_pipe_recv(my.a, DEADLINE_MS, &msg), IPC_EEOF);
    kill(child, SIGKILL);
    CHECK_INT(child_status(child), 128 + SIGKILL);
    things_leave(&my);
}

static void test_fork__a_killed_parent_leaves_its_child_alone(void **state)
{
    ipc_conn *keep = connect_to(*state);
    ipc_queue *jobs = queue_named(keep, "jobs", true, 0);
    pid_t *pids = shared_memory(sizeof *pids);
    pid_t parent = fork();
    if (parent == 0) {
        check_in_child();
        struct things my = things_of(*state);
        *pids = fork_child(child_puts_and_asks, &my);
        kill(getpid(), SIGKILL);
    }
    CHECK_INT(child_status(parent), 128 + SIGKILL);
    expect_numbers(jobs, 7, 7);
    EVENTUALLY_WITHIN(PROMPT_MS, handles_of(keep, "jobs") == 1);
    ipc_queue_free(jobs);
    ipc_conn_free(keep);
}

/* ---- what cannot be inherited ---- */

static int child_opens_by_name(void *arg)
{
    struct things *my = arg;
    int64_t before = now_ms();
    ipc_queue *jobs;
    CHECK_OK(ipc_queue_open(&jobs, my->user.conn, "jobs", NULL)); /* a session of its own */
    CHECK_OK(put_number(jobs, 9, 0));
    CHECK_OK(ipc_queue_flush(jobs, DEADLINE_MS));
    ipc_err err = put_number(my->unnamed, 9, 0);
    CHECK_ERR(err, IPC_ELOST); /* told, not silently dropped */
    CHECK(now_ms() - before < 2 * PROMPT_MS);
    return 0;
}

static void test_fork_tcp__a_child_opens_anew(void **state)
{
    struct things my = things_of(*state);
    child_succeeds(fork_child(child_opens_by_name, &my));
    expect_numbers(my.user.queue, 9, 9);
    put_numbers(my.unnamed, 1, 1); /* and the parent did not notice */
    expect_numbers(my.unnamed, 1, 1);
    things_leave(&my);
}

static int child_finds_no_hub(void *arg)
{
    struct things *my = arg;
    int64_t before = now_ms();
    ipc_err err = put_number(my->unnamed, 1, 0);
    CHECK(err == IPC_ELOST || err == IPC_ENOHUB);
    int64_t number;
    err = get_number(my->user.queue, IPC_FOREVER, &number);
    CHECK(err == IPC_ELOST || err == IPC_ENOHUB);
    things_leave(my);
    CHECK(now_ms() - before < PROMPT_MS);
    return 0;
}

static void test_fork_inproc__a_child_has_no_hub(void **state)
{
    struct things my = things_of(*state);
    child_succeeds(fork_child(child_finds_no_hub, &my));
    child_succeeds(fork_child_exit(child_does_nothing, &my));
    put_numbers(my.unnamed, 1, 1);
    expect_numbers(my.unnamed, 1, 1);
    CHECK_INT(handles_of(my.user.conn, "jobs"), 1);
    things_leave(&my);
}

static ipc_err close_it(void *conn)
{
    ipc_conn_close(conn);
    return IPC_OK;
}

static int child_closes_too(void *conn)
{
    ipc_conn_close(conn);
    return 0;
}

static void test_fork__while_another_thread_closes(void **state)
{
    ipc_conn *conn = connect_to(*state);
    pid_t hub = place_hub_pid(*state);
    CHECK_INT(kill(hub, SIGSTOP), 0);
    call closing;
    call_start_and_block(&closing, close_it, conn); /* the goodbye is not answered */
    pid_t child = fork_child_exit(child_closes_too, conn);
    child_succeeds(child);
    CHECK_INT(kill(hub, SIGCONT), 0);
    CHECK_OK(call_result(&closing, DEADLINE_MS));
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest quiet[] = {
        /* their children reach no hub */
        ON_LANE(test_fork__among_threads_a_child_that_does_nothing, named),
        ON_LANE(test_fork__while_another_thread_is_about_the_log, named),
        ON_LANE(test_fork__a_child_that_uses_nothing_leaves_nothing, named),
        ON_LANE(test_fork__a_program_that_is_executed_holds_nothing, named),
        ON_LANE(test_fork_inproc__a_child_has_no_hub, inproc),
    };
    const struct CMUnitTest busy[] = {
        ON_LANE(test_fork__a_child_uses_what_its_parent_opened, named),
        ON_LANE(test_fork__a_parent_may_close_at_once, named),
        ON_LANE(test_fork__a_parent_may_end_its_session_at_once, named),
        ON_LANE(test_fork__a_childs_close_is_its_own, named),
        ON_LANE(test_fork__what_the_parent_put_is_put_once, named),
        ON_LANE(test_fork__a_child_has_no_item_of_its_parents, named),
        ON_LANE(test_fork__while_other_threads_put_and_wait, named),
        ON_LANE(test_fork__while_another_thread_closes, named),
        ON_LANE(test_fork__grandchildren, named),
        ON_LANE(test_fork__several_holders_of_an_end, named),
        ON_LANE(test_fork__a_child_that_exits_has_ended_cleanly, named),
        ON_LANE(test_fork__a_killed_parent_leaves_its_child_alone, named),
        ON_LANE(test_fork_tcp__a_child_opens_anew, tcp),
    };
    int failed = cmocka_run_group_tests(quiet, NULL, NULL);
    return FORKS_WORK ? failed + cmocka_run_group_tests(busy, NULL, NULL) : failed;
}
