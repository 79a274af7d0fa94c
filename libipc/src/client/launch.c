/*
 * Starting the hub program.
 * Touches processes and descriptors; any thread, no lock held.
 */
#include "client/conn.h"
#include "util/error.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_MAX = 1024 };

#ifndef LIBIPC_HUB_PATH
#error "LIBIPC_HUB_PATH is where the hub program is installed; the build defines it"
#endif

/* ---- finding it ---- */

/* Beside the library: in its own folder, or in libexec next to it. */
static bool beside_library(char *out, size_t size, const char *where)
{
    Dl_info info;
    static const char anchor;
    if (!dladdr(&anchor, &info) || !info.dli_fname) {
        return false;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    int folder = slash ? (int)(slash - info.dli_fname) : 1;
    snprintf(out, size, "%.*s/%s", folder, slash ? info.dli_fname : ".", where);
    return true;
}

static ipc_err find_program(char *out, size_t size)
{
    const char *set = getenv("LIBIPC_HUB");
    if (set && *set) {
        snprintf(out, size, "%s", set);
        return access(out, X_OK) == 0 ? IPC_OK
                                      : ipc__fail(IPC_EHUBPROG, "$LIBIPC_HUB names \"%s\", which cannot be run", set);
    }
    char near[2][4096] = {"", ""};
    beside_library(near[0], sizeof near[0], "ipc-hub");
    beside_library(near[1], sizeof near[1], "../libexec/libipc/ipc-hub");
    const char *const places[] = {LIBIPC_HUB_PATH, near[0], near[1]};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (*places[i] && access(places[i], X_OK) == 0) {
            snprintf(out, size, "%s", places[i]);
            return IPC_OK;
        }
    }
    return ipc__fail(IPC_EHUBPROG,
                     "the hub program was found neither at %s nor at %s nor at %s; install libipc, or set "
                     "LIBIPC_HUB to it",
                     places[0], places[1], places[2]);
}

/* ---- running it ---- */

/* Nothing of ours goes along: it outlives us. Its standard output is the report's pipe. */
static int spawn(const char *program, const char *address, bool private, int report, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, report, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    const char *const args[] = {"ipc-hub", "--address", address, private ? "--private" : NULL, NULL};
    extern char **environ;
    int err = posix_spawn(pid, program, &files, &attr, (char *const *)(uintptr_t)args, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return err;
}

/* Read the program's one line. */
static ipc_err read_report(int report, uint64_t deadline, const char *program)
{
    char line[REPORT_MAX];
    size_t length = 0;
    while (length < sizeof line - 1 && !memchr(line, '\n', length)) {
        ipc_err err = ipc__wait_fd(report, deadline);
        if (err) {
            return err == IPC_ETIMEOUT ? ipc__fail(IPC_EHUBPROG, "%s does not become ready", program) : err;
        }
        ssize_t got = read(report, line + length, sizeof line - 1 - length);
        if (got <= 0) {
            break;
        }
        length += (size_t)got;
    }
    line[length] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "ready ", 6) == 0) {
        return IPC_OK;
    }
    if (strncmp(line, "error ", 6) == 0) {
        char *words;
        long code = strtol(line + 6, &words, 10);
        if (code < 0 && ipc_err_name((ipc_err)code)) {
            return ipc__fail((ipc_err)code, "%s", words + strspn(words, " "));
        }
    }
    return ipc__fail(IPC_EHUBPROG, "%s ended without a word; is it the hub program of this libipc?", program);
}

ipc_err ipc__launch_hub(const char *address, bool private, uint64_t deadline)
{
    char program[4096];
    ipc_err err = find_program(program, sizeof program);
    if (err) {
        return err;
    }
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return ipc__fail_errno("cannot make a pipe");
    }
    pid_t pid;
    int result = spawn(program, address, private, report[1], &pid);
    close(report[1]);
    if (result != 0) {
        close(report[0]);
        return ipc__fail(IPC_EHUBPROG, "cannot run %s: %s", program, strerrordesc_np(result));
    }
    err = read_report(report[0], deadline, program);
    close(report[0]);
    if (err) {
        kill(pid, SIGKILL); /* if it hangs, nobody waits for it */
    }
    /* It has left its child behind, which is the hub, and is gone or about to be. */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return err;
}
