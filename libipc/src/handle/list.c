/*
 * List handles.
 * Touches the handle under its connection's lock.
 */
#include "handle/invoke.h"
#include "util/error.h"

#include <ipc/list.h>
#include <stdlib.h>

struct ipc_list {
    ipc__handle base;
};

ipc_err ipc_list_open(ipc_list **list, ipc_conn *conn, const char *name, const ipc_list_options *given)
{
    if (!list) {
        return ipc__fail(IPC_EINVAL, "no place for the list");
    }
    *list = NULL;
    ipc_list_options options = IPC_LIST_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(&options, sizeof options, given, "ipc_list_options") : IPC_OK;
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = "list", .size = sizeof **list, .mode = options.mode};
    return ipc__object_open((void **)list, conn, name, opening);
}

ipc_err ipc_list_attach(ipc_list **list, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!list) {
        return ipc__fail(IPC_EINVAL, "no place for the list");
    }
    return ipc__object_attach((void **)list, conn, ticket, (ipc__opening){.type = "list", .size = sizeof **list});
}

/* ---- methods ---- */

ipc_err ipc_list_get(ipc_list *list, int64_t index, ipc_msg **value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_int(&arguments, index);
    return ipc__invoke_with(&list->base, IPC_METHOD_GET, &arguments, value);
}

ipc_err ipc_list_set(ipc_list *list, int64_t index, const ipc_msg *value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_int(&arguments, index);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_with(&list->base, IPC_METHOD_SET, &arguments, NULL);
}

ipc_err ipc_list_delete(ipc_list *list, int64_t index)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_int(&arguments, index);
    return ipc__invoke_with(&list->base, IPC_METHOD_DELETE, &arguments, NULL);
}

ipc_err ipc_list_pop(ipc_list *list, int64_t index, ipc_msg **value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_int(&arguments, index);
    return ipc__invoke_with(&list->base, IPC_METHOD_POP, &arguments, value);
}

ipc_err ipc_list_append(ipc_list *list, const ipc_msg *value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_with(&list->base, IPC_METHOD_APPEND, &arguments, NULL);
}

ipc_err ipc_list_extend(ipc_list *list, const ipc_msg *values)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_msg(&arguments, values);
    return ipc__invoke_with(&list->base, IPC_METHOD_EXTEND, &arguments, NULL);
}

ipc_err ipc_list_insert(ipc_list *list, int64_t index, const ipc_msg *value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_int(&arguments, index);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_with(&list->base, IPC_METHOD_INSERT, &arguments, NULL);
}

ipc_err ipc_list_remove(ipc_list *list, const ipc_msg *value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_with(&list->base, IPC_METHOD_REMOVE, &arguments, NULL);
}

ipc_err ipc_list_index(ipc_list *list, const ipc_msg *value, uint64_t *index)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_for_uint(&list->base, IPC_METHOD_INDEX, &arguments, index);
}

ipc_err ipc_list_count(ipc_list *list, const ipc_msg *value, uint64_t *count)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_for_uint(&list->base, IPC_METHOD_COUNT, &arguments, count);
}

ipc_err ipc_list_length(ipc_list *list, uint64_t *length)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 0);
    return ipc__invoke_for_uint(&list->base, IPC_METHOD_LENGTH, &arguments, length);
}

ipc_err ipc_list_slice(ipc_list *list, int64_t start, int64_t stop, int64_t step, ipc_msg **values)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 3);
    ipc__arguments_bound(&arguments, start);
    ipc__arguments_bound(&arguments, stop);
    ipc__arguments_int(&arguments, step);
    return ipc__invoke_with(&list->base, IPC_METHOD_GET_SLICE, &arguments, values);
}

ipc_err ipc_list_set_slice(ipc_list *list, int64_t start, int64_t stop, int64_t step, const ipc_msg *values)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 4);
    ipc__arguments_bound(&arguments, start);
    ipc__arguments_bound(&arguments, stop);
    ipc__arguments_int(&arguments, step);
    ipc__arguments_msg(&arguments, values);
    return ipc__invoke_with(&list->base, IPC_METHOD_SET_SLICE, &arguments, NULL);
}

ipc_err ipc_list_delete_slice(ipc_list *list, int64_t start, int64_t stop, int64_t step)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 3);
    ipc__arguments_bound(&arguments, start);
    ipc__arguments_bound(&arguments, stop);
    ipc__arguments_int(&arguments, step);
    return ipc__invoke_with(&list->base, IPC_METHOD_DELETE_SLICE, &arguments, NULL);
}

ipc_err ipc_list_reverse(ipc_list *list)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 0);
    return ipc__invoke_with(&list->base, IPC_METHOD_REVERSE, &arguments, NULL);
}

ipc_err ipc_list_sort(ipc_list *list, bool descending)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_bool(&arguments, descending);
    return ipc__invoke_with(&list->base, IPC_METHOD_SORT, &arguments, NULL);
}

ipc_err ipc_list_clear(ipc_list *list)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 0);
    return ipc__invoke_with(&list->base, IPC_METHOD_CLEAR, &arguments, NULL);
}

/* ---- as any handle ---- */

ipc_err ipc_list_refer(ipc_list *list, ipc_msg **reference)
{
    return ipc__handle_refer(&list->base, reference);
}

ipc_err ipc_list_share(ipc_list *list, ipc_msg **ticket)
{
    return ipc__handle_share(&list->base, ticket);
}

ipc_err ipc_list_invoke(ipc_list *list, ipc_method method, const ipc_msg *arguments, ipc_msg **result)
{
    return ipc__invoke_msg(&list->base, method, arguments, result);
}

ipc_err ipc_list_invoke_packed(ipc_list *list, ipc_method method, const void *arguments, size_t length,
                               ipc_msg **result)
{
    return ipc__invoke_packed(&list->base, method, arguments, length, result);
}

const char *ipc_list_name(const ipc_list *list)
{
    return list->base.name;
}

ipc_conn *ipc_list_conn(const ipc_list *list)
{
    return list->base.conn;
}

void ipc_list_close(ipc_list *list)
{
    if (list) {
        ipc__handle_close(&list->base);
    }
}

void ipc_list_free(ipc_list *list)
{
    if (list) {
        ipc__handle_fini(&list->base);
        free(list);
    }
}
