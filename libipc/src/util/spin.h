/*
 * Spinning: looking again for a while before sleeping, as long as that pays.
 * Touches nothing but its own count. Not locked: one owner at a time.
 */
#ifndef IPC__SPIN_H
#define IPC__SPIN_H

#include <stdbool.h>
#include <stdint.h>

/* A zeroed one has not been tried yet. */
typedef struct ipc__spin {
    uint32_t budget; /* us: how long to look the next time */
    uint32_t misses; /* since it paid last */
} ipc__spin;

/*
 * Look, and let others run, until looked() or the budget is used up; whether it came. The budget is full when it paid
 * and halves when not; at nothing it is tried now and then.
 */
bool ipc__spin_until(ipc__spin *spin, bool (*looked)(void *arg), void *arg);

#endif
