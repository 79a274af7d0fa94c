/*
 * Lists: how one is opened, and its methods. What has no function goes by ipc_list_invoke().
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <stdlib.h>

CLASS_VERBS(list);

static ipc_err open_list(const call *c, void **object)
{
    ipc_list_options options = IPC_LIST_OPTIONS_INIT;
    options.mode = mode_of(c);
    char *name = name_of(c, "name");
    ipc_list *list = NULL;
    ipc_err err = ipc_list_open(&list, c->self->conn, name, &options);
    free(name);
    *object = list;
    return err;
}

/* The arguments are used up. */
static ipc_err invoke(const call *c, ipc_method method, ipc_err err, ipc_msg *arguments)
{
    ipc_msg *result = NULL;
    err = err ? err : ipc_list_invoke(c->on->object, method, arguments, &result);
    ipc_msg_free(arguments);
    return give_value(c, err, result);
}

static ipc_err run(const call *c, ipc_method method)
{
    ipc_msg *arguments;
    ipc_err err = pack_args(c, &arguments);
    return invoke(c, method, err, arguments);
}

/* ---- one index ---- */

static ipc_err list_get(const call *c)
{
    ipc_msg *value = NULL;
    ipc_err err = ipc_list_get(c->on->object, number_arg(c, 0, 0), &value);
    return give_value(c, err, value);
}

static ipc_err list_set(const call *c)
{
    ipc_msg *value;
    ipc_err err = pack_arg(c, 1, &value);
    err = err ? err : ipc_list_set(c->on->object, number_arg(c, 0, 0), value);
    ipc_msg_free(value);
    return err;
}

static ipc_err list_delete(const call *c)
{
    return ipc_list_delete(c->on->object, number_arg(c, 0, 0));
}

static ipc_err list_insert(const call *c)
{
    ipc_msg *value;
    ipc_err err = pack_arg(c, 1, &value);
    err = err ? err : ipc_list_insert(c->on->object, number_arg(c, 0, 0), value);
    ipc_msg_free(value);
    return err;
}

static ipc_err list_pop(const call *c)
{
    if (arg_count(c) == 0) {
        return run(c, IPC_METHOD_POP);
    }
    ipc_msg *value = NULL;
    ipc_err err = ipc_list_pop(c->on->object, number_arg(c, 0, 0), &value);
    return give_value(c, err, value);
}

static ipc_err list_increment(const call *c)
{
    return run(c, IPC_METHOD_INCREMENT);
}

static ipc_err list_compare_set(const call *c)
{
    ipc_msg *arguments;
    ipc_err err = pack_compare_set(c, 1, &arguments);
    return invoke(c, IPC_METHOD_COMPARE_SET, err, arguments);
}

/* ---- values ---- */

static ipc_err list_append(const call *c)
{
    ipc_msg *value;
    ipc_err err = pack_arg(c, 0, &value);
    err = err ? err : ipc_list_append(c->on->object, value);
    ipc_msg_free(value);
    return err;
}

static ipc_err list_extend(const call *c)
{
    ipc_msg *values;
    ipc_err err = pack_arg(c, 0, &values);
    err = err ? err : ipc_list_extend(c->on->object, values);
    ipc_msg_free(values);
    return err;
}

static ipc_err list_remove(const call *c)
{
    ipc_msg *value;
    ipc_err err = pack_arg(c, 0, &value);
    err = err ? err : ipc_list_remove(c->on->object, value);
    ipc_msg_free(value);
    return err;
}

static ipc_err list_index(const call *c)
{
    if (arg_count(c) > 1) { /* where to look */
        return run(c, IPC_METHOD_INDEX);
    }
    ipc_msg *value;
    uint64_t index = 0;
    ipc_err err = pack_arg(c, 0, &value);
    err = err ? err : ipc_list_index(c->on->object, value, &index);
    ipc_msg_free(value);
    return give_number(c, err, index);
}

static ipc_err list_count(const call *c)
{
    ipc_msg *value;
    uint64_t count = 0;
    ipc_err err = pack_arg(c, 0, &value);
    err = err ? err : ipc_list_count(c->on->object, value, &count);
    ipc_msg_free(value);
    return give_number(c, err, count);
}

static ipc_err list_contains(const call *c)
{
    return run(c, IPC_METHOD_CONTAINS);
}

/* ---- slices ---- */

static ipc_err list_slice(const call *c)
{
    ipc_msg *values = NULL;
    ipc_err err = ipc_list_slice(c->on->object, slice_bound(c, 0), slice_bound(c, 1), slice_step(c), &values);
    return give_value(c, err, values);
}

static ipc_err list_set_slice(const call *c)
{
    ipc_msg *values;
    ipc_err err = pack_arg(c, 3, &values);
    err = err ? err : ipc_list_set_slice(c->on->object, slice_bound(c, 0), slice_bound(c, 1), slice_step(c), values);
    ipc_msg_free(values);
    return err;
}

static ipc_err list_delete_slice(const call *c)
{
    return ipc_list_delete_slice(c->on->object, slice_bound(c, 0), slice_bound(c, 1), slice_step(c));
}

/* ---- all of it ---- */

static ipc_err list_length(const call *c)
{
    uint64_t length = 0;
    ipc_err err = ipc_list_length(c->on->object, &length);
    return give_number(c, err, length);
}

static ipc_err list_copy(const call *c)
{
    return run(c, IPC_METHOD_COPY);
}

static ipc_err list_reverse(const call *c)
{
    return ipc_list_reverse(c->on->object);
}

static ipc_err list_sort(const call *c)
{
    return ipc_list_sort(c->on->object, json_is_true(arg_of(c, 0)));
}

static ipc_err list_repeat(const call *c)
{
    return run(c, IPC_METHOD_REPEAT);
}

static ipc_err list_clear(const call *c)
{
    return ipc_list_clear(c->on->object);
}

static const step_kind list_methods[] = {
    {"get", list_get},
    {"set", list_set},
    {"delete", list_delete},
    {"insert", list_insert},
    {"pop", list_pop},
    {"increment", list_increment},
    {"compare_set", list_compare_set},
    {"append", list_append},
    {"extend", list_extend},
    {"remove", list_remove},
    {"index", list_index},
    {"count", list_count},
    {"contains", list_contains},
    {"slice", list_slice},
    {"set_slice", list_set_slice},
    {"delete_slice", list_delete_slice},
    {"length", list_length},
    {"copy", list_copy},
    {"reverse", list_reverse},
    {"sort", list_sort},
    {"repeat", list_repeat},
    {"clear", list_clear},
    {NULL, NULL},
};

const class_kind list_classes[] = {
    {"List", open_list, list_methods, &list_verbs},
    {NULL, NULL, NULL, NULL},
};
