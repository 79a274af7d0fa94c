/*
 * A hub core with containers, the clients around it, and what a model knows of both.
 * Touches memory; a broken promise prints the seed, and ends the process. One thread.
 */
#ifndef BOX_WORLD_H
#define BOX_WORLD_H

#include "box_object.h"

enum { BOX_CLIENTS = 4, BOX_HANDLES = 7, BOX_NAMES = 5, BOX_OBJECTS = 1024, BOX_PINS = 64, BOX_GRANTS = 512 };

typedef struct box_client {
    ipc__session *session; /* NULL: it is not there */
    uint64_t seq;
    box_object *holds[BOX_HANDLES];
    uint64_t expected; /* what it has asked: the answer is below */
    bool answered;
    int64_t code;
    ipc__buf answer;  /* its field */
    uint64_t waiting; /* an ACQUIRE that was not answered at once; 0: none */
    box_object *waits_for;
    bool woken;
    int64_t woken_code;
    bool woken_abandoned;
} box_client;

/* Who was told of an object and has not opened it, how often, until when. */
typedef struct box_grant {
    box_client *client; /* NULL: it is over */
    box_object *object;
    uint64_t count;
    uint64_t due;
} box_grant;

typedef struct box_pin {
    unsigned char bytes[8];
    box_client *owner; /* NULL: it is over */
    box_object *object;
    uint64_t due; /* 0: not used yet */
} box_pin;

/* What kind of run it is. */
typedef struct box_flavour {
    bool scarce;     /* of memory: what stores may be refused */
    bool terse;      /* messages are short: what is longer is refused; nothing refers to anything */
    bool left_alone; /* the hub ends with all that is in it */
} box_flavour;

typedef struct box_world {
    uint64_t seed;
    uint64_t random;
    unsigned step;
    box_flavour flavour;
    ipc__core core;
    uint64_t now;
    box_client clients[BOX_CLIENTS];
    box_object objects[BOX_OBJECTS];
    unsigned object_count;
    unsigned existing;
    box_grant grants[BOX_GRANTS];
    unsigned grant_count;
    box_pin pins[BOX_PINS];
    unsigned pin_count;
} box_world;

extern box_world box;

_Noreturn void box_fail(const char *file, int line, const char *words);
#define BOX_REQUIRE(condition, words)                                                                                  \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            box_fail(__FILE__, __LINE__, words);                                                                       \
        }                                                                                                              \
    } while (0)

uint64_t box_draw(uint64_t below);

void box_begin(uint64_t seed, box_flavour flavour);
void box_end(void);

/* ---- clients (box_client.c) ---- */

extern const ipc__lane_ops box_lane;

void box_join(box_client *self);

/* An operation with these fields, and its answer's code. IPC_OK of a request that waits, too. */
int64_t box_ask(box_client *self, ipc__op op, uint32_t handle, unsigned fields, const ipc__buf *packed);

/* ---- what is where (box_world.c) ---- */

box_object *box_object_new(box_type type, int name);
box_object *box_named(int name);

/* A client was told of what a value refers to; it has opened it. */
void box_told(box_client *self, const box_value *value);
void box_grant_used(box_client *self, const box_object *object);

/* A client is gone, or an object was unlinked. */
void box_forget_client(box_client *self);
void box_forget_object(box_object *object);

/* Time passes. */
void box_pass(uint64_t us);

/* ---- what holds after every step (box_check.c) ---- */

/* What must be there is; what must not be is not; the answers of locks make sense. */
void box_check(void);

/* A client was told that it has an array's lock. */
void box_has_lock(box_client *client, box_object *array, bool abandoned);

/* The contents of one object; of all. */
void box_check_contents(const box_object *object);
void box_check_everything(void);

/* What nobody reaches is gone when it has been looked for. */
void box_settle(void);

#endif
