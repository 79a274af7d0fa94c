/*
 * Invocations: methods of containers.
 * Touches the core's buffers, and sessions through the lane seam. Not locked: the core's thread.
 */
#include "hub/invoke.h"

#include "codec/number.h"
#include "codec/scan.h"
#include "util/error.h"

#include <stdlib.h>

enum {
    LEVELS = 3,             /* around a value: the arguments, a map of several, a pair */
    KEPT_MAX = 1024 * 1024, /* what a buffer may keep for the next one */
    /* In front of a result: the answer's head goes there when its length is known, and nothing is copied. */
    HEADROOM = IPC__OP_HEAD_MAX + 1 + IPC__BIN_HEAD_MAX,
};

/* ---- arguments ---- */

static ipc_value head_of(ipc__bytes value)
{
    ipc_cursor at = {value.data, value.data + value.length};
    ipc_value head = {.kind = IPC_KIND_NULL};
    (void)ipc_cursor_next(&at, &head); /* the scan has read it */
    return head;
}

static ipc_err wrong_kind(uint32_t at, const char *needed)
{
    return ipc__fail(IPC_EKIND, "argument %u has to be %s", at + 1, needed);
}

ipc_err ipc__argument_int(const ipc__invocation *call, uint32_t at, int64_t *number)
{
    ipc_value head = head_of(call->arguments[at]);
    if (head.kind == IPC_KIND_UINT || (head.kind == IPC_KIND_EXT && head.as.bytes.ext == IPC_EXT_BIGINT)) {
        return ipc__fail(IPC_EINDEX, "argument %u is beyond 64 bits", at + 1);
    }
    if (head.kind != IPC_KIND_INT && head.kind != IPC_KIND_BOOL) {
        return wrong_kind(at, "an integer");
    }
    *number = head.kind == IPC_KIND_INT ? head.as.i : head.as.boolean;
    return IPC_OK;
}

ipc_err ipc__argument_clipped(const ipc__invocation *call, uint32_t at, int64_t *number)
{
    ipc_err err = ipc__argument_int(call, at, number);
    if (err != IPC_EINDEX) {
        return err;
    }
    ipc_value head = head_of(call->arguments[at]);
    bool negative = head.kind == IPC_KIND_EXT && head.as.bytes.length && *head.as.bytes.data & 0x80;
    *number = negative ? INT64_MIN : INT64_MAX;
    return IPC_OK;
}

ipc_err ipc__argument_bool(const ipc__invocation *call, uint32_t at, bool *truth)
{
    ipc_value head = head_of(call->arguments[at]);
    *truth = head.kind == IPC_KIND_BOOL && head.as.boolean;
    return head.kind == IPC_KIND_BOOL ? IPC_OK : wrong_kind(at, "true or false");
}

static ipc_err open_inside(const ipc__invocation *call, uint32_t at, ipc_kind kind, ipc_cursor *inside, uint32_t *count)
{
    ipc__bytes value = call->arguments[at];
    *inside = (ipc_cursor){value.data, value.data + value.length};
    ipc_value head = {.kind = IPC_KIND_NULL};
    (void)ipc_cursor_next(inside, &head);
    *count = 0;
    if (head.kind != kind) {
        return wrong_kind(at, kind == IPC_KIND_MAP ? "a map" : "a sequence");
    }
    *count = head.as.count;
    return IPC_OK;
}

ipc_err ipc__argument_sequence(const ipc__invocation *call, uint32_t at, ipc_cursor *inside, uint32_t *count)
{
    return open_inside(call, at, IPC_KIND_ARRAY, inside, count);
}

ipc_err ipc__argument_map(const ipc__invocation *call, uint32_t at, ipc_cursor *inside, uint32_t *count)
{
    return open_inside(call, at, IPC_KIND_MAP, inside, count);
}

ipc_err ipc__argument_maybe(const ipc__invocation *call, uint32_t at, ipc__bytes *value)
{
    ipc_cursor inside;
    uint32_t count = 0;
    ipc_err err = ipc__argument_sequence(call, at, &inside, &count);
    if (err || count > 1) {
        return wrong_kind(at, "a sequence of one value, or of none");
    }
    *value = count ? ipc__next_value(&inside) : (ipc__bytes){NULL, 0};
    return IPC_OK;
}

ipc__bytes ipc__next_value(ipc_cursor *inside)
{
    const unsigned char *start = inside->at;
    (void)ipc_cursor_skip(inside);
    return (ipc__bytes){start, (size_t)(inside->at - start)};
}

ipc_err ipc__argument_index(const ipc__invocation *call, uint32_t at, uint64_t length, uint64_t *index)
{
    int64_t given = 0;
    ipc_err err = ipc__argument_int(call, at, &given);
    if (err) {
        return err;
    }
    *index = given < 0 ? length + (uint64_t)given : (uint64_t)given;
    if (*index >= length) {
        return ipc__fail(IPC_EINDEX, "index %lld is none of the %llu there are", (long long)given,
                         (unsigned long long)length);
    }
    return IPC_OK;
}

/* ---- slices ---- */

/* A bound, brought inside from low to high. */
static ipc_err read_bound(const ipc__invocation *call, uint32_t at, int64_t length, int64_t omitted, int64_t low,
                          int64_t high, int64_t *bound)
{
    if (head_of(call->arguments[at]).kind == IPC_KIND_NULL) {
        *bound = omitted;
        return IPC_OK;
    }
    int64_t given = 0;
    ipc_err err = ipc__argument_clipped(call, at, &given);
    if (err) {
        return err;
    }
    given = given < 0 ? given + length : given;
    *bound = given < low ? low : given > high ? high : given;
    return IPC_OK;
}

ipc_err ipc__argument_slice(const ipc__invocation *call, uint32_t at, uint64_t length, ipc__slice *slice)
{
    int64_t end = (int64_t)length;
    int64_t stop = 0;
    slice->step = 1;
    bool given = head_of(call->arguments[at + 2]).kind != IPC_KIND_NULL;
    ipc_err err = given ? ipc__argument_clipped(call, at + 2, &slice->step) : IPC_OK;
    if (!err && slice->step == 0) {
        err = ipc__fail(IPC_EINVAL, "a slice's step is not 0");
    }
    slice->step = slice->step == INT64_MIN ? -INT64_MAX : slice->step; /* which has an opposite, and leads as far */
    bool forward = slice->step > 0;
    int64_t low = forward ? 0 : -1;
    int64_t high = forward ? end : end - 1;
    err = err ? err : read_bound(call, at, end, forward ? low : high, low, high, &slice->start);
    err = err ? err : read_bound(call, at + 1, end, forward ? high : low, low, high, &stop);
    if (err) {
        return err;
    }
    int64_t span = forward ? stop - slice->start : slice->start - stop;
    int64_t stride = forward ? slice->step : -slice->step;
    slice->count = span > 0 ? (uint64_t)((span - 1) / stride + 1) : 0;
    return IPC_OK;
}

/* ---- results ---- */

void ipc__result_stored(ipc__invocation *call, const ipc__stored *stored)
{
    ipc__result_bytes(call, ipc__stored_bytes(stored));
    ipc__references_tell(call->hold->session, stored->references);
}

void ipc__result_array(ipc__invocation *call, uint64_t count)
{
    msgpack_packer packer = ipc__packer(call->result);
    msgpack_pack_array(&packer, count);
}

void ipc__result_uint(ipc__invocation *call, uint64_t number)
{
    ipc__write_number(call->result, number);
}

void ipc__result_bool(ipc__invocation *call, bool truth)
{
    ipc__buf_write(call->result, truth ? "\xc3" : "\xc2", 1);
}

void ipc__result_value(ipc__invocation *call, const ipc_value *number)
{
    unsigned char room[IPC__NUMBER_MAX];
    ipc__result_bytes(call, ipc__pack_number(number, room));
}

ipc_err ipc__result_room(const ipc__invocation *call, uint64_t bytes)
{
    uint32_t most = call->object->core->options.max_message;
    if (bytes > (uint64_t)most + HEADROOM) { /* whether or not the room is counted */
        return ipc__fail(IPC_ETOOBIG,
                         "the answer would have some %llu bytes; the hub allows %u: ask for less at a time",
                         (unsigned long long)bytes, most);
    }
    return IPC_OK;
}

ipc_err ipc__result_good(const ipc__invocation *call)
{
    return call->result->failed ? ipc__fail_plain(IPC_ENOMEM) : ipc__result_room(call, call->result->length);
}

/* ---- numbers ---- */

ipc__bytes ipc__pack_number(const ipc_value *number, unsigned char *room)
{
    ipc__buf buf = {.data = room, .capacity = IPC__NUMBER_MAX};
    msgpack_packer packer = ipc__packer(&buf);
    if (number->kind == IPC_KIND_FLOAT) {
        msgpack_pack_double(&packer, number->as.f);
    } else if (number->kind == IPC_KIND_UINT) {
        msgpack_pack_uint64(&packer, number->as.u);
    } else {
        msgpack_pack_int64(&packer, number->as.i);
    }
    return (ipc__bytes){room, buf.length};
}

ipc_err ipc__add(ipc__bytes a, ipc__bytes b, unsigned char *room, ipc__bytes *sum)
{
    ipc_value first = head_of(a);
    ipc_value second = head_of(b);
    ipc_value both;
    ipc_err err = ipc__number_add(&first, &second, &both);
    if (!err) {
        *sum = ipc__pack_number(&both, room);
    }
    return err;
}

/* ---- the operation ---- */

static ipc_err read_arguments(ipc__invocation *call, ipc__bytes packed, const ipc__method *method)
{
    uint64_t handles;
    ipc_err err = ipc__scan_stored(packed.data, packed.length, LEVELS, &handles);
    if (err) {
        return err;
    }
    ipc_cursor inside = {packed.data, packed.data + packed.length};
    if (!ipc__read_array(&inside, &call->count)) {
        return ipc__fail(IPC_EKIND, "a method's arguments are a sequence");
    }
    if (call->count < method->least || call->count > method->most) {
        return ipc__fail(IPC_EINVAL, "this method of %s %s takes %u to %u arguments, not %u",
                         ipc__article(call->object->ops->name), call->object->ops->name, method->least, method->most,
                         call->count);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        call->arguments[i] = ipc__next_value(&inside);
    }
    call->handles = handles > 0;
    return IPC_OK;
}

static ipc_err answer(const ipc__invocation *call, const ipc__request *request)
{
    ipc__buf *result = call->result;
    if (result->length == HEADROOM) {
        ipc__buf_write(result, "\xc0", 1);
    }
    ipc_err err = ipc__result_good(call);
    if (err) {
        return err;
    }
    ipc__session *session = call->hold->session;
    unsigned char head[HEADROOM];
    unsigned char *at = ipc__op_at(head, IPC__OP_REPLY, call->hold->id, request->seq, 2);
    *at++ = IPC_OK;
    at = ipc__bin_head_at(at, (uint32_t)(result->length - HEADROOM));
    size_t before = (size_t)(at - head);
    unsigned char *start = result->data + HEADROOM - before;
    memcpy(start, head, before);
    session->lane->send(session->peer, start, before + result->length - HEADROOM);
    return IPC_OK;
}

/* A large answer's memory is not kept for the next one. */
static void trim(ipc__buf *buf)
{
    if (buf->capacity > KEPT_MAX) {
        ipc__buf_free(buf);
    }
}

ipc_err ipc__invoke(ipc__hold *hold, const ipc__request *request, const ipc__method *methods, size_t method_count)
{
    uint32_t number;
    ipc__bytes packed;
    ipc__block *block;
    if (request->fields != 2 || !ipc__read_u32(&request->envelope->at, &number) ||
        !ipc__read_value(request->envelope, &packed, &block)) {
        return IPC_EPROTO;
    }
    ipc__core *core = hold->object->core;
    if (number >= method_count || !methods[number].run) {
        return ipc__fail(IPC_EINVAL, "%s %s has no method %u", ipc__article(hold->object->ops->name),
                         hold->object->ops->name, number);
    }
    if (packed.length > core->options.max_message) {
        return ipc__fail(IPC_ETOOBIG, "arguments of %zu bytes; the hub allows %u", packed.length,
                         core->options.max_message);
    }
    ipc__invocation call = {.hold = hold, .object = hold->object, .result = &core->result};
    ipc__buf_reset(&core->result);
    /* That of an answer without a result too: when something has changed it is too late to say that there is no memory. */
    if (!ipc__buf_reserve(&core->result, HEADROOM + IPC__NUMBER_MAX)) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    core->result.length = HEADROOM;
    ipc_err err = read_arguments(&call, packed, &methods[number]);
    err = err ? err : methods[number].run(&call);
    err = err ? err : answer(&call, request);
    trim(&core->result);
    return err;
}
