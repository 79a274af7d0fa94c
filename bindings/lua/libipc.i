/*
 * The Lua binding: module libipc.core, the classes of bindings/swig over the C library, and Lua's typemaps for them.
 * Touches the Lua state; what is idiom (options, iterators, names) is in libipc/init.lua.
 * Locks nothing: a Lua state is one thread's at a time.
 */
%module libipc_core

%{
#define IPC_BINDING_LANGUAGE "lua"

#include "call.h"
#include "convert.h"
#include "handle.h"
#include "item.h"
#include "module.h"
#include "values.h"

#include <ipc/semaphore.h>

#define IPC_ENTER                                                                                                      \
    ipc__lua_call call;                                                                                                \
    ipc__lua_enter(&call, L);
#define IPC_LEAVE ipc__lua_leave(&call);
#define ipc_array_opened new_ipc_array

static ipc_err ipc_queue_put_value(ipc_queue *queue, const void *bytes, size_t length, int64_t timeout_ms, bool confirm)
{
    return (confirm ? ipc_queue_put_confirm_packed : ipc_queue_put_packed)(queue, bytes, length, timeout_ms);
}

static ipc_err ipc_queue_joinable(ipc_queue *queue, bool *answer)
{
    ipc_queue_info info = {0};
    ipc_err err = ipc_queue_stat(queue, &info);
    *answer = info.joinable;
    return err;
}

/* One that is there is taken as it is: nobody asked for a value. */
static ipc_semaphore *ipc_semaphore_unasked(ipc_conn *conn, const char *name, int mode, ipc_err *failed)
{
    ipc_semaphore_options options = IPC_SEMAPHORE_OPTIONS_INIT;
    options.mode = mode == IPC_OPEN_ATTACH ? IPC_OPEN_AS_IS : (ipc_open_mode)mode;
    ipc_semaphore *semaphore = NULL;
    *failed = ipc_semaphore_open(&semaphore, conn, name, mode == IPC_OPEN_EITHER ? NULL : &options);
    return semaphore;
}
%}

/* Items stand for messages (item.c), and settle themselves. */
%ignore ipc_msg;
%ignore ipc_queue::done;
%ignore ipc_queue::release;

/* References are made and followed where values are packed (encode.c, decode.c), methods are called by container.c. */
%ignore *::refer;
%ignore *::invoke;
%ignore ipc_dict::names;
%ignore ipc_array::scalar;
%ignore ipc_array::ipc_array;

/* One put for both, and descriptors under their own name. */
%ignore ipc_queue::put_packed;
%ignore ipc_queue::put_confirm_packed;
%rename(fd) ipc_queue::fd;
%rename(fd) ipc_pipe::fd;

/* ---- arguments ---- */

%define IPC_SELF(type, kind)
%typemap(in) struct type *self "$1 = ipc__lua_check_handle(L, $input, kind);"
%typemap(check) ipc_err *failed "ipc__lua_new_handle(L);"
%typemap(out) struct type * "ipc__lua_fill_handle(L, -1, $1, kind); SWIG_arg++;"
%enddef
IPC_SELF(ipc_conn, IPC__LUA_CONN)
IPC_SELF(ipc_queue, IPC__LUA_QUEUE)
IPC_SELF(ipc_pipe, IPC__LUA_PIPE)
IPC_SELF(ipc_hub, IPC__LUA_HUB)
IPC_SELF(ipc_lock, IPC__LUA_LOCK)
IPC_SELF(ipc_semaphore, IPC__LUA_SEMAPHORE)
IPC_SELF(ipc_event, IPC__LUA_EVENT)
IPC_SELF(ipc_condition, IPC__LUA_CONDITION)
IPC_SELF(ipc_barrier, IPC__LUA_BARRIER)
IPC_SELF(ipc_dict, IPC__LUA_DICT)
IPC_SELF(ipc_list, IPC__LUA_LIST)
IPC_SELF(ipc_array, IPC__LUA_NUMBERS)

%typemap(in) ipc_conn *conn
    "$1 = lua_isnil(L, $input) ? NULL : ipc__lua_check_handle(L, $input, IPC__LUA_CONN);"
%typemap(in) ipc_lock *lock
    "$1 = lua_isnil(L, $input) ? NULL : ipc__lua_check_handle(L, $input, IPC__LUA_LOCK);"

%typemap(in) (const void *bytes, size_t length) {
    ipc__lua *own = ipc__lua_get(L);
    ipc__lua_encode(L, own, $input);
    $1 = own->out.data;
    $2 = own->out.size;
}
/* Kept as a string: what is made after it may run the garbage collector, and finalizers may use the buffer. */
%typemap(in) (const void *ticket, size_t size) {
    ipc__lua_pack_in_place(L, $input);
    $1 = (void *)lua_tolstring(L, $input, &$2);
}

%typemap(default) int64_t timeout_ms "$1 = IPC_FOREVER;"
%typemap(in) int64_t timeout_ms "$1 = ipc__lua_timeout(L, $input);"
%typemap(in) uint64_t maxsize, uint64_t max_memory, uint64_t numbers "$1 = ipc__lua_check_count(L, $input);"
%typemap(in) uint32_t "$1 = ipc__lua_check_limit(L, $input);"
%typemap(out) uint64_t "lua_pushinteger(L, (lua_Integer)$1); SWIG_arg++;"
%typemap(out) uint32_t "lua_pushinteger(L, (lua_Integer)$1); SWIG_arg++;"
%typemap(default) bool confirm, bool acts "$1 = false;"
%typemap(in) bool confirm, bool immediate, bool acts, bool good, bool names, bool scalar "$1 = ipc__lua_check_flag(L, $input);"
%typemap(in) (const void *data, size_t size) "$1 = (void *)ipc__lua_check_bytes(L, $input, &$2);"
%typemap(in) const char *name, const char *program, const char *dead_letter, const char *typecode "$1 = ($1_ltype)ipc__lua_check_text(L, $input);"

/* ---- results ---- */

%typemap(in, numinputs=0) ipc_msg **value (ipc_msg *msg = NULL) "$1 = &msg;"
%typemap(argout) ipc_msg **value "SWIG_arg += ipc__lua_decode_msg(L, *$1);"

%typemap(in, numinputs=0) ipc_msg **item ""
%typemap(check) ipc_msg **item "$1 = ipc__lua_new_item(L, 1);"
%typemap(argout) ipc_msg **item "SWIG_arg++;"

%typemap(in, numinputs=0) bool *answer (bool answer = false) "$1 = &answer;"
%typemap(argout) bool *answer "lua_pushboolean(L, *$1); SWIG_arg++;"
%apply bool *answer { bool *locked, bool *mine, bool *act };

%typemap(in, numinputs=0) uint64_t *count (uint64_t count = 0) "$1 = &count;"
%typemap(argout) uint64_t *count "lua_pushinteger(L, (lua_Integer)*$1); SWIG_arg++;"
%apply uint64_t *count { uint64_t *index };

%typemap(in, numinputs=0) ipc_grant *grant (ipc_grant grant = {0}) "$1 = &grant;"
%typemap(argout) ipc_grant *grant {
    lua_pushinteger(L, (lua_Integer)$1->fence);
    lua_pushboolean(L, $1->abandoned);
    SWIG_arg += 2;
}

%typemap(in, numinputs=0) ipc_barrier_info *info (ipc_barrier_info info = {0}) "$1 = &info;"
%typemap(argout) ipc_barrier_info *info {
    lua_pushinteger(L, (lua_Integer)$1->parties);
    lua_pushinteger(L, (lua_Integer)$1->waiting);
    lua_pushboolean(L, $1->broken);
    SWIG_arg += 3;
}

%typemap(argout) int *descriptor "lua_pushinteger(L, *$1); SWIG_arg++;"

%typemap(in, numinputs=0) ipc_pipe **a (ipc_pipe *end = NULL), ipc_pipe **b (ipc_pipe *end = NULL) "$1 = &end;"
%typemap(check) ipc_pipe **a, ipc_pipe **b "ipc__lua_new_handle(L);"
%typemap(argout) ipc_pipe **a "ipc__lua_fill_handle(L, -2, *$1, IPC__LUA_PIPE); SWIG_arg++;"
%typemap(argout) ipc_pipe **b "ipc__lua_fill_handle(L, -1, *$1, IPC__LUA_PIPE); SWIG_arg++;"

%typemap(in, numinputs=0) ipc_err *failed (ipc_err failed = IPC_OK) "$1 = &failed;"
%typemap(argout) ipc_err *failed "if (*$1 != IPC_OK) { return ipc__lua_fail(L, *$1); }"

%typemap(out) ipc_err "if ($1 != IPC_OK) { return ipc__lua_fail(L, $1); }"
/* What has no other result says true. */
%typemap(ret) ipc_err "if (SWIG_arg == 0) { lua_pushboolean(L, 1); SWIG_arg++; }"

%include "common.i"

/* A queue that came by a ticket has to be asked what it is. */
%rename(put) ipc_queue::put_value;
%extend ipc_queue {
    ipc_err put_value(const void *bytes, size_t length, int64_t timeout_ms, bool confirm);
    ipc_err joinable(bool *answer);
}
%newobject ipc_semaphore::unasked;
%extend ipc_semaphore {
    static ipc_semaphore *unasked(ipc_conn *conn, const char *name, int mode, ipc_err *failed);
}

/* What an array begins with is kept as a string, as tickets are: the handle is made after it. */
%newobject ipc_array::opened;
%extend ipc_array {
    static ipc_array *opened(ipc_conn *conn, const char *name, int mode, const char *typecode, bool scalar, uint64_t numbers,
                             const void *ticket, size_t size, ipc_err *failed);
}

/* As plain functions: SWIG's way to call a class drops all results but the first. */
%native(connect) int _wrap_new_Conn(lua_State *L);
%native(open_queue) int _wrap_new_Queue(lua_State *L);
%native(open_pipe) int _wrap_new_Pipe(lua_State *L);
%native(start_hub) int _wrap_new_Hub(lua_State *L);
%native(open_lock) int _wrap_new_Lock(lua_State *L);
%native(open_semaphore) int _wrap_new_Semaphore(lua_State *L);
%native(open_event) int _wrap_new_Event(lua_State *L);
%native(open_condition) int _wrap_new_Condition(lua_State *L);
%native(open_barrier) int _wrap_new_Barrier(lua_State *L);
%native(open_dict) int _wrap_new_Dict(lua_State *L);
%native(open_list) int _wrap_new_List(lua_State *L);

%init %{
    ipc__lua_open_module(L);
%}
