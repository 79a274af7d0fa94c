/*
 * The grammar of formats, which ipc_pack and ipc_unpack share.
 * Touches nothing but the format. Any thread.
 */
#ifndef IPC__FORMAT_H
#define IPC__FORMAT_H

#include "codec/scan.h"
#include "util/error.h"

#include <string.h>

/* A sequence or map that is open in a format. */
typedef struct ipc__format_level {
    char closer;
    bool value_due; /* map: the key was read, its value was not */
    bool optional;  /* map: '?' was read, its key was not */
    bool sealed;    /* '!' was read: only the closer may follow */
} ipc__format_level;

typedef struct ipc__format_parse {
    bool complete; /* the one value was read, or begun */
    unsigned depth;
    ipc__format_level levels[IPC__DEPTH];
} ipc__format_parse;

static inline bool ipc__format_blank(char c)
{
    return c == ' ' || c == ',' || c == ':';
}

/* Fail with words for the place in the format. */
static inline ipc_err ipc__format_fail(ipc_err err, const char *format, const char *at, const char *why)
{
    if (*at == '\0') {
        return ipc__fail(err, "at the end of the format \"%.80s\": %s", format, why);
    }
    return ipc__fail(err, "character %zu ('%c') of the format \"%.80s\": %s", (size_t)(at - format) + 1, *at, format,
                     why);
}

/* '!' and '?'. NULL, or what is wrong. */
static inline const char *ipc__format_mark(ipc__format_level *level, char c)
{
    if (!level || level->value_due) {
        return c == '!' ? "'!' belongs before a ']' or '}'" : "'?' belongs before a map's key";
    }
    if (c == '!') {
        level->sealed = true;
        return NULL;
    }
    level->optional = true;
    return level->closer == '}' ? NULL : "'?' belongs before a map's key";
}

static inline const char *ipc__format_close(ipc__format_parse *parse, const ipc__format_level *level, char c)
{
    if (!level || level->closer != c) {
        return "it closes nothing that is open here";
    }
    if (level->value_due) {
        return "a key without a value";
    }
    parse->depth--;
    return NULL;
}

static inline const char *ipc__format_value(ipc__format_parse *parse, ipc__format_level *level, char c)
{
    if (!level && parse->complete) {
        return "a second value: put them into a sequence, [ ]";
    }
    parse->complete = true;
    if (level && level->closer == '}') {
        if (!level->value_due && c != 's') {
            return "a map's key must be a text (s)";
        }
        level->value_due = !level->value_due;
        level->optional = false;
    }
    if (c != '[' && c != '{') {
        return NULL;
    }
    if (parse->depth == IPC__DEPTH) {
        return "nested deeper than 32";
    }
    parse->levels[parse->depth++] = (ipc__format_level){.closer = c == '[' ? ']' : '}'};
    return NULL;
}

static inline const char *ipc__format_step(ipc__format_parse *parse, char c)
{
    ipc__format_level *level = parse->depth > 0 ? &parse->levels[parse->depth - 1] : NULL;
    bool closes = c == ']' || c == '}';
    if (level && level->sealed && !closes) {
        return "only a ']' or '}' may stand behind '!'";
    }
    if (level && level->optional && c != 's') {
        return "'?' belongs before a map's key";
    }
    if (closes) {
        return ipc__format_close(parse, level, c);
    }
    return c == '!' || c == '?' ? ipc__format_mark(level, c) : ipc__format_value(parse, level, c);
}

/* Is this exactly one value, in these letters? IPC_OK or IPC_EFORMAT. */
static inline ipc_err ipc__format_check(const char *format, const char *letters)
{
    ipc__format_parse parse = {.complete = false};
    const char *at = format;
    const char *why = NULL;
    for (; *at; at++) {
        if (ipc__format_blank(*at)) {
            continue;
        }
        why = strchr(letters, *at) ? ipc__format_step(&parse, *at) : "no letter of a format";
        if (why) {
            return ipc__format_fail(IPC_EFORMAT, format, at, why);
        }
    }
    if (parse.depth > 0) {
        why = "a '[' or '{' is not closed";
    } else if (!parse.complete) {
        why = "it names no value";
    }
    return why ? ipc__format_fail(IPC_EFORMAT, format, at, why) : IPC_OK;
}

#endif
