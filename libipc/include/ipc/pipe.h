/*
 * Pipes: two ends; what one sends the other receives, in order, with an end of file.
 */
#ifndef IPC_PIPE_H
#define IPC_PIPE_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

/** Which end of a named pipe to open. */
typedef enum ipc_pipe_end {
    IPC_PIPE_ANY = 0, /**< The end that nobody holds, A before B; IPC_EBUSY when both are held. */
    IPC_PIPE_A = 1,
    IPC_PIPE_B = 2,
} ipc_pipe_end;

typedef struct ipc_pipe_options {
    size_t size;        /**< sizeof(ipc_pipe_options): set by the INIT macro. */
    ipc_open_mode mode; /**< Attach, create, either, or as it is. */
    ipc_pipe_end end;   /**< Which end. */
    bool simplex;       /**< One way only: A receives, B sends. */
} ipc_pipe_options;

#define IPC_PIPE_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        sizeof(ipc_pipe_options), IPC_OPEN_EITHER, IPC_PIPE_ANY, false                                                 \
    }

/**
 * Open one end of a named pipe. A receiver waits for a peer that comes later. An end that is asked for by its letter is
 * shared by all who ask for it: what comes goes to one of them.
 *
 * @param[out] pipe  The handle. The caller owns it: ipc_pipe_free(). It may outlive *conn*.
 * @param conn       The connection to use; NULL for the default one.
 * @param options    NULL for the defaults.
 * @return IPC_OK; IPC_EBUSY both ends are held; IPC_EPIPE that end is gone for good; IPC_EEXIST; IPC_ENOENT;
 *         IPC_ETYPE; IPC_EOPTIONS; IPC_ELIMIT; IPC_EINVAL; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_pipe_open(ipc_pipe **pipe, ipc_conn *conn, const char *name, const ipc_pipe_options *options);

/**
 * Make a pipe without a name and open both ends. In a simplex pipe *a* receives and *b* sends.
 * @param options  Only simplex counts. NULL for the defaults.
 * @return As ipc_pipe_open().
 */
IPC_EXPORT ipc_err ipc_pipe_pair(ipc_pipe **a, ipc_pipe **b, ipc_conn *conn, const ipc_pipe_options *options);

/**
 * Send a value to the other end. Returns when it is on its way (see ipc_queue_put).
 *
 * @param msg         Borrowed.
 * @param timeout_ms  How long to wait for room in the session's window.
 * @return IPC_OK; IPC_EPIPE nobody holds the other end any more; IPC_EPERM this end only receives; IPC_ETIMEOUT;
 *         IPC_ETOOBIG; IPC_ELIMIT; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_pipe_send(ipc_pipe *pipe, const ipc_msg *msg, int64_t timeout_ms);

/** ipc_pipe_send() of packed bytes, which are borrowed and not checked: readers check what they take. */
IPC_EXPORT ipc_err ipc_pipe_send_packed(ipc_pipe *pipe, const void *bytes, size_t length, int64_t timeout_ms);

/**
 * Send bytes: the other end receives a value of type bytes, or takes them with ipc_pipe_recv_bytes().
 * @param bytes  Borrowed.
 * @return As ipc_pipe_send().
 */
IPC_EXPORT ipc_err ipc_pipe_send_bytes(ipc_pipe *pipe, const void *bytes, size_t length, int64_t timeout_ms);

/**
 * Receive the next value.
 *
 * @param[out] msg  The caller owns it: ipc_msg_free().
 * @return IPC_OK; IPC_EEMPTY nothing came in time; IPC_EEOF the other end is gone and all is read; IPC_EPERM this end
 *         only sends; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_pipe_recv(ipc_pipe *pipe, int64_t timeout_ms, ipc_msg **msg);

/**
 * Receive bytes into a buffer. A value that is no bytes, or too long, stays where it is.
 *
 * @param buffer        Room for capacity bytes; NULL with 0 asks how long the next one is.
 * @param[out] length   How many bytes came; with IPC_ETOOSMALL, how many there are to come.
 * @return IPC_OK; IPC_ETOOSMALL; IPC_ETYPE the next value is no bytes: ipc_pipe_recv() takes it; as ipc_pipe_recv().
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_pipe_recv_bytes(ipc_pipe *pipe, int64_t timeout_ms, void *buffer, size_t capacity,
                                       size_t *length);

/** A descriptor that is readable while a receive would find a value, the end or an error: see ipc_queue_fd(). */
IPC_EXPORT ipc_err ipc_pipe_fd(ipc_pipe *pipe, int *fd);

/**
 * Wait until a receive would not block: a value is there, or the end.
 * @param[out] ready  Whether it would.
 * @return IPC_OK, also when nothing came in time; as ipc_pipe_recv() but never IPC_EEMPTY or IPC_EEOF.
 */
IPC_EXPORT ipc_err ipc_pipe_poll(ipc_pipe *pipe, int64_t timeout_ms, bool *ready);

/** Whether this end may receive. */
IPC_EXPORT bool ipc_pipe_readable(const ipc_pipe *pipe);

/** Whether this end may send. */
IPC_EXPORT bool ipc_pipe_writable(const ipc_pipe *pipe);

/** Wait until the hub owns everything that was sent through this handle. @return As ipc_queue_flush(). */
IPC_EXPORT ipc_err ipc_pipe_flush(ipc_pipe *pipe, int64_t timeout_ms);

/** Its name, borrowed from the handle; NULL for a pipe without one. */
IPC_EXPORT const char *ipc_pipe_name(const ipc_pipe *pipe);

/** A ticket with which another process opens the same end: see ipc_queue_share(). */
IPC_EXPORT ipc_err ipc_pipe_share(ipc_pipe *pipe, ipc_msg **ticket);

/** Open a pipe's end by its ticket: see ipc_queue_attach(). */
IPC_EXPORT ipc_err ipc_pipe_attach(ipc_pipe **pipe, ipc_conn *conn, const ipc_msg *ticket);

/** Give the handle up. When the last holder of an end does, the other end meets the end of file. Idempotent. */
IPC_EXPORT void ipc_pipe_close(ipc_pipe *pipe);

/** Close, and free. NULL is fine. */
IPC_EXPORT void ipc_pipe_free(ipc_pipe *pipe);

IPC_END_DECLS

#endif
