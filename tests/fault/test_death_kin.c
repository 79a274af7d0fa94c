/*
 * Deaths among kin: a process that is killed, while a child that it forked lives on, or while the program lives on that it
 * or its child became. What the dead one had comes back at once, and the living keep what is theirs.
 * Touches workers, which it kills, and their children, which end when they are told; a hub of its own for every test.
 */
#include "support/items.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ITEMS = 200, TAKEN = 50, MAXSIZE = 1000, STREAM = 300 };

/* What a family has: work, words for its children, and an unnamed queue that nobody else knows. */
struct family {
    user user;
    ipc_queue *words;
    ipc_queue *answers;
};

static struct family family_of(const char *address)
{
    struct family self;
    CHECK_OK(ipc_connect(&self.user.conn, address, NULL));
    self.user.queue = queue_named(self.user.conn, "jobs", true, 0);
    self.words = queue_named(self.user.conn, "words", false, 0);
    self.answers = queue_named(self.user.conn, "answers", false, 0);
    return self;
}

static void family_leave(struct family *self)
{
    ipc_queue_free(self->words);
    ipc_queue_free(self->answers);
    user_leave(&self->user);
}

/* ---- workers: ADDRESS; each says what it has done and the pid of its child, and waits to be killed ---- */

static void take_some(struct family *self)
{
    for (int i = 0; i < TAKEN; i++) {
        ipc_msg_free(take(self->user.queue));
    }
    size_of(self->user.queue); /* now the hub knows what was taken */
}

static void await_end(void)
{
    while (listen_for_line()) {
    }
}

/* Answers every word with its own work's number; 0 is the last. */
static int child_answers(void *arg)
{
    struct family *my = arg;
    for (;;) {
        int64_t word;
        CHECK_OK(get_number(my->words, IPC_FOREVER, &word));
        CHECK_OK(put_number(my->answers, word, 0));
        CHECK_OK(ipc_queue_flush(my->answers, DEADLINE_MS));
        if (word == 0) {
            return 0;
        }
    }
}

static int child_executes(void *arg)
{
    (void)arg;
    execlp("sleep", "sleep", "60", (char *)NULL);
    return CHILD_FAILED;
}

/* Takes, and has a child that knows of it. */
static int parent_role(char **args)
{
    struct family my = family_of(args[0]);
    take_some(&my);
    say("child %d", (int)fork_child(child_answers, &my));
    await_end();
    return 0;
}

/* Takes, and has a child that became another program. */
static int starter_role(char **args)
{
    struct family my = family_of(args[0]);
    take_some(&my);
    say("child %d", (int)fork_child(child_executes, &my));
    await_end();
    return 0;
}

static int child_takes(void *arg)
{
    struct family *my = arg;
    take_some(my);
    CHECK_OK(put_number(my->answers, 1, 0));
    CHECK_OK(ipc_queue_flush(my->answers, DEADLINE_MS));
    pause();
    return 0;
}

/* Takes, and has a child that takes as much. */
static int sharer_role(char **args)
{
    struct family my = family_of(args[0]);
    take_some(&my);
    say("child %d", (int)fork_child(child_takes, &my));
    await_end();
    for (int i = 0; i < TAKEN; i++) {
        CHECK_OK(ipc_queue_task_done(my.user.queue)); /* its own are its own still */
    }
    family_leave(&my);
    return 0;
}

/* Takes, and becomes another program. */
static int changeling_role(char **args)
{
    struct family my = family_of(args[0]);
    take_some(&my);
    say("taken");
    return child_executes(NULL);
}

static int child_streams(void *arg)
{
    ipc_queue *bounded = arg;
    for (int64_t number = 1; number <= STREAM; number++) {
        CHECK_OK(put_number(bounded, 10000 + number, IPC_FOREVER));
    }
    CHECK_OK(ipc_queue_flush(bounded, DEADLINE_MS));
    return 0;
}

/* Puts so fast that it has credits, forks in the middle, and both go on putting. */
static int streamer_role(char **args)
{
    user me;
    CHECK_OK(ipc_connect(&me.conn, args[0], NULL));
    me.queue = queue_named(me.conn, "bounded", false, MAXSIZE);
    put_numbers(me.queue, 1, STREAM);
    pid_t child = fork_child(child_streams, me.queue);
    say("child %d", (int)child);
    int64_t number = STREAM;
    while (put_number(me.queue, ++number, IPC_FOREVER) == IPC_OK) { /* until it is killed */
    }
    return CHILD_FAILED;
}

/* ---- what the living see ---- */

/* All that was put is there, what the dead one had taken with a flag; all of it is finished here. */
static void expect_all_back(struct family *me)
{
    EVENTUALLY_WITHIN(PROMPT_MS, size_of(me->user.queue) == ITEMS);
    for (int64_t number = 1; number <= ITEMS; number++) {
        ipc_msg *item = take(me->user.queue);
        CHECK_INT(number_of(item), number);
        CHECK(number > TAKEN || ipc_msg_attempt(item) == 2);
        CHECK_OK(ipc_queue_done(me->user.queue, item));
        ipc_msg_free(item);
    }
    CHECK_OK(ipc_queue_join(me->user.queue, DEADLINE_MS));
}

static void put_work(struct family *me)
{
    put_numbers(me->user.queue, 1, ITEMS);
    CHECK_OK(ipc_queue_flush(me->user.queue, DEADLINE_MS));
}

/* The child of a worker that was killed is nobody's to wait for; its end is seen by its number. */
static void expect_end(pid_t child)
{
    EVENTUALLY(kill(child, 0) != 0);
}

static void test_kin__a_killed_parents_items_come_back_while_its_child_lives(void **state)
{
    const place *where = *state;
    struct family me = family_of(where->address);
    put_work(&me);
    worker *parent = worker_start("parent", where->address, NULL);
    pid_t child = (pid_t)worker_expect_number(parent, "child");
    worker_kill(parent);
    expect_all_back(&me);
    for (int64_t word = 3; word >= 0; word--) { /* and the child works on */
        CHECK_OK(put_number(me.words, word, 0));
        expect_numbers(me.answers, word, word);
    }
    expect_end(child);
    family_leave(&me);
}

static void test_kin__a_killed_parents_items_come_back_while_a_program_lives_that_it_started(void **state)
{
    const place *where = *state;
    struct family me = family_of(where->address);
    put_work(&me);
    worker *starter = worker_start("starter", where->address, NULL);
    pid_t program = (pid_t)worker_expect_number(starter, "child");
    worker_kill(starter);
    expect_all_back(&me);
    CHECK_INT(kill(program, SIGKILL), 0); /* it was there all the time */
    expect_end(program);
    family_leave(&me);
}

static void test_kin__the_items_of_who_becomes_another_program_come_back(void **state)
{
    const place *where = *state;
    struct family me = family_of(where->address);
    put_work(&me);
    worker *changeling = worker_start("changeling", where->address, NULL);
    worker_expect(changeling, "taken");
    expect_all_back(&me);
    CHECK_INT(kill(worker_pid(changeling), 0), 0); /* it has not ended */
    worker_kill(changeling);
    family_leave(&me);
}

static void test_kin__a_killed_child_gives_back_its_own_items_only(void **state)
{
    const place *where = *state;
    struct family me = family_of(where->address);
    put_work(&me);
    worker *sharer = worker_start("sharer", where->address, NULL);
    pid_t child = (pid_t)worker_expect_number(sharer, "child");
    expect_numbers(me.answers, 1, 1);
    CHECK_INT(size_of(me.user.queue), ITEMS - 2 * TAKEN);
    CHECK_INT(kill(child, SIGKILL), 0);
    EVENTUALLY_WITHIN(PROMPT_MS, size_of(me.user.queue) == ITEMS - TAKEN);
    worker_end(sharer);
    CHECK_INT(unfinished_of(me.user.queue), ITEMS - TAKEN);
    family_leave(&me);
}

static void test_kin__a_producer_that_is_killed_leaves_its_childs_puts_and_the_bound(void **state)
{
    const place *where = *state;
    user me = user_of(where, "bounded", false, MAXSIZE);
    worker *streamer = worker_start("streamer", where->address, NULL);
    pid_t child = (pid_t)worker_expect_number(streamer, "child");
    EVENTUALLY(size_of(me.queue) == MAXSIZE); /* and not one more, with the credits that the parent had */
    worker_kill(streamer);
    int64_t its = 0;
    int64_t next = 1;
    for (bool ended = false; !ended || its < STREAM;) {
        CHECK(size_of(me.queue) <= MAXSIZE);
        int64_t number;
        ipc_err err = get_number(me.queue, PROMPT_MS, &number);
        CHECK(err == IPC_OK || (err == IPC_EEMPTY && its == STREAM));
        ended = err == IPC_EEMPTY;
        if (!ended && number > 10000 && number <= 10000 + STREAM) {
            CHECK_INT(number, 10000 + ++its); /* each of the child's once, in order */
        } else if (!ended) {
            CHECK_INT(number, next++); /* and the parent's as far as they go */
        }
    }
    CHECK(next > STREAM);
    expect_end(child);
    user_leave(&me);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {{"parent", parent_role},
                                 {"starter", starter_role},
                                 {"sharer", sharer_role},
                                 {"changeling", changeling_role},
                                 {"streamer", streamer_role}};
    worker_begin(argc, argv, roles, sizeof roles / sizeof roles[0]);
    const struct CMUnitTest quiet[] = {
        /* their children reach no hub */
        ON_LANE(test_kin__a_killed_parents_items_come_back_while_a_program_lives_that_it_started, named),
        ON_LANE(test_kin__the_items_of_who_becomes_another_program_come_back, named),
    };
    const struct CMUnitTest busy[] = {
        ON_LANE(test_kin__a_killed_parents_items_come_back_while_its_child_lives, named),
        ON_LANE(test_kin__a_killed_child_gives_back_its_own_items_only, named),
        ON_LANE(test_kin__a_producer_that_is_killed_leaves_its_childs_puts_and_the_bound, named),
    };
    int failed = cmocka_run_group_tests(quiet, NULL, NULL);
    return FORKS_WORK ? failed + cmocka_run_group_tests(busy, NULL, NULL) : failed;
}
