/*
 * Waiting: what a host language may do around a call that blocks. For bindings; plain C programs need none of it.
 */
#ifndef IPC_WAIT_H
#define IPC_WAIT_H

#include <ipc/types.h>

IPC_BEGIN_DECLS

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
