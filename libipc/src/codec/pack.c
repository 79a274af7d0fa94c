/*
 * Packing by a format.
 * Touches nothing but memory: the format is checked before the first argument is read. Any thread.
 */
#include "codec/format.h"
#include "codec/msg.h"

#include <stdio.h>
#include <time.h>

typedef struct pack {
    ipc__buf buf;
    msgpack_packer packer;
    const char *format;
    const char *at;
    unsigned depth;
    bool grafted; /* a packed value stands inside another: the depths add up */
    va_list args;
} pack;

static ipc_err pack_fail(const pack *p, ipc_err err, const char *why)
{
    return ipc__format_fail(err, p->format, p->at, why);
}

/* How many values stand directly inside the sequence or map whose inside begins here. */
static size_t pack_count(const char *at)
{
    size_t count = 0;
    for (unsigned depth = 0;; at++) {
        if (*at == ']' || *at == '}') {
            if (depth-- == 0) {
                return count;
            }
        } else if (!ipc__format_blank(*at)) {
            count += depth == 0;
            depth += *at == '[' || *at == '{';
        }
    }
}

static ipc_err pack_text(pack *p, const char *text, size_t length)
{
    if (!text && length > 0) {
        return pack_fail(p, IPC_EINVAL, "the text is NULL");
    }
    if (length > UINT32_MAX) {
        return pack_fail(p, IPC_ETOOBIG, "a text of 4 GiB or more");
    }
    size_t span = length > 0 ? ipc__utf8_span((const unsigned char *)text, length) : 0;
    if (span < length) {
        char why[80];
        snprintf(why, sizeof why, "the text is not UTF-8 at its byte %zu: bytes go with B", span);
        return pack_fail(p, IPC_EBADMSG, why);
    }
    msgpack_pack_str(&p->packer, length);
    if (length > 0) {
        msgpack_pack_str_body(&p->packer, text, length);
    }
    return IPC_OK;
}

static ipc_err pack_bytes(pack *p, const void *bytes, size_t length)
{
    if (!bytes && length > 0) {
        return pack_fail(p, IPC_EINVAL, "the bytes are NULL");
    }
    if (length > UINT32_MAX) {
        return pack_fail(p, IPC_ETOOBIG, "bytes of 4 GiB or more");
    }
    msgpack_pack_bin(&p->packer, length);
    if (length > 0) {
        msgpack_pack_bin_body(&p->packer, bytes, length);
    }
    return IPC_OK;
}

static ipc_err pack_moment(pack *p, const struct timespec *moment)
{
    if (!moment) {
        return pack_fail(p, IPC_EINVAL, "the moment is NULL");
    }
    if (moment->tv_nsec < 0 || moment->tv_nsec > 999999999) {
        return pack_fail(p, IPC_EINVAL, "the moment's nanoseconds are not from 0 to 999999999");
    }
    msgpack_timestamp stamp = {.tv_sec = moment->tv_sec, .tv_nsec = (uint32_t)moment->tv_nsec};
    msgpack_pack_timestamp(&p->packer, &stamp);
    return IPC_OK;
}

static ipc_err pack_value(pack *p, const ipc_msg *msg)
{
    if (!msg) {
        return pack_fail(p, IPC_EINVAL, "the message is NULL");
    }
    ipc_err err = ipc__msg_ensure(msg);
    if (err) {
        return err;
    }
    p->grafted |= p->depth > 0;
    ipc__buf_write(&p->buf, (const char *)ipc__msg_data(msg), msg->length);
    return IPC_OK;
}

static ipc_err pack_s(pack *p)
{
    const char *text = va_arg(p->args, const char *);
    return text ? pack_text(p, text, strlen(text)) : pack_fail(p, IPC_EINVAL, "the text is NULL");
}

/* The letters with a pointer behind them. */
static ipc_err pack_pointer(pack *p)
{
    if (*p->at == 's') {
        return pack_s(p);
    }
    if (*p->at == 't') {
        return pack_moment(p, va_arg(p->args, const struct timespec *));
    }
    if (*p->at == 'v') {
        return pack_value(p, va_arg(p->args, const ipc_msg *));
    }
    if (*p->at == 'S') {
        const char *text = va_arg(p->args, const char *);
        return pack_text(p, text, va_arg(p->args, size_t));
    }
    const void *bytes = va_arg(p->args, const void *);
    return pack_bytes(p, bytes, va_arg(p->args, size_t));
}

/* One letter. A failed allocation is the buffer's to remember, so the packer's results need no look. */
static ipc_err pack_letter(pack *p)
{
    switch (*p->at) {
    case ' ':
    case ',':
    case ':':
        return IPC_OK;
    case '[':
        p->depth++;
        msgpack_pack_array(&p->packer, pack_count(p->at + 1));
        return IPC_OK;
    case '{':
        p->depth++;
        msgpack_pack_map(&p->packer, pack_count(p->at + 1) / 2);
        return IPC_OK;
    case ']':
    case '}':
        p->depth--;
        return IPC_OK;
    case 'n':
        msgpack_pack_nil(&p->packer);
        return IPC_OK;
    case 'b':
        (void)(va_arg(p->args, int) ? msgpack_pack_true(&p->packer) : msgpack_pack_false(&p->packer));
        return IPC_OK;
    case 'i':
        msgpack_pack_int64(&p->packer, va_arg(p->args, int));
        return IPC_OK;
    case 'I':
        msgpack_pack_int64(&p->packer, va_arg(p->args, int64_t));
        return IPC_OK;
    case 'U':
        msgpack_pack_uint64(&p->packer, va_arg(p->args, uint64_t));
        return IPC_OK;
    case 'f':
        msgpack_pack_double(&p->packer, va_arg(p->args, double));
        return IPC_OK;
    default:
        return pack_pointer(p);
    }
}

/* Take the message over, and see that it is one which every reader will take. */
static ipc_err pack_end(pack *p, ipc_msg **out)
{
    ipc_msg *msg = ipc__msg_end(&p->buf);
    if (!msg) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    if (!p->grafted) {
        atomic_store_explicit(&msg->checked, true, memory_order_relaxed);
    }
    ipc_err err = ipc__msg_ensure(msg);
    if (err) {
        ipc_msg_free(msg);
        return err;
    }
    *out = msg;
    return IPC_OK;
}

ipc_err ipc_vpack(ipc_msg **out, const char *format, va_list args)
{
    if (!out || !format) {
        return ipc__fail(IPC_EINVAL, "ipc_pack: out or format is NULL");
    }
    *out = NULL;
    ipc_err err = ipc__format_check(format, "nbiIUfsSBtv[]{}");
    if (err) {
        return err;
    }
    pack p = {.format = format, .at = format};
    if (!ipc__msg_begin(&p.buf)) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    p.packer = ipc__packer(&p.buf);
    va_copy(p.args, args);
    for (; *p.at && !err; p.at++) {
        err = pack_letter(&p);
    }
    va_end(p.args);
    if (err) {
        ipc__buf_free(&p.buf);
        return err;
    }
    return pack_end(&p, out);
}

ipc_err ipc_pack(ipc_msg **out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ipc_err err = ipc_vpack(out, format, args);
    va_end(args);
    return err;
}
