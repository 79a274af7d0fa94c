/*
 * The model, what comes out of the hub: every answer, delivery and notice is held against what is due or allowed.
 * Touches the model. One thread.
 */
#include "sim.h"
#include "sim_look.h"
#include "sim_peek.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

enum { ACTS_MAX = 100 * 1000 };

/* One operation on its way out. */
typedef struct emission {
    sim_world *sim;
    sim_peer *peer;
    ipc__head head;
    ipc_cursor at;
} emission;

/* A step has an end, however much is moved in it. */
static void count_act(sim_world *sim)
{
    if (++sim->model.now.acts > ACTS_MAX) {
        sim_fail(sim, "the hub does not come to the end of this step");
    }
}

static uint64_t number(emission *out)
{
    uint64_t value;
    if (!ipc__read_uint(&out->at, &value)) {
        sim_fail(out->sim, "the hub sent %s with a field that is no number", sim_op_name(out->head.op));
    }
    return value;
}

static int64_t signed_number(emission *out)
{
    int64_t value;
    if (!ipc__read_int(&out->at, &value)) {
        sim_fail(out->sim, "the hub sent %s with a field that is no number", sim_op_name(out->head.op));
    }
    return value;
}

static sim_hold *hold_of(sim_peer *peer, uint32_t handle, const char *what)
{
    sim_hold *hold = handle < SIM_HANDLES ? peer->mirror.holds[handle] : NULL;
    if (!hold) {
        sim_fail(peer->sim, "%s for handle %u of session %u, which is not open", what, handle, peer->number);
    }
    return hold;
}

/* ---- answers with fields ---- */

/* An object comes into being, and with it the one that its options name. */
static sim_object *open_new(sim_world *sim)
{
    sim_object *object = sim_object_add(sim, sim->model.now.fresh);
    sim->model.now.fresh.name = sim->model.now.fresh.dead_letter = NULL;
    ipc__bytes dead = {(const unsigned char *)object->dead_letter,
                       object->dead_letter ? strlen(object->dead_letter) : 0};
    if (dead.length && !sim_object_named(sim, dead)) {
        sim_object_add(sim, (sim_object){.name = strdup(object->dead_letter)});
    }
    return object;
}

static void opened(emission *out, const sim_request *request)
{
    sim_world *sim = out->sim;
    sim_object *object = sim->model.now.opening;
    if (!object) {
        object = open_new(sim);
    }
    sim_hold *hold = sim_hold_add(sim, object, out->peer, request->handle, sim->model.now.end);
    sim_pin *pin = sim->model.now.pin;
    if (pin && pin->expires == IPC__NEVER) {
        pin->expires = sim->now + UINT64_C(60) * IPC__US_PER_S;
    }
    object->core = out->peer->session->holds[request->handle]->object;
    sim_look_opened(sim, hold, out->at);
}

static void pinned(emission *out, const sim_request *request)
{
    ipc__bytes bytes;
    sim_pin *pin = calloc(1, sizeof *pin);
    if (!pin || !ipc__read_bin(&out->at, &bytes) || bytes.length != SIM_PIN_SIZE) {
        sim_fail(out->sim, "PIN was answered without a pin");
    }
    memcpy(pin->bytes, bytes.data, SIM_PIN_SIZE);
    pin->owner = out->peer;
    pin->expires = IPC__NEVER;
    pin->hold = sim_hold_add(out->sim, request->hold->object, NULL, 0, request->hold->end);
    DL_APPEND(out->sim->model.pins, pin);
}

/* ---- answers ---- */

static void check_time(const emission *out, const sim_request *request)
{
    if (request->timeout_ms < 0 || out->sim->now < request->entered + (uint64_t)request->timeout_ms * SIM_MS) {
        sim_fail(out->sim, "request %" PRIu64 " of session %u timed out before its time", request->seq,
                 out->peer->number);
    }
}

static void put_waited(const emission *out, const sim_request *request, int64_t code)
{
    if (code == IPC_OK && request->item->state == SIM_WAITING) {
        sim_item_move(request->item, SIM_HELD);
        request->item->stream->accepted++;
    }
    if (code == IPC_EFULL) {
        const sim_object *object = request->hold->object;
        check_time(out, request);
        if (sim_peek_kept(sim_peek_stream(object->core, 0)) < object->maxsize) {
            sim_fail(out->sim, "PUT_WAIT was refused although there is room");
        }
        if (request->timeout_ms == 0) {
            sim_silent_put(out->sim, request);
        }
    }
}

static void polled(const emission *out, const sim_request *request, int64_t code)
{
    const sim_stream *stream = sim_incoming(request->hold);
    uint64_t got = sim_out_count(request->hold);
    if (code == IPC_OK && got == 0) {
        sim_fail(out->sim, "POLL was answered with success and no delivery");
    }
    if (code == IPC_EEMPTY) {
        sim_silent_poll(out->sim, request);
    }
    bool over = sim_over(stream->object) || (stream->object->shut && stream->object->may_end);
    if (code == IPC_ESHUTDOWN ? !over : code == IPC_EEMPTY && sim_over(stream->object)) {
        sim_fail(out->sim, "POLL was answered with %" PRId64 ", which is wrong on whether the queue is shut down",
                 code);
    }
    if (code == IPC_EEMPTY && (got || sim_peek_stream(stream->object->core, stream->end)->ready)) {
        sim_fail(out->sim, "POLL was answered with nothing although there is something");
    }
}

static void joined(const emission *out, const sim_request *request, int64_t code)
{
    if (code == IPC_OK && sim_live(&request->hold->object->streams[0])) {
        sim_fail(out->sim, "JOIN was answered while %" PRIu64 " items are not done",
                 sim_live(&request->hold->object->streams[0]));
    }
    if (code == IPC_ETIMEOUT) {
        check_time(out, request);
    }
}

static void check_limit(const emission *out, const sim_request *request)
{
    if (sim_session_waiting(out->peer, request) < out->sim->core.options.max_waiting) {
        sim_fail(out->sim, "request %" PRIu64 " of session %u was refused although fewer wait than may", request->seq,
                 out->peer->number);
    }
}

/* DONE_ANY waits only where somebody may have taken what the hub does not know. */
static bool may_be_taken(const sim_hold *hold)
{
    const sim_item *item;
    DL_FOREACH(hold ? hold->object->streams[0].items : NULL, item)
    {
        if (item->state == SIM_OUT && item->hold->peer->lane == SIM_DELAYED) {
            return true;
        }
    }
    return false;
}

/* An answer that the model did not know in advance. */
static void undecided(const emission *out, const sim_request *request, int64_t code)
{
    static const struct {
        ipc_err codes[4]; /* and 0 */
    } allowed[] = {
        [IPC__OP_PUT_WAIT] = {{IPC_EFULL, IPC_ELIMIT}},
        [IPC__OP_POLL] = {{IPC_EEMPTY, IPC_ESHUTDOWN, IPC_ELIMIT}},
        [IPC__OP_DONE_ANY] = {{IPC_EUNFINISHED, IPC_ELIMIT}},
        [IPC__OP_JOIN] = {{IPC_ETIMEOUT, IPC_ELIMIT}},
    };
    bool good = false;
    for (size_t i = 0; i < 4; i++) {
        good = good || code == allowed[request->op].codes[i];
    }
    if (!good || (code == IPC_OK && request->op == IPC__OP_DONE_ANY)) {
        sim_fail(out->sim, "request %" PRIu64 " of session %u (%s) was answered with %" PRId64, request->seq,
                 out->peer->number, sim_op_name(request->op), code);
    }
    if (code == IPC_ELIMIT) {
        check_limit(out, request);
        return;
    }
    if (!request->hold) {
        return; /* of a session that ends: nobody reads it */
    }
    if (request->op == IPC__OP_POLL) {
        polled(out, request, code);
    } else if (request->op == IPC__OP_JOIN) {
        joined(out, request, code);
    } else if (request->op == IPC__OP_DONE_ANY && may_be_taken(request->hold)) {
        check_time(out, request);
    }
}

static void answered_ok(emission *out, const sim_request *request)
{
    switch (request->op) {
    case IPC__OP_OPEN:
        opened(out, request);
        break;
    case IPC__OP_PIN:
        pinned(out, request);
        break;
    case IPC__OP_SIZE:
        sim_look_sized(out->sim, request->hold->object, out->at);
        break;
    case IPC__OP_LIST:
        sim_look_listed(out->sim, out->at);
        break;
    case IPC__OP_INFO:
        sim_look_info(out->sim, request->about, out->at);
        break;
    case IPC__OP_STAT:
        sim_look_stat(out->sim, request, out->at);
        break;
    default:
        break;
    }
}

static void on_reply(emission *out)
{
    int64_t code = signed_number(out);
    sim_request *request = sim_request_of(out->sim, out->peer, out->head.seq);
    if (!request || request->handle != out->head.handle) {
        sim_fail(out->sim, "an answer to request %" PRIu64 " of session %u, which waits for none", out->head.seq,
                 out->peer->number);
    }
    if (request->decided && request->code != code) {
        sim_fail(out->sim, "request %" PRIu64 " of session %u (%s) was answered with %" PRId64 ", not %d",
                 out->head.seq, out->peer->number, sim_op_name(request->op), code, request->code);
    }
    if (!request->decided) {
        undecided(out, request, code);
    }
    if (request->op == IPC__OP_PUT_WAIT && !request->decided) {
        put_waited(out, request, code);
    }
    if (code == IPC_OK) {
        answered_ok(out, request);
    }
    sim_request_drop(out->sim, request);
}

/* ---- notices ---- */

static void on_fail(emission *out)
{
    sim_world *sim = out->sim;
    sim_model *model = &sim->model;
    int64_t code = signed_number(out);
    bool due = out->peer == model->now.peer && model->now.fail_count && model->now.fails[0].seq == out->head.seq;
    if (!due || model->now.fails[0].code != code) {
        sim_fail(sim, "operation %" PRIu64 " of session %u was refused with %" PRId64 ", not %d", out->head.seq,
                 out->peer->number, code, due ? model->now.fails[0].code : IPC_OK);
    }
    model->now.fail_count--;
    memmove(model->now.fails, model->now.fails + 1, model->now.fail_count * sizeof model->now.fails[0]);
}

static void on_end(emission *out)
{
    sim_world *sim = out->sim;
    int64_t code = signed_number(out);
    sim_hold *hold = hold_of(out->peer, out->head.handle, "an END");
    if (code == IPC_EDELETED) {
        if (!hold->end_due) {
            sim_fail(sim, "session %u was told that handle %u is deleted", out->peer->number, hold->handle);
        }
        hold->end_due = false;
        return;
    }
    if (code == IPC_ESHUTDOWN) {
        sim_told_over(hold);
        return;
    }
    if (code != IPC_EEOF || !hold->object->pipe || hold->ended || !sim_end_gone(hold->object, !hold->end) ||
        sim_live(sim_incoming(hold))) {
        sim_fail(sim, "session %u, handle %u: END %" PRId64 " before everything is read and the other end gone",
                 out->peer->number, hold->handle, code);
    }
    hold->ended = true;
}

/* The hub takes back alone what a client has kept too long. */
static void taken_back(const emission *out, sim_hold *hold)
{
    sim_world *sim = out->sim;
    hold->window = 0;
    if (out->peer->lane == SIM_IMMEDIATE) {
        return; /* it was recalled, and nothing is in doubt */
    }
    uint64_t oldest = UINT64_MAX;
    const sim_item *item;
    DL_FOREACH(sim_incoming(hold)->items, item)
    {
        if (item->state == SIM_OUT && item->hold == hold && item->delivered_at < oldest) {
            oldest = item->delivered_at;
        }
    }
    if (sim->model.now.peer || oldest == UINT64_MAX || sim->now < oldest + sim->core.validity * 3 / 2) {
        sim_fail(sim, "session %u, handle %u: deliveries were taken back while they were valid", out->peer->number,
                 hold->handle);
    }
    sim_give_back(sim, hold, 0, SIM_UNSURE);
}

static void on_revoke(emission *out)
{
    uint64_t first = number(out);
    uint64_t last = number(out);
    sim_hold *hold = hold_of(out->peer, out->head.handle, "a REVOKE");
    hold->recalled = false;
    if (last != hold->position) {
        sim_fail(out->sim, "REVOKE up to position %" PRIu64 " of %" PRIu64, last, hold->position);
    }
    if (first == 0 && hold->revoke_due) {
        hold->revoke_due = false;
        hold->window = 0;
        return;
    }
    if (first == 0) {
        taken_back(out, hold);
        return;
    }
    if (out->sim->model.now.peer != out->peer || out->sim->model.now.first != first) {
        sim_fail(out->sim, "REVOKE from position %" PRIu64 ", and nobody gave that back", first);
    }
    out->sim->model.now.first = 0;
}

static void on_credit(emission *out)
{
    uint64_t credits = number(out);
    sim_hold *hold = hold_of(out->peer, out->head.handle, "a CREDIT");
    if (credits == 0 || hold->object->maxsize == 0) {
        sim_fail(out->sim, "%" PRIu64 " credits for a queue of maxsize %" PRIu64, credits, hold->object->maxsize);
    }
    hold->promised += credits;
}

static void on_uncredit(const emission *out)
{
    sim_hold *hold = hold_of(out->peer, out->head.handle, "an UNCREDIT");
    hold->uncredited = true;
    hold->uncredited_at = out->sim->now;
}

static void on_shut(const emission *out)
{
    sim_hold *hold = hold_of(out->peer, out->head.handle, "a SHUT");
    if (!hold->shut_due) {
        sim_fail(out->sim, "session %u, handle %u was told of a shutdown that is none", out->peer->number,
                 hold->handle);
    }
    hold->shut_due = false;
}

static void say(const emission *out)
{
    emission copy = *out;
    bool replies = out->head.op == IPC__OP_REPLY || out->head.op == IPC__OP_FAIL || out->head.op == IPC__OP_END;
    int64_t first = replies ? signed_number(&copy) : (int64_t)number(&copy);
    sim_say(out->sim, "hub > %u: %s handle %u seq %" PRIu64 ": %" PRId64, out->peer->number, sim_op_name(out->head.op),
            out->head.handle, out->head.seq, first);
}

void sim_model_sent(sim_peer *peer, const void *op, size_t length)
{
    count_act(peer->sim);
    emission out = {.sim = peer->sim, .peer = peer};
    ipc__envelope envelope = {.at = {op, (const unsigned char *)op + length}};
    if (!ipc__envelope_next(&envelope, &out.head)) {
        sim_fail(peer->sim, "the hub sent a broken operation");
    }
    out.at = envelope.at;
    say(&out);
    switch (out.head.op) {
    case IPC__OP_REPLY:
        on_reply(&out);
        break;
    case IPC__OP_FAIL:
        on_fail(&out);
        break;
    case IPC__OP_END:
        on_end(&out);
        break;
    case IPC__OP_REVOKE:
        on_revoke(&out);
        break;
    case IPC__OP_CREDIT:
        on_credit(&out);
        break;
    case IPC__OP_UNCREDIT:
        on_uncredit(&out);
        break;
    case IPC__OP_SHUT:
        on_shut(&out);
        break;
    default:
        sim_fail(peer->sim, "the hub sent %s", sim_op_name(out.head.op));
    }
}

/* ---- deliveries ---- */

bool sim_polls(const sim_world *sim, const sim_hold *hold)
{
    const sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->hold == hold && request->op == IPC__OP_POLL) {
            return true;
        }
    }
    return false;
}

/* What was put first comes first, unless it was given back in between. */
static void check_order(sim_world *sim, sim_hold *hold, const sim_item *item)
{
    if (item->returned) {
        return;
    }
    uint64_t *last = &hold->last[item->producer];
    if (item->id < *last) {
        sim_fail(sim, "session %u, handle %u: item %" PRIu64 " of producer %u comes behind item %" PRIu64,
                 hold->peer->number, hold->handle, item->id, item->producer, *last);
    }
    *last = item->id;
}

/* An item that was given back is older than what was never delivered, and than what was put later. */
static void check_overtaken(sim_world *sim, const sim_item *delivered)
{
    const sim_item *item;
    if (sim->model.now.ending) {
        return; /* whose items return one after the other */
    }
    DL_FOREACH(delivered->stream->items, item)
    {
        if (item->state == SIM_HELD && item->seq && item->seq < delivered->seq) {
            sim_fail(sim, "item %" PRIu64 " was delivered before item %" PRIu64 ", which is ready and older",
                     delivered->id, item->id);
        }
    }
}

void sim_model_delivered(sim_peer *peer, uint32_t handle, const ipc__item *core)
{
    sim_world *sim = peer->sim;
    count_act(sim);
    sim_hold *hold = hold_of(peer, handle, "a delivery");
    sim_item *item = sim_item_of(sim, sim_value_read(sim, ipc__item_bytes(core)));
    sim_say(sim, "hub > %u: delivers item %" PRIu64 " attempt %u at %u:%" PRIu64, peer->number, item->id, core->attempt,
            handle, core->position);
    if (item->state != SIM_HELD || item->stream != sim_incoming(hold)) {
        sim_fail(sim, "session %u, handle %u: a delivery of item %" PRIu64 ", which is not there to be had (state %d)",
                 peer->number, handle, item->id, item->state);
    }
    if (core->late != (core->seq < sim_newest(hold))) {
        sim_fail(sim, "item %" PRIu64 " comes %s: it says the opposite", item->id, core->late ? "in order" : "late");
    }
    if (core->attempt != item->attempt || (item->seq && item->seq != core->seq) ||
        core->position != hold->position + 1) {
        sim_fail(sim,
                 "item %" PRIu64 " comes as seq %" PRIu64 " attempt %u position %" PRIu64 ", not %" PRIu64
                 " %u %" PRIu64,
                 item->id, core->seq, core->attempt, core->position, item->seq, item->attempt, hold->position + 1);
    }
    if (hold->ended || (!sim_demands(hold, sim->now) && !sim_polls(sim, hold))) {
        sim_fail(sim, "session %u, handle %u: a delivery that it did not ask for", peer->number, handle);
    }
    item->seq = core->seq;
    check_order(sim, hold, item);
    sim_item_move(item, SIM_OUT);
    item->hold = hold;
    item->position = ++hold->position;
    item->delivered_at = sim->now;
    check_overtaken(sim, item);
}

/* ---- recalls ---- */

bool sim_model_may_recall(const sim_peer *peer, uint32_t handle)
{
    return handle < SIM_HANDLES && peer->mirror.holds[handle] && sim_out_count(peer->mirror.holds[handle]);
}

void sim_model_recall_asked(sim_peer *peer, uint32_t handle, uint32_t count)
{
    count_act(peer->sim);
    sim_say(peer->sim, "hub > %u: recalls %u of handle %u", peer->number, count, handle);
    sim_hold *hold = hold_of(peer, handle, "a RECALL");
    hold->recalled = peer->lane == SIM_DELAYED;
    hold->recalled_at = peer->sim->now;
    if (count == 0 || count > sim_out_count(hold)) {
        sim_fail(peer->sim, "the hub recalls %u deliveries of %" PRIu64, count, sim_out_count(hold));
    }
}

void sim_model_recalled(sim_peer *peer, uint32_t handle, uint64_t count)
{
    sim_hold *hold = hold_of(peer, handle, "a RECALL");
    for (uint64_t position = hold->position; position > 0 && count > 0; position--) {
        sim_item *item = sim_out_at(hold, position);
        if (item) {
            sim_item_return(peer->sim, item, SIM_UNTAKEN);
            count--;
        }
    }
}

void sim_model_taken(sim_peer *peer, uint32_t handle, uint64_t position)
{
    sim_hold *hold = peer->mirror.holds[handle];
    if (hold) {
        sim_take(hold, position);
    }
}
