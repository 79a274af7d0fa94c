/*
 * Mutual exclusion between threads of sessions: one owner, waiters in the order in which they came, and an owner that can die.
 * Locks are one; conditions and shared values have one inside.
 * Touches the core it lives in, and sessions through the lane seam. Not locked: the core's thread.
 */
#ifndef IPC__MUTEX_H
#define IPC__MUTEX_H

#include "hub/core.h"

/* Who has it. Its lease comes first: by it the mutex learns of its session's end. */
typedef struct ipc__owner {
    ipc__lease lease;
    uint64_t thread;       /* the session's own word for it */
    uint64_t since;        /* us */
    ipc__object *notifier; /* a condition by which it was notified, and it has done nothing since; or NULL */
} ipc__owner;

typedef struct ipc__mutex {
    ipc__object *object;
    ipc__owner owner;
    bool recursive; /* its owner may take it again, and nobody else may release it */
    bool abandoned; /* its last owner ended without releasing it: the next one is told */
    uint64_t depth; /* how often the owner has taken it; 0: it is free */
    uint64_t fence; /* grows with every owner */
    ipc__call *waiters;
} ipc__mutex;

void ipc__mutex_init(ipc__mutex *mutex, ipc__object *object, bool recursive);

/* Its object goes: nobody owns it, and nobody waits any more. */
void ipc__mutex_fini(ipc__mutex *mutex);

/*
 * ACQUIRE: thread, timeout_ms. Answered with the fence, whether the last owner abandoned it, and (of a condition's WAIT) whether it
 * was notified.
 * IPC_EDEADLOCK: waiting would close a circle, and the hold refuses that.
 */
ipc_err ipc__mutex_acquire(ipc__mutex *mutex, ipc__hold *hold, const ipc__request *request);

/* UNLOCK: thread. IPC_ENOTHELD, IPC_ENOTOWNER. */
ipc_err ipc__mutex_unlock(ipc__mutex *mutex, ipc__hold *hold, const ipc__request *request);

/* PEEK: whether it is locked, and whether by this session's thread. */
ipc_err ipc__mutex_peek(const ipc__mutex *mutex, const ipc__hold *hold, const ipc__request *request);

/* Whether a session's thread has it. */
bool ipc__mutex_owned(const ipc__mutex *mutex, const ipc__session *session, uint64_t thread);

/* The same, and it has done something with it since it was notified. */
bool ipc__mutex_heard(ipc__mutex *mutex, const ipc__session *session, uint64_t thread);

/* It is given up, however often it was taken; whoever waits is next. */
void ipc__mutex_free(ipc__mutex *mutex);

/* A call that waited elsewhere waits for the mutex, and has it as often as call->depth says. */
void ipc__mutex_queue(ipc__mutex *mutex, ipc__call *call);

/* The mutex of a lock or an rlock; NULL: the object is none. */
ipc__mutex *ipc__lock_mutex(ipc__object *object);

/* Who was notified by a condition has died before it did anything: the next one is. */
void ipc__condition_hand_on(ipc__object *object);

/* The owner's session is gone: whoever waits longest is next. */
void ipc__mutex_abandon(ipc__mutex *mutex);

/* The one option of a hold on what has a mutex: refuse_deadlock. As ipc__object_ops has them. */
ipc_err ipc__mutex_attach(ipc__hold *hold, ipc_cursor options, const ipc__hold *twin);
void ipc__mutex_describe_option(const ipc__hold *hold, msgpack_packer *packer);
void ipc__mutex_describe(const ipc__hold *hold, msgpack_packer *packer);

/* What there is to know of it: so many fields of a map. */
enum { IPC__MUTEX_FIELDS = 6 + IPC__WAITING_FIELDS };
void ipc__mutex_inspect(const ipc__mutex *mutex, msgpack_packer *packer);

#endif
