/*
 * Deadlocks: owners of locks that wait for each other, in a circle. They are shown, refused where that was asked for, and nothing else
 * is taken for one.
 * Touches workers, one of which it kills, threads, and a hub of its own for every test.
 */
#include "support/call.h"
#include "support/lane.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_MS = 50, LATE_MS = 1500 };

/* ---- locks, and threads that take them ---- */

static ipc_lock *open_lock(ipc_conn *conn, const char *name, bool recursive, bool refuses)
{
    ipc_lock_options options = IPC_LOCK_OPTIONS_INIT;
    options.recursive = recursive;
    options.refuse_deadlock = refuses;
    ipc_lock *lock;
    CHECK_OK(ipc_lock_open(&lock, conn, name, &options));
    return lock;
}

/* A thread with a session of its own: it has one lock, and acquires another one when it is told to. */
typedef struct taker {
    const place *where;
    const char *has;
    const char *wants;
    bool refuses;
    int64_t timeout_ms;
    atomic_bool ready;
    atomic_bool go;
    ipc_lock *waited_for; /* once it is ready: the handle that it acquires through */
    call thread;
} taker;

static ipc_err take_both(void *arg)
{
    taker *self = arg;
    ipc_conn *conn = connect_to(self->where);
    ipc_lock *has = open_lock(conn, self->has, false, false);
    ipc_lock *wants = open_lock(conn, self->wants, false, self->refuses);
    CHECK_OK(ipc_lock_acquire(has, 0, NULL));
    self->waited_for = wants;
    atomic_store(&self->ready, true);
    EVENTUALLY(atomic_load(&self->go));
    ipc_err err = ipc_lock_acquire(wants, self->timeout_ms, NULL);
    if (!err) {
        CHECK_OK(ipc_lock_release(wants));
    }
    CHECK_OK(ipc_lock_release(has));
    ipc_lock_free(has);
    ipc_lock_free(wants);
    ipc_conn_free(conn);
    return err;
}

static void taker_start(taker *self, const place *where, const char *has, const char *wants)
{
    self->where = where;
    self->has = has;
    self->wants = wants;
    self->timeout_ms = self->timeout_ms ? self->timeout_ms : IPC_FOREVER;
    call_start(&self->thread, take_both, self);
    EVENTUALLY(atomic_load(&self->ready) || atomic_load(&self->thread.over));
}

static void taker_go(taker *self)
{
    atomic_store(&self->go, true);
}

/* ---- looking ---- */

typedef struct step {
    int64_t pid, session, thread;
    char lock[64], waits_for[64], program[64], language[8];
} step;

static uint32_t list_length(const ipc_msg *info, const char *list)
{
    ipc_msg *array;
    ipc_cursor at;
    ipc_value head;
    CHECK_OK(ipc_unpack(info, "{s:{s:v}}", "state", list, &array));
    CHECK_OK(ipc_cursor_open(&at, array));
    CHECK_OK(ipc_cursor_next(&at, &head));
    CHECK(head.kind == IPC_KIND_ARRAY);
    uint32_t length = head.as.count;
    ipc_msg_free(array);
    return length;
}

/* How many locks the circle has that a lock is part of. */
static uint32_t cycle_length(ipc_conn *conn, const char *name)
{
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, name, &info));
    uint32_t length = list_length(info, "deadlock");
    ipc_msg_free(info);
    return length;
}

static int64_t waiting_for(ipc_conn *conn, const char *name)
{
    ipc_msg *info;
    int64_t waiting;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:I}}", "state", "waiting", &waiting));
    ipc_msg_free(info);
    return waiting;
}

static step step_of(ipc_conn *conn, const char *name, unsigned index)
{
    char format[128];
    snprintf(format, sizeof format, "{s:{s:[%.*s{s:s,s:s,s:s,s:s,s:I,s:I,s:I}]}}", (int)(2 * index), "*,*,*,*,*,*,");
    ipc_msg *info;
    step found = {0};
    const char *lock, *waits_for, *program, *language;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, format, "state", "deadlock", "lock", &lock, "waits_for", &waits_for, "program", &program,
                        "language", &language, "session", &found.session, "pid", &found.pid, "thread", &found.thread));
    snprintf(found.lock, sizeof found.lock, "%s", lock);
    snprintf(found.waits_for, sizeof found.waits_for, "%s", waits_for);
    snprintf(found.program, sizeof found.program, "%s", program);
    snprintf(found.language, sizeof found.language, "%s", language);
    ipc_msg_free(info);
    return found;
}

static void check_step(const step *found, const char *lock, const char *program, const char *waits_for)
{
    if (strcmp(found->lock, lock) != 0 || strcmp(found->program, program) != 0 ||
        strcmp(found->waits_for, waits_for) != 0) {
        check_fail(__FILE__, __LINE__, "%s of %s waits for %s, not %s of %s for %s", found->lock, found->program,
                   found->waits_for, lock, program, waits_for);
    }
}

/* ---- circles ---- */

static void test_deadlock__of_two_sessions_is_shown(void **state)
{
    const place *here = *state;
    ipc_conn *conn = connect_to(here);
    taker one = {.timeout_ms = IPC_FOREVER};
    taker two = one;
    taker aside = one;
    taker_start(&one, here, "a", "b");
    taker_start(&two, here, "b", "a");
    taker_start(&aside, here, "c", "a");
    taker_go(&one);
    taker_go(&aside);
    EVENTUALLY(waiting_for(conn, "b") == 1 && waiting_for(conn, "a") == 1);
    CHECK_INT(cycle_length(conn, "a"), 0); /* a chain is none */
    taker_go(&two);
    EVENTUALLY(cycle_length(conn, "a") == 2);
    CHECK_INT(cycle_length(conn, "b"), 2);
    CHECK_INT(cycle_length(conn, "c"), 0); /* who owns it waits for the circle, and is not part of it */
    step first = step_of(conn, "a", 0);
    step second = step_of(conn, "a", 1);
    CHECK(strcmp(first.lock, "a") == 0 && strcmp(first.waits_for, "b") == 0 && strcmp(first.language, "c") == 0);
    CHECK(strcmp(second.lock, "b") == 0 && strcmp(second.waits_for, "a") == 0);
    CHECK(first.session != second.session && first.session && second.session);
    ipc_lock_close(two.waited_for); /* one gives up, and all go on */
    CHECK_ERR(call_result(&two.thread, PROMPT_MS), IPC_ECLOSED);
    CHECK_OK(call_result(&one.thread, PROMPT_MS));
    CHECK_OK(call_result(&aside.thread, PROMPT_MS));
    CHECK_INT(cycle_length(conn, "a"), 0);
    ipc_conn_free(conn);
}

/* ---- workers ---- */

/* An rlock; or, by its name, a condition. */
static ipc_err acquire_any(ipc_conn *conn, const char *name)
{
    if (strcmp(name, "changed") == 0) {
        ipc_condition *condition;
        CHECK_OK(ipc_condition_open(&condition, conn, name, NULL));
        return ipc_condition_acquire(condition, IPC_FOREVER, NULL);
    }
    return ipc_lock_acquire(open_lock(conn, name, true, false), IPC_FOREVER, NULL);
}

/* ADDRESS PROGRAM HAS WANTS: has one, and acquires another when it is told to. */
static int taker_role(char **args)
{
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.program = args[1];
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], &options));
    CHECK_OK(acquire_any(conn, args[2]));
    say("has it");
    CHECK(listen_for_line() != NULL);
    CHECK_OK(acquire_any(conn, args[3]));
    say("has both");
    while (listen_for_line()) {
    }
    return 0;
}

static worker *start_taker(const place *where, const char *program, const char *has, const char *wants)
{
    worker *self = worker_start("taker", where->address, program, has, wants, NULL);
    worker_expect(self, "has it");
    return self;
}

static void test_deadlock__of_three_processes_ends_with_one_of_them(void **state)
{
    const place *here = *state;
    ipc_conn *conn = connect_to(here);
    worker *one = start_taker(here, "one", "a", "changed");
    worker *two = start_taker(here, "two", "changed", "c");
    worker *three = start_taker(here, "three", "c", "a");
    worker_tell(one, "go");
    worker_tell(two, "go");
    worker_tell(three, "go");
    EVENTUALLY(cycle_length(conn, "changed") == 3);
    step steps[3];
    for (unsigned i = 0; i < 3; i++) {
        steps[i] = step_of(conn, "changed", i);
    }
    check_step(&steps[0], "changed", "two", "c");
    check_step(&steps[1], "c", "three", "a");
    check_step(&steps[2], "a", "one", "changed");
    if (here->which == LANE_NAMED) {
        CHECK_INT(steps[0].pid, worker_pid(two));
        CHECK_INT(steps[1].pid, worker_pid(three));
        CHECK_INT(steps[2].pid, worker_pid(one));
    }
    worker_kill(three); /* over TCP silence is death, after a while */
    worker_expect(two, "has both");
    CHECK_INT(cycle_length(conn, "changed"), 0);
    worker_end(two);
    worker_expect(one, "has both");
    worker_end(one);
    ipc_conn_free(conn);
}

struct wanting {
    ipc_lock *has;
    ipc_lock *wants;
    int64_t timeout_ms;
    atomic_bool ready;
    atomic_bool go;
};

static ipc_err want(void *arg)
{
    struct wanting *self = arg;
    CHECK_OK(ipc_lock_acquire(self->has, 0, NULL));
    atomic_store(&self->ready, true);
    EVENTUALLY(atomic_load(&self->go));
    ipc_err err = ipc_lock_acquire(self->wants, self->timeout_ms, NULL);
    if (!err) {
        CHECK_OK(ipc_lock_release(self->wants));
    }
    CHECK_OK(ipc_lock_release(self->has));
    return err;
}

static void test_deadlock__of_threads_is_broken_by_a_timeout(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *a = open_lock(conn, "a", true, false);
    ipc_lock *b = open_lock(conn, "b", true, false);
    struct wanting one = {a, b, IPC_FOREVER, false, false};
    struct wanting two = {b, a, 20 * SHORT_MS, false, false};
    call calls[2];
    call_start(&calls[0], want, &one);
    call_start(&calls[1], want, &two);
    EVENTUALLY(atomic_load(&one.ready) && atomic_load(&two.ready));
    atomic_store(&one.go, true);
    EVENTUALLY(waiting_for(conn, "b") == 1);
    atomic_store(&two.go, true);
    EVENTUALLY(cycle_length(conn, "a") == 2); /* as long as the timeout lasts */
    CHECK(step_of(conn, "a", 0).session == step_of(conn, "a", 1).session);
    CHECK(step_of(conn, "a", 0).thread != step_of(conn, "a", 1).thread);
    CHECK_ERR(call_result(&calls[1], DEADLINE_MS), IPC_ETIMEOUT);
    CHECK_OK(call_result(&calls[0], PROMPT_MS));
    CHECK_INT(cycle_length(conn, "a"), 0);
    ipc_lock_free(a);
    ipc_lock_free(b);
    ipc_conn_free(conn);
}

/* Has a lock and waits for it: legal, since anybody may release it. */
static ipc_err acquire_twice(void *lock)
{
    CHECK_OK(ipc_lock_acquire(lock, IPC_FOREVER, NULL));
    return ipc_lock_acquire(lock, IPC_FOREVER, NULL);
}

static void test_deadlock__of_one_is_shown_and_legal(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *lock = open_lock(conn, "a", false, false);
    call waiter;
    call_start(&waiter, acquire_twice, lock);
    EVENTUALLY(cycle_length(conn, "a") == 1);
    CHECK(strcmp(step_of(conn, "a", 0).waits_for, "a") == 0);
    CHECK_OK(ipc_lock_release(lock));
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

static void test_deadlock__a_lock_without_a_name_is_a_step(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *named = open_lock(conn, "a", false, false);
    ipc_lock *nameless = open_lock(conn, NULL, false, false);
    struct wanting other = {named, nameless, IPC_FOREVER, false, true};
    call waiter;
    CHECK_OK(ipc_lock_acquire(nameless, 0, NULL));
    call_start(&waiter, want, &other);
    EVENTUALLY(atomic_load(&other.ready));
    ipc_lock *refuses = open_lock(conn, "a", false, true);
    ipc_err err;
    EVENTUALLY((err = ipc_lock_acquire(refuses, SHORT_MS, NULL)) == IPC_EDEADLOCK || err != IPC_ETIMEOUT);
    CHECK_ERR(err, IPC_EDEADLOCK);
    CHECK_WORDS(", lock without a name (");
    CHECK_OK(ipc_lock_release(nameless));
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    ipc_lock_free(refuses);
    ipc_lock_free(named);
    ipc_lock_free(nameless);
    ipc_conn_free(conn);
}

/* The same, seen by who looks at the one with a name. */
static void test_deadlock__a_step_may_have_no_name(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *named = open_lock(conn, "a", false, false);
    ipc_lock *nameless = open_lock(conn, NULL, false, false);
    ipc_lock *given_up = open_lock(conn, "a", false, false);
    struct wanting one = {named, nameless, IPC_FOREVER, false, false};
    struct wanting two = {nameless, given_up, IPC_FOREVER, false, false};
    call calls[2];
    call_start(&calls[0], want, &one);
    call_start(&calls[1], want, &two);
    EVENTUALLY(atomic_load(&one.ready) && atomic_load(&two.ready));
    atomic_store(&one.go, true);
    atomic_store(&two.go, true);
    EVENTUALLY(cycle_length(conn, "a") == 2);
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, "a", &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:[{s:n},{s:n}]}}", "state", "deadlock", "waits_for", "lock"));
    ipc_msg_free(info);
    ipc_lock_close(given_up);
    CHECK_ERR(call_result(&calls[1], PROMPT_MS), IPC_ECLOSED);
    CHECK_OK(call_result(&calls[0], PROMPT_MS));
    ipc_lock_free(given_up);
    ipc_lock_free(named);
    ipc_lock_free(nameless);
    ipc_conn_free(conn);
}

/* ---- what is none ---- */

struct busy {
    ipc_lock *has;
    ipc_event *event;
    ipc_semaphore *permits;
    ipc_condition *condition;
    atomic_bool ready;
};

/* Has the lock and waits for something that is no lock. */
static ipc_err wait_elsewhere(void *arg)
{
    struct busy *self = arg;
    CHECK_OK(ipc_lock_acquire(self->has, 0, NULL));
    if (self->condition) {
        CHECK_OK(ipc_condition_acquire(self->condition, IPC_FOREVER, NULL));
    }
    atomic_store(&self->ready, true);
    ipc_err err = self->event     ? ipc_event_wait(self->event, IPC_FOREVER)
                  : self->permits ? ipc_semaphore_acquire(self->permits, IPC_FOREVER)
                                  : ipc_condition_wait(self->condition, IPC_FOREVER, NULL, NULL);
    CHECK_OK(err);
    CHECK_OK(ipc_lock_release(self->has));
    return IPC_OK;
}

static void test_deadlock__is_not_to_wait_for_something_else(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *lock = open_lock(conn, "a", false, true);
    struct busy waits[3] = {{.has = lock}, {.has = lock}, {.has = lock}};
    CHECK_OK(ipc_event_open(&waits[0].event, conn, "ready", NULL));
    CHECK_OK(ipc_semaphore_open(&waits[1].permits, conn, "permits", NULL));
    CHECK_OK(ipc_condition_open(&waits[2].condition, conn, "changed", NULL));
    CHECK_OK(ipc_semaphore_acquire(waits[1].permits, 0)); /* this thread has what the owner waits for */
    for (unsigned i = 0; i < 3; i++) {
        call owner;
        call_start(&owner, wait_elsewhere, &waits[i]);
        EVENTUALLY(atomic_load(&waits[i].ready));
        if (waits[i].condition) {
            CHECK_OK(ipc_condition_acquire(waits[i].condition, IPC_FOREVER, NULL));
        }
        CHECK_ERR(ipc_lock_acquire(lock, SHORT_MS, NULL), IPC_ETIMEOUT);
        CHECK_INT(cycle_length(conn, "a"), 0);
        CHECK_OK(i == 0   ? ipc_event_set(waits[0].event)
                 : i == 1 ? ipc_semaphore_release(waits[1].permits, 1)
                          : ipc_condition_notify(waits[2].condition, 1));
        if (waits[i].condition) {
            CHECK_OK(ipc_condition_release(waits[i].condition));
        }
        CHECK_OK(call_result(&owner, PROMPT_MS));
    }
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL)); /* and an owner that waits for nothing */
    taker other = {.refuses = true, .timeout_ms = SHORT_MS};
    taker_start(&other, *state, "b", "a");
    taker_go(&other);
    CHECK_ERR(call_result(&other.thread, DEADLINE_MS), IPC_ETIMEOUT);
    ipc_event_free(waits[0].event);
    ipc_semaphore_free(waits[1].permits);
    ipc_condition_free(waits[2].condition);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

/* ---- refusal ---- */

static void test_deadlock__is_refused_where_asked_for(void **state)
{
    const place *here = *state;
    ipc_conn *conn = connect_to(here);
    ipc_lock *a = open_lock(conn, "a", false, false);
    taker other = {.timeout_ms = IPC_FOREVER};
    taker_start(&other, here, "b", "a");
    CHECK_OK(ipc_lock_acquire(a, 0, NULL));
    taker_go(&other);
    EVENTUALLY(waiting_for(conn, "a") == 1);
    ipc_lock *b = open_lock(conn, "b", false, true);
    CHECK_ERR(ipc_lock_acquire(b, 0, NULL), IPC_ETIMEOUT); /* that would not wait */
    CHECK_ERR(ipc_lock_acquire(b, IPC_FOREVER, NULL), IPC_EDEADLOCK);
    CHECK_WORDS("waiting would never end: a deadlock: lock \"b\" (");
    CHECK_WORDS(", lock \"a\" (");
    if (here->which == LANE_NAMED) {
        char words[32];
        snprintf(words, sizeof words, "lock \"a\" (pid %d)", (int)getpid());
        CHECK_ERR(ipc_lock_acquire(b, DEADLINE_MS, NULL), IPC_EDEADLOCK); /* whatever the timeout */
        CHECK_WORDS(words);
    }
    ipc_lock *patient = open_lock(conn, "b", false, false); /* it is the handle's */
    CHECK_ERR(ipc_lock_acquire(patient, SHORT_MS, NULL), IPC_ETIMEOUT);
    CHECK_INT(waiting_for(conn, "b"), 0); /* who was refused does not wait */
    CHECK_OK(ipc_lock_release(a));
    CHECK_OK(call_result(&other.thread, PROMPT_MS));
    CHECK_OK(ipc_lock_acquire(b, PROMPT_MS, NULL));
    CHECK_ERR(ipc_lock_acquire(b, IPC_FOREVER, NULL), IPC_EDEADLOCK); /* its own */
    CHECK_OK(ipc_lock_release(b));
    ipc_lock_free(a);
    ipc_lock_free(b);
    ipc_lock_free(patient);
    ipc_conn_free(conn);
}

static void test_deadlock__a_ticket_refuses_as_its_handle(void **state)
{
    ipc_conn *conn = connect_to(*state);
    for (int refuses = 0; refuses < 2; refuses++) {
        ipc_lock *lock = open_lock(conn, NULL, false, refuses);
        ipc_msg *ticket;
        ipc_lock *same;
        CHECK_OK(ipc_lock_share(lock, &ticket));
        CHECK_OK(ipc_lock_attach(&same, conn, ticket));
        CHECK_OK(ipc_lock_acquire(same, 0, NULL));
        CHECK_ERR(ipc_lock_acquire(same, SHORT_MS, NULL), refuses ? IPC_EDEADLOCK : IPC_ETIMEOUT);
        ipc_msg_free(ticket);
        ipc_lock_free(same);
        ipc_lock_free(lock);
    }
    ipc_conn_free(conn);
}

static int child_is_refused(void *arg)
{
    ipc_lock *const *locks = arg;
    CHECK_OK(ipc_lock_acquire(locks[0], 0, NULL));
    CHECK_ERR(ipc_lock_acquire(locks[0], IPC_FOREVER, NULL), IPC_EDEADLOCK);
    CHECK_OK(ipc_condition_acquire((ipc_condition *)locks[1], 0, NULL));
    return 0;
}

static void test_deadlock__a_child_refuses_as_its_parent(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    options.refuse_deadlock = true;
    ipc_condition *condition;
    CHECK_OK(ipc_condition_open(&condition, conn, "changed", &options));
    void *handles[] = {open_lock(conn, "a", false, true), condition};
    if (FORKS_WORK) {
        child_succeeds(fork_child(child_is_refused, handles));
    }
    CHECK_OK(ipc_lock_acquire(handles[0], PROMPT_MS, NULL));
    CHECK_ERR(ipc_lock_acquire(handles[0], IPC_FOREVER, NULL), IPC_EDEADLOCK);
    ipc_lock_free(handles[0]);
    ipc_condition_free(condition);
    ipc_conn_free(conn);
}

static void test_deadlock__a_reopened_handle_refuses_as_before(void **state)
{
    const place *here = *state;
    ipc_conn *conn = connect_to(here);
    ipc_lock *lock = open_lock(conn, "a", false, true);
    pid_t hub = place_hub_pid(here);
    CHECK_INT(kill(hub, SIGKILL), 0);
    EVENTUALLY(hub_pid(here->address) != hub);
    CHECK_ERR(ipc_lock_acquire(lock, IPC_FOREVER, NULL), IPC_ELOST);
    CHECK_OK(ipc_lock_acquire(lock, IPC_FOREVER, NULL));
    CHECK_ERR(ipc_lock_acquire(lock, IPC_FOREVER, NULL), IPC_EDEADLOCK);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

/* ---- conditions ---- */

struct waiting {
    ipc_lock *has;
    ipc_condition *condition;
    int64_t timeout_ms;
};

/* Waits to be notified, with another lock in hand. */
static ipc_err wait_with_a_lock(void *arg)
{
    struct waiting *self = arg;
    CHECK_OK(ipc_lock_acquire(self->has, 0, NULL));
    CHECK_OK(ipc_condition_acquire(self->condition, IPC_FOREVER, NULL));
    CHECK_OK(ipc_condition_wait(self->condition, self->timeout_ms, NULL, NULL));
    CHECK_OK(ipc_condition_release(self->condition));
    CHECK_OK(ipc_lock_release(self->has));
    return IPC_OK;
}

static int64_t waiting_for_notify(ipc_conn *conn)
{
    ipc_msg *info;
    int64_t waiting;
    CHECK_OK(ipc_info(conn, "changed", &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:I}}", "state", "waiting_for_notify", &waiting));
    ipc_msg_free(info);
    return waiting;
}

static void test_deadlock__a_wait_comes_back_with_its_lock(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    options.refuse_deadlock = true;
    ipc_condition *condition;
    CHECK_OK(ipc_condition_open(&condition, conn, "changed", &options));
    ipc_lock *lock = open_lock(conn, "a", false, false);
    ipc_lock *refusing = open_lock(conn, "a", false, true);
    struct waiting self = {lock, condition, IPC_FOREVER};
    call waiter;
    call_start(&waiter, wait_with_a_lock, &self);
    EVENTUALLY(waiting_for_notify(conn) == 1);
    CHECK_OK(ipc_condition_acquire(condition, 0, NULL));
    CHECK_ERR(ipc_lock_acquire(refusing, SHORT_MS, NULL), IPC_ETIMEOUT); /* who owns it waits for a notification */
    CHECK_OK(ipc_condition_notify(condition, 1));
    CHECK_INT(waiting_for_notify(conn), 0); /* it waits for the lock now, and that closes no circle yet */
    CHECK_ERR(ipc_lock_acquire(refusing, IPC_FOREVER, NULL), IPC_EDEADLOCK);
    CHECK_WORDS("lock \"a\" (");
    CHECK_WORDS(", condition \"changed\" (");
    CHECK_OK(ipc_condition_release(condition));
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    ipc_lock_free(lock);
    ipc_lock_free(refusing);
    ipc_condition_free(condition);
    ipc_conn_free(conn);
}

struct crossing {
    ipc_condition *condition;
    ipc_lock *wants;
    atomic_bool ready;
};

static ipc_err cross(void *arg)
{
    struct crossing *self = arg;
    CHECK_OK(ipc_condition_acquire(self->condition, IPC_FOREVER, NULL));
    atomic_store(&self->ready, true);
    ipc_err err = ipc_lock_acquire(self->wants, IPC_FOREVER, NULL);
    CHECK_OK(ipc_condition_release(self->condition));
    return err;
}

static void test_deadlock__a_late_wait_is_not_refused(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    options.refuse_deadlock = true;
    ipc_condition *condition;
    CHECK_OK(ipc_condition_open(&condition, conn, "changed", &options));
    ipc_lock *lock = open_lock(conn, "a", false, false);
    struct waiting self = {lock, condition, LATE_MS};
    struct crossing other = {condition, open_lock(conn, "a", false, true), false};
    call waiter;
    call crosser;
    call_start(&waiter, wait_with_a_lock, &self);
    EVENTUALLY(waiting_for_notify(conn) == 1);
    call_start(&crosser, cross, &other);
    EVENTUALLY(cycle_length(conn, "changed") == 2); /* when the wait is late */
    ipc_lock_close(other.wants);
    CHECK_ERR(call_result(&crosser, PROMPT_MS), IPC_ECLOSED);
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    ipc_lock_free(other.wants);
    ipc_lock_free(lock);
    ipc_condition_free(condition);
    ipc_conn_free(conn);
}

/* ---- the log ---- */

static atomic_int warnings;

static void count_warnings(ipc_log_level level, const char *line, void *arg)
{
    (void)arg;
    if (level == IPC_LOG_WARN && strstr(line, "a deadlock") && strstr(line, "lock \"a\"") &&
        strstr(line, "lock \"b\"")) {
        atomic_fetch_add(&warnings, 1);
    }
}

static void test_deadlock__is_told_to_the_log(void **state)
{
    ipc_conn *conn = connect_to(*state);
    atomic_store(&warnings, 0);
    ipc_set_log(count_warnings, NULL);
    taker one = {.timeout_ms = IPC_FOREVER};
    taker two = {.timeout_ms = IPC_FOREVER};
    taker_start(&one, *state, "a", "b");
    taker_start(&two, *state, "b", "a");
    taker_go(&one);
    EVENTUALLY(waiting_for(conn, "b") == 1);
    CHECK_INT(atomic_load(&warnings), 0);
    taker_go(&two);
    EVENTUALLY(atomic_load(&warnings) == 1);
    ipc_lock_close(two.waited_for);
    CHECK_ERR(call_result(&two.thread, PROMPT_MS), IPC_ECLOSED);
    CHECK_OK(call_result(&one.thread, PROMPT_MS));
    CHECK_INT(atomic_load(&warnings), 1);
    ipc_set_log(NULL, NULL);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, {"taker", taker_role}};
    worker_begin(argc, argv, roles, 2);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_deadlock__of_two_sessions_is_shown),
        AMONG_MORTALS(test_deadlock__of_three_processes_ends_with_one_of_them),
        ON_EVERY_LANE(test_deadlock__of_threads_is_broken_by_a_timeout),
        ON_EVERY_LANE(test_deadlock__of_one_is_shown_and_legal),
        ON_EVERY_LANE(test_deadlock__a_lock_without_a_name_is_a_step),
        ON_EVERY_LANE(test_deadlock__a_step_may_have_no_name),
        ON_EVERY_LANE(test_deadlock__is_not_to_wait_for_something_else),
        ON_EVERY_LANE(test_deadlock__is_refused_where_asked_for),
        ON_EVERY_LANE(test_deadlock__a_ticket_refuses_as_its_handle),
        ON_LANE(test_deadlock__a_child_refuses_as_its_parent, named),
        ON_LANE(test_deadlock__a_reopened_handle_refuses_as_before, named),
        ON_EVERY_LANE(test_deadlock__a_wait_comes_back_with_its_lock),
        ON_LANE(test_deadlock__a_late_wait_is_not_refused, named),
        ON_LANE(test_deadlock__is_told_to_the_log, inproc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
