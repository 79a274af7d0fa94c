/*
 * Being told to stop: SIGINT, SIGTERM and SIGHUP come in through a descriptor, so that no wait can miss them.
 * Touches the process's signal mask and dispositions. One thread.
 */
#ifndef TOOL_STOP_H
#define TOOL_STOP_H

#include <stdbool.h>

/* Take the signals, and SIGPIPE as an error of write(). Before anything waits. False: errno says why not. */
bool stop_watch(void);

/* Readable once a signal has come. */
int stop_fd(void);

/* The signal that has come, 0 if none has. */
int stop_signal(void);

/* End as that signal would have ended us, so that a shell knows. Returns only if none has come. */
void stop_die(void);

#endif
