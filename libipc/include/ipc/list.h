/*
 * Lists: sequences that live in the hub, for programs in any language that meet on a name. Every operation is one step: nobody
 * sees half of it. An index counts from 0, and a negative one from the end, as in Python.
 */
#ifndef IPC_LIST_H
#define IPC_LIST_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/method.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

typedef struct ipc_list_options {
    size_t size;        /**< sizeof(ipc_list_options): set by the INIT macro. */
    ipc_open_mode mode; /**< Attach, create, or either. */
} ipc_list_options;

#define IPC_LIST_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        sizeof(ipc_list_options), IPC_OPEN_EITHER                                                                      \
    }

/** Where a slice has no start or stop of its own. */
#define IPC_OMITTED INT64_MIN

/** Open a list. As ipc_dict_open(). */
IPC_EXPORT ipc_err ipc_list_open(ipc_list **list, ipc_conn *conn, const char *name, const ipc_list_options *options);

/*
 * The functions below ask the hub, and are answered: they block for one round trip, may be called from any thread, and return
 * besides what they say: IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_EINTR; IPC_ENOMEM; where a value is stored also
 * IPC_EMEMORY, IPC_ETOOBIG, IPC_EBADMSG, and IPC_ENOENT for a handle in it whose object is gone; where one is read also IPC_EDEPTH
 * and IPC_EELEMENTS, if it is beyond what this program accepts (see ipc_set_value_limits(); what was popped is gone then). Messages
 * are borrowed; a method's messages out are the caller's: ipc_msg_free(), and may be NULL where they are of no interest. What is not here
 * goes by ipc_list_invoke().
 */

/** The value at an index. @return IPC_OK; IPC_EINDEX. */
IPC_EXPORT ipc_err ipc_list_get(ipc_list *list, int64_t index, ipc_msg **value);
/** Replace the value at an index. @return IPC_OK; IPC_EINDEX. */
IPC_EXPORT ipc_err ipc_list_set(ipc_list *list, int64_t index, const ipc_msg *value);
/** Take a value out, and drop it. @return IPC_OK; IPC_EINDEX. */
IPC_EXPORT ipc_err ipc_list_delete(ipc_list *list, int64_t index);
/** Take a value out; -1 is the last. @return IPC_OK; IPC_EINDEX. */
IPC_EXPORT ipc_err ipc_list_pop(ipc_list *list, int64_t index, ipc_msg **value);
/** Add a value at the end. */
IPC_EXPORT ipc_err ipc_list_append(ipc_list *list, const ipc_msg *value);
/** Add all values of a sequence at the end. */
IPC_EXPORT ipc_err ipc_list_extend(ipc_list *list, const ipc_msg *values);
/** Add a value before an index; beyond an end it is at that end. */
IPC_EXPORT ipc_err ipc_list_insert(ipc_list *list, int64_t index, const ipc_msg *value);
/** Drop the first value that equals this one: 1 equals 1.0. @return IPC_OK; IPC_EABSENT. */
IPC_EXPORT ipc_err ipc_list_remove(ipc_list *list, const ipc_msg *value);
/** Where the first value is that equals this one. @return IPC_OK; IPC_EABSENT. */
IPC_EXPORT ipc_err ipc_list_index(ipc_list *list, const ipc_msg *value, uint64_t *index);
/** How many values equal this one. */
IPC_EXPORT ipc_err ipc_list_count(ipc_list *list, const ipc_msg *value, uint64_t *count);
/** How many values there are. */
IPC_EXPORT ipc_err ipc_list_length(ipc_list *list, uint64_t *length);
/**
 * A slice, as in Python: a sequence.
 * @param start, stop  IPC_OMITTED: from the beginning, to the end.
 * @param step         Not 0. Negative: backwards.
 * @return IPC_OK; IPC_EINVAL; IPC_ETOOBIG more than the hub sends at once (max_message).
 */
IPC_EXPORT ipc_err ipc_list_slice(ipc_list *list, int64_t start, int64_t stop, int64_t step, ipc_msg **values);
/** Replace a slice by the values of a sequence; with a step other than 1 as many as there were. @return IPC_OK; IPC_EINVAL. */
IPC_EXPORT ipc_err ipc_list_set_slice(ipc_list *list, int64_t start, int64_t stop, int64_t step, const ipc_msg *values);
/** Drop a slice. @return IPC_OK; IPC_EINVAL. */
IPC_EXPORT ipc_err ipc_list_delete_slice(ipc_list *list, int64_t start, int64_t stop, int64_t step);
/** Turn the order round. */
IPC_EXPORT ipc_err ipc_list_reverse(ipc_list *list);
/** Put the values in order, those that are equal stay as they are; NaN counts as the largest number. @return IPC_OK; IPC_EKIND some cannot be compared. */
IPC_EXPORT ipc_err ipc_list_sort(ipc_list *list, bool descending);
/** Take everything out. */
IPC_EXPORT ipc_err ipc_list_clear(ipc_list *list);

/** Any method, with any arguments. As ipc_dict_invoke(). */
IPC_EXPORT ipc_err ipc_list_invoke(ipc_list *list, ipc_method method, const ipc_msg *arguments, ipc_msg **result);
/** The same with packed bytes. As ipc_dict_invoke_packed(). */
IPC_EXPORT ipc_err ipc_list_invoke_packed(ipc_list *list, ipc_method method, const void *arguments, size_t length,
                                          ipc_msg **result);

/** A value that stands for the list. As ipc_dict_refer(). */
IPC_EXPORT ipc_err ipc_list_refer(ipc_list *list, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_list_share(ipc_list *list, ipc_msg **ticket);
/** Attach to what a ticket is for, or what a reference stands for. As ipc_dict_attach(). */
IPC_EXPORT ipc_err ipc_list_attach(ipc_list **list, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_list_name(const ipc_list *list);
/** The connection that it goes by: what is read through it is attached to on that. Borrowed from the handle. */
IPC_EXPORT ipc_conn *ipc_list_conn(const ipc_list *list);

/** Close the handle: calls that wait return IPC_ECLOSED. Idempotent; any thread. */
IPC_EXPORT void ipc_list_close(ipc_list *list);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_list_free(ipc_list *list);

IPC_END_DECLS

#endif
