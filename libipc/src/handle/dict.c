/*
 * Dict handles, and namespaces'.
 * Touches the handle under its connection's lock.
 */
#include "handle/invoke.h"
#include "util/error.h"

#include <ipc/dict.h>
#include <stdlib.h>

struct ipc_dict {
    ipc__handle base;
};

ipc_err ipc_dict_open(ipc_dict **dict, ipc_conn *conn, const char *name, const ipc_dict_options *given)
{
    if (!dict) {
        return ipc__fail(IPC_EINVAL, "no place for the dict");
    }
    *dict = NULL;
    ipc_dict_options options = IPC_DICT_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(&options, sizeof options, given, "ipc_dict_options") : IPC_OK;
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = options.names ? "namespace" : "dict", .size = sizeof **dict, .mode = options.mode};
    return ipc__object_open((void **)dict, conn, name, opening);
}

ipc_err ipc_dict_attach(ipc_dict **dict, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!dict) {
        return ipc__fail(IPC_EINVAL, "no place for the dict");
    }
    return ipc__attach_either((void **)dict, conn, ticket, sizeof **dict, "dict", "namespace");
}

/* ---- methods ---- */

ipc_err ipc_dict_get(ipc_dict *dict, const char *key, ipc_msg **value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_text(&arguments, key);
    return ipc__invoke_with(&dict->base, IPC_METHOD_GET, &arguments, value);
}

ipc_err ipc_dict_set(ipc_dict *dict, const char *key, const ipc_msg *value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_text(&arguments, key);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_with(&dict->base, IPC_METHOD_SET, &arguments, NULL);
}

ipc_err ipc_dict_delete(ipc_dict *dict, const char *key)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_text(&arguments, key);
    return ipc__invoke_with(&dict->base, IPC_METHOD_DELETE, &arguments, NULL);
}

ipc_err ipc_dict_contains(ipc_dict *dict, const char *key, bool *answer)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_text(&arguments, key);
    return ipc__invoke_for_bool(&dict->base, IPC_METHOD_CONTAINS, &arguments, answer);
}

ipc_err ipc_dict_pop(ipc_dict *dict, const char *key, ipc_msg **value)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_text(&arguments, key);
    return ipc__invoke_with(&dict->base, IPC_METHOD_POP, &arguments, value);
}

ipc_err ipc_dict_set_default(ipc_dict *dict, const char *key, const ipc_msg *value, ipc_msg **there)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_text(&arguments, key);
    ipc__arguments_msg(&arguments, value);
    return ipc__invoke_with(&dict->base, IPC_METHOD_SET_DEFAULT, &arguments, there);
}

ipc_err ipc_dict_increment(ipc_dict *dict, const char *key, int64_t by, int64_t *now)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_text(&arguments, key);
    ipc__arguments_int(&arguments, by);
    return ipc__invoke_for_sum(&dict->base, IPC_METHOD_INCREMENT, &arguments, now);
}

ipc_err ipc_dict_compare_set(ipc_dict *dict, const char *key, const ipc_msg *old, const ipc_msg *value, bool *was)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 3);
    ipc__arguments_text(&arguments, key);
    ipc__arguments_maybe(&arguments, old);
    ipc__arguments_maybe(&arguments, value);
    return ipc__invoke_for_bool(&dict->base, IPC_METHOD_COMPARE_SET, &arguments, was);
}

ipc_err ipc_dict_length(ipc_dict *dict, uint64_t *length)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 0);
    return ipc__invoke_for_uint(&dict->base, IPC_METHOD_LENGTH, &arguments, length);
}

ipc_err ipc_dict_keys(ipc_dict *dict, ipc_msg **keys)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 0);
    return ipc__invoke_with(&dict->base, IPC_METHOD_KEYS, &arguments, keys);
}

ipc_err ipc_dict_copy(ipc_dict *dict, ipc_msg **map)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 0);
    return ipc__invoke_with(&dict->base, IPC_METHOD_COPY, &arguments, map);
}

ipc_err ipc_dict_update(ipc_dict *dict, const ipc_msg *map)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_msg(&arguments, map);
    return ipc__invoke_with(&dict->base, IPC_METHOD_UPDATE, &arguments, NULL);
}

ipc_err ipc_dict_get_many(ipc_dict *dict, const ipc_msg *keys, ipc_msg **values)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_msg(&arguments, keys);
    return ipc__invoke_with(&dict->base, IPC_METHOD_GET_MANY, &arguments, values);
}

ipc_err ipc_dict_clear(ipc_dict *dict)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 0);
    return ipc__invoke_with(&dict->base, IPC_METHOD_CLEAR, &arguments, NULL);
}

/* ---- as any handle ---- */

ipc_err ipc_dict_refer(ipc_dict *dict, ipc_msg **reference)
{
    return ipc__handle_refer(&dict->base, reference);
}

ipc_err ipc_dict_share(ipc_dict *dict, ipc_msg **ticket)
{
    return ipc__handle_share(&dict->base, ticket);
}

ipc_err ipc_dict_invoke(ipc_dict *dict, ipc_method method, const ipc_msg *arguments, ipc_msg **result)
{
    return ipc__invoke_msg(&dict->base, method, arguments, result);
}

ipc_err ipc_dict_invoke_packed(ipc_dict *dict, ipc_method method, const void *arguments, size_t length,
                               ipc_msg **result)
{
    return ipc__invoke_packed(&dict->base, method, arguments, length, result);
}

const char *ipc_dict_name(const ipc_dict *dict)
{
    return dict->base.name;
}

ipc_conn *ipc_dict_conn(const ipc_dict *dict)
{
    return dict->base.conn;
}

void ipc_dict_close(ipc_dict *dict)
{
    if (dict) {
        ipc__handle_close(&dict->base);
    }
}

void ipc_dict_free(ipc_dict *dict)
{
    if (dict) {
        ipc__handle_fini(&dict->base);
        free(dict);
    }
}

bool ipc_dict_names(const ipc_dict *dict)
{
    return strcmp(dict->base.type, "namespace") == 0;
}
