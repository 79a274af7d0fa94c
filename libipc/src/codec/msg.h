/*
 * The inside of a message: packed bytes, their owner, and where the message was taken from.
 * Touches nothing but memory. The count is atomic; the bytes never change once a message is made.
 */
#ifndef IPC__MSG_H
#define IPC__MSG_H

#include <ipc/msg.h>
#include <stdatomic.h>

struct ipc_msg {
    atomic_uint refs;
    atomic_bool checked;       /* ipc_msg_check() passed, or the library packed it */
    const unsigned char *data; /* the packed bytes: in bytes[], or wherever release() knows */
    size_t length;
    void (*release)(void *arg); /* gives up bytes that are not in bytes[]; NULL otherwise */
    void *release_arg;

    /* Set by the handle that took it; zero otherwise. */
    uint64_t source;   /* the handle's own number */
    uint64_t seq;      /* the item's number in its object */
    uint64_t position; /* the place of this delivery in the handle's subscription */
    unsigned attempt;

    unsigned char bytes[];
};

/* A message with room for length bytes in bytes[] (data points there, unchecked). NULL: out of memory. */
ipc_msg *ipc__msg_new(size_t length);

/* A message around bytes that stay where they are; release(arg) is called with the last reference. */
ipc_msg *ipc__msg_borrow(const void *bytes, size_t length, void (*release)(void *arg), void *arg);

#endif
