/*
 * Other processes of a test: workers and forked children.
 * Touches processes and their pipes. The test's own thread alone.
 */
#include "support/process.h"

#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include <cmocka.h>

enum { LINE_SIZE = 4096, ARGS_MAX = 16 };

struct worker {
    pid_t pid;
    int in;
    int out;
    char buffer[LINE_SIZE];
    size_t filled;
    size_t line; /* length of the line that was given out, with its end */
    worker *prev, *next;
};

static worker *workers;

/* ---- starting ---- */

bool tcp_allowed(void)
{
    const char *lane = getenv("LIBIPC_LANE");
    return !lane || strcmp(lane, "shm") != 0;
}

void worker_begin(int argc, char **argv, const worker_role *roles, size_t count)
{
    if (argc < 3 || strcmp(argv[1], "--worker") != 0) {
        cmocka_set_test_filter(getenv("LIBIPC_TEST_ONLY"));
        cmocka_set_skip_filter(tcp_allowed() ? NULL : "*tcp]");
        return;
    }
    check_in_child();
    signal(SIGPIPE, SIG_DFL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(roles[i].name, argv[2]) == 0) {
            exit(roles[i].run(argv + 3));
        }
    }
    check_fail(__FILE__, __LINE__, "no role \"%s\"", argv[2]);
}

/* This program; under valgrind the link is the program that it was told to run, but what is executed by it is valgrind. */
static const char *own_path(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    CHECK(length > 0);
    path[length] = '\0';
    return path;
}

static void run_worker(const char *program, char **args, const int in[2], const int out[2])
{
    if (dup2(in[0], STDIN_FILENO) >= 0 && dup2(out[1], STDOUT_FILENO) >= 0) {
        execv(program, args);
    }
    _exit(CHILD_FAILED);
}

worker *worker_start(const char *role, ...)
{
    char *args[ARGS_MAX] = {(char *)"worker", (char *)"--worker", (char *)(size_t)role};
    size_t count = 3;
    va_list list;
    va_start(list, role);
    for (char *arg; (arg = va_arg(list, char *));) {
        CHECK(count < ARGS_MAX - 1);
        args[count++] = arg;
    }
    va_end(list);
    int in[2];
    int out[2];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    worker *self = calloc(1, sizeof *self);
    CHECK(self);
    const char *program = own_path();
    signal(SIGPIPE, SIG_IGN); /* a worker that died is found by what it does not say */
    self->pid = fork();
    CHECK(self->pid >= 0);
    if (self->pid == 0) {
        run_worker(program, args, in, out);
    }
    close(in[0]);
    close(out[1]);
    self->in = in[1];
    self->out = out[0];
    DL_APPEND(workers, self);
    return self;
}

pid_t worker_pid(const worker *self)
{
    return self->pid;
}

/* ---- talking ---- */

void worker_tell(worker *self, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    CHECK(length >= 0 && length < LINE_SIZE - 1);
    line[length] = '\n';
    CHECK_INT(write(self->in, line, (size_t)length + 1), length + 1);
}

/* Read more. False: its output ended. */
static bool fill(worker *self, int64_t end)
{
    struct pollfd one = {.fd = self->out, .events = POLLIN};
    int64_t left = end - now_ms();
    int ready = poll(&one, 1, left > 0 ? (int)left : 0);
    if (ready < 0 && errno == EINTR) {
        return true;
    }
    if (ready == 0) {
        check_fail(__FILE__, __LINE__, "worker %d says nothing", (int)self->pid);
    }
    ssize_t got = read(self->out, self->buffer + self->filled, sizeof self->buffer - self->filled);
    self->filled += got > 0 ? (size_t)got : 0;
    return got > 0;
}

const char *worker_hear(worker *self)
{
    self->filled -= self->line;
    memmove(self->buffer, self->buffer + self->line, self->filled);
    self->line = 0;
    int64_t end = now_ms() + DEADLINE_MS;
    for (;;) {
        char *stop = memchr(self->buffer, '\n', self->filled);
        if (stop) {
            *stop = '\0';
            self->line = (size_t)(stop - self->buffer) + 1;
            return self->buffer;
        }
        if (!fill(self, end)) {
            return NULL;
        }
    }
}

void worker_expect(worker *self, const char *line)
{
    const char *heard = worker_hear(self);
    if (!heard || strcmp(heard, line) != 0) {
        check_fail(__FILE__, __LINE__, "worker %d said \"%s\", not \"%s\"", (int)self->pid, heard ? heard : "(its end)",
                   line);
    }
}

long long worker_expect_number(worker *self, const char *word)
{
    const char *heard = worker_hear(self);
    size_t length = strlen(word);
    if (!heard || strncmp(heard, word, length) != 0 || heard[length] != ' ') {
        check_fail(__FILE__, __LINE__, "worker %d said \"%s\", not \"%s NUMBER\"", (int)self->pid,
                   heard ? heard : "(its end)", word);
    }
    return strtoll(heard + length, NULL, 10);
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

const char *listen_for_line(void)
{
    static char line[LINE_SIZE];
    if (!fgets(line, sizeof line, stdin)) {
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

/* ---- ends ---- */

void worker_signal(worker *self, int signal)
{
    CHECK(kill(self->pid, signal) == 0);
}

void worker_await_stop(worker *self)
{
    int status = 0;
    EVENTUALLY(waitpid(self->pid, &status, WNOHANG | WUNTRACED) == self->pid);
    if (!WIFSTOPPED(status)) {
        check_fail(__FILE__, __LINE__, "worker %d ended (status %#x) where it should stop", (int)self->pid, status);
    }
}

static void worker_free(worker *self)
{
    DL_DELETE(workers, self);
    close(self->in);
    close(self->out);
    free(self);
}

void worker_end(worker *self)
{
    pid_t pid = self->pid;
    worker_free(self);
    child_succeeds(pid);
}

void worker_kill(worker *self)
{
    kill(self->pid, SIGKILL);
    while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    worker_free(self);
}

void workers_kill_but(const worker *spared)
{
    worker *one;
    worker *next;
    DL_FOREACH_SAFE(workers, one, next)
    {
        if (one != spared) {
            worker_kill(one);
        }
    }
}

/* ---- forked children ---- */

static bool forked;

#ifdef __SANITIZE_ADDRESS__
/*
 * The leak checker's question. In a forked child it looks for the parent's threads, which are not there, and complains.
 */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return forked;
}
#endif

static pid_t fork_with(int (*body)(void *arg), void *arg, void (*leave)(int status))
{
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        forked = true;
        check_in_child();
        leave(body(arg));
    }
    return pid;
}

pid_t fork_child(int (*body)(void *arg), void *arg)
{
    return fork_with(body, arg, _exit);
}

pid_t fork_child_exit(int (*body)(void *arg), void *arg)
{
    return fork_with(body, arg, exit);
}

int child_status(pid_t pid)
{
    int status = 0;
    int64_t end = now_ms() + DEADLINE_MS;
    pid_t got;
    while ((got = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < end) {
        pause_briefly();
    }
    if (got != pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        check_fail(__FILE__, __LINE__, "process %d does not end", (int)pid);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void child_succeeds(pid_t pid)
{
    int status = child_status(pid);
    if (status) {
        check_fail(__FILE__, __LINE__, "process %d ended with status %d", (int)pid, status);
    }
}

void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

void *shared_file(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(memory != MAP_FAILED);
    close(fd);
    return memory;
}
