/*
 * Bytes out of a pipe.
 * Touches the Lua state, and the pipe.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_BYTES_H
#define IPC__LUA_BYTES_H

#include "state.h"

/** recv_bytes(pipe [, max [, timeout]]) -> string, or nil, code, detail; with "toosmall" also the length that it has. */
int ipc__lua_recv_bytes(lua_State *L);

#endif
