/*
 * What the module libipc.core has beside SWIG's classes.
 * Touches the Lua state alone.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "module.h"

#include "batch.h"
#include "bytes.h"
#include "call.h"
#include "container.h"
#include "convert.h"
#include "handle.h"
#include "held.h"
#include "item.h"
#include "ready.h"
#include "values.h"

#include <time.h>

static int pack(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    ipc__lua_pack_in_place(L, 1);
    return 1;
}

static int unpack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    size_t length;
    const char *bytes = lua_tolstring(L, 1, &length);
    return ipc__lua_decode(L, bytes, length);
}

/* The monotonic clock, in seconds: Lua has none that waits could be measured by. */
static int now(lua_State *L)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    lua_pushnumber(L, (lua_Number)at.tv_sec + (lua_Number)at.tv_nsec / 1e9);
    return 1;
}

void ipc__lua_open_module(lua_State *L)
{
    static const luaL_Reg functions[] = {{"pack", pack},
                                         {"unpack", unpack},
                                         {"as_joinable", ipc__lua_as_joinable},
                                         {"put_many", ipc__lua_put_many},
                                         {"get_many", ipc__lua_get_many},
                                         {"take_many", ipc__lua_take_many},
                                         {"recv_bytes", ipc__lua_recv_bytes},
                                         {"wait", ipc__lua_wait},
                                         {"losses", ipc__lua_losses},
                                         {"let_go", ipc__lua_let_go},
                                         {"now", now},
                                         {"set_scripts", ipc__lua_set_scripts},
                                         {NULL, NULL}};

    ipc__lua_open(L);
    luaL_setfuncs(L, functions, 0);
    ipc__lua_open_values(L);
    ipc__lua_open_item(L);
    ipc__lua_open_handles(L);
    ipc__lua_open_containers(L);
}
