/*
 * What the subcommands share: messages, numbers on the command line, reaching the hub and a queue.
 * Touches standard error. One thread.
 */
#ifndef TOOL_CLI_H
#define TOOL_CLI_H

#include "command.h"

#include <getopt.h>
#include <ipc/ipc.h>
#include <stdbool.h>
#include <stdint.h>

/* The option that every subcommand with an address has, and the help text for it. */
#define CLI_ADDRESS_HELP                                                                                               \
    "  -a, --address ADDRESS  the hub: a name (started if there is none), ipc:///path or\n"                            \
    "                         tcp://host:port; without it $LIBIPC_ADDRESS, or else the\n"                              \
    "                         hub named \"default\"\n"
#define CLI_HELP_HELP "  -h, --help             show this text\n"

/* What messages begin with: "ipc", or "ipc put". Borrowed. */
void cli_set_program(const char *name);

/* Print a message. */
__attribute__((format(printf, 1, 2))) void cli_say(const char *format, ...);

/* Print a message and where help is. STATUS_USAGE. */
__attribute__((format(printf, 1, 2))) int cli_usage(const char *format, ...);

/* Directly after a call of the library failed: print the message and the library's words. The status for the error. */
__attribute__((format(printf, 2, 3))) int cli_fail(ipc_err err, const char *format, ...);

/* An option that getopt_long() returned and the subcommand does not know itself: help, or a mistake. */
int cli_other_option(int option, const command *self);

/* Did all that was printed get out? STATUS_OK, or STATUS_ERROR with a message. */
int cli_flush(void);

/* ---- numbers: STATUS_GO_ON, or STATUS_USAGE with a message that names the option ---- */

int cli_count(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *number);

/* With K, M, G or T behind it: times 1024 and so on. */
int cli_bytes(const char *option, const char *text, uint64_t most, uint64_t *number);

/* Decimal, to milliseconds. */
int cli_seconds(const char *option, const char *text, int64_t *ms);

/* ---- hub and queue ---- */

/* The address to use when none is given. */
const char *cli_address(const char *given);

/* STATUS_GO_ON, or a message was printed. */
int cli_connect(ipc_conn **conn, const char *address);

/* How a queue is opened. */
typedef struct cli_queue {
    const char *address;
    const char *name;
    bool with_options; /* any was given: the queue has to have them. Otherwise it is taken as it is */
    ipc_queue_options options;
    ipc_conn *conn;
    ipc_queue *queue;
} cli_queue;

#define CLI_QUEUE_INIT                                                                                                 \
    {                                                                                                                  \
        .options = IPC_QUEUE_OPTIONS_INIT                                                                              \
    }

/* The options that make a queue, and the help text for them. */
#define CLI_QUEUE_LONGS                                                                                                \
    {"maxsize", required_argument, NULL, 'M'},                                                                         \
    {                                                                                                                  \
        "joinable", no_argument, NULL, 'J'                                                                             \
    }
#define CLI_QUEUE_HELP                                                                                                 \
    "      --joinable         the queue is joinable: items stay leased until they are done\n"                          \
    "      --maxsize N        the most items it holds; without it there is no bound\n"

/* Take in one option that getopt_long() returned. STATUS_GO_ON, or how the command ends. */
int cli_queue_option(cli_queue *target, int option, const char *arg, const command *self);

/* Connect and open, making the queue if there is none. STATUS_GO_ON, or a message was printed. */
int cli_open(cli_queue *target);

/* Close both. */
void cli_close(cli_queue *target);

#endif
