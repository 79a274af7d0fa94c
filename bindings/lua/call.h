/*
 * What stands around a call into the library: timeouts in, failures out, and Ctrl-C in between.
 * Touches the Lua state, and this thread's wait hooks while a call runs.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_CALL_H
#define IPC__LUA_CALL_H

#include "state.h"

#include <ipc/error.h>
#include <ipc/queue.h>
#include <ipc/wait.h>

/** One call that may block. Lives on the C stack; between enter and leave no Lua error may be raised. */
typedef struct ipc__lua_call {
    ipc__lua *own;
    msgpack_sbuffer out; /* moved here from ipc__lua: Lua code that runs while the call waits may pack, too */
    const ipc_wait_hooks *outer;
    ipc_wait_hooks hooks;
} ipc__lua_call;

/** Raises what interrupted an earlier call that was done all the same. */
void ipc__lua_enter(ipc__lua_call *call, lua_State *L);
void ipc__lua_leave(ipc__lua_call *call);

/**
 * Return a failed call to Lua: pushes nil, the code's short name and the detail, 3 results. Misuse (IPC_EINVAL,
 * IPC_EUNFINISHED, IPC_ENOTHELD, IPC_ENOTOWNER) raises the detail as an error. What interrupted the call is raised,
 * whatever the call came to.
 */
int ipc__lua_fail(lua_State *L, ipc_err err);

/** The same for whoever knows what to make of misuse, and has seen to interruptions: nothing is raised. */
int ipc__lua_tell(lua_State *L, ipc_err err);

/** set_scripts(prefix): how the sources of the library's scripts begin, which are not to blame for a mistake. */
int ipc__lua_set_scripts(lua_State *L);

/** The timeout at an index: seconds, fractions too; nil, none and math.huge are for ever. Milliseconds, rounded up. */
int64_t ipc__lua_timeout(lua_State *L, int index);

/** The queue of the handle at an index, or an error about the argument (handle.c). */
ipc_queue *ipc__lua_check_queue(lua_State *L, int index);

#endif
