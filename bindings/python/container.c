/*
 * Methods of dicts, lists and arrays, and handles as values.
 * Touches Python objects and the handles behind SWIG's. The GIL is held, except while the library sleeps.
 *
 * All of it could be one _call(method, *arguments); those that are called most have functions of their own, which saves
 * a frame of Python's.
 */
#include "args.h"

/* ---- handles as values ---- */

static PyObject *refer_handle; /* libipc._handles.refer(handle) -> body */
static PyObject *open_handle;  /* libipc._handles.open(holder, body) -> handle or Ext */

PyObject *ipc__py_set_handles(PyObject *refer, PyObject *open)
{
    Py_XSETREF(refer_handle, Py_NewRef(refer));
    Py_XSETREF(open_handle, Py_NewRef(open));
    Py_RETURN_NONE;
}

PyObject *ipc__py_handle_body(PyObject *handle)
{
    PyObject *body = PyObject_CallOneArg(refer_handle, handle);
    if (body && !PyBytes_Check(body)) {
        PyErr_SetString(PyExc_TypeError, "the body of a reference is bytes");
        Py_CLEAR(body);
    }
    return body;
}

PyObject *ipc__py_handle_open(PyObject *holder, const char *body, size_t length)
{
    PyObject *bytes = PyBytes_FromStringAndSize(body, (Py_ssize_t)length);
    PyObject *handle = bytes ? PyObject_CallFunctionObjArgs(open_handle, holder, bytes, NULL) : NULL;
    Py_XDECREF(bytes);
    return handle;
}

/* ---- invoking ---- */

typedef ipc_err (*invoke_fn)(void *handle, ipc_method method, const void *packed, size_t length, ipc_msg **result);

static ipc_err invoke_dict(void *handle, ipc_method method, const void *packed, size_t length, ipc_msg **result)
{
    return ipc_dict_invoke_packed(handle, method, packed, length, result);
}

static ipc_err invoke_list(void *handle, ipc_method method, const void *packed, size_t length, ipc_msg **result)
{
    return ipc_list_invoke_packed(handle, method, packed, length, result);
}

static ipc_err invoke_array(void *handle, ipc_method method, const void *packed, size_t length, ipc_msg **result)
{
    return ipc_array_invoke_packed(handle, method, packed, length, result);
}

/* A call in the making: arguments are added, then it is sent. */
typedef struct invocation {
    PyObject *self;
    invoke_fn invoke;
    ipc_method method;
    ipc__py_buffer *packed; /* NULL: an exception */
} invocation;

static inline void cancel(invocation *call)
{
    if (call->packed) {
        ipc__py_buffer_give_back(call->packed);
        call->packed = NULL;
    }
}

static inline invocation begin(PyObject *self, invoke_fn invoke, ipc_method method, size_t count)
{
    invocation made = {self, invoke, method, ipc__py_pointer(self) ? ipc__py_buffer_take() : NULL};
    if (made.packed && !ipc__py_pack_head(made.packed, count)) {
        cancel(&made);
    }
    return made;
}

/* How many levels an argument has around the values that are stored. */
static inline unsigned levels_around(ipc_method method)
{
    switch (method) {
    case IPC_METHOD_COMPARE_SET:
    case IPC_METHOD_UPDATE:
    case IPC_METHOD_GET_MANY:
    case IPC_METHOD_SET_SLICE:
    case IPC_METHOD_EXTEND:
        return 1;
    default:
        return 0;
    }
}

static inline void add_value(invocation *call, PyObject *value)
{
    if (call->packed && !ipc__py_pack_stored(call->packed, value, levels_around(call->method))) {
        cancel(call);
    }
}

static inline void add_int(invocation *call, Py_ssize_t number)
{
    if (call->packed && !ipc__py_pack_int(call->packed, number)) {
        cancel(call);
    }
}

/* Send it, and free it. False: an exception, unless the error was asked for. */
static inline bool send_call(invocation *call, ipc_msg **result, ipc_err *failed)
{
    if (!call->packed) {
        return false;
    }
    const ipc_wait_hooks *outer = ipc__py_enter();
    ipc_err err =
        call->invoke(ipc__py_pointer(call->self), call->method, call->packed->data, call->packed->length, result);
    ipc__py_leave(outer);
    cancel(call);
    if (!err &&
        !PyErr_Occurred()) { /* an interrupted call may succeed: the handler's exception is raised nevertheless */
        return true;
    }
    if (!err && result) {
        ipc_msg_free(*result);
    }
    if (failed && err && !PyErr_Occurred()) {
        *failed = err;
        return false;
    }
    ipc__py_raise(err);
    return false;
}

static inline PyObject *unpack_result(PyObject *self, ipc_msg *result)
{
    PyObject *value = ipc__py_unpack_for(result, self);
    ipc_msg_free(result);
    return value;
}

/* For what it gives. */
static inline PyObject *finish(invocation *call)
{
    ipc_msg *result = NULL;
    return send_call(call, &result, NULL) ? unpack_result(call->self, result) : NULL;
}

/* For what it does. */
static inline int finish_quietly(invocation *call)
{
    return send_call(call, NULL, NULL) ? 0 : -1;
}

static inline PyObject *none_if(int result)
{
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

/* KeyError has the key as its argument. */
static PyObject *raise_key(ipc_err err, PyObject *key)
{
    PyObject *args = err == IPC_EKEY ? PyTuple_Pack(1, key) : NULL;
    if (args) {
        ipc__py_raise_with(err, args);
        Py_DECREF(args);
    } else {
        ipc__py_raise(err);
    }
    return NULL;
}

static bool check_count(const char *method, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most)
{
    if (count >= least && count <= most) {
        return true;
    }
    PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd positional arguments (%zd given)", method, least, most, count);
    return false;
}

/* _call(method, *arguments) */
static PyObject *call_any(PyObject *self, PyObject *const *args, Py_ssize_t count, invoke_fn invoke)
{
    long method = count > 0 ? PyLong_AsLong(args[0]) : 0;
    if (method <= 0) {
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "_call(method, *arguments)");
    }
    invocation call = begin(self, invoke, (ipc_method)method, (size_t)count - 1);
    for (Py_ssize_t i = 1; i < count; i++) {
        add_value(&call, args[i]);
    }
    return finish(&call);
}

/* ---- Dict ---- */

static PyObject *dict_call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return call_any(self, args, count, invoke_dict);
}

/* GET or POP: what is there, or the default, or KeyError. */
static PyObject *dict_find(PyObject *self, ipc_method method, PyObject *key, PyObject *fallback)
{
    invocation call = begin(self, invoke_dict, method, 1);
    add_value(&call, key);
    ipc_msg *result = NULL;
    ipc_err failed = IPC_OK;
    if (send_call(&call, &result, &failed)) {
        return unpack_result(self, result);
    }
    if (failed == IPC_EKEY && fallback) {
        return Py_NewRef(fallback);
    }
    return failed ? raise_key(failed, key) : NULL;
}

static PyObject *dict_getitem(PyObject *self, PyObject *key)
{
    return dict_find(self, IPC_METHOD_GET, key, NULL);
}

static PyObject *dict_get(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return check_count("get", count, 1, 2) ? dict_find(self, IPC_METHOD_GET, args[0], count > 1 ? args[1] : Py_None)
                                           : NULL;
}

static PyObject *dict_pop(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return check_count("pop", count, 1, 2) ? dict_find(self, IPC_METHOD_POP, args[0], count > 1 ? args[1] : NULL)
                                           : NULL;
}

static PyObject *dict_setitem(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (!check_count("__setitem__", count, 2, 2)) {
        return NULL;
    }
    invocation call = begin(self, invoke_dict, IPC_METHOD_SET, 2);
    add_value(&call, args[0]);
    add_value(&call, args[1]);
    return none_if(finish_quietly(&call));
}

static PyObject *dict_delitem(PyObject *self, PyObject *key)
{
    invocation call = begin(self, invoke_dict, IPC_METHOD_DELETE, 1);
    add_value(&call, key);
    ipc_err failed = IPC_OK;
    bool done = send_call(&call, NULL, &failed);
    return done ? Py_NewRef(Py_None) : failed ? raise_key(failed, key) : NULL;
}

static PyObject *dict_contains(PyObject *self, PyObject *key)
{
    invocation call = begin(self, invoke_dict, IPC_METHOD_CONTAINS, 1);
    add_value(&call, key);
    return finish(&call);
}

/* ---- List and Array: indexes and slices ---- */

/* What was given between brackets. */
typedef struct place {
    bool slice;
    Py_ssize_t index; /* or the slice's start */
    Py_ssize_t stop;
    Py_ssize_t step;
} place;

static bool read_place(PyObject *self, PyObject *key, place *at)
{
    at->slice = PySlice_Check(key);
    if (at->slice) {
        return PySlice_Unpack(key, &at->index, &at->stop, &at->step) == 0;
    }
    if (!PyIndex_Check(key)) {
        PyErr_Format(PyExc_TypeError, "%s indices must be integers or slices, not %.200s", Py_TYPE(self)->tp_name,
                     Py_TYPE(key)->tp_name);
        return false;
    }
    at->index = PyNumber_AsSsize_t(key, ipc__py_class_of(IPC_EINDEX));
    return at->index != -1 || !PyErr_Occurred();
}

static inline void add_place(invocation *call, const place *at)
{
    add_int(call, at->index);
    if (at->slice) {
        add_int(call, at->stop);
        add_int(call, at->step);
    }
}

static inline PyObject *get_at(PyObject *self, PyObject *key, invoke_fn invoke)
{
    place at;
    if (!read_place(self, key, &at)) {
        return NULL;
    }
    invocation call = begin(self, invoke, at.slice ? IPC_METHOD_GET_SLICE : IPC_METHOD_GET, at.slice ? 3 : 1);
    add_place(&call, &at);
    return finish(&call);
}

static PyObject *set_slice(PyObject *self, const place *at, PyObject *values, invoke_fn invoke)
{
    PyObject *list = PySequence_Fast(values, "can only assign an iterable");
    if (!list) {
        return NULL;
    }
    invocation call = begin(self, invoke, IPC_METHOD_SET_SLICE, 4);
    add_place(&call, at);
    add_value(&call, list);
    int result = finish_quietly(&call);
    Py_DECREF(list);
    return none_if(result);
}

static inline PyObject *set_at(PyObject *self, PyObject *const *args, Py_ssize_t count, invoke_fn invoke)
{
    place at;
    if (!check_count("__setitem__", count, 2, 2) || !read_place(self, args[0], &at)) {
        return NULL;
    }
    if (at.slice) {
        return set_slice(self, &at, args[1], invoke);
    }
    invocation call = begin(self, invoke, IPC_METHOD_SET, 2);
    add_place(&call, &at);
    add_value(&call, args[1]);
    return none_if(finish_quietly(&call));
}

static PyObject *list_call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return call_any(self, args, count, invoke_list);
}

static PyObject *list_getitem(PyObject *self, PyObject *key)
{
    return get_at(self, key, invoke_list);
}

static PyObject *list_setitem(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return set_at(self, args, count, invoke_list);
}

static PyObject *list_delitem(PyObject *self, PyObject *key)
{
    place at;
    if (!read_place(self, key, &at)) {
        return NULL;
    }
    invocation call =
        begin(self, invoke_list, at.slice ? IPC_METHOD_DELETE_SLICE : IPC_METHOD_DELETE, at.slice ? 3 : 1);
    add_place(&call, &at);
    return none_if(finish_quietly(&call));
}

static PyObject *list_append(PyObject *self, PyObject *value)
{
    invocation call = begin(self, invoke_list, IPC_METHOD_APPEND, 1);
    add_value(&call, value);
    return none_if(finish_quietly(&call));
}

static PyObject *array_call(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return call_any(self, args, count, invoke_array);
}

static PyObject *array_getitem(PyObject *self, PyObject *key)
{
    return get_at(self, key, invoke_array);
}

static PyObject *array_setitem(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return set_at(self, args, count, invoke_array);
}

/* ---- into SWIG's classes ---- */

/* How a method that takes its arguments by position alone stands in a PyMethodDef. */
#define POSITIONAL(name, function, doc)                                                                                \
    {                                                                                                                  \
        name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL, doc                                              \
    }

static PyMethodDef dict_methods[] = {
    POSITIONAL("_call", dict_call, "_call(method, *arguments)"),
    {"__getitem__", dict_getitem, METH_O, "x.__getitem__(y) <==> x[y]"},
    POSITIONAL("__setitem__", dict_setitem, "Set self[key] to value."),
    {"__delitem__", dict_delitem, METH_O, "Delete self[key]."},
    {"__contains__", dict_contains, METH_O, "Whether there is such a key."},
    POSITIONAL("get", dict_get, "get(key, default=None, /)\n\nThe value of a key, or the default."),
    POSITIONAL("pop", dict_pop,
               "pop(key[, default], /)\n\nTake a value out; the default, or KeyError, if there is none."),
    {0},
};

static PyMethodDef list_methods[] = {
    POSITIONAL("_call", list_call, "_call(method, *arguments)"),
    {"__getitem__", list_getitem, METH_O, "x.__getitem__(y) <==> x[y]"},
    POSITIONAL("__setitem__", list_setitem, "Set self[key] to value."),
    {"__delitem__", list_delitem, METH_O, "Delete self[key]."},
    {"append", list_append, METH_O, "append(object, /)\n\nAdd a value at the end."},
    {0},
};

static PyMethodDef array_methods[] = {
    POSITIONAL("_call", array_call, "_call(method, *arguments)"),
    {"__getitem__", array_getitem, METH_O, "x.__getitem__(y) <==> x[y]"},
    POSITIONAL("__setitem__", array_setitem, "Set self[key] to value."),
    {0},
};

bool ipc__py_add_containers(PyTypeObject *dict, PyTypeObject *list, PyTypeObject *array)
{
    return ipc__py_add_methods(dict, dict_methods) && ipc__py_add_methods(list, list_methods) &&
           ipc__py_add_methods(array, array_methods);
}
