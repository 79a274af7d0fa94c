/*
 * Slabs: small pieces of memory, cut from pages of their size class.
 * Touches nothing but memory. Not locked: one owner at a time.
 */
#ifndef IPC__SLAB_H
#define IPC__SLAB_H

#include <stddef.h>

enum {
    IPC__SLAB_STEP = 16, /* bytes between two size classes */
    IPC__SLAB_MAX = 512, /* the largest piece */
};

typedef struct ipc__slab_page ipc__slab_page;
typedef struct ipc__slab_region ipc__slab_region;

/* A zeroed struct is an empty one. */
typedef struct ipc__slabs {
    ipc__slab_page *partial[IPC__SLAB_MAX / IPC__SLAB_STEP]; /* pages of a class with room */
    ipc__slab_region *regions;                               /* those with a free page in front */
    unsigned empty;                                          /* of them, with nothing but free pages */
} ipc__slabs;

/* A piece of 1 to IPC__SLAB_MAX bytes. NULL: out of memory. */
void *ipc__slab_alloc(ipc__slabs *slabs, size_t size);

/* Give it back; size as it was asked for. */
void ipc__slab_free(ipc__slabs *slabs, void *memory, size_t size);

/* All pieces are gone with it. */
void ipc__slabs_free(ipc__slabs *slabs);

#endif
