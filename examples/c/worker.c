/*
 * worker ADDRESS: takes jobs from the joinable queue "jobs" until it is deleted. Kill it, and another worker gets what it
 * had not done.
 * Touches the hub at ADDRESS, which is started if there is none. One thread.
 */
#include <ipc/ipc.h>
#include <stdio.h>
#include <stdlib.h>

static void check(ipc_err err, const char *what)
{
    if (err) {
        fprintf(stderr, "worker: cannot %s: %s (%s)\n", what, ipc_strerror(err), ipc_last_error());
        exit(1);
    }
}

static void work(const ipc_msg *job)
{
    int id;
    const char *path;
    check(ipc_unpack(job, "{s:i,s:s}", "id", &id, "path", &path), "read a job");
    printf("job %d: %s%s\n", id, path, ipc_msg_attempt(job) > 1 ? " (again)" : "");
    fflush(stdout); /* a job is done when what it was for has happened, not when it waits in a buffer */
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: worker ADDRESS\n", stderr);
        return 2;
    }
    ipc_conn *conn;
    check(ipc_connect(&conn, argv[1], NULL), "connect");
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.joinable = true;
    ipc_queue *jobs;
    check(ipc_queue_open(&jobs, conn, "jobs", &options), "open the queue");
    ipc_msg *job;
    ipc_err err;
    while ((err = ipc_queue_get(jobs, IPC_FOREVER, &job)) == IPC_OK) {
        work(job);
        check(ipc_queue_done(jobs, job), "finish a job");
        ipc_msg_free(job);
    }
    if (err != IPC_EDELETED) {
        check(err, "take a job");
    }
    ipc_queue_free(jobs);
    ipc_conn_free(conn);
    return 0;
}
