/*
 * A client without the library: raw packets on the control socket, raw frames on the ZeroMQ endpoint.
 * Touches its sockets. The test's own thread alone.
 */
#include "fault/raw_client.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void raw_pack(raw_bytes *bytes, const char *format, ...)
{
    ipc_msg *msg;
    va_list args;
    va_start(args, format);
    CHECK_OK(ipc_vpack(&msg, format, args));
    va_end(args);
    size_t length;
    const void *packed = ipc_msg_bytes(msg, &length);
    CHECK(bytes->length + length <= sizeof bytes->data);
    memcpy(bytes->data + bytes->length, packed, length);
    bytes->length += length;
    ipc_msg_free(msg);
}

/* ---- the control socket ---- */

int raw_control(const place *where)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = hub_file(where->address, "ctl");
    CHECK(strlen(path) < sizeof name.sun_path);
    memcpy(name.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

void raw_send(int control, const void *bytes, size_t length, int descriptors)
{
    struct iovec part = {(void *)(uintptr_t)bytes, length};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(64 * sizeof(int))];
    } beside = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptors) {
        message.msg_control = beside.space;
        message.msg_controllen = CMSG_SPACE((size_t)descriptors * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)descriptors * sizeof(int));
        for (int i = 0; i < descriptors; i++) {
            memcpy(CMSG_DATA(header) + (size_t)i * sizeof(int), &control, sizeof(int));
        }
    }
    /* A hub that has dropped this client already is none of the test's concern. */
    (void)!sendmsg(control, &message, MSG_NOSIGNAL);
}

size_t raw_receive(int control, unsigned char *buffer, size_t size)
{
    struct pollfd one = {.fd = control, .events = POLLIN};
    if (poll(&one, 1, DEADLINE_MS) <= 0) {
        check_fail(__FILE__, __LINE__, "the hub neither answers nor hangs up");
    }
    ssize_t got = recv(control, buffer, size, 0);
    return got > 0 ? (size_t)got : 0;
}

void raw_hello(int control, raw_welcome *welcome)
{
    raw_bytes hello = {.length = 0};
    raw_pack(&hello, "[i,i,s,s]", 1, 1, "raw", "hostile");
    raw_send(control, hello.data, hello.length, 0);
    unsigned char answer[4096];
    size_t length = raw_receive(control, answer, sizeof answer);
    ipc_msg *msg;
    CHECK_OK(ipc_msg_from_bytes(&msg, answer, length));
    int kind = 0;
    uint64_t session;
    uint64_t now;
    uint64_t window;
    const void *token;
    size_t token_length;
    const char *endpoint;
    CHECK_OK(ipc_unpack(msg, "[i,U,U,U,B,U,U,*,*,*,s]", &kind, &welcome->version, &welcome->epoch, &session, &token,
                        &token_length, &now, &window, &endpoint));
    CHECK_INT(kind, 2);
    CHECK_INT(token_length, sizeof welcome->token);
    memcpy(welcome->token, token, token_length);
    snprintf(welcome->endpoint, sizeof welcome->endpoint, "%s", endpoint);
    ipc_msg_free(msg);
}

/* ---- the endpoint ---- */

void *raw_dealer(void *context, const char *endpoint)
{
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    CHECK(dealer);
    int now = 0;
    zmq_setsockopt(dealer, ZMQ_LINGER, &now, sizeof now);
    CHECK(zmq_connect(dealer, endpoint) == 0);
    return dealer;
}

void raw_envelope(raw_bytes *bytes, uint64_t epoch)
{
    bytes->length = 0;
    raw_pack(bytes, "[U]", epoch);
}

void raw_send_frame(void *dealer, const void *bytes, size_t length, int flags)
{
    CHECK(zmq_send(dealer, bytes, length, flags) == (int)length);
}

bool raw_answered(void *dealer, int within_ms)
{
    zmq_pollitem_t item = {.socket = dealer, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, within_ms) <= 0) {
        return false;
    }
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    while (zmq_msg_recv(&msg, dealer, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&msg)) {
    }
    zmq_msg_close(&msg);
    return true;
}
