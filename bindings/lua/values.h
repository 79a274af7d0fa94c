/*
 * Values that Lua has no type of its own for: bytes, opaque extensions, and marked tables.
 * Touches the Lua state alone.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_VALUES_H
#define IPC__LUA_VALUES_H

#include "state.h"

#include <stddef.h>
#include <stdint.h>

/** The inside of an IPC__LUA_EXT; its bytes are a string in its user value, as those of an IPC__LUA_BIN are. */
typedef struct ipc__lua_ext {
    int8_t type;
} ipc__lua_ext;

/** Make the metatables of the value kinds, and put them and null into the module on top of the stack. */
void ipc__lua_open_values(lua_State *L);

/**
 * The bytes at an index: a string's, or those of an IPC__LUA_BIN, which its string replaces there. Else an error about
 * the argument. Borrowed from the stack.
 */
const char *ipc__lua_check_bytes(lua_State *L, int index, size_t *length);

/** Turn the string on top of the stack into bytes: a userdata of kind IPC__LUA_BIN. */
void ipc__lua_to_bin(lua_State *L);

/** Turn the string on top of the stack into an extension of a type. */
void ipc__lua_to_ext(lua_State *L, int8_t type);

/** Push a table {sec, nsec}. */
void ipc__lua_push_timestamp(lua_State *L, int64_t sec, uint32_t nsec);

/** Push null: a light userdata, so that tables can hold it. */
void ipc__lua_push_null(lua_State *L);

bool ipc__lua_is_null(lua_State *L, int index);

/** Whether it is ipc.absent: what stands for no value at all. */
bool ipc__lua_is_absent(lua_State *L, int index);

#endif
