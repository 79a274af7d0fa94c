/*
 * Arrays and values: how each is opened, and its methods. An array's have an index before all else. What the functions
 * do not take goes by ipc_array_invoke().
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

CLASS_VERBS(array);

/* What it begins with: a sequence of numbers; NULL: the step does not say. */
static ipc_msg *first_values(const call *c, bool scalar)
{
    const json_t *given = option_of(c, scalar ? "value" : "values");
    if (!given) {
        return NULL;
    }
    json_t *values = scalar ? json_pack("[O]", given) : json_deep_copy(given);
    ipc_msg *packed = notation_pack(values);
    json_decref(values);
    return packed;
}

static ipc_err open_either(const call *c, void **object, bool scalar)
{
    ipc_array_options options = IPC_ARRAY_OPTIONS_INIT;
    const char *typecode = json_string_value(option_of(c, "typecode"));
    ipc_msg *values = first_values(c, scalar);
    options.mode = mode_of(c);
    options.typecode = typecode ? *typecode : 0;
    options.scalar = scalar;
    options.length = (uint64_t)json_integer_value(option_of(c, "length"));
    options.values = values;
    char *name = name_of(c, "name");
    ipc_array *array = NULL;
    ipc_err err = ipc_array_open(&array, c->self->conn, name, &options);
    free(name);
    ipc_msg_free(values);
    *object = array;
    return err;
}

static ipc_err open_array(const call *c, void **object)
{
    return open_either(c, object, false);
}

static ipc_err open_value(const call *c, void **object)
{
    return open_either(c, object, true);
}

/* ---- arguments ---- */

/* How many arguments come before the number. */
static size_t before(const call *c)
{
    return ipc_array_scalar(c->on->object) ? 0 : 1;
}

static int64_t index_of(const call *c)
{
    return before(c) ? number_arg(c, 0, 0) : 0;
}

static bool of_floats(const call *c)
{
    return strchr("fd", ipc_array_typecode(c->on->object)) != NULL;
}

/* The arguments are used up. */
static ipc_err invoke(const call *c, ipc_method method, ipc_err err, ipc_msg *arguments)
{
    ipc_msg *result = NULL;
    err = err ? err : ipc_array_invoke(c->on->object, method, arguments, &result);
    ipc_msg_free(arguments);
    return give_value(c, err, result);
}

static ipc_err run(const call *c, ipc_method method)
{
    ipc_msg *arguments;
    ipc_err err = pack_args(c, &arguments);
    return invoke(c, method, err, arguments);
}

/* A method with an index and a number. */
static ipc_err run_at_index(const call *c, ipc_method method)
{
    ipc_msg *number, *arguments = NULL;
    ipc_err err = pack_arg(c, before(c), &number);
    err = err ? err : ipc_pack(&arguments, "[I,v]", index_of(c), number);
    ipc_msg_free(number);
    return invoke(c, method, err, arguments);
}

/* ---- numbers ---- */

static ipc_err array_get(const call *c)
{
    ipc_msg *number = NULL;
    ipc_err err;
    if (of_floats(c)) {
        double real = 0;
        err = ipc_array_get_float(c->on->object, index_of(c), &real);
        err = err ? err : ipc_pack(&number, "f", real);
    } else {
        int64_t whole = 0;
        err = ipc_array_get_int(c->on->object, index_of(c), &whole);
        err = err ? err : ipc_pack(&number, "I", whole);
    }
    return give_msg(c, err, number);
}

static ipc_err array_set(const call *c)
{
    const json_t *number = arg_of(c, before(c));
    const char *real = json_string_value(json_object_get(number, "float"));
    if (real) {
        return ipc_array_set_float(c->on->object, index_of(c), strtod(real, NULL));
    }
    if (json_is_integer(number)) {
        return ipc_array_set_int(c->on->object, index_of(c), json_integer_value(number));
    }
    return run_at_index(c, IPC_METHOD_SET);
}

static ipc_err array_increment(const call *c)
{
    const json_t *by = arg_of(c, before(c));
    if (of_floats(c) || !json_is_integer(by)) {
        return run_at_index(c, IPC_METHOD_INCREMENT);
    }
    int64_t now = 0;
    ipc_msg *sum = NULL;
    ipc_err err = ipc_array_increment(c->on->object, index_of(c), json_integer_value(by), &now);
    err = err ? err : ipc_pack(&sum, "I", now);
    return give_msg(c, err, sum);
}

static ipc_err array_compare_set(const call *c)
{
    ipc_msg *arguments;
    ipc_err err = pack_compare_set(c, before(c), &arguments);
    return invoke(c, IPC_METHOD_COMPARE_SET, err, arguments);
}

/* ---- slices, all of it ---- */

static ipc_err array_slice(const call *c)
{
    ipc_msg *values = NULL;
    ipc_err err = ipc_array_slice(c->on->object, slice_bound(c, 0), slice_bound(c, 1), slice_step(c), &values);
    return give_value(c, err, values);
}

static ipc_err array_set_slice(const call *c)
{
    ipc_msg *values;
    ipc_err err = pack_arg(c, 3, &values);
    err = err ? err : ipc_array_set_slice(c->on->object, slice_bound(c, 0), slice_bound(c, 1), slice_step(c), values);
    ipc_msg_free(values);
    return err;
}

static ipc_err array_length(const call *c)
{
    return give_number(c, IPC_OK, ipc_array_length(c->on->object));
}

static ipc_err array_typecode(const call *c)
{
    char typecode[] = {ipc_array_typecode(c->on->object), '\0'};
    json_object_set_new(c->result, "gives", json_string(typecode));
    return IPC_OK;
}

static ipc_err array_copy(const call *c)
{
    return run(c, IPC_METHOD_COPY);
}

/* ---- the lock ---- */

static ipc_err array_acquire(const call *c)
{
    ipc_grant grant = {0};
    ipc_err err = ipc_array_acquire(c->on->object, timeout_of(c), &grant);
    mark(c, "abandoned", grant.abandoned);
    return give_number(c, err, grant.fence);
}

static ipc_err array_release(const call *c)
{
    return ipc_array_release(c->on->object);
}

static ipc_err array_locked(const call *c)
{
    bool locked = false;
    ipc_err err = ipc_array_peek(c->on->object, &locked, NULL);
    return give_bool(c, err, locked);
}

static const step_kind array_methods[] = {
    {"get", array_get},
    {"set", array_set},
    {"increment", array_increment},
    {"compare_set", array_compare_set},
    {"slice", array_slice},
    {"set_slice", array_set_slice},
    {"length", array_length},
    {"typecode", array_typecode},
    {"copy", array_copy},
    {"acquire", array_acquire},
    {"release", array_release},
    {"locked", array_locked},
    {NULL, NULL},
};

const class_kind array_classes[] = {
    {"Array", open_array, array_methods, &array_verbs},
    {"Value", open_value, array_methods, &array_verbs},
    {NULL, NULL, NULL, NULL},
};
