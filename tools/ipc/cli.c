/*
 * What the subcommands share.
 * Touches standard error. One thread.
 */
#include "cli.h"

#include "stop.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program = "ipc";

/* ---- messages ---- */

void cli_set_program(const char *name)
{
    program = name;
}

__attribute__((format(printf, 1, 0))) static void say_begin(const char *format, va_list args)
{
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, format, args);
}

const char *cli_program(void)
{
    return program;
}

void cli_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_begin(format, args);
    va_end(args);
    fputc('\n', stderr);
}

int cli_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_begin(format, args);
    va_end(args);
    fprintf(stderr, "\nTry \"%s --help\".\n", program);
    return STATUS_USAGE;
}

static int status_of(ipc_err err)
{
    switch (err) {
    case IPC_OK:
        return STATUS_OK;
    case IPC_EEMPTY:
        return STATUS_EMPTY;
    case IPC_EFULL:
    case IPC_ELIMIT:
    case IPC_ESESSIONS:
    case IPC_EOBJECTS:
    case IPC_EMEMORY:
    case IPC_ETOOBIG:
    case IPC_ESHUTDOWN:
    case IPC_EOPTIONS:
        return STATUS_REFUSED;
    case IPC_ENOHUB:
    case IPC_EHUBPROG:
    case IPC_ELOST:
        return STATUS_NO_HUB;
    case IPC_ENOENT:
    case IPC_EDELETED:
        return STATUS_NOT_FOUND;
    case IPC_ETIMEOUT:
        return STATUS_TIMEOUT;
    case IPC_EINTR:
        return stop_signal() ? STATUS_STOPPED : STATUS_ERROR;
    default:
        return STATUS_ERROR;
    }
}

int cli_fail(ipc_err err, const char *format, ...)
{
    if (err == IPC_EINTR && stop_signal()) {
        return STATUS_STOPPED; /* whoever sent it knows */
    }
    const char *words = ipc_last_error();
    va_list args;
    va_start(args, format);
    say_begin(format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", words && *words ? words : ipc_strerror(err));
    return status_of(err);
}

int cli_other_option(int option, const command *self)
{
    if (option == 'h') {
        fputs(self->usage, stdout);
        return cli_flush();
    }
    fprintf(stderr, "Try \"%s --help\".\n", program); /* getopt has said what is wrong */
    return STATUS_USAGE;
}

int cli_look_options(int argc, char **argv, const command *self, const char **address, bool *json)
{
    static const struct option longs[] = {{"address", required_argument, NULL, 'a'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *address = NULL;
    *json = false;
    for (int option; (option = getopt_long(argc, argv, "a:jh", longs, NULL)) != -1;) {
        switch (option) {
        case 'a':
            *address = optarg;
            break;
        case 'j':
            *json = true;
            break;
        default:
            return cli_other_option(option, self);
        }
    }
    return STATUS_GO_ON;
}

int cli_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return STATUS_OK;
    }
    if (errno == EPIPE) {
        return STATUS_OK; /* who went has read enough */
    }
    cli_say("cannot write to standard output: %s", strerror(errno));
    return STATUS_ERROR;
}

/* ---- numbers ---- */

/* Digits alone: strtoull() would take a sign and spaces too. */
static bool read_digits(const char *text, const char **end, uint64_t *number)
{
    char *stop;
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    errno = 0;
    *number = strtoull(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

int cli_count(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    const char *end;
    if (!read_digits(text, &end, number) || *end || *number < least || *number > most) {
        return cli_usage("%s takes a number from %" PRIu64 " to %" PRIu64 ", not \"%s\"", option, least, most, text);
    }
    return STATUS_GO_ON;
}

int cli_bytes(const char *option, const char *text, uint64_t most, uint64_t *number)
{
    static const char units[] = "KMGT";
    const char *end = text;
    bool good = read_digits(text, &end, number);
    const char *unit = good && *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit && end[1] == '\0') {
        unsigned shift = 10 * (unsigned)(unit - units + 1);
        good = *number <= most >> shift;
        *number <<= shift;
    } else {
        good = good && *end == '\0';
    }
    if (!good || *number == 0 || *number > most) {
        return cli_usage("%s takes a number of bytes such as 65536 or 64K, at most %" PRIu64 ", not \"%s\"", option,
                         most, text);
    }
    return STATUS_GO_ON;
}

int cli_seconds(const char *option, const char *text, int64_t *ms)
{
    static const double most = 1e9;
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds <= most)) {
        return cli_usage("%s takes seconds such as 10 or 0.5, not \"%s\"", option, text);
    }
    *ms = (int64_t)(seconds * 1000);
    *ms += (double)*ms < seconds * 1000; /* a little is not nothing */
    return STATUS_GO_ON;
}
