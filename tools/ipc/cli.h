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
const char *cli_program(void);

/* Print a message. */
__attribute__((format(printf, 1, 2))) void cli_say(const char *format, ...);

/* Print a message and where help is. STATUS_USAGE. */
__attribute__((format(printf, 1, 2))) int cli_usage(const char *format, ...);

/* Directly after a call of the library failed: print the message and the library's words. The status for the error. */
__attribute__((format(printf, 2, 3))) int cli_fail(ipc_err err, const char *format, ...);

/* An option that getopt_long() returned and the subcommand does not know itself: help, or a mistake. */
int cli_other_option(int option, const command *self);

/* The options of a subcommand that only looks: --address, --json, --help. STATUS_GO_ON, or it is over with this status. */
int cli_look_options(int argc, char **argv, const command *self, const char **address, bool *json);

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

/* While the library waits: a signal to stop (stop.h) cancels the call. */
extern const ipc_wait_hooks cli_hooks;

/* How a queue is opened. */
typedef struct cli_queue {
    const char *address;
    const char *name;
    bool with_options;         /* any was given: the queue has to have them. Otherwise it is taken as it is */
    const char *only_joinable; /* an option that was given and needs a joinable queue; or NULL */
    ipc_queue_options options;
    ipc_conn *conn;
    ipc_queue *queue;
} cli_queue;

#define CLI_QUEUE_INIT                                                                                                 \
    {                                                                                                                  \
        .options = IPC_QUEUE_OPTIONS_INIT                                                                              \
    }

/* The options that make a queue, and the help text for them. */
enum {
    CLI_JOINABLE = 256,
    CLI_MAXSIZE,
    CLI_REDELIVER,
    CLI_MAX_DELIVERIES,
    CLI_DEAD_LETTER,
    CLI_QUEUE_OPTIONS_END,
};
#define CLI_QUEUE_LONGS                                                                                                \
    {"joinable", no_argument, NULL, CLI_JOINABLE}, {"maxsize", required_argument, NULL, CLI_MAXSIZE},                  \
        {"redeliver", required_argument, NULL, CLI_REDELIVER},                                                         \
        {"max-deliveries", required_argument, NULL, CLI_MAX_DELIVERIES},                                               \
    {                                                                                                                  \
        "dead-letter", required_argument, NULL, CLI_DEAD_LETTER                                                        \
    }
#define CLI_QUEUE_HELP                                                                                                 \
    "\n"                                                                                                               \
    "How the queue is made, or has to be. Without any of these it is taken as it is:\n"                                \
    "      --joinable          items stay leased until they are done\n"                                                \
    "      --maxsize N         the most items it holds; without it there is no bound\n"                                \
    "      --redeliver WHEN    which ends of a consumer hand out again what it has not\n"                              \
    "                          finished: crash (without it), always or never\n"                                        \
    "      --max-deliveries N  an item that came back so often is not handed out again\n"                              \
    "      --dead-letter NAME  but goes into this queue; without it, it is dropped\n"

/* Take in one option that getopt_long() returned. STATUS_GO_ON, or how the command ends. */
int cli_queue_option(cli_queue *target, int option, const char *arg, const command *self);

/* When all are taken in: do they go together? STATUS_GO_ON, or STATUS_USAGE. */
int cli_queue_check(const cli_queue *target);

/* Connect and open, making the queue if there is none. STATUS_GO_ON, or a message was printed. */
int cli_open(cli_queue *target);

/* Open a queue that there is, as it is. STATUS_GO_ON, or a message was printed. */
int cli_attach(ipc_queue **queue, ipc_conn *conn, const char *name);

/* Close both. */
void cli_close(cli_queue *target);

#endif
