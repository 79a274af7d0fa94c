/*
 * The shared-memory lane, the client's side: a session's memory, kept by its link and by values that were lent.
 * Touches the memory and the hub's eventfd. Any thread.
 */
#ifndef IPC__SHM_SESSION_H
#define IPC__SHM_SESSION_H

#include "lane/shm_ring.h"

typedef struct ipc__shm_session {
    atomic_uint refs;
    unsigned char *memory;
    int wake;    /* the hub's eventfd */
    int control; /* kept while values are lent beyond the connection's end; else -1 */
    int pid;     /* of the process that has it mapped */
    bool light;  /* the hub fences for both */
    struct ipc__shm_session *left_prev, *left_next; /* of those with a copy of the control socket */
} ipc__shm_session;

/* Map; the descriptors are taken over, or closed. NULL with errno. */
ipc__shm_session *ipc__shm_session_new(int memory, int wake);
void ipc__shm_session_unref(ipc__shm_session *session);

/*
 * The hub has answered the goodbye. While values are lent a copy of the control socket stays, by which the hub sees whether their
 * reader lives.
 */
void ipc__shm_session_leave(ipc__shm_session *session, int control);

/* Around a fork: a child keeps no such sockets. */
void ipc__shm_session_before_fork(void);
void ipc__shm_session_after_fork(bool child);

/* In a forked child, which does not have the mapping: what the link had of it. */
void ipc__shm_session_abandon(ipc__shm_session *session);

/* Between what was published and the look whether the hub sleeps. */
static inline void ipc__shm_publish_fence(const ipc__shm_session *session)
{
    if (session->light) {
        atomic_signal_fence(memory_order_seq_cst); /* the processor is ordered by the hub, when it arms */
    } else {
        ipc__shm_fence();
    }
}

/* Wake the hub, if it does not look by itself. What it is to see was published, and a fence stands between. */
void ipc__shm_wake(const ipc__shm_session *session);

#endif
