/*
 * Checks and deadlines for tests of several threads and processes.
 * Touches nothing but the outcome of the test. Any thread and any process, see check_fail().
 */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include <ipc/ipc.h>
#include <stdbool.h>
#include <stdint.h>

/* What a test waits for comes within DEADLINE_MS, or never. What should come at once comes within PROMPT_MS; sanitizers
 * make everything slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { PROMPT_MS = 4000, DEADLINE_MS = 30000 };
#else
enum { PROMPT_MS = 1000, DEADLINE_MS = 10000 };
#endif

/*
 * The test has failed. cmocka can only go on from the thread that it called the test in: in other threads and in child
 * processes this ends the process.
 */
_Noreturn void check_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* From here on this process is a child: a failed check ends it with CHILD_FAILED. */
enum { CHILD_FAILED = 70 };
void check_in_child(void);

void check_err(ipc_err got, ipc_err expected, const char *what, const char *file, int line);
void check_int(int64_t got, int64_t expected, const char *what, const char *file, int line);
void check_words(const char *words, const char *file, int line);

#define CHECK(condition) ((condition) ? (void)0 : check_fail(__FILE__, __LINE__, "not so: %s", #condition))
#define CHECK_INT(got, expected) check_int((int64_t)(got), (int64_t)(expected), #got, __FILE__, __LINE__)
#define CHECK_ERR(call, expected) check_err((call), (expected), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_ERR(call, IPC_OK)

/* This thread's last error says so. */
#define CHECK_WORDS(words) check_words((words), __FILE__, __LINE__)

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);

/* Let others run for a moment: between two looks at a condition. */
void pause_briefly(void);

/* Wait until a condition holds. */
#define EVENTUALLY(condition) EVENTUALLY_WITHIN(DEADLINE_MS, condition)
#define EVENTUALLY_WITHIN(ms, condition)                                                                               \
    do {                                                                                                               \
        for (int64_t eventually_end = now_ms() + (ms); !(condition);) {                                                \
            if (now_ms() >= eventually_end) {                                                                          \
                check_fail(__FILE__, __LINE__, "not so within %d ms: %s", (int)(ms), #condition);                      \
            }                                                                                                          \
            pause_briefly();                                                                                           \
        }                                                                                                              \
    } while (0)

#endif
