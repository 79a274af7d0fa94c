/*
 * A handle's descriptor: readable while a take would not wait.
 * Touches the handle and its connection, whose lock is held; descriptors, and the control socket.
 */
#include "client/handle.h"
#include "util/error.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the hub wrote is read before the truth is looked for: what comes later makes it readable again. */
static void drain_hub(const ipc__handle *handle)
{
    char bytes[64];
    while (handle->hub_fd >= 0 && recv(handle->hub_fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    atomic_thread_fence(memory_order_seq_cst);
}

void ipc__take_signal(ipc__handle *handle)
{
    const ipc_conn *conn = handle->conn;
    if (handle->ready_fd < 0) {
        return;
    }
    drain_hub(handle);
    bool ready = ipc__take_there(handle) || handle->end || handle->drained || handle->failed || handle->closed ||
                 conn->state != IPC__CONN_LIVE || handle->generation != conn->generation;
    eventfd_t count;
    if (ready && !handle->signalled) {
        eventfd_write(handle->own_fd, 1);
    } else if (!ready && handle->signalled) {
        eventfd_read(handle->own_fd, &count);
    }
    handle->signalled = ready;
}

static bool add_to_set(const ipc__handle *handle, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events};
    return epoll_ctl(handle->ready_fd, EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST;
}

/* Ask the hub to make a socket readable when something is there, and not when not: it has both ends of a pair for that. */
static bool ask_hub_to_write(ipc__handle *handle)
{
    const ipc_conn *conn = handle->conn;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_int(&packer, IPC__WATCH);
    msgpack_pack_uint32(&packer, handle->id);
    bool sent = !packet.failed && ipc__control_send_fds(conn->control, &packet, (int[]){pair[1], pair[0]}, 2);
    ipc__buf_free(&packet);
    close(pair[1]);
    if (handle->hub_fd >= 0) {
        close(handle->hub_fd);
    }
    handle->hub_fd = pair[0];
    return sent && add_to_set(handle, pair[0], EPOLLIN) && add_to_set(handle, conn->control, EPOLLRDHUP);
}

void ipc__take_watch(ipc__handle *handle)
{
    if (handle->ready_fd < 0) {
        return;
    }
    if (!ipc__claims_of(handle)) {
        ipc__conn_kick(handle->conn); /* the library's thread asks for who waits */
    } else if (ask_hub_to_write(handle)) {
        ipc__take_demand(handle);
    }
    ipc__take_signal(handle);
}

void ipc__take_unwatch(ipc__handle *handle)
{
    int *fds[] = {&handle->ready_fd, &handle->own_fd, &handle->hub_fd};
    for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
            *fds[i] = -1;
        }
    }
    handle->signalled = false;
}

ipc_err ipc__take_fd(ipc__handle *handle, int *fd)
{
    ipc_conn *conn = handle->conn;
    if (handle->ready_fd < 0) {
        handle->ready_fd = epoll_create1(EPOLL_CLOEXEC);
        handle->own_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (handle->ready_fd < 0 || handle->own_fd < 0 || !add_to_set(handle, handle->own_fd, EPOLLIN)) {
            ipc_err err = ipc__fail_errno("cannot make a descriptor to wait on");
            ipc__take_unwatch(handle);
            return err;
        }
        handle->signalled = false;
        handle->fd_forks = conn->forks;
        conn->watchers++;
        ipc__take_watch(handle);
    }
    *fd = handle->ready_fd;
    return IPC_OK;
}
