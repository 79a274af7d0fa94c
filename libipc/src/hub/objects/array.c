/*
 * Arrays: numbers of one type, and a lock that goes with them. A value is an array of one.
 * Touches its numbers and its mutex. Not locked: the core's thread.
 */
#include "codec/compare.h"
#include "hub/invoke.h"
#include "hub/mutex.h"
#include "util/error.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

union number {
    int64_t i;
    uint64_t u;
    double f;
};

struct type {
    char code;
    char kind; /* signed, unsigned, float */
    uint8_t size;
};

struct array {
    ipc__object base;
    const struct type *type;
    uint64_t length;
    unsigned char *data; /* as this machine has such numbers */
    ipc__mutex mutex;
};

static struct array *array_of(const ipc__invocation *call)
{
    return (struct array *)call->object;
}

/* ---- types ---- */

static const struct type *find_type(char code)
{
    static const struct type types[] = {
        {'b', 's', 1}, {'B', 'u', 1}, {'h', 's', 2}, {'H', 'u', 2}, {'i', 's', 4}, {'I', 'u', 4},
        {'l', 's', 8}, {'L', 'u', 8}, {'q', 's', 8}, {'Q', 'u', 8}, {'f', 'f', 4}, {'d', 'f', 8},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].code == code) {
            return &types[i];
        }
    }
    return NULL;
}

/* A whole number into so many of its low bytes, and back with its sign: narrowed and widened, it is the same if it fits. */
static bool fits(const struct type *type, const ipc_value *value)
{
    unsigned bits = type->size * 8U;
    if (type->kind == 'u') {
        return value->kind == IPC_KIND_UINT ? bits == 64 : value->as.i >= 0 && (bits == 64 || value->as.i >> bits == 0);
    }
    int64_t sign = value->kind == IPC_KIND_INT && bits < 64 ? value->as.i >> (bits - 1) : 0;
    return value->kind == IPC_KIND_INT && (sign == 0 || sign == -1);
}

static ipc_err not_kind(const struct type *type)
{
    return ipc__fail(IPC_EKIND, "an element of typecode %c is %s", type->code,
                     type->kind == 'f' ? "a number" : "an integer");
}

static ipc_err read_whole(const struct type *type, ipc_value value, union number *out)
{
    if (value.kind == IPC_KIND_BOOL) {
        value = (ipc_value){.kind = IPC_KIND_INT, .as.i = value.as.boolean};
    }
    bool big = value.kind == IPC_KIND_EXT && value.as.bytes.ext == IPC_EXT_BIGINT;
    if (value.kind != IPC_KIND_INT && value.kind != IPC_KIND_UINT && !big) {
        return not_kind(type);
    }
    if (big || !fits(type, &value)) {
        return ipc__fail(IPC_ERANGE, "that is beyond typecode %c: %s integers of %u bits", type->code,
                         type->kind == 's' ? "signed" : "unsigned", type->size * 8U);
    }
    out->u = value.kind == IPC_KIND_UINT ? value.as.u : (uint64_t)value.as.i;
    return IPC_OK;
}

/* Infinities and NaN are what they are; no other number becomes one. */
static bool fits_float(const struct type *type, double f)
{
    return type->size == sizeof(double) || !(f > -HUGE_VAL && f < HUGE_VAL) || (f >= -FLT_MAX && f <= FLT_MAX);
}

static ipc_err read_float(const struct type *type, ipc_value value, union number *out)
{
    if (value.kind == IPC_KIND_FLOAT && !fits_float(type, value.as.f)) {
        return ipc__fail(IPC_ERANGE, "that is beyond typecode %c: floats of 32 bits", type->code);
    }
    switch (value.kind) {
    case IPC_KIND_FLOAT:
        out->f = value.as.f;
        return IPC_OK;
    case IPC_KIND_INT:
        out->f = (double)value.as.i;
        return IPC_OK;
    case IPC_KIND_UINT:
        out->f = (double)value.as.u;
        return IPC_OK;
    case IPC_KIND_BOOL:
        out->f = value.as.boolean;
        return IPC_OK;
    default:
        return not_kind(type);
    }
}

/* One packed value as a number of a type. IPC_EKIND, IPC_ERANGE. */
static ipc_err read_number(const struct type *type, ipc__bytes packed, union number *out)
{
    ipc_cursor at = {packed.data, packed.data + packed.length};
    ipc_value value = {.kind = IPC_KIND_NULL};
    (void)ipc_cursor_next(&at, &value); /* the scan has read it */
    return type->kind == 'f' ? read_float(type, value, out) : read_whole(type, value, out);
}

/* ---- elements ---- */

static void write_at(struct array *array, uint64_t index, union number number)
{
    unsigned char *at = array->data + index * array->type->size;
    if (array->type->kind == 'f' && array->type->size == sizeof(float)) {
        float narrow = (float)number.f;
        memcpy(at, &narrow, sizeof narrow);
    } else if (array->type->kind == 'f') {
        memcpy(at, &number.f, sizeof number.f);
    } else {
        for (unsigned i = 0; i < array->type->size; i++) { /* the lowest byte first */
            at[i] = (unsigned char)(number.u >> (8 * i));
        }
    }
}

static ipc_value read_at(const struct array *array, uint64_t index)
{
    const unsigned char *at = array->data + index * array->type->size;
    const struct type *type = array->type;
    ipc_value value = {.kind = IPC_KIND_FLOAT};
    if (type->kind == 'f' && type->size == sizeof(float)) {
        float narrow;
        memcpy(&narrow, at, sizeof narrow);
        value.as.f = (double)narrow;
        return value;
    }
    if (type->kind == 'f') {
        memcpy(&value.as.f, at, sizeof value.as.f);
        return value;
    }
    uint64_t whole = type->kind == 's' && at[type->size - 1] & 0x80 ? UINT64_MAX : 0;
    for (unsigned i = type->size; i > 0; i--) {
        whole = whole << 8 | at[i - 1];
    }
    bool large = type->kind == 'u' && whole > INT64_MAX;
    value.kind = large ? IPC_KIND_UINT : IPC_KIND_INT;
    if (large) {
        value.as.u = whole;
    } else {
        value.as.i = (int64_t)whole;
    }
    return value;
}

/* ---- methods ---- */

static ipc_err array_length(ipc__invocation *call)
{
    ipc__result_uint(call, array_of(call)->length);
    return IPC_OK;
}

static ipc_err array_get(ipc__invocation *call)
{
    uint64_t index;
    ipc_err err = ipc__argument_index(call, 0, array_of(call)->length, &index);
    if (!err) {
        ipc_value value = read_at(array_of(call), index);
        ipc__result_value(call, &value);
    }
    return err;
}

static ipc_err array_set(ipc__invocation *call)
{
    struct array *array = array_of(call);
    uint64_t index;
    union number number;
    ipc_err err = ipc__argument_index(call, 0, array->length, &index);
    err = err ? err : read_number(array->type, call->arguments[1], &number);
    if (!err) {
        write_at(array, index, number);
    }
    return err;
}

static ipc_err array_increment(ipc__invocation *call)
{
    struct array *array = array_of(call);
    unsigned char old[IPC__NUMBER_MAX];
    unsigned char room[IPC__NUMBER_MAX];
    ipc__bytes sum;
    uint64_t index;
    union number number;
    ipc_err err = ipc__argument_index(call, 0, array->length, &index);
    if (err) {
        return err;
    }
    ipc_value value = read_at(array, index);
    err = ipc__add(ipc__pack_number(&value, old), call->arguments[1], room, &sum);
    err = err ? err : read_number(array->type, sum, &number);
    if (err) {
        return err;
    }
    (void)ipc__buf_reserve(call->result, IPC__NUMBER_MAX);
    err = ipc__result_good(call);
    if (!err) {
        write_at(array, index, number);
        value = read_at(array, index); /* a float may have been rounded */
        ipc__result_value(call, &value);
    }
    return err;
}

static ipc_err array_compare_set(ipc__invocation *call)
{
    struct array *array = array_of(call);
    unsigned char room[IPC__NUMBER_MAX];
    uint64_t index;
    ipc__bytes old;
    ipc__bytes new;
    union number number;
    ipc_err err = ipc__argument_index(call, 0, array->length, &index);
    err = err ? err : ipc__argument_maybe(call, 1, &old);
    err = err ? err : ipc__argument_maybe(call, 2, &new);
    if (!err && (!old.length || !new.length)) {
        err = not_kind(array->type);
    }
    err = err ? err : read_number(array->type, new, &number);
    if (err) {
        return err;
    }
    ipc_value value = read_at(array, index);
    bool was = ipc__equal(ipc__pack_number(&value, room), old);
    ipc__result_bool(call, was);
    err = ipc__result_good(call);
    if (!err && was) {
        write_at(array, index, number);
    }
    return err;
}

static ipc_err tell_slice(ipc__invocation *call, const ipc__slice *slice)
{
    ipc_err err = ipc__result_room(call, slice->count); /* a byte each, at least */
    if (err) {
        return err;
    }
    ipc__result_array(call, slice->count);
    for (uint64_t i = 0; i < slice->count && !err; i++) {
        ipc_value value = read_at(array_of(call), ipc__slice_at(slice, i));
        ipc__result_value(call, &value);
        err = ipc__result_room(call, call->result->length);
    }
    return err;
}

static ipc_err array_copy(ipc__invocation *call)
{
    return tell_slice(call, &(ipc__slice){0, 1, array_of(call)->length});
}

static ipc_err array_get_slice(ipc__invocation *call)
{
    ipc__slice slice;
    ipc_err err = ipc__argument_slice(call, 0, array_of(call)->length, &slice);
    return err ? err : tell_slice(call, &slice);
}

/* Whether all numbers of a sequence fit. */
static ipc_err check_numbers(const struct type *type, ipc_cursor inside, uint32_t count)
{
    ipc_err err = IPC_OK;
    union number number;
    for (; count > 0 && !err; count--) {
        err = read_number(type, ipc__next_value(&inside), &number);
    }
    return err;
}

static void write_numbers(struct array *array, const ipc__slice *slice, ipc_cursor inside)
{
    for (uint64_t i = 0; i < slice->count; i++) {
        union number number;
        (void)read_number(array->type, ipc__next_value(&inside), &number); /* it was checked */
        write_at(array, ipc__slice_at(slice, i), number);
    }
}

static ipc_err array_set_slice(ipc__invocation *call)
{
    struct array *array = array_of(call);
    ipc__slice slice;
    ipc_cursor inside;
    uint32_t count;
    ipc_err err = ipc__argument_slice(call, 0, array->length, &slice);
    err = err ? err : ipc__argument_sequence(call, 3, &inside, &count);
    if (!err && count != slice.count) {
        err = ipc__fail(IPC_EINVAL, "%u numbers cannot replace %llu: an array's length stays", count,
                        (unsigned long long)slice.count);
    }
    err = err ? err : check_numbers(array->type, inside, count);
    if (!err) {
        write_numbers(array, &slice, inside);
    }
    return err;
}

static const ipc__method methods[] = {
    [IPC_METHOD_LENGTH] = {array_length, 0, 0},
    [IPC_METHOD_GET] = {array_get, 1, 1},
    [IPC_METHOD_SET] = {array_set, 2, 2},
    [IPC_METHOD_INCREMENT] = {array_increment, 2, 2},
    [IPC_METHOD_COMPARE_SET] = {array_compare_set, 3, 3},
    [IPC_METHOD_COPY] = {array_copy, 0, 0},
    [IPC_METHOD_GET_SLICE] = {array_get_slice, 3, 3},
    [IPC_METHOD_SET_SLICE] = {array_set_slice, 4, 4},
};

static ipc_err array_request(ipc__hold *hold, const ipc__request *request)
{
    ipc__mutex *mutex = &((struct array *)hold->object)->mutex;
    switch (request->op) {
    case IPC__OP_INVOKE:
        return ipc__invoke(hold, request, methods, sizeof methods / sizeof methods[0]);
    case IPC__OP_ACQUIRE:
        return ipc__mutex_acquire(mutex, hold, request);
    case IPC__OP_UNLOCK:
        return ipc__mutex_unlock(mutex, hold, request);
    case IPC__OP_PEEK:
        return ipc__mutex_peek(mutex, hold, request);
    default:
        return IPC_EPROTO;
    }
}

/* ---- options ---- */

struct asked {
    const struct type *type; /* NULL: not asked for */
    uint64_t length;
    bool has_length;
    bool has_values;
    ipc_cursor values; /* the first of them */
    uint32_t count;
};

static ipc_err bad_options(void)
{
    return ipc__fail(IPC_EINVAL,
                     "an array's options are typecode (one of b B h H i I l L q Q f d), length, and values, "
                     "a sequence of numbers");
}

static ipc_err read_options(const ipc__object *object, ipc_cursor options, struct asked *asked)
{
    ipc__bytes code = {NULL, 0};
    bool present = false;
    *asked = (struct asked){0};
    if (!ipc__option_text(options, "typecode", &code, &present) ||
        !ipc__option_uint(options, "length", &asked->length, &asked->has_length) ||
        !ipc__option_array(options, "values", &asked->values, &asked->count, &asked->has_values)) {
        return bad_options();
    }
    asked->type = present && code.length == 1 ? find_type((char)code.data[0]) : NULL;
    if (present && !asked->type) {
        return bad_options();
    }
    bool scalar = object->ops == &ipc__value_ops;
    if (asked->has_values && asked->has_length && asked->length != asked->count) {
        return ipc__fail(IPC_EINVAL, "there are %u values for a length of %llu", asked->count,
                         (unsigned long long)asked->length);
    }
    if (scalar && ((asked->has_length && asked->length != 1) || (asked->has_values && asked->count != 1))) {
        return ipc__fail(IPC_EINVAL, "a value is one number");
    }
    asked->length = asked->has_values ? asked->count : scalar ? 1 : asked->length;
    asked->has_length = asked->has_length || asked->has_values || scalar;
    return IPC_OK;
}

static uint64_t size_of(const struct array *array)
{
    return array->length * array->type->size;
}

static ipc_err fill(struct array *array, const struct asked *asked)
{
    ipc__core *core = array->base.core;
    if (asked->length > UINT32_MAX) {
        return ipc__fail(IPC_EINVAL, "an array has at most %u numbers", UINT32_MAX);
    }
    array->type = asked->type;
    array->length = asked->length;
    ipc_err err = ipc__core_room(core, size_of(array));
    if (err) {
        return err;
    }
    array->data = calloc(array->length + !array->length, array->type->size);
    if (!array->data) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    err = asked->has_values ? check_numbers(array->type, asked->values, asked->count) : IPC_OK;
    if (err) {
        free(array->data);
        return err;
    }
    core->memory += size_of(array);
    if (asked->has_values) {
        write_numbers(array, &(ipc__slice){0, 1, array->length}, asked->values);
    }
    return IPC_OK;
}

static ipc_err array_init(ipc__object *object, ipc_cursor options)
{
    struct asked asked;
    ipc_err err = read_options(object, options, &asked);
    if (!err && (!asked.type || !asked.has_length)) {
        err = ipc__fail(IPC_EINVAL, "what makes %s says its typecode%s",
                        object->ops == &ipc__value_ops ? "a value" : "an array",
                        object->ops == &ipc__value_ops ? "" : ", and its length or what it begins with");
    }
    err = err ? err : fill((struct array *)object, &asked);
    if (!err) {
        ipc__mutex_init(&((struct array *)object)->mutex, object, true);
    }
    return err;
}

static ipc_err array_match(const ipc__object *object, ipc_cursor options)
{
    const struct array *array = (const struct array *)object;
    struct asked asked;
    ipc_err err = read_options(object, options, &asked);
    if (!err && ((asked.type && asked.type != array->type) || (asked.has_length && asked.length != array->length))) {
        err = ipc__fail(IPC_EOPTIONS, "%s \"%s\" exists with typecode %c and length %llu; ask for that, or for none",
                        object->ops->name, object->name, array->type->code, (unsigned long long)array->length);
    }
    return err;
}

static void array_fini(ipc__object *object)
{
    struct array *array = (struct array *)object;
    ipc__mutex_fini(&array->mutex);
    object->core->memory -= size_of(array);
    free(array->data);
}

static void array_describe(const ipc__hold *hold, msgpack_packer *packer)
{
    const struct array *array = (const struct array *)hold->object;
    msgpack_pack_map(packer, 2);
    ipc__pack_text(packer, "typecode");
    msgpack_pack_str_with_body(packer, &array->type->code, 1);
    ipc__pack_uint(packer, "length", array->length);
}

/* ---- ends, and looking ---- */

static void array_lease_end(ipc__lease *lease, ipc__end end, bool last)
{
    (void)end; /* however it ended, it has not released */
    (void)last;
    ipc__mutex_abandon(&((struct array *)lease->object)->mutex);
}

static uint64_t array_size(const ipc__object *object)
{
    return ((const struct array *)object)->length;
}

/* Nothing is lost with zeros: who makes it again has the same. */
static uint64_t array_unread(const ipc__object *object)
{
    const struct array *array = (const struct array *)object;
    for (uint64_t i = 0; i < size_of(array); i++) {
        if (array->data[i]) {
            return array->length;
        }
    }
    return 0;
}

static void array_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct array *array = (const struct array *)object;
    msgpack_pack_map(packer, 2 + IPC__MUTEX_FIELDS);
    ipc__pack_text(packer, "typecode");
    msgpack_pack_str_with_body(packer, &array->type->code, 1);
    ipc__pack_uint(packer, "length", array->length);
    ipc__mutex_inspect(&array->mutex, packer);
}

const ipc__object_ops ipc__array_ops = {
    .name = "array",
    .size = sizeof(struct array),
    .hold_size = sizeof(ipc__hold),
    .init = array_init,
    .match = array_match,
    .fini = array_fini,
    .request = array_request,
    .lease_end = array_lease_end,
    .describe = array_describe,
    .unread = array_unread,
    .length = array_size,
    .inspect = array_inspect,
};

const ipc__object_ops ipc__value_ops = {
    .name = "value",
    .size = sizeof(struct array),
    .hold_size = sizeof(ipc__hold),
    .init = array_init,
    .match = array_match,
    .fini = array_fini,
    .request = array_request,
    .lease_end = array_lease_end,
    .describe = array_describe,
    .unread = array_unread,
    .length = array_size,
    .inspect = array_inspect,
};
