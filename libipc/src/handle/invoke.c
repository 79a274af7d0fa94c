/*
 * What the handles of containers have in common: methods, with packed arguments and results.
 * Touches the handle under its connection's lock.
 */
#include "handle/invoke.h"

#include "codec/msg.h"
#include "codec/scan.h"
#include "util/error.h"

#include <ipc/list.h>

/* ---- arguments ---- */

void ipc__arguments_begin(ipc__arguments *arguments, unsigned count)
{
    arguments->buf = (ipc__buf){0};
    arguments->err = IPC_OK;
    arguments->packer = ipc__packer(&arguments->buf);
    msgpack_pack_array(&arguments->packer, count);
}

void ipc__arguments_text(ipc__arguments *arguments, const char *text)
{
    size_t length = text ? strlen(text) : 0;
    if (!text) {
        arguments->err = ipc__fail(IPC_EINVAL, "the key is NULL");
    } else if (ipc__utf8_span((const unsigned char *)text, length) < length) {
        arguments->err = ipc__fail(IPC_EBADMSG, "the key is not UTF-8: bytes go by invoke()");
    } else {
        ipc__pack_text(&arguments->packer, text);
    }
}

void ipc__arguments_int(ipc__arguments *arguments, int64_t number)
{
    msgpack_pack_int64(&arguments->packer, number);
}

void ipc__arguments_float(ipc__arguments *arguments, double number)
{
    msgpack_pack_double(&arguments->packer, number);
}

void ipc__arguments_bool(ipc__arguments *arguments, bool truth)
{
    truth ? msgpack_pack_true(&arguments->packer) : msgpack_pack_false(&arguments->packer);
}

void ipc__arguments_bound(ipc__arguments *arguments, int64_t number)
{
    if (number == IPC_OMITTED) {
        msgpack_pack_nil(&arguments->packer);
    } else {
        msgpack_pack_int64(&arguments->packer, number);
    }
}

void ipc__arguments_msg(ipc__arguments *arguments, const ipc_msg *msg)
{
    ipc_err err = msg ? ipc__msg_ensure(msg) : ipc__fail(IPC_EINVAL, "a value is NULL");
    if (err) {
        arguments->err = err;
    } else {
        ipc__buf_write(&arguments->buf, (const char *)ipc__msg_data(msg), msg->length);
    }
}

void ipc__arguments_maybe(ipc__arguments *arguments, const ipc_msg *msg)
{
    msgpack_pack_array(&arguments->packer, msg != NULL);
    if (msg) {
        ipc__arguments_msg(arguments, msg);
    }
}

/* ---- invoking ---- */

/* The block is the message's from here on, or given up. */
static ipc_err read_result(ipc__bytes fields, ipc__block *block, ipc_msg **result)
{
    ipc_cursor at = {fields.data, fields.data + fields.length};
    ipc__bytes value;
    if (!ipc__read_bin(&at, &value)) {
        ipc__block_unref(block);
        return ipc__fail(IPC_EPROTO, "the hub's answer to INVOKE is no value");
    }
    if (!result) {
        ipc__block_unref(block);
        return IPC_OK;
    }
    return ipc__msg_result(result, value, block);
}

ipc_err ipc__invoke_packed(ipc__handle *handle, ipc_method method, const void *packed, size_t length, ipc_msg **result)
{
    if (result) {
        *result = NULL;
    }
    if (length > UINT32_MAX) {
        return ipc__fail(IPC_ETOOBIG, "arguments of 4 GiB or more");
    }
    ipc_err err = ipc__handle_enter(handle);
    if (err) {
        return err;
    }
    if (handle->end) {
        return ipc__handle_leave(handle, ipc__fail_plain(handle->end));
    }
    if (length >
        handle->conn->welcome.max_message) { /* over ZeroMQ it would never get there, nor would anything behind it */
        return ipc__handle_leave(handle, ipc__fail(IPC_ETOOBIG, "arguments of %zu bytes; the hub allows %llu", length,
                                                   (unsigned long long)handle->conn->welcome.max_message));
    }
    size_t start = handle->conn->out.ops.length;
    msgpack_packer packer = ipc__op_begin(handle->conn, IPC__OP_INVOKE, handle->id, 2);
    msgpack_pack_uint32(&packer, (uint32_t)method);
    err = ipc__value_write(handle->conn, start, (ipc__bytes){packed, length}, NULL);
    if (err) {
        return ipc__handle_leave(handle, err);
    }
    ipc__pending pending;
    err = ipc__conn_call_keep(handle->conn, &pending, IPC__NEVER);
    err = ipc__handle_leave(handle, err);
    ipc__buf_free(&pending.reply);
    return err ? err : read_result(pending.fields, pending.block, result);
}

ipc_err ipc__invoke_msg(ipc__handle *handle, ipc_method method, const ipc_msg *arguments, ipc_msg **result)
{
    static const unsigned char none = 0x90;
    ipc_err err = arguments ? ipc__msg_ensure(arguments) : IPC_OK;
    if (err) {
        return err;
    }
    return arguments ? ipc__invoke_packed(handle, method, ipc__msg_data(arguments), arguments->length, result)
                     : ipc__invoke_packed(handle, method, &none, 1, result);
}

ipc_err ipc__invoke_with(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, ipc_msg **result)
{
    ipc_err err = arguments->err;
    if (result) {
        *result = NULL;
    }
    if (!err && arguments->buf.failed) {
        err = ipc__fail_plain(IPC_ENOMEM);
    }
    err = err ? err : ipc__invoke_packed(handle, method, arguments->buf.data, arguments->buf.length, result);
    ipc__buf_free(&arguments->buf);
    return err;
}

/* A result that is one scalar. */
static ipc_err invoke_scalar(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, ipc_value *value)
{
    ipc_msg *result;
    ipc_err err = ipc__invoke_with(handle, method, arguments, &result);
    if (!err) {
        ipc_cursor at = {result->data, result->data + result->length};
        err = ipc_cursor_next(&at, value);
    }
    ipc_msg_free(result);
    return err;
}

ipc_err ipc__invoke_for_int(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, int64_t *number)
{
    ipc_value value = {.kind = IPC_KIND_NULL};
    ipc_err err = invoke_scalar(handle, method, arguments, &value);
    if (!err && value.kind != IPC_KIND_INT) {
        err = ipc__fail(IPC_ERANGE, "it is no integer, or beyond an int64_t");
    }
    if (number) {
        *number = err ? 0 : value.as.i;
    }
    return err;
}

/* A float's whole part, or the int64_t next to it. */
static int64_t whole_part(double f)
{
    if (f >= -0x1p63 && f < 0x1p63) {
        return (int64_t)f;
    }
    return f > 0 ? INT64_MAX : f < 0 ? INT64_MIN : 0;
}

ipc_err ipc__invoke_for_sum(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, int64_t *number)
{
    ipc_value value = {.kind = IPC_KIND_NULL};
    ipc_err err = invoke_scalar(handle, method, arguments, &value);
    if (number) {
        *number = err ? 0 : value.kind == IPC_KIND_FLOAT ? whole_part(value.as.f) : value.as.i;
    }
    return err;
}

ipc_err ipc__invoke_for_uint(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, uint64_t *number)
{
    int64_t i;
    ipc_err err = ipc__invoke_for_int(handle, method, arguments, &i);
    *number = (uint64_t)i;
    return err;
}

ipc_err ipc__invoke_for_float(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, double *number)
{
    ipc_value value = {.kind = IPC_KIND_NULL};
    ipc_err err = invoke_scalar(handle, method, arguments, &value);
    bool whole = value.kind == IPC_KIND_INT || value.kind == IPC_KIND_UINT;
    double rounded = value.kind == IPC_KIND_INT ? (double)value.as.i : whole ? (double)value.as.u : 0;
    *number = err ? 0 : whole ? rounded : value.as.f;
    return err;
}

ipc_err ipc__invoke_for_bool(ipc__handle *handle, ipc_method method, ipc__arguments *arguments, bool *truth)
{
    ipc_value value = {.kind = IPC_KIND_NULL};
    ipc_err err = invoke_scalar(handle, method, arguments, &value);
    *truth = !err && value.kind == IPC_KIND_BOOL && value.as.boolean;
    return err;
}

/* ---- attaching ---- */

ipc_err ipc__attach_either(void **out, ipc_conn *conn, const ipc_msg *ticket, size_t size, const char *type,
                           const char *other)
{
    ipc_err err = ipc__object_attach(out, conn, ticket, (ipc__opening){.type = other, .size = size});
    if (err == IPC_ETYPE) { /* last, for its words */
        err = ipc__object_attach(out, conn, ticket, (ipc__opening){.type = type, .size = size});
    }
    return err;
}
