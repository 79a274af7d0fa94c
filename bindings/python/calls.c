/*
 * The methods that are called most, and those that make objects.
 * Touches Python objects and the handles behind SWIG's. The GIL is held, except while the library sleeps.
 *
 * Why not SWIG's own wrappers here: a method with keywords costs some 200 ns there, since SWIG parses a format string
 * for it; METH_FASTCALL methods cost a tenth. And what makes an object has to make it of the caller's class, which
 * SWIG's -builtin types do not do.
 */
#include "binding.h"

#include <math.h>
#include <string.h>

/* ---- arguments ---- */

enum { MAX_ARGS = 3 };

/* What a method takes: names in order, the first so many of them needed. */
typedef struct signature {
    const char *method;
    const char *names[MAX_ARGS];
    int count;
    int needed;
} signature;

static int name_index(const signature *sig, PyObject *name)
{
    for (int i = 0; i < sig->count; i++) {
        if (PyUnicode_CompareWithASCIIString(name, sig->names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static bool take_keywords(const signature *sig, PyObject *const *values, PyObject *kwnames, PyObject **out)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        int index = name_index(sig, name);
        if (index < 0) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", sig->method, name);
            return false;
        }
        if (out[index]) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", sig->method, name);
            return false;
        }
        out[index] = values[i];
    }
    return true;
}

/* Sort the arguments of a METH_FASTCALL | METH_KEYWORDS call into out[]; what was not given stays NULL. */
static inline bool take_args(const signature *sig, PyObject *const *args, Py_ssize_t count, PyObject *kwnames,
                             PyObject **out)
{
    if (count > sig->count) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments (%zd given)", sig->method, sig->count, count);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        out[i] = args[i];
    }
    if (kwnames && !take_keywords(sig, args + count, kwnames, out)) {
        return false;
    }
    for (int i = 0; i < sig->needed; i++) {
        if (!out[i]) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", sig->method, sig->names[i]);
            return false;
        }
    }
    return true;
}

bool ipc__py_timeout(PyObject *seconds, int64_t *timeout_ms)
{
    if (seconds == Py_None) {
        *timeout_ms = IPC_FOREVER;
        return true;
    }
    double wait = PyFloat_AsDouble(seconds);
    if (wait == -1.0 && PyErr_Occurred()) {
        return false;
    }
    if (isnan(wait)) {
        PyErr_SetString(PyExc_ValueError, "a timeout is a number of seconds or None, not nan");
        return false;
    }
    /* Negative means now, as in multiprocessing; past 2^53 ms (285,000 years) is for ever. */
    double ms = ceil(wait * 1000.0);
    *timeout_ms = ms <= 0.0 ? 0 : ms >= 0x1p53 ? IPC_FOREVER : (int64_t)ms;
    return true;
}

bool ipc__py_text(PyObject *object, char **text)
{
    if (object == Py_None) {
        *text = NULL;
        return true;
    }
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a str or None, not a %s", Py_TYPE(object)->tp_name);
        return false;
    }
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(object, &length);
    if (utf8 && strlen(utf8) != (size_t)length) {
        PyErr_SetString(PyExc_ValueError, "a NUL character in a name or address");
        return false;
    }
    *text = (char *)utf8; /* only read: SWIG's variables have no const */
    return utf8 != NULL;
}

/* The standard library's pair of block and timeout. */
static inline bool take_block(PyObject *block, PyObject *timeout, int64_t *timeout_ms)
{
    int blocks = !block || block == Py_True ? 1 : PyObject_IsTrue(block);
    if (blocks <= 0) {
        *timeout_ms = 0;
        return blocks == 0;
    }
    return ipc__py_timeout(timeout ? timeout : Py_None, timeout_ms);
}

/* ---- sending and receiving ---- */

typedef ipc_err (*send_fn)(void *handle, const void *bytes, size_t length, int64_t timeout_ms);
typedef ipc_err (*receive_fn)(void *handle, int64_t timeout_ms, ipc_msg **msg);

static inline ipc_err send_to_queue(void *handle, const void *bytes, size_t length, int64_t timeout_ms)
{
    return ipc_queue_put_packed(handle, bytes, length, timeout_ms);
}

static inline ipc_err send_to_pipe(void *handle, const void *bytes, size_t length, int64_t timeout_ms)
{
    return ipc_pipe_send_packed(handle, bytes, length, timeout_ms);
}

static inline ipc_err receive_from_queue(void *handle, int64_t timeout_ms, ipc_msg **msg)
{
    return ipc_queue_get(handle, timeout_ms, msg);
}

static inline ipc_err receive_from_pipe(void *handle, int64_t timeout_ms, ipc_msg **msg)
{
    return ipc_pipe_recv(handle, timeout_ms, msg);
}

static inline PyObject *send_value(PyObject *self, PyObject *value, int64_t timeout_ms, send_fn send)
{
    void *handle = ipc__py_pointer(self);
    ipc__py_buffer *packed = handle ? ipc__py_pack(value) : NULL;
    if (!packed) {
        return NULL;
    }
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = send(handle, packed->data, packed->length, timeout_ms);
    ipc__py_leave(outer);
    ipc__py_buffer_give_back(packed);
    return err ? ipc__py_raise(err) : Py_NewRef(Py_None);
}

/* NULL: an exception. */
static inline ipc_msg *receive_msg(PyObject *self, int64_t timeout_ms, receive_fn receive)
{
    void *handle = ipc__py_pointer(self);
    if (!handle) {
        return NULL;
    }
    ipc_msg *msg = NULL;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = receive(handle, timeout_ms, &msg);
    ipc__py_leave(outer);
    if (err) {
        ipc__py_raise(err);
        return NULL;
    }
    return msg;
}

static inline PyObject *receive_value(PyObject *self, int64_t timeout_ms, receive_fn receive)
{
    ipc_msg *msg = receive_msg(self, timeout_ms, receive);
    return msg ? ipc__py_unpack_free(msg) : NULL;
}

/* ---- Queue ---- */

static PyObject *queue_put(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const signature sig = {"put", {"obj", "block", "timeout"}, 3, 1};
    PyObject *out[MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!take_args(&sig, args, count, kwnames, out) || !take_block(out[1], out[2], &timeout_ms)) {
        return NULL;
    }
    return send_value(self, out[0], timeout_ms, send_to_queue);
}

static PyObject *queue_put_nowait(PyObject *self, PyObject *obj)
{
    return send_value(self, obj, 0, send_to_queue);
}

static PyObject *queue_get(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const signature sig = {"get", {"block", "timeout"}, 2, 0};
    PyObject *out[MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!take_args(&sig, args, count, kwnames, out) || !take_block(out[0], out[1], &timeout_ms)) {
        return NULL;
    }
    return receive_value(self, timeout_ms, receive_from_queue);
}

static PyObject *queue_get_nowait(PyObject *self, PyObject *unused)
{
    (void)unused;
    return receive_value(self, 0, receive_from_queue);
}

/* (value, message): libipc.Item is made of it. */
static PyObject *queue_take(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const signature sig = {"take", {"block", "timeout"}, 2, 0};
    PyObject *out[MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!take_args(&sig, args, count, kwnames, out) || !take_block(out[0], out[1], &timeout_ms)) {
        return NULL;
    }
    ipc_msg *msg = receive_msg(self, timeout_ms, receive_from_queue);
    if (!msg) {
        return NULL;
    }
    PyObject *value = ipc__py_unpack(msg);
    if (!value) {
        ipc_msg_free(msg);
        return NULL;
    }
    PyObject *owner = ipc__py_own_msg(msg);
    return owner ? Py_BuildValue("(NN)", value, owner) : (Py_DECREF(value), NULL);
}

/* ---- Pipe ---- */

static PyObject *pipe_send(PyObject *self, PyObject *obj)
{
    return send_value(self, obj, IPC_FOREVER, send_to_pipe);
}

static PyObject *pipe_recv(PyObject *self, PyObject *unused)
{
    (void)unused;
    return receive_value(self, IPC_FOREVER, receive_from_pipe);
}

static PyObject *pipe_poll(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const signature sig = {"poll", {"timeout"}, 1, 0};
    PyObject *out[MAX_ARGS] = {NULL};
    int64_t timeout_ms = 0;
    if (!take_args(&sig, args, count, kwnames, out) || (out[0] && !ipc__py_timeout(out[0], &timeout_ms))) {
        return NULL;
    }
    ipc_pipe *pipe = ipc__py_pointer(self);
    if (!pipe) {
        return NULL;
    }
    bool ready = false;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_pipe_poll(pipe, timeout_ms, &ready);
    ipc__py_leave(outer);
    return err ? ipc__py_raise(err) : PyBool_FromLong(ready);
}

/* ---- what makes objects of the caller's class ---- */

static ipc_msg *ticket_msg(PyObject *ticket)
{
    ipc__py_buffer *packed = ipc__py_pack(ticket);
    if (!packed) {
        return NULL;
    }
    ipc_msg *msg;
    ipc_err err = ipc_msg_from_bytes(&msg, packed->data, packed->length);
    ipc__py_buffer_give_back(packed);
    return err ? (ipc__py_raise(err), NULL) : msg;
}

static PyObject *queue_attach(PyObject *cls, PyObject *args)
{
    PyObject *object, *ticket;
    ipc_conn *conn;
    if (!PyArg_ParseTuple(args, "OO:_attach", &object, &ticket) || !ipc__py_conn(object, &conn)) {
        return NULL;
    }
    ipc_msg *msg = ticket_msg(ticket);
    if (!msg) {
        return NULL;
    }
    ipc_queue *queue = NULL;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_queue_attach(&queue, conn, msg);
    ipc__py_leave(outer);
    PyObject *result = err ? ipc__py_raise(err) : ipc__py_own_queue(cls, queue);
    ipc_msg_free(msg);
    return result;
}

static PyObject *pipe_attach(PyObject *cls, PyObject *args)
{
    PyObject *object, *ticket;
    ipc_conn *conn;
    if (!PyArg_ParseTuple(args, "OO:_attach", &object, &ticket) || !ipc__py_conn(object, &conn)) {
        return NULL;
    }
    ipc_msg *msg = ticket_msg(ticket);
    if (!msg) {
        return NULL;
    }
    ipc_pipe *pipe = NULL;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_pipe_attach(&pipe, conn, msg);
    ipc__py_leave(outer);
    PyObject *result = err ? ipc__py_raise(err) : ipc__py_own_pipe(cls, pipe);
    ipc_msg_free(msg);
    return result;
}

static PyObject *pipe_pair(PyObject *cls, PyObject *args)
{
    PyObject *object;
    int duplex;
    ipc_conn *conn;
    if (!PyArg_ParseTuple(args, "Op:_pair", &object, &duplex) || !ipc__py_conn(object, &conn)) {
        return NULL;
    }
    ipc_pipe_options options = IPC_PIPE_OPTIONS_INIT;
    options.simplex = !duplex;
    ipc_pipe *a = NULL;
    ipc_pipe *b = NULL;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_pipe_pair(&a, &b, conn, &options);
    ipc__py_leave(outer);
    if (err) {
        return ipc__py_raise(err);
    }
    PyObject *first = ipc__py_own_pipe(cls, a);
    if (!first) {
        ipc_pipe_free(b);
        return NULL;
    }
    PyObject *second = ipc__py_own_pipe(cls, b);
    return second ? Py_BuildValue("(NN)", first, second) : (Py_DECREF(first), NULL);
}

/* ---- into SWIG's classes ---- */

#define FAST(name, function, doc)                                                                                      \
    {                                                                                                                  \
        name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, doc                              \
    }

static PyMethodDef queue_methods[] = {
    FAST("put", queue_put, "put(obj, block=True, timeout=None)"),
    {"put_nowait", queue_put_nowait, METH_O, "put_nowait(obj)"},
    FAST("get", queue_get, "get(block=True, timeout=None)"),
    {"get_nowait", queue_get_nowait, METH_NOARGS, "get_nowait()"},
    FAST("_take", queue_take, "_take(block=True, timeout=None) -> (value, message)"),
    {"_attach", queue_attach, METH_VARARGS | METH_CLASS, "_attach(conn, ticket)"},
    {0},
};

static PyMethodDef pipe_methods[] = {
    {"send", pipe_send, METH_O, "send(obj)"},
    {"recv", pipe_recv, METH_NOARGS, "recv()"},
    FAST("poll", pipe_poll, "poll(timeout=0.0)"),
    {"_attach", pipe_attach, METH_VARARGS | METH_CLASS, "_attach(conn, ticket)"},
    {"_pair", pipe_pair, METH_VARARGS | METH_CLASS, "_pair(conn, duplex)"},
    {0},
};

static bool add_methods(PyTypeObject *type, PyMethodDef *method)
{
    for (; method->ml_name; method++) {
        bool of_class = method->ml_flags & METH_CLASS;
        PyObject *descr = of_class ? PyDescr_NewClassMethod(type, method) : PyDescr_NewMethod(type, method);
        if (!descr || PyDict_SetItemString(type->tp_dict, method->ml_name, descr) < 0) {
            Py_XDECREF(descr);
            return false;
        }
        Py_DECREF(descr);
    }
    PyType_Modified(type);
    return true;
}

bool ipc__py_add_calls(PyTypeObject *queue, PyTypeObject *pipe)
{
    return add_methods(queue, queue_methods) && add_methods(pipe, pipe_methods);
}
