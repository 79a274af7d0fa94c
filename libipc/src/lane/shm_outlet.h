/*
 * The shared-memory lane, the hub's side: delivery rings. One outlet for each consuming handle.
 * Touches the session's memory, of which it believes the state words alone. Not locked: the hub's thread.
 */
#ifndef IPC__SHM_OUTLET_H
#define IPC__SHM_OUTLET_H

#include "hub/stream.h"
#include "lane/shm_layout.h"

/* What the hub knows of a slot; the client can't write it. */
typedef struct ipc__shm_shade {
    uint64_t bytes_end; /* of the ring's bytes: in use up to here */
    ipc__block *block;  /* the large value's chunk, referenced; NULL for a small one */
    bool dead;          /* recalled */
} ipc__shm_shade;

/* One ring of an outlet. */
typedef struct ipc__shm_slots {
    ipc__shm_slot *slots; /* in the session's memory */
    unsigned char *bytes;
    uint32_t count;
    uint32_t size;
    uint64_t from; /* its first position */
    uint64_t head; /* bytes used, and given back, since the beginning */
    uint64_t tail;
    uint32_t at; /* where the head is */
    ipc__shm_shade *shades;
} ipc__shm_slots;

typedef struct ipc__shm_outlet {
    ipc__shm_slots rings[2];
    unsigned count;
    uint64_t newest;                     /* positions: delivered last; */
    uint64_t taken;                      /* known to be taken, with all before it that were not recalled; */
    uint64_t oldest;                     /* the first one whose slot is in use */
    bool broken;                         /* a state word that no honest client writes */
    uint32_t handle;                     /* whose it is */
    struct ipc__shm_outlet *prev, *next; /* all of a session */
} ipc__shm_outlet;

/* Give the outlet a ring at a place. The memory there is allocated. False: out of memory. */
bool ipc__shm_outlet_add(ipc__shm_outlet *outlet, unsigned char *memory, ipc__shm_cell *cell, uint64_t offset,
                         uint32_t slots, uint32_t bytes);
void ipc__shm_outlet_fini(ipc__shm_outlet *outlet);

/* Whether a value of so many bytes in the ring fits. Frees what consumers are through with. */
bool ipc__shm_outlet_fits(ipc__shm_outlet *outlet, uint32_t length);

/* Publish a delivery: small with its bytes, or large with the block that keeps it (whose reference is taken over). */
void ipc__shm_outlet_put(ipc__shm_outlet *outlet, const ipc__item *item, ipc__bytes small, uint32_t segment,
                         uint32_t offset, ipc__block *block);

/* Take back up to count of the newest; how many. */
uint64_t ipc__shm_outlet_recall(ipc__shm_outlet *outlet, uint64_t count);

/* Whether there is anything to take. */
bool ipc__shm_outlet_ready(ipc__shm_outlet *outlet);

/* The position up to which all is taken or was recalled. */
uint64_t ipc__shm_outlet_taken(ipc__shm_outlet *outlet);

/* Free the slots, and chunks, that consumers are through with; what is lent is handed to lend(). */
void ipc__shm_outlet_sweep(ipc__shm_outlet *outlet, void (*lend)(void *arg, uint32_t loan, ipc__block *block),
                           void *arg);

#endif
