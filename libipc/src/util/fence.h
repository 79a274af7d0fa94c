/*
 * A fence for other processes: who seldom sleeps pays for who often publishes (membarrier(2), Linux 4.16).
 * Touches nothing. Any thread.
 */
#ifndef IPC__FENCE_H
#define IPC__FENCE_H

#include <stdbool.h>

/* From here on this process's threads take part in fences of others. False: it cannot be had, and everybody needs his own. */
bool ipc__fence_join(void);

/* Every running thread of every process that joined has passed a full fence when this returns, the caller as well. */
bool ipc__fence_all(void);

#endif
