/*
 * The shared-memory lane: a writer's segment, from which it gives out runs of pages, the lowest free ones first, so that
 * what is warm is used again.
 * Touches memory of its own, which others may only read. Not locked: one owner at a time.
 */
#ifndef IPC__SHM_ARENA_H
#define IPC__SHM_ARENA_H

#include "lane/shm_layout.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct ipc__shm_arena {
    unsigned char *base; /* NULL: not made yet */
    uint32_t touched;    /* pages that are allocated */
    uint32_t hint;       /* no page before it is free */
    uint64_t *bits;      /* a bit for each page in use */
} ipc__shm_arena;

/* Make the segment; its descriptor, for others to map it. -1 with errno. */
int ipc__shm_arena_open(ipc__shm_arena *arena);
void ipc__shm_arena_close(ipc__shm_arena *arena);

/* In a forked child: the segment is the parent's. */
void ipc__shm_arena_abandon(ipc__shm_arena *arena);

/* A run of pages for so many bytes: its first page. False: there is none. */
bool ipc__shm_arena_alloc(ipc__shm_arena *arena, size_t length, uint32_t *page);
void ipc__shm_arena_free(ipc__shm_arena *arena, uint32_t page, size_t length);

static inline uint32_t ipc__shm_pages(size_t length)
{
    return (uint32_t)((length + IPC__SHM_PAGE - 1) / IPC__SHM_PAGE);
}

/* ---- memory, of any kind ---- */

/* Whether this process may make a memfd of that size; errno. */
bool ipc__shm_may_be(size_t size);

/* A new memfd of a size, sealed against another one. -1 with errno. */
int ipc__shm_memory(const char *name, size_t size);

/* Nobody may map it for writing any more, or change its seals or its pages: who has done so keeps it. False with errno. */
bool ipc__shm_seal(int fd);

/* Map; NULL with errno. What is mapped for writing stays out of forked children. */
unsigned char *ipc__shm_map(int fd, size_t size, bool writable);

/* Allocate pages before they are written. False with errno. */
bool ipc__shm_allocate(unsigned char *at, size_t length);

/* A value in a memory of its own, sealed against all writing. -1 with errno. */
int ipc__shm_sealed(const void *bytes, size_t length);

/* Whether a descriptor is such memory of that size: 0 no; 1 one that its maker can write; 2 one that nobody can. */
int ipc__shm_check(int fd, size_t size);

#endif
