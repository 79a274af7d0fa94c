/*
 * Error codes as exceptions. The classes are made in libipc/_errors.py, one for each code of IPC_ERROR_MAP.
 * Touches Python objects and this thread's error text. The GIL is held.
 */
#include "binding.h"

#include <string.h>

static PyObject *exceptions; /* {code: class} */

PyObject *ipc__py_error_list(void)
{
    static const struct {
        const char *name;
        int code;
        const char *text;
    } errors[] = {
#define ERROR_ENTRY(name, code, text) {#name, code, text},
        IPC_ERROR_MAP(ERROR_ENTRY)
#undef ERROR_ENTRY
    };
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < sizeof errors / sizeof *errors; i++) {
        PyObject *entry = Py_BuildValue("(sis)", errors[i].name, errors[i].code, errors[i].text);
        if (!entry || PyList_Append(list, entry) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(entry);
    }
    return list;
}

PyObject *ipc__py_set_exceptions(PyObject *classes)
{
    if (!PyDict_Check(classes)) {
        PyErr_SetString(PyExc_TypeError, "the exceptions are a dict of error codes and classes");
        return NULL;
    }
    Py_XSETREF(exceptions, Py_NewRef(classes));
    Py_RETURN_NONE;
}

/* A new reference; NULL without one. */
static PyObject *exception_of(ipc_err err)
{
    PyObject *code = exceptions ? PyLong_FromLong(err) : NULL;
    PyObject *cls = code ? PyObject_GetItem(exceptions, code) : NULL; /* some classes are made when they are missed */
    Py_XDECREF(code);
    if (!cls && PyErr_ExceptionMatches(PyExc_KeyError)) {
        PyErr_Clear();
    }
    return cls;
}

/* What needs no words, or the standard library's. */
static const char *fixed_text(ipc_err err)
{
    return err == IPC_EEMPTY ? "" : err == IPC_EUNFINISHED ? "task_done() called too many times" : NULL;
}

PyObject *ipc__py_class_of(ipc_err err)
{
    PyObject *cls = exception_of(err);
    PyErr_Clear();
    Py_XDECREF(cls); /* the dict holds it */
    return cls ? cls : PyExc_ValueError;
}

PyObject *ipc__py_raise_with(ipc_err err, PyObject *arg)
{
    PyErr_SetObject(ipc__py_class_of(err), arg);
    return NULL;
}

PyObject *ipc__py_raise_of(ipc_err err, const ipc_queue *queue)
{
    bool full = err == IPC_EFULL && strcmp(ipc_last_error(), ipc_strerror(err)) == 0;
    if (PyErr_Occurred() || (err != IPC_EEMPTY && !full)) {
        return ipc__py_raise(err);
    }
    const char *name = ipc_queue_name(queue);
    const char *state = full ? "is full" : "is empty";
    PyObject *text =
        name ? PyUnicode_FromFormat("queue \"%s\" %s", name, state) : PyUnicode_FromFormat("the queue %s", state);
    if (text) {
        ipc__py_raise_with(err, text);
        Py_DECREF(text);
    }
    return NULL;
}

PyObject *ipc__py_raise(ipc_err err)
{
    if (PyErr_Occurred()) {
        return NULL; /* a signal handler raised, and the call was cancelled for it */
    }
    const char *text = fixed_text(err);
    char detail[1024];
    if (!text) {
        /* Taken before Python code runs, which may call the library. */
        text = ipc_last_error();
        text = *text ? text : ipc_strerror(err);
        strncpy(detail, text, sizeof detail - 1);
        detail[sizeof detail - 1] = '\0';
        text = detail;
    }
    PyObject *cls = exception_of(err);
    if (!cls) {
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_SystemError, "libipc: error %d: %s", (int)err, text);
    }
    if (*text) {
        PyErr_SetString(cls, text);
    } else {
        PyErr_SetNone(cls);
    }
    Py_DECREF(cls);
    return NULL;
}
