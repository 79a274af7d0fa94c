/*
 * What happens to the hub core: sessions come and go, operations arrive, time passes; the model is told before, and
 * everything is checked behind.
 * Touches the core, the model and the network. One thread.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

static void step_done(sim_world *sim)
{
    sim_net_flush(sim);
    sim_check(sim);
}

/* ---- sessions ---- */

static sim_peer *peer_new(sim_world *sim, sim_lane lane)
{
    if (sim->next_peer == SIM_SESSIONS_MAX) {
        return NULL;
    }
    sim_peer *peer = calloc(1, sizeof *peer);
    if (!peer) {
        sim_fail(sim, "the simulator ran out of memory");
    }
    peer->sim = sim;
    peer->number = ++sim->next_peer;
    peer->lane = lane;
    peer->sloth = sim_percent(sim, sim->kind.slow) ? sim_below(sim, 10) : 0;
    sim_client_init(peer);
    return peer;
}

/* Whether the hub takes a session as it must; one that it does not take is forgotten. */
static bool admitted(sim_peer *peer, ipc_err err)
{
    sim_world *sim = peer->sim;
    unsigned sessions = 0;
    const sim_peer *other;
    DL_COUNT(sim->peers, other, sessions);
    ipc_err expected = sessions >= sim->core.options.max_sessions ? IPC_ESESSIONS : IPC_OK;
    if (err != expected) {
        sim_fail(sim, "the hub, which has %u sessions, takes another one with %d, not %d", sessions, err, expected);
    }
    if (err) {
        sim_peer_free(peer);
    }
    return !err;
}

sim_peer *sim_arrive(sim_world *sim)
{
    static const unsigned char words[] = "sim";
    sim_peer *peer = peer_new(sim, sim_percent(sim, sim->kind.immediate) ? SIM_IMMEDIATE : SIM_DELAYED);
    if (!peer) {
        return NULL;
    }
    ipc__identity who = {{words, 3}, {words, 3}, peer->number};
    const ipc__lane_ops *lane = peer->lane == SIM_IMMEDIATE ? &sim_immediate_lane : &sim_delayed_lane;
    if (!admitted(peer, ipc__core_session(&sim->core, lane, peer, &who, &peer->session))) {
        return NULL;
    }
    DL_APPEND(sim->peers, peer);
    sim_say(sim, "session %u comes, on the %s lane", peer->number, lane->name);
    step_done(sim);
    return peer;
}

/* The handles that a client knows to be open, as a child has them. */
static unsigned copy_handles(sim_client *child, const sim_client *parent, bool *copied)
{
    unsigned count = 0;
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        const sim_handle *twin = &parent->handles[handle];
        copied[handle] = twin->phase == SIM_OPENED && !twin->deleted;
        if (copied[handle]) {
            child->handles[handle] = (sim_handle){.phase = SIM_OPENED,
                                                  .pipe = twin->pipe,
                                                  .joinable = twin->joinable,
                                                  .bounded = twin->bounded,
                                                  .receives = twin->receives,
                                                  .sends = twin->sends};
            count++;
        }
    }
    return count;
}

sim_peer *sim_fork(sim_peer *parent)
{
    sim_world *sim = parent->sim;
    sim_peer *child = peer_new(sim, parent->lane);
    if (!child) {
        return NULL;
    }
    bool copied[SIM_HANDLES] = {false};
    ipc__buf numbers = {0};
    msgpack_packer packer = ipc__packer(&numbers);
    msgpack_pack_array(&packer, copy_handles(&child->client, &parent->client, copied));
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        if (copied[handle]) {
            msgpack_pack_uint32(&packer, handle);
        }
    }
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, numbers.data, numbers.length);
    ipc_err err = ipc__core_fork(parent->session, parent->session->lane, child, cursor, &child->session);
    ipc__buf_free(&numbers);
    child->forked = true;
    if (!admitted(child, err)) {
        return NULL;
    }
    DL_APPEND(sim->peers, child);
    sim_say(sim, "session %u is forked: %u", parent->number, child->number);
    sim_model_forked(parent, child, copied);
    step_done(sim);
    return child;
}

static void end_session(sim_peer *peer, ipc__end end)
{
    sim_world *sim = peer->sim;
    sim_say(sim, "session %u ends%s", peer->number, end == IPC__END_CRASH ? " in a crash" : "");
    sim_model_end(peer, end);
    ipc__core_session_end(peer->session, end, sim->now);
    sim_model_ended(peer);
    DL_DELETE(sim->peers, peer);
    bool told = peer->session == NULL;
    sim_peer_free(peer);
    if (!told) {
        sim_fail(sim, "the lane was not told that its peer is gone");
    }
    step_done(sim);
}

void sim_crash(sim_peer *peer)
{
    end_session(peer, IPC__END_CRASH);
}

/* ---- operations ---- */

/* What the hub must say to a message. */
static ipc_err expect(sim_peer *peer, const sim_message *message)
{
    if (peer->client.broken && !peer->up) {
        ipc__envelope copy = message->envelope;
        ipc__head head = {0};
        bool open = ipc__envelope_next(&copy, &head) && peer->mirror.holds[head.handle];
        sim_say(peer->sim, "session %u breaks the protocol with %s", peer->number, sim_op_name(head.op));
        return open || head.op < IPC__OP_OBJECT ? IPC_EPROTO : IPC_OK;
    }
    sim_model_enter(peer, message->envelope);
    return peer->sim->model.now.head.op == IPC__OP_BYE ? IPC_ECLOSED : IPC_OK;
}

bool sim_hub_receives(sim_peer *peer)
{
    sim_world *sim = peer->sim;
    sim_message *message = sim_net_receive(&peer->up);
    if (!message) {
        return false;
    }
    uint64_t epoch;
    if (!ipc__envelope_open(&message->envelope, &epoch, 1)) {
        sim_fail(sim, "the simulator's client sent a broken header");
    }
    ipc_err expected = expect(peer, message);
    ipc_err err = ipc__core_input(peer->session, &message->envelope, sim->now);
    sim_message_free(message);
    if (err != expected) {
        sim_fail(sim, "the hub ends session %u with %d (%s), not %d", peer->number, err, ipc_last_error(), expected);
    }
    step_done(sim);
    if (err || (peer->client.broken && !peer->up)) {
        end_session(peer, err != IPC_ECLOSED ? IPC__END_CRASH : IPC__END_CLEAN);
    }
    return true;
}

/* ---- time ---- */

void sim_advance(sim_world *sim, uint64_t by)
{
    sim->now += by;
    if (ipc__core_due(&sim->core) < sim->now) {
        sim->late = sim->now;
    }
    sim_say(sim, "the time is %" PRIu64 ".%06" PRIu64, sim->now / IPC__US_PER_S, sim->now % IPC__US_PER_S);
    sim_model_expire(sim, sim->now);
    ipc__core_advance(&sim->core, sim->now);
    if (ipc__core_due(&sim->core) <= sim->now) {
        sim_fail(sim, "a timer is late");
    }
    step_done(sim);
}
