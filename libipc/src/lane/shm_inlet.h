/*
 * The shared-memory lane, the client's side: delivery rings, and the segments in which large values lie.
 * Touches the session's memory and segments. Not locked: the connection's lock; blocks are given back by any thread.
 */
#ifndef IPC__SHM_INLET_H
#define IPC__SHM_INLET_H

#include "client/link.h"
#include "lane/shm_session.h"

/* A handle's delivery ring, as far as it is known. */
typedef struct ipc__shm_inlet {
    ipc__shm_slot *slots; /* NULL: none yet */
    const unsigned char *bytes;
    uint32_t count;
    uint32_t size;
    unsigned rings; /* which of the cell's places it is, from 1 on */
    uint64_t next;  /* the position that is looked at */
} ipc__shm_inlet;

typedef struct ipc__shm_inlets {
    ipc__shm_session *session;
    ipc__shm_inlet *inlets; /* by handle */
    uint32_t count;
    struct ipc__shm_mapping *mappings; /* segments, by number */
    uint32_t loan;                     /* where a free one is looked for next */
    bool lends;                        /* the flags of loans are allocated */
} ipc__shm_inlets;

bool ipc__shm_inlet_open(ipc__shm_inlets *inlets, uint32_t handle);
bool ipc__shm_inlet_ready(ipc__shm_inlets *inlets, uint32_t handle);
int ipc__shm_inlet_next(ipc__shm_inlets *inlets, uint32_t handle, ipc__delivery *delivery);
bool ipc__shm_inlet_claim(ipc__shm_inlets *inlets, uint32_t handle, const ipc__delivery *delivery);
void ipc__shm_inlet_release(const ipc__delivery *delivery);
ipc__block *ipc__shm_inlet_borrow(ipc__shm_inlets *inlets, const ipc__delivery *delivery);
void ipc__shm_inlet_lend(const ipc__delivery *delivery, ipc__block *block);
uint64_t ipc__shm_inlet_position(const ipc__shm_inlets *inlets, uint32_t handle);
bool ipc__shm_inlets_segment(ipc__shm_inlets *inlets, uint32_t number, uint64_t size, bool sealed, int fd);
void ipc__shm_inlets_segment_gone(ipc__shm_inlets *inlets, uint32_t number);
void ipc__shm_inlets_free(ipc__shm_inlets *inlets);
void ipc__shm_inlets_abandon(ipc__shm_inlets *inlets);

#endif
