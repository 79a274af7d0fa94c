/*
 * ipc info: look at named objects.
 * Touches one session with the hub, and standard output. One thread.
 */
#include "cli.h"
#include "report.h"

#include <getopt.h>
#include <stdio.h>

static int info_one(ipc_conn *conn, const char *name, report_form form)
{
    ipc_msg *info = NULL;
    ipc_err err = ipc_info(conn, name, &info);
    int status = err ? cli_fail(err, "cannot look at \"%s\"", name) : report(info, form, NULL, NULL);
    ipc_msg_free(info);
    return status;
}

/* Each of them, whatever becomes of the others. The last failure's status. */
static int info_all(ipc_conn *conn, char **names, int count, report_form form)
{
    int status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        if (i > 0 && form == REPORT_TEXT) {
            putchar('\n');
        }
        int one = info_one(conn, names[i], form);
        status = one ? one : status;
        if (one == STATUS_STOPPED) {
            break;
        }
    }
    return status;
}

static int info_run(int argc, char **argv)
{
    static const struct option longs[] = {{"address", required_argument, NULL, 'a'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *address = NULL;
    report_form form = REPORT_TEXT;
    for (int option; (option = getopt_long(argc, argv, "a:jh", longs, NULL)) != -1;) {
        switch (option) {
        case 'a':
            address = optarg;
            break;
        case 'j':
            form = REPORT_JSON;
            break;
        default:
            return cli_other_option(option, &info_command);
        }
    }
    if (optind == argc) {
        return cli_usage("on which object? \"ipc ls\" lists them");
    }
    ipc_conn *conn;
    int status = cli_connect(&conn, address);
    if (status == STATUS_GO_ON) {
        status = info_all(conn, argv + optind, argc - optind, form);
        ipc_conn_free(conn);
    }
    return status;
}

const command info_command = {
    .name = "info",
    .summary = "look at objects: options, what they hold, who holds them, who waits",
    .usage = "Usage: ipc info [OPTION...] NAME...\n"
             "Say what there is to know of the objects of these names: type, options, what they hold,\n"
             "who waits, and which sessions have handles on them. docs/command.md explains each line.\n"
             "\n" CLI_ADDRESS_HELP "  -j, --json             one JSON object a line for each of them\n" CLI_HELP_HELP,
    .run = info_run,
};
