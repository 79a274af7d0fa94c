/*
 * Locks: mutual exclusion between threads of programs that meet on a name, whatever their languages. An owner that dies
 * hands its lock on.
 */
#ifndef IPC_LOCK_H
#define IPC_LOCK_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

/** What an acquisition brought. */
typedef struct ipc_grant {
    uint64_t fence; /**< Grows with every owner: a store that keeps the highest one it saw can refuse late writers. */
    bool abandoned; /**< The owner before ended without releasing it: what it guards may be half done. Told once. */
} ipc_grant;

typedef struct ipc_lock_options {
    size_t size;          /**< sizeof(ipc_lock_options): set by the INIT macro. */
    ipc_open_mode mode;   /**< Attach, create, or either. */
    bool recursive;       /**< An RLock: its owner may acquire it again, and nobody else may release it. */
    bool refuse_deadlock; /**< Of this handle: to acquire what would be waited for without an end is IPC_EDEADLOCK. */
} ipc_lock_options;

#define IPC_LOCK_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        sizeof(ipc_lock_options), IPC_OPEN_EITHER, false, false                                                        \
    }

/**
 * Open a lock. A recursive one and one that is not are two types: a name is one or the other.
 *
 * @param[out] lock  The handle. The caller owns it: ipc_lock_free(). It may outlive *conn*.
 * @param conn       The connection to use; NULL for the default one.
 * @param name       NULL: a lock without a name, which lives as long as its handles.
 * @param options    NULL for the defaults.
 * @return IPC_OK; IPC_EEXIST; IPC_ENOENT; IPC_ETYPE; IPC_ENAME; IPC_EOBJECTS; IPC_EINVAL; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_lock_open(ipc_lock **lock, ipc_conn *conn, const char *name, const ipc_lock_options *options);

/**
 * Acquire it. Who waits longest is first. A lock that is not recursive is not given to its owner again: that waits, too.
 *
 * @param[out] grant  What it brought; NULL: of no interest.
 * @return IPC_OK; IPC_ETIMEOUT; IPC_EDEADLOCK the owner waits, in a circle of owners, for what the calling thread has, and the handle
 *         refuses that; IPC_EINTR a signal came and the wait hook says so; IPC_EDELETED; IPC_ELIMIT; IPC_ELOST; IPC_ECLOSED;
 *         IPC_ENOMEM.
 * Thread safety: any thread; the calling thread is the owner. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_lock_acquire(ipc_lock *lock, int64_t timeout_ms, ipc_grant *grant);

/**
 * Release it. A lock may be released by any thread and any program; a recursive one by its owner alone, as often as it was acquired.
 *
 * @return IPC_OK; IPC_ENOTHELD nobody has it; IPC_ENOTOWNER; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_lock_release(ipc_lock *lock);

/**
 * Look at it: another moment it may be otherwise.
 *
 * @param[out] locked  Whether anybody has it; may be NULL.
 * @param[out] mine    Whether the calling thread has it; may be NULL.
 * @return IPC_OK; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Thread safety: any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_lock_peek(ipc_lock *lock, bool *locked, bool *mine);

/** A value that stands for it, to be stored in a container of the same hub (see ipc_dict_refer()). */
IPC_EXPORT ipc_err ipc_lock_refer(ipc_lock *lock, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_lock_share(ipc_lock *lock, ipc_msg **ticket);
/** Attach to what a ticket is for, on a connection or, with NULL, on the program's own to that hub. */
IPC_EXPORT ipc_err ipc_lock_attach(ipc_lock **lock, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_lock_name(const ipc_lock *lock);
/** Whether it is recursive. */
IPC_EXPORT bool ipc_lock_recursive(const ipc_lock *lock);

/** Close the handle: calls that wait return IPC_ECLOSED. It does not release the lock. Idempotent; any thread. */
IPC_EXPORT void ipc_lock_close(ipc_lock *lock);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_lock_free(ipc_lock *lock);

IPC_END_DECLS

#endif
