/*
 * ipc-hub: the hub as a program of its own, started by whoever needs it first.
 * Touches its process: it leaves the starter's session, terminal and descriptors behind. It tells the starter how it went by
 * one line on standard output: "ready ADDRESS" or "error CODE TEXT".
 */
#include "hub/process.h"

#include <fcntl.h>
#include <getopt.h>
#include <ipc/ipc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "Usage: ipc-hub --address ADDRESS [--private | --grace MS]\n"
    "The hub program of libipc. Programs start it when they need a hub; by hand, use \"ipc serve\".\n"
    "\n"
    "  --address ADDRESS  the name or endpoint to serve\n"
    "  --private          end when the last session is gone\n"
    "  --grace MS         end MS milliseconds after the last session, with nothing unread (default 10000)\n"
    "  --help             show this text\n";

/* The log file of $LIBIPC_HUB_LOG, for those who want to see what a hub in the background says. */
static void log_line(ipc_log_level level, const char *line, void *file)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    fprintf(file, "ipc-hub[%d]: %s: %s\n", (int)getpid(), names[level], line);
    fflush(file);
}

static void open_log(void)
{
    const char *path = getenv("LIBIPC_HUB_LOG");
    FILE *file = path && *path ? fopen(path, "ae") : NULL;
    if (file) {
        ipc_set_log(log_line, file);
    }
}

/* Nothing of the starter's stays open: a shell pipeline must not wait for the hub. */
static void ready(const char *address, void *arg)
{
    (void)arg;
    printf("ready %s\n", address);
    fflush(stdout);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        close(null);
    }
}

static int stop_signals(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    return signalfd(-1, &stop, SFD_CLOEXEC);
}

/* Every session needs descriptors here. One is let in whatever they are: the starter waits to hear of this hub. */
static void fit_sessions(ipc_hub_options *options)
{
    uint32_t room = ipc__process_fit_sessions();
    room = room > 0 ? room : 1;
    options->max_sessions = room < options->max_sessions ? room : options->max_sessions;
}

static int parse(int argc, char **argv, const char **address, ipc_hub_options *options)
{
    static const struct option longs[] = {
        {"address", required_argument, NULL, 'a'},
        {"private", no_argument, NULL, 'p'},
        {"grace", required_argument, NULL, 'g'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        char *end;
        switch (option) {
        case 'a':
            *address = optarg;
            break;
        case 'p':
            options->life = IPC_HUB_PRIVATE;
            break;
        case 'g':
            options->grace_ms = strtoll(optarg, &end, 10);
            if (end == optarg || *end || options->grace_ms < 0) {
                fprintf(stderr, "ipc-hub: --grace takes milliseconds, not \"%s\"\n", optarg);
                return 2;
            }
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (!*address || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.life = IPC_HUB_WHILE_NEEDED;
    const char *address = NULL;
    int usage_error = parse(argc, argv, &address, &options);
    if (usage_error) {
        return usage_error;
    }
    /* The starter waits for its child only: the hub is nobody's child. */
    pid_t child = fork();
    if (child != 0) {
        return child < 0;
    }
    setsid();
    if (chdir("/") != 0) {
        return 1;
    }
    umask(077);
    open_log();
    ipc__process_keep_memory();
    ipc__process_outlive_limits();
    fit_sessions(&options);
    ipc_err err = ipc_hub_run(address, &options, stop_signals(), ready, NULL);
    if (err) {
        printf("error %d %s\n", (int)err, ipc_last_error());
    }
    return err != IPC_OK;
}
