/*
 * The model, what enters the hub: every operation is read from its bytes, and what must come of it is settled.
 * Touches the model. One thread.
 */
#include "sim_entry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

enum { SHORT_WAIT_MS = 250 }; /* the longest that the hub lets a request wait that has no patience */

/* ---- fields ---- */

static _Noreturn void broken(const sim_entry *in)
{
    sim_fail(in->sim, "the simulator's client broke the protocol with %s", sim_op_name(in->head.op));
}

uint64_t sim_entry_uint(const sim_entry *in)
{
    uint64_t value;
    if (!ipc__read_uint(&in->envelope->at, &value)) {
        broken(in);
    }
    return value;
}

int64_t sim_entry_int(const sim_entry *in)
{
    int64_t value;
    if (!ipc__read_int(&in->envelope->at, &value)) {
        broken(in);
    }
    return value;
}

bool sim_entry_bool(const sim_entry *in)
{
    bool value;
    if (!ipc__read_bool(&in->envelope->at, &value)) {
        broken(in);
    }
    return value;
}

ipc__bytes sim_entry_text(const sim_entry *in)
{
    ipc__bytes text;
    if (!ipc__read_str(&in->envelope->at, &text)) {
        broken(in);
    }
    return text;
}

ipc__bytes sim_entry_value(const sim_entry *in)
{
    ipc__bytes value;
    ipc__block *block;
    if (!ipc__read_value(in->envelope, &value, &block)) {
        broken(in);
    }
    return value;
}

void sim_entry_decide(const sim_entry *in, ipc_err code)
{
    sim_request_decide(in->sim, in->request, code);
}

/* ---- ends ---- */

static void enter_close(const sim_entry *in)
{
    sim_entry_decide(in, IPC_OK);
    if (in->hold) {
        sim_hold_end(in->sim, in->hold, IPC__END_CLEAN);
    }
}

static void drop_pins_of(sim_world *sim, const sim_object *object)
{
    sim_pin *pin;
    sim_pin *next;
    DL_FOREACH_SAFE(sim->model.pins, pin, next)
    {
        if (pin->hold->object == object) {
            sim_pin_drop(sim, pin);
        }
    }
}

static void enter_unlink(const sim_entry *in)
{
    sim_world *sim = in->sim;
    sim_object *object = sim_object_named(sim, sim_entry_text(in));
    sim_entry_decide(in, object ? IPC_OK : IPC_ENOENT);
    if (!object) {
        return;
    }
    drop_pins_of(sim, object);
    object->dying = true;
    sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->hold && request->hold->object == object) {
            sim_request_decide(sim, request, IPC_EDELETED);
        }
    }
    sim_hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        hold->end_due = true;
    }
    sim_stream_clear(&object->streams[0]);
    sim_stream_clear(&object->streams[1]);
}

static void enter_bye(const sim_entry *in)
{
    in->peer->mirror.failed = in->head.fields == 1 && sim_entry_bool(in);
    sim_entry_decide(in, IPC_OK);
}

static void enter_cancel(const sim_entry *in)
{
    sim_request *target = sim_request_of(in->sim, in->peer, sim_entry_uint(in));
    if (target) {
        sim_request_decide(in->sim, target, IPC_EINTR);
    }
}

/* ---- putting ---- */

static ipc_err refusal(const sim_entry *in, size_t length)
{
    const ipc__core *core = &in->sim->core;
    if (!in->hold) {
        return IPC_EDELETED;
    }
    if (in->hold->object->pipe && sim_end_gone(in->hold->object, !in->hold->end)) {
        return IPC_EPIPE;
    }
    ipc_err err = IPC_OK;
    if (in->hold->object->shut) {
        err = IPC_ESHUTDOWN;
    } else if (length > core->options.max_message) {
        err = IPC_ETOOBIG;
    } else if (core->memory + length > core->options.max_memory) {
        err = IPC_EMEMORY;
    }
    in->sim->model.refused += err != IPC_OK;
    return err;
}

static void enter_put(const sim_entry *in)
{
    bool waits = in->head.op == IPC__OP_PUT_WAIT;
    if (waits) {
        in->request->timeout_ms = sim_entry_int(in);
    }
    ipc__bytes value = sim_entry_value(in);
    in->peer->mirror.put_bytes += value.length;
    uint64_t id;
    memcpy(&id, value.data, sizeof id);
    ipc_err err = refusal(in, value.length);
    if (in->hold && !waits) {
        in->hold->promised -= in->hold->promised > 0;
    }
    if (!err) {
        sim_item *item = sim_item_add(in->sim, sim_outgoing(in->hold), in->peer->number, id, value.length,
                                      waits ? SIM_WAITING : SIM_HELD);
        item->stream->accepted += !waits;
        if (waits) {
            in->request->item = item;
        }
    } else if (waits) {
        sim_entry_decide(in, err);
    } else {
        sim_model *model = &in->sim->model;
        model->now.fails[model->now.fail_count].seq = in->head.seq;
        model->now.fails[model->now.fail_count++].code = err;
    }
}

static void enter_uncredited(const sim_entry *in)
{
    sim_entry_uint(in);
    if (in->hold) {
        in->hold->uncredited = in->hold->put_silent = false;
        in->hold->promised = 0; /* however it counts */
    }
}

/* ---- getting ---- */

static void enter_flow(const sim_entry *in)
{
    if (!in->hold) {
        return;
    }
    in->hold->recalled_at = in->sim->now;
    in->hold->poll_silent = false;
    sim_take(in->hold, sim_entry_uint(in));
    in->hold->window = sim_entry_uint(in);
    int64_t wait_ms = sim_entry_int(in);
    in->hold->demand_until = wait_ms < 0 ? UINT64_MAX : in->sim->now + (uint64_t)wait_ms * SIM_MS;
    if (sim_over(in->hold->object)) {
        in->hold->over_due = true;
    }
}

static void enter_poll(const sim_entry *in)
{
    const sim_request *other;
    DL_FOREACH(in->sim->model.requests, other)
    {
        if (other != in->request && other->op == IPC__OP_POLL && other->hold == in->hold) {
            sim_entry_decide(in, IPC_EBUSY);
            return;
        }
    }
    in->hold->recalled_at = in->sim->now;
    in->hold->poll_silent = false;
}

static void enter_recalled(const sim_entry *in)
{
    if (!in->hold) {
        return;
    }
    in->hold->recalled = in->hold->poll_silent = false;
    sim_take(in->hold, sim_entry_uint(in));
    uint64_t first = sim_entry_uint(in);
    in->sim->model.now.first = first;
    if (first) {
        sim_give_back(in->sim, in->hold, first, SIM_UNTAKEN);
        in->hold->window = 0;
        sim_ring_settle(in->peer, in->head.handle, first);
    }
}

static void enter_settle(const sim_entry *in)
{
    if (!in->hold) {
        return;
    }
    sim_object *object = in->hold->object;
    uint64_t seq = sim_entry_uint(in);
    sim_take(in->hold, sim_entry_uint(in));
    uint64_t attempt = sim_entry_uint(in);
    sim_may_end(object); /* before the item comes back */
    sim_item *item;
    DL_FOREACH2(object->leases, item, newer)
    {
        if (item->seq == seq && item->attempt == attempt) {
            if (in->head.op == IPC__OP_DONE) {
                sim_finish(item);
            } else {
                sim_item_return(in->sim, item, SIM_REVOKED);
            }
            return;
        }
    }
}

static void enter_done_any(const sim_entry *in)
{
    sim_object *object = in->hold->object;
    in->request->timeout_ms = SHORT_WAIT_MS;
    if (object->leases) {
        sim_finish(object->leases);
        sim_entry_decide(in, IPC_OK);
    } else if (object->streams[0].counts[SIM_OUT] == 0) {
        sim_entry_decide(in, IPC_EUNFINISHED);
    }
}

static void enter_join(const sim_entry *in)
{
    in->request->timeout_ms = sim_entry_int(in);
    if (sim_live(&in->hold->object->streams[0]) == 0) {
        sim_entry_decide(in, IPC_OK);
    } else if (in->request->timeout_ms == 0) {
        sim_entry_decide(in, IPC_ETIMEOUT);
    }
}

/* ---- looking ---- */

static void enter_info(const sim_entry *in)
{
    in->request->about = sim_object_named(in->sim, sim_entry_text(in));
    sim_entry_decide(in, in->request->about ? IPC_OK : IPC_ENOENT);
}

static void enter_pin(const sim_entry *in)
{
    bool full = sim_session_waiting(in->peer, in->request) >= in->sim->core.options.max_waiting;
    sim_entry_decide(in, full ? IPC_ELIMIT : IPC_OK);
}

/* ---- all ---- */

/* A request for an object that is gone. */
static bool answered_deleted(const sim_entry *in)
{
    bool about_object = in->head.op > IPC__OP_OBJECT || in->head.op == IPC__OP_PIN;
    if (!in->request || !about_object || in->hold || in->head.op == IPC__OP_PUT_WAIT) {
        return false;
    }
    sim_entry_decide(in, IPC_EDELETED);
    return true;
}

static void enter_object_op(const sim_entry *in)
{
    switch (in->head.op) {
    case IPC__OP_PUT:
    case IPC__OP_PUT_WAIT:
        enter_put(in);
        break;
    case IPC__OP_UNCREDITED:
        enter_uncredited(in);
        break;
    case IPC__OP_FLOW:
        enter_flow(in);
        break;
    case IPC__OP_POLL:
        enter_poll(in);
        break;
    case IPC__OP_RECALLED:
        enter_recalled(in);
        break;
    case IPC__OP_DONE:
    case IPC__OP_RELEASE:
        enter_settle(in);
        break;
    case IPC__OP_DONE_ANY:
        enter_done_any(in);
        break;
    case IPC__OP_JOIN:
        enter_join(in);
        break;
    case IPC__OP_SHUTDOWN:
        sim_enter_shutdown(in);
        break;
    default: /* SIZE */
        sim_entry_decide(in, IPC_OK);
        break;
    }
}

static void enter(const sim_entry *in)
{
    if (answered_deleted(in)) {
        return;
    }
    switch (in->head.op) {
    case IPC__OP_OPEN:
        sim_enter_open(in);
        break;
    case IPC__OP_CLOSE:
        enter_close(in);
        break;
    case IPC__OP_UNLINK:
        enter_unlink(in);
        break;
    case IPC__OP_CANCEL:
        enter_cancel(in);
        break;
    case IPC__OP_BYE:
        enter_bye(in);
        break;
    case IPC__OP_INFO:
        enter_info(in);
        break;
    case IPC__OP_PIN:
        enter_pin(in);
        break;
    case IPC__OP_LIST:
    case IPC__OP_STAT:
    case IPC__OP_PING:
        sim_entry_decide(in, IPC_OK);
        break;
    default:
        enter_object_op(in);
        break;
    }
}

static void enter_one(sim_peer *peer, ipc__envelope *envelope)
{
    sim_world *sim = peer->sim;
    sim_entry in = {.sim = sim, .peer = peer, .envelope = envelope};
    if (!ipc__envelope_next(envelope, &in.head)) {
        sim_fail(sim, "the simulator's client broke the protocol");
    }
    sim_say(sim, "hub < %u: %s handle %u seq %" PRIu64, peer->number, sim_op_name(in.head.op), in.head.handle,
            in.head.seq);
    in.hold = in.head.handle < SIM_HANDLES ? peer->mirror.holds[in.head.handle] : NULL;
    sim->model.now.head = in.head;
    if (ipc__op_is_request(in.head.op)) {
        in.request = calloc(1, sizeof *in.request);
        if (!in.request) {
            sim_fail(sim, "the simulator ran out of memory");
        }
        *in.request = (sim_request){.peer = peer,
                                    .handle = in.head.handle,
                                    .op = in.head.op,
                                    .seq = in.head.seq,
                                    .entered = sim->now,
                                    .timeout_ms = SHORT_WAIT_MS,
                                    .hold = in.hold};
        if (in.head.op == IPC__OP_CLOSE) {
            in.request->hold = NULL; /* it outlives the hold */
        }
        DL_APPEND(sim->model.requests, in.request);
    }
    enter(&in);
}

void sim_model_enter(sim_peer *peer, ipc__envelope envelope)
{
    peer->sim->model.now.peer = peer;
    peer->sim->model.now.fail_count = 0;
    peer->sim->model.now.first = 0;
    while (ipc__envelope_more(&envelope)) {
        ipc_cursor next = envelope.at;
        if (ipc_cursor_skip(&next)) {
            sim_fail(peer->sim, "the simulator's client sent broken operations");
        }
        enter_one(peer, &envelope);
        envelope.at.at = next.at; /* over fields that nobody reads */
    }
}

/* ---- afterwards ---- */

/* Everybody was told that the object is gone: so it is. */
static void bury(sim_world *sim, sim_object *object)
{
    while (object->holds) {
        sim_hold *hold = object->holds;
        if (hold->end_due) {
            sim_fail(sim, "session %u was not told that its handle %u is deleted", hold->peer->number, hold->handle);
        }
        DL_DELETE(object->holds, hold);
        hold->peer->mirror.holds[hold->handle] = NULL;
        free(hold);
    }
    sim_object_free(sim, object);
}

void sim_model_left(sim_world *sim)
{
    sim_model *model = &sim->model;
    const sim_request *request;
    DL_FOREACH(model->requests, request)
    {
        if (request->decided) {
            sim_fail(sim, "request %" PRIu64 " of session %u (%s) was not answered with %d", request->seq,
                     request->peer->number, sim_op_name(request->op), request->code);
        }
    }
    if (model->now.fail_count || model->now.first) {
        sim_fail(sim, "%s of session %u was not followed by %u FAILs or by REVOKE %" PRIu64,
                 sim_op_name(model->now.head.op), model->now.peer->number, model->now.fail_count, model->now.first);
    }
    sim_object *object;
    sim_object *next;
    DL_FOREACH_SAFE(model->objects, object, next)
    {
        if (object->dying) {
            bury(sim, object);
        }
    }
    sim_model_shut_left(sim);
    sim_silent_left(sim);
    free(model->now.fresh.name);
    free(model->now.fresh.dead_letter);
    model->now.fresh.name = model->now.fresh.dead_letter = NULL;
    model->now.peer = NULL;
    model->now.acts = 0;
}
