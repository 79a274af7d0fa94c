/*
 * What the files of the interpreter in C share: a step that is being done, what it names, and what it gives.
 * Touches the actor. One thread.
 */
#ifndef STEPS_H
#define STEPS_H

#include "interpreter.h"

/* What a step named: a queue, a pipe's end, or an item and the queue that it was taken from. */
typedef struct thing {
    char *name;
    ipc_queue *queue;
    ipc_pipe *pipe;
    ipc_msg *item;
    struct thing *next;
} thing;

struct actor {
    ipc_conn *conn;
    thing *things; /* the newest first: it hides what had its name before */
};

/* A step that is being done. */
typedef struct call {
    actor *self;
    const json_t *step;
    json_t *result;
    const thing *on; /* the handle or item that it is about, if any */
} call;

/* What a step's name stands for. */
typedef struct step_kind {
    const char *name; /* NULL: the end of a list */
    ipc_err (*run)(const call *c);
} step_kind;

extern const step_kind queue_steps[];
extern const step_kind pipe_steps[];
extern const step_kind conn_steps[];

/* ---- what a step says ---- */

int64_t timeout_of(const call *c);
ipc_open_mode mode_of(const call *c);

/* A number; 0 where it says none. */
uint64_t number_of(const call *c, const char *key);

/* A text on the heap; NULL: none. */
char *name_of(const call *c, const char *key);

/* What was named so. */
const thing *thing_named(const call *c, const char *name);

/* ---- what comes of it ---- */

/* From now on *what* has the name. */
void keep(const call *c, const json_t *name, thing what);

/* A call gave a message, which is used up. Each returns the call's own outcome. */
ipc_err give_msg(const call *c, ipc_err err, ipc_msg *msg);
ipc_err give_bool(const call *c, ipc_err err, bool answer);
ipc_err give_number(const call *c, ipc_err err, uint64_t number);

#endif
