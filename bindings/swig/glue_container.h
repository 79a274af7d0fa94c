/*
 * glue.h for dicts and namespaces, lists, arrays and values.
 * Touches only the public headers. Included by glue.h.
 * Locks nothing.
 */
#ifndef IPC__GLUE_CONTAINER_H
#define IPC__GLUE_CONTAINER_H

#include <ipc/ipc.h>
#include <string.h>

#define delete_ipc_dict ipc_dict_free
#define delete_ipc_list ipc_list_free
#define delete_ipc_array ipc_array_free

/* Methods of containers come and go packed. */
#define ipc_dict_invoke ipc_dict_invoke_packed
#define ipc_list_invoke ipc_list_invoke_packed
#define ipc_array_invoke ipc_array_invoke_packed

static inline ipc_dict *new_ipc_dict(ipc_conn *conn, const char *name, int mode, bool names, ipc_err *failed)
{
    ipc_dict_options options = IPC_DICT_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.names = names;
    ipc_dict *dict = NULL;
    *failed = ipc_dict_open(&dict, conn, name, &options);
    return dict;
}

static inline ipc_dict *ipc_dict_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_dict *dict = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_dict_attach(&dict, conn, msg);
    }
    ipc_msg_free(msg);
    return dict;
}

static inline ipc_list *new_ipc_list(ipc_conn *conn, const char *name, int mode, ipc_err *failed)
{
    ipc_list_options options = IPC_LIST_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    ipc_list *list = NULL;
    *failed = ipc_list_open(&list, conn, name, &options);
    return list;
}

static inline ipc_list *ipc_list_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_list *list = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_list_attach(&list, conn, msg);
    }
    ipc_msg_free(msg);
    return list;
}

/* A packed null is no values. */
static inline ipc_err ipc__glue_values(ipc_msg **values, const void *bytes, size_t length)
{
    static const unsigned char null = 0xc0;
    *values = NULL;
    return length == 1 && memcmp(bytes, &null, 1) == 0 ? IPC_OK : ipc_msg_from_bytes(values, bytes, length);
}

static inline ipc_array *new_ipc_array(ipc_conn *conn, const char *name, int mode, const char *typecode, bool scalar,
                                       uint64_t numbers, const void *bytes, size_t length, ipc_err *failed)
{
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    options.mode = (ipc_open_mode)mode;
    options.typecode = typecode ? *typecode : '\0';
    options.scalar = scalar;
    options.length = numbers;
    ipc_array *array = NULL;
    ipc_msg *values;
    *failed = ipc__glue_values(&values, bytes, length);
    if (*failed == IPC_OK) {
        options.values = values;
        *failed = ipc_array_open(&array, conn, name, &options);
    }
    ipc_msg_free(values);
    return array;
}

static inline ipc_array *ipc_array_from_ticket(ipc_conn *conn, const void *ticket, size_t size, ipc_err *failed)
{
    ipc_array *array = NULL;
    ipc_msg *msg = NULL;
    *failed = ipc_msg_from_bytes(&msg, ticket, size);
    if (*failed == IPC_OK) {
        *failed = ipc_array_attach(&array, conn, msg);
    }
    ipc_msg_free(msg);
    return array;
}

#endif
