/*
 * The buffers that values are packed into: one a thread is kept, so that a put allocates nothing.
 * Touches memory and a thread-specific key. Not locked: a buffer belongs to one thread.
 */
#include "binding.h"

#include <pthread.h>

enum {
    FIRST_CAPACITY = 1024,
    KEEP_CAPACITY = 2 << 20, /* a larger one is not kept between two calls */
};

static pthread_key_t key;

static void destroy(void *arg)
{
    ipc__py_buffer *buffer = arg;
    PyMem_RawFree(buffer->data);
    PyMem_RawFree(buffer);
}

bool ipc__py_buffer_init(void)
{
    static bool done;
    if (!done && pthread_key_create(&key, destroy) != 0) {
        PyErr_SetString(PyExc_OSError, "no thread-specific key is left for libipc's buffers");
        return false;
    }
    done = true;
    return true;
}

static ipc__py_buffer *buffer_new(void)
{
    ipc__py_buffer *buffer = PyMem_RawCalloc(1, sizeof *buffer);
    if (!buffer) {
        PyErr_NoMemory();
    }
    return buffer;
}

ipc__py_buffer *ipc__py_buffer_take(void)
{
    ipc__py_buffer *buffer = pthread_getspecific(key);
    if (buffer && !buffer->busy) {
        buffer->busy = true;
        buffer->length = 0;
        return buffer;
    }
    /* A value's own Python code, or a signal handler while a put waits, may put something itself: that goes into a
     * buffer of its own, without a place in the key. */
    ipc__py_buffer *fresh = buffer_new();
    if (fresh && !buffer && pthread_setspecific(key, fresh) == 0) {
        fresh->busy = true;
    }
    return fresh;
}

void ipc__py_buffer_give_back(ipc__py_buffer *buffer)
{
    if (!buffer->busy) {
        destroy(buffer);
        return;
    }
    if (buffer->capacity > KEEP_CAPACITY) {
        PyMem_RawFree(buffer->data);
        buffer->data = NULL;
        buffer->capacity = 0;
    }
    buffer->busy = false;
}

bool ipc__py_buffer_grow(ipc__py_buffer *buffer, size_t more)
{
    if (more > PY_SSIZE_T_MAX / 2 - buffer->length) {
        PyErr_NoMemory();
        return false;
    }
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : FIRST_CAPACITY;
    if (capacity < buffer->length + more) {
        capacity = buffer->length + more;
    }
    char *data = PyMem_RawRealloc(buffer->data, capacity);
    if (!data) {
        PyErr_NoMemory();
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}
