/*
 * Reading fields of the wire: each step checks type and bounds, the common shapes without a call.
 * Touches nothing but the bytes. Any thread.
 */
#ifndef IPC__READ_H
#define IPC__READ_H

#include <endian.h>
#include <ipc/msg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else. */
typedef struct ipc__bytes {
    const unsigned char *data;
    size_t length;
} ipc__bytes;

static inline bool ipc__read_uint(ipc_cursor *cursor, uint64_t *out)
{
    const unsigned char *at = cursor->at;
    if (at < cursor->end && *at < 0x80) {
        *out = *at;
        cursor->at++;
        return true;
    }
    if (cursor->end - at > 8 && (*at & 0xfc) == 0xcc) { /* uint 8 to 64, anywhere but at the very end */
        unsigned width = 1U << (*at & 0x03);
        uint64_t number;
        memcpy(&number, at + 1, sizeof number);
        *out = be64toh(number) >> (64 - 8 * width);
        cursor->at += 1 + width;
        return true;
    }
    ipc_value value;
    if (ipc_cursor_next(cursor, &value) != IPC_OK) {
        return false;
    }
    if (value.kind == IPC_KIND_INT && value.as.i >= 0) {
        *out = (uint64_t)value.as.i;
        return true;
    }
    if (value.kind == IPC_KIND_UINT) {
        *out = value.as.u;
        return true;
    }
    return false;
}

static inline bool ipc__read_u32(ipc_cursor *cursor, uint32_t *out)
{
    uint64_t wide;
    if (!ipc__read_uint(cursor, &wide) || wide > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)wide;
    return true;
}

static inline bool ipc__read_int(ipc_cursor *cursor, int64_t *out)
{
    if (cursor->at < cursor->end && (*cursor->at < 0x80 || *cursor->at >= 0xe0)) {
        int64_t byte = *cursor->at++;
        *out = byte < 0x80 ? byte : byte - 0x100;
        return true;
    }
    ipc_value value;
    if (ipc_cursor_next(cursor, &value) != IPC_OK || value.kind != IPC_KIND_INT) {
        return false;
    }
    *out = value.as.i;
    return true;
}

static inline bool ipc__read_bool(ipc_cursor *cursor, bool *out)
{
    ipc_value value;
    if (ipc_cursor_next(cursor, &value) != IPC_OK || value.kind != IPC_KIND_BOOL) {
        return false;
    }
    *out = value.as.boolean;
    return true;
}

static inline bool ipc__read_array(ipc_cursor *cursor, uint32_t *count)
{
    if (cursor->at < cursor->end && (*cursor->at & 0xf0) == 0x90) {
        *count = *cursor->at++ & 0x0f;
        return true;
    }
    ipc_value value;
    if (ipc_cursor_next(cursor, &value) != IPC_OK || value.kind != IPC_KIND_ARRAY) {
        return false;
    }
    *count = value.as.count;
    return true;
}

static inline bool ipc__read_kind(ipc_cursor *cursor, ipc_kind kind, ipc__bytes *out)
{
    ipc_value value;
    if (ipc_cursor_next(cursor, &value) != IPC_OK || value.kind != kind) {
        return false;
    }
    *out = (ipc__bytes){(const unsigned char *)value.as.bytes.data, value.as.bytes.length};
    return true;
}

static inline bool ipc__read_str(ipc_cursor *cursor, ipc__bytes *out)
{
    return ipc__read_kind(cursor, IPC_KIND_STR, out);
}

static inline bool ipc__read_bin(ipc_cursor *cursor, ipc__bytes *out)
{
    /* bin 8 inline: what small items are */
    if (cursor->end - cursor->at >= 2 && *cursor->at == 0xc4 && cursor->end - cursor->at - 2 >= cursor->at[1]) {
        *out = (ipc__bytes){cursor->at + 2, cursor->at[1]};
        cursor->at += 2 + out->length;
        return true;
    }
    return ipc__read_kind(cursor, IPC_KIND_BIN, out);
}

#endif
