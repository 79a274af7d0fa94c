/*
 * Handles in Lua: a userdata around one of the library's objects, under the metatable of its class.
 * Touches the Lua state, and frees what a handle owns.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_HANDLE_H
#define IPC__LUA_HANDLE_H

#include "state.h"

#include <stdint.h>

/** Make the classes' metatables, and put the table of them into the module on top of the stack, as its field classes. */
void ipc__lua_open_handles(lua_State *L);

/** Push a handle without an object: made before the object is, so that nothing can fail once that is there. */
void ipc__lua_new_handle(lua_State *L);

/** Give the handle at an index its object, which it owns from now on, and its class (of a dict or an array the exact
 * one). An object of NULL changes nothing. */
void ipc__lua_fill_handle(lua_State *L, int index, void *object, ipc__lua_kind kind);

/** The object of the handle at an index, or an error about the argument. Joinable queues are queues, namespaces
 * dicts, and values arrays. */
void *ipc__lua_check_handle(lua_State *L, int index, ipc__lua_kind kind);

/** The text at an index, NULL for nil, or an error about the argument. */
const char *ipc__lua_check_text(lua_State *L, int index);

/** The integer of 0 or more at an index, or an error about the argument. */
uint64_t ipc__lua_check_count(lua_State *L, int index);

/** The same up to 2^32-1. */
uint32_t ipc__lua_check_limit(lua_State *L, int index);

/** The boolean at an index, nil counting as false, or an error about the argument. */
bool ipc__lua_check_flag(lua_State *L, int index);

/** as_joinable(queue) -> queue: make its class JoinableQueue. */
int ipc__lua_as_joinable(lua_State *L);

#endif
