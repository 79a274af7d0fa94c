/*
 * What the operating system knows of this process: its open descriptors and its threads.
 * Touches /proc/self alone. Any thread.
 */
#ifndef SUPPORT_OS_H
#define SUPPORT_OS_H

unsigned open_fds(void);
unsigned running_threads(void);

#endif
