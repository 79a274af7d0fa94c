/*
 * Errors: one map gives the codes, their names and their texts.
 */
#ifndef IPC_ERROR_H
#define IPC_ERROR_H

#include <ipc/types.h>

IPC_BEGIN_DECLS

/**
 * Every error: X(code, value, text). The values are part of the ABI and of the protocol; they never change.
 * Expected outcomes (timeout, empty, full, closed, the end of a pipe) have codes of their own.
 */
#define IPC_ERROR_MAP(X)                                                                                               \
    X(IPC_OK, 0, "success")                                                                                            \
    X(IPC_EINVAL, -1, "invalid argument")                                                                              \
    X(IPC_ENOMEM, -2, "out of memory")                                                                                 \
    X(IPC_ESYS, -3, "a system call failed")                                                                            \
    X(IPC_ETIMEOUT, -4, "timed out")                                                                                   \
    X(IPC_EINTR, -5, "interrupted")                                                                                    \
    X(IPC_EEMPTY, -6, "nothing to take")                                                                               \
    X(IPC_EFULL, -7, "no room")                                                                                        \
    X(IPC_ECLOSED, -8, "the handle or its connection is closed")                                                       \
    X(IPC_EEOF, -9, "the end of the pipe: every holder of the other end is gone and all is read")                      \
    X(IPC_EPIPE, -10, "broken pipe: every holder of the other end is gone")                                            \
    X(IPC_ESHUTDOWN, -11, "the queue is shut down")                                                                    \
    X(IPC_ELOST, -12, "the hub is gone, and what it held")                                                             \
    X(IPC_ENOHUB, -13, "no hub answers at this address")                                                               \
    X(IPC_EHUBPROG, -14, "the hub program cannot be found or started")                                                 \
    X(IPC_EADDRESS, -15, "not an address")                                                                             \
    X(IPC_EADDRINUSE, -16, "another hub has this address")                                                             \
    X(IPC_EEXIST, -17, "an object of this name exists")                                                                \
    X(IPC_ENOENT, -18, "no object of this name")                                                                       \
    X(IPC_ETYPE, -19, "of another type than asked for")                                                                \
    X(IPC_EOPTIONS, -20, "options differ from the existing object's")                                                  \
    X(IPC_EDELETED, -21, "the object was deleted")                                                                     \
    X(IPC_EBUSY, -22, "in use")                                                                                        \
    X(IPC_ELIMIT, -23, "a limit of the hub is reached")                                                                \
    X(IPC_ETOOBIG, -24, "the message is larger than allowed")                                                          \
    X(IPC_EBADMSG, -25, "the bytes are not a well-formed value")                                                       \
    X(IPC_EPROTO, -26, "the peer breaks the protocol or speaks another version")                                       \
    X(IPC_EFORMAT, -27, "the format string and the value or arguments do not match")                                   \
    X(IPC_EUNFINISHED, -28, "task_done was called more often than items were taken")                                   \
    X(IPC_EPERM, -29, "not allowed")                                                                                   \
    X(IPC_ENOTSUP, -30, "not supported here")                                                                          \
    X(IPC_ENAME, -31, "not a name")                                                                                    \
    X(IPC_EDEPTH, -32, "the value is nested more deeply than allowed")                                                 \
    X(IPC_EELEMENTS, -33, "the value has more elements than allowed")                                                  \
    X(IPC_ESESSIONS, -34, "the hub has as many sessions as it may")                                                    \
    X(IPC_EOBJECTS, -35, "the hub has as many objects as it may")                                                      \
    X(IPC_EMEMORY, -36, "the hub holds as many bytes as it may")                                                       \
    X(IPC_ETOOSMALL, -37, "the buffer is too small for the value")                                                     \
    X(IPC_ELANE, -38, "the lane that was asked for cannot be had")                                                     \
    X(IPC_ENOTHELD, -39, "it was released more often than it was acquired")                                            \
    X(IPC_ENOTOWNER, -40, "another thread or process has it")                                                          \
    X(IPC_EBROKEN, -41, "the barrier is broken")                                                                       \
    X(IPC_EKEY, -42, "no such key")                                                                                    \
    X(IPC_EINDEX, -43, "no such index")                                                                                \
    X(IPC_EABSENT, -44, "no such value")                                                                               \
    X(IPC_ERANGE, -45, "a number beyond what its type holds")                                                          \
    X(IPC_EKIND, -46, "a value of another kind than needed")                                                           \
    X(IPC_EDEADLOCK, -47, "waiting would never end: a deadlock")

typedef enum ipc_err {
#define IPC_ERROR_ENUM(code, value, text) code = (value),
    IPC_ERROR_MAP(IPC_ERROR_ENUM)
#undef IPC_ERROR_ENUM
} ipc_err;

/** @return The fixed text of a code; "unknown error" for a number that is none. Thread safety: any thread. */
IPC_EXPORT const char *ipc_strerror(ipc_err err);

/** @return The code's own name, such as "IPC_EEMPTY"; NULL for a number that is none. Thread safety: any thread. */
IPC_EXPORT const char *ipc_err_name(ipc_err err);

/**
 * What went wrong in this thread's last failing call, in words: what was wrong and what to do.
 *
 * @return A string that stays valid until this thread's next call into the library; "" when there is nothing to say.
 *         Only meaningful directly after a call that returned an error.
 */
IPC_EXPORT const char *ipc_last_error(void);

typedef enum ipc_log_level { IPC_LOG_DEBUG, IPC_LOG_INFO, IPC_LOG_WARN, IPC_LOG_ERROR } ipc_log_level;

/** Called with one finished line, without a newline. May come from any thread, the library's own included. */
typedef void (*ipc_log_fn)(ipc_log_level level, const char *line, void *arg);

/**
 * Set where the library's log lines go. The library never prints; without a callback the lines are dropped.
 *
 * @param log  The callback, or NULL for none. It must not call into the library.
 * @param arg  Passed through to the callback; borrowed for as long as the callback is set.
 * Thread safety: any thread.
 */
IPC_EXPORT void ipc_set_log(ipc_log_fn log, void *arg);

IPC_END_DECLS

#endif
