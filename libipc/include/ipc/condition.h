/*
 * Conditions: a recursive lock, and threads of any program that gave it up until they are notified.
 */
#ifndef IPC_CONDITION_H
#define IPC_CONDITION_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/lock.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

typedef struct ipc_condition_options {
    size_t size;          /**< sizeof(ipc_condition_options): set by the INIT macro. */
    ipc_open_mode mode;   /**< Attach, create, or either; as it is. */
    bool refuse_deadlock; /**< Of this handle: see ipc_lock_options. Waiting has the lock back all the same. */
    ipc_lock *lock; /**< The lock that belongs to it, of the same hub: several conditions may share one. Borrowed; the
                               condition keeps its object; conn may be NULL for the lock's own. NULL: one of its own, which its owner may acquire again. */
} ipc_condition_options;

#define IPC_CONDITION_OPTIONS_INIT                                                                                     \
    {                                                                                                                  \
        sizeof(ipc_condition_options), IPC_OPEN_EITHER, false, NULL                                                    \
    }

/**
 * Open a condition.
 *
 * @param[out] condition  The handle. The caller owns it: ipc_condition_free(). It may outlive *conn*.
 * @param conn  The connection to use; NULL for the default one.
 * @param name  NULL: one without a name, which lives as long as its handles.
 * @param options  NULL for the defaults.
 * @return IPC_OK; IPC_EEXIST; IPC_ENOENT; IPC_ETYPE; IPC_EOPTIONS; IPC_ENAME; IPC_EOBJECTS; IPC_EINVAL; IPC_ELOST; IPC_ECLOSED;
 *         IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_condition_open(ipc_condition **condition, ipc_conn *conn, const char *name,
                                      const ipc_condition_options *options);

/** Acquire its lock: as ipc_lock_acquire(), of a recursive one where the lock is its own. IPC_EDELETED also: the lock was. */
IPC_EXPORT ipc_err ipc_condition_acquire(ipc_condition *condition, int64_t timeout_ms, ipc_grant *grant);
/** Release its lock: likewise. */
IPC_EXPORT ipc_err ipc_condition_release(ipc_condition *condition);

/**
 * Give up the lock, however often it was acquired, wait to be notified, and have it again as before.
 *
 * @param timeout_ms     How long to wait for the notification. The lock is waited for without an end.
 * @param[out] notified  False: the time passed. The lock is held in both cases. May be NULL.
 * @param[out] grant     What the new acquisition brought; may be NULL.
 * @return IPC_OK; IPC_ENOTOWNER the calling thread does not have the lock; IPC_EINTR the wait is over, and the lock is not held;
 *         IPC_ELIMIT; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: up to timeout_ms, then for the lock.
 */
IPC_EXPORT ipc_err ipc_condition_wait(ipc_condition *condition, int64_t timeout_ms, bool *notified, ipc_grant *grant);

/**
 * Notify those who wait longest. One that dies before it has done anything hands the notification on.
 * @param count  How many; 0: all.
 * @return IPC_OK; IPC_ENOTOWNER the calling thread does not have the lock; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_condition_notify(ipc_condition *condition, uint32_t count);

/** A value that stands for it, to be stored in a container of the same hub (see ipc_dict_refer()). */
IPC_EXPORT ipc_err ipc_condition_refer(ipc_condition *condition, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_condition_share(ipc_condition *condition, ipc_msg **ticket);
/** Attach to what a ticket is for, on a connection or, with NULL, on the program's own to that hub. */
IPC_EXPORT ipc_err ipc_condition_attach(ipc_condition **condition, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_condition_name(const ipc_condition *condition);

/** Close the handle: calls that wait return IPC_ECLOSED. Idempotent; any thread. */
IPC_EXPORT void ipc_condition_close(ipc_condition *condition);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_condition_free(ipc_condition *condition);

IPC_END_DECLS

#endif
