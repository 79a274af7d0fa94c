/*
 * Other processes of a test: workers, programs that share nothing with the test but addresses; and forked children.
 * Touches processes and their pipes. The test's own thread alone.
 */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* ---- workers: the test's program, started anew in a role; they talk with the test in lines ---- */

typedef struct worker_role {
    const char *name;
    int (*run)(char **args); /* args end in NULL; what it returns is the exit status */
} worker_role;

/*
 * To be called first in main: where the program was started as a worker, runs the role and exits. Of the tests, those
 * alone are run whose names match $LIBIPC_TEST_ONLY (with * and ?), if it is set, and those over TCP, whose names end in
 * "tcp]", only where tcp_allowed().
 */
void worker_begin(int argc, char **argv, const worker_role *roles, size_t count);

/* Whether this run's sessions may go over TCP: not where $LIBIPC_LANE wants shared memory and nothing else. */
bool tcp_allowed(void);

typedef struct worker worker;

/* Start one; the arguments are strings and end in NULL. */
worker *worker_start(const char *role, ...) __attribute__((sentinel));

pid_t worker_pid(const worker *self);

/* Send it a line. */
void worker_tell(worker *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Its next line, borrowed until the next one; NULL where its output ended. The test fails where nothing comes. */
const char *worker_hear(worker *self);

/* The next line must be this one; or "word number", whose number is returned. */
void worker_expect(worker *self, const char *line);
long long worker_expect_number(worker *self, const char *word);

void worker_signal(worker *self, int signal);

/* Wait until it is stopped by a signal. */
void worker_await_stop(worker *self);

/* Let it end (its input ends) and expect success; or kill it. Frees it. */
void worker_end(worker *self);
void worker_kill(worker *self);

/* Those that a failed test left, but one (or NULL). */
void workers_kill_but(const worker *spared);

/* ---- in a worker ---- */

/* Say a line to the test. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The test's next line; NULL at the end. */
const char *listen_for_line(void);

/* ---- forked children ---- */

/*
 * Whether children of programs with threads may begin threads, as everything does that reaches a hub. ThreadSanitizer knows none
 * there. AddressSanitizer's allocator (gcc 12's) has locks that another thread may hold at the fork: the child's threads then
 * wait for ever.
 */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { FORKS_WORK = 0 };
#else
enum { FORKS_WORK = 1 };
#endif

/* Fork a child that runs body(arg) and leaves by _exit() with what it returned. */
pid_t fork_child(int (*body)(void *arg), void *arg);

/* The same, but it leaves by exit(): what is registered with atexit() runs. */
pid_t fork_child_exit(int (*body)(void *arg), void *arg);

/* Wait for its end; the exit status, or 128 and the signal. The test fails where it does not come. */
int child_status(pid_t pid);

/* Its end must come, and be a success. */
void child_succeeds(pid_t pid);

/* Memory that forked children share with the test; and memory in a file, zero at first, that workers share as well. */
void *shared_memory(size_t size);
void *shared_file(const char *path, size_t size);

#endif
