/*
 * How far a long put has come.
 * Touches standard error. One thread.
 */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_MS = 500, EVERY_MS = 200 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(progress *p)
{
    *p = (progress){.on = isatty(STDERR_FILENO) && !isatty(STDIN_FILENO)};
    p->began_ms = now_ms();
    p->shown_ms = p->began_ms + FIRST_MS - EVERY_MS; /* what is done at once needs no show */
}

void progress_show(progress *p, uint64_t count)
{
    if (!p->on) {
        return;
    }
    int64_t now = now_ms();
    if (now - p->shown_ms < EVERY_MS) {
        return;
    }
    double seconds = (double)(now - p->began_ms) / 1000;
    fprintf(stderr, "\r%" PRIu64 " put, %.0f/s\033[K", count, (double)count / seconds);
    fflush(stderr);
    p->shown = true;
    p->shown_ms = now;
}

void progress_clear(progress *p)
{
    if (p->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        p->shown = false;
    }
}
