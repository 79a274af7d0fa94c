/*
 * What the operating system knows of processes: their open descriptors, threads and mappings.
 * Touches /proc alone. Any thread.
 */
#ifndef SUPPORT_OS_H
#define SUPPORT_OS_H

#include <sys/types.h>

/* Of this process. */
unsigned open_fds(void);
unsigned running_threads(void);

/* Of another one; 0 where there is none. */
unsigned fds_of(pid_t pid);

/* How many of its open files have this text in their paths. */
unsigned fds_named(pid_t pid, const char *part);

/* How many mappings of a process have this text in their names; 0 where there is no such process. */
unsigned mappings_of(pid_t pid, const char *name);

#endif
