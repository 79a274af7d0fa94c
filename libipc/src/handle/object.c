/*
 * Handles that only ask and are answered.
 * Touches the handle under its connection's lock.
 */
#include "handle/object.h"

#include "util/error.h"

#include <stdlib.h>

/* ---- opening ---- */

ipc_err ipc__options_copy(void *options, size_t size, const void *given, const char *name)
{
    size_t says;
    memcpy(&says, given, sizeof says); /* the first member of each */
    if (says == 0 || says > size) {
        return ipc__fail(IPC_EINVAL, "%s.size is %zu; begin with its INIT macro", name, says);
    }
    memcpy(options, given, says);
    return IPC_OK;
}

static ipc_err open_at(void **out, ipc_conn *conn, ipc__where where, ipc__opening opening)
{
    ipc__handle *handle = calloc(1, opening.size);
    if (!handle) {
        ipc__buf_free(&opening.options);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    if (opening.options.length == 0) {
        msgpack_packer packer = ipc__packer(&opening.options);
        msgpack_pack_map(&packer, 0);
    }
    handle->open = opening.options;
    ipc_open_mode mode = opening.mode == IPC_OPEN_AS_IS ? IPC_OPEN_ATTACH : opening.mode;
    ipc__buf reply = {0};
    ipc_err err = ipc__handle_open(handle, conn, opening.type, where, mode, &reply);
    if (err) {
        free(handle);
        return err;
    }
    /* Where it has to be made anew, after its hub was lost, it becomes what it was. */
    pthread_mutex_lock(&conn->lock);
    ipc__buf_free(&handle->open);
    handle->open = reply;
    pthread_mutex_unlock(&conn->lock);
    *out = handle;
    return IPC_OK;
}

ipc_err ipc__object_open(void **out, ipc_conn *conn, const char *name, ipc__opening opening)
{
    ipc_err err = IPC_OK;
    *out = NULL;
    if (conn) {
        ipc__conn_ref(conn);
    } else if ((err = ipc_conn_default(&conn))) {
        ipc__buf_free(&opening.options);
        return err;
    }
    err = open_at(out, conn, (ipc__where){.name = name}, opening);
    ipc__conn_unref(conn);
    return err;
}

ipc_err ipc__object_attach(void **out, ipc_conn *conn, const ipc_msg *ticket, ipc__opening opening)
{
    *out = NULL;
    char *name = NULL;
    ipc__where where = {0};
    ipc_err err = ipc__ticket_read(ticket, opening.type, &conn, &name, &where);
    if (err) {
        return err;
    }
    opening.mode = IPC_OPEN_ATTACH;
    err = open_at(out, conn, where, opening);
    if (!err) {
        ((ipc__handle *)*out)->name = name;
        name = NULL;
    }
    free(name);
    ipc__conn_unref(conn);
    return err;
}

/* ---- calls ---- */

static bool read_result(ipc_cursor *at, uint64_t *result)
{
    ipc_value value;
    if (ipc_cursor_next(at, &value) || (value.kind != IPC_KIND_INT && value.kind != IPC_KIND_BOOL)) {
        return false;
    }
    *result = value.kind == IPC_KIND_INT ? (uint64_t)value.as.i : value.as.boolean;
    return true;
}

ipc_err ipc__object_call(ipc__handle *handle, ipc__op op, const ipc__field *fields, unsigned count, int64_t timeout_ms,
                         uint64_t *results, unsigned result_count)
{
    ipc_err err = ipc__handle_enter(handle);
    if (err) {
        return err;
    }
    if (handle->end) {
        return ipc__handle_leave(handle, ipc__fail_plain(handle->end));
    }
    uint64_t deadline = ipc__deadline(ipc__now(), timeout_ms);
    msgpack_packer packer = ipc__op_begin(handle->conn, op, handle->id, count);
    for (unsigned i = 0; i < count; i++) {
        if (fields[i].is_bool) {
            fields[i].number ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
        } else {
            msgpack_pack_int64(&packer, fields[i].number);
        }
    }
    ipc__pending pending;
    err = ipc__conn_call(handle->conn, &pending, deadline);
    ipc_cursor at;
    ipc_cursor_init(&at, pending.reply.data, pending.reply.length);
    for (unsigned i = 0; !err && i < result_count; i++) {
        err = read_result(&at, &results[i]) ? IPC_OK : ipc__fail_plain(IPC_EPROTO);
    }
    ipc__buf_free(&pending.reply);
    return ipc__handle_leave(handle, err);
}

void ipc__held(ipc__handle *handle)
{
    pthread_mutex_lock(&handle->conn->lock);
    handle->held_in = handle->conn->generation;
    pthread_mutex_unlock(&handle->conn->lock);
}

/* In the next hub it may be another program's by now, and anybody may release a lock. */
ipc_err ipc__held_still(ipc__handle *handle)
{
    ipc__fork_check(); /* a parent's thread may have had the connection's lock */
    pthread_mutex_lock(&handle->conn->lock);
    const ipc_conn *conn = handle->conn;
    bool lost = handle->held_in && (handle->held_in != conn->generation || conn->state == IPC__CONN_LOST);
    handle->held_in = lost ? 0 : handle->held_in;
    handle->told_lost = handle->told_lost || lost;
    pthread_mutex_unlock(&handle->conn->lock);
    return lost ? ipc__fail(IPC_ELOST, "the %s was acquired in another session, and went with its hub", handle->type)
                : IPC_OK;
}

uint64_t ipc__thread_number(void)
{
    static atomic_uint_least64_t last;
    static _Thread_local uint64_t mine;
    if (!mine) {
        mine = atomic_fetch_add(&last, 1) + 1;
    }
    return mine;
}
