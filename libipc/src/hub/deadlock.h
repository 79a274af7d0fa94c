/*
 * Deadlocks: owners that wait for each other's mutexes, in a circle. Who owns and who waits is a session and its thread.
 * Touches the calls that wait for mutexes, and their sessions. Not locked: the core's thread.
 */
#ifndef IPC__DEADLOCK_H
#define IPC__DEADLOCK_H

#include "hub/mutex.h"

/* A longer circle is not looked for: what a look costs has a bound. */
enum { IPC__CYCLE_MAX = 256 };

/* IPC_EDEADLOCK, with the circle in words, if one would close when this thread waited for the mutex. */
ipc_err ipc__deadlock_check(const ipc__mutex *mutex, const ipc__session *session, uint64_t thread);

/* A call waits for a mutex from here on. If that closes a circle, the log says so. */
void ipc__deadlock_wait(ipc__call *call, ipc__mutex *mutex);

/* A call goes, whatever it waited for. */
void ipc__deadlock_over(ipc__call *call);

/* The circle that the mutex is part of, as an array; an empty one if it is part of none. */
void ipc__deadlock_inspect(const ipc__mutex *mutex, msgpack_packer *packer);

#endif
