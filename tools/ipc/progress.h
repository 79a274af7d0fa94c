/*
 * How far a long put has come, shown on a terminal.
 * Touches standard error. One thread.
 */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    bool on;
    bool shown;
    int64_t began_ms;
    int64_t shown_ms;
} progress;

/* Show anything only where standard error is a terminal, and standard input is none (there somebody types). */
void progress_begin(progress *p);

/* So many were put. Cheap: it looks at the clock, and prints a few times a second. */
void progress_show(progress *p, uint64_t count);

/* Leave an empty line, for messages. */
void progress_clear(progress *p);

#endif
