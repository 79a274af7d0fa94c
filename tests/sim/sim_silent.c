/*
 * The model, who is asked to give back and says nothing: others wait for 200 ms once, and then not at all.
 * Touches the model. One thread.
 */
#include "sim.h"
#include "sim_peek.h"

#include <inttypes.h>
#include <utlist.h>

enum { SILENT_US = 200 * SIM_MS };

/* By the hub's count: it is exact, which is checked elsewhere. */
static bool has_credits(const sim_hold *hold)
{
    const ipc__source *source;
    DL_FOREACH(sim_peek_stream(hold->object->core, 0)->sources, source)
    {
        if (hold->peer && source->hold->session == hold->peer->session && source->hold->id == hold->handle) {
            return source->credits > 0;
        }
    }
    return false;
}

static bool is_late(const sim_world *sim, uint64_t since)
{
    return sim->now >= since + SILENT_US;
}

void sim_silent_put(sim_world *sim, const sim_request *request)
{
    sim_hold *hold;
    DL_FOREACH(request->hold->object->holds, hold)
    {
        if (has_credits(hold) && (!hold->uncredited || !is_late(sim, hold->uncredited_at))) {
            sim_fail(sim, "PUT_WAIT was refused before credits were recalled");
        }
        hold->put_silent = hold->put_silent || (hold->uncredited && is_late(sim, request->entered));
    }
}

void sim_silent_poll(sim_world *sim, const sim_request *request)
{
    const sim_stream *stream = sim_incoming(request->hold);
    sim_hold *hold;
    DL_FOREACH(stream->object->holds, hold)
    {
        if (sim_incoming(hold) != stream) {
            continue;
        }
        bool late = hold->recalled && is_late(sim, hold->recalled_at);
        if (sim_out_count(hold) && !late && !is_late(sim, request->entered)) {
            sim_fail(sim, "POLL was answered with nothing before session %u was given time to give back",
                     hold->peer->number);
        }
        hold->poll_silent = hold->poll_silent || (late && is_late(sim, request->entered));
    }
}

static bool may_answer(const sim_hold *hold, const sim_request *request)
{
    if (request->op == IPC__OP_PUT_WAIT) {
        return has_credits(hold) && !hold->put_silent;
    }
    return sim_incoming(hold) == sim_incoming(request->hold) && hold->recalled && !hold->poll_silent;
}

void sim_silent_left(sim_world *sim)
{
    const sim_peer *peer = sim->model.now.peer;
    const sim_request *request = peer ? sim_request_of(sim, peer, sim->model.now.head.seq) : NULL;
    bool impatient =
        request && (request->op == IPC__OP_POLL || (request->op == IPC__OP_PUT_WAIT && request->timeout_ms == 0));
    const sim_hold *hold;
    DL_FOREACH(impatient ? request->hold->object->holds : NULL, hold)
    {
        if (may_answer(hold, request)) {
            return;
        }
    }
    if (impatient) {
        sim_fail(sim, "request %" PRIu64 " of session %u (%s) waits for those who say nothing", request->seq,
                 peer->number, sim_op_name(request->op));
    }
}
