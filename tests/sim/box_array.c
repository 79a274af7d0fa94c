/*
 * What the methods of arrays and values do, in a model of the hub.
 * Touches its objects. One thread.
 */
#include "box_object.h"

#include <ipc/method.h>
#include <string.h>

static bool is_float(const box_object *array)
{
    return array->typecode == 'f' || array->typecode == 'd';
}

/* A whole number within what a typecode has. */
static bool within(char typecode, long double number)
{
    static const struct {
        char code;
        long double least, most;
    } ranges[] = {
        {'b', -0x1p7L, 0x1p7L - 1},   {'B', 0, 0x1p8L - 1},  {'h', -0x1p15L, 0x1p15L - 1}, {'H', 0, 0x1p16L - 1},
        {'i', -0x1p31L, 0x1p31L - 1}, {'I', 0, 0x1p32L - 1}, {'l', -0x1p63L, 0x1p63L - 1}, {'L', 0, 0x1p64L - 1},
        {'q', -0x1p63L, 0x1p63L - 1}, {'Q', 0, 0x1p64L - 1},
    };
    size_t at = 0;
    while (ranges[at].code != typecode) {
        at++;
    }
    return number >= ranges[at].least && number <= ranges[at].most;
}

/* A value as an element: in its shortest form. */
static ipc_err element_of(const box_object *array, const box_value *value, const box_value **element)
{
    if (value->kind != BOX_NUMBER) {
        return IPC_EKIND;
    }
    if (is_float(array)) {
        double number = (double)value->number;
        *element = box_float(array->typecode == 'f' ? (double)(float)number : number);
        return value->form == BOX_BIG ? IPC_EKIND : IPC_OK;
    }
    if (value->form == BOX_FLOAT) {
        return IPC_EKIND;
    }
    if (value->form == BOX_BIG || !within(array->typecode, value->number)) {
        return IPC_ERANGE;
    }
    box_value *whole = box_value_new(BOX_NUMBER);
    whole->number = value->number;
    whole->form = value->form == BOX_UINT ? BOX_UINT : BOX_INT;
    *element = whole;
    return IPC_OK;
}

static ipc_err set(box_call *call, uint32_t at, const box_value *value)
{
    const box_value *element;
    ipc_err err = element_of(call->object, value, &element);
    if (!err) {
        call->object->values[at] = element;
    }
    return err;
}

static ipc_err increment(box_call *call, uint32_t at)
{
    const box_value *sum;
    ipc_err err = box_add(call->object->values[at], call->arguments[1], &sum);
    err = err ? err : set(call, at, sum);
    if (!err) {
        box_pack(&call->result, call->object->values[at]);
    }
    return err;
}

static ipc_err compare_set(box_call *call, uint32_t at)
{
    const box_value *old;
    const box_value *new;
    const box_value *element;
    ipc_err err = box_argument_maybe(call, 1, &old);
    err = err ? err : box_argument_maybe(call, 2, &new);
    err = err ? err : old && new ? element_of(call->object, new, &element) : IPC_EKIND;
    if (err) {
        return err;
    }
    bool was = box_equal(call->object->values[at], old);
    box_result_bool(call, was);
    return was ? set(call, at, new) : IPC_OK;
}

static ipc_err tell(box_call *call, const uint32_t *places, uint32_t count)
{
    box_pack_head(&call->result, 0x90, 0xdc, count);
    for (uint32_t i = 0; i < count; i++) {
        box_pack(&call->result, call->object->values[places ? places[i] : i]);
    }
    return IPC_OK;
}

static ipc_err set_slice(box_call *call, const box_slice *slice)
{
    const box_value *with = call->arguments[3];
    const box_value *element;
    ipc_err err = with->kind != BOX_SEQUENCE ? IPC_EKIND : with->count != slice->count ? IPC_EINVAL : IPC_OK;
    for (uint32_t i = 0; !err && i < slice->count; i++) {
        err = element_of(call->object, with->inside[i], &element);
    }
    for (uint32_t i = 0; !err && i < slice->count; i++) {
        err = set(call, slice->places[i], with->inside[i]);
    }
    return err;
}

ipc_err box_array_invoke(box_call *call)
{
    uint32_t at;
    box_slice slice;
    ipc_err err;
    switch (call->method) {
    case IPC_METHOD_LENGTH:
        box_result_int(call, call->object->count);
        return IPC_OK;
    case IPC_METHOD_COPY:
        return tell(call, NULL, call->object->count);
    case IPC_METHOD_GET_SLICE:
        err = box_argument_slice(call, &slice);
        return err ? err : tell(call, slice.places, slice.count);
    case IPC_METHOD_SET_SLICE:
        err = box_argument_slice(call, &slice);
        return err ? err : set_slice(call, &slice);
    default:
        break;
    }
    err = box_argument_index(call, 0, &at);
    if (err) {
        return err;
    }
    switch (call->method) {
    case IPC_METHOD_GET:
        box_pack(&call->result, call->object->values[at]);
        return IPC_OK;
    case IPC_METHOD_SET:
        return set(call, at, call->arguments[1]);
    case IPC_METHOD_INCREMENT:
        return increment(call, at);
    default:
        return compare_set(call, at);
    }
}
