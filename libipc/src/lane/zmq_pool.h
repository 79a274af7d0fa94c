/*
 * Buffers of full batches: sent without a copy, given back by libzmq, and used again.
 * Touches nothing but memory. Any thread, without a lock: libzmq gives back from threads of its own.
 */
#ifndef IPC__ZMQ_POOL_H
#define IPC__ZMQ_POOL_H

#include "util/buf.h"

enum {
    IPC__ZMQ_HEADER_MAX = 48,                                  /* bytes of an envelope's header */
    IPC__ZMQ_POOL_HEAD = IPC__ZMQ_HEADER_MAX + sizeof(size_t), /* in front of a buffer's data; wrapped, its capacity */
};

/* An empty buffer with room for a batch, and for its header in front. Without memory it has no room yet. */
void ipc__zmq_pool_get(ipc__buf *buf);

/* The memory of such a buffer, for ipc__zmq_pool_put(); the buffer itself is not to be used any more. */
void *ipc__zmq_pool_wrap(const ipc__buf *buf);

void ipc__zmq_pool_put(void *memory);

/* Free what is not in use. */
void ipc__zmq_pool_clear(void);

#endif
