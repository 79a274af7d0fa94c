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

bool ipc__control_send(int socket, const ipc__buf *packet, int fd)
{
    struct iovec part = {packet->data, packet->length};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* Keep the first descriptor; close whatever else a peer sends along. */
static void take_descriptors(struct msghdr *message, int *fd)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int one;
            memcpy(&one, CMSG_DATA(header) + i * sizeof one, sizeof one);
            if (*fd < 0) {
                *fd = one;
            } else {
                close(one);
            }
        }
    }
}

ssize_t ipc__control_receive(int socket, void *buffer, size_t size, int *fd)
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
    *fd = -1;
    if (length >= 0) {
        take_descriptors(&message, fd);
    }
    if (length > 0 && (message.msg_flags & MSG_TRUNC)) {
        errno = EMSGSIZE;
        length = -1;
    }
    if (length <= 0 && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
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
