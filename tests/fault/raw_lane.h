/*
 * A session over shared memory without the library: whatever is to be written there, in whatever order.
 * Touches a control socket and a session's memory. The test's own thread, but where a test says otherwise.
 */
#ifndef FAULT_RAW_LANE_H
#define FAULT_RAW_LANE_H

#include "fault/raw_client.h"
#include "lane/shm_ring.h"

typedef struct raw_lane {
    int control;
    int fd;   /* the memory's; kept, unlike an honest client's */
    int wake; /* the hub's eventfd */
    unsigned char *memory;
    uint64_t written; /* up */
    uint64_t read;    /* down */
    uint64_t seq;
    raw_welcome welcome;
} raw_lane;

/* HELLO and LANE: it has memory, and has not said MAPPED. */
raw_lane raw_lane_asked(const place *where);

/* The same, and MAPPED. */
raw_lane raw_lane_open(const place *where);
void raw_lane_close(raw_lane *self);

/* A packet of these bytes with these descriptors. */
void raw_send_fds(int control, const raw_bytes *packet, const int *fds, int count);
void raw_say_mapped(const raw_lane *self, bool used);
void raw_say_segment(const raw_lane *self, uint32_t local, uint64_t size, int fd);
void raw_say_watch(const raw_lane *self, uint32_t handle, const int *fds, int count);

/* Whether the hub hangs up, within so long; what it sends before is dropped. */
bool raw_dropped(int control, int64_t within_ms);

static inline ipc__shm_header *raw_header(const raw_lane *self)
{
    return (ipc__shm_header *)(void *)self->memory;
}
static inline ipc__shm_cell *raw_cell(const raw_lane *self, uint32_t handle)
{
    return ipc__shm_cell_of(self->memory, handle);
}

/* Write a piece behind the last one, whatever it says of itself; nothing is published. */
void raw_lane_piece(raw_lane *self, ipc__shm_piece piece, const void *bytes, size_t length);

/* Publish, and wake the hub, armed or not. */
void raw_lane_publish(raw_lane *self);
void raw_lane_wake(const raw_lane *self);

/* Operations as an honest record. They must fit. */
void raw_lane_say(raw_lane *self, const raw_bytes *ops);

/* OPEN a queue, as an operation with the next number. */
void raw_open_queue(raw_lane *self, raw_bytes *ops, uint32_t handle, const char *name, uint64_t maxsize);

/* Read down until the answer to a request is there: its code. The test fails where none comes. */
int raw_lane_answer(raw_lane *self, uint64_t seq);

/* Open a queue and hear that it is open. */
void raw_lane_queue(raw_lane *self, uint32_t handle, const char *name, uint64_t maxsize);

/* Ask for so many items; and wait until a handle's delivery ring has a position ready: its slot. */
void raw_lane_flow(raw_lane *self, uint32_t handle, uint64_t taken, uint64_t window);
ipc__shm_slot *raw_lane_slot(const raw_lane *self, uint32_t handle, uint64_t position);
ipc__shm_slot *raw_lane_await(const raw_lane *self, uint32_t handle, uint64_t position);

/* A segment as an honest client makes it: its descriptor, and where it is mapped for writing. */
int raw_segment(unsigned char **base);

#endif
