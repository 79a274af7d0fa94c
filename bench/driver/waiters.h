/*
 * Threads that wait for a condition, and who notifies them.
 * Touches libipc. The threads of each session share its connection; who notifies has one of its own.
 */
#ifndef BENCH_WAITERS_H
#define BENCH_WAITERS_H

#include "driver/driver.h"

typedef struct bench_session bench_session;

typedef struct bench_waiters {
    uint64_t count;
    uint64_t session_count;
    bench_session *sessions;
    ipc_conn *conn;
    ipc_condition *condition;
} bench_waiters;

/* So many threads, spread over so many sessions; all of them wait when it returns, and the caller has the condition's lock. */
bench_waiters bench_waiters_start(const char *address, uint64_t count, uint64_t sessions);

/*
 * So often: notify one; percentiles of that call alone, "notify", and of the time until it has run, waits again, and the
 * lock is back, "handover".
 */
void bench_waiters_notify_one(bench_waiters *waiters, uint64_t times);

/* So often: notify all; how long it takes until all have run, for each: "notify_all", in microseconds. */
void bench_waiters_notify_all(bench_waiters *waiters, uint64_t times);

void bench_waiters_end(bench_waiters *waiters);

#endif
