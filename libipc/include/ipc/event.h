/*
 * Events: a flag that threads of any program wait for.
 */
#ifndef IPC_EVENT_H
#define IPC_EVENT_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/lock.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

typedef struct ipc_event_options {
    size_t size;        /**< sizeof(ipc_event_options): set by the INIT macro. */
    ipc_open_mode mode; /**< Attach, create, or either; as it is. */
} ipc_event_options;

#define IPC_EVENT_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        sizeof(ipc_event_options), IPC_OPEN_EITHER                                                                     \
    }

/**
 * Open an event.
 *
 * @param[out] event  The handle. The caller owns it: ipc_event_free(). It may outlive *conn*.
 * @param conn  The connection to use; NULL for the default one.
 * @param name  NULL: one without a name, which lives as long as its handles.
 * @param options  NULL for the defaults.
 * @return IPC_OK; IPC_EEXIST; IPC_ENOENT; IPC_ETYPE; IPC_EOPTIONS; IPC_ENAME; IPC_EOBJECTS; IPC_EINVAL; IPC_ELOST; IPC_ECLOSED;
 *         IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_event_open(ipc_event **event, ipc_conn *conn, const char *name,
                                  const ipc_event_options *options);

/** Set the flag: all who wait go on. @return IPC_OK; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Any thread. Blocking: one round trip. */
IPC_EXPORT ipc_err ipc_event_set(ipc_event *event);
/** Clear it. As ipc_event_set(). */
IPC_EXPORT ipc_err ipc_event_clear(ipc_event *event);
/** Whether it is set; another moment it may be otherwise. As ipc_event_set(). */
IPC_EXPORT ipc_err ipc_event_is_set(ipc_event *event, bool *set);

/**
 * Wait until it is set.
 * @return IPC_OK; IPC_ETIMEOUT; IPC_EINTR; IPC_ELIMIT; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_event_wait(ipc_event *event, int64_t timeout_ms);

/** A value that stands for it, to be stored in a container of the same hub (see ipc_dict_refer()). */
IPC_EXPORT ipc_err ipc_event_refer(ipc_event *event, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_event_share(ipc_event *event, ipc_msg **ticket);
/** Attach to what a ticket is for, on a connection or, with NULL, on the program's own to that hub. */
IPC_EXPORT ipc_err ipc_event_attach(ipc_event **event, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_event_name(const ipc_event *event);

/** Close the handle: calls that wait return IPC_ECLOSED. Idempotent; any thread. */
IPC_EXPORT void ipc_event_close(ipc_event *event);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_event_free(ipc_event *event);

IPC_END_DECLS

#endif
