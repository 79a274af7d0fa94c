/*
 * Dicts: maps that live in the hub, for programs in any language that meet on a name. Every operation is one step: nobody sees
 * half of it. A namespace is a dict whose keys are names.
 */
#ifndef IPC_DICT_H
#define IPC_DICT_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/method.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

typedef struct ipc_dict_options {
    size_t size;        /**< sizeof(ipc_dict_options): set by the INIT macro. */
    ipc_open_mode mode; /**< Attach, create, or either. */
    bool names;         /**< A namespace: its keys are texts. A name is a dict or a namespace, not both. */
} ipc_dict_options;

#define IPC_DICT_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        sizeof(ipc_dict_options), IPC_OPEN_EITHER, false                                                               \
    }

/**
 * Open a dict.
 *
 * @param[out] dict  The handle. The caller owns it: ipc_dict_free(). It may outlive *conn*.
 * @param conn       The connection to use; NULL for the default one.
 * @param name       NULL: a dict without a name, which lives as long as its handles, and the containers that hold it.
 * @param options    NULL for the defaults.
 * @return IPC_OK; IPC_EEXIST; IPC_ENOENT; IPC_ETYPE; IPC_ENAME; IPC_EOBJECTS; IPC_EINVAL; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_dict_open(ipc_dict **dict, ipc_conn *conn, const char *name, const ipc_dict_options *options);

/*
 * The functions below ask the hub, and are answered: they block for one round trip, may be called from any thread, and return
 * besides what they say: IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_EINTR; IPC_ENOMEM; where a value is stored also
 * IPC_EMEMORY, IPC_ETOOBIG, IPC_EBADMSG, and IPC_ENOENT for a handle in it whose object is gone; where one is read also IPC_EDEPTH
 * and IPC_EELEMENTS, if it is beyond what this program accepts (see ipc_set_value_limits(); what was popped is gone then). Messages
 * are borrowed; a method's messages out are the caller's: ipc_msg_free(), and may be NULL where they are of no interest.
 *
 * A key is a text here. Keys of other kinds (numbers, bytes, booleans, null, moments; 1, 1.0 and true are the same key) go by
 * ipc_dict_invoke().
 */

/** What is stored under a key. @return IPC_OK; IPC_EKEY there is none. */
IPC_EXPORT ipc_err ipc_dict_get(ipc_dict *dict, const char *key, ipc_msg **value);
/** Store a value under a key; one that is there already keeps its place in the order. */
IPC_EXPORT ipc_err ipc_dict_set(ipc_dict *dict, const char *key, const ipc_msg *value);
/** Take a value out, and drop it. @return IPC_OK; IPC_EKEY. */
IPC_EXPORT ipc_err ipc_dict_delete(ipc_dict *dict, const char *key);
/** Whether there is such a key. */
IPC_EXPORT ipc_err ipc_dict_contains(ipc_dict *dict, const char *key, bool *answer);
/** Take a value out. @return IPC_OK; IPC_EKEY. */
IPC_EXPORT ipc_err ipc_dict_pop(ipc_dict *dict, const char *key, ipc_msg **value);
/** Store a value unless there is one; what is there then. */
IPC_EXPORT ipc_err ipc_dict_set_default(ipc_dict *dict, const char *key, const ipc_msg *value, ipc_msg **there);
/**
 * Add to a number; where there is none it begins as 0.
 * @param[out] now  The sum; of a float its whole part. May be NULL.
 * @return IPC_OK; IPC_ERANGE the sum of integers is beyond an int64_t; IPC_EKIND what is there is no number: nothing was added.
 */
IPC_EXPORT ipc_err ipc_dict_increment(ipc_dict *dict, const char *key, int64_t by, int64_t *now);
/**
 * Replace a value, if it is what the caller believes.
 * @param old      What has to be there: equal as numbers are (1 is 1.0); NULL: nothing.
 * @param value    What is to be there; NULL: nothing.
 * @param[out] was Whether it was *old*, and has been replaced.
 */
IPC_EXPORT ipc_err ipc_dict_compare_set(ipc_dict *dict, const char *key, const ipc_msg *old, const ipc_msg *value,
                                        bool *was);
/** How many keys there are. */
IPC_EXPORT ipc_err ipc_dict_length(ipc_dict *dict, uint64_t *length);
/** Its keys, in the order in which they came: a sequence. */
IPC_EXPORT ipc_err ipc_dict_keys(ipc_dict *dict, ipc_msg **keys);
/** All of it, as a map. @return IPC_OK; IPC_ETOOBIG more than the hub sends at once (max_message). */
IPC_EXPORT ipc_err ipc_dict_copy(ipc_dict *dict, ipc_msg **map);
/** Store all pairs of a map, in one step. */
IPC_EXPORT ipc_err ipc_dict_update(ipc_dict *dict, const ipc_msg *map);
/** The values of several keys, a sequence, in one step: a sequence, with null where there is none. */
IPC_EXPORT ipc_err ipc_dict_get_many(ipc_dict *dict, const ipc_msg *keys, ipc_msg **values);
/** Take everything out. */
IPC_EXPORT ipc_err ipc_dict_clear(ipc_dict *dict);

/**
 * Any method, with any arguments.
 *
 * @param arguments    A sequence, as the method has it: ipc_pack(&arguments, "[i,s]", 7, "seven"). NULL: none.
 * @param[out] result  What it gives, null where that is nothing; may be NULL.
 * @return As the functions above; IPC_EINVAL the type has no such method, or it takes other arguments; IPC_EKIND.
 */
IPC_EXPORT ipc_err ipc_dict_invoke(ipc_dict *dict, ipc_method method, const ipc_msg *arguments, ipc_msg **result);
/** The same with packed bytes, which are not checked here: the hub does. */
IPC_EXPORT ipc_err ipc_dict_invoke_packed(ipc_dict *dict, ipc_method method, const void *arguments, size_t length,
                                          ipc_msg **result);

/**
 * A value that stands for the dict, to be stored in a container of the same hub: whoever reads it there attaches with it. The
 * container keeps the dict alive.
 */
IPC_EXPORT ipc_err ipc_dict_refer(ipc_dict *dict, ipc_msg **reference);
/** A ticket: a value by which another program attaches (see ipc_queue_share()). */
IPC_EXPORT ipc_err ipc_dict_share(ipc_dict *dict, ipc_msg **ticket);
/**
 * Attach to what a ticket is for, on a connection or, with NULL, on the program's own to that hub; or to what a reference
 * stands for, which needs the connection that it was read through.
 * @return IPC_OK; IPC_ENOENT its object is gone; IPC_ETYPE; IPC_EBADMSG it is neither; as ipc_dict_open().
 */
IPC_EXPORT ipc_err ipc_dict_attach(ipc_dict **dict, ipc_conn *conn, const ipc_msg *ticket);

/** Its name, or NULL. Borrowed from the handle. */
IPC_EXPORT const char *ipc_dict_name(const ipc_dict *dict);
/** The connection that it goes by: what is read through it is attached to on that. Borrowed from the handle. */
IPC_EXPORT ipc_conn *ipc_dict_conn(const ipc_dict *dict);
/** Whether it is a namespace. */
IPC_EXPORT bool ipc_dict_names(const ipc_dict *dict);

/** Close the handle: calls that wait return IPC_ECLOSED. Idempotent; any thread. */
IPC_EXPORT void ipc_dict_close(ipc_dict *dict);
/** Close it, and free it when no call is inside. NULL is fine. */
IPC_EXPORT void ipc_dict_free(ipc_dict *dict);

IPC_END_DECLS

#endif
