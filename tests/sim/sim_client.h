/*
 * A model of a client: the protocol's rules for one, in the simplest form, and nothing of the library's own client.
 * Touches its own state and what the network brings it. One thread.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "wire/envelope.h"

enum { SIM_PUT_WAITS_MAX = 3 };

typedef enum sim_phase {
    SIM_FREE,
    SIM_OPENING,
    SIM_OPENED,
    SIM_CLOSING,
} sim_phase;

/* A delivery that is not taken yet, or, of a joinable queue, one that was taken and is not done. */
typedef struct sim_delivery {
    uint64_t position;
    uint64_t seq;
    uint64_t item; /* from the value */
    uint32_t attempt;
    bool late;
    uint64_t valid_until;
} sim_delivery;

typedef struct sim_deliveries {
    sim_delivery *at; /* oldest first */
    size_t count;
    size_t capacity;
} sim_deliveries;

/* A client's handle. */
typedef struct sim_handle {
    sim_phase phase;
    bool pipe, joinable, bounded;
    bool receives, sends;
    bool ended;   /* the end of file was met */
    bool shut;    /* so the hub said, of a queue: it takes no puts */
    bool deleted; /* so the hub said */
    unsigned polls;
    unsigned put_waits;
    unsigned dropping; /* RECALLEDs with something given back whose REVOKE has not come */
    uint64_t position;
    uint64_t taken;
    uint64_t newest; /* the highest number of an item that it took at attempt 1, and not late */
    uint64_t window;
    uint64_t demand_until;
    sim_deliveries untaken;
    sim_deliveries held;
    uint64_t credits;
    uint64_t credits_until; /* then all are void */
} sim_handle;

/* A request that has no answer yet. */
typedef struct sim_pending {
    uint64_t seq;
    ipc__op op;
    uint32_t handle;
    struct sim_pending *prev, *next;
} sim_pending;

typedef struct sim_client {
    uint64_t seq;
    uint64_t ahead; /* how far its clock is before the hub's */
    uint64_t acked;
    uint64_t sent;     /* put bytes */
    bool batching;     /* what it puts is gathered, for one envelope */
    bool leaving;      /* it has sent its last: a BYE, or something that breaks the protocol */
    bool broken;       /* ... the latter */
    bool trusts_rings; /* on the immediate lane it takes what is ready, however old */
    sim_handle handles[SIM_HANDLES];
    sim_pending *pending;
    ipc__outbox out;
} sim_client;

void sim_client_init(sim_peer *peer);
void sim_client_fini(sim_client *client);

/* Process the oldest message from the hub. False: there is none. */
bool sim_client_receives(sim_peer *peer);

/* Take the oldest valid delivery. False: there is none. */
bool sim_client_take(sim_peer *peer, uint32_t handle);

/* Take everything that it asked for, and say so. */
void sim_client_settle(sim_peer *peer);

uint64_t sim_client_now(const sim_peer *peer);

/* The credits that may be used now. */
uint64_t sim_client_credits(const sim_peer *peer, uint32_t handle);

/* ---- what it sends ---- */

typedef struct sim_options {
    bool has_joinable, joinable;
    bool has_maxsize;
    uint64_t maxsize;
    bool has_redeliver;
    uint64_t redeliver;
    bool has_max_deliveries;
    uint64_t max_deliveries;
    const char *dead_letter; /* NULL: not said */
    bool has_end;
    uint64_t end;
    bool has_simplex, simplex;
} sim_options;

void sim_open_name(sim_peer *peer, uint32_t handle, bool pipe, unsigned mode, const char *name,
                   const sim_options *options); /* name NULL: none */
void sim_open_pin(sim_peer *peer, uint32_t handle, bool pipe, const unsigned char *pin);
void sim_open_sibling(sim_peer *peer, uint32_t handle, uint32_t sibling, const sim_options *options);
void sim_send_plain(sim_peer *peer, ipc__op op, uint32_t handle); /* a request without fields */
void sim_send_put(sim_peer *peer, uint32_t handle);               /* or, while it is batching, gather it */
void sim_send_put_wait(sim_peer *peer, uint32_t handle, int64_t timeout_ms);
void sim_send_flow(sim_peer *peer, uint32_t handle, uint64_t window, int64_t wait_ms);
void sim_send_back(sim_peer *peer, uint32_t handle, size_t count); /* the newest; 0: none */
void sim_send_uncredited(sim_peer *peer, uint32_t handle, uint64_t credits);
void sim_send_settle(sim_peer *peer, ipc__op op, uint32_t handle, size_t held);
void sim_send_join(sim_peer *peer, uint32_t handle, int64_t timeout_ms);
void sim_send_cancel(sim_peer *peer, uint64_t target);
void sim_send_shutdown(sim_peer *peer, uint32_t handle, bool immediate);
void sim_send_info(sim_peer *peer, const char *name);
void sim_send_unlink(sim_peer *peer, const char *name);
void sim_send_close(sim_peer *peer, uint32_t handle);
void sim_send_bye(sim_peer *peer);                     /* with or without a word on whether it failed */
void sim_send_broken(sim_peer *peer, uint32_t handle); /* something that the protocol forbids */

#endif
