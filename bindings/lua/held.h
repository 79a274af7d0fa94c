/*
 * Letting go of what a function was called with: locks, conditions, semaphores, and the locks of arrays and values.
 * Touches the Lua state, and what is released.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_HELD_H
#define IPC__LUA_HELD_H

#include "state.h"

/** losses(handle) -> how often calls through it were told that the hub is gone. */
int ipc__lua_losses(lua_State *L);

/**
 * let_go(handle, losses) -> true, or nil, code, detail, for mistakes too ("notheld", "notowner"). Where losses is not
 * what it was when the thing was acquired, nothing is held any more: "lost", and nothing is released in the next hub.
 */
int ipc__lua_let_go(lua_State *L);

#endif
