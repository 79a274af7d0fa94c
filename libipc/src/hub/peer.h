/*
 * Peers: a session's control socket, its lane and its place in the core, bound together by a token.
 * Touches the control sockets, the lane and the core. Not locked: the hub's thread.
 */
#ifndef IPC__PEER_H
#define IPC__PEER_H

#include "hub/core.h"
#include "lane/shm_hub.h"
#include "lane/zmq_hub.h"
#include "wire/control.h"

typedef struct ipc__peer ipc__peer;

/* What peers share. */
typedef struct ipc__hubside {
    ipc__core core;
    ipc__zmq_hub *zmq;
    ipc__shm_hub shm;
    uint64_t epoch;
    const ipc__address *address;
    int epoll;
    ipc__peer *peers;
    uint64_t peer_count;
    ipc__peer *by_token;
    ipc__peer *ended; /* to be freed when nobody looks at them any more */
    unsigned char packet[IPC__FORK_PACKET_MAX];
} ipc__hubside;

/* A control socket came; it is the peer's now. check: whether to ask whose it is. */
void ipc__peer_new(ipc__hubside *side, int control, bool check);

/* Its control socket has something: packets, or its end. */
void ipc__peer_control(ipc__peer *peer);

/* What epoll says of a peer's eventfd, beside its control socket; and what to do then: it has something in its memory. */
static inline void *ipc__peer_mark(ipc__peer *peer)
{
    return (char *)(void *)peer + 1;
}
static inline bool ipc__peer_is_marked(const void *what)
{
    return ((uintptr_t)what & 1) != 0;
}
void ipc__peer_awake(void *mark);

/* Take what active peers have put into their memory. Whether any had something. */
bool ipc__peers_take(ipc__hubside *side);

/* Read a peer's control socket while its memory is read. */
void ipc__peer_fetch(void *owner);

/* An envelope from an id came, of a peer that is bound (or NULL). */
void ipc__peer_input(ipc__hubside *side, const ipc__zmq_id *id, ipc__peer *peer, ipc__envelope *envelope);

/* It broke the protocol. */
void ipc__peer_reject(ipc__peer *peer);

/* End it; it is freed by the next reap. */
void ipc__peer_end(ipc__peer *peer, ipc__end end);
void ipc__peers_reap(ipc__hubside *side);
void ipc__peers_end(ipc__hubside *side);

/* In a forked child: close the control sockets' copies. */
void ipc__peers_abandon(ipc__hubside *side);

#endif
