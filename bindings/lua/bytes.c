/*
 * Bytes out of a pipe.
 * Touches the Lua state, and the pipe.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "bytes.h"

#include "call.h"
#include "handle.h"

#include <ipc/pipe.h>
#include <time.h>

/* Room for what comes, before it is known how long that is. */
enum { FIRST_BYTES = 4096 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left of a timeout that began then. */
static int64_t left_ms(int64_t timeout_ms, int64_t began_ms)
{
    if (timeout_ms < 0) {
        return timeout_ms;
    }
    int64_t passed = now_ms() - began_ms;
    return passed < timeout_ms ? timeout_ms - passed : 0;
}

int ipc__lua_recv_bytes(lua_State *L)
{
    ipc_pipe *pipe = ipc__lua_check_handle(L, 1, IPC__LUA_PIPE);
    size_t max = lua_isnoneornil(L, 2) ? SIZE_MAX : ipc__lua_check_count(L, 2);
    int64_t timeout_ms = ipc__lua_timeout(L, 3);
    int64_t began_ms = now_ms();
    size_t room = max < FIRST_BYTES ? max : FIRST_BYTES;
    for (;;) {
        lua_settop(L, 3);
        char *buffer = lua_newuserdatauv(L, room, 0);
        size_t length = 0;
        ipc__lua_call call;
        ipc__lua_enter(&call, L);
        ipc_err err = ipc_pipe_recv_bytes(pipe, left_ms(timeout_ms, began_ms), buffer, room, &length);
        ipc__lua_leave(&call);
        if (err == IPC_OK) {
            lua_pushlstring(L, buffer, length);
            return 1;
        }
        if (err != IPC_ETOOSMALL) {
            return ipc__lua_fail(L, err);
        }
        if (length > max) {
            int results = ipc__lua_fail(L, err);
            lua_pushinteger(L, (lua_Integer)length);
            return results + 1;
        }
        room = length; /* it is still there, unless somebody else was faster */
    }
}
