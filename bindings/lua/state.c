/*
 * What the binding keeps for each Lua state.
 * Touches the registry of its own Lua state alone.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "state.h"

#include <string.h>

/* A buffer that a large value has grown is not kept. */
enum { BUFFER_KEPT_MAX = 256 * 1024 };

/* Its address is the mark of a handle. */
static const char handle_tag;

/* Their addresses are the keys in the registry. */
static const char state_key;
static const char metatable_keys[IPC__LUA_KINDS];
static const char interruption_key;

static int state_gc(lua_State *L)
{
    ipc__lua *own = lua_touserdata(L, 1);
    msgpack_sbuffer_destroy(&own->out);
    msgpack_sbuffer_init(&own->out);
    own->closing = true;
    return 0;
}

ipc__lua *ipc__lua_get(lua_State *L)
{
    const ipc__lua_handle *handle = ipc__lua_to_handle(L, 1);
    if (handle) {
        return handle->own;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    ipc__lua *own = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return own;
}

ipc__lua_handle *ipc__lua_to_handle(lua_State *L, int index)
{
    if (lua_rawlen(L, index) != sizeof(ipc__lua_handle)) {
        return NULL; /* light userdata, too */
    }
    ipc__lua_handle *handle = lua_touserdata(L, index);
    return handle && handle->tag == &handle_tag ? handle : NULL;
}

ipc__lua_handle *ipc__lua_push_handle(lua_State *L)
{
    ipc__lua *own = ipc__lua_get(L);
    ipc__lua_handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (ipc__lua_handle){.tag = &handle_tag, .own = own, .kind = IPC__LUA_NONE};
    return handle;
}

void ipc__lua_open(lua_State *L)
{
    if (ipc__lua_get(L)) {
        return;
    }
    ipc__lua *own = lua_newuserdatauv(L, sizeof *own, 0);
    memset(own, 0, sizeof *own);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    lua_pushboolean(L, 0); /* room for what comes when nothing may fail */
    lua_rawsetp(L, LUA_REGISTRYINDEX, &interruption_key);
}

void ipc__lua_keep_interruption(lua_State *L)
{
    ipc__lua_get(L)->interrupted = true;
    lua_rawsetp(L, LUA_REGISTRYINDEX, &interruption_key);
}

int ipc__lua_raise_interruption(lua_State *L)
{
    ipc__lua_get(L)->interrupted = false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &interruption_key);
    lua_pushboolean(L, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &interruption_key);
    return lua_error(L);
}

void ipc__lua_make_metatable(lua_State *L, ipc__lua_kind kind, const char *name)
{
    ipc__lua_push_metatable(L, kind);
    if (!lua_isnil(L, -1)) {
        return;
    }
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    ipc__lua_get(L)->metatables[kind] = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_keys[kind]);
}

void ipc__lua_push_metatable(lua_State *L, ipc__lua_kind kind)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_keys[kind]);
}

ipc__lua_kind ipc__lua_kind_of(lua_State *L, const ipc__lua *own, int index)
{
    if (!lua_getmetatable(L, index)) {
        return IPC__LUA_NONE;
    }
    const void *metatable = lua_topointer(L, -1);
    lua_pop(L, 1);
    int kind = 0;
    while (kind < IPC__LUA_KINDS && own->metatables[kind] != metatable) {
        kind++;
    }
    return (ipc__lua_kind)kind;
}

void ipc__lua_keep_buffer(ipc__lua *own, msgpack_sbuffer *buffer)
{
    if (own->closing || own->out.data || buffer->alloc > BUFFER_KEPT_MAX) {
        msgpack_sbuffer_destroy(buffer);
    } else {
        own->out = *buffer;
    }
    msgpack_sbuffer_init(buffer);
}
