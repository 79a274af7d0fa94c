/*
 * The process's ZeroMQ context, and blocks around ZeroMQ messages: what both sides of the ZeroMQ lane share.
 * Touches ZeroMQ. The context has a lock of its own; a forked child forgets its parent's.
 */
#ifndef IPC__ZMQ_CONTEXT_H
#define IPC__ZMQ_CONTEXT_H

#include "util/block.h"
#include "wire/envelope.h"

#include <zmq.h>

/* The context, made on first use. NULL with errno. */
void *ipc__zmq_context_acquire(void);

/* Give it back: with the last one it ends. All sockets must be closed. */
void ipc__zmq_context_release(void);

/* Around fork: the context's threads do not exist in the child. */
void ipc__zmq_context_before_fork(void);
void ipc__zmq_context_after_fork(bool child);

/*
 * Receive what is left of a message into an envelope's frames. 1 done, 0 nothing there, -1 the message has no frame or
 * too many (and is gone), -2 out of memory or a broken socket.
 */
int ipc__zmq_receive(void *socket, ipc__envelope *envelope);

/* Send a frame, the last one of a message if no more follow; it is referenced until libzmq has sent it. 0, or -1 with errno. */
int ipc__zmq_send_block(void *socket, ipc__block *frame, bool more);

/* Send an outbox as one message: header and operations, then the frames. 0, or -1 with errno. Resets it when sent. */
int ipc__zmq_send(void *socket, const ipc__buf *header, ipc__outbox *out);

#endif
