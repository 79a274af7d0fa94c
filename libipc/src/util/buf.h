/*
 * A byte buffer that grows, and msgpack-c's packer writing into one.
 * Touches nothing but memory. Not locked: one owner at a time.
 */
#ifndef IPC__BUF_H
#define IPC__BUF_H

#include <msgpack/pack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ipc__buf {
    unsigned char *data;
    size_t length;
    size_t capacity;
    size_t head; /* bytes of the allocation in front of data: room for whoever sends it */
    bool failed; /* an allocation failed since the last reset: what it holds is not whole */
} ipc__buf;

/* A zeroed struct is an empty buffer. */
void ipc__buf_free(ipc__buf *buf);

/* Make room for more bytes behind length. False, and failed set, when memory runs out. */
bool ipc__buf_grow(ipc__buf *buf, size_t more);

static inline void ipc__buf_reset(ipc__buf *buf)
{
    buf->length = 0;
    buf->failed = false;
}

static inline bool ipc__buf_reserve(ipc__buf *buf, size_t more)
{
    return buf->capacity - buf->length >= more || ipc__buf_grow(buf, more);
}

static inline int ipc__buf_write(void *self, const char *bytes, size_t length)
{
    ipc__buf *buf = self;
    if (length == 0) {
        return 0; /* bytes may be NULL then */
    }
    if (!ipc__buf_reserve(buf, length)) {
        return -1;
    }
    memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    return 0;
}

/* By value, so that the compiler sees the callback and can inline it. */
static inline msgpack_packer ipc__packer(ipc__buf *buf)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, buf, ipc__buf_write);
    return packer;
}

static inline void ipc__pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

#endif
