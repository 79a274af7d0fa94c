/*
 * Lists: values in an order, with the methods of Python's lists.
 * Touches its values. Not locked: the core's thread.
 */
#include "codec/compare.h"
#include "hub/invoke.h"
#include "hub/sort.h"
#include "util/error.h"

#include <stdlib.h>

struct list {
    ipc__object base;
    ipc__stored **values;
    uint64_t length;
    uint64_t capacity;
    uint64_t bytes; /* of the values */
};

static struct list *list_of(const ipc__invocation *call)
{
    return (struct list *)call->object;
}

/* ---- room ---- */

enum { CAPACITY_MIN = 8 };

static ipc_err reserve(struct list *list, uint64_t more)
{
    uint64_t need = list->length + more;
    if (need <= list->capacity) {
        return IPC_OK;
    }
    uint64_t capacity = list->capacity ? list->capacity : CAPACITY_MIN;
    while (capacity < need) {
        capacity += capacity / 2;
    }
    ipc_err err = ipc__core_room(list->base.core, (capacity - list->capacity) * sizeof(ipc__stored *));
    if (err) {
        return err;
    }
    ipc__stored **values = realloc(list->values, capacity * sizeof(ipc__stored *));
    if (!values) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    list->base.core->memory += (capacity - list->capacity) * sizeof(ipc__stored *);
    list->values = values;
    list->capacity = capacity;
    return IPC_OK;
}

/* What is much too large is given back. */
static void shrink(struct list *list)
{
    if (list->capacity <= CAPACITY_MIN || list->length > list->capacity / 4) {
        return;
    }
    uint64_t capacity = list->length * 2 > CAPACITY_MIN ? list->length * 2 : CAPACITY_MIN;
    ipc__stored **values = realloc(list->values, capacity * sizeof(ipc__stored *));
    if (values) {
        list->base.core->memory -= (list->capacity - capacity) * sizeof(ipc__stored *);
        list->values = values;
        list->capacity = capacity;
    }
}

/* ---- moving values ---- */

/* The values from one place on, to another; an empty list has none that could be moved. */
static void move(struct list *list, uint64_t to, uint64_t from)
{
    if (from < list->length) {
        memmove(list->values + to, list->values + from, (list->length - from) * sizeof(ipc__stored *));
    }
}

/* A gap where there is room for it. */
static void open_gap(struct list *list, uint64_t at, uint64_t count)
{
    move(list, at + count, at);
    list->length += count;
}

static void close_gap(struct list *list, uint64_t at, uint64_t count)
{
    move(list, at, at + count);
    list->length -= count;
}

static void place(struct list *list, uint64_t at, ipc__stored *value)
{
    list->values[at] = value;
    list->bytes += value->length;
}

/* The value at a place is not the list's any more. It is freed last: that may free other objects. */
static void discard(struct list *list, ipc__stored *value)
{
    list->bytes -= value->length;
    ipc__stored_free(list->base.core, value);
}

/* Take out what lies in one piece. */
static void take_out(struct list *list, uint64_t at, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        discard(list, list->values[at + i]);
    }
    close_gap(list, at, count);
    shrink(list);
}

/* ---- making values ---- */

static ipc_err insert(ipc__invocation *call, uint64_t at, ipc__bytes bytes)
{
    struct list *list = list_of(call);
    ipc__stored *value;
    ipc_err err = reserve(list, 1);
    err = err ? err : ipc__stored_new(&value, call->object, bytes, call->handles);
    if (err) {
        return err;
    }
    open_gap(list, at, 1);
    place(list, at, value);
    return IPC_OK;
}

/* All values of a sequence, in an array to be freed; or none of them. */
static ipc_err make_all(ipc__invocation *call, uint32_t argument, ipc__stored ***out, uint32_t *count)
{
    ipc_cursor inside;
    ipc_err err = ipc__argument_sequence(call, argument, &inside, count);
    if (err) {
        return err;
    }
    ipc__stored **values = calloc(*count + 1, sizeof(ipc__stored *));
    if (!values) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    for (uint32_t i = 0; i < *count && !err; i++) {
        err = ipc__stored_new(&values[i], call->object, ipc__next_value(&inside), call->handles);
    }
    if (err) {
        for (uint32_t i = 0; i < *count && values[i]; i++) {
            ipc__stored_free(call->object->core, values[i]);
        }
        free(values);
        return err;
    }
    *out = values;
    return IPC_OK;
}

static void unmake_all(ipc__core *core, ipc__stored **values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ipc__stored_free(core, values[i]);
    }
    free(values);
}

/* ---- one value ---- */

static ipc_err list_get(ipc__invocation *call)
{
    uint64_t index;
    ipc_err err = ipc__argument_index(call, 0, list_of(call)->length, &index);
    if (!err) {
        ipc__result_stored(call, list_of(call)->values[index]);
    }
    return err;
}

static ipc_err set_at(ipc__invocation *call, uint64_t index, ipc__bytes bytes)
{
    struct list *list = list_of(call);
    ipc__stored *value;
    ipc_err err = ipc__stored_new(&value, call->object, bytes, call->handles);
    if (!err) {
        ipc__stored *old = list->values[index];
        place(list, index, value);
        discard(list, old);
    }
    return err;
}

static ipc_err list_set(ipc__invocation *call)
{
    uint64_t index;
    ipc_err err = ipc__argument_index(call, 0, list_of(call)->length, &index);
    return err ? err : set_at(call, index, call->arguments[1]);
}

static ipc_err list_delete(ipc__invocation *call)
{
    uint64_t index;
    ipc_err err = ipc__argument_index(call, 0, list_of(call)->length, &index);
    if (!err) {
        take_out(list_of(call), index, 1);
    }
    return err;
}

static ipc_err list_pop(ipc__invocation *call)
{
    struct list *list = list_of(call);
    uint64_t index = list->length - 1;
    if (list->length == 0) {
        return ipc__fail(IPC_EINDEX, "the list is empty");
    }
    ipc_err err = call->count ? ipc__argument_index(call, 0, list->length, &index) : IPC_OK;
    if (err) {
        return err;
    }
    ipc__result_stored(call, list->values[index]);
    err = ipc__result_good(call);
    if (!err) {
        take_out(list, index, 1);
    }
    return err;
}

static ipc_err list_append(ipc__invocation *call)
{
    return insert(call, list_of(call)->length, call->arguments[0]);
}

static ipc_err list_insert(ipc__invocation *call)
{
    int64_t length = (int64_t)list_of(call)->length;
    int64_t at;
    ipc_err err = ipc__argument_int(call, 0, &at);
    if (err) {
        return err;
    }
    at = at < 0 ? at + length : at;
    at = at < 0 ? 0 : at > length ? length : at;
    return insert(call, (uint64_t)at, call->arguments[1]);
}

static ipc_err list_increment(ipc__invocation *call)
{
    unsigned char room[IPC__NUMBER_MAX];
    ipc__bytes sum;
    uint64_t index;
    struct list *list = list_of(call);
    ipc_err err = ipc__argument_index(call, 0, list->length, &index);
    err = err ? err : ipc__add(ipc__stored_bytes(list->values[index]), call->arguments[1], room, &sum);
    if (err) {
        return err;
    }
    ipc__result_bytes(call, sum);
    err = ipc__result_good(call);
    return err ? err : set_at(call, index, sum);
}

static ipc_err list_compare_set(ipc__invocation *call)
{
    uint64_t index;
    ipc__bytes old;
    ipc__bytes new;
    struct list *list = list_of(call);
    ipc_err err = ipc__argument_index(call, 0, list->length, &index);
    err = err ? err : ipc__argument_maybe(call, 1, &old);
    err = err ? err : ipc__argument_maybe(call, 2, &new);
    if (!err && (!old.length || !new.length)) {
        err = ipc__fail(IPC_EKIND, "a place in a list has a value: neither the old nor the new one can be absent");
    }
    if (err) {
        return err;
    }
    bool was = ipc__equal(ipc__stored_bytes(list->values[index]), old);
    ipc__result_bool(call, was);
    err = ipc__result_good(call);
    return err || !was ? err : set_at(call, index, new);
}

/* ---- looking for one ---- */

/* The first that equals the first argument, from *at on and before stop. */
static bool look_for(const ipc__invocation *call, uint64_t *at, uint64_t stop)
{
    for (; *at < stop; ++*at) {
        if (ipc__equal(ipc__stored_bytes(list_of(call)->values[*at]), call->arguments[0])) {
            return true;
        }
    }
    return false;
}

static ipc_err list_contains(ipc__invocation *call)
{
    uint64_t at = 0;
    ipc__result_bool(call, look_for(call, &at, list_of(call)->length));
    return IPC_OK;
}

static ipc_err absent(void)
{
    return ipc__fail(IPC_EABSENT, "no value in the list equals that one");
}

/* As index() takes them: what is beyond the ends is an end. */
static ipc_err read_bound(const ipc__invocation *call, uint32_t at, uint64_t length, uint64_t *bound)
{
    int64_t given;
    if (call->count <= at) {
        return IPC_OK;
    }
    ipc_err err = ipc__argument_clipped(call, at, &given);
    if (!err) {
        given = given < 0 ? given + (int64_t)length : given;
        *bound = given < 0 ? 0 : (uint64_t)given > length ? length : (uint64_t)given;
    }
    return err;
}

static ipc_err list_index(ipc__invocation *call)
{
    uint64_t length = list_of(call)->length;
    uint64_t at = 0;
    uint64_t stop = length;
    ipc_err err = read_bound(call, 1, length, &at);
    err = err ? err : read_bound(call, 2, length, &stop);
    if (err) {
        return err;
    }
    if (!look_for(call, &at, stop)) {
        return absent();
    }
    ipc__result_uint(call, at);
    return IPC_OK;
}

static ipc_err list_remove(ipc__invocation *call)
{
    uint64_t at = 0;
    if (!look_for(call, &at, list_of(call)->length)) {
        return absent();
    }
    take_out(list_of(call), at, 1);
    return IPC_OK;
}

static ipc_err list_count(ipc__invocation *call)
{
    uint64_t length = list_of(call)->length;
    uint64_t found = 0;
    for (uint64_t at = 0; look_for(call, &at, length); at++) {
        found++;
    }
    ipc__result_uint(call, found);
    return IPC_OK;
}

/* ---- slices ---- */

static ipc_err list_get_slice(ipc__invocation *call)
{
    const struct list *list = list_of(call);
    ipc__slice slice;
    ipc_err err = ipc__argument_slice(call, 0, list->length, &slice);
    if (err) {
        return err;
    }
    ipc__result_array(call, slice.count);
    for (uint64_t i = 0; i < slice.count && !err; i++) {
        ipc__result_stored(call, list->values[ipc__slice_at(&slice, i)]);
        err = ipc__result_room(call, call->result->length);
    }
    return err;
}

/* What a slice of step 1 is replaced by may be longer or shorter. */
static ipc_err replace_piece(struct list *list, uint64_t at, uint64_t old, ipc__stored **values, uint32_t count)
{
    ipc_err err = reserve(list, count > old ? count - old : 0);
    if (err) {
        return err;
    }
    /* Freed when all is in its place. */
    for (uint64_t i = 0; i < old && i < count; i++) {
        ipc__stored *there = list->values[at + i];
        place(list, at + i, values[i]);
        values[i] = there;
    }
    if (old > count) {
        take_out(list, at + count, old - count);
    } else {
        open_gap(list, at + old, count - old);
        for (uint64_t i = old; i < count; i++) {
            place(list, at + i, values[i]);
            values[i] = NULL;
        }
    }
    return IPC_OK;
}

static void replace_each(struct list *list, const ipc__slice *slice, ipc__stored **values)
{
    for (uint64_t i = 0; i < slice->count; i++) {
        uint64_t at = ipc__slice_at(slice, i);
        ipc__stored *there = list->values[at];
        place(list, at, values[i]);
        values[i] = there;
    }
}

static ipc_err list_set_slice(ipc__invocation *call)
{
    struct list *list = list_of(call);
    ipc__slice slice;
    ipc__stored **values;
    uint32_t count;
    ipc_err err = ipc__argument_slice(call, 0, list->length, &slice);
    err = err ? err : make_all(call, 3, &values, &count);
    if (err) {
        return err;
    }
    uint64_t replaced = slice.count < count ? slice.count : count;
    if (slice.step == 1) {
        err = replace_piece(list, (uint64_t)slice.start, slice.count, values, count);
    } else if (count != slice.count) {
        err = ipc__fail(IPC_EINVAL, "%u values cannot replace an extended slice of %llu", count,
                        (unsigned long long)slice.count);
    } else {
        replace_each(list, &slice, values);
    }
    for (uint64_t i = 0; !err && i < replaced; i++) { /* what was there before */
        list->bytes -= values[i]->length;
    }
    unmake_all(call->object->core, values, count);
    return err;
}

/* Every so many of a piece goes, and the others close up. */
static ipc_err list_delete_slice(ipc__invocation *call)
{
    struct list *list = list_of(call);
    ipc__slice slice;
    ipc_err err = ipc__argument_slice(call, 0, list->length, &slice);
    if (err || slice.count == 0) {
        return err;
    }
    uint64_t stride = (uint64_t)(slice.step > 0 ? slice.step : -slice.step);
    uint64_t first = slice.step > 0 ? (uint64_t)slice.start : ipc__slice_at(&slice, slice.count - 1);
    uint64_t to = first;
    uint64_t left = slice.count;
    for (uint64_t from = first; from < list->length; from++) {
        if (left && (from - first) % stride == 0) {
            left--;
            discard(list, list->values[from]);
        } else {
            list->values[to++] = list->values[from];
        }
    }
    list->length = to;
    shrink(list);
    return IPC_OK;
}

/* ---- all of it ---- */

static ipc_err list_length(ipc__invocation *call)
{
    ipc__result_uint(call, list_of(call)->length);
    return IPC_OK;
}

static ipc_err list_clear(ipc__invocation *call)
{
    take_out(list_of(call), 0, list_of(call)->length);
    return IPC_OK;
}

static ipc_err list_copy(ipc__invocation *call)
{
    const struct list *list = list_of(call);
    ipc_err err = ipc__result_room(call, list->bytes);
    if (err) {
        return err;
    }
    ipc__result_array(call, list->length);
    for (uint64_t i = 0; i < list->length; i++) {
        ipc__result_stored(call, list->values[i]);
    }
    return IPC_OK;
}

static ipc_err list_extend(ipc__invocation *call)
{
    struct list *list = list_of(call);
    ipc__stored **values;
    uint32_t count;
    ipc_err err = make_all(call, 0, &values, &count);
    if (err) {
        return err;
    }
    err = reserve(list, count);
    if (err) {
        unmake_all(call->object->core, values, count);
        return err;
    }
    for (uint32_t i = 0; i < count; i++) {
        place(list, list->length++, values[i]);
    }
    free(values);
    return IPC_OK;
}

static ipc_err list_reverse(ipc__invocation *call)
{
    struct list *list = list_of(call);
    for (uint64_t i = 0; i < list->length / 2; i++) {
        ipc__stored *there = list->values[i];
        list->values[i] = list->values[list->length - 1 - i];
        list->values[list->length - 1 - i] = there;
    }
    return IPC_OK;
}

/* Behind each other, so many times; less than once is none. */
static ipc_err list_repeat(ipc__invocation *call)
{
    struct list *list = list_of(call);
    uint64_t length = list->length;
    int64_t times;
    ipc_err err = ipc__argument_int(call, 0, &times);
    if (err || times == 1 || length == 0) {
        return err;
    }
    if (times < 1) {
        return list_clear(call);
    }
    uint64_t more;
    if (__builtin_mul_overflow(length, (uint64_t)times - 1, &more) || more > UINT32_MAX) {
        return ipc__fail(IPC_EMEMORY, "a list of %llu values, %lld times, is too long", (unsigned long long)length,
                         (long long)times);
    }
    err = reserve(list, more);
    for (uint64_t i = 0; i < more && !err; i++) {
        const ipc__stored *first = list->values[i % length];
        ipc__stored *again;
        err = ipc__stored_new(&again, call->object, ipc__stored_bytes(first), first->references != NULL);
        if (!err) {
            place(list, list->length++, again);
        }
    }
    if (err) { /* all, or nothing */
        take_out(list, length, list->length - length);
    }
    return err;
}

/* ---- order ---- */

static ipc_err list_sort(ipc__invocation *call)
{
    struct list *list = list_of(call);
    bool descending;
    ipc_err err = ipc__argument_bool(call, 0, &descending);
    if (err || list->length < 2) {
        return err;
    }
    return ipc__sort(list->values, list->length, descending);
}

/* ---- the table ---- */

static const ipc__method methods[] = {
    [IPC_METHOD_LENGTH] = {list_length, 0, 0},
    [IPC_METHOD_GET] = {list_get, 1, 1},
    [IPC_METHOD_SET] = {list_set, 2, 2},
    [IPC_METHOD_DELETE] = {list_delete, 1, 1},
    [IPC_METHOD_CONTAINS] = {list_contains, 1, 1},
    [IPC_METHOD_CLEAR] = {list_clear, 0, 0},
    [IPC_METHOD_POP] = {list_pop, 0, 1},
    [IPC_METHOD_INCREMENT] = {list_increment, 2, 2},
    [IPC_METHOD_COMPARE_SET] = {list_compare_set, 3, 3},
    [IPC_METHOD_COPY] = {list_copy, 0, 0},
    [IPC_METHOD_GET_SLICE] = {list_get_slice, 3, 3},
    [IPC_METHOD_SET_SLICE] = {list_set_slice, 4, 4},
    [IPC_METHOD_DELETE_SLICE] = {list_delete_slice, 3, 3},
    [IPC_METHOD_APPEND] = {list_append, 1, 1},
    [IPC_METHOD_EXTEND] = {list_extend, 1, 1},
    [IPC_METHOD_INSERT] = {list_insert, 2, 2},
    [IPC_METHOD_REMOVE] = {list_remove, 1, 1},
    [IPC_METHOD_INDEX] = {list_index, 1, 3},
    [IPC_METHOD_COUNT] = {list_count, 1, 1},
    [IPC_METHOD_REVERSE] = {list_reverse, 0, 0},
    [IPC_METHOD_SORT] = {list_sort, 1, 1},
    [IPC_METHOD_REPEAT] = {list_repeat, 1, 1},
};

static ipc_err list_request(ipc__hold *hold, const ipc__request *request)
{
    if (request->op != IPC__OP_INVOKE) {
        return IPC_EPROTO;
    }
    return ipc__invoke(hold, request, methods, sizeof methods / sizeof methods[0]);
}

static void list_fini(ipc__object *object)
{
    struct list *list = (struct list *)object;
    for (uint64_t i = 0; i < list->length; i++) {
        discard(list, list->values[i]);
    }
    object->core->memory -= list->capacity * sizeof(ipc__stored *);
    free(list->values);
}

static uint64_t list_unread(const ipc__object *object)
{
    return ((const struct list *)object)->length;
}

static void list_inspect(const ipc__object *object, msgpack_packer *packer)
{
    msgpack_pack_map(packer, 2);
    ipc__pack_uint(packer, "length", list_unread(object));
    ipc__pack_uint(packer, "bytes", ((const struct list *)object)->bytes);
}

const ipc__object_ops ipc__list_ops = {
    .name = "list",
    .size = sizeof(struct list),
    .hold_size = sizeof(ipc__hold),
    .fini = list_fini,
    .request = list_request,
    .unread = list_unread,
    .inspect = list_inspect,
};
