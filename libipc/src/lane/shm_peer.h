/*
 * The shared-memory lane, the hub's side: what its parts know of each other. shm_hub.h is what others know.
 * Touches the sessions' memory. Not locked: the hub's thread.
 */
#ifndef IPC__SHM_PEER_H
#define IPC__SHM_PEER_H

#include "lane/shm_hub.h"

static inline ipc__shm_header *ipc__shm_header_of(const ipc__shm_peer *peer)
{
    return (ipc__shm_header *)(void *)peer->memory;
}

/* ---- shm_hub.c ---- */

/* It is to be told something at the end of this turn. */
void ipc__shm_mark_dirty(ipc__shm_peer *peer);

/* It wrote what no honest client writes: the next turn ends it. */
void ipc__shm_break_off(ipc__shm_peer *peer);

/* ---- shm_handles.c ---- */

/* Room in the tables for a handle's number. False: no memory. */
bool ipc__shm_handles_reserve(ipc__shm_peer *peer, uint32_t handle);

/* A handle's number is taken: its cell is there. False: no memory. */
bool ipc__shm_handle_opened(ipc__shm_peer *peer, uint32_t handle);

/* It is free again; what is lent stays so. */
void ipc__shm_handle_closed(ipc__shm_peer *peer, uint32_t handle);

/* Another delivery ring for a handle. False: it has both, or there is no memory. */
bool ipc__shm_handle_add_ring(ipc__shm_peer *peer, uint32_t handle);

/* Free what consumers of a handle are through with. */
void ipc__shm_handle_sweep(ipc__shm_peer *peer, uint32_t handle);

/* The same for all of the peer's, and what it has given back. */
void ipc__shm_peer_sweep(ipc__shm_peer *peer);

void ipc__shm_handles_free(ipc__shm_peer *peer);

/* The chunk for the next delivery is not needed. */
static inline void ipc__shm_unstage(ipc__shm_peer *peer)
{
    ipc__block_unref(peer->staged);
    peer->staged = NULL;
}

/* ---- shm_watch.c ---- */

/* Something is there for a handle: who waits on its descriptor is to be woken. */
static inline void ipc__shm_stir(ipc__shm_peer *peer, uint32_t handle)
{
    if (handle < peer->handles && peer->watches[handle].fds[0] >= 0) {
        peer->watches[handle].stirred = peer->stirred = true;
    }
}

/* What a handle had was taken back: who waits on its descriptor waits again. */
void ipc__shm_unstir(ipc__shm_peer *peer, uint32_t handle);

/* Wake all that were stirred. */
void ipc__shm_wake_watchers(ipc__shm_peer *peer);

/* Nobody waits on a handle's descriptor any more. */
void ipc__shm_unwatch(ipc__shm_peer *peer, uint32_t handle);

/* A byte that nobody reads for itself. */
void ipc__shm_wake_by(int socket);

/* ---- shm_loans.c ---- */

/* A value that a consumer goes on reading where it lies; the reference is taken over. */
void ipc__shm_lend(void *self, uint32_t loan, ipc__block *block);

/* What the client has given back ends. */
void ipc__shm_loans_collect(ipc__shm_peer *peer);

void ipc__shm_loans_free(ipc__shm_peer *peer);

/* ---- shm_segments.c ---- */

/* The client's own word for a segment of its. NULL: it sent none. */
ipc__shm_segment *ipc__shm_segment_of(const ipc__shm_peer *peer, uint32_t local);

/* Make a consumer know a segment. False: not now. */
bool ipc__shm_introduce(ipc__shm_peer *peer, const ipc__shm_segment *segment);

/* Nothing of a segment will be used again: all that know it are told. */
void ipc__shm_segment_gone(ipc__shm_store *store, uint32_t number);

/* Its own ones, and what it knows of others'. */
void ipc__shm_segments_drop(ipc__shm_peer *peer);

/* Whether one more descriptor may be kept for sessions, and for a peer that has so many of the kind. */
bool ipc__shm_spare_fds(const ipc__shm_hub *hub, unsigned of_peer);

#endif
