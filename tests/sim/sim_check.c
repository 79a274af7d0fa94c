/*
 * The check of everything, after each step: what the core holds against what the model knows, item by item, and the
 * rules that hold at any time.
 * Touches nothing. One thread.
 */
#include "sim.h"
#include "sim_peek.h"

#include <inttypes.h>
#include <utlist.h>

/* ---- streams ---- */

/* An item in the core's hands, by its value. */
static const sim_item *known(sim_world *sim, const sim_stream *stream, const ipc__item *core, sim_state state)
{
    const sim_item *item = sim_item_of(sim, sim_value_item(sim, ipc__item_bytes(core)));
    if (item->stream != stream || item->state != state || item->attempt != core->attempt) {
        sim_fail(sim, "the hub has item %" PRIu64 " in state %d at attempt %u, the model in %d at %u", item->id, state,
                 core->attempt, item->state, item->attempt);
    }
    return item;
}

static void check_ready(sim_world *sim, const sim_stream *stream, const ipc__stream *core)
{
    uint64_t count = 0;
    uint64_t last = 0;
    const ipc__item *item;
    const ipc__call *call;
    DL_FOREACH(core->ready, item)
    {
        known(sim, stream, item, SIM_HELD);
        if (item->seq <= last) {
            sim_fail(sim, "the ready items are not in order");
        }
        last = item->seq;
        count++;
    }
    if (count != core->ready_count) {
        sim_fail(sim, "%" PRIu64 " items are ready, and counted %" PRIu64, count, core->ready_count);
    }
    DL_FOREACH(core->putters, call)
    {
        known(sim, stream, call->item, call->seq ? SIM_WAITING : SIM_HELD);
        count += call->seq == 0;
    }
    if (count != stream->counts[SIM_HELD]) {
        sim_fail(sim, "the hub has %" PRIu64 " items ready or parked, the model %" PRIu64, count,
                 stream->counts[SIM_HELD]);
    }
}

static const sim_hold *hold_of(const sim_world *sim, const ipc__hold *core)
{
    const sim_peer *peer;
    DL_FOREACH(sim->peers, peer)
    {
        if (peer->session == core->session) {
            return peer->mirror.holds[core->id];
        }
    }
    return NULL;
}

/* What a consumer wants is what it said, until it is void. */
static void check_wish(sim_world *sim, const ipc__sub *sub)
{
    const sim_hold *hold = sub->hold->session ? hold_of(sim, sub->hold) : NULL;
    uint64_t window = hold ? hold->window : 0;
    if (sub->window != window || (window && sub->demand_until != hold->demand_until)) {
        sim_fail(sim, "the hub counts a window of %" PRIu64 " where %" PRIu64 " are welcome", sub->window, window);
    }
    if ((sub->poll != NULL) != (hold && sim_polls(sim, hold))) {
        sim_fail(sim, "the hub is wrong on whether a consumer waits in a POLL");
    }
    if (sub->recalling != (hold && hold->recalled)) {
        sim_fail(sim, "the hub is wrong on whether a consumer was asked to give back");
    }
}

static uint64_t check_sub(sim_world *sim, const sim_stream *stream, const ipc__sub *sub)
{
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t position = 0;
    const ipc__item *core;
    DL_FOREACH(sub->out, core)
    {
        const sim_item *item = known(sim, stream, core, SIM_OUT);
        if (item->hold->peer->session != sub->hold->session || item->hold->handle != sub->hold->id ||
            item->position != core->position || core->position <= position) {
            sim_fail(sim, "item %" PRIu64 " is out to somebody else, or out of order", item->id);
        }
        uint64_t since = item->delivered_at > sim->late ? item->delivered_at : sim->late;
        if (sim->now > since + 2 * sim->core.validity + 100 * SIM_MS) {
            sim_fail(sim, "item %" PRIu64 " is out for too long", item->id);
        }
        position = core->position;
        count++;
        bytes += core->length;
    }
    if (count != sub->out_count || bytes != sub->out_bytes) {
        sim_fail(sim, "a consumer's deliveries are counted wrong");
    }
    return count;
}

/* Whom the hub serves next: consumers that are there. */
static void check_ring(sim_world *sim, const ipc__stream *core)
{
    unsigned in_ring = 0;
    unsigned marked = 0;
    const ipc__sub *sub;
    DL_FOREACH(core->subs, sub)
    {
        marked += sub->in_ring;
    }
    for (sub = core->ring; sub && in_ring <= marked; sub = sub->ring_next) {
        in_ring++;
    }
    if (in_ring != marked) {
        sim_fail(sim, "%u consumers are marked as demanding, and %u or more are in the ring", marked, in_ring);
    }
}

static void check_out(sim_world *sim, const sim_stream *stream, const ipc__stream *core)
{
    uint64_t untaken = 0;
    const ipc__sub *sub;
    DL_FOREACH(core->subs, sub)
    {
        untaken += check_sub(sim, stream, sub);
        check_wish(sim, sub);
    }
    if (untaken != core->untaken || untaken != stream->counts[SIM_OUT]) {
        sim_fail(sim, "%" PRIu64 " deliveries are out, counted %" PRIu64 ", and the model has %" PRIu64, untaken,
                 core->untaken, stream->counts[SIM_OUT]);
    }
}

static void check_credits(sim_world *sim, const ipc__stream *core)
{
    uint64_t credits = 0;
    const ipc__source *source;
    DL_FOREACH(core->sources, source)
    {
        const sim_hold *hold = source->hold->session ? hold_of(sim, source->hold) : NULL;
        credits += source->credits;
        if (source->recalling != (hold && hold->uncredited)) {
            sim_fail(sim, "the hub is wrong on whether a producer was asked for its credits");
        }
        if (source->credits > (hold ? hold->promised : 0)) {
            sim_fail(sim, "the hub counts %" PRIu64 " credits of a producer that can have %" PRIu64, source->credits,
                     hold ? hold->promised : 0);
        }
    }
    if (credits != core->credits) {
        sim_fail(sim, "%" PRIu64 " credits are out, and counted %" PRIu64, credits, core->credits);
    }
}

/* maxsize is exact: only what comes back from a lease, or from another queue, goes beyond it. */
static void check_bound(sim_world *sim, sim_stream *stream, const ipc__stream *core)
{
    uint64_t kept = sim_peek_kept(core);
    uint64_t maxsize = stream->object->maxsize;
    if (maxsize && kept > maxsize && kept > stream->kept + stream->beyond) {
        sim_fail(sim, "%" PRIu64 " items and credits in a queue of maxsize %" PRIu64, kept, maxsize);
    }
    if (core->putters && (!maxsize || kept < maxsize)) {
        sim_fail(sim, "a put waits although there is room: %" PRIu64 " of %" PRIu64, kept, maxsize);
    }
    stream->kept = kept;
    stream->beyond = 0;
}

/* No lost wake-up. */
static void check_demand(sim_world *sim, const sim_stream *stream, const ipc__stream *core)
{
    const sim_hold *hold;
    DL_FOREACH(stream->object->holds, hold)
    {
        if (core->ready && sim_incoming(hold) == stream && sim_demands(hold, sim->now)) {
            sim_fail(sim, "an item stays ready although session %u wants it on handle %u", hold->peer->number,
                     hold->handle);
        }
    }
}

/* Who does not want to wait is not left waiting while nobody is asked. */
static void check_polls(sim_world *sim, const sim_stream *stream, const ipc__stream *core)
{
    bool asked = false;
    const ipc__sub *sub;
    DL_FOREACH(core->subs, sub)
    {
        asked = asked || sub->recalling;
    }
    const sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->op == IPC__OP_POLL && request->hold && sim_incoming(request->hold) == stream && !asked) {
            sim_fail(sim, "a POLL of session %u waits, and nobody was asked to give back", request->peer->number);
        }
    }
}

static void check_stream(sim_world *sim, sim_stream *stream, const ipc__stream *core)
{
    check_ready(sim, stream, core);
    check_out(sim, stream, core);
    check_ring(sim, core);
    check_credits(sim, core);
    check_bound(sim, stream, core);
    check_demand(sim, stream, core);
    check_polls(sim, stream, core);
    if (sim_peek_parked(core) + stream->counts[SIM_WAITING] > 0 && !core->putters) {
        sim_fail(sim, "a put that waits is lost");
    }
}

/* ---- objects ---- */

static void check_queue(sim_world *sim, sim_object *object)
{
    sim_stream *stream = &object->streams[0];
    sim_queue_peek core = sim_peek_queue(object->core);
    check_stream(sim, stream, core.stream);
    size_t leases = 0;
    const sim_item *item;
    DL_FOREACH2(object->leases, item, newer)
    {
        const ipc__item *lease = sim_peek_lease(object->core, leases++);
        if (!lease || known(sim, stream, lease, SIM_LEASED) != item) {
            sim_fail(sim, "item %" PRIu64 " is leased, and the hub does not know it, or not in this place", item->id);
        }
    }
    if (sim_peek_lease(object->core, leases)) {
        sim_fail(sim, "the hub has more leases than the model");
    }
    uint64_t unfinished = object->joinable ? sim_live(stream) : 0;
    if (core.unfinished != unfinished) {
        sim_fail(sim, "%" PRIu64 " items are unfinished, and the hub counts %" PRIu64, unfinished, core.unfinished);
    }
    if (core.joiners && unfinished == 0) {
        sim_fail(sim, "a JOIN waits although everything is done");
    }
}

static void check_pipe(sim_world *sim, sim_object *object)
{
    for (int end = 0; end < 2; end++) {
        check_stream(sim, &object->streams[end], sim_peek_pipe(object->core, end));
    }
    const sim_hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        if (sim_receives(object, hold->end) && !hold->ended && sim_demands(hold, sim->now) &&
            sim_end_gone(object, !hold->end) && sim_live(sim_incoming(hold)) == 0) {
            sim_fail(sim, "session %u reads handle %u and was not told of the end of file", hold->peer->number,
                     hold->handle);
        }
    }
}

static unsigned count_holds(const sim_object *object)
{
    unsigned count = 0;
    const sim_hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        count++;
    }
    return count;
}

/* How many items somebody could take, or has before him. */
static uint64_t in_streams(const sim_object *object)
{
    uint64_t count = 0;
    for (int end = 0; end <= (int)object->pipe; end++) {
        const sim_stream *stream = &object->streams[end];
        count +=
            stream->counts[SIM_HELD] + stream->counts[SIM_OUT] - sim_peek_parked(sim_peek_stream(object->core, end));
    }
    return count;
}

/* One that came into being for what is handed out in vain is known by its name only. */
static void find_core(sim_world *sim, sim_object *object)
{
    if (!object->core && object->name) {
        HASH_FIND(hh, sim->core.by_name, object->name, strlen(object->name), object->core);
    }
    if (!object->core) {
        sim_fail(sim, "an object is missing");
    }
}

static void check_objects(sim_world *sim)
{
    unsigned count = 0;
    bool unread = false;
    sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        count++;
        find_core(sim, object);
        unread = unread || (object->name && in_streams(object));
        if (object->core->hold_count != count_holds(object)) {
            sim_fail(sim, "an object has %u holds and not %u", object->core->hold_count, count_holds(object));
        }
        if (object->pipe) {
            check_pipe(sim, object);
        } else {
            check_queue(sim, object);
        }
    }
    if (count != sim->core.object_count) {
        sim_fail(sim, "the hub has %u objects, the model %u", sim->core.object_count, count);
    }
    if (unread != ipc__core_unread(&sim->core)) {
        sim_fail(sim, "the hub is wrong on whether anything is unread");
    }
}

/* ---- sessions ---- */

static void check_session(sim_world *sim, const sim_peer *peer)
{
    if (peer->session->acked != peer->mirror.put_bytes) {
        sim_fail(sim, "%" PRIu64 " put bytes of session %u are taken in, and the hub says %" PRIu64,
                 peer->mirror.put_bytes, peer->number, peer->session->acked);
    }
    unsigned calls = 0;
    unsigned waiting = 0;
    const ipc__call *call;
    const sim_request *request;
    DL_FOREACH2(peer->session->calls, call, session_next)
    {
        calls += call->seq != 0;
    }
    DL_FOREACH(sim->model.requests, request)
    {
        waiting += request->peer == peer;
    }
    if (calls != waiting) {
        sim_fail(sim, "%u calls of session %u wait, the model knows %u", calls, peer->number, waiting);
    }
    uint32_t counted = peer->session->waiting;
    if (counted != sim_session_waiting(peer, NULL) || counted > sim->core.options.max_waiting) {
        sim_fail(sim, "%u calls and pins of session %u are there, the hub counts %" PRIu32,
                 sim_session_waiting(peer, NULL), peer->number, counted);
    }
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        bool open = handle < peer->session->hold_capacity && peer->session->holds[handle];
        if (open != (peer->mirror.holds[handle] != NULL)) {
            sim_fail(sim, "handle %u of session %u is %s", handle, peer->number, open ? "open" : "not open");
        }
    }
}

static void check_sessions(sim_world *sim)
{
    unsigned count = 0;
    const sim_peer *peer;
    DL_FOREACH(sim->peers, peer)
    {
        count++;
        check_session(sim, peer);
    }
    if (count != sim->core.session_count) {
        sim_fail(sim, "the hub has %u sessions, the model %u", sim->core.session_count, count);
    }
}

/* ---- all ---- */

uint64_t sim_memory(const sim_world *sim)
{
    uint64_t bytes = 0;
    const sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        for (int end = 0; end < 2; end++) {
            const sim_item *item;
            DL_FOREACH(object->streams[end].items, item)
            {
                bytes += sizeof(ipc__item) + item->length;
            }
        }
    }
    return bytes;
}

static void check_counts(sim_world *sim)
{
    uint64_t bytes = sim_memory(sim);
    if (bytes != sim->core.memory) {
        sim_fail(sim, "items of %" PRIu64 " bytes are there, and the hub counts %" PRIu64, bytes, sim->core.memory);
    }
    if (sim->core.refused != sim->model.refused) {
        sim_fail(sim, "%" PRIu64 " puts were refused, and the hub counts %" PRIu64, sim->model.refused,
                 sim->core.refused);
    }
}

static void check_deadlines(sim_world *sim)
{
    const sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        uint64_t patience = (uint64_t)(request->timeout_ms ? request->timeout_ms : 250) * SIM_MS;
        if (request->timeout_ms >= 0 && sim->now >= request->entered + patience) {
            sim_fail(sim, "request %" PRIu64 " of session %u (%s) has waited too long", request->seq,
                     request->peer->number, sim_op_name(request->op));
        }
    }
}

static void check_pins(sim_world *sim)
{
    unsigned count = 0;
    const sim_pin *pin;
    DL_FOREACH(sim->model.pins, pin)
    {
        count++;
    }
    if (count != HASH_COUNT(sim->core.pins)) {
        sim_fail(sim, "the hub has %u pins, the model %u", HASH_COUNT(sim->core.pins), count);
    }
}

/* A stream's timers that run: of its own, of consumers and of producers. */
static size_t count_stream_timers(const ipc__stream *core)
{
    size_t count = (size_t)ipc__timer_armed(&core->rebalance) + ipc__timer_armed(&core->overdue);
    const ipc__sub *sub;
    const ipc__source *source;
    DL_FOREACH(core->subs, sub)
    {
        count += ipc__timer_armed(&sub->validity);
    }
    DL_FOREACH(core->sources, source)
    {
        count += ipc__timer_armed(&source->expiry);
    }
    return count;
}

/* Every timer that runs belongs to something that is there. */
static void check_timers(sim_world *sim)
{
    size_t count = 0;
    const ipc__session *session;
    DL_FOREACH(sim->core.sessions, session)
    {
        const ipc__call *call;
        DL_FOREACH2(session->calls, call, session_next)
        {
            count += ipc__timer_armed(&call->timer);
        }
    }
    const sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        for (int end = 0; end <= (int)object->pipe; end++) {
            count += count_stream_timers(sim_peek_stream(object->core, end));
        }
    }
    for (const ipc__pin *pin = sim->core.pins; pin; pin = pin->hh.next) {
        count += ipc__timer_armed(&pin->expiry);
    }
    if (count != sim->core.timers.count) {
        sim_fail(sim, "%zu timers run, and %zu of them belong to something", sim->core.timers.count, count);
    }
}

void sim_check(sim_world *sim)
{
    sim_model_left(sim);
    check_objects(sim);
    check_sessions(sim);
    check_counts(sim);
    check_deadlines(sim);
    check_pins(sim);
    check_timers(sim);
}

/* ---- when everybody answers ---- */

static void check_prompt_stream(sim_world *sim, const sim_stream *stream, const ipc__stream *core)
{
    if (core->putters && core->credits) {
        sim_fail(sim, "a put waits, and %" PRIu64 " unused credits are not recalled", core->credits);
    }
    const sim_hold *hold;
    DL_FOREACH(stream->object->holds, hold)
    {
        if (stream->counts[SIM_OUT] && sim_incoming(hold) == stream && sim_demands(hold, sim->now) &&
            sim_out_count(hold) == 0) {
            sim_fail(sim, "session %u has nothing on handle %u, and the deliveries of others are not recalled",
                     hold->peer->number, hold->handle);
        }
    }
}

void sim_check_prompt(sim_world *sim)
{
    const sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        for (int end = 0; end <= (int)object->pipe; end++) {
            check_prompt_stream(sim, &object->streams[end], sim_peek_stream(object->core, end));
        }
    }
}

/* ---- when all is quiet ---- */

static void check_quiet_stream(sim_world *sim, const sim_stream *stream, const ipc__stream *core)
{
    if (count_stream_timers(core)) {
        sim_fail(sim, "a timer of a stream runs, and nothing can come of it");
    }
    if (stream->counts[SIM_OUT]) {
        sim_fail(sim, "%" PRIu64 " deliveries are out, and nobody takes them or gives them back",
                 stream->counts[SIM_OUT]);
    }
    if (core->credits) {
        sim_fail(sim, "%" PRIu64 " credits are left, and nobody uses them", core->credits);
    }
    if (core->putters && core->ready_count < stream->object->maxsize) {
        sim_fail(sim, "a put waits although there is room for it");
    }
}

void sim_check_quiet(sim_world *sim)
{
    const sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        for (int end = 0; end <= (int)object->pipe; end++) {
            check_quiet_stream(sim, &object->streams[end], sim_peek_stream(object->core, end));
        }
    }
    const sim_peer *peer;
    DL_FOREACH(sim->peers, peer)
    {
        const sim_pending *pending;
        DL_FOREACH(peer->client.pending, pending)
        {
            if (!sim_request_of(sim, peer, pending->seq)) {
                sim_fail(sim, "request %" PRIu64 " of session %u (%s) was never answered", pending->seq, peer->number,
                         sim_op_name(pending->op));
            }
        }
    }
}
