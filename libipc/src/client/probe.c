/*
 * Whether anybody listens at a TCP endpoint.
 * Touches the network of this host; any thread, no lock held.
 */
#include "client/conn.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "tcp://host:port" as two texts. */
static bool split(const char *endpoint, char *host, size_t size, const char **port)
{
    const char *begin = endpoint + strlen("tcp://");
    const char *colon = strrchr(begin, ':');
    if (!colon) {
        return false;
    }
    size_t length = (size_t)(colon - begin);
    if (length >= 2 && begin[0] == '[') {
        begin++;
        length -= 2;
    }
    *port = colon + 1;
    return snprintf(host, size, "%.*s", (int)length, begin) < (int)size;
}

static bool answers(const struct addrinfo *place, uint64_t deadline)
{
    int fd = socket(place->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return true; /* not for want of a listener: the real connection will tell */
    }
    bool open = connect(fd, place->ai_addr, place->ai_addrlen) == 0;
    if (!open && errno == EINPROGRESS) {
        struct pollfd one = {.fd = fd, .events = POLLOUT};
        int64_t left = ipc__left_ms(ipc__now(), deadline);
        int error = 0;
        socklen_t size = sizeof error;
        open = poll(&one, 1, left < 0 || left > INT32_MAX ? -1 : (int)left) > 0 &&
               getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    }
    close(fd);
    return open;
}

bool ipc__tcp_answers(const char *endpoint, uint64_t deadline)
{
    char host[128];
    const char *port;
    struct addrinfo *places;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (!split(endpoint, host, sizeof host, &port) || getaddrinfo(host, port, &hints, &places) != 0) {
        return false;
    }
    bool open = false;
    for (const struct addrinfo *place = places; place && !open; place = place->ai_next) {
        open = answers(place, deadline);
    }
    freeaddrinfo(places);
    return open;
}
