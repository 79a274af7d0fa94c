/*
 * The inside of a message: packed bytes, their owner, and where the message was taken from.
 * Touches nothing but memory. The count is atomic; the bytes never change once a message is made.
 */
#ifndef IPC__MSG_H
#define IPC__MSG_H

#include "util/block.h"
#include "util/buf.h"
#include "wire/read.h"

#include <ipc/msg.h>
#include <stdatomic.h>

/* A copy of one text of a message, with a NUL behind it. */
typedef struct ipc__text {
    struct ipc__text *next;
    const char *of; /* the text in the packed bytes */
    char copy[];
} ipc__text;

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
    bool late;           /* it came behind a younger one */
    bool unleased;       /* there was no memory to remember its lease */
    unsigned generation; /* of the handle's session: a later one counts from 1 again */

    bool shared;                      /* others may still write the bytes: what reads them as a value reads a copy, */
    _Atomic(unsigned char *) settled; /* this one */

    _Atomic(ipc__text *) texts; /* made by ipc_unpack's s; only ever pushed to, freed with the message */

    unsigned char bytes[];
};

/* A message with room for length bytes in bytes[] (data points there, unchecked). NULL: out of memory. */
ipc_msg *ipc__msg_new(size_t length);

/*
 * A message around bytes that stay where they are; release(arg) is called with the last reference.
 * NULL: out of memory, and release was not called.
 */
ipc_msg *ipc__msg_borrow(const void *bytes, size_t length, void (*release)(void *arg), void *arg);

/*
 * Build a message in one allocation: begin with a zeroed buffer, write packed bytes into it, end. The end takes the
 * buffer over and returns the message (unchecked), or NULL when memory ran out on the way.
 */
bool ipc__msg_begin(ipc__buf *buf);
ipc_msg *ipc__msg_end(ipc__buf *buf);

/* Check the bytes, unless that was done before. IPC_OK; IPC_EBADMSG; IPC_ENOMEM. */
ipc_err ipc__msg_ensure(const ipc_msg *msg);

/* The bytes that were checked: nobody changes them. */
static inline const unsigned char *ipc__msg_data(const ipc_msg *msg)
{
    return msg->shared ? atomic_load_explicit(&msg->settled, memory_order_acquire) : msg->data;
}

/* A message with a copy of what a hub answered: checked, but not against the limits that the program has for values. */
ipc_err ipc__msg_answer(ipc_msg **out, const void *bytes, size_t length);

/*
 * A message around a method's result, in a block whose reference is the message's from here on, or given up: checked by the program's
 * limits, which the levels that a method adds do not count for.
 */
ipc_err ipc__msg_result(ipc_msg **out, ipc__bytes value, ipc__block *block);

/* A text of the message (data lies in its bytes) with a NUL behind it, valid as long as the message. NULL: no memory. */
const char *ipc__msg_text(const ipc_msg *msg, const char *data, size_t length);

#endif
