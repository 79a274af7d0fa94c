/*
 * Bytes through pipes, with the arguments and exceptions of multiprocessing's Connection.
 * Touches Python objects and the pipes behind SWIG's. The GIL is held, except while the library sleeps; memory that
 * bytes go to or come from stays exported meanwhile.
 */
#include "args.h"

#include <string.h>

/* ---- arguments ---- */

/* A number of bytes; what is beyond Py_ssize_t is OverflowError, as from a slice's bounds. */
static bool take_size(PyObject *object, Py_ssize_t *size)
{
    *size = PyNumber_AsSsize_t(object, PyExc_OverflowError);
    return *size != -1 || !PyErr_Occurred();
}

static bool refuse(const char *text)
{
    PyErr_SetString(PyExc_ValueError, text);
    return false;
}

/* ---- sending ---- */

/* Cut the view to what is asked for; either argument may be NULL: not given. */
static bool cut(const Py_buffer *view, PyObject *at, PyObject *many, Py_ssize_t *offset, Py_ssize_t *size)
{
    *offset = 0;
    if (at && !take_size(at, offset)) {
        return false;
    }
    if (*offset < 0) {
        return refuse("offset is negative");
    }
    if (view->len < *offset) {
        return refuse("buffer length < offset");
    }
    *size = view->len - *offset;
    if (!many || many == Py_None) {
        return true;
    }
    if (!take_size(many, size)) {
        return false;
    }
    if (*size < 0) {
        return refuse("size is negative");
    }
    return *size <= view->len - *offset ? true : refuse("buffer length < offset + size");
}

static PyObject *send_view(ipc_pipe *pipe, const Py_buffer *view, PyObject *at, PyObject *many)
{
    Py_ssize_t offset, size;
    if (!cut(view, at, many, &offset, &size)) {
        return NULL;
    }
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_pipe_send_bytes(pipe, (const char *)view->buf + offset, (size_t)size, IPC_FOREVER);
    ipc__py_leave(outer);
    return err ? ipc__py_raise(err) : Py_NewRef(Py_None);
}

static PyObject *pipe_send_bytes(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"send_bytes", {"buf", "offset", "size"}, 3, 3, 1};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    Py_buffer view;
    ipc_pipe *pipe = ipc__py_pointer(self);
    if (!pipe || !ipc__py_take_args(&sig, args, count, kwnames, out) ||
        PyObject_GetBuffer(out[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    PyObject *result = send_view(pipe, &view, out[1], out[2]);
    PyBuffer_Release(&view);
    return result;
}

/* ---- receiving ---- */

static ipc_err receive(ipc_pipe *pipe, void *room, size_t capacity, size_t *length)
{
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_pipe_recv_bytes(pipe, IPC_FOREVER, room, capacity, length);
    ipc__py_leave(outer);
    return err;
}

/* The next bytes, at most so many: a new bytes object. NULL: an exception; a longer message stays, with OSError. */
static PyObject *receive_new(ipc_pipe *pipe, size_t maxlength)
{
    char small[4096];
    size_t length = 0;
    size_t room = sizeof small < maxlength ? sizeof small : maxlength;
    ipc_err err = receive(pipe, small, room, &length);
    if (!err) {
        return PyBytes_FromStringAndSize(small, (Py_ssize_t)length);
    }
    while (err == IPC_ETOOSMALL && length <= maxlength) {
        /* Another thread may take it first, and the next one be longer. */
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
        if (!bytes) {
            return NULL;
        }
        room = length;
        err = receive(pipe, PyBytes_AS_STRING(bytes), room, &length);
        if (!err && (length == room || _PyBytes_Resize(&bytes, (Py_ssize_t)length) == 0)) {
            return bytes;
        }
        Py_XDECREF(bytes);
        if (!err) {
            return NULL;
        }
    }
    if (err == IPC_ETOOSMALL) {
        return PyErr_Format(PyExc_OSError, "bad message length");
    }
    return ipc__py_raise(err);
}

static PyObject *pipe_recv_bytes(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"recv_bytes", {"maxlength"}, 1, 1, 0};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    Py_ssize_t maxlength = PY_SSIZE_T_MAX;
    ipc_pipe *pipe = ipc__py_pointer(self);
    if (!pipe || !ipc__py_take_args(&sig, args, count, kwnames, out) ||
        (out[0] && out[0] != Py_None && !take_size(out[0], &maxlength))) {
        return NULL;
    }
    if (maxlength < 0) {
        refuse("negative maxlength");
        return NULL;
    }
    return receive_new(pipe, (size_t)maxlength);
}

/* It is too long for the caller's memory: BufferTooShort, which carries it. */
static PyObject *receive_too_long(ipc_pipe *pipe, char *room, size_t capacity)
{
    PyObject *bytes = receive_new(pipe, PY_SSIZE_T_MAX);
    if (!bytes) {
        return NULL;
    }
    size_t length = (size_t)PyBytes_GET_SIZE(bytes);
    if (length > capacity) {
        ipc__py_raise_with(IPC_ETOOSMALL, bytes);
        Py_DECREF(bytes);
        return NULL;
    }
    memcpy(room, PyBytes_AS_STRING(bytes), length); /* another thread took the long one */
    Py_DECREF(bytes);
    return PyLong_FromSize_t(length);
}

static PyObject *receive_into(ipc_pipe *pipe, const Py_buffer *view, PyObject *at)
{
    Py_ssize_t offset = 0;
    if (at && !take_size(at, &offset)) {
        return NULL;
    }
    if (offset < 0 || offset > view->len) {
        refuse(offset < 0 ? "negative offset" : "offset too large");
        return NULL;
    }
    char *room = (char *)view->buf + offset;
    size_t capacity = (size_t)(view->len - offset);
    size_t length = 0;
    ipc_err err = receive(pipe, room, capacity, &length);
    if (err == IPC_ETOOSMALL) {
        return receive_too_long(pipe, room, capacity);
    }
    return err ? ipc__py_raise(err) : PyLong_FromSize_t(length);
}

static PyObject *pipe_recv_bytes_into(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"recv_bytes_into", {"buf", "offset"}, 2, 2, 1};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    Py_buffer view;
    ipc_pipe *pipe = ipc__py_pointer(self);
    if (!pipe || !ipc__py_take_args(&sig, args, count, kwnames, out)) {
        return NULL;
    }
    if (PyObject_GetBuffer(out[0], &view, PyBUF_WRITABLE) < 0) {
        if (PyErr_ExceptionMatches(PyExc_BufferError)) {
            PyErr_Format(PyExc_TypeError, "recv_bytes_into() wants contiguous memory that can be written, not %s",
                         Py_TYPE(out[0])->tp_name);
        }
        return NULL;
    }
    PyObject *result = receive_into(pipe, &view, out[1]);
    PyBuffer_Release(&view);
    return result;
}

PyMethodDef ipc__py_bytes_methods[] = {
    IPC__PY_FAST("send_bytes", pipe_send_bytes,
                 "send_bytes(buf, offset=0, size=None)\n\nSend bytes, or a part of them: recv_bytes() or recv() gets "
                 "them at the other end."),
    IPC__PY_FAST("recv_bytes", pipe_recv_bytes,
                 "recv_bytes(maxlength=None) -> bytes\n\nReceive bytes. OSError if they are more than maxlength, "
                 "TypeError if the next value\nis not bytes: either stays where it is."),
    IPC__PY_FAST("recv_bytes_into", pipe_recv_bytes_into,
                 "recv_bytes_into(buf, offset=0) -> int\n\nReceive bytes into writable memory, and return how many. "
                 "BufferTooShort, with the\nwhole message as its argument, if there is not room enough."),
    {0},
};
