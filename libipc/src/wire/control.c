/*
 * The control socket: packets of one msgpack array each, with descriptors beside.
 * Touches the sockets that it is given. Any thread; one at a time a socket.
 */
#include "wire/control.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void ipc__welcome_pack(const ipc__welcome *welcome, msgpack_packer *packer)
{
    msgpack_pack_uint64(packer, welcome->version);
    msgpack_pack_uint64(packer, welcome->epoch);
    msgpack_pack_uint64(packer, welcome->session);
    msgpack_pack_bin_with_body(packer, welcome->token, IPC__TOKEN_SIZE);
    msgpack_pack_uint64(packer, welcome->now_us);
    msgpack_pack_uint64(packer, welcome->window);
    msgpack_pack_uint64(packer, welcome->max_message);
    msgpack_pack_uint64(packer, welcome->validity_us);
    msgpack_pack_uint64(packer, welcome->silence_us);
    ipc__pack_text(packer, welcome->endpoint);
}

bool ipc__welcome_read(ipc__welcome *welcome, ipc_cursor *cursor)
{
    ipc__bytes token;
    ipc__bytes endpoint;
    if (!ipc__read_uint(cursor, &welcome->version) || !ipc__read_uint(cursor, &welcome->epoch) ||
        !ipc__read_uint(cursor, &welcome->session) || !ipc__read_bin(cursor, &token) ||
        !ipc__read_uint(cursor, &welcome->now_us) || !ipc__read_uint(cursor, &welcome->window) ||
        !ipc__read_uint(cursor, &welcome->max_message) || !ipc__read_uint(cursor, &welcome->validity_us) ||
        !ipc__read_uint(cursor, &welcome->silence_us) || !ipc__read_str(cursor, &endpoint) ||
        token.length != IPC__TOKEN_SIZE || endpoint.length >= sizeof welcome->endpoint) {
        return false;
    }
    memcpy(welcome->token, token.data, token.length);
    memcpy(welcome->endpoint, endpoint.data, endpoint.length);
    welcome->endpoint[endpoint.length] = '\0';
    return true;
}

bool ipc__control_send_fds(int socket, const ipc__buf *packet, const int *fds, unsigned count)
{
    struct iovec part = {packet->data, packet->length};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(IPC__CONTROL_FDS * sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

bool ipc__control_send(int socket, const ipc__buf *packet, int fd)
{
    return ipc__control_send_fds(socket, packet, &fd, fd >= 0);
}

/* Keep the first descriptors; close whatever else a peer sends along. */
static void take_descriptors(struct msghdr *message, int *fds)
{
    unsigned kept = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int one;
            memcpy(&one, CMSG_DATA(header) + i * sizeof one, sizeof one);
            if (kept < IPC__CONTROL_FDS) {
                fds[kept++] = one;
            } else {
                close(one);
            }
        }
    }
}

static void close_all(int *fds)
{
    for (unsigned i = 0; i < IPC__CONTROL_FDS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

ssize_t ipc__control_receive_fds(int socket, void *buffer, size_t size, int *fds)
{
    struct iovec part = {buffer, size};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t length;
    do {
        length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (length < 0 && errno == EINTR);
    for (unsigned i = 0; i < IPC__CONTROL_FDS; i++) {
        fds[i] = -1;
    }
    if (length >= 0) {
        take_descriptors(&message, fds);
    }
    if (length > 0 && (message.msg_flags & MSG_TRUNC)) {
        errno = EMSGSIZE;
        length = -1;
    }
    if (length <= 0) {
        int err = errno;
        close_all(fds);
        errno = err;
    }
    return length;
}

ssize_t ipc__control_receive(int socket, void *buffer, size_t size, int *fd)
{
    int fds[IPC__CONTROL_FDS];
    ssize_t length = ipc__control_receive_fds(socket, buffer, size, fds);
    *fd = fds[0];
    fds[0] = -1;
    close_all(fds);
    return length;
}

int ipc__control_open(ipc_cursor *cursor, const void *packet, size_t length, uint32_t *fields)
{
    ipc_cursor_init(cursor, packet, length);
    uint64_t kind;
    if (!ipc__read_array(cursor, fields) || *fields < 1 || !ipc__read_uint(cursor, &kind) || kind > INT8_MAX) {
        return -1;
    }
    *fields -= 1;
    return (int)kind;
}

static int seqpacket(const char *path, struct sockaddr_un *name, int flags)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(name->sun_path, sizeof name->sun_path, "%s", path);
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
}

static int fail_closing(int fd)
{
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

int ipc__control_connect(const char *path)
{
    struct sockaddr_un name;
    int fd = seqpacket(path, &name, 0);
    if (fd < 0) {
        return -1;
    }
    int result;
    do {
        result = connect(fd, (struct sockaddr *)&name, sizeof name);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? fail_closing(fd) : fd;
}

int ipc__control_listen(const char *path)
{
    struct sockaddr_un name;
    int fd = seqpacket(path, &name, SOCK_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    unlink(path);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, SOMAXCONN) < 0) {
        return fail_closing(fd);
    }
    return fd;
}
