/*
 * The lane seam, the client's side: all that a connection knows of how its hub is reached.
 * Not locked: the connection's lock is held for every call, but where it says otherwise.
 */
#ifndef IPC__LINK_H
#define IPC__LINK_H

#include "wire/control.h"
#include "wire/envelope.h"

typedef struct ipc__link ipc__link;

typedef enum ipc__sent {
    IPC__SENT,
    IPC__SENT_LATER, /* there is no room: the outbox keeps it */
    IPC__SENT_NEVER, /* the session is lost */
} ipc__sent;

/* A delivery that lies where the hub put it. */
typedef struct ipc__delivery {
    uint64_t seq;
    uint64_t position;
    uint32_t length;
    uint32_t attempt : 31;
    uint32_t late : 1;
    const unsigned char *data; /* the first part of its bytes, */
    const unsigned char *rest; /* and what is not in it */
    uint32_t first;            /* how many are in the first */
    bool stable;               /* nobody can write them */
    void *slot;
    void *segment; /* NULL: it lies in the ring */
} ipc__delivery;

/* What a lane does on which deliveries lie in shared memory, for consumers to claim. */
typedef struct ipc__claim_ops {
    /* A handle's number was taken: what was there for one before means nothing. False: no memory. */
    bool (*opened)(ipc__link *link, uint32_t handle);

    /* Whether there is a delivery for a handle. */
    bool (*ready)(ipc__link *link, uint32_t handle);

    /* The next one: 1 it is there, 0 none is, -1 it cannot be seen (memory, descriptors). */
    int (*next)(ipc__link *link, uint32_t handle, ipc__delivery *delivery);

    /* Take it. False: the hub took it back meanwhile. */
    bool (*claim)(ipc__link *link, uint32_t handle, const ipc__delivery *delivery);

    /* The bytes were copied: their place is free. */
    void (*release)(ipc__link *link, const ipc__delivery *delivery);

    /* A block for the bytes where they lie; NULL: they are to be copied. Then, once the delivery is claimed: it stays until the
     * block is released, by any thread. */
    ipc__block *(*borrow)(ipc__link *link, const ipc__delivery *delivery);
    void (*lend)(ipc__link *link, const ipc__delivery *delivery, ipc__block *block);

    /* How many deliveries a handle was past, taken or not. */
    uint64_t (*position)(ipc__link *link, uint32_t handle);

    /* Whether the hub wants to be told now that a handle has taken up to a position. */
    bool (*tell)(ipc__link *link, uint32_t handle, uint64_t position);

    /* Use one of a handle's credits. False: there is none. */
    bool (*credit)(ipc__link *link, uint32_t handle);

    /* The one that was used last was not needed. */
    void (*credit_back)(ipc__link *link, uint32_t handle);

    /* Whether a put of so many bytes has room; if not, the hub is asked to see to it. */
    bool (*room)(ipc__link *link, size_t length);

    /* Send a small put, behind all that was sent, if there is room for it at once. False: it is to go the usual way. */
    bool (*put)(ipc__link *link, uint32_t handle, uint64_t seq, ipc__bytes value);

    /* A place for a large value, as a block; its bytes are to be written at once. NULL: it travels alone. */
    ipc__block *(*stage)(ipc__link *link, size_t length);

    /* Tell the hub where the outbox's newest frame lies, ahead of the operation. False: no memory, or no descriptors. */
    bool (*place)(ipc__link *link, ipc__outbox *out);

    /* A segment came, beside a packet; gone: nothing of it will be used again. */
    bool (*segment)(ipc__link *link, uint32_t number, uint64_t size, bool sealed, int fd);
    void (*segment_gone)(ipc__link *link, uint32_t number);

    /* Whether the hub has read all and sleeps, or is dead. */
    bool (*quiet)(ipc__link *link);

    /* Before somebody waits: what is news from here on. Then, without the lock: spin until there is some; */
    void (*glance)(ipc__link *link);
    bool (*spin)(ipc__link *link);

    /* be woken by the control socket when there is some (false: there is already); and no more. */
    bool (*arm)(ipc__link *link);
    void (*disarm)(ipc__link *link);
} ipc__claim_ops;

typedef struct ipc__link_ops {
    const char *name;
    uint32_t inline_max; /* a larger value is a frame of its own */

    /* Send an envelope, and empty the outbox. */
    ipc__sent (*send)(ipc__link *link, const ipc__buf *header, ipc__outbox *out);

    /* Receive an envelope, which the caller frees. 1; 0 nothing is there; -1 the link is broken. */
    int (*receive)(ipc__link *link, ipc__envelope *envelope);

    /* Whether something is there: to be asked after every send and receive, and before every wait on fd. */
    bool (*readable)(ipc__link *link);

    /* Readable when something may have come (edge-triggered); -1: the control socket tells. */
    int (*fd)(const ipc__link *link);

    /* parted: the hub has answered the goodbye. */
    void (*close)(ipc__link *link, bool parted);

    /* In a forked child: forget the parent's link without touching what the parent uses. */
    void (*abandon)(ipc__link *link);

    /* NULL: deliveries come with envelopes, and a thread is needed to keep what was promised about them. */
    const ipc__claim_ops *claims;
} ipc__link_ops;

struct ipc__link {
    const ipc__link_ops *ops;
};

/* Open the ZeroMQ lane to an endpoint. IPC_ENOMEM, IPC_ESYS. */
ipc_err ipc__zmq_link_open(ipc__link **out, const char *endpoint, uint64_t max_message);

/*
 * The shared-memory lane: the session's memory and the hub's eventfd, as they came, are the link's from here on, or closed.
 * control: borrowed, for segments on their way to the hub. IPC_ELANE.
 */
ipc_err ipc__shm_link_open(ipc__link **out, int memory, int wake, int control);

#endif
