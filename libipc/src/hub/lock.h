/*
 * The lock that makes one hub the hub of an address.
 * Touches the lock file. Any thread; a process knows its own locks, which fcntl would not show it.
 */
#ifndef IPC__LOCK_H
#define IPC__LOCK_H

#include <ipc/error.h>
#include <stdbool.h>

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

/* Around a fork: the parent keeps its locks, the child has none. */
void ipc__locks_before_fork(void);
void ipc__locks_after_fork(bool child);

/* In a forked child, after that: free what is left of one. */
void ipc__lock_abandon(ipc__lock *lock);

#endif
