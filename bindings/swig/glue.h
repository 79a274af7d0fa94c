/*
 * Constructors, destructors and methods in the shape that SWIG's bodyless %extend calls, over the public C functions.
 * Touches only the public headers. Included once, in the generated wrapper.
 * Locks nothing.
 */
#ifndef IPC__GLUE_H
#define IPC__GLUE_H

#include "glue_container.h"
#include "glue_sync.h"

#include <ipc/ipc.h>

#define delete_ipc_msg ipc_msg_free
#define delete_ipc_conn ipc_conn_free
#define delete_ipc_queue ipc_queue_free
#define delete_ipc_pipe ipc_pipe_free
#define delete_ipc_hub ipc_hub_free
#define ipc_conn_unlink ipc_unlink
#define ipc_conn_list ipc_objects
#define ipc_conn_stat ipc_stat
#define ipc_conn_info ipc_info
#define ipc_queue_take ipc_queue_get

static inline ipc_conn *new_ipc_conn(const char *address, const char *program, int lane, int64_t timeout_ms,
                                     ipc_err *failed)
{
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.language = IPC_BINDING_LANGUAGE;
    options.program = program;
    options.connect_timeout_ms = timeout_ms;
    options.lane = (ipc_lane)lane;
    ipc_conn *conn = NULL;
    *failed = ipc_connect(&conn, address, &options);
    return conn;
}

static inline ipc_queue *new_ipc_queue(ipc_conn *conn, const char *name, int mode, bool joinable, uint64_t maxsize,
                                       int redeliver, uint32_t max_deliveries, const char *dead_letter, ipc_err *failed)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.joinable = joinable;
    options.maxsize = maxsize;
    options.redeliver = (ipc_redeliver)redeliver;
    options.max_deliveries = max_deliveries;
    options.dead_letter = dead_letter;
    ipc_queue *queue = NULL;
    *failed = ipc_queue_open(&queue, conn, name, &options);
    return queue;
}

static inline ipc_pipe *new_ipc_pipe(ipc_conn *conn, const char *name, int mode, int end, bool simplex, ipc_err *failed)
{
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.end = (ipc_pipe_end)end;
    options.simplex = simplex;
    ipc_pipe *pipe = NULL;
    *failed = ipc_pipe_open(&pipe, conn, name, &options);
    return pipe;
}

/* A limit of 0 is the library's own. */
static inline ipc_hub *new_ipc_hub(const char *address, uint32_t max_sessions, uint32_t max_objects,
                                   uint64_t max_memory, uint32_t max_message, uint32_t max_name, uint32_t max_waiting,
                                   ipc_err *failed)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_sessions = max_sessions ? max_sessions : options.max_sessions;
    options.max_objects = max_objects ? max_objects : options.max_objects;
    options.max_memory = max_memory ? max_memory : options.max_memory;
    options.max_message = max_message ? max_message : options.max_message;
    options.max_name = max_name ? max_name : options.max_name;
    options.max_waiting = max_waiting ? max_waiting : options.max_waiting;
    ipc_hub *hub = NULL;
    *failed = ipc_hub_start(&hub, address, &options);
    return hub;
}

static inline ipc_err ipc_queue_shut_down(ipc_queue *queue, bool immediate)
{
    return ipc_queue_shutdown(queue, immediate ? IPC_SHUTDOWN_IMMEDIATE : IPC_SHUTDOWN_DRAIN);
}

static inline ipc_queue *ipc_queue_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_queue *queue = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_queue_attach(&queue, conn, msg);
    }
    ipc_msg_free(msg);
    return queue;
}

static inline ipc_pipe *ipc_pipe_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_pipe *pipe = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_pipe_attach(&pipe, conn, msg);
    }
    ipc_msg_free(msg);
    return pipe;
}

static inline ipc_err ipc_pipe_both(ipc_pipe **a, ipc_pipe **b, ipc_conn *conn, bool simplex)
{
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.simplex = simplex;
    return ipc_pipe_pair(a, b, conn, &options);
}

static inline void ipc_fail_all(void)
{
    ipc_conn_fail(NULL);
}

static inline uint32_t ipc_value_max_depth(void)
{
    return ipc_get_value_limits().max_depth;
}

static inline uint32_t ipc_value_max_elements(void)
{
    return ipc_get_value_limits().max_elements;
}

static inline ipc_err ipc_limit_values(uint32_t max_depth, uint32_t max_elements)
{
    ipc_value_limits limits = IPC_VALUE_LIMITS_INIT;
    limits.max_depth = max_depth;
    limits.max_elements = max_elements;
    return ipc_set_value_limits(&limits);
}

#endif
