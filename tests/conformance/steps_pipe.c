/*
 * The steps of pipes.
 * Touches the actor's handles. One thread.
 */
#include "steps.h"

#include <stdlib.h>

/* ---- opening ---- */

static ipc_err do_pipe(const call *c)
{
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    const char *end = json_string_value(json_object_get(c->step, "end"));
    options.end = !end ? IPC_PIPE_ANY : *end == 'a' ? IPC_PIPE_A : IPC_PIPE_B;
    options.simplex = json_is_false(json_object_get(c->step, "duplex"));
    options.mode = mode_of(c);
    ipc_pipe *pipe;
    ipc_err err = ipc_pipe_open(&pipe, c->self->conn, text_member(c->step, "name"), &options);
    if (!err) {
        keep(c, member(c->step, "as"), (thing){.pipe = pipe});
    }
    return err;
}

static ipc_err do_pipe_pair(const call *c)
{
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.simplex = json_is_false(json_object_get(c->step, "duplex"));
    ipc_pipe *ends[2];
    ipc_err err = ipc_pipe_pair(&ends[0], &ends[1], c->self->conn, &options);
    for (size_t i = 0; i < 2 && !err; i++) {
        keep(c, json_array_get(member(c->step, "as"), i), (thing){.pipe = ends[i]});
    }
    return err;
}

/* ---- values ---- */

static ipc_err do_send(const call *c)
{
    ipc_msg *msg = notation_pack(member(c->step, "value"));
    ipc_err err = ipc_pipe_send(c->on->pipe, msg, timeout_of(c));
    ipc_msg_free(msg);
    return err;
}

static ipc_err do_recv(const call *c)
{
    ipc_msg *msg;
    ipc_err err = ipc_pipe_recv(c->on->pipe, timeout_of(c), &msg);
    return give_msg(c, err, msg);
}

static ipc_err do_poll(const call *c)
{
    bool ready;
    ipc_err err = ipc_pipe_poll(c->on->pipe, timeout_of(c), &ready);
    return give_bool(c, err, ready);
}

static ipc_err do_readable(const call *c)
{
    return give_bool(c, IPC_OK, ipc_pipe_readable(c->on->pipe));
}

static ipc_err do_writable(const call *c)
{
    return give_bool(c, IPC_OK, ipc_pipe_writable(c->on->pipe));
}

/* ---- bytes ---- */

static ipc_err do_send_bytes(const call *c)
{
    blob bytes = hex_blob(member(c->step, "bytes"));
    ipc_err err = ipc_pipe_send_bytes(c->on->pipe, bytes.bytes, bytes.length, timeout_of(c));
    free(bytes.bytes);
    return err;
}

static ipc_err do_recv_bytes(const call *c)
{
    size_t capacity = number_of(c, "max");
    size_t length;
    char *buffer = malloc(capacity + 1);
    ipc_msg *msg = NULL;
    ipc_err err = ipc_pipe_recv_bytes(c->on->pipe, timeout_of(c), buffer, capacity, &length);
    err = err ? err : ipc_pack(&msg, "B", buffer, length);
    free(buffer);
    return give_msg(c, err, msg);
}

const step_kind pipe_steps[] = {
    {"pipe", do_pipe},
    {"pipe_pair", do_pipe_pair},
    {"send", do_send},
    {"recv", do_recv},
    {"poll", do_poll},
    {"readable", do_readable},
    {"writable", do_writable},
    {"send_bytes", do_send_bytes},
    {"recv_bytes", do_recv_bytes},
    {NULL, NULL},
};
