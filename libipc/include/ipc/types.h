/*
 * Names that every other header needs: opaque types, export marks, timeouts.
 */
#ifndef IPC_TYPES_H
#define IPC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define IPC_BEGIN_DECLS extern "C" {
#define IPC_END_DECLS }
#else
#define IPC_BEGIN_DECLS
#define IPC_END_DECLS
#endif

#if defined(SWIG)
#define IPC_EXPORT
#define IPC_PRINTF(format_at, args_at)
#else
#define IPC_EXPORT __attribute__((visibility("default")))
#define IPC_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#endif

/** The library's version, as this header has it. ipc_version() tells that of the library that runs. */
#define IPC_VERSION "0.1.0"

/** A timeout that never passes. Timeouts are milliseconds on the monotonic clock; 0 means: do not wait. */
#define IPC_FOREVER ((int64_t)-1)

IPC_BEGIN_DECLS

/** A session with a hub. */
typedef struct ipc_conn ipc_conn;
/** A hub that runs inside this program. */
typedef struct ipc_hub ipc_hub;
/** A handle on a queue. */
typedef struct ipc_queue ipc_queue;
/** A handle on one end of a pipe. */
typedef struct ipc_pipe ipc_pipe;
/** A handle on a lock. */
typedef struct ipc_lock ipc_lock;
/** A handle on a semaphore. */
typedef struct ipc_semaphore ipc_semaphore;
/** A handle on an event. */
typedef struct ipc_event ipc_event;
/** A handle on a condition. */
typedef struct ipc_condition ipc_condition;
/** A handle on a barrier. */
typedef struct ipc_barrier ipc_barrier;
/** A handle on a dict or a namespace. */
typedef struct ipc_dict ipc_dict;
/** A handle on a list. */
typedef struct ipc_list ipc_list;
/** A handle on an array or a value. */
typedef struct ipc_array ipc_array;
/** One value, as packed bytes (msgpack). */
typedef struct ipc_msg ipc_msg;

/** How an object is opened. */
typedef enum ipc_open_mode {
    IPC_OPEN_EITHER = 0, /**< Attach to the object of that name, or create it if there is none. */
    IPC_OPEN_CREATE = 1, /**< Create it; IPC_EEXIST if there is one already. */
    IPC_OPEN_ATTACH = 2, /**< Attach to it; IPC_ENOENT if there is none. */
    IPC_OPEN_AS_IS = 3,  /**< The same, and take it as it is: options that say otherwise are not looked at. */
} ipc_open_mode;

/** @return The version of the library that runs, "major.minor.patch". */
IPC_EXPORT const char *ipc_version(void);

IPC_END_DECLS

#endif
