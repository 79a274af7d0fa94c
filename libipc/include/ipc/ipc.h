/*
 * libipc: queues, pipes and their kin between processes, in every language.
 * The umbrella header: includes every public header of the library.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/hub.h>
#include <ipc/msg.h>
#include <ipc/pipe.h>
#include <ipc/queue.h>
#include <ipc/types.h>
#include <ipc/wait.h>

#endif
