/*
 * What a hub costs. "items": put that many into a queue; "sessions": open that many connections, each of which puts to
 * one queue and gets from it once; "start": the time to start a hub and to open the first queue. Before and after items
 * or sessions it stops, so that bench/run can look at the memory.
 * Touches libipc. One thread of its own.
 */
#include "driver/driver.h"

#include <stdlib.h>
#include <string.h>

static ipc_queue *open_queue(ipc_conn *conn, const char *name)
{
    ipc_queue *queue;
    bench_check(ipc_queue_open(&queue, conn, name, NULL), "ipc_queue_open");
    return queue;
}

static ipc_conn *connect_to(const char *address)
{
    ipc_conn *conn;
    bench_check(ipc_connect(&conn, address, NULL), "ipc_connect");
    return conn;
}

static void put_and_get(ipc_queue *queue)
{
    ipc_msg *msg;
    bench_check(ipc_pack(&msg, "i", (int64_t)1), "ipc_pack");
    bench_check(ipc_queue_put(queue, msg, IPC_FOREVER), "ipc_queue_put");
    ipc_msg_free(msg);
    bench_check(ipc_queue_get(queue, IPC_FOREVER, &msg), "ipc_queue_get");
    ipc_msg_free(msg);
}

static void items(const bench_options *options)
{
    ipc_conn *conn = connect_to(options->address);
    ipc_queue *queue = open_queue(conn, options->name);
    void *payload = bench_alloc(options->size);
    ipc_msg *msg;
    bench_check(ipc_pack(&msg, "B", payload, options->size), "ipc_pack");
    bench_ready();
    for (uint64_t i = 0; i < options->count; i++) {
        bench_check(ipc_queue_put(queue, msg, IPC_FOREVER), "ipc_queue_put");
    }
    bench_check(ipc_queue_flush(queue, IPC_FOREVER), "ipc_queue_flush");
    bench_ready();
    ipc_msg_free(msg);
    free(payload);
    ipc_queue_free(queue);
    ipc_conn_free(conn);
}

static void sessions(const bench_options *options)
{
    ipc_conn *first = connect_to(options->address);
    ipc_queue *queue = open_queue(first, options->name);
    ipc_conn **conns = bench_alloc(options->count * sizeof *conns);
    ipc_queue **queues = bench_alloc(options->count * sizeof *queues);
    bench_ready();
    for (uint64_t i = 0; i < options->count; i++) {
        conns[i] = connect_to(options->address);
        queues[i] = open_queue(conns[i], options->name);
        put_and_get(queues[i]);
    }
    bench_ready();
    for (uint64_t i = 0; i < options->count; i++) {
        ipc_queue_free(queues[i]);
        ipc_conn_free(conns[i]);
    }
    free(queues);
    free(conns);
    ipc_queue_free(queue);
    ipc_conn_free(first);
}

static void start(const bench_options *options)
{
    bench_ready();
    uint64_t begun = bench_now();
    ipc_conn *conn = connect_to(options->address);
    ipc_queue *queue = open_queue(conn, options->name);
    bench_number("start_ms", (double)(bench_now() - begun) / 1e6);
    ipc_queue_free(queue);
    ipc_conn_free(conn);
}

int main(int argc, char **argv)
{
    bench_options options = bench_parse(argc, argv);
    if (strcmp(options.role, "items") == 0) {
        items(&options);
    } else if (strcmp(options.role, "sessions") == 0) {
        sessions(&options);
    } else if (strcmp(options.role, "start") == 0) {
        start(&options);
    } else {
        bench_fail("items, sessions or start");
    }
    return 0;
}
