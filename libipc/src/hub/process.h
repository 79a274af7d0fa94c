/*
 * What a program whose business is to be a hub does to its process: ipc-hub and "ipc serve" share it. Not part of the
 * library, which leaves its host's limits and allocator alone.
 * Touches the process's limit of descriptors, and its allocator. One thread, before the hub runs.
 */
#ifndef IPC__HUB_PROCESS_H
#define IPC__HUB_PROCESS_H

#include <stdint.h>

/* Raise the limit of descriptors as far as it may be, and tell how many sessions it is enough for. */
uint32_t ipc__process_fit_sessions(void);

/* The limit of descriptors as it is now. */
uint64_t ipc__process_descriptors(void);

/*
 * Envelopes come and go all the time: their memory is kept for the next one, rather than given to the system and taken
 * again, page by page.
 */
void ipc__process_keep_memory(void);

/* Limits whose signal would end the process are errors instead. */
void ipc__process_outlive_limits(void);

#endif
