/*
 * Conditions: a mutex, and those who gave it up until they are notified. Who is notified waits for the mutex again, as does who has
 * waited long enough; a notified one that dies before it has done anything hands the notification on. The mutex is the condition's
 * own, or that of a lock, to which several conditions may belong.
 * Touches its mutex and the calls that wait. Not locked: the core's thread.
 */
#include "hub/mutex.h"
#include "hub/reference.h"
#include "util/error.h"

#include <stdlib.h>

struct condition {
    ipc__object base;
    ipc__mutex own;
    ipc__mutex *mutex;    /* that one, or the lock's; NULL: the lock was deleted */
    ipc__reference *lock; /* keeps the lock; NULL: it has none */
    ipc__call *waiters;
};

static struct condition *condition_of(ipc__object *object)
{
    return (struct condition *)object;
}

/* ---- its lock ---- */

static bool is_text(ipc__bytes bytes, const char *text)
{
    return text && strlen(text) == bytes.length && memcmp(text, bytes.data, bytes.length) == 0;
}

/* A reference of another hub's run may still have a name: then it is the lock of that name, made if there is none. */
static ipc_err refer_by_name(struct condition *condition, ipc__bytes body)
{
    ipc__bytes type;
    ipc__bytes name;
    ipc__object *lock;
    if (!ipc__reference_name(body, &type, &name)) {
        return IPC_ENOENT; /* in the words that were found already */
    }
    bool recursive = is_text(type, ipc__rlock_ops.name);
    if (!recursive && !is_text(type, ipc__lock_ops.name)) {
        return IPC_ENOENT; /* likewise */
    }
    char *text = strndup((const char *)name.data, name.length);
    ipc_err err =
        text ? ipc__object_named(condition->base.core, recursive ? &ipc__rlock_ops : &ipc__lock_ops, text, &lock)
             : ipc__fail_plain(IPC_ENOMEM);
    free(text);
    return err ? err : ipc__reference_to(&condition->base, lock, &condition->lock);
}

static ipc_err use_lock(struct condition *condition, ipc__bytes body)
{
    ipc_err err = ipc__reference_add(&condition->base, body, &condition->lock);
    if (err == IPC_ENOENT) {
        err = refer_by_name(condition, body);
    }
    if (err) {
        return err;
    }
    condition->mutex = ipc__lock_mutex(condition->lock->target);
    if (!condition->mutex) {
        err = ipc__fail(IPC_ETYPE, "a condition's lock is a lock or an rlock, not a %s",
                        condition->lock->target->ops->name);
        ipc__references_drop(condition->lock);
    }
    return err;
}

static ipc_err read_lock(ipc_cursor options, ipc__bytes *body, bool *asked)
{
    return ipc__option_reference(options, "lock", body, asked)
               ? IPC_OK
               : ipc__fail(IPC_EINVAL, "a condition's option lock is a reference to a lock or an rlock");
}

static ipc_err condition_init(ipc__object *object, ipc_cursor options)
{
    struct condition *condition = condition_of(object);
    ipc__bytes body;
    bool asked;
    condition->mutex = &condition->own;
    ipc__mutex_init(&condition->own, object, true);
    ipc_err err = read_lock(options, &body, &asked);
    return err || !asked ? err : use_lock(condition, body);
}

/* Whether a reference stands for its lock; one of another hub's run does by its name, as where it is made. */
static ipc_err refers_to_lock(const struct condition *condition, ipc__bytes body, bool *does)
{
    const ipc__object *own = condition->lock ? condition->lock->target : NULL;
    ipc__object *lock = NULL;
    ipc__bytes type;
    ipc__bytes name;
    ipc_err err = ipc__reference_find(condition->base.core, body, &lock);
    *does = !err && lock == own;
    if (err == IPC_ENOENT && ipc__reference_name(body, &type, &name)) {
        *does = own && is_text(type, own->ops->name) && is_text(name, own->name);
        return IPC_OK;
    }
    return err;
}

/* Who asks for a lock asks for the one that it has. */
static ipc_err condition_match(const ipc__object *object, ipc_cursor options)
{
    ipc__bytes body;
    bool asked;
    bool same = true;
    ipc_err err = read_lock(options, &body, &asked);
    err = err || !asked ? err : refers_to_lock((const struct condition *)object, body, &same);
    if (!err && !same) {
        err = ipc__fail(IPC_EOPTIONS,
                        "condition \"%s\" exists with another lock, or one of its own; ask for that, or for none",
                        object->name);
    }
    return err;
}

/* The lock was deleted: nobody will ever have it again. */
static void condition_bereft(ipc__object *object)
{
    struct condition *condition = condition_of(object);
    condition->mutex = NULL;
    ipc__calls_answer(&condition->waiters, IPC_EDELETED);
}

static void condition_fini(ipc__object *object)
{
    struct condition *condition = condition_of(object);
    ipc__calls_answer(&condition->waiters, IPC_EDELETED);
    ipc__mutex_fini(&condition->own);
    if (condition->mutex && condition->mutex->owner.notifier == object) {
        condition->mutex->owner.notifier = NULL;
    }
    ipc__references_drop(condition->lock);
}

static ipc_err not_owned(const char *what)
{
    return ipc__fail(IPC_ENOTOWNER, "%s needs the condition's lock: acquire it first", what);
}

/* ---- waiting ---- */

/* Whoever has waited longest waits for the mutex again, and has been notified then. */
static bool notify_one(struct condition *condition)
{
    ipc__call *call = ipc__call_alive(condition->waiters);
    if (call) {
        call->notified = true;
        ipc__mutex_queue(condition->mutex, call);
    }
    return call != NULL;
}

/* It waits for the mutex, too, who was not notified in time. */
static bool wait_late(ipc__call *call)
{
    ipc__mutex_queue(condition_of(call->hold->object)->mutex, call);
    return true;
}

/* A waiter goes. What it was notified of is another's. */
static void wait_dropped(ipc__call *call)
{
    struct condition *condition = condition_of(call->hold->object);
    if (call->notified && !condition->base.deleting) {
        notify_one(condition);
    }
}

static ipc_err condition_wait(struct condition *condition, ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    int64_t timeout_ms;
    if (request->fields != 2 || !ipc__read_uint(&request->envelope->at, &thread) ||
        !ipc__read_int(&request->envelope->at, &timeout_ms)) {
        return IPC_EPROTO;
    }
    if (!ipc__mutex_heard(condition->mutex, hold->session, thread)) {
        return not_owned("waiting");
    }
    ipc__call *call;
    ipc_err err = ipc__call_wait(&call, hold, request->seq, &condition->waiters, timeout_ms, IPC_ETIMEOUT);
    if (err) {
        return err;
    }
    call->thread = thread;
    call->depth = condition->mutex->depth;
    call->expired = wait_late;
    call->dropped = wait_dropped;
    ipc__mutex_free(condition->mutex);
    return IPC_OK;
}

static ipc_err condition_notify(struct condition *condition, const ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    uint64_t count; /* 0: all */
    if (request->fields != 2 || !ipc__read_uint(&request->envelope->at, &thread) ||
        !ipc__read_uint(&request->envelope->at, &count)) {
        return IPC_EPROTO;
    }
    if (!ipc__mutex_heard(condition->mutex, hold->session, thread)) {
        return not_owned("notifying");
    }
    count = count ? count : UINT64_MAX;
    while (count-- > 0 && notify_one(condition)) {
    }
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    return IPC_OK;
}

/* The fields are passed over. */
static ipc_err lockless(const ipc__request *request)
{
    for (uint32_t i = 0; i < request->fields; i++) {
        if (ipc_cursor_skip(&request->envelope->at)) {
            return IPC_EPROTO;
        }
    }
    return ipc__fail(IPC_EDELETED, "the condition's lock was deleted");
}

static ipc_err condition_request(ipc__hold *hold, const ipc__request *request)
{
    struct condition *condition = condition_of(hold->object);
    if (!condition->mutex) {
        return lockless(request);
    }
    switch (request->op) {
    case IPC__OP_ACQUIRE:
        return ipc__mutex_acquire(condition->mutex, hold, request);
    case IPC__OP_UNLOCK:
        return ipc__mutex_unlock(condition->mutex, hold, request);
    case IPC__OP_PEEK:
        return ipc__mutex_peek(condition->mutex, hold, request);
    case IPC__OP_WAIT:
        return condition_wait(condition, hold, request);
    case IPC__OP_NOTIFY:
        return condition_notify(condition, hold, request);
    default:
        return IPC_EPROTO;
    }
}

/* ---- ends ---- */

void ipc__condition_hand_on(ipc__object *object)
{
    notify_one(condition_of(object));
}

static void condition_lease_end(ipc__lease *lease, ipc__end end, bool last)
{
    (void)end;
    (void)last;
    ipc__mutex_abandon(&condition_of(lease->object)->own);
}

static void condition_describe(const ipc__hold *hold, msgpack_packer *packer)
{
    const struct condition *condition = (const struct condition *)hold->object;
    const ipc__object *lock = condition->lock ? condition->lock->target : NULL;
    msgpack_pack_map(packer, lock ? 2 : 1);
    ipc__mutex_describe_option(hold, packer);
    if (lock) {
        ipc__pack_text(packer, "lock");
        ipc__reference_pack(packer, lock);
    }
}

static void condition_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct condition *condition = (const struct condition *)object;
    msgpack_pack_map(packer, 1 + IPC__WAITING_FIELDS + IPC__MUTEX_FIELDS);
    ipc__pack_text(packer, "lock");
    if (condition->lock && condition->lock->target && condition->lock->target->name) {
        ipc__pack_text(packer, condition->lock->target->name);
    } else {
        msgpack_pack_nil(packer);
    }
    ipc__pack_waiting(packer, "waiting_for_notify", "waiters_for_notify", condition->waiters);
    ipc__mutex_inspect(condition->mutex ? condition->mutex : &condition->own, packer);
}

const ipc__object_ops ipc__condition_ops = {
    .name = "condition",
    .size = sizeof(struct condition),
    .hold_size = sizeof(ipc__hold),
    .init = condition_init,
    .match = condition_match,
    .fini = condition_fini,
    .bereft = condition_bereft,
    .attach = ipc__mutex_attach,
    .request = condition_request,
    .lease_end = condition_lease_end,
    .describe = condition_describe,
    .inspect = condition_inspect,
};
