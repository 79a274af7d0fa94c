/*
 * The steps of all objects that have a class and methods: "open" makes one, "call" calls a method of it.
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

static const class_kind *const classes[] = {sync_classes, dict_classes, list_classes, array_classes};

enum { CLASS_LISTS = sizeof classes / sizeof classes[0] };

static const class_kind *find_class(const json_t *step)
{
    const char *name = text_member(step, "class");
    for (size_t i = 0; i < CLASS_LISTS; i++) {
        for (const class_kind *class = classes[i]; class->name; class ++) {
            if (strcmp(class->name, name) == 0) {
                return class;
            }
        }
    }
    broken("no class of that name", step);
}

static ipc_err do_open(const call *c)
{
    thing what = {.class = find_class(c->step), .options = json_object_get(c->step, "options")};
    ipc_err err = what.class->open(c, &what.object);
    if (!err) {
        json_incref(what.options);
        keep(c, member(c->step, "as"), what);
    }
    return err;
}

static ipc_err do_call(const call *c)
{
    const char *name = text_member(c->step, "method");
    for (const step_kind *method = c->on->class->methods; method->name; method++) {
        if (strcmp(method->name, name) == 0) {
            return method->run(c);
        }
    }
    broken("its class has no method of that name", c->step);
}

ipc_err attach_object(const call *c, const ipc_msg *ticket, thing *what)
{
    for (size_t i = 0; i < CLASS_LISTS; i++) {
        for (const class_kind *class = classes[i]; class->name; class ++) {
            ipc_err err = class->verbs->attach(&what->object, c->self->conn, ticket);
            if (err != IPC_ETYPE) {
                what->class = class;
                return err;
            }
        }
    }
    return IPC_ETYPE;
}

void free_object(thing *what)
{
    if (what->class) {
        what->class->verbs->free(what->object);
    }
    json_decref(what->options);
}

const step_kind object_steps[] = {
    {"open", do_open},
    {"call", do_call},
    {NULL, NULL},
};
