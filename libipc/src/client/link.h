/*
 * The lane seam, the client's side: all that a connection knows of how its hub is reached.
 * Not locked: the connection's lock is held for every call.
 */
#ifndef IPC__LINK_H
#define IPC__LINK_H

#include "wire/control.h"
#include "wire/envelope.h"

typedef struct ipc__link ipc__link;

typedef struct ipc__link_ops {
    const char *name;

    /* Send an envelope, and empty the outbox. False: it cannot be sent any more, the session is lost. */
    bool (*send)(ipc__link *link, const ipc__buf *header, ipc__outbox *out);

    /* Receive an envelope, which the caller frees. 1; 0 nothing is there; -1 the link is broken. */
    int (*receive)(ipc__link *link, ipc__envelope *envelope);

    /* Whether something is there: to be asked after every send and receive, and before every wait on fd. */
    bool (*readable)(ipc__link *link);

    /* Readable when something may have come (edge-triggered). */
    int (*fd)(const ipc__link *link);

    void (*close)(ipc__link *link);

    /* In a forked child: forget the parent's link without touching what the parent uses. */
    void (*abandon)(ipc__link *link);
} ipc__link_ops;

struct ipc__link {
    const ipc__link_ops *ops;
};

/* Open the ZeroMQ lane to an endpoint. IPC_ENOMEM, IPC_ESYS. */
ipc_err ipc__zmq_link_open(ipc__link **out, const char *endpoint, uint64_t max_message);

#endif
