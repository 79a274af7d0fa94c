/*
 * Being told to stop, through a signalfd.
 * Touches the process's signal mask and dispositions. One thread.
 */
#include "stop.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int fd = -1;
static int came;

/* One that is ignored (by nohup, or a shell for its background) is to stay so: a signalfd would bring it all the same. */
static void add_unless_ignored(sigset_t *set, int signal)
{
    struct sigaction action;
    if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
        sigaddset(set, signal);
    }
}

bool stop_watch(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    add_unless_ignored(&signals, SIGINT);
    add_unless_ignored(&signals, SIGHUP);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 && sigaction(SIGPIPE, &ignore, NULL) == 0 && sigprocmask(SIG_BLOCK, &signals, NULL) == 0;
}

int stop_fd(void)
{
    return fd;
}

int stop_signal(void)
{
    struct signalfd_siginfo info;
    if (came == 0 && fd >= 0 && read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        came = (int)info.ssi_signo;
    }
    return came;
}

void stop_die(void)
{
    if (stop_signal() == 0) {
        return;
    }
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, came);
    sigaction(came, &standard, NULL);
    raise(came);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
}
