/*
 * Answers, and the calls that wait for theirs.
 * Touches the core and sessions through the lane seam. Not locked: the core's thread.
 */
#include "hub/deadlock.h"
#include "hub/registry.h"
#include "hub/stream.h"
#include "util/clock.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

msgpack_packer ipc__reply_begin(ipc__session *session, uint32_t handle, uint64_t seq, unsigned fields)
{
    ipc__buf *scratch = &session->core->scratch;
    ipc__buf_reset(scratch);
    msgpack_packer packer = ipc__packer(scratch);
    ipc__write_op(&packer, IPC__OP_REPLY, handle, seq, 1 + fields);
    msgpack_pack_int(&packer, IPC_OK);
    return packer;
}

static void send_scratch(ipc__session *session)
{
    ipc__buf *scratch = &session->core->scratch;
    if (scratch->failed) {
        ipc__log(IPC_LOG_ERROR, "out of memory: an answer to session %llu is lost", (unsigned long long)session->id);
        return;
    }
    session->lane->send(session->peer, scratch->data, scratch->length);
}

void ipc__reply_end(ipc__session *session)
{
    send_scratch(session);
}

static void pack_error(ipc__session *session, ipc__op op, uint32_t handle, uint64_t seq, ipc_err err)
{
    const char *detail = ipc_last_error();
    const char *words = *detail ? detail : ipc_strerror(err);
    ipc__buf *scratch = &session->core->scratch;
    ipc__buf_reset(scratch);
    msgpack_packer packer = ipc__packer(scratch);
    ipc__write_op(&packer, op, handle, seq, 2);
    msgpack_pack_int(&packer, err);
    ipc__pack_text(&packer, words);
    send_scratch(session);
}

void ipc__reply(ipc__session *session, uint32_t handle, uint64_t seq, ipc_err err)
{
    if (err == IPC_OK) {
        ipc__reply_begin(session, handle, seq, 0);
        send_scratch(session);
        return;
    }
    pack_error(session, IPC__OP_REPLY, handle, seq, err);
}

void ipc__refuse(ipc__session *session, ipc__op op, uint32_t handle, uint64_t seq, ipc_err err)
{
    pack_error(session, ipc__op_is_request(op) ? IPC__OP_REPLY : IPC__OP_FAIL, handle, seq, err);
}

void ipc__notify(ipc__hold *hold, ipc__op op, uint64_t first, uint64_t second)
{
    ipc__session *session = hold->session;
    ipc__buf *scratch = &session->core->scratch;
    ipc__buf_reset(scratch);
    msgpack_packer packer = ipc__packer(scratch);
    ipc__write_op(&packer, op, hold->id, 0, 2);
    msgpack_pack_uint64(&packer, first);
    msgpack_pack_uint64(&packer, second);
    send_scratch(session);
}

void ipc__notify_end(ipc__hold *hold, ipc_err code)
{
    ipc__session *session = hold->session;
    ipc__buf *scratch = &session->core->scratch;
    ipc__buf_reset(scratch);
    msgpack_packer packer = ipc__packer(scratch);
    ipc__write_op(&packer, IPC__OP_END, hold->id, 0, 1);
    msgpack_pack_int(&packer, code);
    send_scratch(session);
}

/* ---- waiting calls ---- */

static void leave_session(ipc__call *call)
{
    ipc__session *session = call->hold->session;
    DL_DELETE2(session->calls, call, session_prev, session_next);
    session->waiting -= call->seq != 0;
    call->hold->calls--;
    call->hold = NULL;
}

static void call_free(ipc__call *call)
{
    ipc__timer_clear(&call->core->timers, &call->timer);
    DL_DELETE(*call->queue, call);
    ipc__deadlock_over(call);
    if (call->slot) {
        *call->slot = NULL;
    }
    if (call->hold) {
        leave_session(call);
    }
    if (call->item) {
        ipc__item_free(call->core, call->item);
    }
    free(call);
}

ipc__call *ipc__call_alive(ipc__call *queue)
{
    ipc__call *call;
    DL_FOREACH(queue, call)
    {
        if (ipc__hold_alive(call->hold)) {
            return call;
        }
    }
    return NULL;
}

void ipc__call_forget(ipc__call *call)
{
    call_free(call);
}

void ipc__call_move(ipc__call *call, ipc__call **queue)
{
    ipc__timer_clear(&call->core->timers, &call->timer);
    DL_DELETE(*call->queue, call);
    call->queue = queue;
    call->since = call->core->now;
    DL_APPEND(*queue, call);
}

static void call_late(ipc__timer *timer, uint64_t now)
{
    (void)now;
    ipc__call *call = (ipc__call *)timer; /* its first member */
    if (!call->expired || !call->expired(call)) {
        ipc__call_answer(call, call->late);
    }
}

ipc_err ipc__call_wait(ipc__call **out, ipc__hold *hold, uint64_t seq, ipc__call **queue, int64_t timeout_ms,
                       ipc_err late)
{
    ipc__core *core = hold->object->core;
    if (seq && hold->session->waiting >= core->options.max_waiting) {
        return ipc__fail(IPC_ELIMIT, "this session has %u calls and tickets waiting, as many as it may",
                         hold->session->waiting);
    }
    ipc__call *call = calloc(1, sizeof *call);
    if (!call) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    call->timer.fire = call_late;
    call->core = core;
    call->hold = hold;
    call->session_id = hold->session->id;
    call->seq = seq;
    call->since = core->now;
    call->late = late;
    call->queue = queue;
    uint64_t due = ipc__deadline(core->now, timeout_ms);
    if (due != IPC__NEVER && !ipc__timer_set(&core->timers, &call->timer, due)) {
        free(call);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    DL_APPEND(*queue, call);
    DL_APPEND2(hold->session->calls, call, session_prev, session_next);
    hold->session->waiting += seq != 0;
    hold->calls++;
    if (out) {
        *out = call;
    }
    return IPC_OK;
}

void ipc__call_answer(ipc__call *call, ipc_err err)
{
    if (call->seq && !call->hold->session->ending) {
        ipc__fail_plain(err);
        ipc__reply(call->hold->session, call->hold->id, call->seq, err);
    }
    call_free(call);
}

static void drop(ipc__call *call)
{
    if (call->dropped) {
        call->dropped(call);
    }
    call_free(call);
}

/* The first call of a hold that somebody waits for; when one goes, others may go with it. */
static ipc__call *first_waited_for(const ipc__hold *hold)
{
    ipc__call *call;
    DL_FOREACH2(hold->calls ? hold->session->calls : NULL, call, session_next)
    {
        if (call->hold == hold && call->seq) {
            return call;
        }
    }
    return NULL;
}

void ipc__calls_drop(ipc__hold *hold)
{
    ipc__call *call;
    ipc__call *next;
    while ((call = first_waited_for(hold))) {
        drop(call);
    }
    DL_FOREACH_SAFE2(hold->calls ? hold->session->calls : NULL, call, next, session_next)
    {
        if (call->hold == hold) {
            leave_session(call);
        }
    }
}

void ipc__calls_drop_all(ipc__session *session)
{
    while (session->calls) {
        ipc__call *call = session->calls;
        if (call->seq) {
            drop(call);
        } else {
            leave_session(call);
        }
    }
}

void ipc__calls_answer_hold(ipc__hold *hold, ipc_err err)
{
    ipc__call *call;
    while ((call = first_waited_for(hold))) {
        if (call->dropped) {
            call->dropped(call);
        }
        ipc__call_answer(call, err);
    }
}

void ipc__calls_answer(ipc__call **queue, ipc_err err)
{
    while (*queue) {
        ipc__call_answer(*queue, err);
    }
}

/* ---- looking ---- */

void ipc__pack_waiting(msgpack_packer *packer, const char *count, const char *list, const ipc__call *queue)
{
    uint64_t waiting;
    const ipc__call *call;
    DL_COUNT(queue, call, waiting);
    uint32_t shown = waiting < IPC__WAITERS_SHOWN ? (uint32_t)waiting : IPC__WAITERS_SHOWN;
    ipc__pack_uint(packer, count, waiting);
    ipc__pack_text(packer, list);
    msgpack_pack_array(packer, shown);
    for (call = queue; shown > 0; call = call->next, shown--) {
        msgpack_pack_map(packer, IPC__SESSION_FIELDS + 2);
        ipc__pack_session(packer, call->hold->session);
        ipc__pack_uint(packer, "thread", call->thread);
        ipc__pack_uint(packer, "waiting_us", call->core->now - call->since);
    }
}
