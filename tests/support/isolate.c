/*
 * isolate COMMAND [ARG...]: run one test in a run directory of its own, end whatever processes it leaves behind, and fail
 * when a sanitizer found something in any of them.
 * Touches its environment, one fresh directory under /tmp and its own descendants.
 * One thread, nothing to lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CANNOT_RUN = 126, TERM_TRIES = 250, END_TRIES = 300, END_TRY_MS = 20 };

/* Short, since the path of a Unix socket has 107 bytes at most. */
static char run_dir[] = "/tmp/ipc.XXXXXX";

static volatile sig_atomic_t child;

static void forward(int signal)
{
    if (child > 0) {
        kill(child, signal);
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

/* The children of this process: those whose parents are gone included, as it is their subreaper. */
static void signal_children(int signal)
{
    char path[64];
    char pids[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    /* More than fit in are met the next time round. */
    ssize_t length = read(fd, pids, sizeof pids - 1);
    close(fd);
    pids[length > 0 ? length : 0] = '\0';
    char *end = pids;
    for (long pid; (pid = strtol(end, &end, 10)) > 0;) {
        kill((pid_t)pid, signal);
    }
}

/* Politely first: a hub that is told to end removes its files, and a sanitizer looks for leaks. */
static void end_leftovers(void)
{
    for (int try = 0; try < END_TRIES; try++) {
        pid_t pid;
        do {
            pid = waitpid(-1, NULL, WNOHANG);
        } while (pid > 0);
        if (pid < 0) {
            return;
        }
        signal_children(try < TERM_TRIES ? SIGTERM : SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = END_TRY_MS * 1000000L}, NULL);
    }
}

/* Wait for the test itself, reaping what else ends meanwhile. The exit status as a shell would give it. */
static int wait_for(pid_t test)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);
        if (pid == test) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (pid < 0 && errno != EINTR) {
            return CANNOT_RUN;
        }
    }
}

static int run(char **command)
{
    pid_t test = fork();
    if (test < 0) {
        perror("isolate: fork");
        return CANNOT_RUN;
    }
    if (test == 0) {
        execvp(command[0], command);
        fprintf(stderr, "isolate: %s: %s\n", command[0], strerror(errno));
        _exit(CANNOT_RUN);
    }
    child = test;
    int status = wait_for(test);
    child = 0;
    if (status > 128) {
        fprintf(stderr, "isolate: %s: ended by signal %d (%s)\n", command[0], status - 128, strsignal(status - 128));
    }
    return status;
}

/* Sanitizers write into the run directory: nobody sees what a hub prints. */
static bool collect_reports(void)
{
    static const char *const variables[] = {"ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *given = getenv(variables[i]);
        char options[4096];
        int length = snprintf(options, sizeof options, "%s:log_path=%s/sanitizer", given ? given : "", run_dir);
        if (length >= (int)sizeof options || setenv(variables[i], options, 1) != 0) {
            return false;
        }
    }
    return true;
}

/* LeakSanitizer's remarks: a forked child lacks its parent's threads, and a thread ended while it was looked at. */
static bool is_remark(const char *line)
{
    return strstr(line, "was not suspended. False leaks are possible.") ||
           strstr(line, "Unable to get registers from thread");
}

/* Show a report. Whether there is anything in it. */
static bool print_report(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    bool any = false;
    while (file && getline(&line, &size, file) > 0) {
        if (!is_remark(line)) {
            fputs(line, stderr);
            any = true;
        }
    }
    free(line);
    if (file) {
        fclose(file);
    }
    return any;
}

/* How many of the processes a sanitizer had something to say about. */
static size_t print_reports(void)
{
    char pattern[sizeof run_dir + sizeof "/sanitizer.*"];
    snprintf(pattern, sizeof pattern, "%s/sanitizer.*", run_dir);
    glob_t reports;
    if (glob(pattern, 0, NULL, &reports) != 0) {
        return 0;
    }
    size_t count = 0;
    for (size_t i = 0; i < reports.gl_pathc; i++) {
        count += print_report(reports.gl_pathv[i]);
    }
    globfree(&reports);
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: isolate COMMAND [ARG...]\n");
        return CANNOT_RUN;
    }
    if (!mkdtemp(run_dir) || setenv("XDG_RUNTIME_DIR", run_dir, 1) != 0 || unsetenv("LIBIPC_ADDRESS") != 0 ||
        !collect_reports()) {
        perror("isolate: cannot make a run directory under /tmp");
        return CANNOT_RUN;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    struct sigaction action = {.sa_handler = forward};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    int status = run(argv + 1);
    end_leftovers();
    if (print_reports() > 0 && status == 0) {
        status = 1;
    }
    nftw(run_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}
