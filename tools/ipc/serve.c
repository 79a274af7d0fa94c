/*
 * ipc serve: a hub in the foreground.
 * Touches its limit of descriptors, standard output and standard error. The hub runs on the one thread.
 */
#include "cli.h"
#include "stop.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* A control socket and a connection for each session, twice that while they come and go, and some for the hub. */
enum { FDS_A_SESSION = 4, FDS_OF_HUB = 64 };

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
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return STATUS_GO_ON;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return STATUS_GO_ON;
    }
    rlim_t room = limit.rlim_cur > FDS_OF_HUB ? (limit.rlim_cur - FDS_OF_HUB) / FDS_A_SESSION : 0;
    if (room >= serve->options.max_sessions) {
        return STATUS_GO_ON;
    }
    if (serve->sessions_given || room == 0) {
        cli_say(
            "%lu descriptors are enough for %lu sessions, not for %lu; raise the limit (ulimit -Hn) or ask for fewer",
            (unsigned long)limit.rlim_cur, (unsigned long)room, (unsigned long)serve->options.max_sessions);
        return STATUS_REFUSED;
    }
    serve->options.max_sessions = (uint32_t)room;
    return STATUS_GO_ON;
}

/* ---- the command line ---- */

enum { MAX_SESSIONS = 256, MAX_OBJECTS, MAX_MEMORY, MAX_MESSAGE, SESSION_TIMEOUT };

static const struct option longs[] = {
    {"address", required_argument, NULL, 'a'},
    {"max-sessions", required_argument, NULL, MAX_SESSIONS},
    {"max-objects", required_argument, NULL, MAX_OBJECTS},
    {"max-memory", required_argument, NULL, MAX_MEMORY},
    {"max-message", required_argument, NULL, MAX_MESSAGE},
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

static int read_option(struct serve *serve, int option, const char *arg)
{
    ipc_hub_options *options = &serve->options;
    uint64_t number = 0;
    int status;
    switch (option) {
    case 'a':
        serve->address = arg;
        return STATUS_GO_ON;
    case 'v':
        serve->level = IPC_LOG_DEBUG;
        return STATUS_GO_ON;
    case MAX_SESSIONS:
        status = cli_count("--max-sessions", arg, 1, UINT32_MAX, &number);
        options->max_sessions = (uint32_t)number;
        serve->sessions_given = true;
        return status;
    case MAX_OBJECTS:
        status = cli_count("--max-objects", arg, 1, UINT32_MAX, &number);
        options->max_objects = (uint32_t)number;
        return status;
    case MAX_MEMORY:
        return cli_bytes("--max-memory", arg, INT64_MAX, &options->max_memory);
    case MAX_MESSAGE:
        status = cli_bytes("--max-message", arg, UINT32_MAX, &number);
        options->max_message = (uint32_t)number;
        return status;
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
             "      --session-timeout SECONDS  a remote session silent for so long is gone (10)\n"
             "  -v, --verbose                  log more\n"
             "  -h, --help                     show this text\n"
             "\n"
             "BYTES may end in K, M, G or T.\n",
    .run = serve_run,
};
