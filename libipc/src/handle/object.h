/*
 * What handles have in common that only ask and are answered: opening, calls with numbers in and out, tickets.
 * Touches the handle under its connection's lock.
 */
#ifndef IPC__HANDLE_OBJECT_H
#define IPC__HANDLE_OBJECT_H

#include "client/handle.h"

#include <ipc/lock.h>

/* A field of an operation: a number, or a bool. */
typedef struct ipc__field {
    int64_t number;
    bool is_bool;
} ipc__field;

static inline ipc__field ipc__number_field(int64_t number)
{
    return (ipc__field){number, false};
}

static inline ipc__field ipc__bool_field(bool truth)
{
    return (ipc__field){truth, true};
}

/* What an object is opened as. */
typedef struct ipc__opening {
    const char *type;
    size_t size; /* of the handle's struct, which starts with an ipc__handle */
    ipc_open_mode mode;
    ipc__buf options; /* a packed map, which is taken over; none: an empty one */
} ipc__opening;

/* Open one by name, or, with NULL, a new one without. */
ipc_err ipc__object_open(void **out, ipc_conn *conn, const char *name, ipc__opening opening);

/* Open what a ticket is for. */
ipc_err ipc__object_attach(void **out, ipc_conn *conn, const ipc_msg *ticket, ipc__opening opening);

/*
 * An operation and its answer: so many numbers and bools (as 0 and 1). timeout_ms is how long the hub may take; it is no field by
 * itself. Errors are the hub's, and those of waiting.
 */
ipc_err ipc__object_call(ipc__handle *handle, ipc__op op, const ipc__field *fields, unsigned count, int64_t timeout_ms,
                         uint64_t *results, unsigned result_count);

/* It was acquired by the handle; and before it is released: IPC_ELOST if that was in another session, whose hub took it along. */
void ipc__held(ipc__handle *handle);
ipc_err ipc__held_still(ipc__handle *handle);

/* What a lock and a condition have in common. */
void ipc__guard_options(ipc__buf *options, bool refuse_deadlock, const ipc_msg *lock);
ipc_err ipc__guard_acquire(ipc__handle *handle, ipc__op op, int64_t timeout_ms, ipc_grant *grant, bool *notified);
ipc_err ipc__guard_release(ipc__handle *handle);
ipc_err ipc__guard_peek(ipc__handle *handle, bool *locked, bool *mine);

/* The calling thread, as the hub is to know it: of this process, and never used again in it. */
uint64_t ipc__thread_number(void);

/* The size that a caller's options struct says, checked. */
ipc_err ipc__options_copy(void *options, size_t size, const void *given, const char *name);

#endif
