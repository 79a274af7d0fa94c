/*
 * The ZeroMQ lane, the client's side: one DEALER socket for one session.
 * Touches ZeroMQ. Not locked: the connection's lock.
 */
#include "client/link.h"
#include "lane/zmq_context.h"
#include "util/error.h"

#include <errno.h>
#include <stdlib.h>

typedef struct zmq_link {
    ipc__link base;
    void *dealer;
    int fd;
} zmq_link;

static ipc__sent link_send(ipc__link *base, const ipc__buf *header, ipc__outbox *out)
{
    return ipc__zmq_send(((zmq_link *)base)->dealer, header, out) == 0 ? IPC__SENT : IPC__SENT_NEVER;
}

static int link_receive(ipc__link *base, ipc__envelope *envelope)
{
    int result = ipc__zmq_receive(((zmq_link *)base)->dealer, envelope);
    return result < 0 ? -1 : result;
}

static bool link_readable(ipc__link *base)
{
    int events = 0;
    size_t size = sizeof events;
    int result;
    do {
        result = zmq_getsockopt(((zmq_link *)base)->dealer, ZMQ_EVENTS, &events, &size);
    } while (result != 0 && errno == EINTR);
    return result == 0 && (events & ZMQ_POLLIN);
}

static int link_fd(const ipc__link *base)
{
    return ((const zmq_link *)base)->fd;
}

static void link_close(ipc__link *base, bool parted)
{
    (void)parted;
    zmq_close(((zmq_link *)base)->dealer);
    ipc__zmq_context_release();
    free(base);
}

static void link_abandon(ipc__link *base)
{
    free(base); /* the socket is the parent's, and its context was forgotten */
}

static const ipc__link_ops ops = {
    .name = "zmq",
    .inline_max = IPC__INLINE_MAX,
    .send = link_send,
    .receive = link_receive,
    .readable = link_readable,
    .fd = link_fd,
    .close = link_close,
    .abandon = link_abandon,
};

static void set_int(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

ipc_err ipc__zmq_link_open(ipc__link **out, const char *endpoint, uint64_t max_message)
{
    zmq_link *link = calloc(1, sizeof *link);
    void *context = link ? ipc__zmq_context_acquire() : NULL;
    if (!context) {
        free(link);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    link->base.ops = &ops;
    link->dealer = zmq_socket(context, ZMQ_DEALER);
    if (!link->dealer) {
        ipc__zmq_context_release();
        free(link);
        return ipc__fail_errno("cannot make a ZeroMQ socket");
    }
    set_int(link->dealer, ZMQ_LINGER, 0);
    set_int(link->dealer, ZMQ_SNDHWM, 0);
    set_int(link->dealer, ZMQ_SNDBUF, 1024 * 1024);
    set_int(link->dealer, ZMQ_RCVHWM, 0);
    set_int(link->dealer, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    /* A session dies with its hub: libzmq's reconnect would replay its messages into the next one. */
    set_int(link->dealer, ZMQ_RECONNECT_IVL, -1);
    int64_t limit = (int64_t)max_message + 2 * IPC__BATCH_BYTES;
    zmq_setsockopt(link->dealer, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
    size_t size = sizeof link->fd;
    if (zmq_connect(link->dealer, endpoint) != 0 || zmq_getsockopt(link->dealer, ZMQ_FD, &link->fd, &size) != 0) {
        ipc_err err = ipc__fail_errno("cannot connect to %s", endpoint);
        link_close(&link->base, false);
        return err;
    }
    *out = &link->base;
    return IPC_OK;
}
