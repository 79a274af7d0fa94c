/*
 * Waiting: for one of several objects, and what a host language may do around a call that blocks.
 */
#ifndef IPC_WAIT_H
#define IPC_WAIT_H

#include <ipc/error.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

/** One of the things that ipc_wait() waits for. */
typedef struct ipc_waitable {
    ipc_queue *queue; /**< Something to get; or */
    ipc_pipe *pipe;   /**< something to receive, or the end; or, with neither, */
    int fd;           /**< a descriptor that becomes readable. */
    bool ready;       /**< Set by ipc_wait(). */
} ipc_waitable;

/**
 * Wait until a get, a receive or a read would find something (an end and an error are something), on any of several.
 * As with ipc_queue_fd(), what was there may be gone again.
 *
 * @param things      Borrowed. Each one's ready is set.
 * @param[out] ready  How many are; 0 when nothing came in time. May be NULL.
 * @return IPC_OK, also when nothing came in time; IPC_EINVAL; IPC_EPERM an end that only sends; IPC_EINTR; IPC_ESYS;
 *         IPC_ECLOSED.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_wait(ipc_waitable *things, size_t count, int64_t timeout_ms, size_t *ready);

/* ---- for bindings ---- */

/** Called on the waiting thread, without any of the library's locks. Each may be NULL. */
typedef struct ipc_wait_hooks {
    /** The call is about to sleep: let go of what other threads need (an interpreter's lock). */
    void (*before)(void *arg);
    /** It woke up: take it again. Comes once for every before. */
    void (*after)(void *arg);
    /** Asked after a signal and at least every 100 ms, outside of before and after. Non-zero: the call is cancelled
     *  and returns IPC_EINTR. */
    int (*interrupted)(void *arg);
    void *arg;
} ipc_wait_hooks;

/**
 * Set this thread's hooks. A call looks at them only when it really has to wait.
 *
 * @param hooks  Borrowed until they are set anew; NULL for none.
 * @return The ones before.
 */
IPC_EXPORT const ipc_wait_hooks *ipc_set_wait_hooks(const ipc_wait_hooks *hooks);

IPC_END_DECLS

#endif
