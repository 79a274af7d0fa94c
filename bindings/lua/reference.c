/*
 * Handles as values.
 * Touches the Lua state, and the hub.
 * Locks nothing: a Lua state is one thread's at a time.
 */
#include "reference.h"

#include "call.h"
#include "handle.h"

#include <ipc/ipc.h>

/* ---- from a handle to a reference ---- */

static ipc_err refer(ipc__lua_kind kind, void *object, ipc_msg **reference)
{
    switch (kind) {
    case IPC__LUA_QUEUE:
    case IPC__LUA_JOINABLE:
        return ipc_queue_refer(object, reference);
    case IPC__LUA_LOCK:
        return ipc_lock_refer(object, reference);
    case IPC__LUA_SEMAPHORE:
        return ipc_semaphore_refer(object, reference);
    case IPC__LUA_EVENT:
        return ipc_event_refer(object, reference);
    case IPC__LUA_CONDITION:
        return ipc_condition_refer(object, reference);
    case IPC__LUA_BARRIER:
        return ipc_barrier_refer(object, reference);
    case IPC__LUA_DICT:
    case IPC__LUA_NAMESPACE:
        return ipc_dict_refer(object, reference);
    case IPC__LUA_LIST:
        return ipc_list_refer(object, reference);
    case IPC__LUA_NUMBERS:
    case IPC__LUA_NUMBER:
        return ipc_array_refer(object, reference);
    default:
        return IPC_ENOTSUP;
    }
}

ipc_err ipc__lua_refer(lua_State *L, ipc__lua_handle *handle, ipc_msg **reference)
{
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    if (handle->own->interrupted) { /* ipc__lua_enter() would raise it, when the buffer is not where it belongs */
        return ipc__lua_raise_interruption(L);
    }
    msgpack_sbuffer written = handle->own->out; /* Lua code that runs while the call waits may pack, too */
    msgpack_sbuffer_init(&handle->own->out);
    ipc__lua_call call;
    ipc__lua_enter(&call, L);
    ipc_err err = refer(handle->kind, handle->object, reference);
    ipc__lua_leave(&call);
    msgpack_sbuffer_destroy(&handle->own->out);
    handle->own->out = written;
    handle->losses += err == IPC_ELOST;
    return err == IPC_EINTR ? ipc__lua_fail(L, err) : err; /* raises it */
}

/* ---- from a reference to a handle ---- */

/* In one shape for all. */
#define ATTACH(type)                                                                                                   \
    static ipc_err attach_##type(void **object, ipc_conn *conn, const ipc_msg *reference)                              \
    {                                                                                                                  \
        ipc_##type *typed = NULL;                                                                                      \
        ipc_err err = ipc_##type##_attach(&typed, conn, reference);                                                    \
        *object = typed;                                                                                               \
        return err;                                                                                                    \
    }
ATTACH(queue)
ATTACH(lock)
ATTACH(semaphore)
ATTACH(event)
ATTACH(condition)
ATTACH(barrier)
ATTACH(dict)
ATTACH(list)
ATTACH(array)

typedef struct attacher {
    ipc_err (*attach)(void **object, ipc_conn *conn, const ipc_msg *reference);
    ipc__lua_kind kind;
} attacher;

static const attacher attachers[] = {
    {attach_dict, IPC__LUA_DICT},   {attach_list, IPC__LUA_LIST},           {attach_array, IPC__LUA_NUMBERS},
    {attach_queue, IPC__LUA_QUEUE}, {attach_lock, IPC__LUA_LOCK},           {attach_semaphore, IPC__LUA_SEMAPHORE},
    {attach_event, IPC__LUA_EVENT}, {attach_condition, IPC__LUA_CONDITION}, {attach_barrier, IPC__LUA_BARRIER},
};

/* Each but the right one says so without asking the hub. */
static ipc_err attach_any(void **object, ipc__lua_kind *kind, ipc_conn *conn, const ipc_msg *reference)
{
    ipc_err err = IPC_ETYPE;
    for (size_t i = 0; i < sizeof attachers / sizeof attachers[0] && err == IPC_ETYPE; i++) {
        err = attachers[i].attach(object, conn, reference);
        *kind = attachers[i].kind;
    }
    return err;
}

/* A queue that has just been opened has to be asked what it is. */
static ipc_err ask_queue(ipc_queue *queue, ipc__lua_kind *kind)
{
    ipc_queue_info info = {0};
    ipc_err err = ipc_queue_stat(queue, &info);
    *kind = info.joinable ? IPC__LUA_JOINABLE : IPC__LUA_QUEUE;
    return err;
}

static ipc_err follow(void **object, ipc__lua_kind *kind, ipc_conn *conn, const void *packed, size_t length)
{
    ipc_msg *reference = NULL;
    ipc_err err = ipc_msg_from_bytes(&reference, packed, length);
    err = err ? err : attach_any(object, kind, conn, reference);
    ipc_msg_free(reference);
    if (err || *kind != IPC__LUA_QUEUE) {
        return err;
    }
    err = ask_queue(*object, kind);
    if (err) {
        ipc_queue_free(*object);
    }
    return err;
}

ipc_err ipc__lua_follow(lua_State *L, ipc_conn *conn, const void *packed, size_t length)
{
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    ipc__lua_new_handle(L);
    void *object = NULL;
    ipc__lua_kind kind = IPC__LUA_NONE;
    ipc__lua_call call;
    ipc__lua_enter(&call, L);
    ipc_err err = follow(&object, &kind, conn, packed, length);
    ipc__lua_leave(&call);
    if (err) {
        err = err == IPC_EINTR ? ipc__lua_fail(L, err) : err; /* raises it */
        lua_pop(L, 1);
        return err;
    }
    ipc__lua_fill_handle(L, -1, object, kind);
    return IPC_OK;
}
