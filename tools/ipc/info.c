/*
 * ipc info: look at named objects.
 * Touches one session with the hub, and standard output. One thread.
 */
#include "cli.h"
#include "report.h"

#include <stdio.h>

static int info_one(ipc_conn *conn, const char *name, report_form form)
{
    ipc_msg *info = NULL;
    ipc_err err = ipc_info(conn, name, &info);
    int status = err ? cli_fail(err, "cannot look at \"%s\"", name) : report(info, form, NULL, NULL);
    ipc_msg_free(info);
    return status;
}

static int info_run(int argc, char **argv)
{
    const char *address;
    bool json;
    int status = cli_look_options(argc, argv, &info_command, &address, &json);
    if (status != STATUS_GO_ON) {
        return status;
    }
    report_form form = json ? REPORT_JSON : REPORT_TEXT;
    if (optind == argc) {
        return cli_usage("on which object? \"ipc ls\" lists them");
    }
    ipc_conn *conn;
    status = cli_connect(&conn, address);
    if (status == STATUS_GO_ON) {
        status = report_each(info_one, conn, argv + optind, argc - optind, form);
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
