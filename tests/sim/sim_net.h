/*
 * The fake network: envelopes on their way between a client and the hub, in order and arbitrarily late, and the two
 * kinds of lane. Touches memory alone. One thread.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "wire/envelope.h"

typedef enum sim_lane {
    SIM_DELAYED,   /* as over sockets: everything is a message, and answers come later */
    SIM_IMMEDIATE, /* as in shared memory: the state of every delivery is known to both sides at once */
} sim_lane;

typedef enum sim_slot {
    SIM_READY,
    SIM_TAKEN,
    SIM_RETURNING, /* the client gives it back, and the hub has not heard of it */
    SIM_BACK,      /* the hub has it again */
} sim_slot;

/* The deliveries of one handle on the immediate lane, by position. */
typedef struct sim_ring {
    unsigned char *slots;
    size_t count;
    size_t capacity;
} sim_ring;

typedef struct sim_message {
    ipc__envelope envelope;
    struct sim_message *prev, *next;
} sim_message;

/* A session's place in the world: what the core calls its lane's peer. */
struct sim_peer {
    sim_world *sim;
    unsigned number; /* from 1 */
    sim_lane lane;
    bool forked;
    ipc__session *session;
    bool stopped;    /* its process is stopped */
    unsigned sloth;  /* of ten chances to be heard it misses so many */
    ipc__outbox out; /* from the hub, not sent yet */
    sim_message *up, *down;
    sim_ring rings[SIM_HANDLES];
    sim_client client;
    sim_mirror mirror;
    struct sim_peer *prev, *next;
};

extern const ipc__lane_ops sim_delayed_lane;
extern const ipc__lane_ops sim_immediate_lane;

/* Send what the client has written. */
void sim_net_send(sim_peer *peer);

/* Send what the hub has written, to everybody. */
void sim_net_flush(sim_world *sim);

/* Take the oldest message of a direction; NULL: none. The caller frees it. */
sim_message *sim_net_receive(sim_message **queue);
void sim_message_free(sim_message *message);

/* The position up to which an immediate handle's deliveries are taken. */
uint64_t sim_ring_taken(const sim_peer *peer, uint32_t handle);
void sim_ring_reset(sim_peer *peer, uint32_t handle);

/* The hub learns what the client gave back, from a position on. */
void sim_ring_settle(sim_peer *peer, uint32_t handle, uint64_t first);

void sim_peer_free(sim_peer *peer);

#endif
