/*
 * The ZeroMQ lane, the hub's side: one ROUTER socket and its peers. The only file of the hub that knows ZeroMQ.
 * Touches ZeroMQ. Not locked: the hub's thread.
 */
#ifndef IPC__ZMQ_HUB_H
#define IPC__ZMQ_HUB_H

#include "hub/core.h"

#include <ipc/error.h>

typedef struct ipc__zmq_hub ipc__zmq_hub;
typedef struct ipc__zmq_peer ipc__zmq_peer;

enum { IPC__ZMQ_ID_MAX = 16 };

/* Who sent a message: a routing id. */
typedef struct ipc__zmq_id {
    unsigned char bytes[IPC__ZMQ_ID_MAX];
    size_t length;
} ipc__zmq_id;

/* What the lane keeps for a session. */
struct ipc__zmq_peer {
    ipc__zmq_hub *hub;
    ipc__zmq_id id; /* length 0: not bound yet; what is sent waits */
    ipc__outbox out;
    uint64_t acked_sent;
    const uint64_t *acked; /* the session's count */
    bool dirty;
    bool dead; /* nothing can be sent any more */
    void *owner;
    struct ipc__zmq_debt *debt; /* long answers that libzmq has not sent yet; NULL: there were none */
    uint64_t largest;           /* of them, at least */
    ipc__zmq_peer *prev, *next; /* dirty ones */
    UT_hash_handle hh;          /* bound ones, by id */
};

extern const ipc__lane_ops ipc__zmq_lane;

/* Bind. The endpoint that it became (a port for "*") is written back. */
ipc_err ipc__zmq_hub_open(ipc__zmq_hub **out, char *endpoint, size_t size, uint64_t epoch, uint32_t max_message);
void ipc__zmq_hub_close(ipc__zmq_hub *hub);

/* The descriptor to wait on, edge-triggered; and whether something is there, to ask before every wait. */
int ipc__zmq_hub_fd(const ipc__zmq_hub *hub);
bool ipc__zmq_hub_readable(ipc__zmq_hub *hub);

/*
 * Receive a message. 1: id and envelope (the caller frees it) are set, and *peer where the id is bound; 0: nothing is there;
 * -1: it was unusable and is dropped (*peer, where the id is bound, broke the protocol).
 */
int ipc__zmq_hub_receive(ipc__zmq_hub *hub, ipc__zmq_id *id, ipc__zmq_peer **peer, ipc__envelope *envelope);

void ipc__zmq_peer_init(ipc__zmq_peer *peer, ipc__zmq_hub *hub, const uint64_t *acked, void *owner);
void ipc__zmq_peer_fini(ipc__zmq_peer *peer);

/* Bind a peer to an id: what waited is sent. False: it has one already, or memory ran out. */
bool ipc__zmq_peer_bind(ipc__zmq_peer *peer, const ipc__zmq_id *id);

/* Send what waits, to all; peers that the socket cannot reach are marked dead. */
void ipc__zmq_hub_flush(ipc__zmq_hub *hub, uint64_t now);

/* A peer marked dead, to be ended by the caller; NULL for none. */
ipc__zmq_peer *ipc__zmq_hub_dead(ipc__zmq_hub *hub);

/* A sender that no session belongs to: tell it that its session is over. */
void ipc__zmq_hub_stranger(ipc__zmq_hub *hub, const ipc__zmq_id *id, uint64_t now);

/* A sender whose HELLO is refused: the answer, with this thread's error text. */
void ipc__zmq_hub_refuse(ipc__zmq_hub *hub, const ipc__zmq_id *id, uint64_t seq, ipc_err err, uint64_t now);

/* Put bytes taken in since the last envelope to the peer: past a share of the window they are told at once. */
void ipc__zmq_peer_received(ipc__zmq_peer *peer);

#endif
