/*
 * Checks and deadlines for tests of several threads and processes.
 * Touches nothing but the outcome of the test. Any thread, any process.
 */
#include "support/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static bool in_child;

void check_in_child(void)
{
    in_child = true;
}

void check_fail(const char *file, int line, const char *format, ...)
{
    char words[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (in_child || gettid() != getpid()) {
        fprintf(stderr, "%s:%d: in %s %d: %s\n", file, line, in_child ? "child" : "a thread of", (int)getpid(), words);
        _exit(CHILD_FAILED);
    }
    print_error("%s\n", words);
    _fail(file, line);
    _exit(CHILD_FAILED); /* never reached: _fail() does not return */
}

void check_err(ipc_err got, ipc_err expected, const char *what, const char *file, int line)
{
    if (got == expected) {
        return;
    }
    const char *name = ipc_err_name(got);
    check_fail(file, line, "%s is %s (%d), not %s%s%s", what, name ? name : "?", (int)got, ipc_err_name(expected),
               got ? ": " : "", got ? ipc_last_error() : "");
}

void check_int(int64_t got, int64_t expected, const char *what, const char *file, int line)
{
    if (got != expected) {
        check_fail(file, line, "%s is %lld, not %lld", what, (long long)got, (long long)expected);
    }
}

void check_words(const char *words, const char *file, int line)
{
    if (!strstr(ipc_last_error(), words)) {
        check_fail(file, line, "the error says \"%s\", and not \"%s\"", ipc_last_error(), words);
    }
}

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}
