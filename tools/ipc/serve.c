/*
 * ipc serve: a hub in the foreground.
 * Touches its process (hub/process.h), standard output and standard error. The hub runs on the one thread.
 */
#include "cli.h"
#include "hub/process.h"
#include "stop.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { NAME_MOST = 255 };

struct serve {
    const char *address;
    ipc_hub_options options;
    bool sessions_given;
    ipc_log_level level;
};

static void log_line(ipc_log_level level, const char *line, void *arg)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    const struct serve *serve = arg;
    if (level >= serve->level) {
        cli_say("%s: %s", names[level], line);
    }
}

static void ready(const char *address, void *arg)
{
    (void)arg;
    printf("%s\n", address);
    fflush(stdout); /* where nobody hears it the hub serves all the same */
}

/* As many sessions as there can be descriptors for: a hub that runs out of them harms all. */
static int fit_sessions(struct serve *serve)
{
    uint32_t room = ipc__process_fit_sessions();
    if (room >= serve->options.max_sessions) {
        return STATUS_GO_ON;
    }
    if (serve->sessions_given || room == 0) {
        cli_say("%" PRIu64 " descriptors are enough for %" PRIu32 " sessions, not for %" PRIu32
                "; raise the limit (ulimit -Hn) or ask for fewer",
                ipc__process_descriptors(), room, serve->options.max_sessions);
        return STATUS_REFUSED;
    }
    serve->options.max_sessions = room;
    return STATUS_GO_ON;
}

/* ---- the command line ---- */

enum { MAX_SESSIONS = 256, MAX_OBJECTS, MAX_MEMORY, MAX_MESSAGE, MAX_NAME, MAX_WAITING, SESSION_TIMEOUT };

static const struct option longs[] = {
    {"address", required_argument, NULL, 'a'},
    {"max-sessions", required_argument, NULL, MAX_SESSIONS},
    {"max-objects", required_argument, NULL, MAX_OBJECTS},
    {"max-memory", required_argument, NULL, MAX_MEMORY},
    {"max-message", required_argument, NULL, MAX_MESSAGE},
    {"max-name", required_argument, NULL, MAX_NAME},
    {"max-waiting", required_argument, NULL, MAX_WAITING},
    {"session-timeout", required_argument, NULL, SESSION_TIMEOUT},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int read_timeout(struct serve *serve, const char *text)
{
    int status = cli_seconds("--session-timeout", text, &serve->options.session_timeout_ms);
    if (status == STATUS_GO_ON && serve->options.session_timeout_ms == 0) {
        return cli_usage("--session-timeout has to be above 0");
    }
    return status;
}

/* The limits that are 32 bits wide. */
static int read_limit(const char *option, const char *text, uint32_t most, uint32_t *limit)
{
    uint64_t number = 0;
    int status = cli_count(option, text, 1, most, &number);
    *limit = (uint32_t)number;
    return status;
}

static int read_message(const char *text, uint32_t *limit)
{
    uint64_t number = 0;
    int status = cli_bytes("--max-message", text, UINT32_MAX, &number);
    *limit = (uint32_t)number;
    return status;
}

static int read_option(struct serve *serve, int option, const char *arg)
{
    ipc_hub_options *options = &serve->options;
    switch (option) {
    case 'a':
        serve->address = arg;
        return STATUS_GO_ON;
    case 'v':
        serve->level = IPC_LOG_DEBUG;
        return STATUS_GO_ON;
    case MAX_SESSIONS:
        serve->sessions_given = true;
        return read_limit("--max-sessions", arg, UINT32_MAX, &options->max_sessions);
    case MAX_OBJECTS:
        return read_limit("--max-objects", arg, UINT32_MAX, &options->max_objects);
    case MAX_MEMORY:
        return cli_bytes("--max-memory", arg, INT64_MAX, &options->max_memory);
    case MAX_MESSAGE:
        return read_message(arg, &options->max_message);
    case MAX_NAME:
        return read_limit("--max-name", arg, NAME_MOST, &options->max_name);
    case MAX_WAITING:
        return read_limit("--max-waiting", arg, UINT32_MAX, &options->max_waiting);
    case SESSION_TIMEOUT:
        return read_timeout(serve, arg);
    default:
        return cli_other_option(option, &serve_command);
    }
}

static int parse(struct serve *serve, int argc, char **argv)
{
    for (int option; (option = getopt_long(argc, argv, "a:vh", longs, NULL)) != -1;) {
        int status = read_option(serve, option, optarg);
        if (status != STATUS_GO_ON) {
            return status;
        }
    }
    if (argc - optind > 1 || (optind < argc && serve->address)) {
        return cli_usage("\"%s\" is one address too many: a hub has one", argv[argc - 1]);
    }
    serve->address = cli_address(optind < argc ? argv[optind] : serve->address);
    return STATUS_GO_ON;
}

static int serve_run(int argc, char **argv)
{
    struct serve serve = {.options = IPC_HUB_OPTIONS_INIT, .level = IPC_LOG_INFO};
    serve.options.life = IPC_HUB_UNTIL_STOPPED;
    int status = parse(&serve, argc, argv);
    status = status == STATUS_GO_ON ? fit_sessions(&serve) : status;
    if (status != STATUS_GO_ON) {
        return status;
    }
    umask(077);
    ipc__process_keep_memory();
    ipc__process_outlive_limits();
    ipc_set_log(log_line, &serve);
    ipc_err err = ipc_hub_run(serve.address, &serve.options, stop_fd(), ready, NULL);
    int result = err ? cli_fail(err, "cannot serve \"%s\"", serve.address) : STATUS_OK;
    ipc_set_log(NULL, NULL);
    return result;
}

const command serve_command = {
    .name = "serve",
    .summary = "run a hub until it is told to stop",
    .usage = "Usage: ipc serve [OPTION...] [ADDRESS]\n"
             "Run a hub in the foreground until SIGINT or SIGTERM. It prints its address on standard\n"
             "output when it can be reached, and logs to standard error.\n"
             "\n"
             "ADDRESS is a name, ipc:///path or tcp://127.0.0.1:port (\"*\" for any free port); without\n"
             "it $LIBIPC_ADDRESS, or else \"default\".\n"
             "\n"
             "  -a, --address ADDRESS          the same\n"
             "      --max-sessions N           sessions at once (500, or what the descriptors allow)\n"
             "      --max-objects N            objects at once (100000)\n"
             "      --max-memory BYTES         bytes of values held; past it puts are refused (4G)\n"
             "      --max-message BYTES        bytes of one value (256M)\n"
             "      --max-name BYTES           bytes of an object's name (255, which is the most)\n"
             "      --max-waiting N            calls of one session that wait at once (10000)\n"
             "      --session-timeout SECONDS  a remote session silent for so long is gone (10)\n"
             "  -v, --verbose                  log more\n"
             "  -h, --help                     show this text\n"
             "\n"
             "BYTES may end in K, M, G or T.\n",
    .run = serve_run,
};
