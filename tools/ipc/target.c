/*
 * Reaching the hub and a queue.
 * Touches one session with the hub, and standard error. One thread.
 */
#include "cli.h"

#include "stop.h"

#include <stdlib.h>
#include <string.h>

/* ---- hub ---- */

const char *cli_address(const char *given)
{
    if (given &&
        *given) { /* an empty one, as of a variable that is not set, is none: never a hub that ends with this command */
        return given;
    }
    const char *set = getenv("LIBIPC_ADDRESS");
    return set && *set ? set : "default";
}

int cli_connect(ipc_conn **conn, const char *address)
{
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.program = cli_program();
    const char *chosen = cli_address(address);
    ipc_err err = ipc_connect(conn, chosen, &options);
    return err ? cli_fail(err, "cannot reach the hub \"%s\"", chosen) : STATUS_GO_ON;
}

static int interrupted(void *arg)
{
    (void)arg;
    return stop_signal() != 0;
}

const ipc_wait_hooks cli_hooks = {.interrupted = interrupted};

/* ---- a queue's options ---- */

static int read_redeliver(const char *text, ipc_redeliver *redeliver)
{
    static const char *const names[] = {
        [IPC_REDELIVER_CRASH] = "crash", [IPC_REDELIVER_ALWAYS] = "always", [IPC_REDELIVER_NEVER] = "never"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *redeliver = (ipc_redeliver)i;
            return STATUS_GO_ON;
        }
    }
    return cli_usage("--redeliver takes crash, always or never, not \"%s\"", text);
}

static int read_max_deliveries(const char *text, uint32_t *most)
{
    uint64_t number = 0;
    int status = cli_count("--max-deliveries", text, 1, 1000, &number);
    *most = (uint32_t)number;
    return status;
}

int cli_queue_option(cli_queue *target, int option, const char *arg, const command *self)
{
    ipc_queue_options *options = &target->options;
    target->with_options = target->with_options || (option >= CLI_JOINABLE && option < CLI_QUEUE_OPTIONS_END);
    switch (option) {
    case 'a':
        target->address = arg;
        return STATUS_GO_ON;
    case CLI_JOINABLE:
        options->joinable = true;
        return STATUS_GO_ON;
    case CLI_MAXSIZE:
        return cli_count("--maxsize", arg, 1, INT64_MAX, &options->maxsize);
    case CLI_REDELIVER:
        target->only_joinable = "--redeliver";
        return read_redeliver(arg, &options->redeliver);
    case CLI_MAX_DELIVERIES:
        target->only_joinable = "--max-deliveries";
        return read_max_deliveries(arg, &options->max_deliveries);
    case CLI_DEAD_LETTER:
        target->only_joinable = "--dead-letter";
        options->dead_letter = arg;
        return STATUS_GO_ON;
    default:
        return cli_other_option(option, self);
    }
}

int cli_queue_check(const cli_queue *target)
{
    if (target->only_joinable && !target->options.joinable) {
        return cli_usage("%s is for joinable queues: it goes with --joinable", target->only_joinable);
    }
    if (target->options.dead_letter && target->options.max_deliveries == 0) {
        return cli_usage("--dead-letter goes with --max-deliveries: after how many does an item go there?");
    }
    return STATUS_GO_ON;
}

/* ---- a queue ---- */

int cli_open(cli_queue *target)
{
    int status = cli_connect(&target->conn, target->address);
    if (status != STATUS_GO_ON) {
        return status;
    }
    ipc_err err =
        ipc_queue_open(&target->queue, target->conn, target->name, target->with_options ? &target->options : NULL);
    return err ? cli_fail(err, "cannot open queue \"%s\"", target->name) : STATUS_GO_ON;
}

int cli_attach(ipc_queue **queue, ipc_conn *conn, const char *name)
{
    ipc_queue_options options = IPC_QUEUE_OPTIONS_INIT;
    options.mode = IPC_OPEN_AS_IS;
    ipc_err err = ipc_queue_open(queue, conn, name, &options);
    if (err == IPC_ENOENT) {
        cli_say("there is no queue \"%s\"; \"ipc ls\" lists what there is", name);
        return STATUS_NOT_FOUND;
    }
    return err ? cli_fail(err, "cannot open queue \"%s\"", name) : STATUS_GO_ON;
}

void cli_close(cli_queue *target)
{
    ipc_queue_free(target->queue);
    ipc_conn_free(target->conn);
}
