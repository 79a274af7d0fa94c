/*
 * Lines of a descriptor.
 * Touches the descriptor. One thread.
 */
#include "input.h"

#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No hub takes a value near that long: what goes on for longer has no lines. */
enum { READ_MIN = 64 * 1024, LINE_MAX_BYTES = 1024 * 1024 * 1024 };

/* Room for READ_MIN bytes and a NUL behind what is there. */
static bool make_room(input *in)
{
    if (in->start > 0) {
        memmove(in->data, in->data + in->start, in->length - in->start);
        in->length -= in->start;
        in->start = 0;
    }
    if (in->capacity - in->length > READ_MIN) {
        return true;
    }
    if (in->length > LINE_MAX_BYTES) {
        errno = EFBIG;
        return false;
    }
    size_t capacity = in->capacity ? 2 * in->capacity : 2 * READ_MIN;
    char *data = realloc(in->data, capacity);
    if (!data) {
        return false;
    }
    in->data = data;
    in->capacity = capacity;
    return true;
}

static input_result wait_readable(const input *in)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = in->fd, .events = POLLIN}, {.fd = stop_fd(), .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            return INPUT_FAILED;
        }
        if (stop_signal()) {
            return INPUT_STOPPED;
        }
        if (fds[0].revents) {
            return INPUT_LINE;
        }
    }
}

/* Read more. INPUT_LINE: look again. */
static input_result fill(input *in)
{
    input_result result = wait_readable(in);
    if (result != INPUT_LINE) {
        return result;
    }
    if (!make_room(in)) {
        return INPUT_FAILED;
    }
    ssize_t got = read(in->fd, in->data + in->length, in->capacity - in->length - 1);
    if (got < 0) {
        return errno == EINTR || errno == EAGAIN ? INPUT_LINE : INPUT_FAILED;
    }
    in->ended = got == 0;
    in->length += (size_t)got;
    return INPUT_LINE;
}

input_result input_line(input *in, char **line, size_t *length)
{
    size_t looked = 0; /* at that much of the line */
    for (;;) {
        size_t left = in->length - in->start;
        char *newline = left > looked ? memchr(in->data + in->start + looked, '\n', left - looked) : NULL;
        if (newline || (in->ended && left > 0)) {
            *line = in->data + in->start;
            *length = newline ? (size_t)(newline - *line) : left;
            (*line)[*length] = '\0';
            in->start += *length + (newline != NULL);
            return INPUT_LINE;
        }
        if (in->ended) {
            return INPUT_END;
        }
        looked = left;
        input_result result = fill(in);
        if (result != INPUT_LINE) {
            return result;
        }
    }
}

void input_free(input *in)
{
    free(in->data);
    in->data = NULL;
}
