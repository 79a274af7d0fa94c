/*
 * Letting go of what a function was called with: locks, conditions, semaphores, and the locks of arrays and values.
 * Touches the Lua state, and what is released.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "held.h"

#include "call.h"

#include <ipc/ipc.h>

static ipc_err release(ipc__lua_kind kind, void *object)
{
    switch (kind) {
    case IPC__LUA_LOCK:
        return ipc_lock_release(object);
    case IPC__LUA_SEMAPHORE:
        return ipc_semaphore_release(object, 1);
    case IPC__LUA_CONDITION:
        return ipc_condition_release(object);
    case IPC__LUA_NUMBERS:
    case IPC__LUA_NUMBER:
        return ipc_array_release(object);
    default:
        return IPC_ENOTSUP;
    }
}

static ipc__lua_handle *check(lua_State *L)
{
    ipc__lua_handle *handle = ipc__lua_to_handle(L, 1);
    luaL_argcheck(L, handle && handle->object, 1, "a handle is needed");
    return handle;
}

int ipc__lua_losses(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check(L)->losses);
    return 1;
}

int ipc__lua_let_go(lua_State *L)
{
    ipc__lua_handle *handle = check(L);
    if (luaL_checkinteger(L, 2) != (lua_Integer)handle->losses) {
        lua_pushnil(L);
        lua_pushliteral(L, "lost");
        lua_pushliteral(L, "the hub at which it was acquired is gone, and nobody owns anything in the next one");
        return 3;
    }
    ipc__lua_call call;
    ipc__lua_enter(&call, L);
    ipc_err err = release(handle->kind, handle->object);
    ipc__lua_leave(&call);
    if (err == IPC_ENOTHELD || err == IPC_ENOTOWNER) {
        return ipc__lua_tell(L, err);
    }
    if (err) {
        return ipc__lua_fail(L, err);
    }
    lua_pushboolean(L, 1);
    return 1;
}
