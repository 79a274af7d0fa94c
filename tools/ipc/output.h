/*
 * Lines to standard output, each of which counts as delivered only when it has left our hands: to a file or terminal when
 * it is written, to a pipe when its reader has read it. Touches the descriptor, and a pipe's capacity meanwhile.
 * One thread.
 */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum output_result {
    OUTPUT_DELIVERED,
    OUTPUT_GONE,    /* nobody reads any more: not delivered */
    OUTPUT_STOPPED, /* a signal came (stop.h): not delivered */
    OUTPUT_FAILED,  /* errno says why: not delivered */
} output_result;

typedef struct output {
    int fd;
    bool pipe;
    bool patient;    /* writing may block: only when there is room */
    bool small;      /* the pipe is so small that it has room only when it is empty */
    int pipe_before; /* its capacity, if that was changed */
} output;

void output_open(output *out, int fd);

/* Write a line, its newline included, and wait until it is delivered. */
output_result output_line(output *out, const char *line, size_t length);

/* Has the reader gone? False where that cannot be known. */
bool output_gone(const output *out);

/* Leave the descriptor as it was. */
void output_close(output *out);

#endif
