/*
 * Several values or items in one call.
 * Touches the Lua state, and a queue.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_BATCH_H
#define IPC__LUA_BATCH_H

#include "state.h"

/** put_many(queue, values [, timeout]) -> how many, or nil, code, detail, how many. */
int ipc__lua_put_many(lua_State *L);

/** get_many(queue, max [, timeout]) -> values [, code, detail of the first that Lua cannot hold], or nil, code, detail. */
int ipc__lua_get_many(lua_State *L);

/** take_many(queue, max [, timeout]) -> items, or nil, code, detail. */
int ipc__lua_take_many(lua_State *L);

#endif
