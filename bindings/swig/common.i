/*
 * What every language's binding shares: the types that SWIG must know, and the typemaps a language has to supply.
 * Touches only the public headers; the types/ files declare the classes.
 * Locks nothing.
 *
 * A language's own .i defines IPC_BINDING_LANGUAGE (a C macro, shown to those who look at the hub), supplies the
 * typemaps below, and includes this file. Every class is a bodyless %extend: SWIG calls ipc_queue_put_packed() for
 * the method put_packed of ipc_queue. Where the C library has no function of that shape, glue.h has it.
 *
 *   (const void *bytes, size_t length)   in:  any value, packed in one pass (borrowed during the call)
 *   (const void *ticket, size_t size)    in:  the same, for what a share() gave
 *   ipc_msg **value                      out: the value, decoded; the message is freed
 *   ipc_msg **item                       out: a taken item: the value, and the message for done() and release()
 *   ipc_err                              out: IPC_OK is nothing, all else fails with code and ipc_last_error()
 *   ipc_err *failed                      out: hidden argument of constructors and factories; the same
 *   bool *answer, uint64_t *count        out: hidden arguments that become the result
 *   int *descriptor                      out: likewise; borrowed, only to be waited on
 *   ipc_pipe **a, ipc_pipe **b           out: hidden arguments that become two owned handles
 *   int64_t timeout_ms                   in:  the language's way to say a timeout; absent is IPC_FOREVER
 *   uint64_t maxsize, max_memory         in:  an integer, never rounded or wrapped
 *   uint32_t max_…                       in:  likewise
 *   (const void *data, size_t size)      in:  bytes as they are (borrowed during the call)
 *   const char *name, *dead_letter       in:  text or null
 *   ipc_conn *conn                       in:  a connection or null (SWIG's own)
 *
 * IPC_ENTER and IPC_LEAVE stand around each call into the library, for a language that has to set its wait hooks: a
 * language defines them as C macros before it includes this file. They enclose one block.
 */
%{
#include <ipc/ipc.h>

#include "glue.h"

#ifndef IPC_ENTER
#define IPC_ENTER
#define IPC_LEAVE
#endif
%}

%exception %{
    {
        IPC_ENTER
        $action
        IPC_LEAVE
    }
%}

%include <stdint.i>

%constant int LANE_AUTO = IPC_LANE_AUTO;
%constant int LANE_SHM = IPC_LANE_SHM;
%constant int LANE_ZMQ = IPC_LANE_ZMQ;
%constant int OPEN_EITHER = IPC_OPEN_EITHER;
%constant int OPEN_CREATE = IPC_OPEN_CREATE;
%constant int OPEN_ATTACH = IPC_OPEN_ATTACH;
%constant int REDELIVER_CRASH = IPC_REDELIVER_CRASH;
%constant int REDELIVER_ALWAYS = IPC_REDELIVER_ALWAYS;
%constant int REDELIVER_NEVER = IPC_REDELIVER_NEVER;
%constant int PIPE_ANY = IPC_PIPE_ANY;
%constant int PIPE_A = IPC_PIPE_A;
%constant int PIPE_B = IPC_PIPE_B;

%rename(version) ipc_version;
const char *ipc_version(void);

/* This program failed: every session of it, from now on, ends as one that did. */
%rename(fail) ipc_fail_all;
void ipc_fail_all(void);

%rename(max_depth) ipc_value_max_depth;
uint32_t ipc_value_max_depth(void);
%rename(max_elements) ipc_value_max_elements;
uint32_t ipc_value_max_elements(void);
%rename(set_value_limits) ipc_limit_values;
ipc_err ipc_limit_values(uint32_t max_depth, uint32_t max_elements);

%rename(attach) from_ticket;
%typemap(in, numinputs=0) int *descriptor (int fd = -1) "$1 = &fd;"

%include "types/msg.i"
%include "types/conn.i"
%include "types/queue.i"
%include "types/pipe.i"
%include "types/sync.i"
%include "types/container.i"
%include "types/hub.i"
