/*
 * What makes handles: of tickets, and pipes without a name. They are of the caller's class, which SWIG's -builtin types
 * do not do.
 * Touches Python objects and the handles behind SWIG's. The GIL is held, except while the library sleeps.
 */
#include "binding.h"

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

/* The class for what a ticket led to: *joinable* where it is given, and the queue is that. False: an exception. */
static bool choose_class(ipc_queue *queue, PyObject *joinable, PyObject **cls)
{
    if (!joinable) {
        return true;
    }
    ipc_queue_info info;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_queue_stat(queue, &info);
    ipc__py_leave(outer);
    if (err) {
        ipc__py_raise(err);
        return false;
    }
    *cls = info.joinable ? joinable : *cls;
    return true;
}

static PyObject *queue_attach(PyObject *cls, PyObject *args)
{
    PyObject *object, *ticket, *joinable = NULL;
    ipc_conn *conn;
    if (!PyArg_ParseTuple(args, "OO|O!:_attach", &object, &ticket, &PyType_Type, &joinable) ||
        !ipc__py_conn(object, &conn)) {
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
    ipc_msg_free(msg);
    if (err) {
        return ipc__py_raise(err);
    }
    if (!choose_class(queue, joinable, &cls)) {
        ipc_queue_free(queue);
        return NULL;
    }
    return ipc__py_own_queue(cls, queue);
}

/* (size, maxsize, unfinished, joinable) */
static PyObject *queue_look(PyObject *self, PyObject *unused)
{
    (void)unused;
    ipc_queue *queue = ipc__py_pointer(self);
    if (!queue) {
        return NULL;
    }
    ipc_queue_info info;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_queue_stat(queue, &info);
    ipc__py_leave(outer);
    return err ? ipc__py_raise(err)
               : Py_BuildValue("(KKKN)", (unsigned long long)info.size, (unsigned long long)info.maxsize,
                               (unsigned long long)info.unfinished, PyBool_FromLong(info.joinable));
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

PyMethodDef ipc__py_queue_makers[] = {
    {"_attach", queue_attach, METH_VARARGS | METH_CLASS, "_attach(conn, ticket, joinable_class=None)"},
    {"_look", queue_look, METH_NOARGS, "_look() -> (size, maxsize, unfinished, joinable)"},
    {0},
};

PyMethodDef ipc__py_pipe_makers[] = {
    {"_attach", pipe_attach, METH_VARARGS | METH_CLASS, "_attach(conn, ticket)"},
    {"_pair", pipe_pair, METH_VARARGS | METH_CLASS, "_pair(conn, duplex)"},
    {0},
};
