/*
 * ipc: the command of libipc. Finds the subcommand and runs it.
 * Touches standard descriptors and signals, through what it calls. One thread.
 */
#include "cli.h"
#include "command.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ipc/ipc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const command *const commands[] = {&put_command,  &get_command,  &join_command, &shutdown_command, &ls_command,
                                          &info_command, &stat_command, &rm_command,   &serve_command};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(void)
{
    puts("Usage: ipc COMMAND [OPTION...] [ARG...]\n"
         "Queues between processes, from the shell.\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-10s%s\n", commands[i]->name, commands[i]->summary);
    }
    puts("\n"
         "  -h, --help     show this text; \"ipc COMMAND --help\" shows that of a command\n"
         "  -V, --version  show the version\n"
         "\n"
         "Exit status:\n"
         "  0  done\n"
         "  1  an error\n"
         "  2  wrong usage\n"
         "  3  nothing came\n"
         "  4  refused: no room, a limit of the hub, a queue that is shut down, or options that\n"
         "     differ from the queue's\n"
         "  5  no hub answers, or it is gone\n"
         "  6  not found: there is no object of that name, or it was deleted meanwhile\n"
         "  7  timed out\n"
         "\n"
         "Example:\n"
         "  ipc put jobs '{\"id\":1}' '{\"id\":2}'\n"
         "  ipc get jobs");
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

/* A descriptor of ours must not get the number of a standard one that is closed. What is opened here in its place gives
 * an error when it is used. */
static int fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
                return STATUS_ERROR;
            }
        }
    }
    return STATUS_GO_ON;
}

/* The options before the subcommand. */
static int read_options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
    int option = getopt_long(argc, argv, "+hV", longs, NULL);
    switch (option) {
    case -1:
        return STATUS_GO_ON;
    case 'h':
        print_help();
        return cli_flush();
    case 'V':
        printf("ipc %s (libipc %s)\n", IPC_VERSION, ipc_version());
        return cli_flush();
    default:
        fputs("Try \"ipc --help\".\n", stderr);
        return STATUS_USAGE;
    }
}

static int run(const command *chosen, int argc, char **argv)
{
    char program[32];
    snprintf(program, sizeof program, "ipc %s", chosen->name);
    cli_set_program(program);
    argv[0] = program; /* getopt begins its messages with it */
    optind = 0;        /* a new start */
    if (!stop_watch()) {
        cli_say("cannot take signals: %s", strerror(errno));
        return STATUS_ERROR;
    }
    ipc_set_wait_hooks(&cli_hooks);
    int status = chosen->run(argc, argv);
    ipc_set_wait_hooks(NULL);
    cli_set_program("ipc");
    return status;
}

int main(int argc, char **argv)
{
    char name[] = "ipc";
    if (argc > 0) {
        argv[0] = name;
    }
    int status = fill_standard_descriptors();
    status = status == STATUS_GO_ON ? read_options(argc, argv) : status;
    if (status != STATUS_GO_ON) {
        return status;
    }
    if (optind >= argc) {
        return cli_usage("which command?");
    }
    const command *chosen = find_command(argv[optind]);
    if (!chosen) {
        return cli_usage("there is no command \"%s\"", argv[optind]);
    }
    status = run(chosen, argc - optind, argv + optind);
    if (status == STATUS_STOPPED) {
        stop_die();
        status = STATUS_ERROR;
    }
    return status;
}
