/*
 * Spinning: looking again for a while before sleeping, as long as that pays.
 * Touches nothing but its own count. Not locked: one owner at a time.
 */
#include "util/spin.h"

#include "util/clock.h"

#include <sched.h>

enum {
    BUDGET_US = 100, /* longer than a round trip in which everybody sleeps: else nobody would ever begin */
    RETRY = 16,      /* sleeps after which it is tried again */
};

static uint32_t budget_of(ipc__spin *spin)
{
    if (spin->budget) {
        return spin->budget;
    }
    return spin->misses % RETRY == 0 ? BUDGET_US : 0;
}

bool ipc__spin_until(ipc__spin *spin, bool (*looked)(void *arg), void *arg)
{
    uint32_t budget = budget_of(spin);
    if (budget == 0) {
        spin->misses++;
        return false;
    }
    uint64_t end = ipc__now() + budget;
    do {
        /* With fewer processors than processes whoever spins without yielding spins against whom it waits for. */
        sched_yield();
        if (looked(arg)) {
            spin->misses = 0;
            spin->budget = BUDGET_US;
            return true;
        }
    } while (ipc__now() < end);
    spin->misses++;
    spin->budget = budget / 2;
    return false;
}
