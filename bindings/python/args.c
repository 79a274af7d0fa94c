/*
 * The arguments of methods: keywords, timeouts, text, numbers.
 * Touches Python objects. The GIL is held.
 */
#include "args.h"

#include <math.h>
#include <string.h>

static int name_index(const ipc__py_signature *sig, PyObject *name)
{
    for (int i = 0; i < sig->count; i++) {
        if (PyUnicode_CompareWithASCIIString(name, sig->names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

bool ipc__py_take_keywords(const ipc__py_signature *sig, PyObject *const *values, PyObject *kwnames, PyObject **out)
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

bool ipc__py_too_many(const ipc__py_signature *sig, Py_ssize_t count)
{
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional arguments (%zd given)", sig->method,
                 sig->positional, count);
    return false;
}

bool ipc__py_missing(const ipc__py_signature *sig, int index)
{
    PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", sig->method, sig->names[index]);
    return false;
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
        PyErr_Format(PyExc_TypeError, "a str or None, not %s", Py_TYPE(object)->tp_name);
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

bool ipc__py_number(PyObject *object, const char *what, uint64_t largest, uint64_t *number)
{
    PyObject *index = PyNumber_Index(object);
    if (!index) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s is an int, not %s", what, Py_TYPE(object)->tp_name);
        }
        return false;
    }
    *number = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    bool fits = !PyErr_Occurred();
    if (!fits && !PyErr_ExceptionMatches(PyExc_OverflowError)) {
        return false;
    }
    if (fits && *number <= largest) {
        return true;
    }
    PyErr_Format(PyExc_ValueError, "%s is a number from 0 to %llu, not %S", what, (unsigned long long)largest, object);
    return false;
}
