/*
 * An actor of table.json in C: a connection, and the handles and items that its steps name.
 * Touches the hub at its address. One thread.
 */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 20000 }; /* for what must come */

/* ---- what a step says ---- */

int64_t timeout_of(const call *c)
{
    const json_t *timeout = json_object_get(c->step, "timeout_ms");
    return timeout ? json_integer_value(timeout) : PATIENCE_MS;
}

ipc_open_mode mode_of(const call *c)
{
    const json_t *said = json_object_get(c->step, "mode");
    const char *mode = json_string_value(said ? said : option_of(c, "mode"));
    if (!mode || strcmp(mode, "either") == 0) {
        return IPC_OPEN_EITHER;
    }
    return strcmp(mode, "create") == 0 ? IPC_OPEN_CREATE : IPC_OPEN_ATTACH;
}

uint64_t number_of(const call *c, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(c->step, key));
}

const json_t *option_of(const call *c, const char *name)
{
    const json_t *here = json_object_get(c->step, "options");
    return json_object_get(here || !c->on ? here : c->on->options, name);
}

int64_t number_arg(const call *c, size_t place, int64_t otherwise)
{
    const json_t *number = json_array_get(json_object_get(c->step, "args"), place);
    return number ? json_integer_value(number) : otherwise;
}

ipc_msg *packed_arg(const call *c, size_t place)
{
    return notation_pack(json_array_get(member(c->step, "args"), place));
}

char *name_of(const call *c, const char *key)
{
    json_t *name = notation_expand(json_object_get(c->step, key));
    char *copy = json_is_string(name) ? strdup(json_string_value(name)) : NULL;
    json_decref(name);
    return copy;
}

const thing *thing_named(const call *c, const char *name)
{
    for (const thing *it = c->self->things; it; it = it->next) {
        if (strcmp(it->name, name) == 0) {
            return it;
        }
    }
    broken("nothing was named so", c->step);
}

/* The handle or item that a step is about; a list of them it looks at itself. */
static const thing *thing_of(const call *c)
{
    const json_t *item = json_object_get(c->step, "item");
    const char *name = json_string_value(item ? item : json_object_get(c->step, "on"));
    return name ? thing_named(c, name) : NULL;
}

/* ---- what comes of it ---- */

void keep(const call *c, const json_t *name, thing what)
{
    thing *kept = malloc(sizeof *kept);
    if (!kept) {
        abort();
    }
    *kept = what;
    kept->name = strdup(json_string_value(name));
    kept->next = c->self->things;
    c->self->things = kept;
}

ipc_err give_msg(const call *c, ipc_err err, ipc_msg *msg)
{
    if (!err) {
        json_object_set_new(c->result, "gives", notation_of(msg));
        ipc_msg_free(msg);
    }
    return err;
}

ipc_err give_bool(const call *c, ipc_err err, bool answer)
{
    json_object_set_new(c->result, "gives", json_boolean(answer));
    return err;
}

ipc_err give_number(const call *c, ipc_err err, uint64_t number)
{
    ipc_msg *msg = NULL;
    err = err ? err : ipc_pack(&msg, "U", number);
    return give_msg(c, err, msg);
}

void mark(const call *c, const char *name, bool truth)
{
    json_object_set_new(c->result, name, json_boolean(truth));
}

/* ---- the actor ---- */

static const step_kind *find_step(const json_t *step)
{
    static const step_kind *const lists[] = {queue_steps, pipe_steps, object_steps, conn_steps};
    const char *name = text_member(step, "do");
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const step_kind *kind = lists[i]; kind->name; kind++) {
            if (strcmp(kind->name, name) == 0) {
                return kind;
            }
        }
    }
    broken("no step of that name", step);
}

static json_t *once(actor *self, const json_t *step)
{
    call c = {self, step, json_object(), NULL};
    c.on = thing_of(&c);
    ipc_err err = find_step(step)->run(&c);
    if (err) {
        json_object_del(c.result, "gives");
        json_object_set_new(c.result, "fails", json_string(ipc_err_name(err)));
    }
    return c.result;
}

json_t *actor_step(actor *self, const json_t *step)
{
    const json_t *times = json_object_get(step, "times");
    json_t *result = once(self, step);
    for (json_int_t i = 1; i < json_integer_value(times) && !json_object_get(result, "fails"); i++) {
        json_decref(result);
        result = once(self, step);
    }
    return result;
}

actor *actor_open(const char *address)
{
    actor *self = calloc(1, sizeof *self);
    if (self && ipc_connect(&self->conn, address, NULL) == IPC_OK) {
        return self;
    }
    free(self);
    return NULL;
}

void actor_close(actor *self)
{
    while (self->things) {
        thing *it = self->things;
        self->things = it->next;
        if (!it->item) {
            ipc_queue_free(it->queue);
        }
        ipc_pipe_free(it->pipe);
        free_object(it);
        ipc_msg_free(it->item);
        free(it->name);
        free(it);
    }
    ipc_conn_free(self->conn);
    free(self);
}
