/*
 * Locks, semaphores, events, conditions and barriers: how each is opened, and its methods.
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

CLASS_VERBS(lock);
CLASS_VERBS(semaphore);
CLASS_VERBS(event);
CLASS_VERBS(condition);
CLASS_VERBS(barrier);

/* What an acquisition brought: its fence, and whether it tells of a death. */
static ipc_err give_grant(const call *c, ipc_err err, const ipc_grant *grant)
{
    mark(c, "abandoned", grant->abandoned);
    return give_number(c, err, grant->fence);
}

/* ---- locks ---- */

static ipc_err open_lock(const call *c, void **object, bool recursive)
{
    ipc_lock_options options = IPC_LOCK_OPTIONS_INIT;
    options.mode = mode_of(c);
    options.recursive = recursive;
    char *name = name_of(c, "name");
    ipc_lock *lock;
    ipc_err err = ipc_lock_open(&lock, c->self->conn, name, &options);
    free(name);
    *object = lock;
    return err;
}

static ipc_err open_plain_lock(const call *c, void **object)
{
    return open_lock(c, object, false);
}

static ipc_err open_rlock(const call *c, void **object)
{
    return open_lock(c, object, true);
}

static ipc_err lock_acquire(const call *c)
{
    ipc_grant grant = {0};
    return give_grant(c, ipc_lock_acquire(c->on->object, timeout_of(c), &grant), &grant);
}

static ipc_err lock_release(const call *c)
{
    return ipc_lock_release(c->on->object);
}

static ipc_err lock_locked(const call *c)
{
    bool locked = false;
    ipc_err err = ipc_lock_peek(c->on->object, &locked, NULL);
    return give_bool(c, err, locked);
}

static const step_kind lock_methods[] = {
    {"acquire", lock_acquire},
    {"release", lock_release},
    {"locked", lock_locked},
    {NULL, NULL},
};

/* ---- semaphores ---- */

static ipc_err open_semaphore(const call *c, void **object, bool bounded)
{
    ipc_semaphore_options options = IPC_SEMAPHORE_OPTIONS_INIT;
    const json_t *value = option_of(c, "value");
    options.value = value ? (uint32_t)json_integer_value(value) : options.value;
    options.bounded = bounded;
    options.mode = mode_of(c);
    if (!value && options.mode == IPC_OPEN_ATTACH) {
        options.mode = IPC_OPEN_AS_IS;
    }
    char *name = name_of(c, "name");
    ipc_semaphore *semaphore;
    ipc_err err = ipc_semaphore_open(&semaphore, c->self->conn, name, &options);
    free(name);
    *object = semaphore;
    return err;
}

static ipc_err open_plain_semaphore(const call *c, void **object)
{
    return open_semaphore(c, object, false);
}

static ipc_err open_bounded_semaphore(const call *c, void **object)
{
    return open_semaphore(c, object, true);
}

static ipc_err semaphore_acquire(const call *c)
{
    return ipc_semaphore_acquire(c->on->object, timeout_of(c));
}

static ipc_err semaphore_release(const call *c)
{
    return ipc_semaphore_release(c->on->object, (uint32_t)number_arg(c, 0, 1));
}

static ipc_err semaphore_value(const call *c)
{
    uint64_t value = 0;
    ipc_err err = ipc_semaphore_value(c->on->object, &value);
    return give_number(c, err, value);
}

static const step_kind semaphore_methods[] = {
    {"acquire", semaphore_acquire},
    {"release", semaphore_release},
    {"value", semaphore_value},
    {NULL, NULL},
};

/* ---- events ---- */

static ipc_err open_event(const call *c, void **object)
{
    ipc_event_options options = IPC_EVENT_OPTIONS_INIT;
    options.mode = mode_of(c);
    char *name = name_of(c, "name");
    ipc_event *event;
    ipc_err err = ipc_event_open(&event, c->self->conn, name, &options);
    free(name);
    *object = event;
    return err;
}

static ipc_err event_set(const call *c)
{
    return ipc_event_set(c->on->object);
}

static ipc_err event_clear(const call *c)
{
    return ipc_event_clear(c->on->object);
}

static ipc_err event_is_set(const call *c)
{
    bool set = false;
    ipc_err err = ipc_event_is_set(c->on->object, &set);
    return give_bool(c, err, set);
}

static ipc_err event_wait(const call *c)
{
    return ipc_event_wait(c->on->object, timeout_of(c));
}

static const step_kind event_methods[] = {
    {"set", event_set}, {"clear", event_clear}, {"is_set", event_is_set}, {"wait", event_wait}, {NULL, NULL},
};

/* ---- conditions ---- */

static ipc_err open_condition(const call *c, void **object)
{
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    options.mode = mode_of(c);
    char *name = name_of(c, "name");
    ipc_condition *condition;
    ipc_err err = ipc_condition_open(&condition, c->self->conn, name, &options);
    free(name);
    *object = condition;
    return err;
}

static ipc_err condition_acquire(const call *c)
{
    ipc_grant grant = {0};
    return give_grant(c, ipc_condition_acquire(c->on->object, timeout_of(c), &grant), &grant);
}

static ipc_err condition_release(const call *c)
{
    return ipc_condition_release(c->on->object);
}

static ipc_err condition_wait(const call *c)
{
    ipc_grant grant = {0};
    bool notified = false;
    ipc_err err = ipc_condition_wait(c->on->object, timeout_of(c), &notified, &grant);
    mark(c, "abandoned", grant.abandoned);
    return give_bool(c, err, notified);
}

static ipc_err condition_notify(const call *c)
{
    return ipc_condition_notify(c->on->object, (uint32_t)number_arg(c, 0, 1));
}

static ipc_err condition_notify_all(const call *c)
{
    return ipc_condition_notify(c->on->object, 0);
}

static const step_kind condition_methods[] = {
    {"acquire", condition_acquire}, {"release", condition_release},       {"wait", condition_wait},
    {"notify", condition_notify},   {"notify_all", condition_notify_all}, {NULL, NULL},
};

/* ---- barriers ---- */

static ipc_err open_barrier(const call *c, void **object)
{
    ipc_barrier_options options = IPC_BARRIER_OPTIONS_INIT;
    options.mode = mode_of(c);
    options.parties = (uint32_t)json_integer_value(option_of(c, "parties"));
    char *name = name_of(c, "name");
    ipc_barrier *barrier;
    ipc_err err = ipc_barrier_open(&barrier, c->self->conn, name, &options);
    free(name);
    *object = barrier;
    return err;
}

/* The handle's action, which this party does for all: it passes, or fails. */
static ipc_err act(const call *c, const char *action, uint64_t index)
{
    bool good = strcmp(action, "passes") == 0;
    ipc_err err = ipc_barrier_pass(c->on->object, good);
    if (good || err) {
        return give_number(c, err, index);
    }
    json_object_set_new(c->result, "fails", json_string("action"));
    return IPC_OK;
}

static ipc_err barrier_wait(const call *c)
{
    const char *action = json_string_value(option_of(c, "action"));
    uint64_t index = 0;
    bool acts = false;
    ipc_err err = ipc_barrier_wait(c->on->object, timeout_of(c), action != NULL, &index, &acts);
    mark(c, "acted", acts);
    return acts ? act(c, action, index) : give_number(c, err, index);
}

static ipc_err barrier_reset(const call *c)
{
    return ipc_barrier_reset(c->on->object);
}

static ipc_err barrier_abort(const call *c)
{
    return ipc_barrier_abort(c->on->object);
}

static ipc_err barrier_parties(const call *c)
{
    ipc_barrier_info info = {0};
    ipc_err err = ipc_barrier_stat(c->on->object, &info);
    return give_number(c, err, info.parties);
}

static ipc_err barrier_waiting(const call *c)
{
    ipc_barrier_info info = {0};
    ipc_err err = ipc_barrier_stat(c->on->object, &info);
    return give_number(c, err, info.waiting);
}

static ipc_err barrier_broken(const call *c)
{
    ipc_barrier_info info = {0};
    ipc_err err = ipc_barrier_stat(c->on->object, &info);
    return give_bool(c, err, info.broken);
}

static const step_kind barrier_methods[] = {
    {"wait", barrier_wait},
    {"reset", barrier_reset},
    {"abort", barrier_abort},
    {"parties", barrier_parties},
    {"waiting", barrier_waiting},
    {"broken", barrier_broken},
    {NULL, NULL},
};

const class_kind sync_classes[] = {
    {"Lock", open_plain_lock, lock_methods, &lock_verbs},
    {"RLock", open_rlock, lock_methods, &lock_verbs},
    {"Semaphore", open_plain_semaphore, semaphore_methods, &semaphore_verbs},
    {"BoundedSemaphore", open_bounded_semaphore, semaphore_methods, &semaphore_verbs},
    {"Event", open_event, event_methods, &event_verbs},
    {"Condition", open_condition, condition_methods, &condition_verbs},
    {"Barrier", open_barrier, barrier_methods, &barrier_verbs},
    {NULL, NULL, NULL, NULL},
};
