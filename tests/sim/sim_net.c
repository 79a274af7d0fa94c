/*
 * The fake network: envelopes on their way between a client and the hub, in order and arbitrarily late, and the two
 * kinds of lane. Touches memory alone. One thread.
 */
#include "sim.h"

#include <stdlib.h>
#include <utlist.h>

enum { EPOCH = 0x51e55ed };

/* ---- messages ---- */

/* Move an outbox into a message, behind a header. */
static void post(sim_world *sim, sim_message **queue, ipc__outbox *out, const uint64_t *header, unsigned count)
{
    ipc__buf bytes = {0};
    msgpack_packer packer = ipc__packer(&bytes);
    msgpack_pack_array(&packer, count);
    for (unsigned i = 0; i < count; i++) {
        msgpack_pack_uint64(&packer, header[i]);
    }
    ipc__buf_write(&bytes, (const char *)out->ops.data, out->ops.length);
    sim_message *message = calloc(1, sizeof *message);
    if (!message || bytes.failed || out->ops.failed) {
        sim_fail(sim, "the simulator ran out of memory");
    }
    message->envelope.frames[0] = ipc__block_copy(bytes.data, bytes.length);
    message->envelope.frame_count = 1 + out->frame_count;
    for (unsigned i = 0; i < out->frame_count; i++) {
        message->envelope.frames[1 + i] = out->frames[i];
    }
    out->frame_count = 0;
    ipc__outbox_reset(out);
    ipc__buf_free(&bytes);
    DL_APPEND(*queue, message);
}

void sim_net_send(sim_peer *peer)
{
    if (peer->client.leaving || ipc__outbox_empty(&peer->client.out)) {
        ipc__outbox_reset(&peer->client.out);
        return;
    }
    post(peer->sim, &peer->up, &peer->client.out, (uint64_t[]){EPOCH}, 1);
}

static void flush(sim_peer *peer)
{
    if (!ipc__outbox_empty(&peer->out)) {
        post(peer->sim, &peer->down, &peer->out, (uint64_t[]){EPOCH, peer->sim->now, peer->session->acked}, 3);
    }
}

void sim_net_flush(sim_world *sim)
{
    sim_peer *peer;
    DL_FOREACH(sim->peers, peer)
    {
        flush(peer);
    }
}

sim_message *sim_net_receive(sim_message **queue)
{
    sim_message *message = *queue;
    if (message) {
        DL_DELETE(*queue, message);
    }
    return message;
}

void sim_message_free(sim_message *message)
{
    ipc__envelope_free(&message->envelope);
    free(message);
}

static void drop_all(sim_message **queue)
{
    while (*queue) {
        sim_message_free(sim_net_receive(queue));
    }
}

void sim_peer_free(sim_peer *peer)
{
    drop_all(&peer->up);
    drop_all(&peer->down);
    ipc__outbox_free(&peer->out);
    for (uint32_t handle = 0; handle < SIM_HANDLES; handle++) {
        free(peer->rings[handle].slots);
    }
    sim_client_fini(&peer->client);
    free(peer);
}

/* ---- rings ---- */

static void ring_add(sim_peer *peer, uint32_t handle)
{
    sim_ring *ring = &peer->rings[handle];
    if (ring->count == ring->capacity) {
        ring->capacity = ring->capacity ? 2 * ring->capacity : 16;
        ring->slots = realloc(ring->slots, ring->capacity);
        if (!ring->slots) {
            sim_fail(peer->sim, "the simulator ran out of memory");
        }
    }
    ring->slots[ring->count++] = SIM_READY;
}

uint64_t sim_ring_taken(const sim_peer *peer, uint32_t handle)
{
    const sim_ring *ring = &peer->rings[handle];
    size_t at = ring->count;
    while (at > 0 && ring->slots[at - 1] != SIM_TAKEN) {
        at--;
    }
    return at;
}

void sim_ring_reset(sim_peer *peer, uint32_t handle)
{
    peer->rings[handle].count = 0;
}

void sim_ring_settle(sim_peer *peer, uint32_t handle, uint64_t first)
{
    sim_ring *ring = &peer->rings[handle];
    for (size_t at = first; at <= ring->count; at++) {
        ring->slots[at - 1] = SIM_BACK;
    }
}

/* ---- lanes ---- */

static void lane_send(void *self, const void *op, size_t length)
{
    sim_peer *peer = self;
    ipc__buf_write(&peer->out.ops, op, length);
    sim_model_sent(peer, op, length);
}

/* On either lane the client is told in the order in which the hub acts. */
static void write_delivery(sim_peer *peer, uint32_t handle, const ipc__item *item)
{
    if (ipc__outbox_full(&peer->out) || sim_percent(peer->sim, 10)) {
        flush(peer);
    }
    msgpack_packer packer = ipc__packer(&peer->out.ops);
    ipc__write_op(&packer, IPC__OP_DELIVER, handle, item->seq, 2 + item->late);
    msgpack_pack_uint32(&packer, item->attempt);
    if (!ipc__write_value(&peer->out, ipc__item_bytes(item), ipc__item_block(item))) {
        sim_fail(peer->sim, "the simulator ran out of memory");
    }
    if (item->late) {
        msgpack_pack_true(&packer);
    }
}

static void delayed_deliver(void *self, uint32_t handle, const ipc__item *item)
{
    write_delivery(self, handle, item);
    sim_model_delivered(self, handle, item);
}

static int64_t delayed_recall(void *self, uint32_t handle, uint32_t count)
{
    sim_peer *peer = self;
    sim_model_recall_asked(peer, handle, count);
    msgpack_packer packer = ipc__packer(&peer->out.ops);
    ipc__write_op(&packer, IPC__OP_RECALL, handle, 0, 2);
    msgpack_pack_uint32(&packer, count);
    msgpack_pack_uint32(&packer, 0);
    return IPC__RECALL_LATER;
}

static uint64_t delayed_taken(void *self, uint32_t handle)
{
    (void)self;
    (void)handle;
    return 0;
}

static void immediate_deliver(void *self, uint32_t handle, const ipc__item *item)
{
    ring_add(self, handle);
    write_delivery(self, handle, item);
    sim_model_delivered(self, handle, item);
}

/* The newest deliveries that nobody has taken, those included that the client itself is giving back. */
static int64_t immediate_recall(void *self, uint32_t handle, uint32_t count)
{
    sim_peer *peer = self;
    sim_ring *ring = &peer->rings[handle];
    if (!sim_model_may_recall(peer, handle)) {
        return 0; /* it is closed, or its session ends: nothing is taken any more, and all of it goes back */
    }
    sim_model_recall_asked(peer, handle, count);
    uint32_t back = 0;
    for (size_t at = ring->count; at > 0 && back < count; at--) {
        if (ring->slots[at - 1] == SIM_TAKEN) {
            break;
        }
        back += ring->slots[at - 1] != SIM_BACK;
        ring->slots[at - 1] = SIM_BACK;
    }
    sim_model_recalled(peer, handle, back);
    return back;
}

static uint64_t immediate_taken(void *self, uint32_t handle)
{
    uint64_t taken = sim_ring_taken(self, handle);
    sim_model_taken(self, handle, taken);
    return taken;
}

static void peer_gone(void *self)
{
    sim_peer *peer = self;
    peer->session = NULL; /* the run frees the rest */
}

const ipc__lane_ops sim_delayed_lane = {
    .name = "delayed",
    .send = lane_send,
    .deliver = delayed_deliver,
    .recall = delayed_recall,
    .taken = delayed_taken,
    .peer_gone = peer_gone,
};

const ipc__lane_ops sim_immediate_lane = {
    .name = "immediate",
    .exact = true,
    .send = lane_send,
    .deliver = immediate_deliver,
    .recall = immediate_recall,
    .taken = immediate_taken,
    .peer_gone = peer_gone,
};
