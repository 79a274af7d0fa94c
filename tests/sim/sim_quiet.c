/*
 * When clients begin nothing any more: whatever is under way comes to its end, and at the end of a run nothing is left.
 * Touches everything of the run. One thread.
 */
#include "sim.h"

#include <inttypes.h>
#include <utlist.h>

enum {
    ROUNDS_MAX = 20000,
    PROMPT_US = 1000 * SIM_MS, /* by then everybody who can help others has been asked: the first after 500 ms at most,
                                  the next ones faster, as something is taken */
};

static bool everybody_receives(sim_world *sim)
{
    bool any = false;
    sim_peer *peer;
    sim_peer *next;
    DL_FOREACH_SAFE(sim->peers, peer, next)
    {
        while (sim_client_receives(peer)) {
            any = true;
        }
        sim_client_settle(peer);
        unsigned number = peer->number;
        while (peer && sim_hub_receives(peer)) {
            any = true;
            DL_SEARCH_SCALAR(sim->peers, peer, number, number);
        }
    }
    return any;
}

/* What a client wants it says again, with all that it has taken. */
static void refresh(sim_peer *peer)
{
    peer->stopped = false;
    for (uint32_t handle = 1; handle < SIM_HANDLES && !peer->client.leaving; handle++) {
        const sim_handle *self = &peer->client.handles[handle];
        if (self->phase == SIM_OPENED && self->receives && !self->deleted) {
            bool wants = self->window && self->demand_until > peer->sim->now;
            sim_send_flow(peer, handle, self->window, wants ? (self->demand_until == UINT64_MAX ? -1 : 100) : 0);
        }
    }
}

/* Let everything happen that is due until then. */
static void settle_until(sim_world *sim, uint64_t until)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        if (everybody_receives(sim)) {
            continue;
        }
        uint64_t due = ipc__core_due(&sim->core);
        if (due > until) {
            return;
        }
        sim_advance(sim, due - sim->now);
    }
    sim_fail(sim, "the hub does not come to rest");
}

void sim_settle(sim_world *sim)
{
    sim_say(sim, "now all is let settle");
    sim->quiet = true;
    sim_peer *peer;
    DL_FOREACH(sim->peers, peer)
    {
        refresh(peer);
    }
    settle_until(sim, sim->now + PROMPT_US);
    sim_check_prompt(sim);
    settle_until(sim, sim->now + 4 * sim->core.validity);
    sim_check_quiet(sim);
    sim->quiet = false;
}

/* ---- the end ---- */

static void end_all(sim_world *sim)
{
    while (sim->peers) {
        sim_peer *peer = sim->peers;
        if (sim_percent(sim, 50)) {
            sim_crash(peer);
            continue;
        }
        if (!peer->client.leaving) {
            sim_send_bye(peer);
        }
        unsigned number = peer->number;
        while (peer && sim_hub_receives(peer)) {
            DL_SEARCH_SCALAR(sim->peers, peer, number, number);
        }
    }
}

/* Process what the only session has sent, and what it is sent. */
static void exchange(sim_peer *peer)
{
    while (sim_hub_receives(peer) || sim_client_receives(peer)) {
    }
}

/* Everything that a named queue still has can be taken and finished. */
static void drain(sim_peer *peer, sim_object *object)
{
    sim_world *sim = peer->sim;
    sim_open_name(peer, 1, false, IPC_OPEN_ATTACH, object->name, &(sim_options){0});
    exchange(peer);
    sim_stream *stream = &object->streams[0];
    while (stream->counts[SIM_HELD]) {
        sim_send_flow(peer, 1, 50, -1);
        exchange(peer);
        bool took = false;
        while (sim_client_take(peer, 1)) {
            took = true;
        }
        if (!took) {
            sim_fail(sim, "%" PRIu64 " items of a queue do not come out", stream->counts[SIM_HELD]);
        }
    }
    sim_send_flow(peer, 1, 0, 0);
    exchange(peer);
    while (object->joinable && sim_live(stream)) {
        sim_send_plain(peer, IPC__OP_DONE_ANY, 1);
        exchange(peer);
    }
    if (object->joinable) {
        sim_send_join(peer, 1, 0);
        exchange(peer);
    }
    sim_send_close(peer, 1);
    exchange(peer);
}

void sim_finish_run(sim_world *sim)
{
    sim_say(sim, "now all sessions end");
    end_all(sim);
    sim->next_peer -= sim->next_peer == SIM_SESSIONS_MAX;
    sim_peer *janitor = sim_arrive(sim);
    while (sim->model.objects) {
        sim_object *object = sim->model.objects;
        if (!object->name) {
            sim_fail(sim, "an object without a name has outlived its holders");
        }
        if (!object->pipe) {
            drain(janitor, object);
        }
        sim_send_unlink(janitor, object->name);
        exchange(janitor);
    }
    sim_send_bye(janitor);
    sim_hub_receives(janitor);
    const ipc__core *core = &sim->core;
    if (core->sessions || core->objects || core->by_name || core->pins || core->memory || core->timers.count ||
        core->rejected) {
        sim_fail(sim, "something is left: %u sessions, %u objects, %" PRIu64 " bytes, %zu timers", core->session_count,
                 core->object_count, core->memory, core->timers.count);
    }
}
