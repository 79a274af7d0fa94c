/*
 * The steps of all handles, of connections, and of what is behind them: the hub.
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <poll.h>
#include <stdlib.h>

/* ---- tickets ---- */

static ipc_err do_share(const call *c)
{
    const thing *on = c->on;
    ipc_msg *ticket;
    ipc_err err = on->class   ? on->class->verbs->share(on->object, &ticket)
                  : on->queue ? ipc_queue_share(on->queue, &ticket)
                              : ipc_pipe_share(on->pipe, &ticket);
    return give_msg(c, err, ticket);
}

static ipc_err do_attach(const call *c)
{
    ipc_msg *ticket = notation_pack(member(c->step, "ticket"));
    thing what = {0};
    ipc_err err = ipc_queue_attach(&what.queue, c->self->conn, ticket);
    if (err == IPC_ETYPE) {
        err = ipc_pipe_attach(&what.pipe, c->self->conn, ticket);
    }
    if (err == IPC_ETYPE) {
        err = attach_object(c, ticket, &what);
    }
    ipc_msg_free(ticket);
    if (!err) {
        keep(c, member(c->step, "as"), what);
    }
    return err;
}

/* ---- all handles, connections ---- */

static ipc_err do_name(const call *c)
{
    const thing *on = c->on;
    const char *name = on->class   ? on->class->verbs->name(on->object)
                       : on->queue ? ipc_queue_name(on->queue)
                                   : ipc_pipe_name(on->pipe);
    json_object_set_new(c->result, "gives", name ? json_string(name) : json_null());
    return IPC_OK;
}

static ipc_err do_flush(const call *c)
{
    return c->on->queue ? ipc_queue_flush(c->on->queue, timeout_of(c)) : ipc_pipe_flush(c->on->pipe, timeout_of(c));
}

static ipc_err do_close(const call *c)
{
    ipc_queue_close(c->on->queue);
    ipc_pipe_close(c->on->pipe);
    if (c->on->class) {
        c->on->class->verbs->close(c->on->object);
    }
    return IPC_OK;
}

static ipc_err do_unlink(const call *c)
{
    return ipc_unlink(c->self->conn, text_member(c->step, "name"));
}

static ipc_err do_list(const call *c)
{
    ipc_msg *list;
    ipc_err err = ipc_objects(c->self->conn, &list);
    return give_msg(c, err, list);
}

static ipc_err do_conn_flush(const call *c)
{
    return ipc_conn_flush(c->self->conn, timeout_of(c));
}

static ipc_err do_conn_close(const call *c)
{
    ipc_conn_close(c->self->conn);
    return IPC_OK;
}

/* ---- waiting for several ---- */

static ipc_waitable waitable_of(const thing *what)
{
    return (ipc_waitable){.queue = what->queue, .pipe = what->pipe, .fd = -1};
}

/* The names of those that are ready. */
static ipc_err do_wait(const call *c)
{
    const json_t *names = member(c->step, "on");
    size_t count = json_array_size(names);
    ipc_waitable *things = calloc(count + 1, sizeof *things);
    if (!things) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        things[i] = waitable_of(thing_named(c, json_string_value(json_array_get(names, i))));
    }
    ipc_err err = ipc_wait(things, count, timeout_of(c), NULL);
    json_t *ready = json_array();
    for (size_t i = 0; i < count; i++) {
        if (things[i].ready) {
            json_array_append(ready, json_array_get(names, i));
        }
    }
    json_object_set_new(c->result, "gives", json_pack("{s:o}", "array", ready));
    free(things);
    return err;
}

/* Whether its descriptor is readable, in time. */
static ipc_err do_fd(const call *c)
{
    struct pollfd one = {.events = POLLIN};
    ipc_err err = c->on->queue ? ipc_queue_fd(c->on->queue, &one.fd) : ipc_pipe_fd(c->on->pipe, &one.fd);
    return err ? err : give_bool(c, IPC_OK, poll(&one, 1, (int)timeout_of(c)) == 1);
}

/* ---- the hub ---- */

static ipc_err do_stat(const call *c)
{
    ipc_msg *stat;
    ipc_err err = ipc_stat(c->self->conn, &stat);
    return give_msg(c, err, stat);
}

static ipc_err do_info(const call *c)
{
    ipc_msg *info;
    ipc_err err = ipc_info(c->self->conn, text_member(c->step, "name"), &info);
    return give_msg(c, err, info);
}

static ipc_err do_conn_fail(const call *c)
{
    ipc_conn_fail(c->self->conn);
    return IPC_OK;
}

const step_kind conn_steps[] = {
    {"share", do_share},
    {"attach", do_attach},
    {"name", do_name},
    {"flush", do_flush},
    {"close", do_close},
    {"unlink", do_unlink},
    {"list", do_list},
    {"conn_flush", do_conn_flush},
    {"conn_close", do_conn_close},
    {"wait", do_wait},
    {"fd", do_fd},
    {"stat", do_stat},
    {"info", do_info},
    {"conn_fail", do_conn_fail},
    {NULL, NULL},
};
