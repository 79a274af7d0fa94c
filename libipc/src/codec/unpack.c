/*
 * Unpacking by a format.
 * Touches the caller's outs and the message's list of texts (atomic). No recursion. Any thread.
 */
#include "codec/format.h"
#include "codec/msg.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

/* A sequence or map of the format, and the one in the message that it stands for. */
typedef struct unpack_level {
    bool map;
    bool absent;      /* it lies below a key that is absent: outs are passed over */
    bool key_read;    /* map: the value of the key is due */
    uint32_t count;   /* elements or pairs */
    uint32_t index;   /* how many of them lie before next */
    uint32_t named;   /* pairs that the format named and that are there */
    ipc_cursor first; /* its inside */
    ipc_cursor next;  /* the element or pair to look at next */
    ipc_cursor slot;  /* map: the value of the key */
    const char *key;
} unpack_level;

/* A slot is a cursor around one value's own bytes; at is NULL where the value is absent. */
typedef struct unpack {
    const ipc_msg *msg;
    const char *format;
    const char *at;
    const char *stop; /* undoing: the letter that failed; NULL otherwise */
    bool optional;    /* '?' was read, its key was not */
    unsigned depth;
    va_list args;
    unpack_level levels[IPC__DEPTH];
} unpack;

/* Where a letter's value goes. */
typedef struct unpack_outs {
    void *value;
    size_t *length; /* S and B only */
} unpack_outs;

static unpack_level *unpack_top(unpack *u)
{
    return u->depth > 0 ? &u->levels[u->depth - 1] : NULL;
}

/* Fail with words for the place in the format and in the value. */
static ipc_err unpack_fail(unpack *u, ipc_err err, const char *why)
{
    const unpack_level *level = unpack_top(u);
    char text[240];
    if (level && level->map && level->key) {
        snprintf(text, sizeof text, "%s (key \"%.80s\")", why, level->key);
    } else if (level && !level->map && level->index > 0) {
        snprintf(text, sizeof text, "%s (element %" PRIu32 ")", why, level->index - 1);
    } else {
        snprintf(text, sizeof text, "%s", why);
    }
    return ipc__format_fail(err, u->format, u->at, text);
}

static ipc_err unpack_mismatch(unpack *u, const char *wanted, const ipc_value *value)
{
    static const char *const kinds[] = {
        [IPC_KIND_NULL] = "null",        [IPC_KIND_BOOL] = "a boolean",   [IPC_KIND_INT] = "an integer",
        [IPC_KIND_UINT] = "an integer",  [IPC_KIND_FLOAT] = "a float",    [IPC_KIND_STR] = "a text",
        [IPC_KIND_BIN] = "bytes",        [IPC_KIND_ARRAY] = "a sequence", [IPC_KIND_MAP] = "a map",
        [IPC_KIND_EXT] = "an extension",
    };
    char why[100];
    snprintf(why, sizeof why, "it wants %s, the value is %s", wanted, kinds[value->kind]);
    return unpack_fail(u, IPC_EFORMAT, why);
}

/* ---- single values ---- */

static ipc_err take_int(unpack *u, const ipc_value *value, int *out)
{
    if (value->kind != IPC_KIND_INT && value->kind != IPC_KIND_UINT) {
        return unpack_mismatch(u, "an integer", value);
    }
    if (value->kind == IPC_KIND_UINT || value->as.i < INT_MIN || value->as.i > INT_MAX) {
        return unpack_fail(u, IPC_EFORMAT, "the integer does not fit an int: take it with I or U");
    }
    *out = (int)value->as.i;
    return IPC_OK;
}

static ipc_err take_int64(unpack *u, const ipc_value *value, int64_t *out)
{
    if (value->kind == IPC_KIND_UINT) {
        return unpack_fail(u, IPC_EFORMAT, "the integer does not fit an int64_t: take it with U");
    }
    if (value->kind != IPC_KIND_INT) {
        return unpack_mismatch(u, "an integer", value);
    }
    *out = value->as.i;
    return IPC_OK;
}

static ipc_err take_uint64(unpack *u, const ipc_value *value, uint64_t *out)
{
    if (value->kind != IPC_KIND_INT && value->kind != IPC_KIND_UINT) {
        return unpack_mismatch(u, "an integer", value);
    }
    if (value->kind == IPC_KIND_INT && value->as.i < 0) {
        return unpack_fail(u, IPC_EFORMAT, "the integer is negative, which a uint64_t cannot hold: take it with I");
    }
    *out = value->kind == IPC_KIND_INT ? (uint64_t)value->as.i : value->as.u;
    return IPC_OK;
}

static ipc_err take_float(unpack *u, const ipc_value *value, double *out)
{
    switch (value->kind) {
    case IPC_KIND_FLOAT:
        *out = value->as.f;
        return IPC_OK;
    case IPC_KIND_INT:
        *out = (double)value->as.i;
        return IPC_OK;
    case IPC_KIND_UINT:
        *out = (double)value->as.u;
        return IPC_OK;
    default:
        return unpack_mismatch(u, "a number", value);
    }
}

static ipc_err take_text(unpack *u, const ipc_value *value, const char **out)
{
    if (value->kind != IPC_KIND_STR) {
        return unpack_mismatch(u, "a text", value);
    }
    if (memchr(value->as.bytes.data, '\0', value->as.bytes.length)) {
        return unpack_fail(u, IPC_EFORMAT, "the text has a NUL inside: take it with S");
    }
    const char *text = ipc__msg_text(u->msg, value->as.bytes.data, value->as.bytes.length);
    if (!text) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    *out = text;
    return IPC_OK;
}

static uint64_t big_endian(const char *bytes, unsigned width)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < width; i++) {
        number = number << 8 | (unsigned char)bytes[i];
    }
    return number;
}

/* msgpack's timestamp: 32 bits of seconds; 30 bits of nanoseconds and 34 of seconds; 32 and 64, signed. */
static bool moment_read(const ipc_value *value, int64_t *sec, uint32_t *nsec)
{
    const char *data = value->as.bytes.data;
    if (value->kind != IPC_KIND_EXT || value->as.bytes.ext != IPC_EXT_TIMESTAMP) {
        return false;
    }
    switch (value->as.bytes.length) {
    case 4:
        *sec = (int64_t)big_endian(data, 4);
        *nsec = 0;
        return true;
    case 8:
        *sec = (int64_t)(big_endian(data, 8) & ((UINT64_C(1) << 34) - 1));
        *nsec = (uint32_t)(big_endian(data, 8) >> 34);
        return true;
    case 12:
        *sec = (int64_t)big_endian(data + 4, 8);
        *nsec = (uint32_t)big_endian(data, 4);
        return true;
    default:
        return false;
    }
}

static ipc_err take_moment(unpack *u, const ipc_value *value, struct timespec *out)
{
    int64_t sec;
    uint32_t nsec;
    if (!moment_read(value, &sec, &nsec)) {
        return unpack_mismatch(u, "a moment", value);
    }
    if (nsec > 999999999 || (time_t)sec != sec) {
        return unpack_fail(u, IPC_EFORMAT, "the moment does not fit a timespec");
    }
    *out = (struct timespec){.tv_sec = (time_t)sec, .tv_nsec = (long)nsec};
    return IPC_OK;
}

static ipc_err take_copy(const ipc_cursor *slot, ipc_msg **out)
{
    size_t length = (size_t)(slot->end - slot->at);
    ipc_msg *copy = ipc__msg_new(length);
    if (!copy) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    memcpy(copy->bytes, slot->at, length);
    atomic_store_explicit(&copy->checked, true, memory_order_relaxed);
    *out = copy;
    return IPC_OK;
}

static ipc_err take_bytes(unpack *u, const ipc_value *value, const unpack_outs *outs)
{
    bool text = *u->at == 'S';
    if (value->kind != (text ? IPC_KIND_STR : IPC_KIND_BIN)) {
        return unpack_mismatch(u, text ? "a text" : "bytes", value);
    }
    if (text) {
        *(const char **)outs->value = value->as.bytes.data;
    } else {
        *(const void **)outs->value = value->as.bytes.data;
    }
    *outs->length = value->as.bytes.length;
    return IPC_OK;
}

/* Store the value in the slot as the letter says. */
static ipc_err unpack_take(unpack *u, const ipc_cursor *slot, const unpack_outs *outs)
{
    ipc_cursor cursor = *slot;
    ipc_value value;
    ipc_err err = ipc_cursor_next(&cursor, &value);
    if (err) {
        return err;
    }
    switch (*u->at) {
    case 'n':
        return value.kind == IPC_KIND_NULL ? IPC_OK : unpack_mismatch(u, "null", &value);
    case 'b':
        if (value.kind != IPC_KIND_BOOL) {
            return unpack_mismatch(u, "a boolean", &value);
        }
        *(int *)outs->value = value.as.boolean;
        return IPC_OK;
    case 'i':
        return take_int(u, &value, outs->value);
    case 'I':
        return take_int64(u, &value, outs->value);
    case 'U':
        return take_uint64(u, &value, outs->value);
    case 'f':
        return take_float(u, &value, outs->value);
    case 's':
        return take_text(u, &value, outs->value);
    case 't':
        return take_moment(u, &value, outs->value);
    case 'v':
        return take_copy(slot, outs->value);
    case 'S':
    case 'B':
        return take_bytes(u, &value, outs);
    default: /* '*' */
        return IPC_OK;
    }
}

/* Read a letter's pointers from the arguments, absent value or not, so that the arguments stay in step. */
static ipc_err unpack_read_outs(unpack *u, unpack_outs *outs)
{
    bool has_length = *u->at == 'S' || *u->at == 'B';
    if (*u->at == 'n' || *u->at == '*') {
        return IPC_OK;
    }
    /* Every object pointer is passed alike on the platforms that the library runs on. */
    outs->value = va_arg(u->args, void *);
    outs->length = has_length ? va_arg(u->args, size_t *) : NULL;
    if (!outs->value || (has_length && !outs->length)) {
        return unpack_fail(u, IPC_EINVAL, "the pointer for its value is NULL");
    }
    return IPC_OK;
}

static ipc_err unpack_single(unpack *u, const ipc_cursor *slot)
{
    unpack_outs outs = {NULL, NULL};
    ipc_err err = unpack_read_outs(u, &outs);
    if (err || !slot->at) {
        return err;
    }
    if (!u->stop) {
        return unpack_take(u, slot, &outs);
    }
    if (*u->at == 'v') {
        ipc_msg **copy = outs.value;
        ipc_msg_free(*copy);
        *copy = NULL;
    }
    return IPC_OK;
}

/* ---- sequences and maps ---- */

static ipc_err unpack_enter(unpack *u, const ipc_cursor *slot)
{
    bool map = *u->at == '{';
    ipc_cursor inside = *slot;
    uint32_t count = 0;
    if (slot->at) {
        ipc_value value;
        ipc_err err = ipc_cursor_next(&inside, &value);
        if (err) {
            return err;
        }
        if (value.kind != (map ? IPC_KIND_MAP : IPC_KIND_ARRAY)) {
            return unpack_mismatch(u, map ? "a map" : "a sequence", &value);
        }
        count = value.as.count;
    }
    u->levels[u->depth++] =
        (unpack_level){.map = map, .absent = !slot->at, .count = count, .first = inside, .next = inside};
    return IPC_OK;
}

/* Step over the next pair. True if its key is this text; then the slot is its value. */
static bool unpack_pair_is(unpack_level *level, const char *key, size_t length)
{
    if (level->index == level->count) {
        level->next = level->first;
        level->index = 0;
    }
    ipc_value value = {.kind = IPC_KIND_NULL};
    ipc_cursor_next(&level->next, &value);
    ipc_cursor slot = level->next;
    ipc_cursor_skip(&level->next);
    slot.end = level->next.at;
    level->index++;
    if (value.kind != IPC_KIND_STR || value.as.bytes.length != length ||
        memcmp(value.as.bytes.data, key, length) != 0) {
        return false;
    }
    level->slot = slot;
    level->named++;
    return true;
}

/* Look the next argument up. The search goes on behind the last find: keys named in the map's order cost one pass. */
static ipc_err unpack_key(unpack *u, unpack_level *level)
{
    bool optional = u->optional;
    u->optional = false;
    level->key = va_arg(u->args, const char *);
    level->key_read = true;
    level->slot = (ipc_cursor){NULL, NULL};
    if (!level->key) {
        return unpack_fail(u, IPC_EINVAL, "the key is NULL");
    }
    if (level->absent) {
        return IPC_OK;
    }
    size_t length = strlen(level->key);
    for (uint32_t looked = 0; looked < level->count; looked++) {
        if (unpack_pair_is(level, level->key, length)) {
            return IPC_OK;
        }
    }
    return optional ? IPC_OK : unpack_fail(u, IPC_EFORMAT, "the map has no such key");
}

/* '!': everything inside was named. (Of what is absent, nothing was counted.) */
static ipc_err unpack_seal(unpack *u, const unpack_level *level)
{
    if ((level->map ? level->named : level->index) == level->count) {
        return IPC_OK;
    }
    return ipc__format_fail(IPC_EFORMAT, u->format, u->at,
                            level->map ? "the map has keys that the format does not name"
                                       : "the sequence has more elements than the format names");
}

static ipc_err unpack_slot(unpack *u, unpack_level *level, ipc_cursor *slot)
{
    if (!level) {
        ipc_cursor_init(slot, ipc__msg_data(u->msg), u->msg->length);
        return IPC_OK;
    }
    *slot = (ipc_cursor){NULL, NULL};
    if (level->map) {
        *slot = level->slot;
        level->key_read = false;
        return IPC_OK;
    }
    if (level->absent) {
        return IPC_OK;
    }
    if (level->index == level->count) {
        return ipc__format_fail(IPC_EFORMAT, u->format, u->at, "the sequence has no further element");
    }
    slot->at = level->next.at;
    ipc_err err = ipc_cursor_skip(&level->next);
    slot->end = level->next.at;
    level->index++;
    return err;
}

static ipc_err unpack_letter(unpack *u)
{
    unpack_level *level = unpack_top(u);
    switch (*u->at) {
    case ' ':
    case ',':
    case ':':
        return IPC_OK;
    case '?':
        u->optional = true;
        return IPC_OK;
    case '!':
        return unpack_seal(u, level);
    case ']':
    case '}':
        u->depth--;
        return IPC_OK;
    default:
        break;
    }
    if (level && level->map && !level->key_read) {
        return unpack_key(u, level);
    }
    ipc_cursor slot;
    ipc_err err = unpack_slot(u, level, &slot);
    if (err) {
        return err;
    }
    return *u->at == '[' || *u->at == '{' ? unpack_enter(u, &slot) : unpack_single(u, &slot);
}

/*
 * Walk format and value together, to the format's end or up to (not including) the letter at stop: with a stop, nothing
 * is stored, and the messages that an earlier walk gave out before it are taken back.
 */
static ipc_err unpack_walk(unpack *u, const char *stop, va_list args)
{
    ipc_err err = IPC_OK;
    u->stop = stop;
    u->at = u->format;
    u->optional = false;
    u->depth = 0;
    va_copy(u->args, args);
    while (*u->at && u->at != stop) {
        err = unpack_letter(u);
        if (err) {
            break;
        }
        u->at++;
    }
    va_end(u->args);
    return err;
}

ipc_err ipc_vunpack(const ipc_msg *msg, const char *format, va_list args)
{
    if (!msg || !format) {
        return ipc__fail(IPC_EINVAL, "ipc_unpack: message or format is NULL");
    }
    ipc_err err = ipc__format_check(format, "nbiIUfsSBtv*[]{}?!");
    if (err) {
        return err;
    }
    err = ipc__msg_ensure(msg);
    if (err) {
        return err;
    }
    unpack u; /* not zeroed: the levels are large, and each is set when it is entered */
    u.msg = msg;
    u.format = format;
    err = unpack_walk(&u, NULL, args);
    if (err) {
        unpack_walk(&u, u.at, args);
    }
    return err;
}

ipc_err ipc_unpack(const ipc_msg *msg, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ipc_err err = ipc_vunpack(msg, format, args);
    va_end(args);
    return err;
}
