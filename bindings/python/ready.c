/*
 * Waiting for one of several objects, and whether one has something now.
 * Touches Python objects and the handles behind SWIG's. The GIL is held, except while the library sleeps.
 */
#include "binding.h"

#include <poll.h>

/* ---- one ---- */

/* Raises Empty when it is not: who asks waits on the descriptor next. */
static bool is_readable(ipc_err err, int fd)
{
    if (err) {
        ipc__py_raise(err);
        return false;
    }
    struct pollfd one = {.fd = fd, .events = POLLIN};
    if (poll(&one, 1, 0) > 0) {
        return true;
    }
    ipc__py_raise(IPC_EEMPTY);
    return false;
}

bool ipc__py_queue_ready(ipc_queue *queue)
{
    int fd = -1;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_queue_fd(queue, &fd);
    ipc__py_leave(outer);
    return is_readable(err, fd);
}

bool ipc__py_pipe_ready(ipc_pipe *pipe)
{
    int fd = -1;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_pipe_fd(pipe, &fd);
    ipc__py_leave(outer);
    return is_readable(err, fd);
}

/* ---- several ---- */

/* What an object is to ipc_wait(). False: an exception. */
static bool waitable_of(PyObject *object, ipc_waitable *thing)
{
    *thing = (ipc_waitable){.fd = -1};
    if (ipc__py_is_queue(object)) {
        thing->queue = ipc__py_pointer(object);
        return thing->queue != NULL;
    }
    if (ipc__py_is_pipe(object)) {
        thing->pipe = ipc__py_pointer(object);
        return thing->pipe != NULL;
    }
    thing->fd = PyObject_AsFileDescriptor(object);
    return thing->fd >= 0;
}

static PyObject *ready_ones(PyObject *objects, const ipc_waitable *things)
{
    PyObject *ready = PyList_New(0);
    for (Py_ssize_t i = 0; ready && i < PyList_GET_SIZE(objects); i++) {
        if (things[i].ready && PyList_Append(ready, PyList_GET_ITEM(objects, i)) < 0) {
            Py_CLEAR(ready);
        }
    }
    return ready;
}

static PyObject *wait_for(PyObject *objects, ipc_waitable *things, int64_t timeout_ms)
{
    Py_ssize_t count = PyList_GET_SIZE(objects);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!waitable_of(PyList_GET_ITEM(objects, i), &things[i])) {
            return NULL;
        }
    }
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_wait(things, (size_t)count, timeout_ms, NULL);
    ipc__py_leave(outer);
    return err ? ipc__py_raise(err) : ready_ones(objects, things);
}

PyObject *ipc__py_wait(PyObject *object_list, PyObject *timeout)
{
    int64_t timeout_ms;
    if (!ipc__py_timeout(timeout, &timeout_ms)) {
        return NULL;
    }
    PyObject *objects = PySequence_List(object_list); /* our own: it holds them while the GIL is free */
    if (!objects) {
        return NULL;
    }
    ipc_waitable *things = PyMem_Calloc((size_t)PyList_GET_SIZE(objects) + 1, sizeof *things);
    PyObject *ready = things ? wait_for(objects, things, timeout_ms) : PyErr_NoMemory();
    PyMem_Free(things);
    Py_DECREF(objects);
    return ready;
}
