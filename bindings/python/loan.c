/*
 * get_buffer(): bytes that stay where their producer wrote them, behind a memoryview.
 * Touches Python objects and the queues behind SWIG's. The GIL is held, except while the library sleeps.
 *
 * A memoryview already is all that a program wants of such bytes: read-only, cut without copies, released by a method, a
 * with statement or the collector. Behind it stands a loan, which owns the message, and which nobody else sees.
 */
#include "args.h"

#include <string.h>

typedef struct loan {
    PyObject ob_base;
    ipc_msg *msg;
    char *data; /* in the message; only read */
    Py_ssize_t length;
} loan;

/* Every view has a reference to its loan: there is nothing to count here. */
static int loan_show(PyObject *self, Py_buffer *view, int flags)
{
    const loan *of = (loan *)self;
    return PyBuffer_FillInfo(view, self, of->data, of->length, 1, flags);
}

static void loan_dealloc(PyObject *self)
{
    ipc_msg_free(((loan *)self)->msg);
    PyObject_Free(self);
}

static PyBufferProcs loan_as_buffer = {.bf_getbuffer = loan_show};

static PyTypeObject loan_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "libipc._core.Loan",
    .tp_basicsize = sizeof(loan),
    .tp_dealloc = loan_dealloc,
    .tp_as_buffer = &loan_as_buffer,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "What stands behind the memoryview of a get_buffer().",
};

bool ipc__py_loan_init(void)
{
    return PyType_Ready(&loan_type) == 0;
}

/*
 * Where the bytes of a packed value begin, if that is what it is. Its head is copied before it is read, as others may
 * still write it; what comes behind is never looked at.
 */
static bool find_bytes(const ipc_msg *msg, size_t *begin, size_t *length)
{
    unsigned char head[5] = {0};
    size_t total;
    const void *packed = ipc_msg_bytes(msg, &total);
    memcpy(head, packed, total < sizeof head ? total : sizeof head);
    switch (head[0]) { /* msgpack's bin 8, 16 and 32 */
    case 0xc4:
        *begin = 2;
        *length = head[1];
        break;
    case 0xc5:
        *begin = 3;
        *length = (size_t)head[1] << 8 | head[2];
        break;
    case 0xc6:
        *begin = 5;
        *length = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
        break;
    default:
        return false;
    }
    return total >= *begin && total - *begin == *length;
}

/* A memoryview of a message's bytes. The message is its own now, and freed in any case. */
static PyObject *view_of(ipc_msg *msg, size_t begin, size_t length)
{
    loan *made = PyObject_New(loan, &loan_type);
    if (!made) {
        ipc_msg_free(msg);
        return NULL;
    }
    made->msg = msg;
    made->data = (char *)ipc_msg_bytes(msg, NULL) + begin;
    made->length = (Py_ssize_t)length;
    PyObject *view = PyMemoryView_FromObject((PyObject *)made);
    Py_DECREF(made);
    return view;
}

/* The value was taken and is no bytes: WrongType, whose attribute *value* has it. The message is freed. NULL, always. */
static PyObject *refuse(ipc_msg *msg)
{
    PyObject *value = ipc__py_unpack_free(msg);
    if (!value) {
        return NULL; /* it is nothing that Python can hold */
    }
    PyObject *error =
        PyObject_CallFunction(ipc__py_class_of(IPC_ETYPE), "N",
                              PyUnicode_FromFormat("get_buffer() takes bytes, and this value is of type %s; "
                                                   "the exception's attribute value has it",
                                                   Py_TYPE(value)->tp_name));
    if (error && PyObject_SetAttrString(error, "value", value) == 0) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    Py_XDECREF(error);
    Py_DECREF(value);
    return NULL;
}

static PyObject *queue_get_buffer(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"get_buffer", {"block", "timeout"}, 2, 2, 0};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    ipc_queue *queue = ipc__py_pointer(self);
    if (!queue || !ipc__py_take_args(&sig, args, count, kwnames, out) ||
        !ipc__py_take_block(out[0], out[1], &timeout_ms)) {
        return NULL;
    }
    ipc_msg *msg = NULL;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_queue_get_borrowed(queue, timeout_ms, &msg);
    ipc__py_leave(outer);
    if (err) {
        return ipc__py_raise_of(err, queue);
    }
    size_t begin, length;
    return find_bytes(msg, &begin, &length) ? view_of(msg, begin, length) : refuse(msg);
}

PyMethodDef ipc__py_loan_methods[] = {
    IPC__PY_FAST("get_buffer", queue_get_buffer,
                 "get_buffer(block=True, timeout=None) -> memoryview\n\nTake the oldest value, which is bytes, without "
                 "copying it where it is large: the view is\nof the memory that its producer wrote, and keeps it until "
                 "it is released. TypeError for\nanother value, which its attribute value has: it is taken."),
    {0},
};
