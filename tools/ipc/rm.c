/*
 * ipc rm: delete named objects.
 * Touches one session with the hub. One thread.
 */
#include "cli.h"

#include <getopt.h>
#include <stddef.h>

static int remove_all(ipc_conn *conn, char **names, int count, bool force)
{
    int status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        ipc_err err = ipc_unlink(conn, names[i]);
        if (err && !(force && err == IPC_ENOENT)) {
            status = cli_fail(err, "cannot delete \"%s\"", names[i]);
        }
    }
    return status;
}

static int rm_run(int argc, char **argv)
{
    static const struct option longs[] = {{"address", required_argument, NULL, 'a'},
                                          {"force", no_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *address = NULL;
    bool force = false;
    for (int option; (option = getopt_long(argc, argv, "a:fh", longs, NULL)) != -1;) {
        switch (option) {
        case 'a':
            address = optarg;
            break;
        case 'f':
            force = true;
            break;
        default:
            return cli_other_option(option, &rm_command);
        }
    }
    if (optind == argc) {
        return cli_usage("which object? \"ipc ls\" lists them");
    }
    ipc_conn *conn;
    int status = cli_connect(&conn, address);
    if (status == STATUS_GO_ON) {
        status = remove_all(conn, argv + optind, argc - optind, force);
        ipc_conn_free(conn);
    }
    return status;
}

const command rm_command = {
    .name = "rm",
    .summary = "delete objects and what they hold",
    .usage = "Usage: ipc rm [OPTION...] NAME...\n"
             "Delete the objects of these names, with all that they hold.\n"
             "\n" CLI_ADDRESS_HELP "  -f, --force            a name that there is not is no error\n" CLI_HELP_HELP,
    .run = rm_run,
};
