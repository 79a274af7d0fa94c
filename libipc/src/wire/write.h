/*
 * Writing fields of the wire, in msgpack's shortest forms: straight into a buffer, without a packer's detours.
 * Touches nothing but the buffer. Not locked: one owner at a time.
 */
#ifndef IPC__WRITE_H
#define IPC__WRITE_H

#include "util/buf.h"
#include "wire/read.h"

#include <endian.h>

enum { IPC__NUMBER_MAX = 9, IPC__BIN_HEAD_MAX = 5 }; /* bytes of a packed number, and before a bin's own */

/* Write a number where IPC__NUMBER_MAX bytes are free. Where it ends. */
static inline unsigned char *ipc__number_at(unsigned char *at, uint64_t number)
{
    if (number < 0x80) {
        *at = (unsigned char)number;
        return at + 1;
    }
    unsigned form = number > UINT32_MAX ? 3 : number > UINT16_MAX ? 2 : number > UINT8_MAX ? 1 : 0;
    unsigned width = 1U << form;
    uint64_t wire = htobe64(number << (64 - 8 * width));
    *at = (unsigned char)(0xcc + form);
    memcpy(at + 1, &wire, sizeof wire);
    return at + 1 + width;
}

static inline void ipc__write_number(ipc__buf *buf, uint64_t number)
{
    if (ipc__buf_reserve(buf, IPC__NUMBER_MAX)) {
        buf->length = (size_t)(ipc__number_at(buf->data + buf->length, number) - buf->data);
    }
}

/* Write what stands before a bin's bytes where IPC__BIN_HEAD_MAX are free. Where it ends. */
static inline unsigned char *ipc__bin_head_at(unsigned char *at, uint32_t length)
{
    unsigned form = length > UINT16_MAX ? 2 : length > UINT8_MAX ? 1 : 0;
    unsigned width = 1U << form;
    uint32_t wire = htobe32(length << (32 - 8 * width));
    *at = (unsigned char)(0xc4 + form);
    memcpy(at + 1, &wire, sizeof wire);
    return at + 1 + width;
}

/* A bin of less than 4 GiB. False: out of memory, now or before. */
static inline bool ipc__write_bin(ipc__buf *buf, ipc__bytes value)
{
    if (!ipc__buf_reserve(buf, IPC__BIN_HEAD_MAX + value.length)) {
        return false;
    }
    unsigned char *at = ipc__bin_head_at(buf->data + buf->length, (uint32_t)value.length);
    if (value.length) { /* the bytes may be NULL otherwise */
        memcpy(at, value.data, value.length);
    }
    buf->length = (size_t)(at + value.length - buf->data);
    return !buf->failed;
}

#endif
