/*
 * A taken item: its value, its attempt, and how to finish it or give it back.
 * Touches the Lua state, and the queue it was taken from.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#ifndef IPC__LUA_ITEM_H
#define IPC__LUA_ITEM_H

#include "state.h"

#include <ipc/msg.h>

/** Put the metatable of items into the module on top of the stack, as its field Item. */
void ipc__lua_open_item(lua_State *L);

/**
 * Push an item without a message, which belongs to the queue whose handle is at an index.
 * @return Where its message goes: made first, so that nothing can fail once a message was taken.
 */
ipc_msg **ipc__lua_new_item(lua_State *L, int queue);

#endif
