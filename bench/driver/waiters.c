/*
 * Threads that wait for a condition. Its lock is given in the order of those who ask, and one who is notified asks at
 * once: who releases the lock and acquires it again has it when those have run, and wait again.
 * Touches libipc. What the threads share is guarded by the condition's own lock.
 */
#include "driver/waiters.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STACK = 256 * 1024 };

struct bench_session {
    ipc_conn *conn;
    ipc_condition *condition;
    pthread_t *threads;
    uint64_t thread_count;
    atomic_bool stop;
    sem_t started;
};

static void *wait_on(void *arg)
{
    bench_session *session = arg;
    bench_check(ipc_condition_acquire(session->condition, IPC_FOREVER, NULL), "ipc_condition_acquire");
    sem_post(&session->started);
    while (!atomic_load(&session->stop)) {
        bench_check(ipc_condition_wait(session->condition, IPC_FOREVER, NULL, NULL), "ipc_condition_wait");
    }
    bench_check(ipc_condition_release(session->condition), "ipc_condition_release");
    return NULL;
}

static void open_session(const char *address, ipc_conn **conn, ipc_condition **condition)
{
    bench_check(ipc_connect(conn, address, NULL), "ipc_connect");
    bench_check(ipc_condition_open(condition, *conn, "condition", NULL), "ipc_condition_open");
}

static void start_session(bench_session *session, const char *address, uint64_t threads)
{
    pthread_attr_t small;
    open_session(address, &session->conn, &session->condition);
    session->thread_count = threads;
    session->threads = bench_alloc(threads * sizeof *session->threads);
    sem_init(&session->started, 0, 0);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    for (uint64_t i = 0; i < threads; i++) {
        if (pthread_create(&session->threads[i], &small, wait_on, session)) {
            bench_fail("only %llu threads can be had", (unsigned long long)i);
        }
    }
    pthread_attr_destroy(&small);
    for (uint64_t i = 0; i < threads; i++) {
        sem_wait(&session->started);
    }
}

static void acquire(const bench_waiters *waiters)
{
    bench_check(ipc_condition_acquire(waiters->condition, IPC_FOREVER, NULL), "ipc_condition_acquire");
}

static void release(const bench_waiters *waiters)
{
    bench_check(ipc_condition_release(waiters->condition), "ipc_condition_release");
}

static void notify(const bench_waiters *waiters, uint32_t count)
{
    bench_check(ipc_condition_notify(waiters->condition, count), "ipc_condition_notify");
}

bench_waiters bench_waiters_start(const char *address, uint64_t count, uint64_t sessions)
{
    sessions = sessions < count ? sessions : count;
    bench_waiters waiters = {.count = count, .session_count = sessions};
    waiters.sessions = bench_alloc(sessions * sizeof *waiters.sessions);
    open_session(address, &waiters.conn, &waiters.condition);
    for (uint64_t i = 0; i < sessions; i++) {
        start_session(&waiters.sessions[i], address, count / sessions + (i < count % sessions));
    }
    acquire(&waiters); /* when the last one waits */
    return waiters;
}

void bench_waiters_notify_one(bench_waiters *waiters, uint64_t times)
{
    uint64_t *calls = bench_alloc(times * sizeof *calls);
    uint64_t *handovers = bench_alloc(times * sizeof *handovers);
    for (uint64_t i = 0; i < times; i++) {
        uint64_t begun = bench_now();
        notify(waiters, 1);
        uint64_t notified = bench_now();
        release(waiters);
        acquire(waiters);
        calls[i] = notified - begun;
        handovers[i] = bench_now() - notified;
    }
    bench_percentiles("notify", calls, times);
    bench_percentiles("handover", handovers, times);
    free(calls);
    free(handovers);
}

void bench_waiters_notify_all(bench_waiters *waiters, uint64_t times)
{
    uint64_t begun = bench_now();
    for (uint64_t i = 0; i < times; i++) {
        notify(waiters, 0);
        release(waiters);
        acquire(waiters);
    }
    bench_number("notify_all", (double)(bench_now() - begun) / 1000 / (double)(times * waiters->count));
}

static void end_session(bench_session *session)
{
    for (uint64_t i = 0; i < session->thread_count; i++) {
        pthread_join(session->threads[i], NULL);
    }
    free(session->threads);
    sem_destroy(&session->started);
    ipc_condition_free(session->condition);
    ipc_conn_free(session->conn);
}

void bench_waiters_end(bench_waiters *waiters)
{
    for (uint64_t i = 0; i < waiters->session_count; i++) {
        atomic_store(&waiters->sessions[i].stop, true);
    }
    notify(waiters, 0);
    release(waiters);
    for (uint64_t i = 0; i < waiters->session_count; i++) {
        end_session(&waiters->sessions[i]);
    }
    free(waiters->sessions);
    ipc_condition_free(waiters->condition);
    ipc_conn_free(waiters->conn);
}
