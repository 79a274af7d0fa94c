/*
 * Values that Lua has no type of its own for: bytes, opaque extensions, and marked tables.
 * Touches the Lua state alone.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "values.h"

#include <string.h>

void ipc__lua_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

bool ipc__lua_is_null(lua_State *L, int index)
{
    return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

/* Its address is ipc.absent. */
static char absent_tag;

bool ipc__lua_is_absent(lua_State *L, int index)
{
    return lua_islightuserdata(L, index) && lua_touserdata(L, index) == &absent_tag;
}

void ipc__lua_to_bin(lua_State *L)
{
    lua_newuserdatauv(L, 0, 1);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    ipc__lua_push_metatable(L, IPC__LUA_BIN);
    lua_setmetatable(L, -2);
}

void ipc__lua_to_ext(lua_State *L, int8_t type)
{
    ipc__lua_ext *ext = lua_newuserdatauv(L, sizeof *ext, 1);
    ext->type = type;
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
    ipc__lua_push_metatable(L, IPC__LUA_EXT);
    lua_setmetatable(L, -2);
}

void ipc__lua_push_timestamp(lua_State *L, int64_t sec, uint32_t nsec)
{
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, sec);
    lua_setfield(L, -2, "sec");
    lua_pushinteger(L, nsec);
    lua_setfield(L, -2, "nsec");
    ipc__lua_push_metatable(L, IPC__LUA_TIMESTAMP);
    lua_setmetatable(L, -2);
}

/* The bytes or extension at index, or an error that names the argument. */
static ipc__lua_kind check_bytes(lua_State *L, int index)
{
    ipc__lua_kind kind = ipc__lua_kind_of(L, ipc__lua_get(L), index);
    if (lua_type(L, index) != LUA_TUSERDATA || (kind != IPC__LUA_BIN && kind != IPC__LUA_EXT)) {
        luaL_typeerror(L, index, "ipc.bin or ipc.ext");
    }
    return kind;
}

const char *ipc__lua_check_bytes(lua_State *L, int index, size_t *length)
{
    if (lua_type(L, index) == LUA_TUSERDATA && ipc__lua_kind_of(L, ipc__lua_get(L), index) == IPC__LUA_BIN) {
        lua_getiuservalue(L, index, 1);
        lua_replace(L, index);
    }
    if (lua_type(L, index) != LUA_TSTRING) {
        luaL_typeerror(L, index, "string or ipc.bin");
    }
    return lua_tolstring(L, index, length);
}

static int bin_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_settop(L, 1);
    ipc__lua_to_bin(L);
    return 1;
}

static int bytes_index(lua_State *L)
{
    ipc__lua_kind kind = check_bytes(L, 1);
    const char *field = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(field, "data") == 0) {
        lua_getiuservalue(L, 1, 1);
    } else if (kind == IPC__LUA_EXT && strcmp(field, "type") == 0) {
        lua_pushinteger(L, ((const ipc__lua_ext *)lua_touserdata(L, 1))->type);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int bytes_len(lua_State *L)
{
    check_bytes(L, 1);
    lua_getiuservalue(L, 1, 1);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
    return 1;
}

/* Lua asks for two userdata that are not the same; of two kinds they are not equal. */
static int bytes_eq(lua_State *L)
{
    const ipc__lua *own = ipc__lua_get(L);
    ipc__lua_kind kind = ipc__lua_kind_of(L, own, 1);
    bool equal = kind == ipc__lua_kind_of(L, own, 2) && (kind == IPC__LUA_BIN || kind == IPC__LUA_EXT);
    if (equal && kind == IPC__LUA_EXT) {
        const ipc__lua_ext *a = lua_touserdata(L, 1);
        const ipc__lua_ext *b = lua_touserdata(L, 2);
        equal = a->type == b->type;
    }
    if (equal) {
        lua_getiuservalue(L, 1, 1);
        lua_getiuservalue(L, 2, 1);
        equal = lua_rawequal(L, -1, -2);
    }
    lua_pushboolean(L, equal);
    return 1;
}

static int bin_tostring(lua_State *L)
{
    check_bytes(L, 1);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static int ext_tostring(lua_State *L)
{
    if (check_bytes(L, 1) != IPC__LUA_EXT) {
        return luaL_typeerror(L, 1, "ipc.ext");
    }
    const ipc__lua_ext *ext = lua_touserdata(L, 1);
    lua_getiuservalue(L, 1, 1);
    lua_pushfstring(L, "ipc.ext: type %d, %d bytes", (int)ext->type, (int)lua_rawlen(L, -1));
    return 1;
}

/* Make the metatable of a kind, and put it into the module on top of the stack. */
static void publish(lua_State *L, ipc__lua_kind kind, const char *name, const luaL_Reg *metamethods)
{
    ipc__lua_make_metatable(L, kind, name);
    luaL_setfuncs(L, metamethods, 0);
    lua_setfield(L, -2, strchr(name, '.') + 1);
}

void ipc__lua_open_values(lua_State *L)
{
    static const luaL_Reg bin[] = {
        {"__index", bytes_index}, {"__len", bytes_len}, {"__eq", bytes_eq}, {"__tostring", bin_tostring}, {NULL, NULL}};
    static const luaL_Reg ext[] = {
        {"__index", bytes_index}, {"__len", bytes_len}, {"__eq", bytes_eq}, {"__tostring", ext_tostring}, {NULL, NULL}};
    static const luaL_Reg none[] = {{NULL, NULL}};

    publish(L, IPC__LUA_BIN, "ipc.bin", bin);
    publish(L, IPC__LUA_EXT, "ipc.ext", ext);
    publish(L, IPC__LUA_TIMESTAMP, "ipc.timestamp", none);
    publish(L, IPC__LUA_ARRAY, "ipc.array", none);
    publish(L, IPC__LUA_MAP, "ipc.map", none);
    lua_pushcfunction(L, bin_new);
    lua_setfield(L, -2, "new_bin");
    ipc__lua_push_null(L);
    lua_setfield(L, -2, "null");
    lua_pushlightuserdata(L, &absent_tag);
    lua_setfield(L, -2, "absent");
}
