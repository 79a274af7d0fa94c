/*
 * What the files of the interpreter in C share: a step that is being done, what it names, and what it gives.
 * Touches the actor. One thread.
 */
#ifndef STEPS_H
#define STEPS_H

#include "interpreter.h"

/* What a step named: a queue, a pipe's end, an item and the queue that it was taken from, or an object of a class. */
typedef struct thing {
    char *name;
    ipc_queue *queue;
    ipc_pipe *pipe;
    ipc_msg *item;
    const struct class_kind *class;
    void *object;
    json_t *options; /* an object's, as the step had them */
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
extern const step_kind object_steps[];
extern const step_kind conn_steps[];

/* A class of objects: those that "open" makes, and whose methods "call" calls. */
typedef struct class_kind {
    const char *name; /* NULL: the end of a list */
    ipc_err (*open)(const call *c, void **object);
    const step_kind *methods;
    const struct class_verbs *verbs;
} class_kind;

/* What all of them can do. CLASS_VERBS(lock) defines lock_verbs, of ipc_lock_share() and so on. */
typedef struct class_verbs {
    ipc_err (*attach)(void **object, ipc_conn *conn, const ipc_msg *ticket);
    ipc_err (*share)(void *object, ipc_msg **ticket);
    ipc_err (*refer)(void *object, ipc_msg **reference);
    const char *(*name)(const void *object);
    void (*close)(void *object);
    void (*free)(void *object);
} class_verbs;

#define CLASS_VERBS(type)                                                                                              \
    static ipc_err type##_attach(void **object, ipc_conn *conn, const ipc_msg *ticket)                                 \
    {                                                                                                                  \
        ipc_##type *handle;                                                                                            \
        ipc_err err = ipc_##type##_attach(&handle, conn, ticket);                                                      \
        *object = handle;                                                                                              \
        return err;                                                                                                    \
    }                                                                                                                  \
    static ipc_err type##_share(void *object, ipc_msg **ticket)                                                        \
    {                                                                                                                  \
        return ipc_##type##_share(object, ticket);                                                                     \
    }                                                                                                                  \
    static ipc_err type##_refer(void *object, ipc_msg **reference)                                                     \
    {                                                                                                                  \
        return ipc_##type##_refer(object, reference);                                                                  \
    }                                                                                                                  \
    static const char *type##_name(const void *object)                                                                 \
    {                                                                                                                  \
        return ipc_##type##_name(object);                                                                              \
    }                                                                                                                  \
    static void type##_close(void *object)                                                                             \
    {                                                                                                                  \
        ipc_##type##_close(object);                                                                                    \
    }                                                                                                                  \
    static void type##_free(void *object)                                                                              \
    {                                                                                                                  \
        ipc_##type##_free(object);                                                                                     \
    }                                                                                                                  \
    static const class_verbs type##_verbs = {type##_attach, type##_share, type##_refer,                                \
                                             type##_name,   type##_close, type##_free}

extern const class_kind sync_classes[];
extern const class_kind dict_classes[];
extern const class_kind list_classes[];
extern const class_kind array_classes[];

/* ---- what a step says ---- */

int64_t timeout_of(const call *c);
ipc_open_mode mode_of(const call *c);

/* A number; 0 where it says none. */
uint64_t number_of(const call *c, const char *key);

/* One of the arguments of a "call" step, or what it is without one; packed: the caller owns it. */
int64_t number_arg(const call *c, size_t place, int64_t otherwise);
ipc_msg *packed_arg(const call *c, size_t place);

/* One of the options of an "open" step, or of the one that opened the object. NULL: it has none of that name. */
const json_t *option_of(const call *c, const char *name);

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

/* It also says so, beside what it gives. */
void mark(const call *c, const char *name, bool truth);

/* ---- objects of classes ---- */

/* Attach to what the ticket is for, whatever its class. IPC_ETYPE: none of the classes. */
ipc_err attach_object(const call *c, const ipc_msg *ticket, thing *what);

void free_object(thing *what);

/* ---- containers ---- */

/*
 * One of the arguments of a "call" step, or all of them as one sequence, with the actor's handles in them; packed: the
 * caller owns it. compare_set's old and new value are as the hub has them.
 */
ipc_err pack_arg(const call *c, size_t place, ipc_msg **out);
ipc_err pack_args(const call *c, ipc_msg **out);
ipc_err pack_compare_set(const call *c, size_t before, ipc_msg **out);

/* An argument as the table has it; NULL: there is none. How many there are. */
const json_t *arg_of(const call *c, size_t place);
size_t arg_count(const call *c);

/* A slice's start or stop, and its step: null is none. */
int64_t slice_bound(const call *c, size_t place);
int64_t slice_step(const call *c);

/* A method gave a value, which is used up: a handle, if the step says what it is to be called. */
ipc_err give_value(const call *c, ipc_err err, ipc_msg *value);

#endif
