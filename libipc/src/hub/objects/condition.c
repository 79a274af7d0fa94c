/*
 * Conditions: a mutex, and those who gave it up until they are notified. Who is notified waits for the mutex again, as does who has
 * waited long enough; a notified one that dies before it has done anything hands the notification on.
 * Touches its mutex and the calls that wait. Not locked: the core's thread.
 */
#include "hub/mutex.h"
#include "util/error.h"

struct condition {
    ipc__object base;
    ipc__mutex mutex;
    ipc__call *waiters;
};

static struct condition *condition_of(ipc__object *object)
{
    return (struct condition *)object;
}

static ipc_err condition_init(ipc__object *object, ipc_cursor options)
{
    (void)options;
    ipc__mutex_init(&condition_of(object)->mutex, object, true);
    return IPC_OK;
}

static void condition_fini(ipc__object *object)
{
    struct condition *condition = condition_of(object);
    ipc__calls_answer(&condition->waiters, IPC_EDELETED);
    ipc__mutex_fini(&condition->mutex);
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
        ipc__mutex_queue(&condition->mutex, call);
    }
    return call != NULL;
}

/* It waits for the mutex, too, who was not notified in time. */
static bool wait_late(ipc__call *call)
{
    ipc__mutex_queue(&condition_of(call->hold->object)->mutex, call);
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
    if (!ipc__mutex_heard(&condition->mutex, hold->session, thread)) {
        return not_owned("waiting");
    }
    ipc__call *call;
    ipc_err err = ipc__call_wait(&call, hold, request->seq, &condition->waiters, timeout_ms, IPC_ETIMEOUT);
    if (err) {
        return err;
    }
    call->thread = thread;
    call->depth = condition->mutex.depth;
    call->expired = wait_late;
    call->dropped = wait_dropped;
    ipc__mutex_free(&condition->mutex);
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
    if (!ipc__mutex_heard(&condition->mutex, hold->session, thread)) {
        return not_owned("notifying");
    }
    count = count ? count : UINT64_MAX;
    while (count-- > 0 && notify_one(condition)) {
    }
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    return IPC_OK;
}

static ipc_err condition_request(ipc__hold *hold, const ipc__request *request)
{
    struct condition *condition = condition_of(hold->object);
    switch (request->op) {
    case IPC__OP_ACQUIRE:
        return ipc__mutex_acquire(&condition->mutex, hold, request);
    case IPC__OP_UNLOCK:
        return ipc__mutex_unlock(&condition->mutex, hold, request);
    case IPC__OP_PEEK:
        return ipc__mutex_peek(&condition->mutex, hold, request);
    case IPC__OP_WAIT:
        return condition_wait(condition, hold, request);
    case IPC__OP_NOTIFY:
        return condition_notify(condition, hold, request);
    default:
        return IPC_EPROTO;
    }
}

/* ---- ends ---- */

static void condition_lease_end(ipc__lease *lease, ipc__end end, bool last)
{
    (void)end;
    (void)last;
    struct condition *condition = condition_of(lease->object);
    if (condition->mutex.owner.notified) {
        notify_one(condition);
    }
    ipc__mutex_abandon(&condition->mutex);
}

static void condition_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct condition *condition = (const struct condition *)object;
    msgpack_pack_map(packer, IPC__WAITING_FIELDS + IPC__MUTEX_FIELDS);
    ipc__pack_waiting(packer, "waiting_for_notify", "waiters_for_notify", condition->waiters);
    ipc__mutex_inspect(&condition->mutex, packer);
}

const ipc__object_ops ipc__condition_ops = {
    .name = "condition",
    .size = sizeof(struct condition),
    .hold_size = sizeof(ipc__hold),
    .init = condition_init,
    .fini = condition_fini,
    .attach = ipc__mutex_attach,
    .request = condition_request,
    .lease_end = condition_lease_end,
    .describe = ipc__mutex_describe,
    .inspect = condition_inspect,
};
