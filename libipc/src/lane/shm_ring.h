/*
 * The shared-memory lane: control rings. Bytes of one writer for one reader, in records that may come in pieces.
 * Touches the session's memory. Not locked: one owner a side. Each side keeps its own count and believes the other's
 * only as far as it can be true.
 */
#ifndef IPC__SHM_RING_H
#define IPC__SHM_RING_H

#include "lane/shm_layout.h"
#include "util/buf.h"
#include "wire/read.h"

/* In front of each piece; its bytes are padded to eight. */
typedef struct ipc__shm_piece {
    uint32_t length;
    uint16_t places; /* how many places of large values stand first */
    uint16_t more;   /* another piece of the same record follows */
} ipc__shm_piece;

/* Where a large value lies. */
typedef struct ipc__shm_where {
    uint32_t segment;
    uint32_t offset;
    uint32_t length;
    uint32_t unused;
} ipc__shm_where;

enum { IPC__SHM_AHEAD = 8 * IPC__SHM_LINE };

typedef struct ipc__shm_writer {
    atomic_uint_least64_t *head;       /* ours */
    const atomic_uint_least64_t *tail; /* the reader's */
    unsigned char *bytes;
    uint32_t size;
    uint64_t written;
    uint64_t read; /* as far as we know */
} ipc__shm_writer;

typedef struct ipc__shm_reader {
    const atomic_uint_least64_t *head; /* the writer's */
    atomic_uint_least64_t *tail;       /* ours */
    const unsigned char *bytes;
    uint32_t size;
    uint64_t read;
} ipc__shm_reader;

static inline uint32_t ipc__shm_padded(uint32_t length)
{
    return (length + 7) & ~7U;
}

/* ---- writing ---- */

/* Free bytes, looking again if there are less than wanted. More than the ring has: the reader lies. */
static inline uint64_t ipc__shm_room(ipc__shm_writer *ring, uint64_t wanted)
{
    if (ring->size - (ring->written - ring->read) < wanted) {
        uint64_t read = atomic_load_explicit(ring->tail, memory_order_acquire);
        if (read < ring->read || read > ring->written) {
            return UINT64_MAX;
        }
        ring->read = read;
    }
    return ring->size - (ring->written - ring->read);
}

/* Whether the reader has read all. */
static inline bool ipc__shm_all_read(const ipc__shm_writer *ring)
{
    return atomic_load_explicit(ring->tail, memory_order_acquire) == ring->written;
}

static inline void ipc__shm_copy_in(ipc__shm_writer *ring, const void *bytes, uint32_t length)
{
    uint32_t at = (uint32_t)(ring->written & (ring->size - 1));
    uint32_t first = length < ring->size - at ? length : ring->size - at;
    memcpy(ring->bytes + at, bytes, first);
    if (first < length) {
        memcpy(ring->bytes, (const unsigned char *)bytes + first, length - first);
    }
    ring->written += length;
}

/* Write a piece: there is room for it. It is not published yet. */
static inline void ipc__shm_put_piece(ipc__shm_writer *ring, ipc__shm_piece piece, const ipc__shm_where *places,
                                      const void *bytes)
{
    uint64_t end = ring->written + sizeof piece + ipc__shm_padded(piece.length);
    uint32_t front = piece.places * (uint32_t)sizeof *places;
    ipc__shm_copy_in(ring, &piece, sizeof piece);
    if (places && front) {
        ipc__shm_copy_in(ring, places, front);
    }
    if (bytes && piece.length > front) {
        ipc__shm_copy_in(ring, bytes, piece.length - front);
    }
    ring->written = end;
}

static inline void ipc__shm_publish(ipc__shm_writer *ring)
{
    atomic_store_explicit(ring->head, ring->written, memory_order_release);
}

/* Write and publish a record of two parts, if there is room for it in a row, and for so many bytes behind it. */
static inline bool ipc__shm_write_row(ipc__shm_writer *ring, ipc__bytes head, ipc__bytes tail, uint32_t reserve)
{
    ipc__shm_piece piece = {.length = (uint32_t)(head.length + tail.length)};
    uint64_t whole = sizeof piece + ipc__shm_padded(piece.length);
    uint32_t at = (uint32_t)(ring->written & (ring->size - 1));
    uint64_t room = ipc__shm_room(ring, whole + reserve);
    if (at + whole > ring->size || room < whole + reserve || room > ring->size) {
        return false;
    }
    unsigned char *to = ring->bytes + at;
    __builtin_prefetch(ring->bytes + ((at + IPC__SHM_AHEAD) & (ring->size - 1)), 1); /* the reader had it last */
    memcpy(to, &piece, sizeof piece);
    memcpy(to + sizeof piece, head.data, head.length);
    if (tail.length) { /* else the bytes may be NULL */
        memcpy(to + sizeof piece + head.length, tail.data, tail.length);
    }
    ring->written += whole;
    ipc__shm_publish(ring);
    return true;
}

/*
 * Write what fits of a record from *done on, in pieces, and publish it; the places stand in the first one. 1 all of it is written;
 * 0 not yet; -1 the reader lies.
 */
int ipc__shm_write(ipc__shm_writer *ring, const ipc__buf *record, size_t *done, const ipc__shm_where *places,
                   unsigned place_count, uint32_t reserve);

/* ---- reading ---- */

/* How many bytes are there. More than the ring has: the writer lies. */
static inline uint64_t ipc__shm_there(const ipc__shm_reader *ring)
{
    return atomic_load_explicit(ring->head, memory_order_acquire) - ring->read;
}

/* Copy what is there from a place on; nothing is given back yet. */
static inline void ipc__shm_copy_out(const ipc__shm_reader *ring, uint64_t from, void *bytes, uint32_t length)
{
    uint32_t at = (uint32_t)(from & (ring->size - 1));
    uint32_t first = length < ring->size - at ? length : ring->size - at;
    memcpy(bytes, ring->bytes + at, first);
    if (first < length) {
        memcpy((unsigned char *)bytes + first, ring->bytes, length - first);
    }
}

/* So many bytes are read: the writer has their room again. */
static inline void ipc__shm_consume(ipc__shm_reader *ring, uint64_t length)
{
    ring->read += length;
    atomic_store_explicit(ring->tail, ring->read, memory_order_release);
}

/* ---- both sides' views of one session's memory ---- */

ipc__shm_writer ipc__shm_up_writer(unsigned char *memory);
ipc__shm_reader ipc__shm_up_reader(unsigned char *memory);
ipc__shm_writer ipc__shm_down_writer(unsigned char *memory);
ipc__shm_reader ipc__shm_down_reader(unsigned char *memory);

static inline ipc__shm_cell *ipc__shm_cell_of(unsigned char *memory, uint32_t handle)
{
    return (ipc__shm_cell *)(void *)(memory + IPC__SHM_CELLS) + handle;
}

#endif
