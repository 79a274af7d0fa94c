/*
 * Locks, semaphores, events, conditions and barriers between the threads of one program, each with a connection of its own.
 * Touches a hub of its own for every test, and threads.
 */
#include "support/call.h"
#include "support/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SHORT_MS = 30, TIMES = 100 };

/* ---- locks ---- */

static ipc_lock *lock_of(ipc_conn *conn, const char *name, bool recursive)
{
    ipc_lock_options options = IPC_LOCK_OPTIONS_INIT;
    options.recursive = recursive;
    ipc_lock *lock;
    CHECK_OK(ipc_lock_open(&lock, conn, name, &options));
    return lock;
}

static ipc_err acquire(void *lock)
{
    return ipc_lock_acquire(lock, IPC_FOREVER, NULL);
}

static void test_sync__a_lock_has_one_owner(void **state)
{
    const place *here = *state;
    ipc_conn *a = connect_to(here);
    ipc_conn *b = connect_to(here);
    ipc_lock *mine = lock_of(a, "guard", false);
    ipc_lock *theirs = lock_of(b, "guard", false);
    ipc_grant first;
    ipc_grant second;
    bool locked;
    bool own;
    CHECK_OK(ipc_lock_acquire(mine, 0, &first));
    CHECK(!first.abandoned);
    CHECK_ERR(ipc_lock_acquire(theirs, 0, NULL), IPC_ETIMEOUT);
    CHECK_ERR(ipc_lock_acquire(theirs, SHORT_MS, NULL), IPC_ETIMEOUT);
    CHECK_OK(ipc_lock_peek(theirs, &locked, &own));
    CHECK(locked && !own);
    CHECK_OK(ipc_lock_peek(mine, &locked, &own));
    CHECK(locked && own);
    call waiter;
    call_start_and_block(&waiter, acquire, theirs);
    CHECK_OK(ipc_lock_release(mine));
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    CHECK_OK(ipc_lock_release(mine)); /* anybody may, as in Python */
    CHECK_ERR(ipc_lock_release(mine), IPC_ENOTHELD);
    CHECK_OK(ipc_lock_acquire(theirs, 0, &second));
    CHECK(second.fence > first.fence);
    ipc_lock_free(mine);
    ipc_lock_free(theirs);
    ipc_conn_free(a);
    ipc_conn_free(b);
}

static void test_sync__a_recursive_lock_is_its_owners(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *lock = lock_of(conn, "guard", true);
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    call waiter;
    call_start_and_block(&waiter, acquire, lock); /* another thread of the same session */
    CHECK_OK(ipc_lock_release(lock));
    CHECK(!waiter.over);
    CHECK_OK(ipc_lock_release(lock));
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    CHECK_ERR(ipc_lock_release(lock), IPC_ENOTOWNER);
    ipc_lock *other;
    CHECK_ERR(ipc_lock_open(&other, conn, "guard", NULL), IPC_ETYPE);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

/* Atomic for ThreadSanitizer alone, which does not see a lock that another process keeps; the two steps are not. */
struct counting {
    const place *where;
    atomic_int *count;
};

static ipc_err count_up(void *arg)
{
    struct counting *self = arg;
    ipc_conn *conn = connect_to(self->where);
    ipc_lock *lock = lock_of(conn, "guard", false);
    for (int i = 0; i < TIMES; i++) {
        CHECK_OK(ipc_lock_acquire(lock, IPC_FOREVER, NULL));
        int before = atomic_load_explicit(self->count, memory_order_relaxed);
        pause_briefly();
        atomic_store_explicit(self->count, before + 1, memory_order_relaxed);
        CHECK_OK(ipc_lock_release(lock));
    }
    ipc_lock_free(lock);
    ipc_conn_free(conn);
    return IPC_OK;
}

static void test_sync__a_lock_excludes(void **state)
{
    atomic_int count = 0;
    struct counting shared = {*state, &count};
    call threads[4];
    for (int i = 0; i < 4; i++) {
        call_start(&threads[i], count_up, &shared);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_OK(call_result(&threads[i], DEADLINE_MS));
    }
    CHECK_INT(count, 4 * TIMES);
}

static void test_sync__who_closes_does_not_wait(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *lock = lock_of(conn, "guard", false);
    ipc_lock *other = lock_of(conn, "guard", false);
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    call waiter;
    call_start_and_block(&waiter, acquire, other);
    ipc_lock_close(other);
    CHECK_ERR(call_result(&waiter, PROMPT_MS), IPC_ECLOSED);
    call_start_and_block(&waiter, acquire, lock);
    CHECK_OK(ipc_unlink(conn, "guard"));
    CHECK_ERR(call_result(&waiter, PROMPT_MS), IPC_EDELETED);
    CHECK_ERR(ipc_lock_release(lock), IPC_EDELETED);
    ipc_lock_free(other);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

static void test_sync__a_session_that_ends_hands_on(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_lock *mine = lock_of(a, "guard", true);
    ipc_lock *theirs = lock_of(b, "guard", true);
    ipc_grant grant;
    CHECK_OK(ipc_lock_acquire(mine, 0, NULL));
    ipc_lock_free(mine);
    CHECK_ERR(ipc_lock_acquire(theirs, 0, NULL), IPC_ETIMEOUT); /* the session has it, whatever became of the handle */
    ipc_conn_free(a);
    CHECK_OK(ipc_lock_acquire(theirs, PROMPT_MS, &grant));
    CHECK(grant.abandoned);
    CHECK_OK(ipc_lock_release(theirs));
    CHECK_OK(ipc_lock_acquire(theirs, 0, &grant));
    CHECK(!grant.abandoned); /* told once */
    ipc_lock_free(theirs);
    ipc_conn_free(b);
}

static void test_sync__a_ticket_leads_to_a_lock(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *lock = lock_of(conn, NULL, true);
    ipc_lock *same;
    ipc_msg *ticket;
    CHECK_OK(ipc_lock_share(lock, &ticket));
    CHECK_OK(ipc_lock_attach(&same, conn, ticket));
    CHECK(ipc_lock_recursive(same));
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    bool own;
    CHECK_OK(ipc_lock_peek(same, NULL, &own));
    CHECK(own); /* the same thread of the same session */
    ipc_msg_free(ticket);
    ipc_lock_free(same);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

/* ---- semaphores ---- */

static ipc_semaphore *semaphore_of(ipc_conn *conn, const char *name, uint32_t value, bool bounded)
{
    ipc_semaphore_options options = IPC_SEMAPHORE_OPTIONS_INIT;
    options.value = value;
    options.bounded = bounded;
    ipc_semaphore *semaphore;
    CHECK_OK(ipc_semaphore_open(&semaphore, conn, name, &options));
    return semaphore;
}

static ipc_err take_permit(void *semaphore)
{
    return ipc_semaphore_acquire(semaphore, IPC_FOREVER);
}

static void test_sync__a_semaphore_has_permits(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_semaphore *permits = semaphore_of(conn, "permits", 2, false);
    uint64_t value;
    CHECK_OK(ipc_semaphore_acquire(permits, 0));
    CHECK_OK(ipc_semaphore_acquire(permits, 0));
    CHECK_ERR(ipc_semaphore_acquire(permits, SHORT_MS), IPC_ETIMEOUT);
    call waiters[2];
    call_start_and_block(&waiters[0], take_permit, permits);
    call_start_and_block(&waiters[1], take_permit, permits);
    CHECK_OK(ipc_semaphore_release(permits, 3));
    CHECK_OK(call_result(&waiters[0], PROMPT_MS));
    CHECK_OK(call_result(&waiters[1], PROMPT_MS));
    CHECK_OK(ipc_semaphore_value(permits, &value));
    CHECK_INT(value, 1);
    CHECK_ERR(ipc_semaphore_release(permits, 0), IPC_EINVAL);
    ipc_semaphore_free(permits);
    ipc_conn_free(conn);
}

static void test_sync__a_bounded_semaphore_is_not_released_too_often(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_semaphore *permits = semaphore_of(conn, "permits", 1, true);
    CHECK_ERR(ipc_semaphore_release(permits, 1), IPC_ENOTHELD);
    CHECK_OK(ipc_semaphore_acquire(permits, 0));
    CHECK_OK(ipc_semaphore_release(permits, 1));
    ipc_semaphore *other;
    ipc_semaphore_options options = IPC_SEMAPHORE_OPTIONS_INIT;
    options.value = 5;
    CHECK_ERR(ipc_semaphore_open(&other, conn, "permits", &options), IPC_EOPTIONS);
    CHECK_OK(ipc_semaphore_open(&other, conn, "permits", NULL));
    ipc_semaphore_free(other);
    ipc_semaphore_free(permits);
    ipc_conn_free(conn);
}

static void test_sync__permits_of_a_session_come_back(void **state)
{
    ipc_conn *a = connect_to(*state);
    ipc_conn *b = connect_to(*state);
    ipc_semaphore *theirs = semaphore_of(a, "permits", 3, true);
    ipc_semaphore *mine = semaphore_of(b, "permits", 3, true);
    CHECK_OK(ipc_semaphore_acquire(theirs, 0));
    CHECK_OK(ipc_semaphore_acquire(theirs, 0));
    CHECK_OK(ipc_semaphore_acquire(mine, 0));
    CHECK_OK(ipc_semaphore_release(mine, 1)); /* its own */
    CHECK_OK(ipc_semaphore_release(mine, 1)); /* a stranger's: the oldest */
    ipc_semaphore_free(theirs);
    ipc_conn_free(a);
    uint64_t value = 0;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_semaphore_acquire(mine, PROMPT_MS));
    }
    CHECK_OK(ipc_semaphore_value(mine, &value));
    CHECK_INT(value, 0);
    ipc_semaphore_free(mine);
    ipc_conn_free(b);
}

/* ---- events ---- */

static ipc_err await_event(void *event)
{
    return ipc_event_wait(event, IPC_FOREVER);
}

static void test_sync__an_event_wakes_all(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_event *event;
    bool set;
    CHECK_OK(ipc_event_open(&event, conn, "ready", NULL));
    CHECK_ERR(ipc_event_wait(event, SHORT_MS), IPC_ETIMEOUT);
    call waiters[3];
    for (int i = 0; i < 3; i++) {
        call_start_and_block(&waiters[i], await_event, event);
    }
    CHECK_OK(ipc_event_set(event));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(call_result(&waiters[i], PROMPT_MS));
    }
    CHECK_OK(ipc_event_wait(event, 0));
    CHECK_OK(ipc_event_clear(event));
    CHECK_OK(ipc_event_is_set(event, &set));
    CHECK(!set);
    CHECK_ERR(ipc_event_wait(event, 0), IPC_ETIMEOUT);
    ipc_event_free(event);
    ipc_conn_free(conn);
}

/* ---- conditions ---- */

struct waiting {
    ipc_condition *condition;
    int64_t timeout_ms;
    bool notified;
};

static ipc_err await_condition(void *arg)
{
    struct waiting *self = arg;
    CHECK_OK(ipc_condition_acquire(self->condition, IPC_FOREVER, NULL));
    CHECK_OK(ipc_condition_acquire(self->condition, IPC_FOREVER, NULL)); /* twice: both are given up, and come back */
    ipc_err err = ipc_condition_wait(self->condition, self->timeout_ms, &self->notified, NULL);
    if (!err) {
        CHECK_OK(ipc_condition_release(self->condition));
        CHECK_OK(ipc_condition_release(self->condition));
        CHECK(ipc_condition_release(self->condition) != IPC_OK); /* nobody's, or another's by now */
    }
    return err;
}

/* How many wait to be notified. */
static int64_t waiting_for_notify(ipc_conn *conn, const char *name)
{
    ipc_msg *info;
    int64_t waiting = -1;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:I}}", "state", "waiting_for_notify", &waiting));
    ipc_msg_free(info);
    return waiting;
}

static void test_sync__a_condition_notifies_in_order(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_condition *condition;
    CHECK_OK(ipc_condition_open(&condition, conn, "changed", NULL));
    CHECK_ERR(ipc_condition_wait(condition, 0, NULL, NULL), IPC_ENOTOWNER);
    CHECK_ERR(ipc_condition_notify(condition, 1), IPC_ENOTOWNER);
    struct waiting waits[3] = {
        {condition, IPC_FOREVER, false}, {condition, IPC_FOREVER, false}, {condition, IPC_FOREVER, false}};
    call waiters[3];
    for (int i = 0; i < 3; i++) {
        call_start(&waiters[i], await_condition, &waits[i]);
        EVENTUALLY(waiting_for_notify(conn, "changed") == i + 1);
    }
    CHECK_OK(ipc_condition_acquire(condition, IPC_FOREVER, NULL));
    CHECK_OK(ipc_condition_notify(condition, 1));
    CHECK(!waiters[0].over); /* the lock is ours */
    CHECK_OK(ipc_condition_release(condition));
    CHECK_OK(call_result(&waiters[0], PROMPT_MS));
    CHECK(waits[0].notified);
    CHECK_INT(waiting_for_notify(conn, "changed"), 2);
    CHECK_OK(ipc_condition_acquire(condition, IPC_FOREVER, NULL));
    CHECK_OK(ipc_condition_notify(condition, 0));
    CHECK_OK(ipc_condition_release(condition));
    CHECK_OK(call_result(&waiters[1], PROMPT_MS));
    CHECK_OK(call_result(&waiters[2], PROMPT_MS));
    ipc_condition_free(condition);
    ipc_conn_free(conn);
}

static void test_sync__a_wait_that_is_late_has_the_lock(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_condition *condition;
    CHECK_OK(ipc_condition_open(&condition, conn, "changed", NULL));
    struct waiting late = {condition, SHORT_MS, true};
    call waiter;
    call_start(&waiter, await_condition, &late);
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    CHECK(!late.notified);
    late = (struct waiting){condition, SHORT_MS, true};
    call_start(&waiter, await_condition, &late);
    EVENTUALLY(waiting_for_notify(conn, "changed") == 1);
    CHECK_OK(ipc_condition_acquire(condition, IPC_FOREVER, NULL));
    EVENTUALLY(waiting_for_notify(conn, "changed") == 0); /* its time is over, and it waits for the lock */
    CHECK(!waiter.over);
    CHECK_OK(ipc_condition_release(condition));
    CHECK_OK(call_result(&waiter, PROMPT_MS));
    CHECK(!late.notified);
    ipc_condition_free(condition);
    ipc_conn_free(conn);
}

/* ---- barriers ---- */

struct party {
    ipc_barrier *barrier;
    int64_t timeout_ms;
    bool acts;
    uint64_t index;
    bool act;
};

static ipc_err meet(void *arg)
{
    struct party *self = arg;
    return ipc_barrier_wait(self->barrier, self->timeout_ms, self->acts, &self->index, &self->act);
}

static ipc_barrier *barrier_of(ipc_conn *conn, uint32_t parties)
{
    ipc_barrier_options options = IPC_BARRIER_OPTIONS_INIT;
    options.parties = parties;
    ipc_barrier *barrier;
    CHECK_OK(ipc_barrier_open(&barrier, conn, "start", &options));
    return barrier;
}

static void test_sync__a_barrier_lets_all_go_at_once(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_barrier *barrier;
    CHECK_ERR(ipc_barrier_open(&barrier, conn, "start", NULL), IPC_EINVAL);
    barrier = barrier_of(conn, 3);
    for (int round = 0; round < 3; round++) {
        struct party others[2] = {{barrier, IPC_FOREVER, false, 9, false}, {barrier, IPC_FOREVER, false, 9, false}};
        call calls[2];
        uint64_t index;
        for (int i = 0; i < 2; i++) {
            call_start_and_block(&calls[i], meet, &others[i]);
        }
        ipc_barrier_info info;
        CHECK_OK(ipc_barrier_stat(barrier, &info));
        CHECK_INT(info.waiting, 2);
        CHECK_OK(ipc_barrier_wait(barrier, IPC_FOREVER, false, &index, NULL));
        CHECK_INT(index, 2);
        for (int i = 0; i < 2; i++) {
            CHECK_OK(call_result(&calls[i], PROMPT_MS));
        }
        CHECK_INT(others[0].index + others[1].index, 1);
    }
    ipc_barrier_free(barrier);
    ipc_conn_free(conn);
}

static void test_sync__the_last_party_acts_first(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_barrier *barrier = barrier_of(conn, 2);
    struct party other = {barrier, IPC_FOREVER, true, 9, true};
    struct party early = other;
    call calls[2];
    bool act;
    call_start_and_block(&calls[0], meet, &other);
    CHECK_OK(ipc_barrier_wait(barrier, IPC_FOREVER, true, NULL, &act));
    CHECK(act);
    call_start_and_block(&calls[1], meet, &early); /* of the next generation */
    CHECK(!calls[0].over);
    CHECK_OK(ipc_barrier_pass(barrier, true));
    CHECK_OK(call_result(&calls[0], PROMPT_MS));
    CHECK(!other.act);
    CHECK(!calls[1].over);
    CHECK_OK(ipc_barrier_wait(barrier, IPC_FOREVER, true, NULL, &act));
    CHECK_OK(ipc_barrier_pass(barrier, false)); /* it failed */
    CHECK_ERR(call_result(&calls[1], PROMPT_MS), IPC_EBROKEN);
    CHECK_ERR(ipc_barrier_wait(barrier, IPC_FOREVER, false, NULL, NULL), IPC_EBROKEN);
    ipc_barrier_free(barrier);
    ipc_conn_free(conn);
}

static void test_sync__a_barrier_breaks(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_barrier *barrier = barrier_of(conn, 3);
    struct party other = {barrier, IPC_FOREVER, false, 9, false};
    call waiter;
    call_start_and_block(&waiter, meet, &other);
    CHECK_ERR(ipc_barrier_wait(barrier, SHORT_MS, false, NULL, NULL), IPC_EBROKEN); /* late */
    CHECK_ERR(call_result(&waiter, PROMPT_MS), IPC_EBROKEN);
    CHECK_OK(ipc_barrier_reset(barrier));
    call_start_and_block(&waiter, meet, &other);
    CHECK_OK(ipc_barrier_abort(barrier));
    CHECK_ERR(call_result(&waiter, PROMPT_MS), IPC_EBROKEN);
    ipc_barrier_info info;
    CHECK_OK(ipc_barrier_stat(barrier, &info));
    CHECK(info.broken && info.waiting == 0 && info.parties == 3);
    CHECK_OK(ipc_barrier_reset(barrier));
    ipc_conn *gone = connect_to(*state);
    struct party dies = {barrier_of(gone, 3), IPC_FOREVER, false, 9, false};
    call theirs;
    call_start_and_block(&waiter, meet, &other);
    call_start_and_block(&theirs, meet, &dies);
    ipc_barrier_close(dies.barrier); /* one that waits goes: nobody waits for it in vain */
    CHECK_ERR(call_result(&theirs, PROMPT_MS), IPC_ECLOSED);
    CHECK_ERR(call_result(&waiter, PROMPT_MS), IPC_EBROKEN);
    ipc_barrier_free(dies.barrier);
    ipc_conn_free(gone);
    ipc_barrier_free(barrier);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_sync__a_lock_has_one_owner),
        ON_EVERY_LANE(test_sync__a_recursive_lock_is_its_owners),
        ON_EVERY_LANE(test_sync__a_lock_excludes),
        ON_EVERY_LANE(test_sync__who_closes_does_not_wait),
        ON_EVERY_LANE(test_sync__a_session_that_ends_hands_on),
        ON_EVERY_LANE(test_sync__a_ticket_leads_to_a_lock),
        ON_EVERY_LANE(test_sync__a_semaphore_has_permits),
        ON_EVERY_LANE(test_sync__a_bounded_semaphore_is_not_released_too_often),
        ON_EVERY_LANE(test_sync__permits_of_a_session_come_back),
        ON_EVERY_LANE(test_sync__an_event_wakes_all),
        ON_EVERY_LANE(test_sync__a_condition_notifies_in_order),
        ON_EVERY_LANE(test_sync__a_wait_that_is_late_has_the_lock),
        ON_EVERY_LANE(test_sync__a_barrier_lets_all_go_at_once),
        ON_EVERY_LANE(test_sync__the_last_party_acts_first),
        ON_EVERY_LANE(test_sync__a_barrier_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
