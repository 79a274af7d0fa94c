/*
 * The shared-memory lane, the hub's side: segments with large values, whoever wrote them, and the chunks of them that
 * the hub has.
 * Touches the segments, which it can only read, and one of its own. Not locked: the hub's thread.
 */
#ifndef IPC__SHM_STORE_H
#define IPC__SHM_STORE_H

#include "lane/shm_arena.h"
#include "util/block.h"
#include "wire/read.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

typedef struct ipc__shm_store ipc__shm_store;

typedef struct ipc__shm_segment {
    ipc__shm_store *store;
    uint32_t number; /* never used again in a hub's life */
    uint32_t local;  /* its owner's word for it */
    int fd;          /* for consumers; -1: there are too many, its values are copied */
    const unsigned char *base;
    size_t size;
    bool sealed;    /* nobody can write it */
    bool owned;     /* its writer lives, and may send more of it */
    uint32_t used;  /* pages that the hub has */
    uint64_t *bits; /* which ones; NULL: it is one value */
    uint64_t *seen; /* which ones are known to be allocated */
    atomic_uchar *flags;
    struct ipc__shm_segment *prev, *next; /* of its owner */
    UT_hash_handle hh;
} ipc__shm_segment;

struct ipc__shm_store {
    ipc__shm_segment *segments; /* by number */
    uint32_t last;
    ipc__shm_arena arena; /* the hub's own */
    ipc__shm_segment *own;
    void (*gone)(ipc__shm_store *store, uint32_t number); /* nothing of it will be seen again */
};

/*
 * A segment came, with a descriptor that is the store's from here on. flags: a byte for each page in the owner's session's memory, to
 * be cleared when a chunk is given back. NULL with errno: it is no good, or there is no memory.
 */
ipc__shm_segment *ipc__shm_store_add(ipc__shm_store *store, int fd, size_t size, uint32_t local, atomic_uchar *flags);

/* Its owner is gone; it goes with its last chunk. */
void ipc__shm_store_disown(ipc__shm_segment *segment);

/* A chunk is the hub's now. NULL: it lies outside, or the hub has a part of it already (errno EPROTO); or no memory. */
ipc__block *ipc__shm_store_chunk(ipc__shm_segment *segment, uint32_t offset, uint32_t length);

/* A value in a segment of the hub's, or NULL. */
ipc__block *ipc__shm_store_keep(ipc__shm_store *store, ipc__bytes value);

/* A block that was kept for one consumer has been sent to it: a descriptor that is for nobody else is closed. */
void ipc__shm_store_sent(const ipc__block *block);

/* Where a block lies, if it is a chunk of a segment; or NULL. */
ipc__shm_segment *ipc__shm_store_find(const ipc__block *block, uint32_t *offset);

/* All the rest: nobody uses any of it. */
void ipc__shm_store_free(ipc__shm_store *store);

#endif
