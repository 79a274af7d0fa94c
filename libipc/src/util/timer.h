/*
 * Timers: a binary heap of deadlines, embedded in what they time.
 * Touches nothing but memory. Not locked: one owner at a time.
 */
#ifndef IPC__TIMER_H
#define IPC__TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ipc__timer ipc__timer;
typedef struct ipc__timers ipc__timers;

struct ipc__timer {
    uint64_t due;
    void (*fire)(ipc__timer *timer, uint64_t now); /* called unarmed: it may arm again, or free what it is part of */
    size_t slot;                                   /* place in the heap plus one; 0: not armed */
};

struct ipc__timers {
    ipc__timer **heap;
    size_t count;
    size_t capacity;
};

static inline bool ipc__timer_armed(const ipc__timer *timer)
{
    return timer->slot != 0;
}

/* Arm, or move, a timer. False when memory runs out: it is then not armed. */
bool ipc__timer_set(ipc__timers *timers, ipc__timer *timer, uint64_t due);

/* Disarm; fine for one that is not armed. */
void ipc__timer_clear(ipc__timers *timers, ipc__timer *timer);

/* Fire all that are due, oldest first. */
void ipc__timers_run(ipc__timers *timers, uint64_t now);

/* When the next one is due; IPC__NEVER for none. */
uint64_t ipc__timers_next(const ipc__timers *timers);

/* Put every deadline off: time passed in which nobody could act. */
void ipc__timers_shift(ipc__timers *timers, uint64_t by);

void ipc__timers_free(ipc__timers *timers);

#endif
