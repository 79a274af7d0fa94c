/*
 * Waiting for one of several things.
 * Touches the Lua state, and the handles that are waited for.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_READY_H
#define IPC__LUA_READY_H

#include "state.h"

/** wait(things [, timeout]) -> those that are ready, in order, or nil, code, detail. */
int ipc__lua_wait(lua_State *L);

#endif
