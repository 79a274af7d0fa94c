/*
 * What the module libipc.core has beside SWIG's classes.
 * Touches the Lua state alone.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_MODULE_H
#define IPC__LUA_MODULE_H

#include "state.h"

/** Add it to the module on top of the stack. Loading the module again in the same Lua state finds the same kinds. */
void ipc__lua_open_module(lua_State *L);

#endif
