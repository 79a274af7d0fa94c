/*
 * ipc stat: look at hubs.
 * Touches one session with each hub in turn, and standard output. One thread.
 */
#include "cli.h"
#include "report.h"

#include <stdio.h>

/* A session of its own: conn is none. */
static int stat_one(ipc_conn *conn, const char *address, report_form form)
{
    int status = cli_connect(&conn, address);
    if (status != STATUS_GO_ON) {
        return status;
    }
    ipc_msg *stat = NULL;
    ipc_err err = ipc_stat(conn, &stat);
    status = err ? cli_fail(err, "cannot look at the hub \"%s\"", address)
                 : report(stat, form, "address", ipc_conn_address(conn));
    ipc_msg_free(stat);
    ipc_conn_free(conn);
    return status;
}

static int stat_run(int argc, char **argv)
{
    const char *address;
    bool json;
    int status = cli_look_options(argc, argv, &stat_command, &address, &json);
    if (status != STATUS_GO_ON) {
        return status;
    }
    report_form form = json ? REPORT_JSON : REPORT_TEXT;
    if (optind == argc) {
        return stat_one(NULL, cli_address(address), form);
    }
    if (address) {
        return cli_usage("addresses stand behind --address or by themselves, not both");
    }
    return report_each(stat_one, NULL, argv + optind, argc - optind, form);
}

const command stat_command = {
    .name = "stat",
    .summary = "look at hubs: version, sessions, memory, limits, refusals",
    .usage = "Usage: ipc stat [OPTION...] [ADDRESS...]\n"
             "Say what there is to know of each of the hubs: what it is, what it holds, its limits,\n"
             "what it refused, and who has a session with it, this command included.\n"
             "docs/command.md explains each line.\n"
             "\n" CLI_ADDRESS_HELP "  -j, --json             one JSON object a line for each hub\n" CLI_HELP_HELP,
    .run = stat_run,
};
