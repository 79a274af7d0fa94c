/*
 * The hub core: sessions come, send operations, and go; time passes.
 * Touches sessions through the lane seam, objects through their ops. Not locked: one thread drives it.
 */
#include "hub/core.h"

#include "codec/scan.h"
#include "hub/reference.h"
#include "hub/registry.h"
#include "util/clock.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

void ipc__core_init(ipc__core *core, const ipc_hub_options *options)
{
    *core = (ipc__core){.options = *options, .validity = IPC__VALIDITY_US};
}

void ipc__core_fini(ipc__core *core)
{
    while (core->sessions) {
        ipc__core_session_end(core->sessions, IPC__END_CLEAN, core->now);
    }
    ipc__registry_clear(core);
    ipc__timers_free(&core->timers);
    ipc__buf_free(&core->scratch);
    ipc__buf_free(&core->result);
    ipc__slabs_free(&core->slabs);
}

/* ---- sessions ---- */

/* A word for those who look: as much of it as is text, and not too long. */
static char *copy_text(ipc__bytes text)
{
    size_t length = text.length < IPC__NAME_MAX ? text.length : IPC__NAME_MAX;
    return length ? strndup((const char *)text.data, ipc__utf8_span(text.data, length)) : strdup("");
}

static void session_free(ipc__session *session)
{
    free(session->language);
    free(session->program);
    free(session->holds);
    free(session);
}

ipc_err ipc__core_session(ipc__core *core, const ipc__lane_ops *lane, void *peer, const ipc__identity *who,
                          ipc__session **out)
{
    if (core->session_count >= core->options.max_sessions) {
        return ipc__fail(
            IPC_ESESSIONS,
            "the hub has its %u sessions; close some, or start it with a higher limit: of sessions, or of open "
            "files (ulimit -n), of which each session needs eight",
            core->options.max_sessions);
    }
    ipc__session *session = calloc(1, sizeof *session);
    if (!session) {
        return IPC_ENOMEM;
    }
    session->core = core;
    session->lane = lane;
    session->peer = peer;
    session->id = ++core->next_id;
    session->pid = who->pid;
    session->language = copy_text(who->language);
    session->program = copy_text(who->program);
    if (!session->language || !session->program) {
        session_free(session);
        return IPC_ENOMEM;
    }
    DL_APPEND(core->sessions, session);
    core->session_count++;
    *out = session;
    return IPC_OK;
}

static ipc_err copy_holds(ipc__session *session, const ipc__session *parent, ipc_cursor numbers)
{
    uint32_t count;
    if (!ipc__read_array(&numbers, &count)) {
        return IPC_EPROTO;
    }
    for (; count > 0; count--) {
        uint32_t id;
        if (!ipc__read_u32(&numbers, &id)) {
            return IPC_EPROTO;
        }
        /* One that was deleted meanwhile is none of the child's either. */
        if (id < parent->hold_capacity && parent->holds[id] && !(id < session->hold_capacity && session->holds[id])) {
            ipc_err err = ipc__hold_copy(session, id, parent->holds[id]);
            if (err) {
                return err;
            }
        }
    }
    return IPC_OK;
}

ipc_err ipc__core_fork(ipc__session *parent, const ipc__lane_ops *lane, void *peer, ipc_cursor numbers,
                       ipc__session **out)
{
    ipc__identity who = {
        {(unsigned char *)parent->language, strlen(parent->language)},
        {(unsigned char *)parent->program, strlen(parent->program)},
        0,
    };
    ipc_err err = ipc__core_session(parent->core, lane, peer, &who, out);
    if (err) {
        return err;
    }
    err = copy_holds(*out, parent, numbers);
    if (err) {
        ipc__core_session_end(*out, IPC__END_CLEAN, parent->core->now);
        *out = NULL;
    }
    return err;
}

bool ipc__core_session_lane(ipc__session *session, const ipc__lane_ops *lane, void *peer)
{
    for (uint32_t id = 0; id < session->hold_capacity; id++) {
        if (session->holds[id] && lane->opened && !lane->opened(peer, id)) {
            return false;
        }
    }
    session->lane = lane;
    session->peer = peer;
    return true;
}

void ipc__core_session_end(ipc__session *session, ipc__end end, uint64_t now)
{
    ipc__core *core = session->core;
    core->now = now;
    session->ending = true;
    end = end == IPC__END_CLEAN && session->failed ? IPC__END_FAILED : end;
    /* First, and all: what comes back with one hold must not be passed round for a call of another, which takes nothing. */
    ipc__calls_drop_all(session);
    ipc__pins_drop(session);
    DL_DELETE(core->sessions, session);
    core->session_count--;
    for (uint32_t id = 0; id < session->hold_capacity; id++) {
        if (session->holds[id]) {
            ipc__hold_end(session->holds[id], end);
        }
    }
    while (session->leases) {
        /* The newest first: what goes back then always goes to the head. */
        ipc__lease *lease = session->leases->prev;
        ipc__object *object = lease->object;
        ipc__lease_remove(lease);
        bool last = !session->leases || session->leases->prev->object != object;
        object->ops->lease_end(lease, end, last);
    }
    ipc__grants_drop(session);
    session->lane->peer_gone(session->peer);
    session_free(session);
}

void ipc__lease_add(ipc__lease *lease, ipc__object *object, ipc__session *session)
{
    lease->object = object;
    lease->session = session;
    DL_APPEND(session->leases, lease);
}

void ipc__lease_remove(ipc__lease *lease)
{
    if (lease->session) {
        DL_DELETE(lease->session->leases, lease);
        lease->session = NULL;
    }
}

ipc_err ipc__core_room(const ipc__core *core, uint64_t bytes)
{
    if (core->memory + bytes > core->options.max_memory) {
        return ipc__fail(IPC_EMEMORY,
                         "the hub holds %llu bytes of values and may hold %llu; take some out, or start it "
                         "with a higher limit",
                         (unsigned long long)core->memory, (unsigned long long)core->options.max_memory);
    }
    return IPC_OK;
}

/* ---- operations ---- */

/* Step over the fields of an operation that nobody handles. A put's value counts as taken in. */
static ipc_err skip_fields(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    for (uint32_t i = 0; i < head->fields; i++) {
        bool put = (head->op == IPC__OP_PUT && i == 0) || (head->op == IPC__OP_PUT_WAIT && i == 1);
        if (put || (head->op == IPC__OP_INVOKE && i == 1)) {
            ipc__bytes bytes;
            ipc__block *block;
            if (!ipc__read_value(envelope, &bytes, &block)) {
                return IPC_EPROTO;
            }
            session->acked += put ? bytes.length : 0;
        } else if (ipc_cursor_skip(&envelope->at) != IPC_OK) {
            return IPC_EPROTO;
        }
    }
    return IPC_OK;
}

static ipc__hold *find_hold(const ipc__session *session, uint32_t handle)
{
    return handle < session->hold_capacity ? session->holds[handle] : NULL;
}

/* An operation on a handle whose object was deleted, or that is closed: it may have been on its way. */
static ipc_err stale(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    ipc_err err = skip_fields(session, head, envelope);
    if (err) {
        return err;
    }
    if (ipc__op_is_request(head->op) || head->op == IPC__OP_PUT) {
        ipc__fail_plain(IPC_EDELETED);
        ipc__refuse(session, head->op, head->handle, head->seq, IPC_EDELETED);
    }
    return IPC_OK;
}

static ipc_err object_op(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    ipc__hold *hold = find_hold(session, head->handle);
    if (!hold) {
        return stale(session, head, envelope);
    }
    ipc__request request = {head->op, head->seq, head->fields, envelope, session->core->now};
    ipc_err err = hold->object->ops->request(hold, &request);
    if (err && err != IPC_EPROTO) {
        ipc__refuse(session, head->op, head->handle, head->seq, err);
        return IPC_OK;
    }
    return err;
}

static ipc_err cancel(ipc__session *session, ipc__envelope *envelope)
{
    uint64_t target;
    if (!ipc__read_uint(&envelope->at, &target)) {
        return IPC_EPROTO;
    }
    ipc__call *call;
    DL_FOREACH2(session->calls, call, session_next)
    {
        if (call->seq == target && target) {
            if (call->dropped) {
                call->dropped(call);
            }
            ipc__call_answer(call, IPC_EINTR);
            break;
        }
    }
    return IPC_OK;
}

static ipc_err session_op(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    static const struct {
        uint32_t fields;
        ipc_err (*run)(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);
    } ops[] = {
        [IPC__OP_OPEN] = {4, ipc__registry_open},      [IPC__OP_UNLINK] = {1, ipc__registry_unlink},
        [IPC__OP_LIST] = {0, ipc__registry_list},      [IPC__OP_PIN] = {0, ipc__registry_pin},
        [IPC__OP_STAT] = {0, ipc__registry_stat},      [IPC__OP_INFO] = {1, ipc__registry_info},
        [IPC__OP_REFER] = {0, ipc__reference_request},
    };
    if (head->op < sizeof ops / sizeof ops[0] && ops[head->op].run) {
        return head->fields == ops[head->op].fields ? ops[head->op].run(session, head, envelope) : IPC_EPROTO;
    }
    switch (head->op) {
    case IPC__OP_CLOSE: {
        ipc__hold *hold = find_hold(session, head->handle);
        if (hold) {
            ipc__calls_answer_hold(hold, IPC_ECLOSED);
            ipc__hold_end(hold, IPC__END_CLEAN);
        } else if (session->lane->closed) {
            session->lane->closed(session->peer, head->handle); /* its object was deleted */
        }
        if (skip_fields(session, head, envelope)) {
            return IPC_EPROTO;
        }
        ipc__reply(session, head->handle, head->seq, IPC_OK);
        return IPC_OK;
    }
    case IPC__OP_BYE:
        if (head->fields > 1 || (head->fields && !ipc__read_bool(&envelope->at, &session->failed))) {
            return IPC_EPROTO;
        }
        ipc__reply(session, head->handle, head->seq, IPC_OK);
        return IPC_ECLOSED;
    case IPC__OP_PING:
        if (skip_fields(session, head, envelope)) {
            return IPC_EPROTO;
        }
        ipc__reply(session, head->handle, head->seq, IPC_OK);
        return IPC_OK;
    case IPC__OP_CANCEL:
        return head->fields == 1 ? cancel(session, envelope) : IPC_EPROTO;
    default:
        return IPC_EPROTO;
    }
}

ipc_err ipc__core_input(ipc__session *session, ipc__envelope *envelope, uint64_t now)
{
    session->core->now = now;
    while (ipc__envelope_more(envelope)) {
        ipc__head head;
        /* A call without a number would be taken for a parked put, which outlives its session. */
        if (!ipc__envelope_next(envelope, &head) || head.seq == 0) {
            return IPC_EPROTO;
        }
        ipc_err err =
            head.op >= IPC__OP_OBJECT ? object_op(session, &head, envelope) : session_op(session, &head, envelope);
        if (err == IPC_EPROTO || err == IPC_ECLOSED) {
            return err;
        }
        if (err) {
            ipc__refuse(session, head.op, head.handle, head.seq, err);
        }
    }
    return IPC_OK;
}

void ipc__core_advance(ipc__core *core, uint64_t now)
{
    core->now = now;
    ipc__timers_run(&core->timers, now);
}
