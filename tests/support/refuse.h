/*
 * System calls that are refused to this process from here on, and to all that it starts: to see what is done without them.
 * Touches the process, for good: it is for workers. One thread, before there are others.
 */
#ifndef SUPPORT_REFUSE_H
#define SUPPORT_REFUSE_H

/* memfd_create() gives EPERM. */
void refuse_memfd(void);

/* mmap() of a file that others see as well gives ENOMEM. */
void refuse_shared_mappings(void);

#endif
