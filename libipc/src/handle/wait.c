/*
 * Waiting for one of several objects and descriptors.
 * Touches handles through their public functions, and no lock.
 */
#include "client/conn.h"
#include "util/error.h"

#include <ipc/pipe.h>
#include <ipc/queue.h>
#include <ipc/wait.h>
#include <poll.h>
#include <stdlib.h>

static ipc_err descriptor_of(const ipc_waitable *thing, int *fd)
{
    if (thing->queue) {
        return ipc_queue_fd(thing->queue, fd);
    }
    if (thing->pipe) {
        return ipc_pipe_fd(thing->pipe, fd);
    }
    *fd = thing->fd;
    return *fd >= 0 ? IPC_OK : ipc__fail(IPC_EINVAL, "neither a queue, nor a pipe, nor a descriptor");
}

static ipc_err wait_for(ipc_waitable *things, struct pollfd *fds, size_t count, int64_t timeout_ms, size_t *ready)
{
    for (size_t i = 0; i < count; i++) {
        fds[i].events = POLLIN;
        ipc_err err = descriptor_of(&things[i], &fds[i].fd);
        if (err) {
            return err;
        }
    }
    ipc_err err = ipc__wait_fds(fds, count, ipc__deadline(ipc__now(), timeout_ms), ready);
    for (size_t i = 0; i < count; i++) {
        if (fds[i].revents & POLLNVAL) {
            *ready = 0;
            return ipc__fail(IPC_EINVAL, "descriptor %d is not open", fds[i].fd);
        }
        things[i].ready = *ready && fds[i].revents;
    }
    return err == IPC_ETIMEOUT ? IPC_OK : err;
}

ipc_err ipc_wait(ipc_waitable *things, size_t count, int64_t timeout_ms, size_t *ready)
{
    size_t found = 0;
    ready = ready ? ready : &found;
    *ready = 0;
    if (!things && count) {
        return ipc__fail(IPC_EINVAL, "nothing to wait for");
    }
    for (size_t i = 0; i < count; i++) {
        things[i].ready = false;
    }
    struct pollfd *fds = calloc(count + 1, sizeof *fds);
    if (!fds) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    ipc_err err = wait_for(things, fds, count, timeout_ms, ready);
    free(fds);
    return err;
}
