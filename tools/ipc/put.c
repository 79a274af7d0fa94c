/*
 * ipc put: values into a queue.
 * Touches one session with the hub, and standard input. One thread.
 */
#include "cli.h"
#include "input.h"
#include "json.h"
#include "progress.h"
#include "stop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FAREWELL_MS = 2000 };

struct put {
    cli_queue target;
    int64_t timeout_ms;
    bool raw;
    bool confirm;     /* wait for each value until the hub owns it */
    uint64_t limit;   /* 0: none */
    const char *what; /* what is counted in messages: "line" or "value" */
    uint64_t number;  /* of the line or value at work, from 1 */
    uint64_t count;   /* of values put */
    bool doubtful;    /* one that was counted may have been refused later */
    msgpack_sbuffer packed;
    progress progress;
};

/* ---- one value ---- */

static int bad_value(struct put *put, const char *why)
{
    progress_clear(&put->progress);
    cli_say("%s %" PRIu64 ": %s", put->what, put->number, why);
    return STATUS_ERROR;
}

static int not_put(struct put *put, ipc_err err)
{
    progress_clear(&put->progress);
    /* Other errors than these two may be an earlier put's, unless each was confirmed. */
    put->doubtful = !put->confirm && err != IPC_EFULL && err != IPC_ETOOBIG;
    return cli_fail(err, "%s %" PRIu64 " was not put", put->what, put->number);
}

static bool is_blank(const char *text, size_t length)
{
    return strspn(text, " \t\r") == length;
}

static int put_value(struct put *put, const char *text, size_t length)
{
    char why[JSON_WHY_MAX];
    put->number++;
    put->packed.size = 0;
    if (!(put->raw ? json_read_raw : json_read)(text, length, &put->packed, why)) {
        return bad_value(put, why);
    }
    ipc_err err = (put->confirm ? ipc_queue_put_confirm_packed : ipc_queue_put_packed)(
        put->target.queue, put->packed.data, put->packed.size, put->timeout_ms);
    if (err == IPC_EINTR && stop_signal()) {
        return STATUS_STOPPED;
    }
    if (err) {
        return not_put(put, err);
    }
    put->count++;
    progress_show(&put->progress, put->count);
    return STATUS_GO_ON;
}

/* ---- all of them ---- */

static bool is_enough(const struct put *put)
{
    return put->limit > 0 && put->count >= put->limit;
}

static int put_args(struct put *put, char **values, int count)
{
    int status = STATUS_GO_ON;
    put->what = "value";
    for (int i = 0; i < count && status == STATUS_GO_ON && !is_enough(put); i++) {
        status = put_value(put, values[i], strlen(values[i]));
    }
    return status;
}

static int put_line(struct put *put, const char *line, size_t length)
{
    if (!put->raw && is_blank(line, length)) {
        put->number++;
        return STATUS_GO_ON;
    }
    return put_value(put, line, length);
}

static int put_lines(struct put *put)
{
    input in = {.fd = STDIN_FILENO};
    int status = STATUS_GO_ON;
    put->what = "line";
    progress_begin(&put->progress);
    while (status == STATUS_GO_ON && !is_enough(put)) {
        char *line;
        size_t length;
        input_result result = input_line(&in, &line, &length);
        if (result == INPUT_LINE) {
            status = put_line(put, line, length);
        } else if (result == INPUT_STOPPED) {
            status = STATUS_STOPPED;
        } else if (result == INPUT_FAILED) {
            progress_clear(&put->progress);
            cli_say("cannot read standard input behind line %" PRIu64 ": %s", put->number, strerror(errno));
            status = STATUS_ERROR;
        } else {
            break;
        }
    }
    progress_clear(&put->progress);
    input_free(&in);
    return status;
}

/* ---- the end ---- */

/* Say what became of the rest, so that nothing is put twice or left out. */
static void say_stopped_at(const struct put *put)
{
    if (put->number <= 1) {
        return;
    }
    if (put->doubtful && put->count > 0) {
        cli_say("some of the %" PRIu64 " values before it may not have been put either", put->count);
        return;
    }
    cli_say("%" PRIu64 " values before it were put", put->count);
    if (strcmp(put->what, "line") == 0) {
        cli_say("to put the rest, begin with this line: tail -n +%" PRIu64, put->number);
    }
}

/* How long the hub may take to own what was put: as long as a value may wait for room, and not too short for a busy one. */
static int64_t flush_ms(const struct put *put, int status)
{
    if (status == STATUS_STOPPED || (put->timeout_ms >= 0 && put->timeout_ms < FAREWELL_MS)) {
        return FAREWELL_MS;
    }
    return put->timeout_ms;
}

/* Wait until the hub owns what was put. */
static int finish(struct put *put, int status)
{
    if (status == STATUS_STOPPED) {
        ipc_set_wait_hooks(NULL); /* they would cancel it at once */
    }
    ipc_err err = ipc_queue_flush(put->target.queue, flush_ms(put, status));
    if (status == STATUS_STOPPED) {
        cli_say("stopped: %" PRIu64 " values were put%s", put->count, err ? ", or some of them" : "");
        return status;
    }
    if (err) {
        int failed = cli_fail(err, "not everything was put");
        return status == STATUS_GO_ON ? failed : status;
    }
    if (status == STATUS_GO_ON) {
        return STATUS_OK;
    }
    say_stopped_at(put);
    return status;
}

static int put_all(struct put *put, char **values, int count)
{
    int status = cli_open(&put->target);
    if (status != STATUS_GO_ON) {
        return status;
    }
    status = count > 0 ? put_args(put, values, count) : put_lines(put);
    return finish(put, status);
}

/* ---- the command line ---- */

static int read_option(struct put *put, int option, const char *arg)
{
    switch (option) {
    case 'r':
        put->raw = true;
        return STATUS_GO_ON;
    case 'c':
        put->confirm = true;
        return STATUS_GO_ON;
    case 'n':
        return cli_count("--count", arg, 1, UINT64_MAX, &put->limit);
    case 't':
        return cli_seconds("--timeout", arg, &put->timeout_ms);
    default:
        return cli_queue_option(&put->target, option, arg, &put_command);
    }
}

static int parse(struct put *put, int argc, char **argv)
{
    static const struct option longs[] = {
        {"address", required_argument, NULL, 'a'}, CLI_QUEUE_LONGS,
        {"raw", no_argument, NULL, 'r'},           {"count", required_argument, NULL, 'n'},
        {"timeout", required_argument, NULL, 't'}, {"confirm", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "a:rn:t:ch", longs, NULL)) != -1;) {
        int status = read_option(put, option, optarg);
        if (status != STATUS_GO_ON) {
            return status;
        }
    }
    if (optind == argc) {
        return cli_usage("into which queue?");
    }
    put->target.name = argv[optind++];
    return cli_queue_check(&put->target);
}

static int put_run(int argc, char **argv)
{
    struct put put = {.target = CLI_QUEUE_INIT, .timeout_ms = IPC_FOREVER};
    int status = parse(&put, argc, argv);
    if (status != STATUS_GO_ON) {
        return status;
    }
    status = put_all(&put, argv + optind, argc - optind);
    cli_close(&put.target);
    msgpack_sbuffer_destroy(&put.packed);
    return status;
}

const command put_command = {
    .name = "put",
    .summary = "put values into a queue",
    .usage = "Usage: ipc put [OPTION...] NAME [JSON...]\n"
             "Put values into the queue NAME: those given, or else one a line from standard input.\n"
             "If there is no queue of that name, it is made.\n"
             "\n" CLI_ADDRESS_HELP "  -r, --raw              values are texts, not JSON: a line is a string\n"
             "  -n, --count N          put N values at most\n"
             "  -t, --timeout SECONDS  how long to wait for room in a full queue; without it for ever\n"
             "  -c, --confirm          wait for each value until the hub has it\n" CLI_HELP_HELP CLI_QUEUE_HELP "\n"
             "A value that begins with - goes behind --:  ipc put temperatures -- -5\n",
    .run = put_run,
};
