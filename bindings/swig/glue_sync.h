/*
 * glue.h for locks, semaphores, events, conditions and barriers.
 * Touches only the public headers. Included by glue.h.
 * Locks nothing.
 */
#ifndef IPC__GLUE_SYNC_H
#define IPC__GLUE_SYNC_H

#include <ipc/ipc.h>

#define delete_ipc_lock ipc_lock_free
#define delete_ipc_semaphore ipc_semaphore_free
#define delete_ipc_event ipc_event_free
#define delete_ipc_condition ipc_condition_free
#define delete_ipc_barrier ipc_barrier_free

static inline ipc_lock *new_ipc_lock(ipc_conn *conn, const char *name, int mode, bool recursive, bool refuse_deadlock,
                                     ipc_err *failed)
{
    ipc_lock_options options = IPC_LOCK_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.recursive = recursive;
    options.refuse_deadlock = refuse_deadlock;
    ipc_lock *lock = NULL;
    *failed = ipc_lock_open(&lock, conn, name, &options);
    return lock;
}

static inline ipc_lock *ipc_lock_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_lock *lock = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_lock_attach(&lock, conn, msg);
    }
    ipc_msg_free(msg);
    return lock;
}

static inline ipc_semaphore *new_ipc_semaphore(ipc_conn *conn, const char *name, int mode, uint32_t value, bool bounded,
                                               ipc_err *failed)
{
    ipc_semaphore_options options = IPC_SEMAPHORE_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.value = value;
    options.bounded = bounded;
    ipc_semaphore *semaphore = NULL;
    *failed = ipc_semaphore_open(&semaphore, conn, name, &options);
    return semaphore;
}

static inline ipc_semaphore *ipc_semaphore_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_semaphore *semaphore = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_semaphore_attach(&semaphore, conn, msg);
    }
    ipc_msg_free(msg);
    return semaphore;
}

static inline ipc_event *new_ipc_event(ipc_conn *conn, const char *name, int mode, ipc_err *failed)
{
    ipc_event_options options = IPC_EVENT_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    ipc_event *event = NULL;
    *failed = ipc_event_open(&event, conn, name, &options);
    return event;
}

static inline ipc_event *ipc_event_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_event *event = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_event_attach(&event, conn, msg);
    }
    ipc_msg_free(msg);
    return event;
}

static inline ipc_condition *new_ipc_condition(ipc_conn *conn, const char *name, int mode, bool refuse_deadlock,
                                               ipc_lock *lock, ipc_err *failed)
{
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.refuse_deadlock = refuse_deadlock;
    options.lock = lock;
    ipc_condition *condition = NULL;
    *failed = ipc_condition_open(&condition, conn, name, &options);
    return condition;
}

static inline ipc_condition *ipc_condition_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_condition *condition = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_condition_attach(&condition, conn, msg);
    }
    ipc_msg_free(msg);
    return condition;
}

static inline ipc_barrier *new_ipc_barrier(ipc_conn *conn, const char *name, int mode, uint32_t parties,
                                           ipc_err *failed)
{
    ipc_barrier_options options = IPC_BARRIER_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.parties = parties;
    ipc_barrier *barrier = NULL;
    *failed = ipc_barrier_open(&barrier, conn, name, &options);
    return barrier;
}

static inline ipc_barrier *ipc_barrier_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_barrier *barrier = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_barrier_attach(&barrier, conn, msg);
    }
    ipc_msg_free(msg);
    return barrier;
}

#endif
