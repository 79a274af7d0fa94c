/*
 * Looking at locks and their kin: who has them and since when, who waits for them and how long, in the order in which they came.
 * Touches threads, and a hub of its own for every test.
 */
#include "support/call.h"
#include "support/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 103, SHOWN = 100 };

/* ---- looking ---- */

/* A connection of a program with this name. */
static ipc_conn *connect_as(const place *where, const char *program)
{
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.program = program;
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, where->address, &options));
    return conn;
}

static int64_t state_of(ipc_conn *conn, const char *name, const char *key)
{
    ipc_msg *info;
    int64_t number;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:I}}", "state", key, &number));
    ipc_msg_free(info);
    return number;
}

static uint32_t list_length(ipc_conn *conn, const char *name, const char *list)
{
    ipc_msg *info;
    ipc_msg *array;
    ipc_cursor at;
    ipc_value head;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:v}}", "state", list, &array));
    CHECK_OK(ipc_cursor_open(&at, array));
    CHECK_OK(ipc_cursor_next(&at, &head));
    CHECK(head.kind == IPC_KIND_ARRAY);
    ipc_msg_free(array);
    ipc_msg_free(info);
    return head.as.count;
}

/* A map of the state says that this program is who it is about, for a plausible time. */
static void check_who(const ipc_msg *info, const char *format, const char *key, const char *program, const char *since)
{
    const char *said;
    const char *language;
    int64_t session;
    int64_t pid;
    int64_t us;
    CHECK_OK(ipc_unpack(info, format, "state", key, "program", &said, "language", &language, "session", &session, "pid",
                        &pid, since, &us));
    if (strcmp(said, program) != 0 || strcmp(language, "c") != 0 || session <= 0 || pid < 0 || us < 0 ||
        us > 60 * 1000 * 1000) {
        check_fail(__FILE__, __LINE__, "%s: %s, in %s, session %lld, pid %lld, for %lld us, and not %s", key, said,
                   language, (long long)session, (long long)pid, (long long)us, program);
    }
}

static void check_one(ipc_conn *conn, const char *name, const char *key, const char *program, const char *since)
{
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, name, &info));
    check_who(info, "{s:{s:{s:s,s:s,s:I,s:I,s:I}}}", key, program, since);
    ipc_msg_free(info);
}

static void check_listed(ipc_conn *conn, const char *name, const char *list, unsigned index, const char *program,
                         const char *since)
{
    char format[256] = "{s:{s:[";
    for (unsigned i = 0; i < index; i++) {
        strcat(format, "*,");
    }
    strcat(format, "{s:s,s:s,s:I,s:I,s:I}]}}");
    ipc_msg *info;
    CHECK_OK(ipc_info(conn, name, &info));
    check_who(info, format, list, program, since);
    ipc_msg_free(info);
}

/* ---- who waits ---- */

static ipc_err acquire_lock(void *lock)
{
    return ipc_lock_acquire(lock, IPC_FOREVER, NULL);
}

static ipc_err acquire_permit(void *semaphore)
{
    return ipc_semaphore_acquire(semaphore, IPC_FOREVER);
}

static ipc_err await_event(void *event)
{
    return ipc_event_wait(event, IPC_FOREVER);
}

static ipc_err await_notification(void *condition)
{
    CHECK_OK(ipc_condition_acquire(condition, IPC_FOREVER, NULL));
    CHECK_OK(ipc_condition_wait(condition, IPC_FOREVER, NULL, NULL));
    return ipc_condition_release(condition);
}

static ipc_err meet(void *barrier)
{
    bool act;
    return ipc_barrier_wait(barrier, IPC_FOREVER, true, NULL, &act);
}

typedef struct programs {
    ipc_conn *me, *first, *second;
    call calls[2];
} programs;

static programs programs_of(const place *where)
{
    return (programs){
        .me = connect_as(where, "me"), .first = connect_as(where, "first"), .second = connect_as(where, "second")};
}

/* Both wait, one after the other, and are listed so. */
static void both_wait(programs *self, ipc_err (*run)(void *arg), void *first, void *second, const char *list)
{
    call_start(&self->calls[0], run, first);
    EVENTUALLY(list_length(self->me, "it", list) == 1);
    call_start(&self->calls[1], run, second);
    EVENTUALLY(list_length(self->me, "it", list) == 2);
    check_listed(self->me, "it", list, 0, "first", "waiting_us");
    check_listed(self->me, "it", list, 1, "second", "waiting_us");
}

static void both_go_on(programs *self)
{
    for (int i = 0; i < 2; i++) {
        CHECK_OK(call_result(&self->calls[i], PROMPT_MS));
    }
    ipc_conn_free(self->me);
    ipc_conn_free(self->first);
    ipc_conn_free(self->second);
}

static void test_look_sync__at_a_lock(void **state)
{
    programs who = programs_of(*state);
    ipc_lock *locks[3];
    ipc_conn *conns[] = {who.me, who.first, who.second};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_lock_open(&locks[i], conns[i], "it", NULL));
    }
    ipc_msg *info;
    CHECK_OK(ipc_info(who.me, "it", &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:n,s:i,s:[!]}}", "state", "owner", "waiting", &(int){0}, "waiters"));
    ipc_msg_free(info);
    CHECK_OK(ipc_lock_acquire(locks[0], 0, NULL));
    check_one(who.me, "it", "owner", "me", "held_us");
    both_wait(&who, acquire_lock, locks[1], locks[2], "waiters");
    CHECK_INT(state_of(who.me, "it", "waiting"), 2);
    CHECK_OK(ipc_lock_release(locks[0]));
    CHECK_OK(call_result(&who.calls[0], PROMPT_MS));
    check_one(who.me, "it", "owner", "first", "held_us");
    check_listed(who.me, "it", "waiters", 0, "second", "waiting_us");
    CHECK_OK(ipc_lock_release(locks[1]));
    CHECK_OK(call_result(&who.calls[1], PROMPT_MS));
    for (int i = 0; i < 3; i++) {
        ipc_lock_free(locks[i]);
        ipc_conn_free(conns[i]);
    }
}

static void test_look_sync__at_a_semaphore(void **state)
{
    programs who = programs_of(*state);
    ipc_semaphore *permits[3];
    ipc_conn *conns[] = {who.me, who.first, who.second};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_semaphore_open(&permits[i], conns[i], "it", NULL));
    }
    CHECK_OK(ipc_semaphore_acquire(permits[0], 0));
    check_listed(who.me, "it", "holders", 0, "me", "held_us");
    both_wait(&who, acquire_permit, permits[1], permits[2], "waiters");
    CHECK_OK(ipc_semaphore_release(permits[0], 2));
    EVENTUALLY(list_length(who.me, "it", "holders") == 2);
    check_listed(who.me, "it", "holders", 0, "first", "held_us");
    check_listed(who.me, "it", "holders", 1, "second", "held_us");
    for (int i = 0; i < 3; i++) {
        ipc_semaphore_free(permits[i]);
    }
    both_go_on(&who);
}

static void test_look_sync__at_an_event(void **state)
{
    programs who = programs_of(*state);
    ipc_event *events[3];
    ipc_conn *conns[] = {who.me, who.first, who.second};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_event_open(&events[i], conns[i], "it", NULL));
    }
    both_wait(&who, await_event, events[1], events[2], "waiters");
    CHECK_OK(ipc_event_set(events[0]));
    CHECK_INT(list_length(who.me, "it", "waiters"), 0);
    both_go_on(&who);
    for (int i = 0; i < 3; i++) {
        ipc_event_free(events[i]);
    }
}

static void test_look_sync__at_a_condition(void **state)
{
    programs who = programs_of(*state);
    ipc_condition *conditions[3];
    ipc_conn *conns[] = {who.me, who.first, who.second};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_condition_open(&conditions[i], conns[i], "it", NULL));
    }
    both_wait(&who, await_notification, conditions[1], conditions[2], "waiters_for_notify");
    CHECK_INT(state_of(who.me, "it", "waiting_for_notify"), 2);
    CHECK_OK(ipc_condition_acquire(conditions[0], 0, NULL));
    CHECK_OK(ipc_condition_notify(conditions[0], 1));
    check_one(who.me, "it", "owner", "me", "held_us");
    check_listed(who.me, "it", "waiters", 0, "first", "waiting_us"); /* notified, it waits for the lock */
    check_listed(who.me, "it", "waiters_for_notify", 0, "second", "waiting_us");
    CHECK_OK(ipc_condition_notify(conditions[0], 0));
    CHECK_OK(ipc_condition_release(conditions[0]));
    both_go_on(&who);
    for (int i = 0; i < 3; i++) {
        ipc_condition_free(conditions[i]);
    }
}

static void test_look_sync__at_a_barrier(void **state)
{
    programs who = programs_of(*state);
    ipc_barrier *barriers[3];
    ipc_conn *conns[] = {who.me, who.first, who.second};
    ipc_barrier_options options = IPC_BARRIER_OPTIONS_INIT;
    options.parties = 3;
    for (int i = 0; i < 3; i++) {
        CHECK_OK(ipc_barrier_open(&barriers[i], conns[i], "it", &options));
    }
    both_wait(&who, meet, barriers[1], barriers[2], "waiters");
    bool act;
    CHECK_OK(ipc_barrier_wait(barriers[0], IPC_FOREVER, true, NULL, &act));
    check_one(who.me, "it", "actor", "me", "acting_us");
    CHECK_INT(state_of(who.me, "it", "waiting"), 0);
    CHECK_INT(state_of(who.me, "it", "waiting_for_actor"), 2);
    check_listed(who.me, "it", "waiters_for_actor", 0, "first", "waiting_us");
    check_listed(who.me, "it", "waiters_for_actor", 1, "second", "waiting_us");
    CHECK_OK(ipc_barrier_pass(barriers[0], true));
    both_go_on(&who);
    for (int i = 0; i < 3; i++) {
        ipc_barrier_free(barriers[i]);
    }
}

static void test_look_sync__at_many(void **state)
{
    ipc_conn *me = connect_as(*state, "me");
    ipc_conn *others = connect_as(*state, "others");
    ipc_event *event;
    CHECK_OK(ipc_event_open(&event, others, "it", NULL));
    static call calls[MANY];
    for (int i = 0; i < MANY; i++) {
        call_start(&calls[i], await_event, event);
    }
    EVENTUALLY(state_of(me, "it", "waiting") == MANY);
    CHECK_INT(list_length(me, "it", "waiters"), SHOWN);
    CHECK_OK(ipc_event_set(event));
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(call_result(&calls[i], DEADLINE_MS));
    }
    ipc_event_free(event);
    ipc_conn_free(me);
    ipc_conn_free(others);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_EVERY_LANE(test_look_sync__at_a_lock),    ON_EVERY_LANE(test_look_sync__at_a_semaphore),
        ON_EVERY_LANE(test_look_sync__at_an_event),  ON_EVERY_LANE(test_look_sync__at_a_condition),
        ON_EVERY_LANE(test_look_sync__at_a_barrier), ON_EVERY_LANE(test_look_sync__at_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
