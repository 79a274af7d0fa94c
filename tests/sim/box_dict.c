/*
 * What the methods of dicts and namespaces do, in a model of the hub.
 * Touches its objects. One thread.
 */
#include "box_object.h"

#include <ipc/method.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX };

static uint32_t find(const box_object *dict, const box_value *key)
{
    for (uint32_t i = 0; i < dict->count; i++) {
        if (box_equal(dict->keys[i], key)) {
            return i;
        }
    }
    return NONE;
}

static ipc_err check_key(const box_object *dict, const box_value *key)
{
    return (dict->type == BOX_NAMESPACE ? box_is_text(key) : box_is_key(key)) ? IPC_OK : IPC_EKIND;
}

static void put(box_object *dict, const box_value *key, const box_value *value)
{
    uint32_t at = find(dict, key);
    if (at == NONE) {
        if (dict->count == BOX_ROOM) {
            abort();
        }
        at = dict->count++;
        dict->keys[at] = key;
    }
    dict->values[at] = value;
}

static void take(box_object *dict, uint32_t at)
{
    dict->count--;
    memmove(&dict->keys[at], &dict->keys[at + 1], (dict->count - at) * sizeof dict->keys[0]);
    memmove(&dict->values[at], &dict->values[at + 1], (dict->count - at) * sizeof dict->values[0]);
}

/* ---- methods of one key ---- */

static ipc_err get(box_call *call, uint32_t at)
{
    if (at != NONE) {
        box_read(call, call->object->values[at]);
    } else if (call->count > 1) {
        box_pack(&call->result, call->arguments[1]);
    } else {
        return IPC_EKEY;
    }
    return IPC_OK;
}

static ipc_err pop(box_call *call, uint32_t at)
{
    ipc_err err = get(call, at);
    if (!err && at != NONE) {
        take(call->object, at);
    }
    return err;
}

static ipc_err set(box_call *call, const box_value *value)
{
    ipc_err err = box_storable(value);
    if (!err) {
        put(call->object, call->arguments[0], value);
    }
    return err;
}

static ipc_err set_default(box_call *call, uint32_t at)
{
    ipc_err err = at == NONE ? set(call, call->arguments[1]) : IPC_OK;
    if (!err) {
        box_read(call, call->object->values[find(call->object, call->arguments[0])]);
    }
    return err;
}

static ipc_err increment(box_call *call, uint32_t at)
{
    const box_value *base = at != NONE ? call->object->values[at] : call->count > 2 ? call->arguments[2] : box_int(0);
    const box_value *sum;
    ipc_err err = box_add(base, call->arguments[1], &sum);
    if (!err) {
        put(call->object, call->arguments[0], sum);
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
    if (err) {
        return err;
    }
    bool was = at == NONE ? !old : old && box_equal(call->object->values[at], old);
    if (was && new) {
        err = set(call, new);
    } else if (was && at != NONE) {
        take(call->object, at);
    }
    box_result_bool(call, was);
    return err;
}

static ipc_err one_key(box_call *call)
{
    ipc_err err = check_key(call->object, call->arguments[0]);
    if (err) {
        return err;
    }
    uint32_t at = find(call->object, call->arguments[0]);
    switch (call->method) {
    case IPC_METHOD_GET:
        return get(call, at);
    case IPC_METHOD_POP:
        return pop(call, at);
    case IPC_METHOD_SET:
        return set(call, call->arguments[1]);
    case IPC_METHOD_SET_DEFAULT:
        return set_default(call, at);
    case IPC_METHOD_INCREMENT:
        return increment(call, at);
    case IPC_METHOD_COMPARE_SET:
        return compare_set(call, at);
    case IPC_METHOD_CONTAINS:
        box_result_bool(call, at != NONE);
        return IPC_OK;
    default: /* DELETE */
        if (at == NONE) {
            return IPC_EKEY;
        }
        take(call->object, at);
        return IPC_OK;
    }
}

/* ---- of several ---- */

static ipc_err update(box_call *call)
{
    const box_value *map = call->arguments[0];
    ipc_err err = map->kind == BOX_MAP ? IPC_OK : IPC_EKIND;
    for (uint32_t i = 0; i < map->count && !err; i += 2) {
        err = check_key(call->object, map->inside[i]);
    }
    for (uint32_t i = 0; i < map->count && !err; i += 2) {
        err = box_storable(map->inside[i + 1]);
    }
    for (uint32_t i = 0; i < map->count && !err; i += 2) {
        put(call->object, map->inside[i], map->inside[i + 1]);
    }
    return err;
}

static ipc_err get_many(box_call *call)
{
    const box_value *keys = call->arguments[0];
    ipc_err err = keys->kind == BOX_SEQUENCE ? IPC_OK : IPC_EKIND;
    for (uint32_t i = 0; i < keys->count && !err; i++) {
        err = check_key(call->object, keys->inside[i]);
    }
    if (err) {
        return err;
    }
    box_pack_head(&call->result, 0x90, 0xdc, keys->count);
    for (uint32_t i = 0; i < keys->count; i++) {
        uint32_t at = find(call->object, keys->inside[i]);
        if (at != NONE) {
            box_read(call, call->object->values[at]);
        } else if (call->count > 1) {
            box_pack(&call->result, call->arguments[1]);
        } else {
            ipc__buf_write(&call->result, "\xc0", 1);
        }
    }
    return IPC_OK;
}

static ipc_err pop_item(box_call *call)
{
    box_object *dict = call->object;
    if (!dict->count) {
        return IPC_EKEY;
    }
    box_pack_head(&call->result, 0x90, 0xdc, 2);
    box_pack(&call->result, dict->keys[dict->count - 1]);
    box_read(call, dict->values[--dict->count]);
    return IPC_OK;
}

static ipc_err tell_all(box_call *call)
{
    const box_object *dict = call->object;
    bool map = call->method == IPC_METHOD_COPY;
    box_pack_head(&call->result, map ? 0x80 : 0x90, map ? 0xde : 0xdc, dict->count);
    for (uint32_t i = 0; i < dict->count; i++) {
        if (call->method == IPC_METHOD_ITEMS) {
            box_pack_head(&call->result, 0x90, 0xdc, 2);
        }
        if (call->method != IPC_METHOD_VALUES) {
            box_pack(&call->result, dict->keys[i]);
        }
        if (call->method != IPC_METHOD_KEYS) {
            box_read(call, dict->values[i]);
        }
    }
    return IPC_OK;
}

ipc_err box_dict_invoke(box_call *call)
{
    switch (call->method) {
    case IPC_METHOD_LENGTH:
        box_result_int(call, call->object->count);
        return IPC_OK;
    case IPC_METHOD_CLEAR:
        call->object->count = 0;
        return IPC_OK;
    case IPC_METHOD_COPY:
    case IPC_METHOD_KEYS:
    case IPC_METHOD_VALUES:
    case IPC_METHOD_ITEMS:
        return tell_all(call);
    case IPC_METHOD_POP_ITEM:
        return pop_item(call);
    case IPC_METHOD_UPDATE:
        return update(call);
    case IPC_METHOD_GET_MANY:
        return get_many(call);
    default:
        return one_key(call);
    }
}
