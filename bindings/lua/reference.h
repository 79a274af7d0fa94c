/*
 * Handles as values: what a container stores for one, and the handle that comes back.
 * Touches the Lua state, and the hub: a round trip each way.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_REFERENCE_H
#define IPC__LUA_REFERENCE_H

#include "state.h"

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/msg.h>

/**
 * The value that stands for a handle. IPC_ENOTSUP: there is none for its kind. Raises what interrupted it. Leaves what is
 * in own->out as it was.
 */
ipc_err ipc__lua_refer(lua_State *L, ipc__lua_handle *handle, ipc_msg **reference);

/**
 * Push the handle that a packed reference stands for, on the connection that it was read through.
 * IPC_ENOENT its object is gone; IPC_ETYPE, IPC_EBADMSG it is for nothing that Lua knows. With an error nothing is pushed;
 * raises what interrupted it.
 */
ipc_err ipc__lua_follow(lua_State *L, ipc_conn *conn, const void *packed, size_t length);

#endif
