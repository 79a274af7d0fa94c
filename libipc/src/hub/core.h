/*
 * The hub core: a deterministic state machine. Requests, deaths and the time go in; replies and deliveries come out
 * through the lane seam. No socket, no clock, no thread.
 * Not locked: one thread drives it.
 */
#ifndef IPC__CORE_H
#define IPC__CORE_H

#include "hub/lane.h"
#include "util/slab.h"
#include "util/timer.h"
#include "wire/envelope.h"

#include <ipc/hub.h>

#define HASH_NONFATAL_OOM 1 /* an element that could not be added has hh.tbl NULL */
#include <uthash.h>

typedef struct ipc__core ipc__core;
typedef struct ipc__session ipc__session;
typedef struct ipc__object ipc__object;
typedef struct ipc__object_ops ipc__object_ops;
typedef struct ipc__hold ipc__hold;
typedef struct ipc__call ipc__call;
typedef struct ipc__pin ipc__pin;
typedef struct ipc__lease ipc__lease;
typedef struct ipc__reference ipc__reference;
typedef struct ipc__grant ipc__grant;

/* How a hold or a session ends. */
typedef enum ipc__end {
    IPC__END_CLEAN,  /* closed, or the session said BYE */
    IPC__END_FAILED, /* it said BYE, and that it failed: nothing is uncertain, but it has finished nothing */
    IPC__END_CRASH,  /* its process is gone without a word */
} ipc__end;

/* One operation for an object: its head is read, its fields are read from the envelope. */
typedef struct ipc__request {
    ipc__op op;
    uint64_t seq;
    uint32_t fields;
    ipc__envelope *envelope;
    uint64_t now;
} ipc__request;

/* What a type is made of. Nothing outside its file knows more. What it does not need is NULL; request, inspect and fini are there. */
struct ipc__object_ops {
    const char *name;
    size_t size;      /* of the object's struct, which starts with an ipc__object */
    size_t hold_size; /* of a hold's struct, which starts with an ipc__hold */

    /* Make the object as the options say; and compare an existing one with them. */
    ipc_err (*init)(ipc__object *object, ipc_cursor options);
    ipc_err (*match)(const ipc__object *object, ipc_cursor options);
    void (*fini)(ipc__object *object);

    /* A hold begins. twin: the hold that it copies (a fork, a pin's), or NULL. */
    ipc_err (*attach)(ipc__hold *hold, ipc_cursor options, const ipc__hold *twin);
    void (*detach)(ipc__hold *hold, ipc__end end, uint64_t now);

    /* An operation of this type. An error other than IPC_EPROTO is told to the client; IPC_EPROTO ends its session. */
    ipc_err (*request)(ipc__hold *hold, const ipc__request *request);

    /* The session that had the lease is gone, after all its holds were detached; last: no other of this object
     * follows at once. NULL for types without leases. */
    void (*lease_end)(ipc__lease *lease, ipc__end end, bool last);

    /* What the object refers to was deleted. */
    void (*bereft)(ipc__object *object);

    /* Somebody waits on the hold's descriptor from here on. */
    void (*watched)(ipc__hold *hold);

    /* The options as a map, as OPEN answers them for this hold. */
    void (*describe)(const ipc__hold *hold, msgpack_packer *packer);

    /* Learn what was taken meanwhile, before it is looked at. */
    void (*refresh)(ipc__object *object);

    /* How much it holds that nobody has taken yet: a hub that nobody uses stays for it. */
    uint64_t (*unread)(const ipc__object *object);

    /* Its size, for those who look; NULL: what is unread. */
    uint64_t (*length)(const ipc__object *object);

    /* All there is to know of it, as a map. */
    void (*inspect)(const ipc__object *object, msgpack_packer *packer);
};

struct ipc__object {
    const ipc__object_ops *ops;
    ipc__core *core;
    char *name; /* NULL: none */
    uint64_t id;
    ipc__hold *holds;
    unsigned hold_count; /* pins' included */
    bool deleting;       /* nothing moves any more */
    ipc__object *prev, *next;
    UT_hash_handle hh; /* by name */
    UT_hash_handle by_id_hh;

    /* Who refers to it, to what it refers, and who was told of it (reference.c). */
    ipc__reference *referrers;
    uint64_t referrer_count;
    ipc__reference *references;
    ipc__grant *grants;

    /* Whether it is garbage (reference.c, collect.c). */
    bool doomed;    /* it is freed next */
    bool candidate; /* it is looked at soon */
    bool looked_at;
    bool alive;
    uint64_t inside; /* how often those that are looked at refer to it */
    ipc__object *next_doomed;
    ipc__object *prev_candidate, *next_candidate;
    ipc__object *prev_looked, *next_looked;
};

/* A session's hold on an object; also a pin's, without a session. */
struct ipc__hold {
    ipc__object *object;
    ipc__session *session;
    uint32_t id;
    bool ended;             /* it is being taken away: nothing more is sent to it */
    bool watched;           /* somebody waits on its descriptor: it wants one item at any time */
    uint32_t calls;         /* how many of its session's are its own */
    bool refuses_deadlock;  /* an ACQUIRE through it that would close a cycle fails */
    ipc__hold *prev, *next; /* in the object's list */
};

/* A request that waits for its answer. */
struct ipc__call {
    ipc__timer timer;
    ipc__core *core;
    ipc__hold *hold;     /* NULL: gone, and a parked put is left */
    uint64_t session_id; /* whose it is, or was */
    uint64_t seq;        /* 0: nobody waits for an answer (a parked PUT) */
    uint64_t since;      /* when it began to wait in its list, us */
    ipc_err late;        /* the answer at the timeout */
    bool impatient;      /* it waits for what was recalled, and for nothing else */
    /* At its timeout: true if it is not to be answered, and freed, then. NULL: it is. */
    bool (*expired)(ipc__call *call);
    void (*dropped)(ipc__call *call); /* before it goes with its hold, or is cancelled; or NULL */
    uint64_t thread;                  /* of who waits; 0: not told */
    struct ipc__mutex *mutex;         /* that its thread waits for, as deadlock.c knows it; or NULL */
    uint64_t depth;                   /* how often it will have it; 0 is once */
    bool notified;                    /* by a condition */
    bool acts;                        /* a party that would act for all */
    struct ipc__stream *stream;       /* for expired() */
    struct ipc__source *source;       /* of a put; as long as hold is there */
    ipc__call **queue;                /* the list that it waits in */
    ipc__item *item;                  /* owned: what a put brings */
    ipc__call **slot;                 /* where else it is known, to be cleared with it; or NULL */
    ipc__call *prev, *next;
    ipc__call *session_prev, *session_next;
    UT_hash_handle hh; /* by thread, in its session's blocked */
};

/* What a session has of an object, whichever of its holds it came through: the type's struct starts with it. */
struct ipc__lease {
    ipc__object *object;
    ipc__session *session; /* NULL: its session is gone */
    ipc__lease *prev, *next;
};

struct ipc__pin {
    uint64_t id;
    ipc__hold *hold;
    ipc__session *owner;
    ipc__timer expiry; /* armed by the first use */
    ipc__pin *prev, *next;
    UT_hash_handle hh;
};

struct ipc__session {
    ipc__core *core;
    const ipc__lane_ops *lane;
    void *peer;
    uint64_t id;
    char *language;
    char *program;
    int64_t pid; /* 0: not known */
    ipc__hold **holds;
    uint32_t hold_capacity;
    ipc__call *calls;
    ipc__call *blocked; /* by thread: those of its calls that wait for a mutex */
    ipc__pin *pins;
    ipc__lease *leases;
    ipc__grant *grants;
    uint32_t waiting; /* calls that wait, and pins: bounded */
    bool ending;      /* nothing more is sent to it */
    bool failed;      /* its BYE said so */
    uint64_t acked;   /* put bytes taken in: the byte window */
    ipc__session *prev, *next;
};

/* Whether anything may still be sent to a hold. */
static inline bool ipc__hold_alive(const ipc__hold *hold)
{
    return hold->session && !hold->ended && !hold->session->ending;
}

struct ipc__core {
    ipc_hub_options options;
    uint64_t validity; /* us: how long a delivery or a credit may be used */
    uint64_t now;      /* the latest time that it was told */
    ipc__timers timers;
    ipc__session *sessions;
    unsigned session_count;
    ipc__object *objects;
    ipc__object *by_name;
    ipc__object *by_id;
    uint32_t object_count;
    ipc__object *doomed; /* a stack of those that nobody refers to any more, */
    bool dooming;        /* which somebody empties */
    ipc__object *candidates;
    ipc__timer collection;
    uint64_t collection_cost; /* references that the last one looked at */
    ipc__pin *pins;
    uint64_t next_id;
    uint64_t epoch;    /* of the hub's run: a reference of another one stands for nothing here */
    uint64_t memory;   /* bytes of items held */
    uint64_t rejected; /* sessions that were dropped for what they sent, and strangers */
    uint64_t refused;  /* puts */
    uint64_t started;  /* when */
    int64_t pid;       /* the hub's process */
    ipc__buf scratch;
    ipc__buf result;  /* of an invocation */
    ipc__slabs slabs; /* of small items */
};

enum { IPC__VALIDITY_US = 1000 * 1000 };

void ipc__core_init(ipc__core *core, const ipc_hub_options *options);
void ipc__core_fini(ipc__core *core);

/* ---- what happens to it ---- */

/* Who a session is. Borrowed. */
typedef struct ipc__identity {
    ipc__bytes language;
    ipc__bytes program;
    int64_t pid;
} ipc__identity;

/* A new session on a lane. IPC_ELIMIT, IPC_ENOMEM. */
ipc_err ipc__core_session(ipc__core *core, const ipc__lane_ops *lane, void *peer, const ipc__identity *who,
                          ipc__session **out);

/* A session that holds what its parent holds under the numbers of an array. IPC_EPROTO: it is none. */
ipc_err ipc__core_fork(ipc__session *parent, const ipc__lane_ops *lane, void *peer, ipc_cursor numbers,
                       ipc__session **out);

/*
 * Process a received envelope, whose header is read. IPC_OK; IPC_ECLOSED the session said BYE and is gone; IPC_EPROTO it broke
 * the protocol: the caller ends it.
 */
ipc_err ipc__core_input(ipc__session *session, ipc__envelope *envelope, uint64_t now);

/* A session that has sent and was delivered nothing yet goes over to another lane. False: no memory. */
bool ipc__core_session_lane(ipc__session *session, const ipc__lane_ops *lane, void *peer);

/* End a session. */
void ipc__core_session_end(ipc__session *session, ipc__end end, uint64_t now);

/* Let time pass. */
void ipc__core_advance(ipc__core *core, uint64_t now);

/* When ipc__core_advance() has something to do; IPC__NEVER for never. */
static inline uint64_t ipc__core_due(const ipc__core *core)
{
    return ipc__timers_next(&core->timers);
}

/* Whether a named object holds anything unread. */
bool ipc__core_unread(const ipc__core *core);

/* ---- for the types ---- */

/* Begin an answer with fields behind the code; pack them into the packer, then end it. */
msgpack_packer ipc__reply_begin(ipc__session *session, uint32_t handle, uint64_t seq, unsigned fields);
void ipc__reply_end(ipc__session *session);

/* An answer without fields, or an error with its words. */
void ipc__reply(ipc__session *session, uint32_t handle, uint64_t seq, ipc_err err);

/* An operation of the hub's own, with two numbers behind seq. */
void ipc__notify(ipc__hold *hold, ipc__op op, uint64_t first, uint64_t second);

/* Tell a handle that nothing more will come. */
void ipc__notify_end(ipc__hold *hold, ipc_err code);

/*
 * Wait: the call is put at the end of *queue. out may be NULL. IPC_ENOMEM; IPC_ELIMIT the session has as many as it may.
 */
ipc_err ipc__call_wait(ipc__call **out, ipc__hold *hold, uint64_t seq, ipc__call **queue, int64_t timeout_ms,
                       ipc_err late);

/* The first of a list whose session, and hold, will be there for the answer; or NULL. */
ipc__call *ipc__call_alive(ipc__call *queue);

/* Free a waiting call that was answered otherwise. */
void ipc__call_forget(ipc__call *call);

/* It waits in another list, at the end, and without a timeout. */
void ipc__call_move(ipc__call *call, ipc__call **queue);

/* Answer a waiting call, if somebody waits for the answer, and free it. */
void ipc__call_answer(ipc__call *call, ipc_err err);

/* A hold ends: drop its waiting calls without an answer. Parked puts stay: the hub has accepted them. */
void ipc__calls_drop(ipc__hold *hold);

/* The same for all holds of a session. */
void ipc__calls_drop_all(ipc__session *session);

/* Answer every waiting call of a hold. Parked puts stay. */
void ipc__calls_answer_hold(ipc__hold *hold, ipc_err err);

/* Answer every call of a queue. */
void ipc__calls_answer(ipc__call **queue, ipc_err err);

/* Give a session a lease; take it away. */
void ipc__lease_add(ipc__lease *lease, ipc__object *object, ipc__session *session);
void ipc__lease_remove(ipc__lease *lease);

/* Whether the hub may hold so many more bytes. IPC_EMEMORY. */
ipc_err ipc__core_room(const ipc__core *core, uint64_t bytes);

/* The object of a name, made with the type's defaults if there is none. */
ipc_err ipc__object_named(ipc__core *core, const ipc__object_ops *ops, const char *name, ipc__object **out);

/* Read an option of a map; absent leaves *out alone. False: there, but of another type. */
bool ipc__option_uint(ipc_cursor options, const char *name, uint64_t *out, bool *present);
bool ipc__option_bool(ipc_cursor options, const char *name, bool *out, bool *present);
bool ipc__option_array(ipc_cursor options, const char *name, ipc_cursor *inside, uint32_t *count, bool *present);
bool ipc__option_reference(ipc_cursor options, const char *name, ipc__bytes *body, bool *present);
bool ipc__option_text(ipc_cursor options, const char *name, ipc__bytes *out, bool *present);

/* Who a session is: so many fields of a map. */
enum { IPC__SESSION_FIELDS = 5 };
void ipc__pack_session(msgpack_packer *packer, const ipc__session *session);

/* Who waits in a list of calls, first those that have waited longest: a key with how many, and a key with the first of them. */
enum { IPC__WAITING_FIELDS = 2, IPC__WAITERS_SHOWN = 100 };
void ipc__pack_waiting(msgpack_packer *packer, const char *count, const char *list, const ipc__call *queue);

/* A map's key with its value. */
void ipc__pack_uint(msgpack_packer *packer, const char *key, uint64_t value);
void ipc__pack_bool(msgpack_packer *packer, const char *key, bool value);

extern const ipc__object_ops ipc__array_ops;
extern const ipc__object_ops ipc__barrier_ops;
extern const ipc__object_ops ipc__condition_ops;
extern const ipc__object_ops ipc__dict_ops;
extern const ipc__object_ops ipc__event_ops;
extern const ipc__object_ops ipc__list_ops;
extern const ipc__object_ops ipc__lock_ops;
extern const ipc__object_ops ipc__namespace_ops;
extern const ipc__object_ops ipc__pipe_ops;
extern const ipc__object_ops ipc__queue_ops;
extern const ipc__object_ops ipc__rlock_ops;
extern const ipc__object_ops ipc__semaphore_ops;
extern const ipc__object_ops ipc__value_ops;

#endif
