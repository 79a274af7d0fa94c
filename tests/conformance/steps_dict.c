/*
 * Dicts and namespaces: how each is opened, and its methods. A key that is a text goes by the functions for these;
 * others, and what has no function, by ipc_dict_invoke().
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

CLASS_VERBS(dict);

static ipc_err open_either(const call *c, void **object, bool names)
{
    ipc_dict_options options = IPC_DICT_OPTIONS_INIT;
    options.mode = mode_of(c);
    options.names = names;
    char *name = name_of(c, "name");
    ipc_dict *dict = NULL;
    ipc_err err = ipc_dict_open(&dict, c->self->conn, name, &options);
    free(name);
    *object = dict;
    return err;
}

static ipc_err open_dict(const call *c, void **object)
{
    return open_either(c, object, false);
}

static ipc_err open_namespace(const call *c, void **object)
{
    return open_either(c, object, true);
}

/* ---- any method ---- */

/* The arguments are used up. */
static ipc_err invoke(const call *c, ipc_method method, ipc_err err, ipc_msg *arguments)
{
    ipc_msg *result = NULL;
    err = err ? err : ipc_dict_invoke(c->on->object, method, arguments, &result);
    ipc_msg_free(arguments);
    return give_value(c, err, result);
}

static ipc_err run(const call *c, ipc_method method)
{
    ipc_msg *arguments;
    ipc_err err = pack_args(c, &arguments);
    return invoke(c, method, err, arguments);
}

/* The key, if the functions take it: a text without a zero byte, and so many arguments in all. NULL: it goes by run. */
static const char *key_of(const call *c, size_t count)
{
    const json_t *key = arg_of(c, 0);
    const char *text = json_string_value(key);
    return arg_count(c) == count && text && strlen(text) == json_string_length(key) ? text : NULL;
}

/* ---- one key ---- */

static ipc_err dict_get(const call *c)
{
    const char *key = key_of(c, 1);
    if (!key) {
        return run(c, IPC_METHOD_GET);
    }
    ipc_msg *value = NULL;
    ipc_err err = ipc_dict_get(c->on->object, key, &value);
    return give_value(c, err, value);
}

static ipc_err dict_set(const call *c)
{
    const char *key = key_of(c, 2);
    if (!key) {
        return run(c, IPC_METHOD_SET);
    }
    ipc_msg *value;
    ipc_err err = pack_arg(c, 1, &value);
    err = err ? err : ipc_dict_set(c->on->object, key, value);
    ipc_msg_free(value);
    return err;
}

static ipc_err dict_delete(const call *c)
{
    const char *key = key_of(c, 1);
    return key ? ipc_dict_delete(c->on->object, key) : run(c, IPC_METHOD_DELETE);
}

static ipc_err dict_contains(const call *c)
{
    const char *key = key_of(c, 1);
    if (!key) {
        return run(c, IPC_METHOD_CONTAINS);
    }
    bool answer = false;
    ipc_err err = ipc_dict_contains(c->on->object, key, &answer);
    return give_bool(c, err, answer);
}

static ipc_err dict_pop(const call *c)
{
    const char *key = key_of(c, 1);
    if (!key) {
        return run(c, IPC_METHOD_POP);
    }
    ipc_msg *value = NULL;
    ipc_err err = ipc_dict_pop(c->on->object, key, &value);
    return give_value(c, err, value);
}

static ipc_err dict_set_default(const call *c)
{
    const char *key = key_of(c, 2);
    if (!key) {
        return run(c, IPC_METHOD_SET_DEFAULT);
    }
    ipc_msg *value, *there = NULL;
    ipc_err err = pack_arg(c, 1, &value);
    err = err ? err : ipc_dict_set_default(c->on->object, key, value, &there);
    ipc_msg_free(value);
    return give_value(c, err, there);
}

/* To the hub it has to be said. */
static ipc_err increment_by_one(const call *c)
{
    ipc_msg *key, *arguments = NULL;
    ipc_err err = pack_arg(c, 0, &key);
    err = err ? err : ipc_pack(&arguments, "[v,i]", key, 1);
    ipc_msg_free(key);
    return invoke(c, IPC_METHOD_INCREMENT, err, arguments);
}

/* The function gives integers: where the sum is a float, the step says what is added. */
static ipc_err dict_increment(const call *c)
{
    if (arg_count(c) > 1) {
        return run(c, IPC_METHOD_INCREMENT);
    }
    const char *key = key_of(c, 1);
    if (!key) {
        return increment_by_one(c);
    }
    int64_t now = 0;
    ipc_msg *sum = NULL;
    ipc_err err = ipc_dict_increment(c->on->object, key, 1, &now);
    err = err ? err : ipc_pack(&sum, "I", now);
    return give_msg(c, err, sum);
}

/* NULL: no value at all. */
static ipc_err pack_maybe(const call *c, size_t place, ipc_msg **out)
{
    *out = NULL;
    return json_object_get(arg_of(c, place), "absent") ? IPC_OK : pack_arg(c, place, out);
}

static ipc_err compare_set_text(const call *c, const char *key)
{
    ipc_msg *old, *value = NULL;
    bool was = false;
    ipc_err err = pack_maybe(c, 1, &old);
    err = err ? err : pack_maybe(c, 2, &value);
    err = err ? err : ipc_dict_compare_set(c->on->object, key, old, value, &was);
    ipc_msg_free(value);
    ipc_msg_free(old);
    return give_bool(c, err, was);
}

static ipc_err dict_compare_set(const call *c)
{
    const char *key = key_of(c, 3);
    if (key) {
        return compare_set_text(c, key);
    }
    ipc_msg *arguments;
    ipc_err err = pack_compare_set(c, 1, &arguments);
    return invoke(c, IPC_METHOD_COMPARE_SET, err, arguments);
}

/* ---- all of it ---- */

static ipc_err dict_length(const call *c)
{
    uint64_t length = 0;
    ipc_err err = ipc_dict_length(c->on->object, &length);
    return give_number(c, err, length);
}

static ipc_err dict_keys(const call *c)
{
    ipc_msg *keys = NULL;
    ipc_err err = ipc_dict_keys(c->on->object, &keys);
    return give_value(c, err, keys);
}

static ipc_err dict_values(const call *c)
{
    return run(c, IPC_METHOD_VALUES);
}

static ipc_err dict_items(const call *c)
{
    return run(c, IPC_METHOD_ITEMS);
}

static ipc_err dict_pop_item(const call *c)
{
    return run(c, IPC_METHOD_POP_ITEM);
}

static ipc_err dict_copy(const call *c)
{
    ipc_msg *map = NULL;
    ipc_err err = ipc_dict_copy(c->on->object, &map);
    return give_value(c, err, map);
}

static ipc_err dict_update(const call *c)
{
    ipc_msg *map;
    ipc_err err = pack_arg(c, 0, &map);
    err = err ? err : ipc_dict_update(c->on->object, map);
    ipc_msg_free(map);
    return err;
}

static ipc_err dict_get_many(const call *c)
{
    if (arg_count(c) > 1) { /* a default */
        return run(c, IPC_METHOD_GET_MANY);
    }
    ipc_msg *keys, *values = NULL;
    ipc_err err = pack_arg(c, 0, &keys);
    err = err ? err : ipc_dict_get_many(c->on->object, keys, &values);
    ipc_msg_free(keys);
    return give_value(c, err, values);
}

static ipc_err dict_clear(const call *c)
{
    return ipc_dict_clear(c->on->object);
}

static const step_kind dict_methods[] = {
    {"get", dict_get},
    {"set", dict_set},
    {"delete", dict_delete},
    {"contains", dict_contains},
    {"pop", dict_pop},
    {"set_default", dict_set_default},
    {"increment", dict_increment},
    {"compare_set", dict_compare_set},
    {"length", dict_length},
    {"keys", dict_keys},
    {"values", dict_values},
    {"items", dict_items},
    {"pop_item", dict_pop_item},
    {"copy", dict_copy},
    {"update", dict_update},
    {"get_many", dict_get_many},
    {"clear", dict_clear},
    {NULL, NULL},
};

const class_kind dict_classes[] = {
    {"Dict", open_dict, dict_methods, &dict_verbs},
    {"Namespace", open_namespace, dict_methods, &dict_verbs},
    {NULL, NULL, NULL, NULL},
};
