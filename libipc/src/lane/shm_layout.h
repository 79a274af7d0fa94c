/*
 * The shared-memory lane: how a session's memory is laid out (docs/lanes.md). Both sides map it.
 * Touches nothing. What one side writes stands on lines of its own; what both move is moved by compare-and-swap.
 */
#ifndef IPC__SHM_LAYOUT_H
#define IPC__SHM_LAYOUT_H

#include "wire/op.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    IPC__SHM_VERSION = 1, /* of this layout: both sides must have the same */
    IPC__SHM_LINE = 64,
    IPC__SHM_PAGE = 4096,
    IPC__SHM_SIZE = 512 * 1024 * 1024, /* address space; pages are allocated as they are used */
    IPC__SHM_UP = 4096,
    IPC__SHM_UP_SIZE = 128 * 1024,
    IPC__SHM_DOWN = IPC__SHM_UP + IPC__SHM_UP_SIZE,
    IPC__SHM_DOWN_SIZE = 128 * 1024,
    IPC__SHM_FIXED = IPC__SHM_DOWN + IPC__SHM_DOWN_SIZE, /* allocated from the first */
    IPC__SHM_CELLS = 1024 * 1024,
    IPC__SHM_CELL_SIZE = 2 * IPC__SHM_LINE,
    IPC__SHM_CHUNKS = IPC__SHM_CELLS + IPC__HANDLES_MAX * IPC__SHM_CELL_SIZE, /* a flag for each page of the segment */
    IPC__SHM_SEGMENT_SIZE = 64 * 1024 * 1024,
    IPC__SHM_SEGMENT_PAGES = IPC__SHM_SEGMENT_SIZE / IPC__SHM_PAGE,
    IPC__SHM_LOANS = IPC__SHM_CHUNKS + IPC__SHM_SEGMENT_PAGES,
    IPC__SHM_LOANS_MAX = 1024,
    IPC__SHM_RINGS = 16 * 1024 * 1024,        /* delivery rings, from here on */
    IPC__SHM_LARGE_LIMIT = IPC__SHM_SIZE / 2, /* large ones before this: there is a small one for every handle */

    IPC__SHM_PLACES_MAX = 16,    /* large values of a record */
    IPC__SHM_RESERVE = 4096,     /* of the ring up: for what the hub may be waiting for */
    IPC__SHM_INLINE_MAX = 1024,  /* a larger value lies in a segment */
    IPC__SHM_SMALL_SLOTS = 32,   /* a delivery ring at first */
    IPC__SHM_SMALL_BYTES = 3072, /* bytes of small values behind its slots */
    IPC__SHM_LARGE_SLOTS = 4096,
    IPC__SHM_LARGE_BYTES = 393216,
};

typedef struct ipc__shm_header {
    _Alignas(IPC__SHM_LINE) atomic_uint_least64_t up_head;   /* client: bytes written */
    atomic_uint wants_room;                                  /* client: it waits for up_tail to move */
    atomic_uint loans_back;                                  /* client: counts what was given back */
    _Alignas(IPC__SHM_LINE) atomic_uint_least64_t up_tail;   /* hub: bytes read */
    _Alignas(IPC__SHM_LINE) atomic_uint_least64_t down_head; /* hub */
    atomic_uint wants_down;                                  /* hub: it waits for down_tail to move */
    _Alignas(IPC__SHM_LINE) atomic_uint_least64_t news;      /* hub: grows whenever something is there for the client */
    _Alignas(IPC__SHM_LINE) atomic_uint_least64_t down_tail; /* client */
    _Alignas(IPC__SHM_LINE) atomic_uint hub_armed;           /* the hub sets it, whoever wakes the hub clears it */
    uint32_t hub_fences;                              /* hub: it orders both sides when it arms (ipc__fence_all()) */
    _Alignas(IPC__SHM_LINE) atomic_uint client_armed; /* the same for the client */
} ipc__shm_header;

/* Where a delivery ring lies: its slots, and its bytes behind them. */
typedef struct ipc__shm_place {
    uint64_t offset;
    uint32_t slots; /* a power of two */
    uint32_t bytes;
    uint64_t from; /* its first position */
} ipc__shm_place;

typedef struct ipc__shm_cell {
    _Alignas(IPC__SHM_LINE) atomic_uint_least64_t credits; /* both: the hub adds and takes all, the client takes one */
    _Alignas(IPC__SHM_LINE) atomic_uint_least64_t tell_at; /* hub: takes from this position on are told; 0: none */
    atomic_uint rings;                                     /* hub: how many of the places hold */
    ipc__shm_place place[2];
} ipc__shm_cell;

_Static_assert(sizeof(ipc__shm_cell) == IPC__SHM_CELL_SIZE, "a cell is two lines");

/* A loan's flag: the client makes it OUT and BACK, the hub NONE again. */
enum { IPC__SHM_LOAN_NONE, IPC__SHM_LOAN_OUT, IPC__SHM_LOAN_BACK };

typedef enum ipc__shm_state {
    IPC__SHM_READY = 1,
    IPC__SHM_TAKEN = 2,
    IPC__SHM_FREE = 3,
    IPC__SHM_RECALLED = 4,
    IPC__SHM_LENT = 5, /* taken, and its value is still read where it lies; it is given back as a loan */
} ipc__shm_state;

typedef struct ipc__shm_slot {
    atomic_uint_least64_t state; /* position << 8 | ipc__shm_state: both, by compare-and-swap */
    uint64_t seq;
    uint32_t attempt; /* << 1 | late */
    uint32_t length;
    uint32_t segment; /* 0: the value lies in the ring's bytes */
    uint32_t offset;
} ipc__shm_slot;

_Static_assert(sizeof(ipc__shm_slot) == 32, "two slots a line");

static inline uint64_t ipc__shm_word(uint64_t position, ipc__shm_state state)
{
    return position << 8 | (uint64_t)state;
}

/* The order between what was published and what is looked at next: both sides' half of Dekker's protocol. */
static inline void ipc__shm_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
