/*
 * Barriers: threads of any program that wait for each other. One that dies while it waits breaks the barrier.
 */
#ifndef IPC_BARRIER_H
#define IPC_BARRIER_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/lock.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

typedef struct ipc_barrier_options {
    size_t size;        /**< sizeof(ipc_barrier_options): set by the INIT macro. */
    ipc_open_mode mode; /**< Attach, create, or either; as it is. */
    uint32_t parties;   /**< How many wait for each other; 1 to 4096. 0: as it is. */
} ipc_barrier_options;

#define IPC_BARRIER_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        sizeof(ipc_barrier_options), IPC_OPEN_EITHER, 0                                                                \
    }

/**
 * Open a barrier.
 *
 * @param[out] barrier  The handle. The caller owns it: ipc_barrier_free(). It may outlive *conn*.
 * @param conn  The connection to use; NULL for the default one.
 * @param name  NULL: one without a name, which lives as long as its handles.
 * @param options  NULL for the defaults.
 * @return IPC_OK; IPC_EEXIST; IPC_ENOENT; IPC_ETYPE; IPC_EOPTIONS; IPC_ENAME; IPC_EOBJECTS; IPC_EINVAL; IPC_ELOST; IPC_ECLOSED;
 *         IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_barrier_open(ipc_barrier **barrier, ipc_conn *conn, const char *name,
                                    const ipc_barrier_options *options);

typedef struct ipc_barrier_info {
    uint64_t parties; /**< How many wait for each other. */
    uint64_t waiting; /**< How many wait now. */
    bool broken;      /**< Somebody was late, died or aborted it. */
} ipc_barrier_info;

/**
 * Wait until all parties have come.
 *
 * @param acts         Where this party is the last one, it is to act before the others go on: *act tells, and ipc_barrier_pass() ends that.
 * @param[out] index   Which one it was: 0 to parties - 1. May be NULL.
 * @param[out] act     Whether it is to act now. May be NULL where acts is false.
 * @return IPC_OK; IPC_EBROKEN it is broken, or has become so: also by this one's timeout; IPC_EINTR; IPC_ELIMIT; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_barrier_wait(ipc_barrier *barrier, int64_t timeout_ms, bool acts, uint64_t *index, bool *act);

/**
 * The party that acted is through.
 * @param good  False: it failed, and the barrier is broken.
 * @return IPC_OK; IPC_EBROKEN it was reset or aborted meanwhile; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_barrier_pass(ipc_barrier *barrier, bool good);

/** Begin anew: who waits gets IPC_EBROKEN. @return IPC_OK; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Any thread. Blocking: one round trip. */
IPC_EXPORT ipc_err ipc_barrier_reset(ipc_barrier *barrier);
/** Break it: who waits, and who comes, gets IPC_EBROKEN until it is reset. As ipc_barrier_reset(). */
IPC_EXPORT ipc_err ipc_barrier_abort(ipc_barrier *barrier);
/** Look at it; another moment it may be otherwise. As ipc_barrier_reset(). */
IPC_EXPORT ipc_err ipc_barrier_stat(ipc_barrier *barrier, ipc_barrier_info *info);

/** A value that stands for it, to be stored in a container of the same hub (see ipc_dict_refer()). */
IPC_EXPORT ipc_err ipc_barrier_refer(ipc_barrier *barrier, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_barrier_share(ipc_barrier *barrier, ipc_msg **ticket);
/** Attach to what a ticket is for, on a connection or, with NULL, on the program's own to that hub. */
IPC_EXPORT ipc_err ipc_barrier_attach(ipc_barrier **barrier, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_barrier_name(const ipc_barrier *barrier);

/** Close the handle: calls that wait return IPC_ECLOSED. Idempotent; any thread. */
IPC_EXPORT void ipc_barrier_close(ipc_barrier *barrier);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_barrier_free(ipc_barrier *barrier);

IPC_END_DECLS

#endif
