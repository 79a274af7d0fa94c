/*
 * Stored values put in order.
 * Touches the array that it is given. Not locked: the core's thread.
 */
#ifndef IPC__SORT_H
#define IPC__SORT_H

#include "hub/stored.h"

/* Of equal values the earlier stays first, also descending. IPC_EKIND some cannot be compared, IPC_ENOMEM: nothing has changed. */
ipc_err ipc__sort(ipc__stored **values, uint64_t length, bool descending);

#endif
