/*
 * jobs ADDRESS COUNT: puts jobs on the joinable queue "jobs", waits until all are done, and tells the workers so by
 * deleting the queue. The workers may be in any language: worker.c, worker.py, worker.lua.
 * Touches the hub at ADDRESS, which is started if there is none. One thread.
 */
#include <ipc/ipc.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 60 * 1000 };

static void check(ipc_err err, const char *what)
{
    if (err) {
        fprintf(stderr, "jobs: cannot %s: %s (%s)\n", what, ipc_strerror(err), ipc_last_error());
        exit(1);
    }
}

static void put_job(ipc_queue *jobs, int id)
{
    char path[32];
    snprintf(path, sizeof path, "image-%d.png", id);
    ipc_msg *job;
    check(ipc_pack(&job, "{s:i,s:s}", "id", id, "path", path), "pack a job");
    check(ipc_queue_put(jobs, job, IPC_FOREVER), "put a job");
    ipc_msg_free(job);
}

int main(int argc, char **argv)
{
    int count = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    if (count <= 0) {
        fputs("usage: jobs ADDRESS COUNT\n", stderr);
        return 2;
    }
    ipc_conn *conn;
    check(ipc_connect(&conn, argv[1], NULL), "connect");
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = true;
    ipc_queue *jobs;
    check(ipc_queue_open(&jobs, conn, "jobs", &options), "open the queue");
    for (int id = 1; id <= count; id++) {
        put_job(jobs, id);
    }
    check(ipc_queue_join(jobs, PATIENCE_MS), "join the queue");
    check(ipc_unlink(conn, "jobs"), "delete the queue");
    printf("%d jobs are done\n", count);
    ipc_queue_free(jobs);
    ipc_conn_free(conn);
    return 0;
}
