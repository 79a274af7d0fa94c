/*
 * Hubs: normally a program of its own that is started when needed; here, a hub inside this program.
 */
#ifndef IPC_HUB_H
#define IPC_HUB_H

#include <ipc/error.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

/** When a hub ends by itself. */
typedef enum ipc_hub_life {
    IPC_HUB_UNTIL_STOPPED = 0, /**< When it is told to. */
    IPC_HUB_WHILE_NEEDED = 1,  /**< No session for grace_ms, and no named object that holds anything unread. */
    IPC_HUB_PRIVATE = 2,       /**< When its last session is gone. */
} ipc_hub_life;

typedef struct ipc_hub_options {
    size_t size;                /**< sizeof(ipc_hub_options): set by the INIT macro. */
    ipc_hub_life life;          /**< When it ends by itself. */
    int64_t grace_ms;           /**< How long it stays without a session. */
    int64_t session_timeout_ms; /**< A remote (TCP) session that is silent for so long is gone. */
    uint32_t max_sessions;      /**< Sessions at once: past it IPC_ESESSIONS. */
    uint32_t max_objects;       /**< Objects at once: past it IPC_EOBJECTS. */
    uint64_t max_memory;        /**< Bytes of values held: past it, puts are refused with IPC_EMEMORY. */
    uint32_t max_message;       /**< Bytes of one value. */
    uint32_t max_name;          /**< Bytes of an object's name: 1 to 255. */
    uint32_t max_waiting;       /**< Calls of one session that wait at once, and tickets that it keeps. */
} ipc_hub_options;

#define IPC_HUB_OPTIONS_INIT                                                                                           \
    {                                                                                                                  \
        sizeof(ipc_hub_options), IPC_HUB_UNTIL_STOPPED, 10000, 10000, 500, 100000, UINT64_C(4) << 30,                  \
            UINT32_C(256) << 20, 255, 10000                                                                            \
    }

/**
 * Start a hub on a thread of this program.
 *
 * @param[out] hub  The hub. The caller owns it: ipc_hub_free().
 * @param address   A bare name, "ipc:///path", "tcp://127.0.0.1:port" ("tcp://127.0.0.1:*" for any free port) or
 *                  "inproc://name". ipc_hub_address() tells what it became.
 * @param options   NULL for the defaults.
 * @return IPC_OK; IPC_EADDRINUSE; IPC_EADDRESS; IPC_EPERM; IPC_ENOMEM; IPC_ESYS.
 * Thread safety: any thread. A forked child has no hub: its handle there can only be freed.
 */
IPC_EXPORT ipc_err ipc_hub_start(ipc_hub **hub, const char *address, const ipc_hub_options *options);

/** The address under which the hub is reached. Borrowed, valid as long as the hub. */
IPC_EXPORT const char *ipc_hub_address(const ipc_hub *hub);

/** End the hub and wait for its thread. Every session of it is lost. Calling it again does nothing. */
IPC_EXPORT void ipc_hub_stop(ipc_hub *hub);

/** Stop, and free. NULL is fine. */
IPC_EXPORT void ipc_hub_free(ipc_hub *hub);

/**
 * Called by ipc_hub_run() once the hub can be reached.
 * @param address  Under which it is reached; valid during the call.
 */
typedef void (*ipc_hub_ready_fn)(const char *address, void *arg);

/**
 * Run a hub on the calling thread until its life ends or *stop_fd* becomes readable: what the hub program is made of.
 *
 * @param stop_fd  A descriptor whose readability ends the hub (a signalfd, say); -1 for none. Borrowed.
 * @param ready    NULL, or called once when the hub can be reached.
 * @return IPC_OK it ended as asked; as ipc_hub_start().
 */
IPC_EXPORT ipc_err ipc_hub_run(const char *address, const ipc_hub_options *options, int stop_fd, ipc_hub_ready_fn ready,
                               void *arg);

IPC_END_DECLS

#endif
