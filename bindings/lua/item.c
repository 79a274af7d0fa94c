/*
 * A taken item: its value, its attempt, and how to finish it or give it back.
 * Touches the Lua state, and the queue it was taken from.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "item.h"

#include "call.h"
#include "convert.h"

#include <string.h>

/* The user values of an item. */
enum { ITEM_QUEUE = 1, ITEM_VALUE = 2, ITEM_USER_VALUES = 2 };

typedef struct item {
    ipc_msg *msg;
    bool settled; /* done, released, or of a queue where taking is all there is */
} item;

ipc_msg **ipc__lua_new_item(lua_State *L, int queue)
{
    item *it = lua_newuserdatauv(L, sizeof *it, ITEM_USER_VALUES);
    *it = (item){.settled = ipc__lua_to_handle(L, queue)->kind != IPC__LUA_JOINABLE};
    lua_pushvalue(L, queue);
    lua_setiuservalue(L, -2, ITEM_QUEUE);
    ipc__lua_push_metatable(L, IPC__LUA_ITEM);
    lua_setmetatable(L, -2);
    return &it->msg;
}

static item *check_item(lua_State *L, int index)
{
    item *it = lua_touserdata(L, index);
    if (!it || ipc__lua_kind_of(L, ipc__lua_get(L), index) != IPC__LUA_ITEM) {
        luaL_typeerror(L, index, "ipc.Item");
    }
    if (!it->msg) {
        luaL_argerror(L, index, "the item was collected");
    }
    return it;
}

/* Decoded when it is asked for, once: an item that Lua cannot hold can still be finished or given back. */
static int item_value(lua_State *L, const item *it)
{
    if (lua_getiuservalue(L, 1, ITEM_VALUE) != LUA_TNIL) {
        return 1;
    }
    if (ipc__lua_decode_msg(L, ipc_msg_ref(it->msg)) != 1) {
        return lua_error(L); /* the detail is on top */
    }
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, ITEM_VALUE);
    return 1;
}

/* Upvalue 1: the table of methods. */
static int item_index(lua_State *L)
{
    const item *it = check_item(L, 1);
    const char *field = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(field, "value") == 0) {
        return item_value(L, it);
    }
    if (strcmp(field, "late") == 0) {
        lua_pushboolean(L, ipc_msg_late(it->msg));
        return 1;
    }
    if (strcmp(field, "attempt") == 0) {
        lua_pushinteger(L, (lua_Integer)ipc_msg_attempt(it->msg));
    } else if (strcmp(field, "queue") == 0) {
        lua_getiuservalue(L, 1, ITEM_QUEUE);
    } else {
        lua_pushvalue(L, 2);
        lua_rawget(L, lua_upvalueindex(1));
    }
    return 1;
}

static int settle(lua_State *L, ipc_err (*how)(ipc_queue *queue, const ipc_msg *msg))
{
    item *it = check_item(L, 1);
    lua_getiuservalue(L, 1, ITEM_QUEUE);
    ipc_err err = how(ipc__lua_check_queue(L, lua_gettop(L)), it->msg);
    if (err != IPC_OK) {
        return ipc__lua_fail(L, err);
    }
    it->settled = true;
    lua_pushboolean(L, 1);
    return 1;
}

static int item_done(lua_State *L)
{
    return settle(L, ipc_queue_done);
}

static int item_release(lua_State *L)
{
    return settle(L, ipc_queue_release);
}

static int item_settled(lua_State *L)
{
    lua_pushboolean(L, check_item(L, 1)->settled);
    return 1;
}

/* The lease outlives the object: only the message's memory is given up. */
static int item_gc(lua_State *L)
{
    item *it = lua_touserdata(L, 1);
    if (it && ipc__lua_kind_of(L, ipc__lua_get(L), 1) == IPC__LUA_ITEM) {
        ipc_msg_free(it->msg);
        it->msg = NULL;
    }
    return 0;
}

void ipc__lua_open_item(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"done", item_done}, {"release", item_release}, {"settled", item_settled}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", item_gc}, {NULL, NULL}};

    ipc__lua_make_metatable(L, IPC__LUA_ITEM, "ipc.Item");
    luaL_setfuncs(L, meta, 0);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, item_index, 1);
    lua_setfield(L, -2, "__index");
    lua_setfield(L, -2, "Item");
}
