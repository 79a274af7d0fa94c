/*
 * The pre-scan of untrusted bytes.
 * Touches nothing but the bytes: no recursion, no allocation. Any thread.
 */
#include "codec/scan.h"

#include "codec/head.h"
#include "util/error.h"

#include <stdatomic.h>

/* A sequence or map that is open. */
typedef struct scan_level {
    uint32_t due; /* values still to come; in a map an even number of them: the next is a key */
    bool map;
} scan_level;

typedef struct scan {
    const unsigned char *at; /* on a fault: where it is */
    const unsigned char *end;
    uint64_t nodes;
    uint64_t handles;
    uint32_t max_nodes;
    unsigned depth;
    unsigned max_depth;
    ipc_err err; /* what a reason means */
    scan_level levels[IPC__DEPTH_MAX + IPC__DEPTH_EXTRA];
} scan;

static atomic_uint limit_depth = IPC__DEPTH;
static atomic_uint limit_elements = IPC__ELEMENTS;

ipc_err ipc_set_value_limits(const ipc_value_limits *limits)
{
    static const ipc_value_limits defaults = IPC_VALUE_LIMITS_INIT;
    limits = limits ? limits : &defaults;
    if (limits->size != sizeof *limits) {
        return ipc__fail(IPC_EINVAL, "ipc_value_limits.size is %zu; begin with IPC_VALUE_LIMITS_INIT", limits->size);
    }
    if (limits->max_depth < 1 || limits->max_depth > IPC__DEPTH_MAX || limits->max_elements < 1) {
        return ipc__fail(IPC_EINVAL, "max_depth is 1 to %d, max_elements 1 or more", IPC__DEPTH_MAX);
    }
    atomic_store_explicit(&limit_depth, limits->max_depth, memory_order_relaxed);
    atomic_store_explicit(&limit_elements, limits->max_elements, memory_order_relaxed);
    return IPC_OK;
}

ipc_value_limits ipc_get_value_limits(void)
{
    return (ipc_value_limits){
        .size = sizeof(ipc_value_limits),
        .max_depth = atomic_load_explicit(&limit_depth, memory_order_relaxed),
        .max_elements = atomic_load_explicit(&limit_elements, memory_order_relaxed),
    };
}

/* The length of the UTF-8 character at bytes (not ASCII), 0 if it is none. Ranges: Unicode, table 3-7. */
static size_t utf8_char(const unsigned char *bytes, size_t left)
{
    unsigned char lead = bytes[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length;
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (left < length || bytes[1] < low || bytes[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

/* Eight ASCII bytes at this place? */
static bool ascii8(const unsigned char *bytes, size_t left)
{
    uint64_t word;
    if (left < sizeof word) {
        return false;
    }
    memcpy(&word, bytes, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

size_t ipc__utf8_span(const unsigned char *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        if (ascii8(bytes + done, length - done)) {
            done += 8;
            continue;
        }
        size_t step = bytes[done] < 0x80 ? 1 : utf8_char(bytes + done, length - done);
        if (step == 0) {
            return done;
        }
        done += step;
    }
    return done;
}

/* A key must be a scalar in every language: a moment and an integer beyond 64 bits are, other extensions are not. */
static bool scan_is_key(const ipc_value *value)
{
    switch (value->kind) {
    case IPC_KIND_ARRAY:
    case IPC_KIND_MAP:
        return false;
    case IPC_KIND_EXT:
        return value->as.bytes.ext == IPC_EXT_TIMESTAMP || value->as.bytes.ext == IPC_EXT_BIGINT;
    default:
        return true;
    }
}

static const char *scan_enter(scan *s, const ipc_value *value)
{
    if (s->depth == s->max_depth) {
        s->err = IPC_EDEPTH;
        return "nested deeper than";
    }
    uint64_t inside = ipc__head_inside(value);
    s->nodes += inside;
    if (s->nodes > s->max_nodes) {
        s->err = IPC_EELEMENTS;
        return "of more values than";
    }
    s->levels[s->depth++] = (scan_level){.due = (uint32_t)inside, .map = value->kind == IPC_KIND_MAP};
    return NULL;
}

/* Pass one head. NULL, or the reason why not, with s->at where it is. */
static const char *scan_step(scan *s)
{
    const unsigned char *head = s->at;
    ipc_value value = {.kind = IPC_KIND_NULL};
    const char *reason = ipc__head_read(&s->at, s->end, &value);
    if (reason) {
        return reason;
    }
    if (s->depth > 0) {
        scan_level *level = &s->levels[s->depth - 1];
        if (level->map && level->due % 2 == 0 && !scan_is_key(&value)) {
            s->at = head;
            return "a map's key is no scalar";
        }
        level->due--;
    }
    if (value.kind == IPC_KIND_STR) {
        const unsigned char *text = (const unsigned char *)value.as.bytes.data;
        size_t span = ipc__utf8_span(text, value.as.bytes.length);
        if (span < value.as.bytes.length) {
            s->at = text + span;
            return "a text is not UTF-8";
        }
    } else if (value.kind == IPC_KIND_ARRAY || value.kind == IPC_KIND_MAP) {
        reason = scan_enter(s, &value);
        s->at = reason ? head : s->at;
    } else if (value.kind == IPC_KIND_EXT && value.as.bytes.ext == IPC_EXT_HANDLE) {
        s->handles++;
    }
    return reason;
}

ipc_err ipc__scan(const unsigned char *bytes, size_t length)
{
    return ipc__scan_within(bytes, length, ipc_get_value_limits());
}

static ipc_err scan_fail(const scan *s, const char *reason, size_t offset, size_t length)
{
    if (s->err == IPC_EDEPTH || s->err == IPC_EELEMENTS) {
        return ipc__fail(s->err, "%s %u: offset %zu of %zu bytes; ipc_set_value_limits() allows more", reason,
                         s->err == IPC_EDEPTH ? s->max_depth : s->max_nodes, offset, length);
    }
    return ipc__fail(IPC_EBADMSG, "%s: offset %zu of %zu bytes", reason, offset, length);
}

/* Its limits are set; the levels stay as they are: most values have none. */
static ipc_err scan_whole(scan *s, const unsigned char *bytes, size_t length)
{
    if (length == 0) {
        return ipc__fail(IPC_EBADMSG, "no bytes, where one value should be");
    }
    s->at = bytes;
    s->end = bytes + length;
    s->nodes = 1;
    s->handles = 0;
    s->depth = 0;
    s->err = IPC_EBADMSG;
    const char *reason;
    do {
        reason = scan_step(s);
        while (!reason && s->depth > 0 && s->levels[s->depth - 1].due == 0) {
            s->depth--;
        }
    } while (!reason && s->depth > 0);
    if (!reason && s->at != s->end) {
        reason = "bytes are left behind the value";
    }
    return reason ? scan_fail(s, reason, (size_t)(s->at - bytes), length) : IPC_OK;
}

ipc_err ipc__scan_within(const unsigned char *bytes, size_t length, ipc_value_limits limits)
{
    scan s;
    s.max_depth = limits.max_depth;
    s.max_nodes = limits.max_elements;
    return scan_whole(&s, bytes, length);
}

ipc_err ipc__scan_stored(const unsigned char *bytes, size_t length, unsigned levels, uint64_t *handles)
{
    scan s;
    s.max_depth = IPC__DEPTH_MAX + levels;
    s.max_nodes = UINT32_MAX;
    ipc_err err = scan_whole(&s, bytes, length);
    *handles = s.handles;
    return err;
}

ipc_err ipc_msg_check(const void *bytes, size_t length)
{
    if (!bytes && length > 0) {
        return ipc__fail(IPC_EINVAL, "ipc_msg_check: the bytes are NULL");
    }
    return ipc__scan(bytes, length);
}
