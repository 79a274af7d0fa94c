/*
 * Workers that have a lock or one of its kin, or wait for it, and the ways in which they end; and the test's own handle on
 * the same.
 * Touches workers and a hub. The test's own thread alone, but for sync_acquire() and what it is made of.
 */
#ifndef FAULT_VICTIMS_H
#define FAULT_VICTIMS_H

#include "support/call.h"
#include "support/lane.h"

/* ---- what it is about ---- */

typedef enum sync_kind { SYNC_LOCK, SYNC_RLOCK, SYNC_CONDITION, SYNC_SEMAPHORE, SYNC_EVENT, SYNC_BARRIER } sync_kind;

/* A handle; a semaphore has one permit, and a barrier so many parties. */
typedef struct sync_object {
    sync_kind kind;
    ipc_lock *lock; /* of either kind; or */
    ipc_condition *condition;
    ipc_semaphore *semaphore;
    ipc_event *event;
    ipc_barrier *barrier;
} sync_object;

sync_object sync_open(ipc_conn *conn, sync_kind kind, const char *name, uint32_t parties);
void sync_free(sync_object *self);

/* Acquire it; an event and a barrier are waited for. A semaphore and an event have nothing to tell: the grant is zero. */
ipc_err sync_acquire(const sync_object *self, int64_t timeout_ms, ipc_grant *grant);

/* Release it; an event is set. */
ipc_err sync_release(const sync_object *self);

/* How many handles there are on it; and a number of what else there is to know of it. */
int64_t sync_handles(ipc_conn *conn, const char *name);
int64_t sync_state(ipc_conn *conn, const char *name, const char *key);

/* ---- victims ---- */

/* How one ends: killed; likewise, but a child that it forked lives on; or it becomes another program, and lives on itself. */
typedef enum way_out { KILLED, KILLED_WITH_A_CHILD, EXECED, WAYS } way_out;

/* The next one that there is here: under some sanitizers no child can live on. */
way_out next_way(way_out way);

typedef struct victim {
    worker *process;
    way_out way;
    pid_t survivor; /* a process that still lives after its end; 0: none */
} victim;

/*
 * Start one. Its role: "holder" acquires the object, a recursive one twice (an event it sets), and says "has it". "waiter"
 * says "there", acquires it, and says so. "notified" has the condition and says "there", waits, and says "has it". "actor"
 * waits at a barrier as one that acts when it is the last, and says "has it" when it does.
 */
victim victim_start(const place *where, const char *role, sync_kind kind, const char *name, uint32_t parties,
                    way_out way);

/* It ends in its way. */
void victim_strike(victim *self);

/* What lives on must be alive still, and ends now. */
void victim_bury(victim *self);

/* The worker's roles, for worker_begin(). */
#define VICTIM_ROLES                                                                                                   \
    {"holder", victim_holder_role}, {"waiter", victim_waiter_role}, {"notified", victim_notified_role},                \
    {                                                                                                                  \
        "actor", victim_actor_role                                                                                     \
    }
enum { VICTIM_ROLE_COUNT = 4 };
int victim_holder_role(char **args);
int victim_waiter_role(char **args);
int victim_notified_role(char **args);
int victim_actor_role(char **args);

#endif
