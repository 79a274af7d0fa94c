/*
 * Lines of a descriptor, of any length, without blocking past a signal to stop.
 * Touches the descriptor. One thread.
 */
#ifndef TOOL_INPUT_H
#define TOOL_INPUT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum input_result {
    INPUT_LINE,
    INPUT_END,
    INPUT_STOPPED, /* a signal came: see stop.h */
    INPUT_FAILED,  /* errno says why */
} input_result;

typedef struct input {
    int fd;
    char *data;
    size_t start;  /* of what was not returned yet */
    size_t length; /* of what was read */
    size_t capacity;
    bool ended;
} input;

/* The next line, without its newline and ended by NUL; valid until the next call. The last one needs no newline. */
input_result input_line(input *in, char **line, size_t *length);

void input_free(input *in);

#endif
