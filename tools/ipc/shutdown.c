/*
 * ipc shutdown: nothing more can be put into a queue.
 * Touches one session with the hub. One thread.
 */
#include "cli.h"

#include <getopt.h>

static int shut_down(ipc_conn *conn, const char *name, ipc_shutdown how)
{
    ipc_queue *queue = NULL;
    int status = cli_attach(&queue, conn, name);
    if (status == STATUS_GO_ON) {
        ipc_err err = ipc_queue_shutdown(queue, how);
        status = err ? cli_fail(err, "cannot shut down queue \"%s\"", name) : STATUS_OK;
        ipc_queue_free(queue);
    }
    return status;
}

/* Each of them, whatever becomes of the others. The last failure's status. */
static int shut_down_all(ipc_conn *conn, char **names, int count, ipc_shutdown how)
{
    int status = STATUS_OK;
    for (int i = 0; i < count && status != STATUS_STOPPED; i++) {
        int one = shut_down(conn, names[i], how);
        status = one ? one : status;
    }
    return status;
}

static int shutdown_run(int argc, char **argv)
{
    static const struct option longs[] = {{"address", required_argument, NULL, 'a'},
                                          {"immediate", no_argument, NULL, 'i'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *address = NULL;
    ipc_shutdown how = IPC_SHUTDOWN_DRAIN;
    for (int option; (option = getopt_long(argc, argv, "a:ih", longs, NULL)) != -1;) {
        switch (option) {
        case 'a':
            address = optarg;
            break;
        case 'i':
            how = IPC_SHUTDOWN_IMMEDIATE;
            break;
        default:
            return cli_other_option(option, &shutdown_command);
        }
    }
    if (optind == argc) {
        return cli_usage("which queue? \"ipc ls\" lists them");
    }
    ipc_conn *conn;
    int status = cli_connect(&conn, address);
    if (status == STATUS_GO_ON) {
        status = shut_down_all(conn, argv + optind, argc - optind, how);
        ipc_conn_free(conn);
    }
    return status;
}

const command shutdown_command = {
    .name = "shutdown",
    .summary = "end queues: nothing more can be put",
    .usage =
        "Usage: ipc shutdown [OPTION...] NAME...\n"
        "Shut down the queues of these names: nothing more can be put into them, and consumers meet\n"
        "the end when they have taken what is there.\n"
        "\n" CLI_ADDRESS_HELP "  -i, --immediate        drop what nobody has taken; it counts as done\n" CLI_HELP_HELP,
    .run = shutdown_run,
};
