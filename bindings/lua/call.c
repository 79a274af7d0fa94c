/*
 * What stands around a call into the library: timeouts in, failures out, and Ctrl-C in between.
 * Touches the Lua state, and this thread's wait hooks while a call runs.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "call.h"

#include <ctype.h>
#include <ipc/types.h>
#include <math.h>
#include <string.h>

/* Room on the Lua stack for what an interruption pushes. */
enum { INTERRUPTED_SLOTS = 8 };

/* Its address is the registry's key of where the library's scripts are. */
static const char scripts_key;

static int no_op(lua_State *L)
{
    (void)L;
    return 0;
}

/* Let a pending debug hook run: calling any function does. True: it raised an error, which is left on the stack. */
static bool hook_raises(lua_State *L)
{
    lua_pushcfunction(L, no_op);
    return lua_pcall(L, 0, 0, 0) != LUA_OK;
}

/*
 * Ctrl-C in the standalone interpreter is a debug hook on the main coroutine that raises "interrupted!". In another
 * coroutine that waits here, the hook is borrowed for a moment; if it took itself off, it is gone for the main one, too.
 */
static bool main_hook_raises(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    lua_Hook hook = main == L ? NULL : lua_gethook(main);
    if (!hook) {
        return false;
    }
    lua_Hook own = lua_gethook(L);
    int own_mask = lua_gethookmask(L);
    int own_count = lua_gethookcount(L);
    lua_sethook(L, hook, lua_gethookmask(main), lua_gethookcount(main));
    bool raised = hook_raises(L);
    if (!lua_gethook(L)) {
        lua_sethook(main, NULL, 0, 0);
    }
    lua_sethook(L, own, own_mask, own_count);
    return raised;
}

static int interrupted(void *arg)
{
    lua_State *L = arg;
    bool raised = hook_raises(L) || main_hook_raises(L);
    if (raised) {
        ipc__lua_keep_interruption(L);
    }
    return raised;
}

void ipc__lua_enter(ipc__lua_call *call, lua_State *L)
{
    luaL_checkstack(L, INTERRUPTED_SLOTS, NULL);
    ipc__lua *own = ipc__lua_get(L);
    if (own->interrupted) { /* in a call that came to its end all the same */
        ipc__lua_raise_interruption(L);
    }
    call->own = own;
    call->out = own->out;
    msgpack_sbuffer_init(&own->out);
    call->hooks = (ipc_wait_hooks){.interrupted = interrupted, .arg = L};
    call->outer = ipc_set_wait_hooks(&call->hooks);
}

void ipc__lua_leave(ipc__lua_call *call)
{
    ipc_set_wait_hooks(call->outer);
    ipc__lua_keep_buffer(call->own, &call->out);
}

/* Push the name that Lua programs see: "empty" for IPC_EEMPTY. */
static void push_code(lua_State *L, ipc_err err)
{
    static const char prefix[] = "IPC_E";
    const char *name = ipc_err_name(err);
    if (!name || strncmp(name, prefix, sizeof prefix - 1) != 0) {
        lua_pushliteral(L, "unknown");
        return;
    }
    char code[32];
    size_t length = 0;
    for (name += sizeof prefix - 1; name[length] && length < sizeof code; length++) {
        code[length] = (char)tolower((unsigned char)name[length]);
    }
    lua_pushlstring(L, code, length);
}

int ipc__lua_tell(lua_State *L, ipc_err err)
{
    const char *detail = ipc_last_error();
    /* The detail first: what is pushed later may run finalizers, and those may call the library. */
    lua_pushstring(L, *detail ? detail : ipc_strerror(err));
    lua_pushnil(L);
    push_code(L, err);
    lua_rotate(L, -3, 2);
    return 3;
}

/* Whether a function is of the library's own scripts, which lie in one directory. */
static bool is_own(const char *source, const char *scripts)
{
    size_t length = strlen(scripts);
    return length > 0 && strncmp(source, scripts, length) == 0 && !strchr(source + length, '/');
}

/* Raise a mistake's words where it was made: not in the scripts that stand around the call. */
static int raise(lua_State *L, const char *words)
{
    lua_pushstring(L, words);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &scripts_key);
    const char *scripts = lua_isstring(L, -1) ? lua_tostring(L, -1) : "";
    lua_Debug at;
    int level = 1;
    while (lua_getstack(L, level, &at) && lua_getinfo(L, "S", &at) && is_own(at.source, scripts)) {
        level++;
    }
    luaL_where(L, level);
    lua_pushvalue(L, -3);
    lua_concat(L, 2);
    return lua_error(L);
}

int ipc__lua_set_scripts(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &scripts_key);
    return 0;
}

/* The loss of a hub is told once through each handle, the first argument; after that it is one at the next hub. */
static void count_loss(lua_State *L)
{
    ipc__lua_handle *handle = ipc__lua_to_handle(L, 1);
    if (handle) {
        handle->losses++;
    }
}

int ipc__lua_fail(lua_State *L, ipc_err err)
{
    if (ipc__lua_get(L)->interrupted) {
        return ipc__lua_raise_interruption(L);
    }
    if (err == IPC_EINTR) {
        return luaL_error(L, "%s", ipc_strerror(err));
    }
    if (err == IPC_ELOST) {
        count_loss(L);
    }
    const char *detail = ipc_last_error();
    if (err == IPC_EINVAL || err == IPC_EUNFINISHED || err == IPC_ENOTHELD || err == IPC_ENOTOWNER) {
        return raise(L, *detail ? detail : ipc_strerror(err));
    }
    return ipc__lua_tell(L, err);
}

int64_t ipc__lua_timeout(lua_State *L, int index)
{
    static const double longest_ms = 9e15; /* beyond it a double skips integers, and nobody waits that long */
    if (lua_isnoneornil(L, index)) {
        return IPC_FOREVER;
    }
    lua_Number seconds = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
    if (!(seconds >= 0)) {
        return luaL_argerror(L, index, "a timeout is a number of seconds, 0 or more, or nil for ever");
    }
    double ms = ceil(seconds * 1000);
    return ms > longest_ms ? IPC_FOREVER : (int64_t)ms;
}
