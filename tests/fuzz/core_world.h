/*
 * The world of the fuzz target core: a hub core, and the sessions around it.
 * Touches nothing but memory. One thread.
 */
#ifndef FUZZ_CORE_WORLD_H
#define FUZZ_CORE_WORLD_H

#include "fuzz/fuzz.h"
#include "hub/core.h"

enum { HANDLES = 5, SESSIONS = 6, HEARD = 8, PINS = 4, REFERENCES = 4, REFERENCE_MAX = 64 };

/* What a session has been handed, newest last; the oldest are forgotten. */
typedef struct delivery {
    uint32_t handle;
    uint64_t item;
    uint64_t position;
    uint32_t attempt;
} delivery;

/* The deliveries of a handle of an exact session, by position: taken, handout back, or neither. */
typedef enum slot { READY, TAKEN, BACK } slot;

typedef struct handout {
    unsigned char *slots;
    size_t count;
} handout;

typedef struct world world;

typedef struct peer {
    world *world;
    ipc__session *session;
    bool exact;
    bool gone;
    uint64_t seq;
    ipc__outbox out;
    delivery heard[HEARD];
    unsigned heard_next;
    uint64_t positions[HANDLES];
    handout rings[HANDLES];
    struct peer *prev, *next;
} peer;

struct world {
    ipc__core core;
    uint64_t now;
    peer *peers;
    unsigned peer_count;
    unsigned ever;
    unsigned char pins[PINS][sizeof(uint64_t)];
    unsigned pin_count;
    unsigned char references[REFERENCES][REFERENCE_MAX]; /* packed; the newest take the place of the oldest */
    size_t reference_lengths[REFERENCES];
    unsigned reference_count;
};

/* One operation joins those that a session has to send: as a client would say it, but that it need not make sense. */
void core_say(peer *self, input *in);

/* A method with arguments: values of every kind, and bytes that are none. */
void core_say_arguments(peer *self, input *in);

/* The counts of a core are right. */
void core_check(const world *self);

#endif
