/*
 * An actor of table.json in C: a connection, and the handles and items that its steps name.
 * Touches the hub at its address. One thread.
 */
#include "interpreter.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 20000 }; /* for what must come */

/* What a step named: a queue, a pipe's end, or an item and the queue that it was taken from. */
typedef struct thing {
    char *name;
    ipc_queue *queue;
    ipc_pipe *pipe;
    ipc_msg *item;
    struct thing *next;
} thing;

struct actor {
    ipc_conn *conn;
    thing *things; /* the newest first: it hides what had its name before */
};

/* A step that is being done. */
typedef struct call {
    actor *self;
    const json_t *step;
    json_t *result;
    const thing *on; /* the handle or item that it is about, if any */
} call;

/* ---- what a step says ---- */

static int64_t timeout_of(const call *c)
{
    const json_t *timeout = json_object_get(c->step, "timeout_ms");
    return timeout ? json_integer_value(timeout) : PATIENCE_MS;
}

static ipc_open_mode mode_of(const call *c)
{
    const char *mode = json_string_value(json_object_get(c->step, "mode"));
    if (!mode || strcmp(mode, "either") == 0) {
        return IPC_OPEN_EITHER;
    }
    return strcmp(mode, "create") == 0 ? IPC_OPEN_CREATE : IPC_OPEN_ATTACH;
}

/* The object's name on the heap; NULL: none. */
static char *name_of(const call *c)
{
    json_t *name = notation_expand(json_object_get(c->step, "name"));
    char *copy = json_is_string(name) ? strdup(json_string_value(name)) : NULL;
    json_decref(name);
    return copy;
}

static const thing *thing_of(const call *c, const char *key)
{
    const char *name = json_string_value(json_object_get(c->step, key));
    for (const thing *it = c->self->things; it && name; it = it->next) {
        if (strcmp(it->name, name) == 0) {
            return it;
        }
    }
    return name ? (broken("nothing was named so", c->step), NULL) : NULL;
}

static void keep(const call *c, const json_t *name, thing what)
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

/* ---- results ---- */

/* A call gave a message, which is used up. */
static ipc_err give_msg(const call *c, ipc_err err, ipc_msg *msg)
{
    if (!err) {
        json_object_set_new(c->result, "gives", notation_of(msg));
        ipc_msg_free(msg);
    }
    return err;
}

static ipc_err give_bool(const call *c, ipc_err err, bool answer)
{
    json_object_set_new(c->result, "gives", json_boolean(answer));
    return err;
}

/* ---- opening ---- */

static ipc_err open_queue(const call *c, bool joinable)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = joinable;
    options.maxsize = (uint64_t)json_integer_value(json_object_get(c->step, "maxsize"));
    options.mode = mode_of(c);
    char *name = name_of(c);
    ipc_queue *queue;
    ipc_err err = ipc_queue_open(&queue, c->self->conn, name, &options);
    free(name);
    if (!err) {
        keep(c, member(c->step, "as"), (thing){.queue = queue});
    }
    return err;
}

static ipc_err do_queue(const call *c)
{
    return open_queue(c, false);
}

static ipc_err do_joinable_queue(const call *c)
{
    return open_queue(c, true);
}

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

/* ---- tickets ---- */

static ipc_err do_share(const call *c)
{
    ipc_msg *ticket;
    ipc_err err = c->on->queue ? ipc_queue_share(c->on->queue, &ticket) : ipc_pipe_share(c->on->pipe, &ticket);
    return give_msg(c, err, ticket);
}

static ipc_err do_attach(const call *c)
{
    ipc_msg *ticket = notation_pack(member(c->step, "ticket"));
    ipc_queue *queue = NULL;
    ipc_pipe *pipe = NULL;
    ipc_err err = ipc_queue_attach(&queue, c->self->conn, ticket);
    if (err == IPC_ETYPE) {
        err = ipc_pipe_attach(&pipe, c->self->conn, ticket);
    }
    ipc_msg_free(ticket);
    if (!err) {
        keep(c, member(c->step, "as"), (thing){.queue = queue, .pipe = pipe});
    }
    return err;
}

/* ---- queues ---- */

static ipc_err put(const call *c, int64_t timeout_ms)
{
    ipc_msg *msg = notation_pack(member(c->step, "value"));
    ipc_err err = ipc_queue_put(c->on->queue, msg, timeout_ms);
    ipc_msg_free(msg);
    return err;
}

static ipc_err do_put(const call *c)
{
    return put(c, timeout_of(c));
}

static ipc_err do_put_nowait(const call *c)
{
    return put(c, 0);
}

static ipc_err do_get(const call *c)
{
    ipc_msg *msg;
    ipc_err err = ipc_queue_get(c->on->queue, timeout_of(c), &msg);
    return give_msg(c, err, msg);
}

static ipc_err do_get_nowait(const call *c)
{
    ipc_msg *msg;
    ipc_err err = ipc_queue_get(c->on->queue, 0, &msg);
    return give_msg(c, err, msg);
}

static ipc_err do_take(const call *c)
{
    ipc_queue *queue = c->on->queue;
    ipc_msg *msg;
    ipc_err err = ipc_queue_get(queue, timeout_of(c), &msg);
    if (err) {
        return err;
    }
    keep(c, member(c->step, "as"), (thing){.queue = queue, .item = ipc_msg_ref(msg)});
    json_object_set_new(c->result, "attempt", json_integer(ipc_msg_attempt(msg)));
    return give_msg(c, IPC_OK, msg);
}

static ipc_err do_done(const call *c)
{
    return ipc_queue_done(c->on->queue, c->on->item);
}

static ipc_err do_release(const call *c)
{
    return ipc_queue_release(c->on->queue, c->on->item);
}

static ipc_err do_task_done(const call *c)
{
    return ipc_queue_task_done(c->on->queue);
}

static ipc_err do_join(const call *c)
{
    return ipc_queue_join(c->on->queue, timeout_of(c));
}

static ipc_err do_qsize(const call *c)
{
    uint64_t size;
    ipc_msg *msg = NULL;
    ipc_err err = ipc_queue_qsize(c->on->queue, &size);
    err = err ? err : ipc_pack(&msg, "U", size);
    return give_msg(c, err, msg);
}

static ipc_err do_empty(const call *c)
{
    bool empty;
    ipc_err err = ipc_queue_empty(c->on->queue, &empty);
    return give_bool(c, err, empty);
}

static ipc_err do_full(const call *c)
{
    bool full;
    ipc_err err = ipc_queue_full(c->on->queue, &full);
    return give_bool(c, err, full);
}

/* ---- pipes ---- */

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

/* ---- all handles, connections ---- */

static ipc_err do_name(const call *c)
{
    const char *name = c->on->queue ? ipc_queue_name(c->on->queue) : ipc_pipe_name(c->on->pipe);
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
    return IPC_OK;
}

static ipc_err do_unlink(const call *c)
{
    return ipc_unlink(c->self->conn, text_member(c->step, "name"));
}

static ipc_err do_list(const call *c)
{
    ipc_msg *list;
    ipc_err err = ipc_list(c->self->conn, &list);
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

/* ---- the actor ---- */

static const struct {
    const char *name;
    ipc_err (*run)(const call *c);
} steps[] = {
#define STEP(name)                                                                                                     \
    {                                                                                                                  \
#name, do_##name                                                                                               \
    }
    STEP(queue),   STEP(joinable_queue), STEP(pipe),   STEP(pipe_pair),  STEP(share),      STEP(attach),
    STEP(put),     STEP(put_nowait),     STEP(get),    STEP(get_nowait), STEP(take),       STEP(done),
    STEP(release), STEP(task_done),      STEP(join),   STEP(qsize),      STEP(empty),      STEP(full),
    STEP(send),    STEP(recv),           STEP(poll),   STEP(readable),   STEP(writable),   STEP(name),
    STEP(flush),   STEP(close),          STEP(unlink), STEP(list),       STEP(conn_flush), STEP(conn_close),
#undef STEP
};

static json_t *once(actor *self, const json_t *step)
{
    const char *name = text_member(step, "do");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strcmp(steps[i].name, name) == 0) {
            call c = {self, step, json_object(), NULL};
            c.on = json_object_get(step, "item") ? thing_of(&c, "item") : thing_of(&c, "on");
            ipc_err err = steps[i].run(&c);
            if (err) {
                json_object_clear(c.result);
                json_object_set_new(c.result, "fails", json_string(ipc_err_name(err)));
            }
            return c.result;
        }
    }
    broken("no step of that name", step);
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
        ipc_msg_free(it->item);
        free(it->name);
        free(it);
    }
    ipc_conn_free(self->conn);
    free(self);
}
