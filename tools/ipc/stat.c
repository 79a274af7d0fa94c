/*
 * ipc stat: look at hubs.
 * Touches one session with each hub in turn, and standard output. One thread.
 */
#include "cli.h"
#include "report.h"

#include <getopt.h>
#include <stdio.h>

static int stat_one(const char *address, report_form form)
{
    ipc_conn *conn;
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

/* Each of them, whatever becomes of the others. The last failure's status. */
static int stat_all(char **addresses, int count, report_form form)
{
    int status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        if (i > 0 && form == REPORT_TEXT) {
            putchar('\n');
        }
        int one = stat_one(addresses[i], form);
        status = one ? one : status;
        if (one == STATUS_STOPPED) {
            break;
        }
    }
    return status;
}

static int stat_run(int argc, char **argv)
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
            return cli_other_option(option, &stat_command);
        }
    }
    if (optind == argc) {
        return stat_one(cli_address(address), form);
    }
    if (address) {
        return cli_usage("addresses stand behind --address or by themselves, not both");
    }
    return stat_all(argv + optind, argc - optind, form);
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
