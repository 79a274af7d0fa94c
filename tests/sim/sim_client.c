/*
 * A model of a client: the protocol's rules for one, in the simplest form, and nothing of the library's own client.
 * Touches its own state and what the network brings it. One thread.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

void sim_client_init(sim_peer *peer)
{
    sim_world *sim = peer->sim;
    peer->client.ahead = sim_below(sim, 100 * SIM_MS);
    peer->client.trusts_rings = sim_percent(sim, 50);
}

void sim_client_fini(sim_client *client)
{
    sim_pending *pending;
    sim_pending *next;
    DL_FOREACH_SAFE(client->pending, pending, next)
    {
        free(pending);
    }
    for (uint32_t handle = 0; handle < SIM_HANDLES; handle++) {
        free(client->handles[handle].untaken.at);
        free(client->handles[handle].held.at);
    }
    ipc__outbox_free(&client->out);
}

uint64_t sim_client_now(const sim_peer *peer)
{
    return peer->sim->now + peer->client.ahead;
}

uint64_t sim_client_credits(const sim_peer *peer, uint32_t handle)
{
    const sim_handle *self = &peer->client.handles[handle];
    return self->credits_until > sim_client_now(peer) ? self->credits : 0;
}

/* ---- deliveries ---- */

static void append(sim_world *sim, sim_deliveries *list, const sim_delivery *delivery)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 8;
        list->at = realloc(list->at, list->capacity * sizeof *list->at);
        if (!list->at) {
            sim_fail(sim, "the simulator ran out of memory");
        }
    }
    list->at[list->count++] = *delivery;
}

static void remove_oldest(sim_deliveries *list)
{
    list->count--;
    memmove(list->at, list->at + 1, list->count * sizeof *list->at);
}

/* On the immediate lane, what the hub has taken back is no delivery any more. */
static void look_at_ring(sim_peer *peer, uint32_t handle)
{
    sim_handle *self = &peer->client.handles[handle];
    if (peer->lane == SIM_IMMEDIATE) {
        while (self->untaken.count && peer->rings[handle].slots[self->untaken.at[0].position - 1] != SIM_READY) {
            remove_oldest(&self->untaken);
        }
    }
}

/* Whether the oldest delivery may be taken. */
static bool may_take(sim_peer *peer, uint32_t handle)
{
    sim_handle *self = &peer->client.handles[handle];
    look_at_ring(peer, handle);
    if (self->untaken.count == 0 || peer->client.leaving) {
        return false;
    }
    bool trusting = peer->lane == SIM_IMMEDIATE && peer->client.trusts_rings;
    if (!trusting && self->untaken.at[0].valid_until <= sim_client_now(peer)) {
        sim_send_back(peer, handle, self->untaken.count);
        return false;
    }
    return true;
}

bool sim_client_take(sim_peer *peer, uint32_t handle)
{
    if (!may_take(peer, handle)) {
        return false;
    }
    sim_handle *self = &peer->client.handles[handle];
    sim_delivery delivery = self->untaken.at[0];
    remove_oldest(&self->untaken);
    self->taken = delivery.position;
    if (peer->lane == SIM_IMMEDIATE) {
        peer->rings[handle].slots[delivery.position - 1] = SIM_TAKEN;
    }
    sim_say(peer->sim, "client %u takes item %" PRIu64 " attempt %u at %u:%" PRIu64, peer->number, delivery.item,
            delivery.attempt, handle, delivery.position);
    sim_model_truly_taken(peer, delivery.item, delivery.attempt);
    if (delivery.attempt == 1 && !delivery.late) {
        if (delivery.seq <= self->newest) {
            sim_fail(peer->sim, "client %u took item number %" PRIu64 " for the first time behind number %" PRIu64,
                     peer->number, delivery.seq, self->newest);
        }
        self->newest = delivery.seq;
    }
    if (self->joinable) {
        append(peer->sim, &self->held, &delivery);
    }
    return true;
}

void sim_client_settle(sim_peer *peer)
{
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        sim_handle *self = &peer->client.handles[handle];
        if (self->phase != SIM_OPENED || self->deleted || !self->window || self->demand_until <= peer->sim->now) {
            continue;
        }
        bool took = false;
        while (sim_client_take(peer, handle)) {
            took = true;
        }
        if (took) {
            sim_send_flow(peer, handle, self->window, self->demand_until == UINT64_MAX ? -1 : 100);
        }
    }
}

/* ---- what comes ---- */

typedef struct arrival {
    sim_peer *peer;
    ipc__envelope *envelope;
    ipc__head head;
    sim_handle *handle;
    uint64_t stamp; /* the envelope's now_us */
} arrival;

static uint64_t number(const arrival *in)
{
    uint64_t value;
    if (!ipc__read_uint(&in->envelope->at, &value)) {
        sim_fail(in->peer->sim, "the hub sent %s with a field that is no number", sim_op_name(in->head.op));
    }
    return value;
}

static int64_t signed_number(const arrival *in)
{
    int64_t value;
    if (!ipc__read_int(&in->envelope->at, &value)) {
        sim_fail(in->peer->sim, "the hub sent %s with a field that is no number", sim_op_name(in->head.op));
    }
    return value;
}

static void on_deliver(const arrival *in)
{
    sim_handle *self = in->handle;
    uint32_t attempt = (uint32_t)number(in);
    ipc__bytes value;
    ipc__block *block;
    if (!ipc__read_value(in->envelope, &value, &block)) {
        sim_fail(in->peer->sim, "a delivery without a value");
    }
    bool late = false;
    if (in->head.fields == 3 && !ipc__read_bool(&in->envelope->at, &late)) {
        sim_fail(in->peer->sim, "a delivery that is late or not, nobody knows");
    }
    if (self->phase != SIM_OPENED) {
        return;
    }
    self->position++;
    uint64_t validity = in->peer->sim->core.validity + value.length / IPC__VALIDITY_BYTES_PER_US;
    sim_delivery delivery = {
        .position = self->position,
        .seq = in->head.seq,
        .item = sim_value_read(in->peer->sim, value),
        .attempt = attempt,
        .late = late,
        .valid_until = in->stamp + validity,
    };
    if (!self->dropping && !self->deleted) {
        append(in->peer->sim, &self->untaken, &delivery);
    }
}

static void on_recall(const arrival *in)
{
    uint64_t count = number(in);
    number(in);
    if (in->handle->phase != SIM_OPENED) {
        return;
    }
    while (sim_percent(in->peer->sim, 30) && sim_client_take(in->peer, in->head.handle)) {
    }
    sim_send_back(in->peer, in->head.handle, count);
}

static void on_revoke(const arrival *in)
{
    sim_handle *self = in->handle;
    uint64_t first = number(in);
    uint64_t last = number(in);
    if (self->phase != SIM_OPENED || in->peer->client.leaving) {
        return;
    }
    if (last != self->position) {
        sim_fail(in->peer->sim, "the hub revoked up to position %" PRIu64 " of %" PRIu64, last, self->position);
    }
    bool wants = self->window && self->demand_until > in->peer->sim->now;
    if (wants && (in->peer->sim->quiet || sim_percent(in->peer->sim, 50))) {
        sim_send_flow(in->peer, in->head.handle, self->window, self->demand_until == UINT64_MAX ? -1 : 100);
    } else {
        self->window = 0;
    }
    if (first == 0) {
        self->untaken.count = 0;
        return;
    }
    if (self->dropping-- == 0 || (self->untaken.count && self->untaken.at[self->untaken.count - 1].position >= first)) {
        sim_fail(in->peer->sim, "the hub answered a RECALLED that was not sent");
    }
}

static void on_end(const arrival *in)
{
    sim_handle *self = in->handle;
    int64_t code = signed_number(in);
    if (self->phase != SIM_OPENED || in->peer->client.leaving) {
        return;
    }
    if (code == IPC_EEOF || code == IPC_ESHUTDOWN) {
        look_at_ring(in->peer, in->head.handle);
        if (self->untaken.count) {
            sim_fail(in->peer->sim, "the end came before everything was taken");
        }
        self->ended = self->ended || code == IPC_EEOF;
    } else {
        self->deleted = true;
        self->untaken.count = 0;
    }
}

static void on_credit(const arrival *in)
{
    uint64_t credits = number(in);
    number(in);
    in->handle->credits = sim_client_credits(in->peer, in->head.handle) + credits;
    in->handle->credits_until = in->stamp + in->peer->sim->core.validity;
}

static void on_shut(const arrival *in)
{
    uint64_t first = number(in);
    uint64_t second = number(in);
    if (first || second) {
        sim_fail(in->peer->sim, "SHUT came with numbers that mean nothing");
    }
    in->handle->shut = true;
    in->handle->credits = 0;
}

static void on_uncredit(const arrival *in)
{
    number(in);
    number(in);
    sim_peer *peer = in->peer;
    if (in->handle->phase != SIM_OPENED) {
        return;
    }
    sim_send_uncredited(peer, in->head.handle, sim_client_credits(peer, in->head.handle));
}

/* ---- answers ---- */

static void read_options(const arrival *in)
{
    sim_handle *self = in->handle;
    uint64_t maxsize = 0;
    uint64_t end = 1;
    bool simplex = false;
    bool present;
    ipc_cursor options = in->envelope->at;
    if (!ipc__option_uint(options, "maxsize", &maxsize, &present) ||
        !ipc__option_uint(options, "end", &end, &present) ||
        !ipc__option_bool(options, "joinable", &self->joinable, &present) ||
        !ipc__option_bool(options, "shut", &self->shut, &present) ||
        !ipc__option_bool(options, "simplex", &simplex, &present)) {
        sim_fail(in->peer->sim, "OPEN was answered with broken options");
    }
    self->bounded = maxsize > 0;
    self->receives = !self->pipe || !simplex || end == 1;
    self->sends = !self->pipe || !simplex || end == 2;
}

static void on_opened(const arrival *in, int64_t code)
{
    in->handle->phase = code == IPC_OK ? SIM_OPENED : SIM_FREE;
    if (code == IPC_OK) {
        read_options(in);
    }
}

static void on_pin(const arrival *in, int64_t code)
{
    sim_world *sim = in->peer->sim;
    ipc__bytes pin;
    if (code) {
        return;
    }
    if (!ipc__read_bin(&in->envelope->at, &pin) || pin.length != SIM_PIN_SIZE) {
        sim_fail(sim, "PIN was answered without a pin");
    }
    unsigned at = sim->pin_count++ % SIM_PINS;
    memcpy(sim->pins[at].bytes, pin.data, SIM_PIN_SIZE);
    sim->pins[at].pipe = in->handle->pipe;
}

static void on_closed(const arrival *in)
{
    in->handle->phase = SIM_FREE;
    const sim_pending *pending;
    DL_SEARCH_SCALAR(in->peer->client.pending, pending, handle, in->head.handle);
    if (pending) {
        sim_fail(in->peer->sim, "handle %u of client %u is closed, and request %" PRIu64 " has no answer",
                 in->head.handle, in->peer->number, pending->seq);
    }
}

static void on_reply(const arrival *in)
{
    sim_client *client = &in->peer->client;
    int64_t code = signed_number(in);
    sim_pending *pending;
    DL_SEARCH_SCALAR(client->pending, pending, seq, in->head.seq);
    if (!pending || pending->handle != in->head.handle) {
        sim_fail(in->peer->sim, "client %u got an answer to %" PRIu64 ", which waits for none", in->peer->number,
                 in->head.seq);
    }
    DL_DELETE(client->pending, pending);
    ipc__op op = pending->op;
    free(pending);
    if (op == IPC__OP_OPEN) {
        on_opened(in, code);
    } else if (op == IPC__OP_CLOSE) {
        on_closed(in);
    } else if (op == IPC__OP_PIN) {
        on_pin(in, code);
    }
    in->handle->polls -= op == IPC__OP_POLL;
    in->handle->put_waits -= op == IPC__OP_PUT_WAIT;
}

/* ---- envelopes ---- */

static void on_operation(const arrival *in)
{
    switch (in->head.op) {
    case IPC__OP_REPLY:
        on_reply(in);
        break;
    case IPC__OP_DELIVER:
        on_deliver(in);
        break;
    case IPC__OP_RECALL:
        on_recall(in);
        break;
    case IPC__OP_REVOKE:
        on_revoke(in);
        break;
    case IPC__OP_END:
        on_end(in);
        break;
    case IPC__OP_CREDIT:
        on_credit(in);
        break;
    case IPC__OP_UNCREDIT:
        on_uncredit(in);
        break;
    case IPC__OP_SHUT:
        on_shut(in);
        break;
    case IPC__OP_FAIL:
        break;
    default:
        sim_fail(in->peer->sim, "the hub sent %s", sim_op_name(in->head.op));
    }
}

/* Where the next operation begins: a field that nobody reads is stepped over. */
static void step_over(sim_world *sim, ipc_cursor *at)
{
    if (ipc_cursor_skip(at)) {
        sim_fail(sim, "the hub sent broken operations");
    }
}

bool sim_client_receives(sim_peer *peer)
{
    sim_message *message = sim_net_receive(&peer->down);
    if (!message) {
        return false;
    }
    uint64_t header[3];
    if (!ipc__envelope_open(&message->envelope, header, 3) || header[2] < peer->client.acked ||
        header[2] > peer->client.sent) {
        sim_fail(peer->sim, "the hub sent a broken header");
    }
    peer->client.acked = header[2];
    while (ipc__envelope_more(&message->envelope)) {
        arrival in = {.peer = peer, .envelope = &message->envelope, .stamp = header[1]};
        ipc_cursor next = message->envelope.at;
        step_over(peer->sim, &next);
        if (!ipc__envelope_next(&message->envelope, &in.head) || in.head.handle >= SIM_HANDLES) {
            sim_fail(peer->sim, "the hub sent a broken operation");
        }
        in.handle = &peer->client.handles[in.head.handle];
        on_operation(&in);
        message->envelope.at.at = next.at;
    }
    sim_message_free(message);
    return true;
}
