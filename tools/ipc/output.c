/*
 * Lines to standard output.
 *
 * What lies in a pipe when its reader ends is lost, and a write says nothing about it. So a pipe is given one line at a
 * time, and the line is delivered when the pipe is empty again. Made as small as one page, a pipe is ready for writing
 * exactly then: so that can be waited for.
 *
 * Touches the descriptor. One thread.
 */
#include "output.h"

#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_MS = 5,        /* how often to look whether a pipe is empty that could not be made small */
    FAREWELL_MS = 1000, /* how long a reader may take to read the line that was written when we are told to stop */
};

/* Works only while no more than a page is in the pipe. */
static void make_small(output *out)
{
    int page = (int)sysconf(_SC_PAGESIZE);
    int before = fcntl(out->fd, F_GETPIPE_SZ);
    out->small = before > 0 && fcntl(out->fd, F_SETPIPE_SZ, page) == page;
    if (out->small && before > page) {
        out->pipe_before = before;
    }
}

void output_open(output *out, int fd)
{
    struct stat info;
    *out = (output){.fd = fd};
    if (fstat(fd, &info) != 0) {
        return; /* the first write tells */
    }
    out->pipe = S_ISFIFO(info.st_mode);
    out->patient = !S_ISREG(info.st_mode);
    if (out->pipe) {
        make_small(out);
    }
}

void output_close(output *out)
{
    if (out->pipe_before) {
        fcntl(out->fd, F_SETPIPE_SZ, out->pipe_before);
        out->pipe_before = 0;
    }
}

bool output_gone(const output *out)
{
    struct pollfd one = {.fd = out->fd};
    return out->patient && poll(&one, 1, 0) > 0 && (one.revents & POLLERR);
}

/* ---- writing ---- */

/* Wait for room. OUTPUT_DELIVERED: there is. */
static output_result wait_room(const output *out)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = out->fd, .events = POLLOUT}, {.fd = stop_fd(), .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            return OUTPUT_FAILED;
        }
        if (stop_signal()) {
            return OUTPUT_STOPPED;
        }
        if (fds[0].revents) {
            return OUTPUT_DELIVERED; /* or an error, which the write tells */
        }
    }
}

static output_result write_all(const output *out, const char *line, size_t length)
{
    while (length > 0) {
        output_result result = out->patient ? wait_room(out) : OUTPUT_DELIVERED;
        if (result != OUTPUT_DELIVERED) {
            return result;
        }
        /* So much does not block when there is room. */
        size_t some = out->patient && length > PIPE_BUF ? PIPE_BUF : length;
        ssize_t written = write(out->fd, line, some);
        if (written >= 0) {
            line += written;
            length -= (size_t)written;
        } else if (errno == EPIPE) {
            return OUTPUT_GONE;
        } else if (errno != EINTR && errno != EAGAIN) {
            return OUTPUT_FAILED;
        }
    }
    return OUTPUT_DELIVERED;
}

/* ---- seeing it read ---- */

static bool is_empty(const output *out)
{
    int unread;
    return ioctl(out->fd, FIONREAD, &unread) == 0 && unread == 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait a little for the pipe to become empty, its reader to go, or a signal. What poll() says of the pipe. */
static int look(const output *out, bool stopped)
{
    struct pollfd fds[2] = {{.fd = out->fd, .events = out->small ? POLLOUT : 0},
                            {.fd = stopped ? -1 : stop_fd(), .events = POLLIN}};
    int wait_ms = out->small ? (stopped ? FAREWELL_MS : -1) : LOOK_MS;
    return poll(fds, 2, wait_ms) > 0 ? fds[0].revents : 0;
}

static output_result wait_read(output *out)
{
    int64_t until = 0; /* once we are told to stop */
    for (;;) {
        int seen = look(out, until != 0);
        if (is_empty(out)) {
            return OUTPUT_DELIVERED; /* also when its end came behind it */
        }
        if (seen & POLLERR) {
            return OUTPUT_GONE;
        }
        if (seen & POLLOUT) {
            out->small = false; /* another writer shares it */
        }
        if (until == 0 && stop_signal()) {
            until = now_ms() + FAREWELL_MS;
        }
        if (until != 0 && now_ms() >= until) {
            return OUTPUT_STOPPED;
        }
    }
}

output_result output_line(output *out, const char *line, size_t length)
{
    output_result result = write_all(out, line, length);
    if (result != OUTPUT_DELIVERED || !out->pipe) {
        return result;
    }
    result = wait_read(out);
    if (result == OUTPUT_DELIVERED && !out->small) {
        make_small(out);
    }
    return result;
}
