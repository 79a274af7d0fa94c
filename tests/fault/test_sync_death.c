/*
 * Owners, waiters and parties that end, in every way in which a program can: what they had passes on within a moment, and
 * whoever gets it is told. Those that are only stopped keep it.
 * Touches workers, which it kills, and a hub of its own for every test.
 */
#include "victims.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Until a death is known: at once where there is a lifeline, after some silence over TCP. */
static int64_t known_within(const place *where)
{
    return where->which == LANE_TCP ? SILENCE_MS + 2 * PROMPT_MS : PROMPT_MS;
}

/* ---- one end, and who waits for it; those of a test go on together, as over TCP each takes its time ---- */

typedef struct fate {
    sync_kind kind;
    const char *name;
    victim who;
    sync_object mine;
    call waits;
    ipc_grant grant;
    bool notified;
    int64_t struck;
    int64_t over; /* when the wait was */
} fate;

enum { MOST = 16 };

typedef struct fates {
    const place *where;
    ipc_conn *conn;
    fate all[MOST];
    unsigned count;
} fates;

static fates *begin_fates(const place *where)
{
    fates *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    self->where = where;
    self->conn = connect_to(where);
    return self;
}

/* What it is about; no victim yet. */
static fate *add_object(fates *self, sync_kind kind, uint32_t parties)
{
    CHECK(self->count < MOST);
    fate *one = &self->all[self->count++];
    one->kind = kind;
    one->name = fresh_name("thing");
    one->mine = sync_open(self->conn, kind, one->name, parties);
    return one;
}

static fate *add_fate(fates *self, const char *role, sync_kind kind, uint32_t parties, way_out way)
{
    fate *one = add_object(self, kind, parties);
    if (strcmp(role, "waiter") == 0 && kind <= SYNC_SEMAPHORE) {
        CHECK_OK(sync_acquire(&one->mine, 0, &one->grant)); /* so that it has something to wait for */
    }
    one->who = victim_start(self->where, role, kind, one->name, parties, way);
    return one;
}

/* One of each kind, from the first to the last, and of each way. */
static fates *begin_all(const place *where, const char *role, sync_kind first, sync_kind last, uint32_t parties)
{
    fates *self = begin_fates(where);
    for (sync_kind kind = first; kind <= last; kind++) {
        for (way_out way = KILLED; way < WAYS; way = next_way(way)) {
            add_fate(self, role, kind, parties, way);
        }
    }
    return self;
}

static void end_fates(fates *self)
{
    for (unsigned i = 0; i < self->count; i++) {
        victim_bury(&self->all[i].who);
        sync_free(&self->all[i].mine);
    }
    ipc_conn_free(self->conn);
    free(self);
}

#define FOR_ALL(one, of) for (fate * (one) = (of)->all; (one) < (of)->all + (of)->count; (one)++)

static ipc_err acquire(void *arg)
{
    fate *one = arg;
    ipc_err err = sync_acquire(&one->mine, IPC_FOREVER, &one->grant);
    one->over = now_ms();
    return err;
}

static ipc_err be_notified(void *arg)
{
    fate *one = arg;
    CHECK_OK(ipc_condition_acquire(one->mine.condition, IPC_FOREVER, NULL));
    ipc_err err = ipc_condition_wait(one->mine.condition, IPC_FOREVER, &one->notified, &one->grant);
    one->over = now_ms();
    CHECK_OK(ipc_condition_release(one->mine.condition));
    return err;
}

static void await_waiting(const fates *all, const fate *one, const char *key, int64_t count)
{
    EVENTUALLY(sync_state(all->conn, one->name, key) == count);
}

static void strike(fate *one)
{
    victim_strike(&one->who);
    one->struck = now_ms();
}

/* What waited for its end was told in time. */
static void told(const fates *all, fate *one, ipc_err result)
{
    CHECK_ERR(call_result(&one->waits, known_within(all->where)), result);
    CHECK(one->over - one->struck <= known_within(all->where));
}

static bool has_lock(const fate *one)
{
    return one->kind != SYNC_SEMAPHORE;
}

/* ---- owners ---- */

static void test_sync_death__of_an_owner_hands_it_on(void **state)
{
    fates *all = begin_all(*state, "holder", SYNC_LOCK, SYNC_SEMAPHORE, 0);
    FOR_ALL(one, all)
    {
        worker_expect(one->who.process, "has it");
        CHECK_ERR(sync_acquire(&one->mine, 0, &one->grant), IPC_ETIMEOUT);
        call_start_and_block(&one->waits, acquire, one);
        await_waiting(all, one, "waiting", 1);
    }
    FOR_ALL(one, all)
    {
        strike(one);
    }
    FOR_ALL(one, all)
    {
        told(all, one, IPC_OK);
        CHECK(one->grant.abandoned == has_lock(one));
    }
    end_fates(all);
}

static void test_sync_death__is_told_to_one_owner_alone(void **state)
{
    fates *all = begin_all(*state, "holder", SYNC_LOCK, SYNC_SEMAPHORE, 0);
    FOR_ALL(one, all)
    {
        worker_expect(one->who.process, "has it");
        strike(one);
    }
    FOR_ALL(one, all)
    {
        CHECK_OK(sync_acquire(&one->mine, known_within(all->where), &one->grant));
        CHECK(one->grant.abandoned == has_lock(one));
        CHECK_OK(sync_release(&one->mine)); /* once: it is free, however often the dead one had it */
        CHECK_ERR(sync_release(&one->mine), IPC_ENOTHELD);
        CHECK_OK(sync_acquire(&one->mine, 0, &one->grant));
        CHECK(!one->grant.abandoned);
    }
    end_fates(all);
}

static void test_sync_death__of_who_set_an_event_leaves_it_set(void **state)
{
    fates *all = begin_all(*state, "holder", SYNC_EVENT, SYNC_EVENT, 0);
    FOR_ALL(one, all)
    {
        worker_expect(one->who.process, "has it");
        strike(one);
    }
    FOR_ALL(one, all)
    {
        /* A child has its parent's handles; over TCP, from when it first uses one. */
        int64_t left = one->who.way == KILLED_WITH_A_CHILD && all->where->which == LANE_NAMED ? 2 : 1;
        EVENTUALLY_WITHIN(known_within(all->where), sync_handles(all->conn, one->name) == left);
        CHECK_OK(sync_acquire(&one->mine, 0, &one->grant));
    }
    end_fates(all);
}

/* ---- waiters ---- */

static void test_sync_death__of_a_waiter_swallows_nothing(void **state)
{
    fates *all = begin_all(*state, "waiter", SYNC_LOCK, SYNC_EVENT, 0);
    FOR_ALL(one, all)
    {
        worker_expect(one->who.process, "there");
        await_waiting(all, one, "waiting", 1);
        call_start_and_block(&one->waits, acquire, one);
        await_waiting(all, one, "waiting", 2);
    }
    FOR_ALL(one, all)
    {
        strike(one);
    }
    FOR_ALL(one, all)
    {
        EVENTUALLY_WITHIN(known_within(all->where), sync_state(all->conn, one->name, "waiting") == 1);
        CHECK(!one->waits.over);
        CHECK_OK(sync_release(&one->mine));
        CHECK_OK(call_result(&one->waits, PROMPT_MS));
        CHECK(!one->grant.abandoned);
    }
    end_fates(all);
}

/* ---- who was notified ---- */

static fates *begin_notified(const place *where)
{
    fates *all = begin_all(where, "notified", SYNC_CONDITION, SYNC_CONDITION, 0);
    FOR_ALL(one, all)
    {
        worker_expect(one->who.process, "there");
        await_waiting(all, one, "waiting_for_notify", 1);
        call_start(&one->waits, be_notified, one);
        await_waiting(all, one, "waiting_for_notify", 2);
        CHECK_OK(ipc_condition_acquire(one->mine.condition, IPC_FOREVER, NULL));
        CHECK_OK(ipc_condition_notify(one->mine.condition, 1));
    }
    return all;
}

static void test_sync_death__of_who_was_notified_hands_the_notification_on(void **state)
{
    fates *all = begin_notified(*state);
    FOR_ALL(one, all)
    {
        strike(one);
    }
    FOR_ALL(one, all)
    {
        EVENTUALLY_WITHIN(known_within(all->where), sync_state(all->conn, one->name, "waiting_for_notify") == 0);
        CHECK_OK(ipc_condition_release(one->mine.condition));
        CHECK_OK(call_result(&one->waits, PROMPT_MS));
        CHECK(one->notified && !one->grant.abandoned);
    }
    end_fates(all);
}

static void test_sync_death__of_who_was_notified_and_has_the_lock(void **state)
{
    fates *all = begin_notified(*state);
    FOR_ALL(one, all)
    {
        CHECK_OK(ipc_condition_release(one->mine.condition));
        worker_expect(one->who.process, "has it"); /* and has done nothing since */
        strike(one);
    }
    FOR_ALL(one, all)
    {
        told(all, one, IPC_OK);
        CHECK(one->notified && one->grant.abandoned);
    }
    end_fates(all);
}

/* ---- parties ---- */

static void test_sync_death__of_a_party_breaks_the_barrier(void **state)
{
    fates *all = begin_all(*state, "waiter", SYNC_BARRIER, SYNC_BARRIER, 3);
    FOR_ALL(one, all)
    {
        worker_expect(one->who.process, "there");
        await_waiting(all, one, "waiting", 1);
        call_start_and_block(&one->waits, acquire, one);
        await_waiting(all, one, "waiting", 2);
    }
    FOR_ALL(one, all)
    {
        strike(one);
    }
    FOR_ALL(one, all)
    {
        told(all, one, IPC_EBROKEN);
        CHECK_ERR(sync_acquire(&one->mine, IPC_FOREVER, &one->grant), IPC_EBROKEN);
        CHECK_OK(ipc_barrier_reset(one->mine.barrier));
        call_start_and_block(&one->waits, acquire, one);
        CHECK_OK(ipc_barrier_reset(one->mine.barrier));
        CHECK_ERR(call_result(&one->waits, PROMPT_MS), IPC_EBROKEN);
    }
    end_fates(all);
}

static void add_actors(fates *all, way_out last)
{
    for (way_out way = KILLED; way < last; way = next_way(way)) {
        fate *one = add_object(all, SYNC_BARRIER, 2);
        call_start_and_block(&one->waits, acquire, one);
        await_waiting(all, one, "waiting", 1); /* it is the victim that comes last */
        one->who = victim_start(all->where, "actor", SYNC_BARRIER, one->name, 2, way);
        worker_expect(one->who.process, "has it");
        CHECK(!one->waits.over);
    }
}

static void test_sync_death__of_who_acts_breaks_the_barrier(void **state)
{
    fates *all = begin_fates(*state);
    add_actors(all, WAYS);
    FOR_ALL(one, all)
    {
        strike(one);
    }
    FOR_ALL(one, all)
    {
        told(all, one, IPC_EBROKEN);
    }
    end_fates(all);
}

/* ---- stopped ---- */

/* Longer than a death would take. */
enum { STOPPED_MS = 2 * PROMPT_MS };

static fates *begin_stopped(const place *where)
{
    fates *all = begin_fates(where);
    for (sync_kind kind = SYNC_LOCK; kind <= SYNC_SEMAPHORE; kind++) {
        fate *one = add_fate(all, "holder", kind, 0, KILLED);
        worker_expect(one->who.process, "has it");
        call_start_and_block(&one->waits, acquire, one);
        await_waiting(all, one, "waiting", 1);
    }
    add_actors(all, KILLED + 1);
    FOR_ALL(one, all)
    {
        worker_signal(one->who.process, SIGSTOP);
        worker_await_stop(one->who.process);
        one->struck = now_ms();
    }
    return all;
}

static void test_sync_death__a_stopped_owner_keeps_what_it_has(void **state)
{
    fates *all = begin_stopped(*state);
    if (all->where->which == LANE_NAMED) {
        ipc_lock *other = sync_open(all->conn, SYNC_LOCK, all->all[0].name, 0).lock;
        CHECK_ERR(ipc_lock_acquire(other, STOPPED_MS, NULL), IPC_ETIMEOUT);
        ipc_lock_free(other);
        FOR_ALL(one, all)
        {
            CHECK(!one->waits.over);
            worker_signal(one->who.process, SIGCONT);
            strike(one);
        }
    }
    FOR_ALL(one, all) /* over TCP silence is death */
    {
        told(all, one, one->kind == SYNC_BARRIER ? IPC_EBROKEN : IPC_OK);
        CHECK(one->grant.abandoned == (one->kind <= SYNC_CONDITION));
    }
    end_fates(all);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE, VICTIM_ROLES};
    worker_begin(argc, argv, roles, 1 + VICTIM_ROLE_COUNT);
    const struct CMUnitTest tests[] = {
        AMONG_MORTALS(test_sync_death__of_an_owner_hands_it_on),
        AMONG_MORTALS(test_sync_death__is_told_to_one_owner_alone),
        AMONG_MORTALS(test_sync_death__of_who_set_an_event_leaves_it_set),
        AMONG_MORTALS(test_sync_death__of_a_waiter_swallows_nothing),
        AMONG_MORTALS(test_sync_death__of_who_was_notified_hands_the_notification_on),
        AMONG_MORTALS(test_sync_death__of_who_was_notified_and_has_the_lock),
        AMONG_MORTALS(test_sync_death__of_a_party_breaks_the_barrier),
        AMONG_MORTALS(test_sync_death__of_who_acts_breaks_the_barrier),
        AMONG_MORTALS(test_sync_death__a_stopped_owner_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
