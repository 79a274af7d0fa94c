/*
 * ipc get: items out of a queue.
 * Touches one session with the hub, and standard output. One thread.
 */
#include "cli.h"
#include "json.h"
#include "output.h"
#include "stop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GIVE_BACK_MS = 5000 };

struct get {
    cli_queue target;
    int64_t wait_ms; /* for each item */
    bool raw;
    bool follow;
    bool joinable;
    uint64_t limit; /* 0: none */
    uint64_t count; /* of items delivered */
    output out;
    msgpack_sbuffer line;
};

/* While an item is waited for, the reader may go. */
static int interrupted(void *arg)
{
    const struct get *get = arg;
    return stop_signal() != 0 || output_gone(&get->out);
}

/* ---- one item ---- */

static bool render(struct get *get, const ipc_msg *item)
{
    get->line.size = 0;
    return (get->raw ? json_write_raw : json_write)(item, &get->line) &&
           msgpack_sbuffer_write(&get->line, "\n", 1) == 0;
}

/* An item that was not delivered goes back: leased, to the queue's head; else it is put again, at the end. */
static int give_back(struct get *get, const ipc_msg *item, int status)
{
    const ipc_wait_hooks *hooks = ipc_set_wait_hooks(NULL);
    ipc_queue *queue = get->target.queue;
    ipc_err err = get->joinable ? ipc_queue_release(queue, item) : ipc_queue_put(queue, item, GIVE_BACK_MS);
    err = err ? err : ipc_queue_flush(queue, GIVE_BACK_MS);
    if (err) {
        status = cli_fail(err, "an item was taken, not written, and cannot be given back");
        if (!get->joinable && get->line.size > 0) {
            cli_say("the item: %.*s", (int)(get->line.size - 1), get->line.data);
        }
    }
    ipc_set_wait_hooks(hooks);
    return status;
}

static int delivered(struct get *get, const ipc_msg *item)
{
    get->count++;
    ipc_err err = get->joinable ? ipc_queue_done(get->target.queue, item) : IPC_OK;
    return err ? cli_fail(err, "an item was written, and cannot be finished: it may come again") : STATUS_GO_ON;
}

static int deliver(struct get *get, const ipc_msg *item)
{
    if (!render(get, item)) {
        get->line.size = 0;
        cli_say("out of memory");
        return give_back(get, item, STATUS_ERROR);
    }
    switch (output_line(&get->out, get->line.data, get->line.size)) {
    case OUTPUT_DELIVERED:
        return delivered(get, item);
    case OUTPUT_GONE:
        return give_back(get, item, STATUS_OK);
    case OUTPUT_STOPPED:
        return give_back(get, item, STATUS_STOPPED);
    case OUTPUT_FAILED:
        cli_say("cannot write to standard output: %s", strerror(errno));
        return give_back(get, item, STATUS_ERROR);
    }
    return STATUS_ERROR;
}

/* ---- all of them ---- */

/* Why no item came. */
static int ended(const struct get *get, ipc_err err)
{
    if (err == IPC_EEMPTY) {
        return get->count > 0 ? STATUS_OK : STATUS_EMPTY;
    }
    if (err == IPC_ESHUTDOWN && get->count > 0) {
        return STATUS_OK; /* it had an end, and this was it */
    }
    if (err == IPC_EINTR) {
        return stop_signal() ? STATUS_STOPPED : STATUS_OK; /* the reader has gone */
    }
    return cli_fail(err, "cannot take from queue \"%s\"", get->target.name);
}

static int take_all(struct get *get)
{
    while (get->limit == 0 || get->count < get->limit) {
        if (stop_signal()) {
            return STATUS_STOPPED;
        }
        if (output_gone(&get->out)) {
            return STATUS_OK;
        }
        ipc_msg *item;
        ipc_err err = ipc_queue_get(get->target.queue, get->wait_ms, &item);
        if (err) {
            return ended(get, err);
        }
        int status = deliver(get, item);
        ipc_msg_free(item);
        if (status != STATUS_GO_ON) {
            return status;
        }
    }
    return STATUS_OK;
}

static int get_all(struct get *get)
{
    int status = cli_open(&get->target);
    if (status != STATUS_GO_ON) {
        return status;
    }
    ipc_queue_info info;
    ipc_err err = ipc_queue_stat(get->target.queue, &info);
    if (err) {
        return cli_fail(err, "cannot look at queue \"%s\"", get->target.name);
    }
    get->joinable = info.joinable;
    status = take_all(get);
    /* With --follow a signal is the usual end. */
    return status == STATUS_STOPPED && get->follow ? STATUS_OK : status;
}

/* ---- the command line ---- */

static int read_option(struct get *get, int option, const char *arg)
{
    switch (option) {
    case 'r':
        get->raw = true;
        return STATUS_GO_ON;
    case 'f':
        get->follow = true;
        return STATUS_GO_ON;
    case 'n':
        return cli_count("--count", arg, 1, UINT64_MAX, &get->limit);
    case 't':
        return cli_seconds("--timeout", arg, &get->wait_ms);
    default:
        return cli_queue_option(&get->target, option, arg, &get_command);
    }
}

static int parse(struct get *get, int argc, char **argv)
{
    static const struct option longs[] = {
        {"address", required_argument, NULL, 'a'}, CLI_QUEUE_LONGS,
        {"raw", no_argument, NULL, 'r'},           {"count", required_argument, NULL, 'n'},
        {"timeout", required_argument, NULL, 't'}, {"follow", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "a:rn:t:fh", longs, NULL)) != -1;) {
        int status = read_option(get, option, optarg);
        if (status != STATUS_GO_ON) {
            return status;
        }
    }
    int status = cli_queue_check(&get->target);
    if (status != STATUS_GO_ON) {
        return status;
    }
    if (get->follow && get->wait_ms >= 0) {
        return cli_usage("--follow waits for ever: it goes with no --timeout");
    }
    if (optind == argc) {
        return cli_usage("from which queue? \"ipc ls\" lists them");
    }
    if (argc - optind > 1) {
        return cli_usage("\"%s\" is one name too many: get takes from one queue", argv[optind + 1]);
    }
    get->target.name = argv[optind];
    get->wait_ms = get->follow ? IPC_FOREVER : get->wait_ms < 0 ? 0 : get->wait_ms;
    return STATUS_GO_ON;
}

static int get_run(int argc, char **argv)
{
    struct get get = {.target = CLI_QUEUE_INIT, .wait_ms = -1};
    int status = parse(&get, argc, argv);
    if (status != STATUS_GO_ON) {
        return status;
    }
    const ipc_wait_hooks hooks = {.interrupted = interrupted, .arg = &get};
    output_open(&get.out, STDOUT_FILENO);
    ipc_set_wait_hooks(&hooks);
    status = get_all(&get);
    ipc_set_wait_hooks(&cli_hooks);
    cli_close(&get.target);
    output_close(&get.out);
    msgpack_sbuffer_destroy(&get.line);
    return status;
}

const command get_command = {
    .name = "get",
    .summary = "take items from a queue",
    .usage = "Usage: ipc get [OPTION...] NAME\n"
             "Take items from the queue NAME and print them, one JSON value a line, until the queue is\n"
             "empty. If there is no queue of that name, it is made.\n"
             "\n" CLI_ADDRESS_HELP "  -r, --raw              print strings as they are, not as JSON\n"
             "  -n, --count N          take N items at most\n"
             "  -t, --timeout SECONDS  how long to wait for each item; without it not at all\n"
             "  -f, --follow           wait for ever: until interrupted, or the queue is shut down\n" CLI_HELP_HELP
                 CLI_QUEUE_HELP "\n"
             "Into a pipe, an item is taken when the reader has read the one before. What was not read\n"
             "goes back. An item of a joinable queue is done when it is written, or read from the pipe.\n",
    .run = get_run,
};
