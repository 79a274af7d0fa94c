/*
 * Objects by name and by pin, and the holds on them.
 * Touches the core. Not locked: the core's thread.
 */
#ifndef IPC__REGISTRY_H
#define IPC__REGISTRY_H

#include "hub/core.h"

/* The operations. Each answers by itself; an error is for the caller to tell. */
ipc_err ipc__registry_open(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);
ipc_err ipc__registry_unlink(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);
ipc_err ipc__registry_list(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);
ipc_err ipc__registry_info(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);
ipc_err ipc__registry_stat(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);
ipc_err ipc__registry_pin(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);

/* Give a session the hold that another one has, under the same number. */
ipc_err ipc__hold_copy(ipc__session *session, uint32_t id, const ipc__hold *twin);

/* Free an object that nobody holds. */
void ipc__object_free(ipc__object *object);

/* End a hold; an object without a name that nobody holds, or refers to, any more dies. */
void ipc__hold_end(ipc__hold *hold, ipc__end end);

/* Release the pins that a session made. */
void ipc__pins_drop(ipc__session *session);

/* Drop every object and pin. No session is left. */
void ipc__registry_clear(ipc__core *core);

/* A refused operation, answered as its kind is. */
void ipc__refuse(ipc__session *session, ipc__op op, uint32_t handle, uint64_t seq, ipc_err err);

#endif
