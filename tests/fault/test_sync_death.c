/*
 * Owners, waiters and parties that are killed: what they had passes on within a moment, and whoever gets it is told.
 * Touches workers, which it kills, and a hub of its own for every test.
 */
#include "support/call.h"
#include "support/lane.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_MS = 30 };

/* Until a death is known: at once where there is a lifeline, after some silence over TCP. */
static int64_t known_within(const place *where)
{
    return where->which == LANE_TCP ? SILENCE_MS + 2 * PROMPT_MS : PROMPT_MS;
}

static ipc_lock *lock_of(ipc_conn *conn, bool recursive)
{
    ipc_lock_options options = IPC_LOCK_OPTIONS_INIT;
    options.recursive = recursive;
    ipc_lock *lock;
    CHECK_OK(ipc_lock_open(&lock, conn, recursive ? "rguard" : "guard", &options));
    return lock;
}

static ipc_condition *condition_of(ipc_conn *conn)
{
    ipc_condition *condition;
    CHECK_OK(ipc_condition_open(&condition, conn, "changed", NULL));
    return condition;
}

static ipc_semaphore *semaphore_of(ipc_conn *conn)
{
    ipc_semaphore_options options = IPC_SEMAPHORE_OPTIONS_INIT;
    options.value = 2;
    options.bounded = true;
    ipc_semaphore *semaphore;
    CHECK_OK(ipc_semaphore_open(&semaphore, conn, "permits", &options));
    return semaphore;
}

static ipc_barrier *barrier_of(ipc_conn *conn)
{
    ipc_barrier_options options = IPC_BARRIER_OPTIONS_INIT;
    options.parties = 2;
    ipc_barrier *barrier;
    CHECK_OK(ipc_barrier_open(&barrier, conn, "start", &options));
    return barrier;
}

/* A number of what there is to know of an object. */
static int64_t state_of(ipc_conn *conn, const char *name, const char *key)
{
    ipc_msg *info;
    int64_t number = -1;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:I}}", "state", key, &number));
    ipc_msg_free(info);
    return number;
}

/* ---- workers; each does its part, says so, and is killed ---- */

static void await_end(void)
{
    say("there");
    while (listen_for_line()) {
    }
}

static ipc_conn *worker_conn(char **args)
{
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    return conn;
}

/* ADDRESS: owns both locks, the condition's, and both permits. */
static int owner_role(char **args)
{
    ipc_conn *conn = worker_conn(args);
    CHECK_OK(ipc_lock_acquire(lock_of(conn, false), IPC_FOREVER, NULL));
    ipc_lock *recursive = lock_of(conn, true);
    CHECK_OK(ipc_lock_acquire(recursive, IPC_FOREVER, NULL));
    CHECK_OK(ipc_lock_acquire(recursive, IPC_FOREVER, NULL));
    CHECK_OK(ipc_condition_acquire(condition_of(conn), IPC_FOREVER, NULL));
    ipc_semaphore *permits = semaphore_of(conn);
    CHECK_OK(ipc_semaphore_acquire(permits, IPC_FOREVER));
    CHECK_OK(ipc_semaphore_acquire(permits, IPC_FOREVER));
    await_end();
    return 0;
}

/* ADDRESS: waits for the lock. */
static int waiter_role(char **args)
{
    ipc_lock *lock = lock_of(worker_conn(args), false);
    say("there");
    CHECK_OK(ipc_lock_acquire(lock, IPC_FOREVER, NULL));
    say("has it");
    await_end();
    return 0;
}

/* ADDRESS: waits to be notified. */
static int notified_role(char **args)
{
    ipc_condition *condition = condition_of(worker_conn(args));
    CHECK_OK(ipc_condition_acquire(condition, IPC_FOREVER, NULL));
    say("there");
    CHECK_OK(ipc_condition_wait(condition, IPC_FOREVER, NULL, NULL));
    await_end();
    return 0;
}

/* ADDRESS: waits at the barrier; ACTS: as one that would act. */
static int party_role(char **args)
{
    ipc_barrier *barrier = barrier_of(worker_conn(args));
    bool act;
    say("there");
    CHECK_OK(ipc_barrier_wait(barrier, IPC_FOREVER, atoi(args[1]), NULL, &act));
    if (act) {
        say("acts");
    }
    await_end();
    return 0;
}

/* ---- owners ---- */

static void test_sync_death__of_an_owner_hands_everything_on(void **state)
{
    const place *here = *state;
    ipc_conn *conn = connect_to(here);
    worker *owner = worker_start("owner", here->address, NULL);
    worker_expect(owner, "there");
    ipc_lock *lock = lock_of(conn, false);
    ipc_lock *recursive = lock_of(conn, true);
    ipc_condition *condition = condition_of(conn);
    ipc_semaphore *permits = semaphore_of(conn);
    CHECK_ERR(ipc_lock_acquire(lock, 0, NULL), IPC_ETIMEOUT);
    CHECK_ERR(ipc_semaphore_acquire(permits, 0), IPC_ETIMEOUT);
    worker_kill(owner);
    ipc_grant grant;
    CHECK_OK(ipc_lock_acquire(lock, known_within(here), &grant));
    CHECK(grant.abandoned);
    CHECK_OK(ipc_lock_acquire(recursive, known_within(here), &grant));
    CHECK(grant.abandoned);
    CHECK_OK(ipc_lock_release(recursive)); /* once: it is free, however often the dead one had it */
    CHECK_ERR(ipc_lock_release(recursive), IPC_ENOTHELD);
    CHECK_OK(ipc_condition_acquire(condition, known_within(here), &grant));
    CHECK(grant.abandoned);
    CHECK_OK(ipc_semaphore_acquire(permits, known_within(here)));
    CHECK_OK(ipc_semaphore_acquire(permits, known_within(here)));
    CHECK_ERR(ipc_semaphore_acquire(permits, 0), IPC_ETIMEOUT);
    ipc_lock_free(lock);
    ipc_lock_free(recursive);
    ipc_condition_free(condition);
    ipc_semaphore_free(permits);
    ipc_conn_free(conn);
}

static void test_sync_death__a_stopped_owner_keeps_its_lock(void **state)
{
    const place *here = *state;
    if (here->which == LANE_TCP) {
        return; /* over TCP silence is death */
    }
    ipc_conn *conn = connect_to(here);
    worker *owner = worker_start("owner", here->address, NULL);
    worker_expect(owner, "there");
    worker_signal(owner, SIGSTOP);
    worker_await_stop(owner);
    ipc_lock *lock = lock_of(conn, false);
    CHECK_ERR(ipc_lock_acquire(lock, 2000, NULL), IPC_ETIMEOUT);
    worker_signal(owner, SIGCONT);
    worker_kill(owner);
    CHECK_OK(ipc_lock_acquire(lock, known_within(here), NULL));
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

static void test_sync_death__of_a_waiter_swallows_nothing(void **state)
{
    const place *here = *state;
    ipc_conn *conn = connect_to(here);
    ipc_lock *lock = lock_of(conn, false);
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    worker *dies = worker_start("waiter", here->address, NULL);
    worker_expect(dies, "there");
    EVENTUALLY(state_of(conn, "guard", "waiting") == 1);
    worker *lives = worker_start("waiter", here->address, NULL);
    worker_expect(lives, "there");
    EVENTUALLY(state_of(conn, "guard", "waiting") == 2);
    worker_kill(dies);
    EVENTUALLY_WITHIN(known_within(here), state_of(conn, "guard", "waiting") == 1);
    CHECK_OK(ipc_lock_release(lock));
    worker_expect(lives, "has it");
    worker_kill(lives);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

/* ---- conditions ---- */

struct waiting {
    ipc_condition *condition;
    bool notified;
};

static ipc_err await_condition(void *arg)
{
    struct waiting *self = arg;
    CHECK_OK(ipc_condition_acquire(self->condition, IPC_FOREVER, NULL));
    ipc_err err = ipc_condition_wait(self->condition, IPC_FOREVER, &self->notified, NULL);
    CHECK_OK(ipc_condition_release(self->condition));
    return err;
}

/* One is notified, and dies before it has the lock, or just when it has it: another one is notified for it. */
static void notified_dies(const place *here, bool with_the_lock)
{
    ipc_conn *conn = connect_to(here);
    ipc_condition *condition = condition_of(conn);
    worker *dies = worker_start("notified", here->address, NULL);
    worker_expect(dies, "there");
    EVENTUALLY(state_of(conn, "changed", "waiting_for_notify") == 1);
    struct waiting other = {condition, false};
    call lives;
    call_start(&lives, await_condition, &other);
    EVENTUALLY(state_of(conn, "changed", "waiting_for_notify") == 2);
    CHECK_OK(ipc_condition_acquire(condition, IPC_FOREVER, NULL));
    CHECK_OK(ipc_condition_notify(condition, 1));
    if (with_the_lock) {
        CHECK_OK(ipc_condition_release(condition));
        worker_expect(dies, "there"); /* it has the lock, and has done nothing since */
        worker_kill(dies);
    } else {
        worker_kill(dies);
        EVENTUALLY_WITHIN(known_within(here), state_of(conn, "changed", "waiting_for_notify") == 0);
        CHECK_OK(ipc_condition_release(condition));
    }
    CHECK_OK(call_result(&lives, known_within(here)));
    CHECK(other.notified);
    ipc_condition_free(condition);
    ipc_conn_free(conn);
}

static void test_sync_death__of_who_was_notified_hands_the_notification_on(void **state)
{
    notified_dies(*state, false);
}

static void test_sync_death__of_who_was_notified_and_has_the_lock(void **state)
{
    notified_dies(*state, true);
}

/* ---- barriers ---- */

static ipc_err meet(void *barrier)
{
    return ipc_barrier_wait(barrier, IPC_FOREVER, false, NULL, NULL);
}

static void test_sync_death__of_a_party_breaks_the_barrier(void **state)
{
    const place *here = *state;
    ipc_conn *conn = connect_to(here);
    ipc_barrier *barrier = barrier_of(conn);
    worker *dies = worker_start("party", here->address, "0", NULL);
    worker_expect(dies, "there");
    EVENTUALLY(state_of(conn, "start", "waiting") == 1);
    worker_kill(dies);
    ipc_barrier_info info = {0};
    EVENTUALLY_WITHIN(known_within(here), ipc_barrier_stat(barrier, &info) == IPC_OK && info.broken);
    CHECK_ERR(meet(barrier), IPC_EBROKEN);
    CHECK_OK(ipc_barrier_reset(barrier));
    call waits;
    call_start_and_block(&waits, meet, barrier);
    worker *acts = worker_start("party", here->address, "1", NULL); /* the last one, which acts */
    worker_expect(acts, "there");
    worker_expect(acts, "acts");
    CHECK(!waits.over);
    worker_kill(acts);
    CHECK_ERR(call_result(&waits, known_within(here)), IPC_EBROKEN);
    ipc_barrier_free(barrier);
    ipc_conn_free(conn);
}

/* ---- forks ---- */

static int stays(void *arg)
{
    (void)arg;
    pause();
    return 0;
}

/* ADDRESS: owns the lock, and has a forked child that lives on. */
static int parent_role(char **args)
{
    ipc_conn *conn = worker_conn(args);
    CHECK_OK(ipc_lock_acquire(lock_of(conn, false), IPC_FOREVER, NULL));
    pid_t child = fork_child(stays, NULL);
    say("child %lld", (long long)child);
    await_end();
    return 0;
}

static void test_sync_death__of_an_owner_with_a_child(void **state)
{
    const place *here = *state;
    if (!FORKS_WORK) {
        return;
    }
    ipc_conn *conn = connect_to(here);
    worker *owner = worker_start("parent", here->address, NULL);
    pid_t child = (pid_t)worker_expect_number(owner, "child");
    worker_expect(owner, "there");
    ipc_lock *lock = lock_of(conn, false);
    CHECK_ERR(ipc_lock_acquire(lock, 0, NULL), IPC_ETIMEOUT);
    worker_kill(owner);
    ipc_grant grant;
    ipc_err err = ipc_lock_acquire(lock, known_within(here), &grant);
    kill(child, SIGKILL);
    CHECK_OK(err);
    CHECK(grant.abandoned);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE,
                                 {"owner", owner_role},
                                 {"waiter", waiter_role},
                                 {"notified", notified_role},
                                 {"party", party_role},
                                 {"parent", parent_role}};
    worker_begin(argc, argv, roles, 6);
    const struct CMUnitTest tests[] = {
        AMONG_MORTALS(test_sync_death__of_an_owner_hands_everything_on),
        AMONG_MORTALS(test_sync_death__a_stopped_owner_keeps_its_lock),
        AMONG_MORTALS(test_sync_death__of_a_waiter_swallows_nothing),
        AMONG_MORTALS(test_sync_death__of_who_was_notified_hands_the_notification_on),
        AMONG_MORTALS(test_sync_death__of_who_was_notified_and_has_the_lock),
        AMONG_MORTALS(test_sync_death__of_a_party_breaks_the_barrier),
        AMONG_MORTALS(test_sync_death__of_an_owner_with_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
