/*
 * The ZeroMQ lane, the hub's side: one ROUTER socket and its peers.
 * Touches ZeroMQ. Not locked: the hub's thread.
 */
#include "lane/zmq_hub.h"

#include "hub/stream.h"
#include "lane/zmq_context.h"
#include "util/clock.h"
#include "util/error.h"
#include "wire/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

enum { LINGER_MS = 200, BIND_TRIES = 50, BIND_PAUSE_NS = 5 * 1000 * 1000 };

/* What a session asks for and does not read is not kept without end. */
enum {
    LONG_ANSWER = 8 * 1024,         /* it travels alone, and is known until it is sent */
    DEBT_LIMIT = 128 * 1024 * 1024, /* bytes of such answers that are not sent yet: the session is dropped, */
    ANSWERS_LIMIT = 8,              /* if they are so many as the largest of them: one may be longer than that alone */
};

struct ipc__zmq_hub {
    void *router;
    uint64_t epoch;
    int fd;
    ipc__zmq_peer *bound;
    ipc__zmq_peer *dirty;
    ipc__zmq_peer *dead;
    ipc__buf header;
    char endpoint[IPC__PATH_MAX + 16];
};

/* ---- the socket ---- */

static void set_int(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

/* libzmq lets go of an address some time after its socket was closed: one that was just given up is waited for. */
static int bind_patiently(void *router, const char *endpoint)
{
    for (int tries = 0;; tries++) {
        if (zmq_bind(router, endpoint) == 0) {
            return 0;
        }
        if (errno != EADDRINUSE || tries == BIND_TRIES) {
            return -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = BIND_PAUSE_NS}, NULL);
        errno = EADDRINUSE;
    }
}

static ipc_err bind_router(ipc__zmq_hub *hub, char *endpoint, size_t size, uint32_t max_message)
{
    set_int(hub->router, ZMQ_LINGER, LINGER_MS);
    set_int(hub->router, ZMQ_SNDHWM, 0);
    set_int(hub->router, ZMQ_SNDBUF, 1024 * 1024);
    set_int(hub->router, ZMQ_RCVHWM, 0);
    set_int(hub->router, ZMQ_ROUTER_MANDATORY, 1);
    set_int(hub->router, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    int64_t limit = (int64_t)max_message + 2 * IPC__BATCH_BYTES;
    zmq_setsockopt(hub->router, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
    if (bind_patiently(hub->router, endpoint) != 0) {
        if (errno == EADDRINUSE) {
            return ipc__fail(IPC_EADDRINUSE, "%s is in use", endpoint);
        }
        return ipc__fail_errno("cannot bind %s", endpoint);
    }
    zmq_getsockopt(hub->router, ZMQ_LAST_ENDPOINT, endpoint, &size);
    snprintf(hub->endpoint, sizeof hub->endpoint, "%s", endpoint);
    size = sizeof hub->fd;
    zmq_getsockopt(hub->router, ZMQ_FD, &hub->fd, &size);
    return IPC_OK;
}

ipc_err ipc__zmq_hub_open(ipc__zmq_hub **out, char *endpoint, size_t size, uint64_t epoch, uint32_t max_message)
{
    ipc__zmq_hub *hub = calloc(1, sizeof *hub);
    void *context = hub ? ipc__zmq_context_acquire() : NULL;
    if (!context) {
        free(hub);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    hub->epoch = epoch;
    hub->router = zmq_socket(context, ZMQ_ROUTER);
    ipc_err err =
        hub->router ? bind_router(hub, endpoint, size, max_message) : ipc__fail_errno("cannot make a ZeroMQ socket");
    if (err) {
        ipc__zmq_hub_close(hub);
        return err;
    }
    *out = hub;
    return IPC_OK;
}

void ipc__zmq_hub_close(ipc__zmq_hub *hub)
{
    if (!hub) {
        return;
    }
    if (hub->router) {
        zmq_unbind(hub->router, hub->endpoint); /* at once: closing lets go of the address some time later */
        zmq_close(hub->router);
    }
    ipc__zmq_context_release();
    ipc__buf_free(&hub->header);
    free(hub);
}

int ipc__zmq_hub_fd(const ipc__zmq_hub *hub)
{
    return hub->fd;
}

bool ipc__zmq_hub_readable(ipc__zmq_hub *hub)
{
    int events = 0;
    size_t size = sizeof events;
    int result;
    do {
        result = zmq_getsockopt(hub->router, ZMQ_EVENTS, &events, &size);
    } while (result != 0 && errno == EINTR);
    return result == 0 && (events & ZMQ_POLLIN);
}

/* ---- receiving ---- */

int ipc__zmq_hub_receive(ipc__zmq_hub *hub, ipc__zmq_id *id, ipc__zmq_peer **peer, ipc__envelope *envelope)
{
    *peer = NULL;
    zmq_msg_t first;
    zmq_msg_init(&first);
    int result;
    do {
        result = zmq_msg_recv(&first, hub->router, ZMQ_DONTWAIT);
    } while (result < 0 && errno == EINTR);
    if (result < 0) {
        return 0;
    }
    id->length = zmq_msg_size(&first);
    bool usable = id->length <= IPC__ZMQ_ID_MAX && zmq_msg_more(&first);
    if (usable) {
        memcpy(id->bytes, zmq_msg_data(&first), id->length);
        HASH_FIND(hh, hub->bound, id->bytes, id->length, *peer);
    }
    bool more = zmq_msg_more(&first);
    zmq_msg_close(&first);
    if (more && ipc__zmq_receive(hub->router, envelope) != 1) {
        return -1;
    }
    if (!usable && more) {
        ipc__envelope_free(envelope);
    }
    return usable ? 1 : -1;
}

/* ---- sending ---- */

/* Where the header is, of an envelope to a peer. False: out of memory. */
static bool pack_header(ipc__zmq_hub *hub, uint64_t acked, uint64_t now)
{
    ipc__buf_reset(&hub->header);
    msgpack_packer packer = ipc__packer(&hub->header);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_uint64(&packer, hub->epoch);
    msgpack_pack_uint64(&packer, now);
    msgpack_pack_uint64(&packer, acked);
    return !hub->header.failed;
}

/* The first frame, which tells ROUTER whom the message is for. */
static int send_id(ipc__zmq_hub *hub, const ipc__zmq_id *id)
{
    int result;
    do {
        result = zmq_send(hub->router, id->bytes, id->length, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ? -1 : 0;
    } while (result < 0 && errno == EINTR);
    return result;
}

static int flush_to(ipc__zmq_hub *hub, const ipc__zmq_id *id, ipc__outbox *out, uint64_t acked, uint64_t now)
{
    if (!pack_header(hub, acked, now) || out->ops.failed) {
        return -1;
    }
    int result = send_id(hub, id);
    if (result == 0 && ipc__zmq_send(hub->router, &hub->header, out) != 0) {
        zmq_send(hub->router, "", 0, ZMQ_DONTWAIT); /* end the message, broken as it is: the peer drops it */
        result = -1;
    }
    return result;
}

static void undirty(ipc__zmq_peer *peer)
{
    if (peer->dirty) {
        DL_DELETE(peer->hub->dirty, peer);
        peer->dirty = false;
    }
}

static void mark_dirty(ipc__zmq_peer *peer)
{
    if (!peer->dirty && !peer->dead && peer->id.length) {
        DL_APPEND(peer->hub->dirty, peer);
        peer->dirty = true;
    }
}

static void give_up(ipc__zmq_peer *peer)
{
    undirty(peer);
    ipc__outbox_reset(&peer->out);
    peer->dead = true;
    DL_APPEND(peer->hub->dead, peer);
}

static void flush_peer(ipc__zmq_peer *peer, uint64_t now)
{
    undirty(peer);
    peer->acked_sent = *peer->acked;
    if (flush_to(peer->hub, &peer->id, &peer->out, peer->acked_sent, now) != 0) {
        give_up(peer);
    }
}

/* ---- long answers ---- */

/* Of one session; libzmq's threads pay it back. */
struct ipc__zmq_debt {
    atomic_uint refs;
    atomic_uint_least64_t bytes;
};

struct answer {
    ipc__block base;
    struct ipc__zmq_debt *debt;
    unsigned char bytes[];
};

static struct ipc__zmq_debt *debt_new(void)
{
    struct ipc__zmq_debt *debt = calloc(1, sizeof *debt);
    if (debt) {
        atomic_init(&debt->refs, 1);
    }
    return debt;
}

static void debt_unref(struct ipc__zmq_debt *debt)
{
    if (debt && atomic_fetch_sub_explicit(&debt->refs, 1, memory_order_acq_rel) == 1) {
        free(debt);
    }
}

static void answer_release(ipc__block *base)
{
    struct answer *answer = (struct answer *)base;
    atomic_fetch_sub_explicit(&answer->debt->bytes, base->length, memory_order_relaxed);
    debt_unref(answer->debt);
    free(answer);
}

static ipc__block *answer_new(struct ipc__zmq_debt *debt, const ipc__buf *header, const void *op, size_t length)
{
    struct answer *answer = malloc(sizeof *answer + header->length + length);
    if (!answer) {
        return NULL;
    }
    memcpy(answer->bytes, header->data, header->length);
    memcpy(answer->bytes + header->length, op, length);
    atomic_init(&answer->base.refs, 1);
    answer->base.data = answer->bytes;
    answer->base.length = header->length + length;
    answer->base.release = answer_release;
    answer->debt = debt;
    atomic_fetch_add_explicit(&debt->refs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&debt->bytes, answer->base.length, memory_order_relaxed);
    return &answer->base;
}

/* Whether it has asked for more than anybody would, and reads none of it. */
static bool owes_too_much(ipc__zmq_peer *peer, size_t length)
{
    uint64_t owed = atomic_load_explicit(&peer->debt->bytes, memory_order_relaxed);
    peer->largest = owed && peer->largest > length ? peer->largest : length;
    return owed > DEBT_LIMIT && owed > ANSWERS_LIMIT * peer->largest;
}

/* Behind what was sent before. False: the peer is given up. */
static bool send_answer(ipc__zmq_peer *peer, const void *op, size_t length)
{
    ipc__zmq_hub *hub = peer->hub;
    uint64_t now = ipc__now();
    if (!ipc__outbox_empty(&peer->out)) {
        flush_peer(peer, now);
    }
    peer->debt = peer->debt ? peer->debt : debt_new();
    if (peer->dead || !peer->debt) {
        return false;
    }
    peer->acked_sent = *peer->acked;
    if (owes_too_much(peer, length) || !pack_header(hub, peer->acked_sent, now)) {
        return false;
    }
    ipc__block *answer = answer_new(peer->debt, &hub->header, op, length);
    bool sent = answer && send_id(hub, &peer->id) == 0;
    if (sent && ipc__zmq_send_block(hub->router, answer, false) != 0) {
        zmq_send(hub->router, "", 0, ZMQ_DONTWAIT); /* end the message, broken as it is: the peer drops it */
        sent = false;
    }
    ipc__block_unref(answer);
    return sent;
}

void ipc__zmq_hub_flush(ipc__zmq_hub *hub, uint64_t now)
{
    while (hub->dirty) {
        flush_peer(hub->dirty, now);
    }
}

ipc__zmq_peer *ipc__zmq_hub_dead(ipc__zmq_hub *hub)
{
    return hub->dead;
}

void ipc__zmq_hub_stranger(ipc__zmq_hub *hub, const ipc__zmq_id *id, uint64_t now)
{
    ipc__outbox out = {0};
    msgpack_packer packer = ipc__packer(&out.ops);
    ipc__write_op(&packer, IPC__OP_END, 0, 0, 1);
    msgpack_pack_int(&packer, IPC_ELOST);
    flush_to(hub, id, &out, 0, now);
    ipc__outbox_free(&out);
}

void ipc__zmq_hub_refuse(ipc__zmq_hub *hub, const ipc__zmq_id *id, uint64_t seq, ipc_err err, uint64_t now)
{
    const char *words = ipc_last_error();
    ipc__outbox out = {0};
    msgpack_packer packer = ipc__packer(&out.ops);
    ipc__write_op(&packer, IPC__OP_REPLY, 0, seq, 2);
    msgpack_pack_int(&packer, err);
    ipc__pack_text(&packer, words);
    flush_to(hub, id, &out, 0, now);
    ipc__outbox_free(&out);
}

void ipc__zmq_peer_received(ipc__zmq_peer *peer)
{
    if (*peer->acked - peer->acked_sent >= IPC__WINDOW / 4) {
        mark_dirty(peer);
    }
}

/* ---- peers ---- */

void ipc__zmq_peer_init(ipc__zmq_peer *peer, ipc__zmq_hub *hub, const uint64_t *acked, void *owner)
{
    *peer = (ipc__zmq_peer){.hub = hub, .acked = acked, .owner = owner};
}

void ipc__zmq_peer_fini(ipc__zmq_peer *peer)
{
    undirty(peer);
    if (peer->dead) {
        DL_DELETE(peer->hub->dead, peer);
    }
    if (peer->id.length) {
        HASH_DEL(peer->hub->bound, peer);
    }
    ipc__outbox_free(&peer->out);
    debt_unref(peer->debt);
}

bool ipc__zmq_peer_bind(ipc__zmq_peer *peer, const ipc__zmq_id *id)
{
    if (peer->id.length) {
        return false;
    }
    peer->id = *id;
    HASH_ADD(hh, peer->hub->bound, id.bytes, peer->id.length, peer);
    if (!peer->hh.tbl) {
        peer->id.length = 0;
        return false;
    }
    mark_dirty(peer);
    return true;
}

/* ---- the lane ---- */

static void lane_send(void *self, const void *op, size_t length)
{
    ipc__zmq_peer *peer = self;
    if (peer->dead) {
        return;
    }
    if (length < LONG_ANSWER || !peer->id.length) {
        ipc__buf_write(&peer->out.ops, op, length);
        mark_dirty(peer);
    } else if (!send_answer(peer, op, length) && !peer->dead) {
        give_up(peer);
    }
}

static void lane_deliver(void *self, uint32_t handle, const ipc__item *item)
{
    ipc__zmq_peer *peer = self;
    if (peer->dead) {
        return;
    }
    if (ipc__outbox_full(&peer->out) && peer->id.length) {
        flush_peer(peer, ipc__now());
    }
    msgpack_packer packer = ipc__packer(&peer->out.ops);
    ipc__write_op(&packer, IPC__OP_DELIVER, handle, item->seq, 2 + item->late);
    ipc__write_number(&peer->out.ops, item->attempt);
    if (!ipc__write_value(&peer->out, ipc__item_bytes(item), ipc__item_block(item))) {
        peer->out.ops.failed = true; /* the flush fails, and the session with it: its items go back */
    }
    if (item->late) {
        msgpack_pack_true(&packer);
    }
    mark_dirty(peer);
}

static int64_t lane_recall(void *self, uint32_t handle, uint32_t count)
{
    ipc__zmq_peer *peer = self;
    if (!peer->dead) {
        msgpack_packer packer = ipc__packer(&peer->out.ops);
        ipc__write_op(&packer, IPC__OP_RECALL, handle, 0, 2);
        msgpack_pack_uint32(&packer, count);
        msgpack_pack_uint32(&packer, 0);
        mark_dirty(peer);
    }
    return IPC__RECALL_LATER;
}

static uint64_t lane_taken(void *self, uint32_t handle)
{
    (void)self;
    (void)handle;
    return 0; /* clients tell: FLOW, DONE */
}

static void lane_peer_gone(void *self)
{
    (void)self; /* the loop frees what is its own */
}

const ipc__lane_ops ipc__zmq_lane = {
    .name = "zmq",
    .send = lane_send,
    .deliver = lane_deliver,
    .recall = lane_recall,
    .taken = lane_taken,
    .peer_gone = lane_peer_gone,
};
