/*
 * A byte buffer that grows.
 * Touches nothing but memory. Not locked: one owner at a time.
 */
#include "util/buf.h"

#include <stdlib.h>

void ipc__buf_free(ipc__buf *buf)
{
    if (buf->data) {
        free(buf->data - buf->head);
    }
    *buf = (ipc__buf){0};
}

bool ipc__buf_grow(ipc__buf *buf, size_t more)
{
    if (more > SIZE_MAX / 2 - buf->length) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->length + more;
    size_t capacity = buf->capacity ? buf->capacity : 256;
    while (capacity < need) {
        capacity *= 2;
    }
    unsigned char *memory = realloc(buf->data ? buf->data - buf->head : NULL, buf->head + capacity);
    if (!memory) {
        buf->failed = true;
        return false;
    }
    buf->data = memory + buf->head;
    buf->capacity = capacity;
    return true;
}
