/*
 * What a client model sends: every operation of the protocol, encoded.
 * Touches the client's own state and the network. One thread.
 */
#include "sim.h"

#include <stdlib.h>
#include <utlist.h>

/* ---- envelopes ---- */

static msgpack_packer op_begin(sim_peer *peer, ipc__op op, uint32_t handle, unsigned fields)
{
    sim_client *client = &peer->client;
    msgpack_packer packer = ipc__packer(&client->out.ops);
    ipc__write_op(&packer, op, handle, ++client->seq, fields);
    if (ipc__op_is_request(op)) {
        sim_pending *pending = calloc(1, sizeof *pending);
        if (!pending) {
            sim_fail(peer->sim, "the simulator ran out of memory");
        }
        *pending = (sim_pending){.seq = client->seq, .op = op, .handle = handle};
        DL_APPEND(client->pending, pending);
    }
    return packer;
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

/* What makes a name none may as well be a NUL. */
static void pack_name(sim_world *sim, msgpack_packer *packer, const char *name)
{
    char copy[SIM_NAME_SIZE];
    size_t length = strlen(name);
    memcpy(copy, name, length + 1);
    char *odd = memchr(copy, SIM_NO_TEXT, length);
    if (odd && sim_percent(sim, 50)) {
        *odd = '\0';
    }
    msgpack_pack_str_with_body(packer, copy, length);
}

static void pack_bool(msgpack_packer *packer, bool value)
{
    value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
}

/* ---- opening ---- */

static void pack_options(sim_world *sim, msgpack_packer *packer, const sim_options *options)
{
    msgpack_pack_map(packer, (size_t)options->has_joinable + options->has_maxsize + options->has_redeliver +
                                 options->has_max_deliveries + (options->dead_letter != NULL) + options->has_end +
                                 options->has_simplex);
    if (options->has_joinable) {
        pack_text(packer, "joinable");
        pack_bool(packer, options->joinable);
    }
    if (options->has_maxsize) {
        pack_text(packer, "maxsize");
        msgpack_pack_uint64(packer, options->maxsize);
    }
    if (options->has_redeliver) {
        pack_text(packer, "redeliver");
        msgpack_pack_uint64(packer, options->redeliver);
    }
    if (options->has_max_deliveries) {
        pack_text(packer, "max_deliveries");
        msgpack_pack_uint64(packer, options->max_deliveries);
    }
    if (options->dead_letter) {
        pack_text(packer, "dead_letter");
        pack_name(sim, packer, options->dead_letter);
    }
    if (options->has_end) {
        pack_text(packer, "end");
        msgpack_pack_uint64(packer, options->end);
    }
    if (options->has_simplex) {
        pack_text(packer, "simplex");
        pack_bool(packer, options->simplex);
    }
}

static msgpack_packer open_begin(sim_peer *peer, uint32_t handle, bool pipe, unsigned mode)
{
    sim_handle *self = &peer->client.handles[handle];
    *self = (sim_handle){.phase = SIM_OPENING, .pipe = pipe, .untaken = self->untaken, .held = self->held};
    self->untaken.count = self->held.count = 0;
    msgpack_packer packer = op_begin(peer, IPC__OP_OPEN, handle, 4);
    pack_text(&packer, pipe ? "pipe" : "queue");
    msgpack_pack_unsigned_int(&packer, mode);
    return packer;
}

void sim_open_name(sim_peer *peer, uint32_t handle, bool pipe, unsigned mode, const char *name,
                   const sim_options *options)
{
    msgpack_packer packer = open_begin(peer, handle, pipe, mode);
    if (name) {
        pack_name(peer->sim, &packer, name);
    } else {
        msgpack_pack_nil(&packer);
    }
    pack_options(peer->sim, &packer, options);
    sim_net_send(peer);
}

void sim_open_pin(sim_peer *peer, uint32_t handle, bool pipe, const unsigned char *pin)
{
    msgpack_packer packer = open_begin(peer, handle, pipe, IPC_OPEN_EITHER);
    msgpack_pack_bin_with_body(&packer, pin, SIM_PIN_SIZE);
    msgpack_pack_map(&packer, 0);
    sim_net_send(peer);
}

void sim_open_sibling(sim_peer *peer, uint32_t handle, uint32_t sibling, const sim_options *options)
{
    msgpack_packer packer = open_begin(peer, handle, true, IPC_OPEN_EITHER);
    msgpack_pack_uint32(&packer, sibling);
    pack_options(peer->sim, &packer, options);
    sim_net_send(peer);
}

/* ---- putting ---- */

static void pack_new_value(sim_peer *peer)
{
    sim_world *sim = peer->sim;
    size_t length = 8 + sim_below(sim, 40);
    if (sim_permille(sim, sim->kind.large)) {
        length = IPC__INLINE_MAX + sim_below(sim, 2000);
    }
    unsigned char *value = malloc(length);
    if (!value) {
        sim_fail(sim, "the simulator ran out of memory");
    }
    sim_value_write(value, length, ++sim->next_item);
    if (!ipc__write_value(&peer->client.out, (ipc__bytes){value, length}, NULL)) {
        sim_fail(sim, "the simulator ran out of memory");
    }
    peer->client.sent += length;
    free(value);
}

void sim_send_put(sim_peer *peer, uint32_t handle)
{
    sim_handle *self = &peer->client.handles[handle];
    self->credits -= self->credits > 0;
    op_begin(peer, IPC__OP_PUT, handle, 1);
    pack_new_value(peer);
    if (!peer->client.batching) {
        sim_net_send(peer);
    }
}

void sim_send_put_wait(sim_peer *peer, uint32_t handle, int64_t timeout_ms)
{
    peer->client.handles[handle].put_waits++;
    msgpack_packer packer = op_begin(peer, IPC__OP_PUT_WAIT, handle, 2);
    msgpack_pack_int64(&packer, timeout_ms);
    pack_new_value(peer);
    sim_net_send(peer);
}

void sim_send_uncredited(sim_peer *peer, uint32_t handle, uint64_t credits)
{
    msgpack_packer packer = op_begin(peer, IPC__OP_UNCREDITED, handle, 1);
    peer->client.handles[handle].credits = 0;
    msgpack_pack_uint64(&packer, credits);
    sim_net_send(peer);
}

/* ---- getting ---- */

void sim_send_flow(sim_peer *peer, uint32_t handle, uint64_t window, int64_t wait_ms)
{
    sim_handle *self = &peer->client.handles[handle];
    self->window = window;
    self->demand_until = wait_ms < 0 ? UINT64_MAX : peer->sim->now + (uint64_t)wait_ms * SIM_MS;
    msgpack_packer packer = op_begin(peer, IPC__OP_FLOW, handle, 3);
    msgpack_pack_uint64(&packer, self->taken);
    msgpack_pack_uint64(&packer, window);
    msgpack_pack_int64(&packer, wait_ms);
    sim_net_send(peer);
}

void sim_send_back(sim_peer *peer, uint32_t handle, size_t count)
{
    sim_handle *self = &peer->client.handles[handle];
    uint64_t first = 0;
    for (; count > 0 && self->untaken.count > 0; count--) {
        first = self->untaken.at[--self->untaken.count].position;
        if (peer->lane == SIM_IMMEDIATE) {
            unsigned char *slot = &peer->rings[handle].slots[first - 1];
            *slot = *slot == SIM_READY ? SIM_RETURNING : *slot;
        }
    }
    self->dropping += first > 0;
    msgpack_packer packer = op_begin(peer, IPC__OP_RECALLED, handle, 2);
    msgpack_pack_uint64(&packer, self->taken);
    msgpack_pack_uint64(&packer, first);
    sim_net_send(peer);
}

void sim_send_settle(sim_peer *peer, ipc__op op, uint32_t handle, size_t held)
{
    sim_deliveries *list = &peer->client.handles[handle].held;
    sim_delivery delivery = list->at[held];
    list->count--;
    memmove(list->at + held, list->at + held + 1, (list->count - held) * sizeof *list->at);
    msgpack_packer packer = op_begin(peer, op, handle, 3);
    msgpack_pack_uint64(&packer, delivery.seq);
    msgpack_pack_uint64(&packer, delivery.position);
    msgpack_pack_uint32(&packer, delivery.attempt);
    sim_net_send(peer);
}

/* ---- the rest ---- */

void sim_send_plain(sim_peer *peer, ipc__op op, uint32_t handle)
{
    peer->client.handles[handle].polls += op == IPC__OP_POLL;
    op_begin(peer, op, handle, 0);
    sim_net_send(peer);
}

void sim_send_join(sim_peer *peer, uint32_t handle, int64_t timeout_ms)
{
    msgpack_packer packer = op_begin(peer, IPC__OP_JOIN, handle, 1);
    msgpack_pack_int64(&packer, timeout_ms);
    sim_net_send(peer);
}

void sim_send_cancel(sim_peer *peer, uint64_t target)
{
    msgpack_packer packer = op_begin(peer, IPC__OP_CANCEL, 0, 1);
    msgpack_pack_uint64(&packer, target);
    sim_net_send(peer);
}

void sim_send_shutdown(sim_peer *peer, uint32_t handle, bool immediate)
{
    msgpack_packer packer = op_begin(peer, IPC__OP_SHUTDOWN, handle, 1);
    pack_bool(&packer, immediate);
    sim_net_send(peer);
}

static void send_name(sim_peer *peer, ipc__op op, const char *name)
{
    msgpack_packer packer = op_begin(peer, op, 0, 1);
    pack_name(peer->sim, &packer, name);
    sim_net_send(peer);
}

void sim_send_info(sim_peer *peer, const char *name)
{
    send_name(peer, IPC__OP_INFO, name);
}

void sim_send_unlink(sim_peer *peer, const char *name)
{
    send_name(peer, IPC__OP_UNLINK, name);
}

/* What is taken is said first: the rest goes back as if it had never been here. */
static void report(sim_peer *peer, uint32_t handle)
{
    const sim_handle *self = &peer->client.handles[handle];
    if (self->phase == SIM_OPENED && self->receives && !self->deleted) {
        sim_send_flow(peer, handle, 0, 0);
    }
}

void sim_send_close(sim_peer *peer, uint32_t handle)
{
    sim_handle *self = &peer->client.handles[handle];
    report(peer, handle);
    self->phase = SIM_CLOSING;
    self->untaken.count = self->held.count = 0;
    sim_send_plain(peer, IPC__OP_CLOSE, handle);
}

/* Of a handle that is open, and that receives. */
void sim_send_broken(sim_peer *peer, uint32_t handle)
{
    static const ipc__op ops[] = {IPC__OP_FLOW, IPC__OP_RECALLED, IPC__OP_CANCEL, IPC__OP_OPEN,
                                  IPC__OP_STAT, IPC__OP_INFO,     IPC__OP_BYE,    IPC__OP_REPLY};
    ipc__op op = ops[sim_below(peer->sim, sizeof ops / sizeof ops[0])];
    uint64_t beyond = peer->client.handles[handle].position + 1 + sim_below(peer->sim, 3) + 1000;
    msgpack_packer packer = ipc__packer(&peer->client.out.ops);
    ipc__write_op(&packer, op, handle, ++peer->client.seq, op == IPC__OP_RECALLED ? 2 : 3);
    msgpack_pack_uint64(&packer, beyond);
    msgpack_pack_uint64(&packer, beyond + 1);
    if (op != IPC__OP_RECALLED) {
        msgpack_pack_uint64(&packer, 1);
    }
    sim_net_send(peer);
    peer->client.broken = peer->client.leaving = true;
}

void sim_send_bye(sim_peer *peer)
{
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        report(peer, handle);
    }
    bool says = sim_percent(peer->sim, 50);
    msgpack_packer packer = op_begin(peer, IPC__OP_BYE, 0, says);
    if (says) {
        pack_bool(&packer, sim_percent(peer->sim, 50));
    }
    sim_net_send(peer);
    peer->client.leaving = true;
}
