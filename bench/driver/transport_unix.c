/*
 * Theirs: a bare Unix stream socket, one write and one read a message. The side that sends first listens, the other
 * connects.
 * Touches a socket. One thread.
 */
#include "driver/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

typedef struct unix_side {
    int socket;
    unsigned char *payload;
    unsigned char *buffer;
    size_t size;
} unix_side;

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        bench_fail("socket: %s", strerror(errno));
    }
    return fd;
}

static int accept_at(const struct sockaddr_un *address)
{
    int listener = new_socket();
    if (bind(listener, (const struct sockaddr *)address, sizeof *address) != 0 || listen(listener, 1) != 0) {
        bench_fail("cannot listen at %s: %s", address->sun_path, strerror(errno));
    }
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        bench_fail("accept: %s", strerror(errno));
    }
    close(listener);
    return fd;
}

static int connect_to(const struct sockaddr_un *address)
{
    int fd = new_socket();
    for (int tries = 0; connect(fd, (const struct sockaddr *)address, sizeof *address) != 0; tries++) {
        if (tries == PATIENCE_MS || (errno != ENOENT && errno != ECONNREFUSED)) {
            bench_fail("cannot connect to %s: %s", address->sun_path, strerror(errno));
        }
        bench_pause(1000);
    }
    return fd;
}

static void *unix_open(const bench_options *options, bench_side which)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(options->address);
    if (length >= sizeof address.sun_path) {
        bench_fail("too long for a socket's path: %s", options->address);
    }
    memcpy(address.sun_path, options->address, length);
    unix_side *side = bench_alloc(sizeof *side);
    side->size = options->size;
    side->payload = bench_alloc(options->size);
    side->buffer = bench_alloc(options->size);
    bool first = which == BENCH_BOTH_A || which == BENCH_SENDS;
    side->socket = first ? accept_at(&address) : connect_to(&address);
    return side;
}

static void *unix_payload(void *self)
{
    return ((unix_side *)self)->payload;
}

static void unix_send(void *self)
{
    unix_side *side = self;
    for (size_t done = 0; done < side->size;) {
        ssize_t sent = send(side->socket, side->payload + done, side->size - done, MSG_NOSIGNAL);
        if (sent < 0) {
            bench_fail("send: %s", strerror(errno));
        }
        done += (size_t)sent;
    }
}

static const void *unix_receive(void *self)
{
    unix_side *side = self;
    for (size_t done = 0; done < side->size;) {
        ssize_t came = recv(side->socket, side->buffer + done, side->size - done, 0);
        if (came <= 0) {
            bench_fail("recv: %s", came < 0 ? strerror(errno) : "the other end is closed");
        }
        done += (size_t)came;
    }
    return side->buffer;
}

static void unix_close(void *self)
{
    unix_side *side = self;
    close(side->socket);
    free(side->payload);
    free(side->buffer);
    free(side);
}

const bench_transport bench_unix = {
    .name = "unix",
    .open = unix_open,
    .payload = unix_payload,
    .send = unix_send,
    .receive = unix_receive,
    .close = unix_close,
};
