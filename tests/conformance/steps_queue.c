/*
 * The steps of queues.
 * Touches the actor's handles and items. One thread.
 */
#include "steps.h"

#include <stdlib.h>
#include <string.h>

/* ---- opening ---- */

static ipc_redeliver redeliver_of(const call *c)
{
    static const char *const words[] = {"crash", "always", "never"};
    const char *word = json_string_value(json_object_get(c->step, "redeliver"));
    for (int i = 0; word && i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (ipc_redeliver)i;
        }
    }
    return word ? (ipc_redeliver)99 : IPC_REDELIVER_CRASH; /* 99: a word that means nothing */
}

static ipc_err open_queue(const call *c, bool joinable)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = joinable;
    options.mode = mode_of(c);
    options.maxsize = number_of(c, "maxsize");
    options.redeliver = redeliver_of(c);
    options.max_deliveries = (uint32_t)number_of(c, "max_deliveries");
    char *dead_letter = name_of(c, "dead_letter");
    options.dead_letter = dead_letter;
    char *name = name_of(c, "name");
    ipc_queue *queue;
    ipc_err err = ipc_queue_open(&queue, c->self->conn, name, &options);
    free(dead_letter);
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

/* ---- one at a time ---- */

static ipc_err put(const call *c, int64_t timeout_ms)
{
    ipc_msg *msg = notation_pack(member(c->step, "value"));
    bool confirm = json_is_true(json_object_get(c->step, "confirm"));
    ipc_err err = (confirm ? ipc_queue_put_confirm : ipc_queue_put)(c->on->queue, msg, timeout_ms);
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
    json_object_set_new(c->result, "late", json_boolean(ipc_msg_late(msg)));
    return give_msg(c, IPC_OK, msg);
}

/* ---- several at once ---- */

static ipc_err do_put_many(const call *c)
{
    const json_t *values = member(c->step, "values");
    size_t count = json_array_size(values);
    ipc_packed *packed = calloc(count + 1, sizeof *packed);
    ipc_msg **msgs = calloc(count + 1, sizeof *msgs);
    if (!packed || !msgs) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        msgs[i] = notation_pack(json_array_get(values, i));
        packed[i].bytes = ipc_msg_bytes(msgs[i], &packed[i].length);
    }
    size_t put = 0;
    ipc_err err = ipc_queue_put_many(c->on->queue, packed, count, timeout_of(c), &put);
    for (size_t i = 0; i < count; i++) {
        ipc_msg_free(msgs[i]);
    }
    free(msgs);
    free(packed);
    json_object_set_new(c->result, "put", json_integer((json_int_t)put));
    return give_number(c, err, put);
}

/* Take at most so many, and add them to the list. */
static ipc_err get_batch(const call *c, size_t max, json_t *list)
{
    ipc_msg **items = calloc(max + 1, sizeof *items);
    if (!items) {
        abort();
    }
    size_t count = 0;
    ipc_err err = ipc_queue_get_many(c->on->queue, timeout_of(c), max, items, &count);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, notation_of(items[i]));
        ipc_msg_free(items[i]);
    }
    free(items);
    return err;
}

static ipc_err do_get_many(const call *c)
{
    size_t max = number_of(c, "max");
    size_t wanted = number_of(c, "count");
    json_t *list = json_array();
    ipc_err err = get_batch(c, max, list);
    while (!err && json_array_size(list) < wanted) {
        size_t missing = wanted - json_array_size(list);
        err = get_batch(c, missing < max ? missing : max, list);
    }
    json_object_set_new(c->result, "gives", json_pack("{s:o}", "array", list));
    return err;
}

static ipc_err do_shutdown(const call *c)
{
    bool immediate = json_is_true(json_object_get(c->step, "immediate"));
    return ipc_queue_shutdown(c->on->queue, immediate ? IPC_SHUTDOWN_IMMEDIATE : IPC_SHUTDOWN_DRAIN);
}

/* ---- finishing ---- */

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

/* ---- looking ---- */

static ipc_err do_qsize(const call *c)
{
    uint64_t size;
    ipc_err err = ipc_queue_qsize(c->on->queue, &size);
    return give_number(c, err, size);
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

const step_kind queue_steps[] = {
    {"queue", do_queue},
    {"joinable_queue", do_joinable_queue},
    {"put", do_put},
    {"put_nowait", do_put_nowait},
    {"get", do_get},
    {"get_nowait", do_get_nowait},
    {"take", do_take},
    {"put_many", do_put_many},
    {"get_many", do_get_many},
    {"shutdown", do_shutdown},
    {"done", do_done},
    {"release", do_release},
    {"task_done", do_task_done},
    {"join", do_join},
    {"qsize", do_qsize},
    {"empty", do_empty},
    {"full", do_full},
    {NULL, NULL},
};
