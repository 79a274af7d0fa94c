/*
 * What the steps of dicts, lists and arrays share: arguments with handles in them, and results that are some.
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <stdint.h>

enum { REFERENCE = 66 }; /* the extension that a handle is stored as */

/* ---- handles in values ---- */

static ipc_err refer(const thing *to, ipc_msg **reference)
{
    if (to->class) {
        return to->class->verbs->refer(to->object, reference);
    }
    return to->queue ? ipc_queue_refer(to->queue, reference) : IPC_ENOTSUP;
}

/* How a handle that the actor has is written as a reference. */
static json_t *reference_to(const call *c, const char *name, ipc_err *err)
{
    ipc_msg *reference;
    ipc_err failed = refer(thing_named(c, name), &reference);
    if (failed) {
        *err = failed;
        return json_null();
    }
    json_t *notation = notation_of(reference);
    ipc_msg_free(reference);
    return notation;
}

/* The same value with other things in place of some of its parts: what *other* gives, NULL for what stays. */
typedef json_t *(*replacement)(const call *c, const json_t *part, ipc_err *err);

static json_t *replace(const call *c, const json_t *value, replacement other, ipc_err *err)
{
    json_t *instead = other(c, value, err);
    if (instead) {
        return instead;
    }
    if (json_is_array(value)) {
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(value); i++) {
            json_array_append_new(copy, replace(c, json_array_get(value, i), other, err));
        }
        return copy;
    }
    if (!json_is_object(value)) {
        return json_incref((json_t *)(uintptr_t)value); /* only its count changes */
    }
    json_t *copy = json_object();
    void *at = json_object_iter((json_t *)(uintptr_t)value);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        json_object_set_new(copy, json_object_iter_key(at), replace(c, json_object_iter_value(at), other, err));
    }
    return copy;
}

static json_t *handle_out(const call *c, const json_t *part, ipc_err *err)
{
    const char *name = json_string_value(json_object_get(part, "handle"));
    return name ? reference_to(c, name, err) : NULL;
}

static json_t *handle_in(const call *c, const json_t *part, ipc_err *err)
{
    (void)c;
    (void)err;
    const json_t *ext = json_object_get(part, "ext");
    return json_integer_value(json_array_get(ext, 0)) == REFERENCE ? json_pack("{s:b}", "handle", 1) : NULL;
}

/* ---- arguments ---- */

const json_t *arg_of(const call *c, size_t place)
{
    return json_array_get(json_object_get(c->step, "args"), place);
}

size_t arg_count(const call *c)
{
    return json_array_size(json_object_get(c->step, "args"));
}

static ipc_err pack(const call *c, const json_t *value, ipc_msg **out)
{
    ipc_err err = IPC_OK;
    *out = NULL;
    json_t *written = replace(c, value, handle_out, &err);
    err = err ? err : notation_try_pack(out, written);
    json_decref(written);
    return err;
}

ipc_err pack_arg(const call *c, size_t place, ipc_msg **out)
{
    const json_t *value = arg_of(c, place);
    if (!value) {
        broken("it takes more arguments", c->step);
    }
    return pack(c, value, out);
}

ipc_err pack_args(const call *c, ipc_msg **out)
{
    const json_t *args = json_object_get(c->step, "args");
    json_t *all = args ? json_incref((json_t *)(uintptr_t)args) : json_array();
    ipc_err err = pack(c, all, out);
    json_decref(all);
    return err;
}

/* Of no value at all the hub has an empty sequence. */
static json_t *maybe(const json_t *value)
{
    return json_object_get(value, "absent") ? json_array() : json_pack("[O]", value);
}

ipc_err pack_compare_set(const call *c, size_t before, ipc_msg **out)
{
    json_t *key = before ? json_incref((json_t *)(uintptr_t)arg_of(c, 0)) : json_integer(0);
    json_t *all = json_pack("[o,o,o]", key, maybe(arg_of(c, before)), maybe(arg_of(c, before + 1)));
    ipc_err err = pack(c, all, out);
    json_decref(all);
    return err;
}

int64_t slice_bound(const call *c, size_t place)
{
    const json_t *bound = arg_of(c, place);
    return json_is_integer(bound) ? json_integer_value(bound) : IPC_OMITTED;
}

int64_t slice_step(const call *c)
{
    const json_t *step = arg_of(c, 2);
    return json_is_integer(step) ? json_integer_value(step) : 1;
}

/* ---- results ---- */

/* It is of a queue, or of an object that has a class. */
static ipc_err keep_handle(const call *c, const json_t *name, const ipc_msg *reference)
{
    thing what = {0};
    ipc_err err = ipc_queue_attach(&what.queue, c->self->conn, reference);
    err = err == IPC_ETYPE ? attach_object(c, reference, &what) : err;
    if (!err) {
        keep(c, name, what);
    }
    return err;
}

ipc_err give_value(const call *c, ipc_err err, ipc_msg *value)
{
    if (err) {
        return err;
    }
    const json_t *name = json_object_get(c->step, "as");
    if (name) {
        err = keep_handle(c, name, value);
    } else {
        json_t *notation = notation_of(value);
        json_object_set_new(c->result, "gives", replace(c, notation, handle_in, &err));
        json_decref(notation);
    }
    ipc_msg_free(value);
    return err;
}
