/*
 * Theirs: one ring of records in shared memory each way, from one process to one other, each record published by itself.
 * With a forwarder between two of them it is what shared memory with a process in between could do if it did nothing
 * else: no names, no leases, no bounds, no types.
 * Touches a memfd, which goes with its last mapping, and a link to it at the address. One thread.
 */
#include "driver/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE = 64,
    CAPACITY = 128 * 1024, /* bytes; a power of two */
    ROOM = CAPACITY / 8,   /* a sender that sleeps is woken for so much */
    SPIN_NS = 50 * 1000,   /* before a side sleeps */
    PATIENCE_MS = 10000,   /* for the other side to be there */
    SLEEP_SECONDS = 60,    /* nothing in such a time: the other side is dead */
};

/* One of the two sleeps, or is about to: a futex, 1 for yes. */
typedef _Atomic(uint32_t) sleep_word;

typedef struct ring {
    alignas(LINE) _Atomic(uint64_t) head; /* bytes ever written; of its sender */
    alignas(LINE) _Atomic(uint64_t) tail; /* bytes ever read; of its receiver */
    alignas(LINE) sleep_word receiver;    /* armed by it, disarmed by who wakes it */
    alignas(LINE) sleep_word sender;
    alignas(LINE) unsigned char bytes[CAPACITY];
} ring;

typedef struct ring_side {
    ring *ring;
    uint64_t at;    /* our own position: head of a sender, tail of a receiver */
    uint64_t other; /* the other side's, as last seen */
    unsigned char *record;
    size_t size;
} ring_side;

/* ---- sleeping and waking ---- */

static void wake(sleep_word *word)
{
    if (atomic_load_explicit(word, memory_order_relaxed)) {
        atomic_store(word, 0);
        syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
}

/* Until the other side's position is not what it was: look for a while, leaving the processor to others, then sleep. */
static void await(ring_side *side, _Atomic(uint64_t) *position, sleep_word *word)
{
    const struct timespec patience = {.tv_sec = SLEEP_SECONDS};
    uint64_t seen = side->other;
    for (uint64_t until = bench_now() + SPIN_NS; bench_now() < until; sched_yield()) {
        side->other = atomic_load_explicit(position, memory_order_acquire);
        if (side->other != seen) {
            return;
        }
    }
    for (;;) {
        atomic_store(word, 1);
        atomic_thread_fence(memory_order_seq_cst);
        side->other = atomic_load_explicit(position, memory_order_acquire);
        if (side->other != seen) {
            atomic_store(word, 0);
            return;
        }
        if (syscall(SYS_futex, word, FUTEX_WAIT, 1, &patience, NULL, 0) != 0 && errno == ETIMEDOUT) {
            bench_fail("nothing came through the ring in %d s", SLEEP_SECONDS);
        }
    }
}

/* ---- the table ---- */

static ring *map(int fd)
{
    ring *mapped = mmap(NULL, sizeof(ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (mapped == MAP_FAILED) {
        bench_fail("mmap: %s", strerror(errno));
    }
    close(fd);
    return mapped;
}

/* The link leads through /proc to a descriptor of ours, which stays open for those who have yet to come. */
static ring *make(const char *address)
{
    char descriptor[64];
    int fd = memfd_create("bench-ring", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof(ring)) != 0) {
        bench_fail("memfd: %s", strerror(errno));
    }
    ring *made = map(dup(fd));
    snprintf(descriptor, sizeof descriptor, "/proc/%d/fd/%d", (int)getpid(), fd);
    if (symlink(descriptor, address) != 0) {
        bench_fail("%s: %s", address, strerror(errno));
    }
    return made;
}

static ring *find(const char *address)
{
    for (int tries = 0; tries < PATIENCE_MS; tries++) {
        int fd = open(address, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            return map(fd);
        }
        bench_pause(1000);
    }
    bench_fail("no ring at %s: %s", address, strerror(errno));
}

static ring_side *side_new(ring *mapped, size_t size)
{
    if (size > ROOM || CAPACITY % size != 0) {
        bench_fail("a record has a power of two of bytes, and %d at most", ROOM);
    }
    ring_side *side = bench_alloc(sizeof *side);
    side->ring = mapped;
    side->size = size;
    side->record = bench_alloc(size);
    return side;
}

static void *ring_open(const bench_options *options, bench_side which)
{
    if (which != BENCH_SENDS && which != BENCH_RECEIVES) {
        bench_fail("a ring has one direction");
    }
    return side_new(which == BENCH_SENDS ? make(options->address) : find(options->address), options->size);
}

static void *ring_payload(void *self)
{
    return ((ring_side *)self)->record;
}

/* Room is told of in steps, so that a sender that sleeps isn't woken for each record. */
static void release(ring_side *side)
{
    side->at += side->size;
    atomic_store_explicit(&side->ring->tail, side->at, memory_order_release);
    if (side->at % ROOM == 0) {
        atomic_thread_fence(memory_order_seq_cst);
        wake(&side->ring->sender);
    }
}

static void publish(ring_side *side)
{
    side->at += side->size;
    atomic_store_explicit(&side->ring->head, side->at, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    wake(&side->ring->receiver);
}

/* Where the next record is to be written. */
static unsigned char *vacant(ring_side *side)
{
    while (side->at - side->other == CAPACITY) {
        await(side, &side->ring->tail, &side->ring->sender);
    }
    return side->ring->bytes + side->at % CAPACITY;
}

/* The oldest record. */
static const unsigned char *oldest(ring_side *side)
{
    if (side->at == side->other) {
        side->other = atomic_load_explicit(&side->ring->head, memory_order_acquire);
    }
    while (side->at == side->other) {
        await(side, &side->ring->head, &side->ring->receiver);
    }
    return side->ring->bytes + side->at % CAPACITY;
}

static void ring_send(void *self)
{
    ring_side *side = self;
    memcpy(vacant(side), side->record, side->size);
    publish(side);
}

static const void *ring_receive(void *self)
{
    ring_side *side = self;
    memcpy(side->record, oldest(side), side->size);
    release(side);
    return side->record;
}

static void ring_close(void *self)
{
    ring_side *side = self;
    munmap(side->ring, sizeof(ring));
    free(side->record);
    free(side);
}

static void ring_forward(const bench_options *options)
{
    ring_side *from = side_new(find(options->address), options->size);
    ring_side *to = side_new(make(options->second), options->size);
    for (uint64_t i = 0; i <= options->count; i++) {
        memcpy(vacant(to), oldest(from), options->size);
        publish(to);
        release(from);
    }
    ring_close(from);
    ring_close(to);
}

const bench_transport bench_ring = {
    .name = "ring",
    .open = ring_open,
    .payload = ring_payload,
    .send = ring_send,
    .receive = ring_receive,
    .close = ring_close,
    .forward = ring_forward,
};
