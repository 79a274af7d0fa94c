/*
 * Timers: a binary heap of deadlines (Williams 1964), embedded in what they time.
 * Touches nothing but memory. Not locked: one owner at a time.
 */
#include "util/timer.h"

#include "util/clock.h"

#include <stdlib.h>

static void place(ipc__timers *timers, size_t at, ipc__timer *timer)
{
    timers->heap[at] = timer;
    timer->slot = at + 1;
}

static void sift_up(ipc__timers *timers, size_t at, ipc__timer *timer)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (timers->heap[parent]->due <= timer->due) {
            break;
        }
        place(timers, at, timers->heap[parent]);
        at = parent;
    }
    place(timers, at, timer);
}

static void sift_down(ipc__timers *timers, size_t at, ipc__timer *timer)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= timers->count) {
            break;
        }
        if (child + 1 < timers->count && timers->heap[child + 1]->due < timers->heap[child]->due) {
            child++;
        }
        if (timers->heap[child]->due >= timer->due) {
            break;
        }
        place(timers, at, timers->heap[child]);
        at = child;
    }
    place(timers, at, timer);
}

bool ipc__timer_set(ipc__timers *timers, ipc__timer *timer, uint64_t due)
{
    ipc__timer_clear(timers, timer);
    if (timers->count == timers->capacity) {
        size_t capacity = timers->capacity ? 2 * timers->capacity : 16;
        ipc__timer **heap = realloc(timers->heap, capacity * sizeof *heap);
        if (!heap) {
            return false;
        }
        timers->heap = heap;
        timers->capacity = capacity;
    }
    timer->due = due;
    sift_up(timers, timers->count++, timer);
    return true;
}

void ipc__timer_clear(ipc__timers *timers, ipc__timer *timer)
{
    if (!ipc__timer_armed(timer)) {
        return;
    }
    size_t at = timer->slot - 1;
    timer->slot = 0;
    ipc__timer *last = timers->heap[--timers->count];
    if (last == timer) {
        return;
    }
    sift_down(timers, at, last);
    sift_up(timers, last->slot - 1, last);
}

void ipc__timers_run(ipc__timers *timers, uint64_t now)
{
    while (timers->count && timers->heap[0]->due <= now) {
        ipc__timer *timer = timers->heap[0];
        ipc__timer_clear(timers, timer);
        timer->fire(timer, now);
    }
}

uint64_t ipc__timers_next(const ipc__timers *timers)
{
    return timers->count ? timers->heap[0]->due : IPC__NEVER;
}

void ipc__timers_shift(ipc__timers *timers, uint64_t by)
{
    for (size_t i = 0; i < timers->count; i++) {
        timers->heap[i]->due += by;
    }
}

void ipc__timers_free(ipc__timers *timers)
{
    free(timers->heap);
    *timers = (ipc__timers){0};
}
