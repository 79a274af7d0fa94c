/*
 * Waiting for one of several things.
 * Touches the Lua state, and the handles that are waited for.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "ready.h"

#include "call.h"

#include <ipc/wait.h>
#include <limits.h>

/* The element on top of the stack, the number *i* of the list. */
static ipc_waitable waitable_of(lua_State *L, lua_Integer i)
{
    if (lua_isinteger(L, -1)) {
        lua_Integer fd = lua_tointeger(L, -1);
        return (ipc_waitable){.fd = fd >= 0 && fd <= INT_MAX ? (int)fd : -1};
    }
    const ipc__lua_handle *handle = ipc__lua_to_handle(L, -1);
    if (handle && handle->object && (handle->kind == IPC__LUA_QUEUE || handle->kind == IPC__LUA_JOINABLE)) {
        return (ipc_waitable){.queue = handle->object};
    }
    if (handle && handle->object && handle->kind == IPC__LUA_PIPE) {
        return (ipc_waitable){.pipe = handle->object};
    }
    luaL_argerror(L, 1,
                  lua_pushfstring(L, "at [%I]: a queue, a pipe's end or a descriptor is needed, not a value of type %s",
                                  (LUAI_UACINT)i, luaL_typename(L, -1)));
    return (ipc_waitable){.fd = -1};
}

int ipc__lua_wait(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int64_t timeout_ms = ipc__lua_timeout(L, 2);
    lua_settop(L, 2);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    luaL_argcheck(L, count > 0 || timeout_ms >= 0, 1, "nothing to wait for, for ever");
    ipc_waitable *things = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *things, 0);
    lua_createtable(L, (int)count, 0); /* keeps the handles: a hook may change the program's own list meanwhile */
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        things[i - 1] = waitable_of(L, i);
        lua_rawseti(L, 4, i);
    }
    ipc__lua_call call;
    ipc__lua_enter(&call, L);
    ipc_err err = ipc_wait(things, (size_t)count, timeout_ms, NULL);
    ipc__lua_leave(&call);
    if (err != IPC_OK) {
        return ipc__lua_fail(L, err);
    }
    lua_newtable(L);
    for (lua_Integer i = 1, ready = 0; i <= count; i++) {
        if (things[i - 1].ready) {
            lua_rawgeti(L, 4, i);
            lua_rawseti(L, -2, ++ready);
        }
    }
    return 1;
}
