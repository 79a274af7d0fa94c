/*
 * What the methods of lists do, in a model of the hub.
 * Touches its objects. One thread.
 */
#include "box_object.h"

#include <ipc/method.h>
#include <stdlib.h>
#include <string.h>

static void insert(box_object *list, uint32_t at, const box_value *value)
{
    if (list->count == BOX_ROOM) {
        abort();
    }
    memmove(&list->values[at + 1], &list->values[at], (list->count - at) * sizeof list->values[0]);
    list->values[at] = value;
    list->count++;
}

static void take(box_object *list, uint32_t at)
{
    list->count--;
    memmove(&list->values[at], &list->values[at + 1], (list->count - at) * sizeof list->values[0]);
}

/* ---- methods of a place ---- */

static ipc_err set(box_object *list, uint32_t at, const box_value *value)
{
    ipc_err err = box_storable(value);
    if (!err) {
        list->values[at] = value;
    }
    return err;
}

static ipc_err increment(box_call *call, uint32_t at)
{
    const box_value *sum;
    ipc_err err = box_add(call->object->values[at], call->arguments[1], &sum);
    if (!err) {
        call->object->values[at] = sum;
        box_pack(&call->result, sum);
    }
    return err;
}

static ipc_err compare_set(box_call *call, uint32_t at)
{
    const box_value *old;
    const box_value *new;
    ipc_err err = box_argument_maybe(call, 1, &old);
    err = err ? err : box_argument_maybe(call, 2, &new);
    err = err ? err : old && new ? IPC_OK : IPC_EKIND;
    if (err) {
        return err;
    }
    bool was = box_equal(call->object->values[at], old);
    box_result_bool(call, was);
    return was ? set(call->object, at, new) : IPC_OK;
}

static ipc_err one_place(box_call *call)
{
    uint32_t at;
    ipc_err err = box_argument_index(call, 0, &at);
    if (err) {
        return err;
    }
    switch (call->method) {
    case IPC_METHOD_GET:
        box_read(call, call->object->values[at]);
        return IPC_OK;
    case IPC_METHOD_SET:
        return set(call->object, at, call->arguments[1]);
    case IPC_METHOD_INCREMENT:
        return increment(call, at);
    case IPC_METHOD_COMPARE_SET:
        return compare_set(call, at);
    default: /* DELETE */
        take(call->object, at);
        return IPC_OK;
    }
}

static ipc_err pop(box_call *call)
{
    box_object *list = call->object;
    uint32_t at = list->count - 1;
    if (!list->count) {
        return IPC_EINDEX;
    }
    ipc_err err = call->count ? box_argument_index(call, 0, &at) : IPC_OK;
    if (!err) {
        box_read(call, list->values[at]);
        take(list, at);
    }
    return err;
}

static ipc_err insert_at(box_call *call)
{
    int64_t at;
    int64_t count = call->object->count;
    ipc_err err = box_argument_int(call, 0, &at);
    err = err ? err : box_storable(call->arguments[1]);
    if (!err) {
        at = at < -count ? 0 : at < 0 ? at + count : at > count ? count : at;
        insert(call->object, (uint32_t)at, call->arguments[1]);
    }
    return err;
}

/* ---- looking ---- */

static ipc_err bound(const box_call *call, uint32_t argument, uint32_t *at)
{
    int64_t number;
    int64_t count = call->object->count;
    if (call->count <= argument) {
        return IPC_OK;
    }
    ipc_err err = box_argument_int(call, argument, &number);
    if (err == IPC_EINDEX) { /* beyond 64 bits: what is nearest */
        number = call->arguments[argument]->number < 0 ? INT64_MIN : INT64_MAX;
        err = IPC_OK;
    }
    if (!err) {
        *at = (uint32_t)(number < -count ? 0 : number < 0 ? number + count : number > count ? count : number);
    }
    return err;
}

static ipc_err look(box_call *call)
{
    box_object *list = call->object;
    uint32_t start = 0;
    uint32_t stop = list->count;
    uint32_t found = 0;
    uint32_t first = UINT32_MAX;
    ipc_err err = bound(call, 1, &start);
    err = err ? err : bound(call, 2, &stop);
    for (uint32_t i = start; i < stop && !err; i++) {
        bool equal = box_equal(list->values[i], call->arguments[0]);
        first = equal && !found ? i : first;
        found += equal;
    }
    if (err) {
        return err;
    }
    if (call->method == IPC_METHOD_CONTAINS) {
        box_result_bool(call, found);
    } else if (call->method == IPC_METHOD_COUNT) {
        box_result_int(call, found);
    } else if (!found) {
        return IPC_EABSENT;
    } else if (call->method == IPC_METHOD_INDEX) {
        box_result_int(call, first);
    } else {
        take(list, first);
    }
    return IPC_OK;
}

/* ---- slices ---- */

static ipc_err set_slice(box_object *list, const box_slice *slice, const box_value *with)
{
    if (with->kind != BOX_SEQUENCE) {
        return IPC_EKIND;
    }
    ipc_err err = box_storable(with);
    if (!err && !slice->piece && with->count != slice->count) {
        err = IPC_EINVAL;
    }
    if (err) {
        return err;
    }
    for (uint32_t i = 0; i < slice->count && !slice->piece; i++) {
        list->values[slice->places[i]] = with->inside[i];
    }
    for (uint32_t i = 0; i < slice->count && slice->piece; i++) {
        take(list, slice->start);
    }
    for (uint32_t i = 0; i < with->count && slice->piece; i++) {
        insert(list, slice->start + i, with->inside[i]);
    }
    return IPC_OK;
}

static ipc_err use_slice(box_call *call)
{
    box_slice slice;
    box_object *list = call->object;
    ipc_err err = box_argument_slice(call, &slice);
    if (err) {
        return err;
    }
    if (call->method == IPC_METHOD_SET_SLICE) {
        return set_slice(list, &slice, call->arguments[3]);
    }
    if (call->method == IPC_METHOD_GET_SLICE) {
        box_pack_head(&call->result, 0x90, 0xdc, slice.count);
        for (uint32_t i = 0; i < slice.count; i++) {
            box_read(call, list->values[slice.places[i]]);
        }
        return IPC_OK;
    }
    for (uint32_t i = 0; i < slice.count; i++) {
        list->values[slice.places[i]] = NULL;
    }
    for (uint32_t i = list->count; i > 0; i--) {
        if (!list->values[i - 1]) {
            take(list, i - 1);
        }
    }
    return IPC_OK;
}

/* ---- all of it ---- */

static ipc_err sort(box_call *call)
{
    box_object *list = call->object;
    const box_value *descending = call->arguments[0];
    if (descending->kind != BOX_NUMBER || descending->form != BOX_BOOL) {
        return IPC_EKIND;
    }
    if (list->count > 1 && box_can_sort(list->values, list->count) != BOX_SORTED) {
        return IPC_EKIND;
    }
    for (uint32_t i = 1; i < list->count; i++) { /* by insertion, which is stable */
        const box_value *value = list->values[i];
        uint32_t at = i;
        for (int order; at > 0; at--) {
            box_order(list->values[at - 1], value, &order);
            if (descending->number != 0 ? order >= 0 : order <= 0) {
                break;
            }
            list->values[at] = list->values[at - 1];
        }
        list->values[at] = value;
    }
    return IPC_OK;
}

static ipc_err repeat(box_call *call)
{
    box_object *list = call->object;
    int64_t times;
    ipc_err err = box_argument_int(call, 0, &times);
    if (err || list->count == 0 || times == 1) {
        return err;
    }
    uint32_t count = list->count;
    if (times < 1) {
        list->count = 0;
        return IPC_OK;
    }
    if (times > UINT32_MAX) {
        return IPC_EMEMORY;
    }
    for (uint32_t i = 0; i < count && !err; i++) {
        err = box_storable(list->values[i]);
    }
    for (int64_t time = 1; time < times && !err; time++) {
        for (uint32_t i = 0; i < count; i++) {
            insert(list, list->count, list->values[i]);
        }
    }
    return err;
}

static ipc_err extend(box_call *call)
{
    const box_value *with = call->arguments[0];
    ipc_err err = with->kind == BOX_SEQUENCE ? box_storable(with) : IPC_EKIND;
    for (uint32_t i = 0; i < with->count && !err; i++) {
        insert(call->object, call->object->count, with->inside[i]);
    }
    return err;
}

static ipc_err append(box_call *call)
{
    ipc_err err = box_storable(call->arguments[0]);
    if (!err) {
        insert(call->object, call->object->count, call->arguments[0]);
    }
    return err;
}

static ipc_err copy(box_call *call)
{
    box_pack_head(&call->result, 0x90, 0xdc, call->object->count);
    for (uint32_t i = 0; i < call->object->count; i++) {
        box_read(call, call->object->values[i]);
    }
    return IPC_OK;
}

static ipc_err reverse(box_object *list)
{
    for (uint32_t i = 1; i < list->count; i++) {
        const box_value *value = list->values[i];
        memmove(&list->values[1], &list->values[0], i * sizeof list->values[0]);
        list->values[0] = value;
    }
    return IPC_OK;
}

ipc_err box_list_invoke(box_call *call)
{
    switch (call->method) {
    case IPC_METHOD_LENGTH:
        box_result_int(call, call->object->count);
        return IPC_OK;
    case IPC_METHOD_CLEAR:
        call->object->count = 0;
        return IPC_OK;
    case IPC_METHOD_COPY:
        return copy(call);
    case IPC_METHOD_POP:
        return pop(call);
    case IPC_METHOD_INSERT:
        return insert_at(call);
    case IPC_METHOD_APPEND:
        return append(call);
    case IPC_METHOD_EXTEND:
        return extend(call);
    case IPC_METHOD_REPEAT:
        return repeat(call);
    case IPC_METHOD_SORT:
        return sort(call);
    case IPC_METHOD_REVERSE:
        return reverse(call->object);
    case IPC_METHOD_CONTAINS:
    case IPC_METHOD_COUNT:
    case IPC_METHOD_INDEX:
    case IPC_METHOD_REMOVE:
        return look(call);
    case IPC_METHOD_GET_SLICE:
    case IPC_METHOD_SET_SLICE:
    case IPC_METHOD_DELETE_SLICE:
        return use_slice(call);
    default:
        return one_place(call);
    }
}
