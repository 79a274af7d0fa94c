/*
 * Where a test's hub is: named (a program), TCP (a worker), inproc (a thread).
 * Touches hubs and the run directory. The test's own thread alone.
 */
#include "support/lane.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 512 };

const lane lane_named = LANE_NAMED, lane_tcp = LANE_TCP, lane_inproc = LANE_INPROC, lane_brisk_tcp = LANE_BRISK_TCP;

const char *fresh_name(const char *prefix)
{
    static char names[NAMES_MAX][64];
    static unsigned count;
    CHECK(count < NAMES_MAX);
    snprintf(names[count], sizeof names[count], "%s-%d-%u", prefix, (int)getpid(), count);
    return names[count++];
}

/* ---- the run directory ---- */

static const char *run_directory(void)
{
    static char path[128];
    const char *base = getenv("XDG_RUNTIME_DIR");
    CHECK(base && *base); /* tests run under tests/support/isolate */
    snprintf(path, sizeof path, "%s/libipc", base);
    return path;
}

const char *hub_file(const char *name, const char *suffix)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s.%s", run_directory(), name, suffix);
    return path;
}

pid_t hub_pid(const char *name)
{
    int fd = open(hub_file(name, "lock"), O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool told = fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    close(fd);
    return told ? whole.l_pid : 0;
}

unsigned run_directory_files(const char *name)
{
    size_t length = name ? strlen(name) : 0;
    DIR *dir = opendir(run_directory());
    if (!dir) {
        return 0;
    }
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *file = entry->d_name;
        count += *file != '.' && (!name || (strncmp(file, name, length) == 0 && file[length] == '.'));
    }
    closedir(dir);
    return count;
}

/* ---- hubs in workers ---- */

static void ready(const char *address, void *arg)
{
    (void)arg;
    say("ready %s", address);
}

/* ADDRESS LIFE GRACE_MS SESSION_TIMEOUT_MS MAX_SESSIONS MAX_OBJECTS MAX_MEMORY MAX_MESSAGE MAX_NAME MAX_WAITING: until the input ends. */
int hub_role(char **args)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.life = (ipc_hub_life)atoi(args[1]);
    options.grace_ms = atoll(args[2]);
    options.session_timeout_ms = atoll(args[3]);
    options.max_sessions = (uint32_t)atoll(args[4]);
    options.max_objects = (uint32_t)atoll(args[5]);
    options.max_memory = strtoull(args[6], NULL, 10);
    options.max_message = (uint32_t)atoll(args[7]);
    options.max_name = (uint32_t)atoll(args[8]);
    options.max_waiting = (uint32_t)atoll(args[9]);
    ipc_err err = ipc_hub_run(args[0], &options, STDIN_FILENO, ready, NULL);
    if (err) {
        say("error %d %s", (int)err, ipc_last_error());
    }
    return err != IPC_OK;
}

static void start_in_worker(place *self, const char *address, const ipc_hub_options *options)
{
    char numbers[9][24];
    snprintf(numbers[0], sizeof numbers[0], "%d", (int)options->life);
    snprintf(numbers[1], sizeof numbers[1], "%lld", (long long)options->grace_ms);
    snprintf(numbers[2], sizeof numbers[2], "%lld", (long long)options->session_timeout_ms);
    snprintf(numbers[3], sizeof numbers[3], "%u", options->max_sessions);
    snprintf(numbers[4], sizeof numbers[4], "%u", options->max_objects);
    snprintf(numbers[5], sizeof numbers[5], "%llu", (unsigned long long)options->max_memory);
    snprintf(numbers[6], sizeof numbers[6], "%u", options->max_message);
    snprintf(numbers[7], sizeof numbers[7], "%u", options->max_name);
    snprintf(numbers[8], sizeof numbers[8], "%u", options->max_waiting);
    self->process = worker_start("hub", address, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5],
                                 numbers[6], numbers[7], numbers[8], NULL);
    const char *line = worker_hear(self->process);
    if (!line || strncmp(line, "ready ", 6) != 0) {
        check_fail(__FILE__, __LINE__, "the hub said \"%s\"", line ? line : "(its end)");
    }
    snprintf(self->address, sizeof self->address, "%s", line + 6);
}

/* ---- places ---- */

place *place_open(lane which, const ipc_hub_options *given)
{
    place *self = calloc(1, sizeof *self);
    CHECK(self);
    ipc_hub_options options = given ? *given : (ipc_hub_options)IPC_HUB_OPTIONS_INIT;
    if (which == LANE_BRISK_TCP) {
        which = LANE_TCP;
        options.session_timeout_ms = SILENCE_MS;
    }
    self->which = which;
    if (which == LANE_INPROC) {
        snprintf(self->address, sizeof self->address, "inproc://%s", fresh_name("hub"));
        CHECK_OK(ipc_hub_start(&self->hub, self->address, &options));
    } else if (which == LANE_TCP) {
        start_in_worker(self, "tcp://127.0.0.1:*", &options);
    } else if (given) {
        start_in_worker(self, fresh_name("hub"), &options);
    } else {
        snprintf(self->address, sizeof self->address, "%s", fresh_name("hub")); /* whoever connects first starts it */
    }
    return self;
}

pid_t place_hub_pid(const place *self)
{
    return self->process ? worker_pid(self->process) : self->which == LANE_NAMED ? hub_pid(self->address) : 0;
}

/* Whoever started a named hub, it is told to end here, and leaves nothing behind. */
static void end_named(const place *self)
{
    pid_t pid = hub_pid(self->address);
    if (pid > 0) {
        kill(pid, SIGTERM);
        EVENTUALLY(hub_pid(self->address) == 0);
        CHECK_INT(run_directory_files(self->address), 0);
    }
}

void place_close(place *self)
{
    pid_t pid = place_hub_pid(self);
    if (pid > 0) {
        kill(pid, SIGCONT); /* a test that failed may have left it stopped */
    }
    ipc_hub_free(self->hub);
    if (self->process) {
        worker_end(self->process);
    } else if (self->which == LANE_NAMED) {
        end_named(self);
    }
    free(self);
}

int place_setup(void **state)
{
    *state = place_open(*(const lane *)*state, NULL);
    return 0;
}

int place_teardown(void **state)
{
    workers_kill_but(((place *)*state)->process);
    place_close(*state);
    return 0;
}

ipc_conn *connect_to(const place *self)
{
    ipc_conn *conn;
    CHECK_OK(ipc_connect(&conn, self->address, NULL));
    return conn;
}
