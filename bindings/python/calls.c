/*
 * The methods that are called most: one value in, one value out.
 * Touches Python objects and the handles behind SWIG's. The GIL is held, except while the library sleeps.
 *
 * Why not SWIG's own wrappers here: a method with keywords costs some 200 ns there, since SWIG parses a format string
 * for it; METH_FASTCALL methods cost a tenth.
 */
#include "args.h"

/* ---- sending and receiving ---- */

typedef ipc_err (*send_fn)(void *handle, const void *bytes, size_t length, int64_t timeout_ms);
typedef ipc_err (*receive_fn)(void *handle, int64_t timeout_ms, ipc_msg **msg);

static inline ipc_err send_to_queue(void *handle, const void *bytes, size_t length, int64_t timeout_ms)
{
    return ipc_queue_put_packed(handle, bytes, length, timeout_ms);
}

static inline ipc_err send_confirmed(void *handle, const void *bytes, size_t length, int64_t timeout_ms)
{
    return ipc_queue_put_confirm_packed(handle, bytes, length, timeout_ms);
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

static inline PyObject *send_bytes(void *handle, const void *bytes, size_t length, int64_t timeout_ms, send_fn send)
{
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = send(handle, bytes, length, timeout_ms);
    ipc__py_leave(outer);
    if (!err) {
        Py_RETURN_NONE;
    }
    return send == send_to_pipe ? ipc__py_raise(err) : ipc__py_raise_of(err, handle);
}

static inline PyObject *send_value(PyObject *self, PyObject *value, int64_t timeout_ms, send_fn send)
{
    void *handle = ipc__py_pointer(self);
    ipc__py_buffer *packed = handle ? ipc__py_pack(value) : NULL;
    if (!packed) {
        return NULL;
    }
    PyObject *result = send_bytes(handle, packed->data, packed->length, timeout_ms, send);
    ipc__py_buffer_give_back(packed);
    return result;
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
        receive == receive_from_pipe ? ipc__py_raise(err) : ipc__py_raise_of(err, handle);
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
    static const ipc__py_signature sig = {"put", {"obj", "block", "timeout", "confirm"}, 4, 3, 1};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!ipc__py_take_args(&sig, args, count, kwnames, out) || !ipc__py_take_block(out[1], out[2], &timeout_ms)) {
        return NULL;
    }
    int confirm = out[3] ? PyObject_IsTrue(out[3]) : 0;
    if (confirm == 0) {
        return send_value(self, out[0], timeout_ms, send_to_queue);
    }
    return confirm < 0 ? NULL : send_value(self, out[0], timeout_ms, send_confirmed);
}

static PyObject *queue_put_nowait(PyObject *self, PyObject *obj)
{
    return send_value(self, obj, 0, send_to_queue);
}

static PyObject *queue_get(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"get", {"block", "timeout"}, 2, 2, 0};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!ipc__py_take_args(&sig, args, count, kwnames, out) || !ipc__py_take_block(out[0], out[1], &timeout_ms)) {
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
static PyObject *take_item(PyObject *self, int64_t timeout_ms)
{
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

static PyObject *queue_take(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"take", {"block", "timeout"}, 2, 2, 0};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!ipc__py_take_args(&sig, args, count, kwnames, out) || !ipc__py_take_block(out[0], out[1], &timeout_ms)) {
        return NULL;
    }
    return take_item(self, timeout_ms);
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
    static const ipc__py_signature sig = {"poll", {"timeout"}, 1, 1, 0};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    int64_t timeout_ms = 0;
    if (!ipc__py_take_args(&sig, args, count, kwnames, out) || (out[0] && !ipc__py_timeout(out[0], &timeout_ms))) {
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

/* ---- for event loops: what is here already, and what was packed before ---- */

static PyObject *queue_get_here(PyObject *self, PyObject *unused)
{
    (void)unused;
    ipc_queue *queue = ipc__py_pointer(self);
    if (!queue || !ipc__py_queue_ready(queue)) {
        return NULL;
    }
    return receive_value(self, 0, receive_from_queue);
}

static PyObject *queue_take_here(PyObject *self, PyObject *unused)
{
    (void)unused;
    ipc_queue *queue = ipc__py_pointer(self);
    return queue && ipc__py_queue_ready(queue) ? take_item(self, 0) : NULL;
}

static PyObject *pipe_recv_here(PyObject *self, PyObject *unused)
{
    (void)unused;
    ipc_pipe *pipe = ipc__py_pointer(self);
    return pipe && ipc__py_pipe_ready(pipe) ? receive_value(self, 0, receive_from_pipe) : NULL;
}

static PyObject *pipe_send_nowait(PyObject *self, PyObject *obj)
{
    return send_value(self, obj, 0, send_to_pipe);
}

static PyObject *send_packed(PyObject *self, PyObject *packed, send_fn send)
{
    void *handle = ipc__py_pointer(self);
    char *data;
    Py_ssize_t length;
    if (!handle || PyBytes_AsStringAndSize(packed, &data, &length) < 0) {
        return NULL;
    }
    return send_bytes(handle, data, (size_t)length, IPC_FOREVER, send);
}

static PyObject *queue_put_packed(PyObject *self, PyObject *packed)
{
    return send_packed(self, packed, send_to_queue);
}

static PyObject *pipe_send_packed(PyObject *self, PyObject *packed)
{
    return send_packed(self, packed, send_to_pipe);
}

/* ---- into SWIG's classes ---- */

static PyMethodDef queue_methods[] = {
    IPC__PY_FAST("put", queue_put,
                 "put(obj, block=True, timeout=None, *, confirm=False)\n\nPut a value at the queue's end. Full if no "
                 "room comes in time. With confirm it returns\nwhen the hub owns the value, and what it raises is this "
                 "put's own outcome."),
    {"put_nowait", queue_put_nowait, METH_O, "put_nowait(obj)\n\nput(obj, block=False)"},
    IPC__PY_FAST("get", queue_get,
                 "get(block=True, timeout=None)\n\nTake the oldest value. Empty if none comes in time."),
    {"get_nowait", queue_get_nowait, METH_NOARGS, "get_nowait()\n\nget(block=False)"},
    IPC__PY_FAST("_take", queue_take, "_take(block=True, timeout=None) -> (value, message)"),
    {"_get_here", queue_get_here, METH_NOARGS, "_get_here()"},
    {"_take_here", queue_take_here, METH_NOARGS, "_take_here() -> (value, message)"},
    {"_put_packed", queue_put_packed, METH_O, "_put_packed(packed)"},
    {0},
};

static PyMethodDef pipe_methods[] = {
    {"send", pipe_send, METH_O, "send(obj)\n\nSend a value to the other end."},
    {"recv", pipe_recv, METH_NOARGS,
     "recv()\n\nReceive the next value; EOFError when the other end is gone and all is read."},
    IPC__PY_FAST("poll", pipe_poll,
                 "poll(timeout=0.0)\n\nWhether a recv() would not block: a value is there, or the end."),
    {"_recv_here", pipe_recv_here, METH_NOARGS, "_recv_here()"},
    {"_send_nowait", pipe_send_nowait, METH_O, "_send_nowait(obj)"},
    {"_send_packed", pipe_send_packed, METH_O, "_send_packed(packed)"},
    {0},
};

static PyTypeObject *queue_type; /* SWIG's, which live as long as the module */
static PyTypeObject *pipe_type;

bool ipc__py_is_queue(PyObject *object)
{
    return PyObject_TypeCheck(object, queue_type);
}

bool ipc__py_is_pipe(PyObject *object)
{
    return PyObject_TypeCheck(object, pipe_type);
}

bool ipc__py_add_methods(PyTypeObject *type, PyMethodDef *method)
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
    queue_type = queue;
    pipe_type = pipe;
    return ipc__py_add_methods(queue, queue_methods) && ipc__py_add_methods(queue, ipc__py_batch_methods) &&
           ipc__py_add_methods(queue, ipc__py_loan_methods) && ipc__py_add_methods(queue, ipc__py_queue_makers) &&
           ipc__py_add_methods(pipe, pipe_methods) && ipc__py_add_methods(pipe, ipc__py_bytes_methods) &&
           ipc__py_add_methods(pipe, ipc__py_pipe_makers);
}
