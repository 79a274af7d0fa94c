/*
 * The shared-memory lane, the hub's side: sessions' memory, control rings, and who is to be looked at.
 * Touches the sessions' memory and wakes their processes. Not locked: the hub's thread.
 */
#ifndef IPC__SHM_HUB_H
#define IPC__SHM_HUB_H

#include "hub/core.h"
#include "lane/shm_outlet.h"
#include "lane/shm_ring.h"
#include "lane/shm_store.h"

typedef struct ipc__shm_peer ipc__shm_peer;

/* What the lane has of a hub. A zeroed one is empty. */
typedef struct ipc__shm_hub {
    ipc__shm_store store;
    ipc__shm_peer *peers;  /* all that have memory */
    ipc__shm_peer *active; /* are looked at in every turn */
    ipc__shm_peer *dirty;  /* have something to be told */
    ipc__buf input;
    uint32_t fds_max;           /* descriptors that it may keep beside the sessions' own: segments', and */
    uint32_t watch_fds;         /* who waits on handles */
    bool fences;                /* for clients, too */
    bool unordered;             /* that failed: who waits looks up now and then */
    void (*fetch)(void *owner); /* read the control socket: a segment may have been sent that way */
} ipc__shm_hub;

/* Who waits on a handle's descriptor. */
struct ipc__shm_watch {
    int fds[2]; /* a socket pair: what is sent into the first makes the second readable; -1: nobody waits */
    bool stirred;
    bool said;        /* an operation for the handle waits to be written */
    uint64_t said_to; /* or was, before this place in the ring */
};

/* What the lane keeps for a session. */
struct ipc__shm_peer {
    ipc__shm_hub *hub;
    void *owner;
    unsigned char *memory; /* NULL: none */
    int control;           /* borrowed: the client is woken by it */
    int wake;              /* an eventfd: the client wakes the hub by it */
    int fd;                /* the memory's, until the client has mapped it */
    bool mapped;           /* the client has it, and will use it */
    bool broken;           /* it wrote what no honest client writes */
    bool is_active;
    bool is_dirty;
    bool stirred;         /* something is to be told to who waits on a descriptor */
    unsigned idle_looks;  /* at an active one, in vain */
    uint64_t copied;      /* bytes of its values, in this turn */
    bool last;            /* it is dead: what it has published is all there will be */
    uint64_t last_copied; /* bytes of its segment, since then */
    ipc__shm_reader up;
    ipc__shm_writer down;
    ipc__buf partial;     /* pieces of a record that is not whole */
    unsigned part_places; /* of it */
    ipc__shm_where parts[IPC__FRAMES_MAX];
    ipc__buf out; /* operations for it */
    size_t out_done;
    uint64_t largest;               /* at least of what is untold */
    ipc__shm_outlet **outlets;      /* by handle */
    ipc__shm_outlet *outlet_list;   /* those that there are: most handles have none */
    struct ipc__shm_watch *watches; /* by handle */
    uint32_t watch_fds;
    uint32_t handles;
    uint64_t rings_end;   /* of the memory that was given out */
    uint64_t *small_free; /* rings of closed handles */
    unsigned small_count;
    uint64_t *large_free;
    unsigned large_count;
    uint64_t *cell_pages; /* a bit for each page of cells that is allocated */
    ipc__block *staged;   /* the chunk for the next delivery, and where it lies */
    uint32_t staged_handle;
    uint64_t staged_seq;
    uint32_t staged_segment;
    uint32_t staged_offset;
    struct ipc__shm_known *known; /* segments that the client was sent */
    ipc__shm_segment *segments;   /* its own */
    ipc__block **loans;
    uint32_t loans_back; /* as far as they were collected */
    ipc__shm_peer *prev, *next;
    ipc__shm_peer *active_prev, *active_next;
    ipc__shm_peer *dirty_prev, *dirty_next;
};

extern const ipc__lane_ops ipc__shm_lane;

void ipc__shm_hub_init(ipc__shm_hub *hub, void (*fetch)(void *owner), uint32_t fds_max);
void ipc__shm_hub_free(ipc__shm_hub *hub);

/* Memory for a session: its descriptor and the eventfd are to be sent. False with errno. */
bool ipc__shm_peer_open(ipc__shm_peer *peer, ipc__shm_hub *hub, int control, void *owner);

/* The client has mapped it: from here on nobody else can, and it is looked at. False with errno. */
bool ipc__shm_peer_mapped(ipc__shm_peer *peer);

/* Its session has ended, and its process may go on reading what it was lent: true while there is something. */
bool ipc__shm_peer_leave(ipc__shm_peer *peer);

/* Whether it is lent anything. */
bool ipc__shm_peer_lends(ipc__shm_peer *peer);

/* Whatever it has; idempotent. */
void ipc__shm_peer_close(ipc__shm_peer *peer);

/* A segment of its came. False: it is no good. The descriptor is taken over. */
bool ipc__shm_peer_segment(ipc__shm_peer *peer, int fd, uint32_t local, uint64_t size);

/* Somebody waits on a handle's descriptor, the second of these, which are taken over. False: no memory, or too many. */
bool ipc__shm_peer_watch(ipc__shm_peer *peer, uint32_t handle, const int fds[2]);

/* It may have something: its eventfd says so, or its end has come. */
void ipc__shm_peer_look(ipc__shm_peer *peer);

/* What a peer sent: an envelope at its first operation. */
typedef void ipc__shm_input_fn(void *owner, ipc__envelope *envelope);

/* Take what active peers have; whether any had something. Broken ones are told to the caller with a NULL envelope. */
bool ipc__shm_hub_take(ipc__shm_hub *hub, ipc__shm_input_fn *input);

/* The same for one, to the end of what it has published. */
void ipc__shm_peer_take(ipc__shm_peer *peer, ipc__shm_input_fn *input);

/* Tell what is to be told, and wake who sleeps. */
void ipc__shm_hub_flush(ipc__shm_hub *hub);

/* The hub is about to sleep: active peers must wake it from here on. False: one has something already. */
bool ipc__shm_hub_rest(ipc__shm_hub *hub);

/* Look at active peers without a lock or a call: whether one has something. */
bool ipc__shm_hub_glance(const ipc__shm_hub *hub);

#endif
