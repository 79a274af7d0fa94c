/*
 * The arguments of METH_FASTCALL methods, sorted by a signature.
 * Touches Python objects. The GIL is held.
 */
#ifndef IPC__PY_ARGS_H
#define IPC__PY_ARGS_H

#include "binding.h"

enum { IPC__PY_MAX_ARGS = 4 };

/* What a method takes: names in order; so many may be given by position, and the first so many are needed. */
typedef struct ipc__py_signature {
    const char *method;
    const char *names[IPC__PY_MAX_ARGS];
    int count;
    int positional;
    int needed;
} ipc__py_signature;

bool ipc__py_take_keywords(const ipc__py_signature *sig, PyObject *const *values, PyObject *kwnames, PyObject **out);

/* Raise the TypeError for too many arguments by position, or for one that is missing. False, always. */
bool ipc__py_too_many(const ipc__py_signature *sig, Py_ssize_t count);
bool ipc__py_missing(const ipc__py_signature *sig, int index);

/* Sort the arguments of a METH_FASTCALL | METH_KEYWORDS call into out[]; what was not given stays NULL. */
static inline bool ipc__py_take_args(const ipc__py_signature *sig, PyObject *const *args, Py_ssize_t count,
                                     PyObject *kwnames, PyObject **out)
{
    if (count > sig->positional) {
        return ipc__py_too_many(sig, count);
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        out[i] = args[i];
    }
    if (kwnames && !ipc__py_take_keywords(sig, args + count, kwnames, out)) {
        return false;
    }
    for (int i = 0; i < sig->needed; i++) {
        if (!out[i]) {
            return ipc__py_missing(sig, i);
        }
    }
    return true;
}

/* The standard library's pair of block and timeout; either may be NULL: not given. */
static inline bool ipc__py_take_block(PyObject *block, PyObject *timeout, int64_t *timeout_ms)
{
    int blocks = !block || block == Py_True ? 1 : PyObject_IsTrue(block);
    if (blocks <= 0) {
        *timeout_ms = 0;
        return blocks == 0;
    }
    return ipc__py_timeout(timeout ? timeout : Py_None, timeout_ms);
}

/* How a method of this kind stands in a PyMethodDef. */
#define IPC__PY_FAST(name, function, doc)                                                                              \
    {                                                                                                                  \
        name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS, doc                              \
    }

#endif
