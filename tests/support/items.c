/*
 * What tests put and take: numbers, and patterns of any size.
 * Touches the handles that it is given. Any thread.
 */
#include "support/items.h"

#include <stdlib.h>

user user_of(const place *where, const char *name, bool joinable, uint64_t maxsize)
{
    user self = {.conn = connect_to(where)};
    self.queue = queue_named(self.conn, name, joinable, maxsize);
    return self;
}

void user_leave(user *self)
{
    ipc_queue_free(self->queue);
    ipc_conn_free(self->conn);
    *self = (user){0};
}

ipc_queue *queue_named(ipc_conn *conn, const char *name, bool joinable, uint64_t maxsize)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = joinable;
    options.maxsize = maxsize;
    ipc_queue *queue;
    CHECK_OK(ipc_queue_open(&queue, conn, name, &options));
    return queue;
}

/* ---- numbers ---- */

ipc_err put_number(ipc_queue *queue, int64_t number, int64_t timeout_ms)
{
    ipc_msg *msg;
    ipc_err err = ipc_pack(&msg, "I", number);
    if (!err) {
        err = ipc_queue_put(queue, msg, timeout_ms);
        ipc_msg_free(msg);
    }
    return err;
}

int64_t number_of(const ipc_msg *msg)
{
    int64_t number = 0;
    CHECK_OK(ipc_unpack(msg, "I", &number));
    return number;
}

ipc_err get_number(ipc_queue *queue, int64_t timeout_ms, int64_t *number)
{
    ipc_msg *msg;
    ipc_err err = ipc_queue_get(queue, timeout_ms, &msg);
    if (!err) {
        *number = number_of(msg);
        ipc_msg_free(msg);
    }
    return err;
}

void put_numbers(ipc_queue *queue, int64_t first, int64_t last)
{
    for (int64_t number = first; number <= last; number++) {
        CHECK_OK(put_number(queue, number, DEADLINE_MS));
    }
}

void expect_numbers(ipc_queue *queue, int64_t first, int64_t last)
{
    for (int64_t number = first; number <= last; number++) {
        int64_t got = 0;
        CHECK_OK(get_number(queue, DEADLINE_MS, &got));
        CHECK_INT(got, number);
    }
}

void expect_each(ipc_queue *queue, int64_t first, int64_t last, int64_t timeout_ms)
{
    bool *seen = calloc((size_t)(last - first + 1), sizeof *seen);
    CHECK(seen);
    for (int64_t i = first; i <= last; i++) {
        int64_t number = 0;
        CHECK_OK(get_number(queue, timeout_ms, &number));
        CHECK(number >= first && number <= last && !seen[number - first]);
        seen[number - first] = true;
    }
    free(seen);
}

ipc_msg *take(ipc_queue *queue)
{
    ipc_msg *msg;
    CHECK_OK(ipc_queue_get(queue, DEADLINE_MS, &msg));
    return msg;
}

uint64_t size_of(ipc_queue *queue)
{
    uint64_t size = 0;
    CHECK_OK(ipc_queue_qsize(queue, &size));
    return size;
}

uint64_t unfinished_of(ipc_queue *queue)
{
    ipc_queue_info info;
    CHECK_OK(ipc_queue_stat(queue, &info));
    return info.unfinished;
}

ipc_err send_number(ipc_pipe *pipe, int64_t number)
{
    ipc_msg *msg;
    CHECK_OK(ipc_pack(&msg, "I", number));
    ipc_err err = ipc_pipe_send(pipe, msg, DEADLINE_MS);
    ipc_msg_free(msg);
    return err;
}

void expect_received(ipc_pipe *pipe, int64_t number)
{
    ipc_msg *msg;
    CHECK_OK(ipc_pipe_recv(pipe, DEADLINE_MS, &msg));
    CHECK_INT(number_of(msg), number);
    ipc_msg_free(msg);
}

/* ---- patterns ---- */

static unsigned char pattern_byte(size_t at, unsigned seed)
{
    return (unsigned char)((at * 131 + (at >> 8) * 29 + seed * 17) & 0xff);
}

ipc_msg *pattern(size_t size, unsigned seed)
{
    unsigned char *bytes = malloc(size + 1);
    CHECK(bytes);
    for (size_t at = 0; at < size; at++) {
        bytes[at] = pattern_byte(at, seed);
    }
    ipc_msg *msg;
    CHECK_OK(ipc_pack(&msg, "B", bytes, size));
    free(bytes);
    return msg;
}

bool is_pattern(const ipc_msg *msg, size_t size, unsigned seed)
{
    const void *data;
    size_t length;
    if (ipc_unpack(msg, "B", &data, &length) || length != size) {
        return false;
    }
    const unsigned char *bytes = data;
    for (size_t at = 0; at < size; at++) {
        if (bytes[at] != pattern_byte(at, seed)) {
            return false;
        }
    }
    return true;
}

ipc_err get_for_ever(void *queue)
{
    int64_t number;
    return get_number(queue, IPC_FOREVER, &number);
}

ipc_err put_for_ever(void *queue)
{
    return put_number(queue, 1, IPC_FOREVER);
}

ipc_err join_for_ever(void *queue)
{
    return ipc_queue_join(queue, IPC_FOREVER);
}

ipc_err recv_for_ever(void *pipe)
{
    ipc_msg *msg;
    ipc_err err = ipc_pipe_recv(pipe, IPC_FOREVER, &msg);
    ipc_msg_free(msg);
    return err;
}

ipc_err poll_for_ever(void *pipe)
{
    bool ready = false;
    ipc_err err = ipc_pipe_poll(pipe, IPC_FOREVER, &ready);
    return !err && !ready ? IPC_EEMPTY : err;
}
