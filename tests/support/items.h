/*
 * What tests put and take: numbers, and values of any size whose bytes tell whether they are whole.
 * Touches the handles that it is given. Any thread; those that check, as support/check.h says.
 */
#ifndef SUPPORT_ITEMS_H
#define SUPPORT_ITEMS_H

#include "support/lane.h"

/* A session with one queue open in it. */
typedef struct user {
    ipc_conn *conn;
    ipc_queue *queue;
} user;

user user_of(const place *where, const char *name, bool joinable, uint64_t maxsize);
void user_leave(user *self);

/* Open a queue with options; the test fails where that fails. */
ipc_queue *queue_named(ipc_conn *conn, const char *name, bool joinable, uint64_t maxsize);

ipc_err put_number(ipc_queue *queue, int64_t number, int64_t timeout_ms);
ipc_err get_number(ipc_queue *queue, int64_t timeout_ms, int64_t *number);

/* Put first to last; and take them, in this order. */
void put_numbers(ipc_queue *queue, int64_t first, int64_t last);
void expect_numbers(ipc_queue *queue, int64_t first, int64_t last);

/* Take every number from first to last once, in any order; each must come within so many milliseconds. */
void expect_each(ipc_queue *queue, int64_t first, int64_t last, int64_t timeout_ms);

/* The number of a message. */
int64_t number_of(const ipc_msg *msg);

/* Take one item, which must be there soon. The caller frees it. */
ipc_msg *take(ipc_queue *queue);

/* What the hub says of a queue. */
uint64_t size_of(ipc_queue *queue);
uint64_t unfinished_of(ipc_queue *queue);

ipc_err send_number(ipc_pipe *pipe, int64_t number);
void expect_received(ipc_pipe *pipe, int64_t number);

/* Calls for call_start(): of a queue, or of a pipe, as long as it takes. What comes is dropped. */
ipc_err get_for_ever(void *queue);
ipc_err put_for_ever(void *queue); /* the number 1 */
ipc_err join_for_ever(void *queue);
ipc_err recv_for_ever(void *pipe);
ipc_err poll_for_ever(void *pipe); /* IPC_EEMPTY: over, and nothing is there */

/* Bytes of a size, different for every seed, packed; and whether a message is these. */
ipc_msg *pattern(size_t size, unsigned seed);
bool is_pattern(const ipc_msg *msg, size_t size, unsigned seed);

#endif
