/*
 * The lock that makes one hub the hub of an address.
 * Touches the lock file. Any thread; a process knows its own locks, which fcntl would not show it.
 */
#ifndef IPC__LOCK_H
#define IPC__LOCK_H

#include <ipc/error.h>

typedef struct ipc__lock {
    int fd; /* -1: not held */
    char *path;
    struct ipc__lock *prev, *next; /* this process's */
} ipc__lock;

void ipc__lock_init(ipc__lock *lock);

/* Take it. An empty path needs none. IPC_EADDRINUSE another hub has it; IPC_ESYS; IPC_ENOMEM. */
ipc_err ipc__lock_take(ipc__lock *lock, const char *path);

/* Remove the file and let go. Fine for one that is not held. */
void ipc__lock_release(ipc__lock *lock);

/* In a forked child: the parent keeps it. */
void ipc__lock_abandon(ipc__lock *lock);

#endif
