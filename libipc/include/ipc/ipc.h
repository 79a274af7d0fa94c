/*
 * libipc: queues, pipes and their kin between processes, in every language.
 * The umbrella header: includes every public header of the library.
 */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <ipc/array.h>
#include <ipc/barrier.h>
#include <ipc/condition.h>
#include <ipc/conn.h>
#include <ipc/dict.h>
#include <ipc/error.h>
#include <ipc/event.h>
#include <ipc/hub.h>
#include <ipc/list.h>
#include <ipc/lock.h>
#include <ipc/method.h>
#include <ipc/msg.h>
#include <ipc/pipe.h>
#include <ipc/queue.h>
#include <ipc/semaphore.h>
#include <ipc/types.h>
#include <ipc/wait.h>

#endif
