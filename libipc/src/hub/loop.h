/*
 * The hub loop: sockets, timers, and the life and death of peers around one core.
 * Touches descriptors, the clock and ZeroMQ (through its lane). One thread runs it; ipc__loop_adopt() and
 * ipc__loop_stop() may come from others.
 */
#ifndef IPC__LOOP_H
#define IPC__LOOP_H

#include "wire/address.h"

#include <ipc/hub.h>

typedef struct ipc__loop ipc__loop;

/*
 * Take the address: lock, bind, listen. The address is completed (a TCP port for "*"). IPC_EADDRINUSE another hub has it;
 * IPC_EPERM, IPC_ESYS, IPC_ENOMEM.
 */
ipc_err ipc__loop_open(ipc__loop **out, ipc__address *address, const ipc_hub_options *options);

/* Run until the hub's life ends, ipc__loop_stop() is called, or stop_fd (-1: none) is readable. */
ipc_err ipc__loop_run(ipc__loop *loop, int stop_fd);

/* Make ipc__loop_run() return. Any thread. */
void ipc__loop_stop(ipc__loop *loop);

/* Give it the other end of a socket pair as a control socket: how clients of this process come. Any thread. */
bool ipc__loop_adopt(ipc__loop *loop, int control);

void ipc__loop_close(ipc__loop *loop);

/* In a forked child: close its copies of the descriptors and forget it; the hub lives on in the parent. */
void ipc__loop_abandon(ipc__loop *loop);

#endif
