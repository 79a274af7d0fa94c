/*
 * Handles in Lua: a userdata around one of the library's objects, under the metatable of its class.
 * Touches the Lua state, and frees what a handle owns.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "handle.h"

#include "call.h"

#include <ipc/ipc.h>
#include <string.h>

static const struct {
    ipc__lua_kind kind;
    const char *name;
} classes[] = {
    {IPC__LUA_CONN, "ipc.Conn"},           {IPC__LUA_QUEUE, "ipc.Queue"},   {IPC__LUA_JOINABLE, "ipc.JoinableQueue"},
    {IPC__LUA_PIPE, "ipc.Pipe"},           {IPC__LUA_HUB, "ipc.Hub"},       {IPC__LUA_LOCK, "ipc.Lock"},
    {IPC__LUA_SEMAPHORE, "ipc.Semaphore"}, {IPC__LUA_EVENT, "ipc.Event"},   {IPC__LUA_CONDITION, "ipc.Condition"},
    {IPC__LUA_BARRIER, "ipc.Barrier"},     {IPC__LUA_DICT, "ipc.Dict"},     {IPC__LUA_NAMESPACE, "ipc.Namespace"},
    {IPC__LUA_LIST, "ipc.List"},           {IPC__LUA_NUMBERS, "ipc.Array"}, {IPC__LUA_NUMBER, "ipc.Value"}};

enum { CLASS_COUNT = sizeof classes / sizeof classes[0] };

static const char *class_name(ipc__lua_kind kind)
{
    for (int i = 0; i < CLASS_COUNT; i++) {
        if (classes[i].kind == kind) {
            return classes[i].name;
        }
    }
    return NULL;
}

void ipc__lua_new_handle(lua_State *L)
{
    ipc__lua_push_handle(L);
}

/* A namespace is a dict of its own, and a value an array. */
static ipc__lua_kind exact(void *object, ipc__lua_kind kind)
{
    if (kind == IPC__LUA_DICT) {
        return ipc_dict_names(object) ? IPC__LUA_NAMESPACE : kind;
    }
    if (kind == IPC__LUA_NUMBERS) {
        return ipc_array_scalar(object) ? IPC__LUA_NUMBER : kind;
    }
    return kind;
}

void ipc__lua_fill_handle(lua_State *L, int index, void *object, ipc__lua_kind kind)
{
    if (!object) {
        return;
    }
    kind = exact(object, kind);
    ipc__lua_handle *handle = lua_touserdata(L, index);
    handle->object = object;
    handle->kind = kind;
    index = lua_absindex(L, index);
    ipc__lua_push_metatable(L, kind);
    lua_setmetatable(L, index);
}

/* What a kind is one of. */
static ipc__lua_kind broad(ipc__lua_kind kind)
{
    switch (kind) {
    case IPC__LUA_JOINABLE:
        return IPC__LUA_QUEUE;
    case IPC__LUA_NAMESPACE:
        return IPC__LUA_DICT;
    case IPC__LUA_NUMBER:
        return IPC__LUA_NUMBERS;
    default:
        return kind;
    }
}

void *ipc__lua_check_handle(lua_State *L, int index, ipc__lua_kind kind)
{
    const ipc__lua_handle *handle = ipc__lua_to_handle(L, index);
    if (!handle || (handle->kind != kind && broad(handle->kind) != kind)) {
        luaL_typeerror(L, index, class_name(kind));
    }
    if (!handle->object) {
        luaL_argerror(L, index, "the handle was collected");
    }
    return handle->object;
}

ipc_queue *ipc__lua_check_queue(lua_State *L, int index)
{
    return ipc__lua_check_handle(L, index, IPC__LUA_QUEUE);
}

const char *ipc__lua_check_text(lua_State *L, int index)
{
    if (lua_isnil(L, index)) {
        return NULL;
    }
    luaL_checktype(L, index, LUA_TSTRING);
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    luaL_argcheck(L, strlen(text) == length, index, "the text has a zero byte in it");
    return text;
}

uint64_t ipc__lua_check_count(lua_State *L, int index)
{
    lua_Integer count = luaL_checkinteger(L, index);
    luaL_argcheck(L, count >= 0, index, "an integer of 0 or more is needed");
    return (uint64_t)count;
}

uint32_t ipc__lua_check_limit(lua_State *L, int index)
{
    lua_Integer limit = luaL_checkinteger(L, index);
    luaL_argcheck(L, limit >= 0 && limit <= UINT32_MAX, index, "an integer from 0 to 4294967295 is needed");
    return (uint32_t)limit;
}

bool ipc__lua_check_flag(lua_State *L, int index)
{
    if (!lua_isnil(L, index)) {
        luaL_checktype(L, index, LUA_TBOOLEAN);
    }
    return lua_toboolean(L, index);
}

int ipc__lua_as_joinable(lua_State *L)
{
    ipc__lua_fill_handle(L, 1, ipc__lua_check_handle(L, 1, IPC__LUA_QUEUE), IPC__LUA_JOINABLE);
    lua_settop(L, 1);
    return 1;
}

static void free_object(ipc__lua_kind kind, void *object)
{
    switch (kind) {
    case IPC__LUA_CONN:
        ipc_conn_free(object);
        return;
    case IPC__LUA_QUEUE:
    case IPC__LUA_JOINABLE:
        ipc_queue_free(object);
        return;
    case IPC__LUA_PIPE:
        ipc_pipe_free(object);
        return;
    case IPC__LUA_HUB:
        ipc_hub_free(object);
        return;
    case IPC__LUA_LOCK:
        ipc_lock_free(object);
        return;
    case IPC__LUA_SEMAPHORE:
        ipc_semaphore_free(object);
        return;
    case IPC__LUA_EVENT:
        ipc_event_free(object);
        return;
    case IPC__LUA_CONDITION:
        ipc_condition_free(object);
        return;
    case IPC__LUA_BARRIER:
        ipc_barrier_free(object);
        return;
    case IPC__LUA_DICT:
    case IPC__LUA_NAMESPACE:
        ipc_dict_free(object);
        return;
    case IPC__LUA_LIST:
        ipc_list_free(object);
        return;
    case IPC__LUA_NUMBERS:
    case IPC__LUA_NUMBER:
        ipc_array_free(object);
        return;
    default:
        return;
    }
}

/* A finalizer may run inside any call, so the hooks of that call are not for it. */
static int handle_gc(lua_State *L)
{
    ipc__lua_handle *handle = ipc__lua_to_handle(L, 1);
    if (!handle || !handle->object) {
        return 0;
    }
    void *object = handle->object;
    handle->object = NULL;
    const ipc_wait_hooks *outer = ipc_set_wait_hooks(NULL);
    free_object(handle->kind, object);
    ipc_set_wait_hooks(outer);
    return 0;
}

void ipc__lua_open_handles(lua_State *L)
{
    lua_createtable(L, 0, CLASS_COUNT);
    for (int i = 0; i < CLASS_COUNT; i++) {
        ipc__lua_make_metatable(L, classes[i].kind, classes[i].name);
        lua_pushcfunction(L, handle_gc);
        lua_setfield(L, -2, "__gc");
        lua_setfield(L, -2, strchr(classes[i].name, '.') + 1);
    }
    lua_setfield(L, -2, "classes");
}
