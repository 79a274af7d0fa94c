/*
 * The model, what enters the hub: every operation is read from its bytes, and what must come of it is settled.
 * Touches the model. One thread.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

enum { SHORT_WAIT_MS = 250 }; /* the longest that the hub lets a request wait that has no patience */

/* One operation on its way in. */
typedef struct entry {
    sim_world *sim;
    sim_peer *peer;
    ipc__envelope *envelope;
    ipc__head head;
    sim_hold *hold;
    sim_request *request; /* NULL: a pipelined one */
} entry;

static uint64_t number(const entry *in)
{
    uint64_t value;
    if (!ipc__read_uint(&in->envelope->at, &value)) {
        sim_fail(in->sim, "the simulator's client broke the protocol");
    }
    return value;
}

static int64_t signed_number(const entry *in)
{
    int64_t value;
    if (!ipc__read_int(&in->envelope->at, &value)) {
        sim_fail(in->sim, "the simulator's client broke the protocol");
    }
    return value;
}

static ipc__bytes value_of(const entry *in)
{
    ipc__bytes value;
    ipc__block *block;
    if (!ipc__read_value(in->envelope, &value, &block)) {
        sim_fail(in->sim, "the simulator's client broke the protocol");
    }
    return value;
}

static void decide(const entry *in, ipc_err code)
{
    sim_request_decide(in->sim, in->request, code);
}

/* ---- opening ---- */

typedef struct wanted {
    uint64_t maxsize, end;
    bool joinable, simplex;
    bool asks_maxsize, asks_joinable, asks_simplex, asks_end;
} wanted;

static wanted read_options(const entry *in, ipc_cursor options)
{
    wanted want = {0};
    if (!ipc__option_uint(options, "maxsize", &want.maxsize, &want.asks_maxsize) ||
        !ipc__option_uint(options, "end", &want.end, &want.asks_end) ||
        !ipc__option_bool(options, "joinable", &want.joinable, &want.asks_joinable) ||
        !ipc__option_bool(options, "simplex", &want.simplex, &want.asks_simplex)) {
        sim_fail(in->sim, "the simulator's client broke the protocol");
    }
    return want;
}

static bool matches(const sim_object *object, const wanted *want)
{
    if (object->pipe) {
        return !want->asks_simplex || want->simplex == object->simplex;
    }
    return (!want->asks_maxsize || want->maxsize == object->maxsize) &&
           (!want->asks_joinable || want->joinable == object->joinable);
}

/* Both ends of a pipe are gone: the next opener begins anew. */
static void begin_anew(sim_object *object)
{
    if (!sim_end_gone(object, 0) || !sim_end_gone(object, 1)) {
        return;
    }
    object->met[0] = object->met[1] = false;
}

static ipc_err choose_end(const sim_object *object, uint64_t asked, int *end)
{
    if (asked > 2) {
        return IPC_EINVAL;
    }
    if (asked == 0) {
        *end = sim_holders(object, 0) || sim_end_gone(object, 0);
        if (sim_holders(object, *end)) {
            return IPC_EBUSY;
        }
    } else {
        *end = (int)asked - 1;
    }
    return sim_end_gone(object, *end) ? IPC_EPIPE : IPC_OK;
}

static sim_pin *find_pin(sim_world *sim, ipc__bytes bytes)
{
    sim_pin *pin;
    DL_FOREACH(sim->model.pins, pin)
    {
        if (bytes.length == SIM_PIN_SIZE && memcmp(pin->bytes, bytes.data, SIM_PIN_SIZE) == 0) {
            return pin;
        }
    }
    return NULL;
}

static ipc_err expect_named(sim_world *sim, bool pipe, uint64_t mode, ipc__bytes name, const wanted *want)
{
    sim_object *object = sim_object_named(sim, name);
    sim->model.now.opening = object;
    if (!object) {
        return mode == IPC_OPEN_ATTACH ? IPC_ENOENT : IPC_OK;
    }
    if (mode == IPC_OPEN_CREATE) {
        return IPC_EEXIST;
    }
    if (object->pipe != pipe) {
        return IPC_ETYPE;
    }
    return matches(object, want) ? IPC_OK : IPC_EOPTIONS;
}

static ipc_err expect_pinned(sim_world *sim, bool pipe, ipc__bytes bytes)
{
    sim_pin *pin = find_pin(sim, bytes);
    if (!pin) {
        return IPC_ENOENT;
    }
    if (pin->hold->object->pipe != pipe) {
        return IPC_ETYPE;
    }
    sim->model.now.pin = pin;
    sim->model.now.opening = pin->hold->object;
    sim->model.now.end = pin->hold->end;
    return IPC_OK;
}

static ipc_err expect_sibling(const entry *in, bool pipe, int64_t handle)
{
    const sim_hold *sibling = handle > 0 && handle < SIM_HANDLES ? in->peer->mirror.holds[handle] : NULL;
    if (!sibling) {
        return IPC_EDELETED;
    }
    in->sim->model.now.opening = sibling->object;
    return sibling->object->pipe == pipe ? IPC_OK : IPC_ETYPE;
}

/* Which end an OPEN gets that is not one of a pin. */
static ipc_err expect_end(sim_world *sim, bool pipe, const wanted *want)
{
    sim->model.now.end = 0;
    sim_object *object = sim->model.now.opening;
    if (!object && sim->core.object_count >= sim->core.options.max_objects) {
        return IPC_EOBJECTS;
    }
    if (!pipe) {
        return IPC_OK;
    }
    if (object) {
        begin_anew(object);
    }
    return choose_end(object ? object : &sim->model.now.fresh, want->end, &sim->model.now.end);
}

static void enter_open(const entry *in)
{
    sim_world *sim = in->sim;
    ipc__bytes type;
    ipc_value where;
    if (!ipc__read_str(&in->envelope->at, &type)) {
        sim_fail(sim, "the simulator's client broke the protocol");
    }
    bool pipe = type.length == 4;
    uint64_t mode = number(in);
    if (ipc_cursor_next(&in->envelope->at, &where)) {
        sim_fail(sim, "the simulator's client broke the protocol");
    }
    wanted want = read_options(in, in->envelope->at);
    ipc__bytes place = {(const unsigned char *)where.as.bytes.data, where.as.bytes.length};
    sim->model.now.opening = NULL;
    sim->model.now.pin = NULL;
    sim->model.now.fresh = pipe ? (sim_object){.pipe = true, .simplex = want.simplex}
                                : (sim_object){.joinable = want.joinable, .maxsize = want.maxsize};
    ipc_err err = IPC_OK;
    if (where.kind == IPC_KIND_BIN) {
        decide(in, expect_pinned(sim, pipe, place));
        return;
    }
    if (where.kind == IPC_KIND_STR) {
        err = expect_named(sim, pipe, mode, place, &want);
        sim->model.now.fresh.name =
            sim->model.now.opening || err ? NULL : strndup((const char *)place.data, place.length);
    } else if (where.kind == IPC_KIND_INT) {
        err = expect_sibling(in, pipe, where.as.i);
    }
    decide(in, err ? err : expect_end(sim, pipe, &want));
}

/* ---- ends ---- */

static void enter_close(const entry *in)
{
    decide(in, IPC_OK);
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

static void enter_unlink(const entry *in)
{
    sim_world *sim = in->sim;
    ipc__bytes name;
    if (!ipc__read_str(&in->envelope->at, &name)) {
        sim_fail(sim, "the simulator's client broke the protocol");
    }
    sim_object *object = sim_object_named(sim, name);
    decide(in, object ? IPC_OK : IPC_ENOENT);
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

static void enter_cancel(const entry *in)
{
    sim_request *target = sim_request_of(in->sim, in->peer, number(in));
    if (target) {
        sim_request_decide(in->sim, target, IPC_EINTR);
    }
}

/* ---- putting ---- */

static ipc_err refusal(const entry *in, size_t length)
{
    const ipc__core *core = &in->sim->core;
    if (!in->hold) {
        return IPC_EDELETED;
    }
    if (in->hold->object->pipe && sim_end_gone(in->hold->object, !in->hold->end)) {
        return IPC_EPIPE;
    }
    if (length > core->options.max_message) {
        return IPC_ETOOBIG;
    }
    return core->memory + length > core->options.max_memory ? IPC_EMEMORY : IPC_OK;
}

static void enter_put(const entry *in)
{
    bool waits = in->head.op == IPC__OP_PUT_WAIT;
    if (waits) {
        in->request->timeout_ms = signed_number(in);
    }
    ipc__bytes value = value_of(in);
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
        if (waits) {
            in->request->item = item;
        }
    } else if (waits) {
        decide(in, err);
    } else {
        in->sim->model.now.fail = err;
    }
}

static void enter_uncredited(const entry *in)
{
    number(in);
    if (in->hold) {
        in->hold->uncredited = false;
        in->hold->promised = 0; /* however it counts */
    }
}

/* ---- getting ---- */

static void enter_flow(const entry *in)
{
    if (!in->hold) {
        return;
    }
    in->hold->recalled_at = in->sim->now;
    sim_take(in->hold, number(in));
    in->hold->window = number(in);
    int64_t wait_ms = signed_number(in);
    in->hold->demand_until = wait_ms < 0 ? UINT64_MAX : in->sim->now + (uint64_t)wait_ms * SIM_MS;
}

static void enter_poll(const entry *in)
{
    const sim_request *other;
    DL_FOREACH(in->sim->model.requests, other)
    {
        if (other != in->request && other->op == IPC__OP_POLL && other->hold == in->hold) {
            decide(in, IPC_EBUSY);
        }
    }
}

static void enter_recalled(const entry *in)
{
    if (!in->hold) {
        return;
    }
    in->hold->recalled = false;
    sim_take(in->hold, number(in));
    uint64_t first = number(in);
    in->sim->model.now.first = first;
    if (first) {
        sim_give_back(in->hold, first, 0);
        in->hold->window = 0;
        sim_ring_settle(in->peer, in->head.handle, first);
    }
}

static void enter_settle(const entry *in)
{
    if (!in->hold) {
        return;
    }
    uint64_t seq = number(in);
    sim_take(in->hold, number(in));
    uint64_t attempt = number(in);
    sim_item *item;
    DL_FOREACH2(in->hold->object->leases, item, newer)
    {
        if (item->seq == seq && item->attempt == attempt) {
            if (in->head.op == IPC__OP_DONE) {
                sim_finish(item);
            } else {
                sim_item_return(item, 1);
            }
            return;
        }
    }
}

static void enter_done_any(const entry *in)
{
    sim_object *object = in->hold->object;
    in->request->timeout_ms = SHORT_WAIT_MS;
    if (object->leases) {
        sim_finish(object->leases);
        decide(in, IPC_OK);
    } else if (object->streams[0].counts[SIM_OUT] == 0) {
        decide(in, IPC_EUNFINISHED);
    }
}

static void enter_join(const entry *in)
{
    in->request->timeout_ms = signed_number(in);
    if (sim_live(&in->hold->object->streams[0]) == 0) {
        decide(in, IPC_OK);
    } else if (in->request->timeout_ms == 0) {
        decide(in, IPC_ETIMEOUT);
    }
}

/* ---- all ---- */

/* A request for an object that is gone. */
static bool answered_deleted(const entry *in)
{
    bool about_object = in->head.op > IPC__OP_OBJECT || in->head.op == IPC__OP_PIN;
    if (!in->request || !about_object || in->hold || in->head.op == IPC__OP_PUT_WAIT) {
        return false;
    }
    decide(in, IPC_EDELETED);
    return true;
}

static void enter_object_op(const entry *in)
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
    default: /* SIZE */
        decide(in, IPC_OK);
        break;
    }
}

static void enter(const entry *in)
{
    if (answered_deleted(in)) {
        return;
    }
    switch (in->head.op) {
    case IPC__OP_OPEN:
        enter_open(in);
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
    case IPC__OP_LIST:
    case IPC__OP_BYE:
    case IPC__OP_PING:
    case IPC__OP_PIN:
        decide(in, IPC_OK);
        break;
    default:
        enter_object_op(in);
        break;
    }
}

void sim_model_enter(sim_peer *peer, ipc__envelope envelope)
{
    sim_world *sim = peer->sim;
    entry in = {.sim = sim, .peer = peer, .envelope = &envelope};
    if (!ipc__envelope_next(&envelope, &in.head)) {
        sim_fail(sim, "the simulator's client broke the protocol");
    }
    sim_say(sim, "hub < %u: %s handle %u seq %" PRIu64, peer->number, sim_op_name(in.head.op), in.head.handle,
            in.head.seq);
    in.hold = in.head.handle < SIM_HANDLES ? peer->mirror.holds[in.head.handle] : NULL;
    sim->model.now.peer = peer;
    sim->model.now.head = in.head;
    sim->model.now.fail = IPC_OK;
    sim->model.now.first = 0;
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
    if (model->now.fail || model->now.first) {
        sim_fail(sim, "%s of session %u was not followed by its FAIL %d or REVOKE %" PRIu64,
                 sim_op_name(model->now.head.op), model->now.peer->number, model->now.fail, model->now.first);
    }
    sim_object *object;
    sim_object *next;
    DL_FOREACH_SAFE(model->objects, object, next)
    {
        if (object->dying) {
            bury(sim, object);
        }
    }
    free(model->now.fresh.name);
    model->now.fresh.name = NULL;
    model->now.peer = NULL;
}
