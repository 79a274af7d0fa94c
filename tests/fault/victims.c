/*
 * Workers that have a lock or one of its kin, or wait for it, and the ways in which they end; and the test's own handle on
 * the same.
 * Touches workers and a hub. The test's own thread alone, but for sync_acquire() and what it is made of.
 */
#include "victims.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what it is about ---- */

sync_object sync_open(ipc_conn *conn, sync_kind kind, const char *name, uint32_t parties)
{
    ipc_lock_options lock = IPC_LOCK_OPTIONS_INIT;
    ipc_semaphore_options semaphore = IPC_SEMAPHORE_OPTIONS_INIT;
    ipc_barrier_options barrier = IPC_BARRIER_OPTIONS_INIT;
    lock.recursive = kind == SYNC_RLOCK;
    semaphore.bounded = true;
    barrier.parties = parties;
    sync_object self = {.kind = kind};
    switch (kind) {
    case SYNC_CONDITION:
        CHECK_OK(ipc_condition_open(&self.condition, conn, name, NULL));
        break;
    case SYNC_SEMAPHORE:
        CHECK_OK(ipc_semaphore_open(&self.semaphore, conn, name, &semaphore));
        break;
    case SYNC_EVENT:
        CHECK_OK(ipc_event_open(&self.event, conn, name, NULL));
        break;
    case SYNC_BARRIER:
        CHECK_OK(ipc_barrier_open(&self.barrier, conn, name, &barrier));
        break;
    default:
        CHECK_OK(ipc_lock_open(&self.lock, conn, name, &lock));
    }
    return self;
}

void sync_free(sync_object *self)
{
    ipc_lock_free(self->lock);
    ipc_condition_free(self->condition);
    ipc_semaphore_free(self->semaphore);
    ipc_event_free(self->event);
    ipc_barrier_free(self->barrier);
    *self = (sync_object){0};
}

ipc_err sync_acquire(const sync_object *self, int64_t timeout_ms, ipc_grant *grant)
{
    *grant = (ipc_grant){0};
    switch (self->kind) {
    case SYNC_CONDITION:
        return ipc_condition_acquire(self->condition, timeout_ms, grant);
    case SYNC_SEMAPHORE:
        return ipc_semaphore_acquire(self->semaphore, timeout_ms);
    case SYNC_EVENT:
        return ipc_event_wait(self->event, timeout_ms);
    case SYNC_BARRIER:
        return ipc_barrier_wait(self->barrier, timeout_ms, false, NULL, NULL);
    default:
        return ipc_lock_acquire(self->lock, timeout_ms, grant);
    }
}

ipc_err sync_release(const sync_object *self)
{
    switch (self->kind) {
    case SYNC_CONDITION:
        return ipc_condition_release(self->condition);
    case SYNC_SEMAPHORE:
        return ipc_semaphore_release(self->semaphore, 1);
    case SYNC_EVENT:
        return ipc_event_set(self->event);
    default:
        return ipc_lock_release(self->lock);
    }
}

int64_t sync_handles(ipc_conn *conn, const char *name)
{
    ipc_msg *info;
    int64_t handles = -1;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:I}", "handles", &handles));
    ipc_msg_free(info);
    return handles;
}

int64_t sync_state(ipc_conn *conn, const char *name, const char *key)
{
    ipc_msg *info;
    int64_t number = -1;
    CHECK_OK(ipc_info(conn, name, &info));
    CHECK_OK(ipc_unpack(info, "{s:{s:I}}", "state", key, &number));
    ipc_msg_free(info);
    return number;
}

/* ---- in a victim ---- */

static int lives_on(void *arg)
{
    (void)arg;
    pause();
    return 0;
}

/* What it is told it does while its first thread waits, or has what it has. */
static void *obey(void *arg)
{
    (void)arg;
    const char *line;
    while ((line = listen_for_line())) {
        if (strcmp(line, "fork") == 0) {
            say("child %lld", (long long)fork_child(lives_on, NULL));
        } else if (strcmp(line, "exec") == 0) {
            execl("/bin/sleep", "sleep", "600", (char *)NULL);
        }
    }
    return NULL;
}

typedef struct part {
    sync_object object;
    ipc_grant grant;
    pthread_t obeys;
} part;

/* ADDRESS KIND NAME PARTIES */
static part begin(char **args)
{
    part self;
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, args[0], NULL));
    self.object = sync_open(conn, (sync_kind)atoi(args[1]), args[2], (uint32_t)atoi(args[3]));
    CHECK(pthread_create(&self.obeys, NULL, obey, NULL) == 0);
    return self;
}

static int end(const part *self)
{
    say("has it");
    pthread_join(self->obeys, NULL);
    return 0;
}

int victim_holder_role(char **args)
{
    part self = begin(args);
    if (self.object.kind == SYNC_EVENT) {
        CHECK_OK(sync_release(&self.object));
        return end(&self);
    }
    CHECK_OK(sync_acquire(&self.object, IPC_FOREVER, &self.grant));
    if (self.object.kind == SYNC_RLOCK || self.object.kind == SYNC_CONDITION) {
        CHECK_OK(sync_acquire(&self.object, IPC_FOREVER, &self.grant));
    }
    return end(&self);
}

int victim_waiter_role(char **args)
{
    part self = begin(args);
    say("there");
    CHECK_OK(sync_acquire(&self.object, IPC_FOREVER, &self.grant));
    return end(&self);
}

int victim_notified_role(char **args)
{
    part self = begin(args);
    CHECK_OK(sync_acquire(&self.object, IPC_FOREVER, &self.grant));
    say("there");
    CHECK_OK(ipc_condition_wait(self.object.condition, IPC_FOREVER, NULL, NULL));
    return end(&self);
}

int victim_actor_role(char **args)
{
    part self = begin(args);
    bool act;
    CHECK_OK(ipc_barrier_wait(self.object.barrier, IPC_FOREVER, true, NULL, &act));
    CHECK(act);
    return end(&self);
}

/* ---- victims ---- */

way_out next_way(way_out way)
{
    way++;
    return way == KILLED_WITH_A_CHILD && !FORKS_WORK ? way + 1 : way;
}

victim victim_start(const place *where, const char *role, sync_kind kind, const char *name, uint32_t parties,
                    way_out way)
{
    char kind_text[16];
    char parties_text[16];
    snprintf(kind_text, sizeof kind_text, "%d", (int)kind);
    snprintf(parties_text, sizeof parties_text, "%u", (unsigned)parties);
    return (victim){worker_start(role, where->address, kind_text, name, parties_text, NULL), way, 0};
}

static bool is_program(pid_t pid, const char *name)
{
    char path[64];
    char program[256] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) {
        return false;
    }
    bool read = fgets(program, sizeof program, file) != NULL;
    fclose(file);
    program[strcspn(program, "\n")] = '\0';
    return read && strcmp(program, name) == 0;
}

void victim_strike(victim *self)
{
    if (self->way == EXECED) {
        self->survivor = worker_pid(self->process);
        worker_tell(self->process, "exec");
        EVENTUALLY(is_program(self->survivor, "sleep"));
        return;
    }
    if (self->way == KILLED_WITH_A_CHILD) {
        worker_tell(self->process, "fork");
        self->survivor = (pid_t)worker_expect_number(self->process, "child");
    }
    worker_kill(self->process);
    self->process = NULL;
}

void victim_bury(victim *self)
{
    CHECK(!self->survivor || kill(self->survivor, 0) == 0);
    if (self->process) {
        worker_kill(self->process);
    } else if (self->survivor) {
        kill(self->survivor, SIGKILL);
    }
    *self = (victim){0};
}
