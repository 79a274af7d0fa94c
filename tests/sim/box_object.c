/*
 * Containers as a model of the hub knows them: what their methods have in common.
 * Touches its objects. One thread.
 */
#include "box_object.h"

#include <ipc/method.h>
#include <msgpack.h>

void box_read(box_call *call, const box_value *value)
{
    box_pack(&call->result, value);
    call->told[call->told_count++] = value;
}

void box_result_bool(box_call *call, bool truth)
{
    ipc__buf_write(&call->result, truth ? "\xc3" : "\xc2", 1);
}

void box_result_int(box_call *call, uint64_t number)
{
    msgpack_packer packer = ipc__packer(&call->result);
    msgpack_pack_uint64(&packer, number);
}

static void visit_dead(box_object *to, void *arg)
{
    *(bool *)arg = *(bool *)arg || !to->exists;
}

ipc_err box_storable(const box_value *value)
{
    bool dead = false;
    box_each_reference(value, visit_dead, &dead);
    return dead ? IPC_ENOENT : IPC_OK;
}

ipc_err box_argument_int(const box_call *call, uint32_t at, int64_t *number)
{
    const box_value *value = call->arguments[at];
    if (value->kind != BOX_NUMBER || value->form == BOX_FLOAT) {
        return IPC_EKIND;
    }
    if (value->form == BOX_UINT || value->form == BOX_BIG) {
        return IPC_EINDEX;
    }
    *number = (int64_t)value->number;
    return IPC_OK;
}

ipc_err box_argument_index(const box_call *call, uint32_t at, uint32_t *index)
{
    int64_t number;
    ipc_err err = box_argument_int(call, at, &number);
    int64_t count = call->object->count;
    if (!err && (number >= count || number < -count)) {
        err = IPC_EINDEX;
    }
    if (!err) {
        *index = (uint32_t)(number < 0 ? number + count : number);
    }
    return err;
}

ipc_err box_argument_maybe(const box_call *call, uint32_t at, const box_value **value)
{
    const box_value *argument = call->arguments[at];
    if (argument->kind != BOX_SEQUENCE || argument->count > 1) {
        return IPC_EKIND;
    }
    *value = argument->count ? argument->inside[0] : NULL;
    return IPC_OK;
}

/* One of a slice's three, null or an integer of any size; far beyond is as good as beyond. */
static ipc_err slice_part(const box_call *call, uint32_t at, int64_t *number, bool *given)
{
    const box_value *value = call->arguments[at];
    *given = !(value->kind == BOX_ATOM && value->family == '0');
    if (!*given) {
        return IPC_OK;
    }
    if (value->kind != BOX_NUMBER || value->form == BOX_FLOAT) {
        return IPC_EKIND;
    }
    *number = value->number > 1000000 ? 1000000 : value->number < -1000000 ? -1000000 : (int64_t)value->number;
    return IPC_OK;
}

/* As slice.indices() tells it. */
static int64_t slice_bound(int64_t number, bool given, int64_t count, bool forward, bool is_start)
{
    if (!given) {
        return forward == is_start ? (forward ? 0 : -1) : (forward ? count : count - 1);
    }
    number += number < 0 ? count : 0;
    if (number < 0) {
        return forward ? 0 : -1;
    }
    return number < count ? number : forward ? count : count - 1;
}

ipc_err box_argument_slice(const box_call *call, box_slice *slice)
{
    int64_t parts[3] = {0, 0, 1};
    bool given[3];
    *slice = (box_slice){.count = 0};
    static const uint32_t order[] = {2, 0, 1}; /* in which they are read */
    for (int i = 0; i < 3; i++) {
        ipc_err err = slice_part(call, order[i], &parts[order[i]], &given[order[i]]);
        err = err ? err : parts[2] == 0 ? IPC_EINVAL : IPC_OK;
        if (err) {
            return err;
        }
    }
    int64_t count = call->object->count;
    bool forward = parts[2] > 0;
    int64_t start = slice_bound(parts[0], given[0], count, forward, true);
    int64_t stop = slice_bound(parts[1], given[1], count, forward, false);
    slice->piece = parts[2] == 1;
    slice->start = (uint32_t)start;
    for (int64_t at = start; forward ? at < stop : at > stop; at += parts[2]) {
        slice->places[slice->count++] = (uint32_t)at;
    }
    return IPC_OK;
}

ipc_err box_invoke(box_call *call)
{
    switch (call->object->type) {
    case BOX_DICT:
    case BOX_NAMESPACE:
        return box_dict_invoke(call);
    case BOX_LIST:
        return box_list_invoke(call);
    default:
        return box_array_invoke(call);
    }
}
