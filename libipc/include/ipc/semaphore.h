/*
 * Semaphores: permits for threads of any program. Those of a program that dies come back.
 */
#ifndef IPC_SEMAPHORE_H
#define IPC_SEMAPHORE_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/lock.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

typedef struct ipc_semaphore_options {
    size_t size;        /**< sizeof(ipc_semaphore_options): set by the INIT macro. */
    ipc_open_mode mode; /**< Attach, create, or either; as it is. */
    uint32_t value;     /**< Permits at first; 0 to 2^31-1. */
    bool bounded;       /**< Never more than at first: a release beyond is IPC_ENOTHELD. */
} ipc_semaphore_options;

#define IPC_SEMAPHORE_OPTIONS_INIT                                                                                     \
    {                                                                                                                  \
        sizeof(ipc_semaphore_options), IPC_OPEN_EITHER, 1, false                                                       \
    }

/**
 * Open a semaphore.
 *
 * @param[out] semaphore  The handle. The caller owns it: ipc_semaphore_free(). It may outlive *conn*.
 * @param conn  The connection to use; NULL for the default one.
 * @param name  NULL: one without a name, which lives as long as its handles.
 * @param options  NULL for the defaults.
 * @return IPC_OK; IPC_EEXIST; IPC_ENOENT; IPC_ETYPE; IPC_EOPTIONS; IPC_ENAME; IPC_EOBJECTS; IPC_EINVAL; IPC_ELOST; IPC_ECLOSED;
 *         IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_semaphore_open(ipc_semaphore **semaphore, ipc_conn *conn, const char *name,
                                      const ipc_semaphore_options *options);

/**
 * Take a permit. Who waits longest is first.
 * @return IPC_OK; IPC_ETIMEOUT; IPC_EINTR; IPC_ELIMIT; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_semaphore_acquire(ipc_semaphore *semaphore, int64_t timeout_ms);

/**
 * Give back permits: this program's, or, where it has none, those that were taken first.
 * @param count  1 or more.
 * @return IPC_OK; IPC_ENOTHELD a bounded one would have more than at first; IPC_EINVAL; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_semaphore_release(ipc_semaphore *semaphore, uint32_t count);

/** How many permits there are; another moment it may be otherwise. @return IPC_OK; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Any thread. Blocking: one round trip. */
IPC_EXPORT ipc_err ipc_semaphore_value(ipc_semaphore *semaphore, uint64_t *value);

/** A value that stands for it, to be stored in a container of the same hub (see ipc_dict_refer()). */
IPC_EXPORT ipc_err ipc_semaphore_refer(ipc_semaphore *semaphore, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_semaphore_share(ipc_semaphore *semaphore, ipc_msg **ticket);
/** Attach to what a ticket is for, on a connection or, with NULL, on the program's own to that hub. */
IPC_EXPORT ipc_err ipc_semaphore_attach(ipc_semaphore **semaphore, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_semaphore_name(const ipc_semaphore *semaphore);

/** Close the handle: calls that wait return IPC_ECLOSED. Idempotent; any thread. */
IPC_EXPORT void ipc_semaphore_close(ipc_semaphore *semaphore);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_semaphore_free(ipc_semaphore *semaphore);

IPC_END_DECLS

#endif
