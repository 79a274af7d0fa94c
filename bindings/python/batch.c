/*
 * Several values in one call.
 * Touches Python objects and the queues behind SWIG's. The GIL is held, except while the library sleeps.
 */
#include "args.h"

enum {
    BATCH_VALUES = 256,
    BATCH_BYTES = 256 * 1024,
    TAKEN_AT_ONCE = 8192, /* more than this are never here without waiting */
};

/* ---- putting ---- */

/* Values that are packed one behind the other, to be put together. */
typedef struct batch {
    ipc_queue *queue;
    ipc__py_buffer *packed;
    size_t ends[BATCH_VALUES]; /* where each one ends */
    size_t count;
    size_t put; /* in this batch and all before */
    bool forever;
    int64_t deadline_ms;
} batch;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t left_ms(const batch *all)
{
    if (all->forever) {
        return IPC_FOREVER;
    }
    int64_t left = all->deadline_ms - now_ms();
    return left > 0 ? left : 0;
}

static bool batch_put(batch *all)
{
    ipc_packed values[BATCH_VALUES];
    size_t begin = 0;
    for (size_t i = 0; i < all->count; i++) {
        values[i] = (ipc_packed){all->packed->data + begin, all->ends[i] - begin};
        begin = all->ends[i];
    }
    size_t put = 0;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_queue_put_many(all->queue, values, all->count, left_ms(all), &put);
    ipc__py_leave(outer);
    all->put += put;
    all->count = 0;
    all->packed->length = 0;
    return err ? ipc__py_raise_of(err, all->queue) != NULL : true;
}

static bool batch_add(batch *all, PyObject *value)
{
    if (!ipc__py_pack_into(all->packed, value)) {
        return false;
    }
    all->ends[all->count++] = all->packed->length;
    return true;
}

/* Put all that comes, at most so many together. False: an exception. */
static bool batch_run(batch *all, PyObject *values, size_t together)
{
    bool good = true;
    PyObject *value;
    while (good && (value = PyIter_Next(values))) {
        good = batch_add(all, value);
        Py_DECREF(value);
        if (good && (all->count == together || all->packed->length >= BATCH_BYTES)) {
            good = batch_put(all);
        }
    }
    if (all->count == 0) {
        return good && !PyErr_Occurred();
    }
    /* What came before an error is put, as by so many calls of put(); an error of theirs comes first. */
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    if (batch_put(all)) {
        PyErr_Restore(type, error, traceback);
        return !type;
    }
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return false;
}

/* Give the exception that is raised an attribute, if it takes one. */
static void mark_exception(const char *name, PyObject *mark)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (!mark || PyObject_SetAttrString(error, name, mark) < 0) {
        PyErr_Clear();
    }
    Py_XDECREF(mark);
    PyErr_Restore(type, error, traceback);
}

static PyObject *put_all(PyObject *self, PyObject *iterable, int64_t timeout_ms)
{
    batch all = {.queue = ipc__py_pointer(self), .forever = timeout_ms < 0};
    PyObject *values = all.queue ? PyObject_GetIter(iterable) : NULL;
    if (!values) {
        return NULL;
    }
    all.packed = ipc__py_buffer_take();
    if (!all.packed) {
        Py_DECREF(values);
        return NULL;
    }
    all.deadline_ms = all.forever ? 0 : now_ms() + timeout_ms;
    /* What comes from anything but a list may be long in coming: it must not wait for its successors. */
    bool here = PyList_CheckExact(iterable) || PyTuple_CheckExact(iterable);
    bool good = batch_run(&all, values, here ? BATCH_VALUES : 1);
    ipc__py_buffer_give_back(all.packed);
    Py_DECREF(values);
    if (good) {
        return PyLong_FromSize_t(all.put);
    }
    mark_exception("put", PyLong_FromSize_t(all.put));
    return NULL;
}

static PyObject *queue_put_many(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"put_many", {"iterable", "block", "timeout"}, 3, 3, 1};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!ipc__py_take_args(&sig, args, count, kwnames, out) || !ipc__py_take_block(out[1], out[2], &timeout_ms)) {
        return NULL;
    }
    return put_all(self, out[0], timeout_ms);
}

/* ---- taking ---- */

/* A list of the values; the messages are freed. An exception carries what could be decoded: it was taken. */
static PyObject *values_of(ipc_msg **items, size_t count)
{
    PyObject *list = PyList_New(0);
    PyObject *type = NULL, *error = NULL, *traceback = NULL;
    for (size_t i = 0; i < count; i++) {
        PyObject *value = list ? ipc__py_unpack(items[i]) : NULL;
        ipc_msg_free(items[i]);
        if (!value || PyList_Append(list, value) < 0) {
            type ? PyErr_Clear() : PyErr_Fetch(&type, &error, &traceback);
        }
        Py_XDECREF(value);
    }
    if (!type) {
        return list;
    }
    PyErr_Restore(type, error, traceback);
    mark_exception("values", list);
    return NULL;
}

static PyObject *get_up_to(PyObject *self, size_t max, int64_t timeout_ms)
{
    ipc_queue *queue = ipc__py_pointer(self);
    if (!queue) {
        return NULL;
    }
    max = max < TAKEN_AT_ONCE ? max : TAKEN_AT_ONCE;
    ipc_msg **items = PyMem_Malloc(max * sizeof *items);
    if (!items) {
        return PyErr_NoMemory();
    }
    size_t count = 0;
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err = ipc_queue_get_many(queue, timeout_ms, max, items, &count);
    ipc__py_leave(outer);
    PyObject *values = err ? ipc__py_raise_of(err, queue) : values_of(items, count);
    PyMem_Free(items);
    return values;
}

static PyObject *queue_get_many(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const ipc__py_signature sig = {"get_many", {"max", "block", "timeout"}, 3, 3, 1};
    PyObject *out[IPC__PY_MAX_ARGS] = {NULL};
    int64_t timeout_ms;
    if (!ipc__py_take_args(&sig, args, count, kwnames, out) || !ipc__py_take_block(out[1], out[2], &timeout_ms)) {
        return NULL;
    }
    Py_ssize_t max = PyNumber_AsSsize_t(out[0], NULL); /* what is beyond its range is cut to it */
    if (max == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (max < 1) {
        return PyErr_Format(PyExc_ValueError, "max is 1 or more, not %zd", max);
    }
    return get_up_to(self, (size_t)max, timeout_ms);
}

PyMethodDef ipc__py_batch_methods[] = {
    IPC__PY_FAST("put_many", queue_put_many,
                 "put_many(iterable, block=True, timeout=None) -> int\n\nPut each value in order, and return how many. "
                 "The timeout is for all of them. An\nexception's attribute put tells how many were put before it."),
    IPC__PY_FAST("get_many", queue_get_many,
                 "get_many(max, block=True, timeout=None) -> list\n\nWait for the first value, then take what is here "
                 "without waiting, at most max in all.\nEmpty if none comes in time."),
    {0},
};
