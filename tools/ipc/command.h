/*
 * What a subcommand is, and how it ends. main.c has the table of them.
 * Touches nothing. Nothing to lock.
 */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

/* Exit statuses: part of the interface (docs/command.md). */
enum {
    STATUS_OK = 0,
    STATUS_ERROR = 1,
    STATUS_USAGE = 2,
    STATUS_EMPTY = 3,     /* nothing came */
    STATUS_REFUSED = 4,   /* no room, a limit, a queue that is shut down, or options that differ */
    STATUS_NO_HUB = 5,    /* none answers, or it is gone */
    STATUS_NOT_FOUND = 6, /* no object of that name, or it was deleted meanwhile */
    STATUS_TIMEOUT = 7,   /* what was waited for did not happen in time */
    STATUS_STOPPED = 99,  /* a signal ended it: turned into that signal, never seen outside */
    STATUS_GO_ON = -1,    /* between steps: nothing has ended yet */
};

typedef struct command {
    const char *name;
    const char *summary;
    const char *usage; /* the whole help text */
    int (*run)(int argc, char **argv);
} command;

extern const command serve_command;
extern const command put_command;
extern const command get_command;
extern const command join_command;
extern const command shutdown_command;
extern const command ls_command;
extern const command info_command;
extern const command stat_command;
extern const command rm_command;

#endif
