/*
 * Connections: a session with a hub, through which objects are opened.
 */
#ifndef IPC_CONN_H
#define IPC_CONN_H

#include <ipc/error.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

/** How a session reaches its hub. */
typedef enum ipc_lane {
    IPC_LANE_AUTO, /**< As $LIBIPC_LANE says ("shm", "zmq"); without it by shared memory on the hub's host, else by ZeroMQ. */
    IPC_LANE_SHM, /**< By shared memory, or not at all: IPC_ELANE. $LIBIPC_LANE is not looked at. */
    IPC_LANE_ZMQ, /**< By ZeroMQ. $LIBIPC_LANE is not looked at. */
} ipc_lane;

typedef struct ipc_conn_options {
    size_t size;                /**< sizeof(ipc_conn_options): set by the INIT macro. */
    const char *language;       /**< Shown to those who look at the hub; NULL: "c". */
    const char *program;        /**< Likewise; NULL: the program's own name. */
    int64_t connect_timeout_ms; /**< How long to wait for a hub to start and to answer; -1 for ever. */
    ipc_lane lane;              /**< How the session reaches its hub. */
} ipc_conn_options;

#define IPC_CONN_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        sizeof(ipc_conn_options), NULL, NULL, 10000, IPC_LANE_AUTO                                                     \
    }

/**
 * Connect to a hub, starting it where the address allows.
 *
 * @param[out] conn  The connection. The caller owns it: ipc_conn_free().
 * @param address    NULL or "": $LIBIPC_ADDRESS, or else this program's own private hub, started on first use;
 *                   a bare name: the hub of that name in the run directory, started if there is none;
 *                   "ipc:///path", "tcp://127.0.0.1:port", "inproc://name": connect, never start.
 * @param options    NULL for the defaults.
 * @return IPC_OK; IPC_EADDRESS; IPC_ENOHUB nothing answers there; IPC_EHUBPROG the hub program cannot be found;
 *         IPC_EPERM the run directory or the hub is another user's, or the TCP address is not loopback;
 *         IPC_ELANE the lane that was asked for cannot be had; IPC_EINVAL the lane is none, or it is
 *         left to $LIBIPC_LANE and that is none;
 *         IPC_EPROTO the hub speaks another version; IPC_ESESSIONS the hub takes no more sessions; IPC_ENOMEM; IPC_ESYS.
 * Thread safety: any thread. Blocking: up to connect_timeout_ms.
 */
IPC_EXPORT ipc_err ipc_connect(ipc_conn **conn, const char *address, const ipc_conn_options *options);

/**
 * The connection that handles without one of their own use: the one to the default address, made on first use and
 * shared by the whole program.
 *
 * @param[out] conn  A reference. The caller owns it: ipc_conn_free().
 * @return As ipc_connect().
 */
IPC_EXPORT ipc_err ipc_conn_default(ipc_conn **conn);

/** The address under which others reach the same hub. Borrowed, valid as long as the connection. */
IPC_EXPORT const char *ipc_conn_address(const ipc_conn *conn);

/**
 * Wait until the hub owns everything that this process has put or sent through the connection.
 *
 * @return IPC_OK; IPC_ETIMEOUT; IPC_ELOST; IPC_ECLOSED.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_conn_flush(ipc_conn *conn, int64_t timeout_ms);

/**
 * Delete the named object, with all that it holds. Calls that wait on it return IPC_EDELETED.
 *
 * @return IPC_OK; IPC_ENOENT; IPC_ELOST; IPC_ECLOSED.
 * Thread safety: any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_unlink(ipc_conn *conn, const char *name);

/**
 * List the hub's named objects: a sequence of maps with "name", "type", "size" and "handles".
 *
 * @param[out] list  The caller owns it: ipc_msg_free().
 * @return IPC_OK; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_objects(ipc_conn *conn, ipc_msg **list);

/**
 * Look at the hub: a map of its version, process, time of life, sessions, objects, memory, limits, and what it refused.
 * docs/command.md explains each.
 *
 * @param[out] stat  The caller owns it: ipc_msg_free().
 * @return As ipc_objects(). Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_stat(ipc_conn *conn, ipc_msg **stat);

/**
 * Look at one named object: a map of its type, options, what it holds, who holds it, and who waits.
 *
 * @param[out] info  The caller owns it: ipc_msg_free().
 * @return IPC_ENOENT; as ipc_objects(). Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_info(ipc_conn *conn, const char *name, ipc_msg **info);

/**
 * End the session as that of a program that failed: what was put is delivered, but what was taken and not finished is
 * handed out again, as after a crash. Else as ipc_conn_close().
 *
 * @param conn  NULL: every connection of this process, from now on to the process's end, also those that exit() closes.
 */
IPC_EXPORT void ipc_conn_fail(ipc_conn *conn);

/**
 * End the session cleanly: flush what was put (waiting at most two seconds), tell the hub, wake every waiter of this
 * connection with IPC_ECLOSED. Calling it again does nothing. Handles opened through it return IPC_ECLOSED.
 * A program that ends by return from main or by exit() closes its connections by itself.
 * Thread safety: any thread. Blocking: at most some two seconds.
 */
IPC_EXPORT void ipc_conn_close(ipc_conn *conn);

/**
 * Give up the reference. The session ends with the last one; open handles keep it too. NULL is fine.
 * Thread safety: any thread. Blocking: as ipc_conn_close() where it is the last one.
 */
IPC_EXPORT void ipc_conn_free(ipc_conn *conn);

IPC_END_DECLS

#endif
