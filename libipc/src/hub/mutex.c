/*
 * Mutual exclusion between threads of sessions.
 * Touches the core it lives in, and sessions through the lane seam. Not locked: the core's thread.
 */
#include "hub/mutex.h"

#include "hub/deadlock.h"
#include "util/clock.h"
#include "util/error.h"

void ipc__mutex_init(ipc__mutex *mutex, ipc__object *object, bool recursive)
{
    *mutex = (ipc__mutex){.object = object, .recursive = recursive};
}

void ipc__mutex_fini(ipc__mutex *mutex)
{
    ipc__calls_answer(&mutex->waiters, IPC_EDELETED);
    ipc__lease_remove(&mutex->owner.lease);
    mutex->depth = 0;
}

bool ipc__mutex_heard(ipc__mutex *mutex, const ipc__session *session, uint64_t thread)
{
    bool owns = ipc__mutex_owned(mutex, session, thread);
    if (owns) {
        mutex->owner.notifier = NULL; /* it lives, and knows */
    }
    return owns;
}

/* ---- taking ---- */

static void grant(ipc__mutex *mutex, ipc__session *session, uint64_t thread)
{
    mutex->owner.thread = thread;
    mutex->owner.since = mutex->object->core->now;
    mutex->owner.notifier = NULL;
    mutex->depth = 1;
    mutex->fence++;
    ipc__lease_add(&mutex->owner.lease, mutex->object, session);
}

/* It is yours. */
static void answer(ipc__mutex *mutex, const ipc__hold *hold, uint64_t seq, bool notified)
{
    msgpack_packer packer = ipc__reply_begin(hold->session, hold->id, seq, 3);
    msgpack_pack_uint64(&packer, mutex->fence);
    mutex->abandoned ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    notified ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    mutex->abandoned = false;
    ipc__reply_end(hold->session);
}

bool ipc__mutex_owned(const ipc__mutex *mutex, const ipc__session *session, uint64_t thread)
{
    return mutex->depth && mutex->owner.lease.session == session && mutex->owner.thread == thread;
}

/* Whoever has waited longest has it. */
static void pass_on(ipc__mutex *mutex)
{
    ipc__call *call = ipc__call_alive(mutex->waiters);
    if (!call || mutex->object->deleting) {
        return;
    }
    grant(mutex, call->hold->session, call->thread);
    mutex->depth = call->depth ? call->depth : 1;
    mutex->owner.notifier = call->notified ? call->hold->object : NULL;
    answer(mutex, call->hold, call->seq, call->notified);
    ipc__call_forget(call);
}

void ipc__mutex_queue(ipc__mutex *mutex, ipc__call *call)
{
    ipc__call_move(call, &mutex->waiters);
    if (mutex->depth == 0) {
        pass_on(mutex);
        return;
    }
    ipc__deadlock_wait(call, mutex);
}

static ipc_err wait_for(ipc__mutex *mutex, ipc__hold *hold, uint64_t seq, uint64_t thread, int64_t timeout_ms)
{
    if (timeout_ms == 0) {
        return ipc__fail_plain(IPC_ETIMEOUT);
    }
    ipc_err err = hold->refuses_deadlock ? ipc__deadlock_check(mutex, hold->session, thread) : IPC_OK;
    if (err) {
        return err;
    }
    ipc__call *call;
    err = ipc__call_wait(&call, hold, seq, &mutex->waiters, timeout_ms, IPC_ETIMEOUT);
    if (!err) {
        call->thread = thread;
        ipc__deadlock_wait(call, mutex);
    }
    return err;
}

ipc_err ipc__mutex_acquire(ipc__mutex *mutex, ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    int64_t timeout_ms;
    if (request->fields != 2 || !ipc__read_uint(&request->envelope->at, &thread) ||
        !ipc__read_int(&request->envelope->at, &timeout_ms)) {
        return IPC_EPROTO;
    }
    if (ipc__mutex_heard(mutex, hold->session, thread) && mutex->recursive) {
        mutex->depth++;
        answer(mutex, hold, request->seq, false);
        return IPC_OK;
    }
    if (mutex->depth == 0) {
        grant(mutex, hold->session, thread);
        answer(mutex, hold, request->seq, false);
        return IPC_OK;
    }
    return wait_for(mutex, hold, request->seq, thread, timeout_ms);
}

/* ---- how ---- */

ipc_err ipc__mutex_attach(ipc__hold *hold, ipc_cursor options, const ipc__hold *twin)
{
    bool asked;
    hold->refuses_deadlock = twin && twin->refuses_deadlock;
    if (!ipc__option_bool(options, "refuse_deadlock", &hold->refuses_deadlock, &asked)) {
        return ipc__fail(IPC_EINVAL, "the option of a %s is refuse_deadlock (true or false)", hold->object->ops->name);
    }
    return IPC_OK;
}

void ipc__mutex_describe_option(const ipc__hold *hold, msgpack_packer *packer)
{
    ipc__pack_bool(packer, "refuse_deadlock", hold->refuses_deadlock);
}

void ipc__mutex_describe(const ipc__hold *hold, msgpack_packer *packer)
{
    msgpack_pack_map(packer, 1);
    ipc__mutex_describe_option(hold, packer);
}

/* ---- giving back ---- */

void ipc__mutex_free(ipc__mutex *mutex)
{
    mutex->depth = 0;
    mutex->owner.notifier = NULL;
    ipc__lease_remove(&mutex->owner.lease);
    pass_on(mutex);
}

ipc_err ipc__mutex_unlock(ipc__mutex *mutex, ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    if (request->fields != 1 || !ipc__read_uint(&request->envelope->at, &thread)) {
        return IPC_EPROTO;
    }
    if (mutex->depth == 0) {
        return ipc__fail(IPC_ENOTHELD, "the %s is not locked: it was released already", mutex->object->ops->name);
    }
    if (!ipc__mutex_heard(mutex, hold->session, thread) && mutex->recursive) {
        return ipc__fail(IPC_ENOTOWNER, "the %s is another thread's: who took it releases it",
                         mutex->object->ops->name);
    }
    if (--mutex->depth == 0) {
        ipc__mutex_free(mutex);
    }
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    return IPC_OK;
}

void ipc__mutex_abandon(ipc__mutex *mutex)
{
    ipc__log(IPC_LOG_WARN, "the owner of %s \"%s\" ended without releasing it", mutex->object->ops->name,
             mutex->object->name ? mutex->object->name : "");
    mutex->abandoned = true;
    if (mutex->owner.notifier) {
        ipc__condition_hand_on(mutex->owner.notifier);
    }
    ipc__mutex_free(mutex);
}

/* ---- looking ---- */

ipc_err ipc__mutex_peek(const ipc__mutex *mutex, const ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    if (request->fields != 1 || !ipc__read_uint(&request->envelope->at, &thread)) {
        return IPC_EPROTO;
    }
    msgpack_packer packer = ipc__reply_begin(hold->session, hold->id, request->seq, 2);
    mutex->depth ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    ipc__mutex_owned(mutex, hold->session, thread) ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    ipc__reply_end(hold->session);
    return IPC_OK;
}

void ipc__mutex_inspect(const ipc__mutex *mutex, msgpack_packer *packer)
{
    const ipc__session *owner = mutex->depth ? mutex->owner.lease.session : NULL;
    ipc__pack_bool(packer, "locked", mutex->depth != 0);
    ipc__pack_uint(packer, "depth", mutex->depth);
    ipc__pack_uint(packer, "fence", mutex->fence);
    ipc__pack_bool(packer, "abandoned", mutex->abandoned);
    ipc__pack_text(packer, "owner");
    if (owner) {
        msgpack_pack_map(packer, IPC__SESSION_FIELDS + 2);
        ipc__pack_session(packer, owner);
        ipc__pack_uint(packer, "thread", mutex->owner.thread);
        ipc__pack_uint(packer, "held_us", mutex->object->core->now - mutex->owner.since);
    } else {
        msgpack_pack_nil(packer);
    }
    ipc__pack_waiting(packer, "waiting", "waiters", mutex->waiters);
    ipc__pack_text(packer, "deadlock");
    ipc__deadlock_inspect(mutex, packer);
}
