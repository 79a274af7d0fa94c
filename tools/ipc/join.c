/*
 * ipc join: wait until all that was put into joinable queues is done.
 * Touches one session with the hub. One thread.
 */
#include "cli.h"

#include <getopt.h>

static int join_one(ipc_conn *conn, const char *name, int64_t timeout_ms)
{
    ipc_queue *queue = NULL;
    int status = cli_attach(&queue, conn, name);
    if (status == STATUS_GO_ON) {
        ipc_err err = ipc_queue_join(queue, timeout_ms);
        if (err == IPC_EINVAL) {
            status = cli_fail(err, "cannot wait for queue \"%s\"", name);
        } else {
            status = err ? cli_fail(err, "not all items of queue \"%s\" are done", name) : STATUS_OK;
        }
        ipc_queue_free(queue);
    }
    return status;
}

static int join_run(int argc, char **argv)
{
    static const struct option longs[] = {{"address", required_argument, NULL, 'a'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *address = NULL;
    int64_t timeout_ms = IPC_FOREVER;
    int status = STATUS_GO_ON;
    for (int option; (option = getopt_long(argc, argv, "a:t:h", longs, NULL)) != -1;) {
        switch (option) {
        case 'a':
            address = optarg;
            break;
        case 't':
            status = cli_seconds("--timeout", optarg, &timeout_ms);
            break;
        default:
            status = cli_other_option(option, &join_command);
        }
        if (status != STATUS_GO_ON) {
            return status;
        }
    }
    if (argc - optind != 1) {
        return cli_usage("join takes the name of one queue");
    }
    ipc_conn *conn;
    status = cli_connect(&conn, address);
    if (status == STATUS_GO_ON) {
        status = join_one(conn, argv[optind], timeout_ms);
        ipc_conn_free(conn);
    }
    return status;
}

const command join_command = {
    .name = "join",
    .summary = "wait until all items of a joinable queue are done",
    .usage = "Usage: ipc join [OPTION...] NAME\n"
             "Wait until every item that was put into the joinable queue NAME is done.\n"
             "\n" CLI_ADDRESS_HELP
             "  -t, --timeout SECONDS  how long to wait: then status 7; without it for ever\n" CLI_HELP_HELP,
    .run = join_run,
};
