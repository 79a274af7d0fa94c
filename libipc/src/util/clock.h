/*
 * The monotonic clock, in microseconds, and deadlines on it.
 * Touches nothing. Any thread.
 */
#ifndef IPC__CLOCK_H
#define IPC__CLOCK_H

#include <stdint.h>
#include <time.h>

/* A deadline that never comes. */
#define IPC__NEVER UINT64_MAX

enum {
    IPC__US_PER_MS = 1000,
    IPC__US_PER_S = 1000000,
    IPC__COARSE_LAG_US = 10000, /* how old the coarse clock may be: a tick of a slow kernel */
};

static inline uint64_t ipc__now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * IPC__US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

/* The time at a fifth of the price, and up to IPC__COARSE_LAG_US old. */
static inline uint64_t ipc__now_coarse(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * IPC__US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

/* The moment timeout_ms after now; negative: never. */
static inline uint64_t ipc__deadline(uint64_t now, int64_t timeout_ms)
{
    if (timeout_ms < 0 || (uint64_t)timeout_ms > (UINT64_MAX - now) / IPC__US_PER_MS) {
        return IPC__NEVER;
    }
    return now + (uint64_t)timeout_ms * IPC__US_PER_MS;
}

/* What is left until a deadline in milliseconds, rounded up, as a wire timeout: -1 for never. */
static inline int64_t ipc__left_ms(uint64_t now, uint64_t deadline)
{
    if (deadline == IPC__NEVER) {
        return -1;
    }
    return deadline <= now ? 0 : (int64_t)((deadline - now + IPC__US_PER_MS - 1) / IPC__US_PER_MS);
}

/*
 * A count that grows by itself, by 2^24 in some 5 to 20 ms: cheaper than any clock, and only good to tell soon from long ago.
 */
static inline uint64_t ipc__ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks << 7; /* of tens of MHz */
#else
    return ipc__now_coarse() << 11;
#endif
}

#endif
