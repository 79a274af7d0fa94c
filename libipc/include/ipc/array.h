/*
 * Arrays: numbers of one type that live in the hub, for programs in any language that meet on a name. A value is an array of
 * one. Every operation is one step; a lock goes with each array for steps that belong together.
 */
#ifndef IPC_ARRAY_H
#define IPC_ARRAY_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/list.h>
#include <ipc/lock.h>
#include <ipc/method.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

typedef struct ipc_array_options {
    size_t size;        /**< sizeof(ipc_array_options): set by the INIT macro. */
    ipc_open_mode mode; /**< Attach, create, or either; as it is. */
    char
        typecode; /**< b B int8, h H int16, i I int32, l L q Q int64 (capitals: unsigned), f float, d double. 0: as it is. */
    bool scalar;           /**< A value: one number. A name is a value or an array, not both. */
    uint64_t length;       /**< Of an array: how many numbers; 0: as it is, or as many as *values* has. */
    const ipc_msg *values; /**< What it begins with where it is made here: a sequence; NULL: zeros. Borrowed. */
} ipc_array_options;

#define IPC_ARRAY_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        sizeof(ipc_array_options), IPC_OPEN_EITHER, 0, false, 0, NULL                                                  \
    }

/**
 * Open an array, or a value. What makes it has to say its typecode and, of an array, its length.
 *
 * @return IPC_EOPTIONS it exists with another typecode or length; IPC_ERANGE, IPC_EKIND one of *values* does not fit the
 *         typecode; IPC_ETOOBIG *values* are more than 1 MiB, or than the hub takes: set a slice afterwards; IPC_EMEMORY;
 *         as ipc_dict_open().
 */
IPC_EXPORT ipc_err ipc_array_open(ipc_array **array, ipc_conn *conn, const char *name,
                                  const ipc_array_options *options);

/*
 * The functions below ask the hub, and are answered: they block for one round trip, may be called from any thread, and return
 * besides what they say: IPC_EINDEX; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_EINTR; IPC_ENOMEM. The index of a value is 0; a negative
 * one counts from the end.
 */

/** A number as an integer. @return IPC_OK; IPC_ERANGE it is none, or beyond an int64_t. */
IPC_EXPORT ipc_err ipc_array_get_int(ipc_array *array, int64_t index, int64_t *number);
/** A number as a double, rounded where that has to be. */
IPC_EXPORT ipc_err ipc_array_get_float(ipc_array *array, int64_t index, double *number);
/** @return IPC_OK; IPC_ERANGE it does not fit the typecode. */
IPC_EXPORT ipc_err ipc_array_set_int(ipc_array *array, int64_t index, int64_t number);
/** @return IPC_OK; IPC_EKIND the typecode is an integer's. */
IPC_EXPORT ipc_err ipc_array_set_float(ipc_array *array, int64_t index, double number);
/** Add to an integer. @param[out] now  The sum; may be NULL. @return IPC_OK; IPC_ERANGE; IPC_EKIND it is a float. */
IPC_EXPORT ipc_err ipc_array_increment(ipc_array *array, int64_t index, int64_t by, int64_t *now);
/** A slice, as in Python: a sequence. As ipc_list_slice(). */
IPC_EXPORT ipc_err ipc_array_slice(ipc_array *array, int64_t start, int64_t stop, int64_t step, ipc_msg **values);
/** Replace a slice by as many numbers. @return IPC_OK; IPC_EINVAL other than that; IPC_ERANGE; IPC_EKIND. */
IPC_EXPORT ipc_err ipc_array_set_slice(ipc_array *array, int64_t start, int64_t stop, int64_t step,
                                       const ipc_msg *values);

/**
 * Acquire the array's lock, which its owner may acquire again. It keeps nobody from the numbers who does not ask for it. As
 * ipc_lock_acquire(). Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_array_acquire(ipc_array *array, int64_t timeout_ms, ipc_grant *grant);
/** Release it. As ipc_lock_release() of a recursive lock. */
IPC_EXPORT ipc_err ipc_array_release(ipc_array *array);
/** Whether anybody has the lock, and whether this thread does. As ipc_lock_peek(). */
IPC_EXPORT ipc_err ipc_array_peek(ipc_array *array, bool *locked, bool *mine);

/** Any method, with any arguments. As ipc_dict_invoke(). */
IPC_EXPORT ipc_err ipc_array_invoke(ipc_array *array, ipc_method method, const ipc_msg *arguments, ipc_msg **result);
/** The same with packed bytes. As ipc_dict_invoke_packed(). */
IPC_EXPORT ipc_err ipc_array_invoke_packed(ipc_array *array, ipc_method method, const void *arguments, size_t length,
                                           ipc_msg **result);

/** A value that stands for the array. As ipc_dict_refer(). */
IPC_EXPORT ipc_err ipc_array_refer(ipc_array *array, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_array_share(ipc_array *array, ipc_msg **ticket);
/** Attach to what a ticket is for, or what a reference stands for. As ipc_dict_attach(). */
IPC_EXPORT ipc_err ipc_array_attach(ipc_array **array, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_array_name(const ipc_array *array);
/** The connection that it goes by: what is read through it is attached to on that. Borrowed from the handle. */
IPC_EXPORT ipc_conn *ipc_array_conn(const ipc_array *array);
/** Its typecode. */
IPC_EXPORT char ipc_array_typecode(const ipc_array *array);
/** How many numbers it has: that never changes. */
IPC_EXPORT uint64_t ipc_array_length(const ipc_array *array);
/** Whether it is a value. */
IPC_EXPORT bool ipc_array_scalar(const ipc_array *array);

/** Close the handle: calls that wait return IPC_ECLOSED. It does not release the lock. Idempotent; any thread. */
IPC_EXPORT void ipc_array_close(ipc_array *array);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_array_free(ipc_array *array);

IPC_END_DECLS

#endif
