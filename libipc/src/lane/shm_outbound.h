/*
 * The shared-memory lane, the client's side: large values on their way to the hub, in a segment of this session's or,
 * alone, in one that is sealed.
 * Touches the segment, the session's flags for it, and the control socket. Not locked: the connection's lock.
 */
#ifndef IPC__SHM_OUTBOUND_H
#define IPC__SHM_OUTBOUND_H

#include "lane/shm_arena.h"
#include "lane/shm_session.h"
#include "util/block.h"

/* A chunk that the hub has. */
typedef struct ipc__shm_lent {
    uint32_t page;
    uint32_t length;
} ipc__shm_lent;

typedef struct ipc__shm_outbound {
    ipc__shm_session *session;
    int control;
    ipc__shm_arena arena;
    uint32_t last;       /* number of a segment that was sent; 0 is the arena */
    bool refused;        /* the arena cannot be had */
    ipc__shm_lent *lent; /* a ring: what the hub was sent, oldest first */
    uint32_t lent_head;
    uint32_t lent_count;
    uint32_t lent_capacity;
} ipc__shm_outbound;

void ipc__shm_outbound_init(ipc__shm_outbound *outbound, ipc__shm_session *session, int control);
void ipc__shm_outbound_free(ipc__shm_outbound *outbound);
void ipc__shm_outbound_abandon(ipc__shm_outbound *outbound);

/* Whether a large value has room, or will not go through the segment at all. */
bool ipc__shm_outbound_room(ipc__shm_outbound *outbound, size_t length);

/* A chunk for it; NULL: it goes alone. */
ipc__block *ipc__shm_outbound_stage(ipc__shm_outbound *outbound, size_t length);

/* Where a block lies, for the hub: one that was staged is sent with that; another one goes alone. False: not now. */
bool ipc__shm_outbound_place(ipc__shm_outbound *outbound, ipc__block *block, ipc__shm_where *place);

#endif
