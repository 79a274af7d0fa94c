/*
 * Array handles, and values'.
 * Touches the handle under its connection's lock.
 */
#include "codec/msg.h"
#include "handle/invoke.h"
#include "util/error.h"

#include <ipc/array.h>
#include <stdlib.h>

struct ipc_array {
    ipc__handle base;
    char typecode;
    uint64_t length;
};

/* ---- opening ---- */

enum { VALUES_MAX = 1024 * 1024 }; /* bytes of what it begins with */

static ipc_err check_options(const ipc_array_options *given, ipc_array_options *options)
{
    *options = (ipc_array_options)IPC_ARRAY_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(options, sizeof *options, given, "ipc_array_options") : IPC_OK;
    if (!err && options->values) {
        err = ipc__msg_ensure(options->values);
    }
    if (!err && options->values && options->values->length > VALUES_MAX) {
        err = ipc__fail(IPC_ETOOBIG,
                        "values of %zu bytes to begin with; 1 MiB is the most: open it with a length, and set "
                        "a slice",
                        options->values->length);
    }
    return err;
}

static void pack_options(ipc__buf *buf, const ipc_array_options *options)
{
    msgpack_packer packer = ipc__packer(buf);
    bool length = options->length && !options->scalar;
    msgpack_pack_map(&packer, (size_t)(options->typecode != 0) + length + (options->values != NULL));
    if (options->typecode) {
        ipc__pack_text(&packer, "typecode");
        msgpack_pack_str_with_body(&packer, &options->typecode, 1);
    }
    if (length) {
        ipc__pack_text(&packer, "length");
        msgpack_pack_uint64(&packer, options->length);
    }
    if (options->values) {
        ipc__pack_text(&packer, "values");
        ipc__buf_write(buf, (const char *)ipc__msg_data(options->values), options->values->length);
    }
}

/* What the hub answered to OPEN; it is kept for when the hub is lost. */
static ipc_err read_options(ipc_array *array)
{
    ipc_msg *options;
    ipc_conn *conn = array->base.conn;
    pthread_mutex_lock(&conn->lock);
    ipc_err err = ipc__msg_answer(&options, array->base.open.data, array->base.open.length);
    pthread_mutex_unlock(&conn->lock);
    const char *typecode = "";
    if (!err) {
        err = ipc_unpack(options, "{s:s,s:U}", "typecode", &typecode, "length", &array->length);
        array->typecode = typecode[0];
        ipc_msg_free(options);
    }
    return err ? ipc__fail(IPC_EPROTO, "the hub's answer to OPEN is not an array's options") : IPC_OK;
}

static ipc_err opened(ipc_array **array, ipc_err err)
{
    err = err ? err : read_options(*array);
    if (err) {
        ipc_array_free(*array);
        *array = NULL;
    }
    return err;
}

ipc_err ipc_array_open(ipc_array **array, ipc_conn *conn, const char *name, const ipc_array_options *given)
{
    if (!array) {
        return ipc__fail(IPC_EINVAL, "no place for the array");
    }
    *array = NULL;
    ipc_array_options options;
    ipc_err err = check_options(given, &options);
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = options.scalar ? "value" : "array", .size = sizeof **array, .mode = options.mode};
    if (options.mode != IPC_OPEN_AS_IS) {
        pack_options(&opening.options, &options);
    }
    return opened(array, ipc__object_open((void **)array, conn, name, opening));
}

ipc_err ipc_array_attach(ipc_array **array, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!array) {
        return ipc__fail(IPC_EINVAL, "no place for the array");
    }
    return opened(array, ipc__attach_either((void **)array, conn, ticket, sizeof **array, "array", "value"));
}

/* ---- methods ---- */

ipc_err ipc_array_get_int(ipc_array *array, int64_t index, int64_t *number)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_int(&arguments, index);
    return ipc__invoke_for_int(&array->base, IPC_METHOD_GET, &arguments, number);
}

ipc_err ipc_array_get_float(ipc_array *array, int64_t index, double *number)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 1);
    ipc__arguments_int(&arguments, index);
    return ipc__invoke_for_float(&array->base, IPC_METHOD_GET, &arguments, number);
}

ipc_err ipc_array_set_int(ipc_array *array, int64_t index, int64_t number)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_int(&arguments, index);
    ipc__arguments_int(&arguments, number);
    return ipc__invoke_with(&array->base, IPC_METHOD_SET, &arguments, NULL);
}

ipc_err ipc_array_set_float(ipc_array *array, int64_t index, double number)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_int(&arguments, index);
    ipc__arguments_float(&arguments, number);
    return ipc__invoke_with(&array->base, IPC_METHOD_SET, &arguments, NULL);
}

ipc_err ipc_array_increment(ipc_array *array, int64_t index, int64_t by, int64_t *now)
{
    if (array->typecode == 'f' || array->typecode == 'd') { /* the hub would add, and give a float */
        if (now) {
            *now = 0;
        }
        return ipc__fail(IPC_EKIND, "an element of typecode %c is a float: add by invoke()", array->typecode);
    }
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 2);
    ipc__arguments_int(&arguments, index);
    ipc__arguments_int(&arguments, by);
    return ipc__invoke_for_int(&array->base, IPC_METHOD_INCREMENT, &arguments, now);
}

ipc_err ipc_array_slice(ipc_array *array, int64_t start, int64_t stop, int64_t step, ipc_msg **values)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 3);
    ipc__arguments_bound(&arguments, start);
    ipc__arguments_bound(&arguments, stop);
    ipc__arguments_int(&arguments, step);
    return ipc__invoke_with(&array->base, IPC_METHOD_GET_SLICE, &arguments, values);
}

ipc_err ipc_array_set_slice(ipc_array *array, int64_t start, int64_t stop, int64_t step, const ipc_msg *values)
{
    ipc__arguments arguments;
    ipc__arguments_begin(&arguments, 4);
    ipc__arguments_bound(&arguments, start);
    ipc__arguments_bound(&arguments, stop);
    ipc__arguments_int(&arguments, step);
    ipc__arguments_msg(&arguments, values);
    return ipc__invoke_with(&array->base, IPC_METHOD_SET_SLICE, &arguments, NULL);
}

/* ---- its lock ---- */

ipc_err ipc_array_acquire(ipc_array *array, int64_t timeout_ms, ipc_grant *grant)
{
    return ipc__guard_acquire(&array->base, IPC__OP_ACQUIRE, timeout_ms, grant, NULL);
}

ipc_err ipc_array_release(ipc_array *array)
{
    return ipc__guard_release(&array->base);
}

ipc_err ipc_array_peek(ipc_array *array, bool *locked, bool *mine)
{
    return ipc__guard_peek(&array->base, locked, mine);
}

/* ---- as any handle ---- */

ipc_err ipc_array_refer(ipc_array *array, ipc_msg **reference)
{
    return ipc__handle_refer(&array->base, reference);
}

ipc_err ipc_array_share(ipc_array *array, ipc_msg **ticket)
{
    return ipc__handle_share(&array->base, ticket);
}

ipc_err ipc_array_invoke(ipc_array *array, ipc_method method, const ipc_msg *arguments, ipc_msg **result)
{
    return ipc__invoke_msg(&array->base, method, arguments, result);
}

ipc_err ipc_array_invoke_packed(ipc_array *array, ipc_method method, const void *arguments, size_t length,
                                ipc_msg **result)
{
    return ipc__invoke_packed(&array->base, method, arguments, length, result);
}

const char *ipc_array_name(const ipc_array *array)
{
    return array->base.name;
}

ipc_conn *ipc_array_conn(const ipc_array *array)
{
    return array->base.conn;
}

void ipc_array_close(ipc_array *array)
{
    if (array) {
        ipc__handle_close(&array->base);
    }
}

void ipc_array_free(ipc_array *array)
{
    if (array) {
        ipc__handle_fini(&array->base);
        free(array);
    }
}

char ipc_array_typecode(const ipc_array *array)
{
    return array->typecode;
}

uint64_t ipc_array_length(const ipc_array *array)
{
    return array->length;
}

bool ipc_array_scalar(const ipc_array *array)
{
    return strcmp(array->base.type, "value") == 0;
}
