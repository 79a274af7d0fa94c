/*
 * Hubs of this process, as the client and fork see them.
 * Touches the list of hubs, which has a lock of its own.
 */
#ifndef IPC__HUB_H
#define IPC__HUB_H

#include <ipc/hub.h>
#include <stdbool.h>

/* Hand the other end of a socket pair to the hub of this process with that address. False: there is none. */
bool ipc__hub_adopt(const char *address, int control);

/* Around fork: a hub stays with the parent. */
void ipc__hub_before_fork(void);
void ipc__hub_after_fork(bool child);

#endif
