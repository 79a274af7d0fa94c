/*
 * Several values or items in one call.
 * Touches the Lua state, and a queue.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "batch.h"

#include "call.h"
#include "convert.h"
#include "item.h"

/* More at once saves nothing. */
enum { MANY_MAX = 65536 };

static const char batch_name[] = "libipc.batch";

/* Messages on their way into Lua: what goes wrong there must not leak those that are left. */
typedef struct batch {
    size_t count;
    ipc_msg *msgs[];
} batch;

static int batch_gc(lua_State *L)
{
    batch *b = luaL_checkudata(L, 1, batch_name);
    for (size_t i = 0; i < b->count; i++) {
        ipc_msg_free(b->msgs[i]);
    }
    b->count = 0;
    return 0;
}

static batch *push_batch(lua_State *L, size_t max)
{
    batch *b = lua_newuserdatauv(L, sizeof *b + max * sizeof b->msgs[0], 0);
    b->count = 0;
    if (luaL_newmetatable(L, batch_name)) {
        lua_pushcfunction(L, batch_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return b;
}

static ipc_msg *next_of(batch *b, size_t i)
{
    ipc_msg *msg = b->msgs[i];
    b->msgs[i] = NULL;
    return msg;
}

/* (queue, max, timeout): take messages into a batch on top of the stack. */
static ipc_err take(lua_State *L, batch **out)
{
    ipc_queue *queue = ipc__lua_check_queue(L, 1);
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, max >= 1, 2, "at least one is needed");
    max = max < MANY_MAX ? max : MANY_MAX;
    int64_t timeout_ms = ipc__lua_timeout(L, 3);
    lua_settop(L, 3);
    batch *b = push_batch(L, (size_t)max);
    ipc__lua_call call;
    ipc__lua_enter(&call, L);
    ipc_err err = ipc_queue_get_many(queue, timeout_ms, (size_t)max, b->msgs, &b->count);
    ipc__lua_leave(&call);
    *out = b;
    return err;
}

int ipc__lua_get_many(lua_State *L)
{
    batch *b;
    ipc_err err = take(L, &b);
    if (err != IPC_OK) {
        return ipc__lua_fail(L, err);
    }
    lua_createtable(L, (int)b->count, 0);
    int list = lua_gettop(L);
    int problems = 0;
    lua_Integer length = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (ipc__lua_decode_msg(L, next_of(b, i)) == 1) {
            lua_rawseti(L, list, ++length);
            continue;
        }
        lua_remove(L, -3);            /* the nil */
        lua_pop(L, problems ? 2 : 0); /* the first one's code and detail stay */
        problems = 2;
    }
    return 1 + problems;
}

int ipc__lua_take_many(lua_State *L)
{
    batch *b;
    ipc_err err = take(L, &b);
    if (err != IPC_OK) {
        return ipc__lua_fail(L, err);
    }
    lua_createtable(L, (int)b->count, 0);
    for (size_t i = 0; i < b->count; i++) {
        ipc_msg **msg = ipc__lua_new_item(L, 1);
        *msg = next_of(b, i);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

int ipc__lua_put_many(lua_State *L)
{
    ipc_queue *queue = ipc__lua_check_queue(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    int64_t timeout_ms = ipc__lua_timeout(L, 3);
    lua_settop(L, 3);
    size_t count = lua_rawlen(L, 2);
    ipc_packed *packed = lua_newuserdatauv(L, (count + 1) * sizeof *packed, 0);
    ipc__lua_encode_list(L, ipc__lua_get(L), 2, packed);
    size_t put = 0;
    ipc__lua_call call;
    ipc__lua_enter(&call, L);
    ipc_err err = ipc_queue_put_many(queue, packed, count, timeout_ms, &put);
    ipc__lua_leave(&call);
    int results = err == IPC_OK ? 0 : ipc__lua_fail(L, err);
    lua_pushinteger(L, (lua_Integer)put);
    return results + 1;
}
