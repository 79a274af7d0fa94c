/*
 * Methods of dicts, namespaces, lists, arrays and values.
 * Touches the Lua state, and the container.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_CONTAINER_H
#define IPC__LUA_CONTAINER_H

#include "state.h"

/**
 * Put the methods that ask the hub into the module on top of the stack, as its field methods: {Dict = {get = ...}, ...}.
 * Those whose names begin with two underscores are for metatables: they raise their failures. __by_integer and __by_name
 * make an __index from the table of a class's methods.
 */
void ipc__lua_open_containers(lua_State *L);

#endif
