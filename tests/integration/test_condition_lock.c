/*
 * Conditions on a lock that several of them share.
 * Touches a hub of its own for every test, and threads with connections of their own.
 */
#include "support/call.h"
#include "support/lane.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROOM = 3, ITEMS = 300 };

static ipc_condition *condition_on(ipc_conn *conn, const char *name, ipc_lock *lock)
{
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    options.lock = lock;
    ipc_condition *condition;
    CHECK_OK(ipc_condition_open(&condition, conn, name, &options));
    return condition;
}

static ipc_lock *lock_on(ipc_conn *conn, const char *name)
{
    ipc_lock *lock;
    CHECK_OK(ipc_lock_open(&lock, conn, name, NULL));
    return lock;
}

/* ---- a bounded buffer: what such conditions are for ---- */

/* Atomic for ThreadSanitizer alone, which does not see a lock that another process keeps. */
struct buffer {
    const place *where;
    atomic_int held;
    atomic_int taken;
    atomic_bool wrong;
};

/* One side: it waits on one condition while that is needed, and notifies the other. */
static ipc_err work(struct buffer *buffer, const char *wait_on, const char *tell, int step)
{
    ipc_conn *conn = connect_to(buffer->where);
    ipc_lock *lock = lock_on(conn, "guard");
    ipc_condition *mine = condition_on(conn, wait_on, lock);
    ipc_condition *other = condition_on(conn, tell, lock);
    ipc_err err = IPC_OK;
    for (int i = 0; !err && i < ITEMS; i++) {
        err = ipc_lock_acquire(lock, DEADLINE_MS, NULL);
        while (!err && (step > 0 ? buffer->held == ROOM : buffer->held == 0)) {
            bool notified;
            err = ipc_condition_wait(mine, DEADLINE_MS, &notified, NULL);
            err = err || notified ? err : IPC_ETIMEOUT;
        }
        buffer->held += step;
        if (buffer->held < 0 || buffer->held > ROOM) {
            buffer->wrong = true;
        }
        buffer->taken += step < 0;
        err = err ? err : ipc_condition_notify(other, 1);
        err = err ? err : ipc_lock_release(lock);
    }
    ipc_condition_free(other);
    ipc_condition_free(mine);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
    return err;
}

static ipc_err put_all(void *buffer)
{
    return work(buffer, "not full", "not empty", 1);
}

static ipc_err take_all(void *buffer)
{
    return work(buffer, "not empty", "not full", -1);
}

static void test_condition_lock__a_bounded_buffer(void **state)
{
    struct buffer buffer = {.where = *state};
    call calls[4];
    for (int i = 0; i < 4; i++) {
        call_start(&calls[i], i % 2 ? take_all : put_all, &buffer);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_OK(call_result(&calls[i], 2 * DEADLINE_MS));
    }
    CHECK(!buffer.wrong);
    CHECK_INT(buffer.taken, 2 * ITEMS);
    CHECK_INT(buffer.held, 0);
}

/* ---- who dies, hands on ---- */

struct waiting {
    ipc_lock *lock;
    ipc_condition *condition;
    bool notified;
    ipc_grant grant;
};

static ipc_err wait_on(void *arg)
{
    struct waiting *self = arg;
    ipc_err err = ipc_lock_acquire(self->lock, IPC_FOREVER, NULL);
    return err ? err : ipc_condition_wait(self->condition, IPC_FOREVER, &self->notified, &self->grant);
}

static uint64_t waiting_for_notify(ipc_conn *conn, const char *name)
{
    ipc_msg *info;
    uint64_t count = 0;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:U}}", "state", "waiting_for_notify", &count));
    ipc_msg_free(info);
    return count;
}

/* The first one is notified, has the lock, and goes without a word: the second one is notified, and told. */
static void test_condition_lock__a_notification_is_handed_on(void **state)
{
    ipc_conn *conns[3];
    struct waiting all[3] = {{.lock = NULL}};
    call calls[2];
    for (int i = 0; i < 3; i++) {
        conns[i] = connect_to(*state);
        all[i].lock = lock_on(conns[i], "guard");
        all[i].condition = condition_on(conns[i], "news", all[i].lock);
    }
    for (uint64_t i = 0; i < 2; i++) {
        call_start_and_block(&calls[i], wait_on, &all[i]);
        EVENTUALLY(waiting_for_notify(conns[2], "news") == i + 1);
    }
    CHECK_OK(ipc_lock_acquire(all[2].lock, 0, NULL));
    CHECK_OK(ipc_condition_notify(all[2].condition, 1));
    CHECK_OK(ipc_lock_release(all[2].lock));
    CHECK_OK(call_result(&calls[0], PROMPT_MS));
    CHECK(all[0].notified && !all[0].grant.abandoned);
    ipc_conn_close(conns[0]);
    CHECK_OK(call_result(&calls[1], PROMPT_MS));
    CHECK(all[1].notified && all[1].grant.abandoned);
    CHECK(all[1].grant.fence > all[0].grant.fence);
    for (int i = 0; i < 3; i++) {
        ipc_condition_free(all[i].condition);
        ipc_lock_free(all[i].lock);
        ipc_conn_free(conns[i]);
    }
}

/* The condition goes while the one that it notified has the lock: nothing of it is left in the lock. */
static void test_condition_lock__the_condition_is_deleted(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_conn *other = connect_to(*state);
    ipc_lock *lock = lock_on(conn, "guard");
    struct waiting waiter = {.lock = lock_on(other, "guard")};
    waiter.condition = condition_on(other, "news", waiter.lock);
    ipc_condition *condition = condition_on(conn, "news", lock);
    call calls[1];
    call_start_and_block(&calls[0], wait_on, &waiter);
    EVENTUALLY(waiting_for_notify(conn, "news") == 1);
    CHECK_OK(ipc_lock_acquire(lock, 0, NULL));
    CHECK_OK(ipc_condition_notify(condition, 1));
    CHECK_OK(ipc_lock_release(lock));
    CHECK_OK(call_result(&calls[0], PROMPT_MS));
    CHECK_OK(ipc_unlink(conn, "news"));
    ipc_conn_close(other);
    ipc_grant grant;
    CHECK_OK(ipc_lock_acquire(lock, PROMPT_MS, &grant));
    CHECK(grant.abandoned);
    ipc_condition_free(waiter.condition);
    ipc_lock_free(waiter.lock);
    ipc_condition_free(condition);
    ipc_lock_free(lock);
    ipc_conn_free(other);
    ipc_conn_free(conn);
}

/* ---- whose lock it is ---- */

static void test_condition_lock__the_lock_is_deleted(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_conn *other = connect_to(*state);
    struct waiting waiter = {.lock = lock_on(other, "guard")};
    waiter.condition = condition_on(other, "news", waiter.lock);
    call waits;
    call_start_and_block(&waits, wait_on, &waiter);
    EVENTUALLY(waiting_for_notify(conn, "news") == 1);
    CHECK_OK(ipc_unlink(conn, "guard"));
    CHECK_ERR(call_result(&waits, PROMPT_MS), IPC_EDELETED);
    CHECK_ERR(ipc_condition_acquire(waiter.condition, 0, NULL), IPC_EDELETED);
    CHECK_ERR(ipc_condition_notify(waiter.condition, 1), IPC_EDELETED);
    ipc_condition_free(waiter.condition);
    ipc_lock_free(waiter.lock);
    ipc_conn_free(other);
    ipc_conn_free(conn);
}

static uint64_t objects(ipc_conn *conn)
{
    ipc_msg *stat;
    uint64_t count = 0;
    CHECK_OK(ipc_stat(conn, &stat));
    CHECK_OK(ipc_unpack(stat, "{s:U}", "objects", &count));
    ipc_msg_free(stat);
    return count;
}

/* A lock without a name lives as long as its condition, and no longer. */
static void test_condition_lock__it_keeps_its_lock(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *lock = lock_on(conn, NULL);
    ipc_condition *condition = condition_on(conn, NULL, lock);
    ipc_lock_free(lock);
    CHECK_OK(ipc_condition_acquire(condition, 0, NULL));
    CHECK_ERR(ipc_condition_acquire(condition, 0, NULL), IPC_ETIMEOUT); /* a Lock's owner waits, too */
    CHECK_OK(ipc_condition_release(condition));
    CHECK_INT(objects(conn), 2);
    ipc_condition_free(condition);
    EVENTUALLY(objects(conn) == 0);
    ipc_conn_free(conn);
}

static void test_condition_lock__another_lock_is_another_option(void **state)
{
    ipc_conn *conn = connect_to(*state);
    ipc_lock *lock = lock_on(conn, "guard");
    ipc_lock *another = lock_on(conn, "another");
    ipc_condition *condition = condition_on(conn, "news", lock);
    ipc_condition *again;
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    CHECK_OK(ipc_condition_open(&again, conn, "news", NULL)); /* nobody asked for one */
    ipc_condition_free(again);
    options.lock = another;
    CHECK_ERR(ipc_condition_open(&again, conn, "news", &options), IPC_EOPTIONS);
    CHECK(again == NULL);
    ipc_conn *elsewhere;
    CHECK_OK(ipc_connect(&elsewhere, NULL, NULL)); /* this program's own hub */
    CHECK_ERR(ipc_condition_open(&again, elsewhere, NULL, &options), IPC_EINVAL);
    ipc_conn_free(elsewhere);
    ipc_condition_free(condition);
    ipc_lock_free(another);
    ipc_lock_free(lock);
    ipc_conn_free(conn);
}

/* Each opens it anew with what it was told of the lost one; the first makes it, and the others find it made. */
static void test_condition_lock__a_new_hub_has_it_for_all(void **state)
{
    enum { PROGRAMS = 2 };
    const place *here = *state;
    ipc_conn *conns[PROGRAMS];
    ipc_condition *conditions[PROGRAMS];
    for (int i = 0; i < PROGRAMS; i++) {
        conns[i] = connect_to(here);
        ipc_lock *lock = lock_on(conns[i], "guard");
        conditions[i] = condition_on(conns[i], "news", lock);
        ipc_lock_free(lock);
    }
    pid_t hub = place_hub_pid(here);
    CHECK_INT(kill(hub, SIGKILL), 0);
    EVENTUALLY(hub_pid(here->address) != hub);
    for (int i = 0; i < PROGRAMS; i++) {
        CHECK_ERR(ipc_condition_acquire(conditions[i], 0, NULL), IPC_ELOST);
    }
    CHECK_OK(ipc_condition_acquire(conditions[0], 0, NULL));
    CHECK_ERR(ipc_condition_acquire(conditions[1], 0, NULL), IPC_ETIMEOUT);
    for (int i = 0; i < PROGRAMS; i++) {
        ipc_condition_free(conditions[i]);
        ipc_conn_free(conns[i]);
    }
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_condition_lock__a_bounded_buffer),
        ON_EVERY_LANE(test_condition_lock__a_notification_is_handed_on),
        ON_EVERY_LANE(test_condition_lock__the_condition_is_deleted),
        ON_EVERY_LANE(test_condition_lock__the_lock_is_deleted),
        ON_EVERY_LANE(test_condition_lock__it_keeps_its_lock),
        ON_EVERY_LANE(test_condition_lock__another_lock_is_another_option),
        ON_LANE(test_condition_lock__a_new_hub_has_it_for_all, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
