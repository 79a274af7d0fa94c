/*
 * Packed bytes to Python values, in one pass.
 * Touches Python objects, and a message that is checked before: depth and counts are those that ipc_msg_check() allows.
 * The GIL is held.
 */
#include "binding.h"

#include <string.h>

enum {
    CACHED_KEYS = 512,  /* a power of two */
    CACHED_LENGTH = 32, /* bytes of the longest key that is worth it */
};

/* Keys come again and again: a str that exists already saves making and hashing it. Guarded by the GIL. */
static PyObject *cached_keys[CACHED_KEYS];

/* The holder is the container that a value was read from, where handles in it become live again; or NULL. */
static PyObject *decode(ipc_cursor *cursor, PyObject *holder);
static PyObject *decode_rest(ipc_cursor *cursor, const ipc_value *head, PyObject *holder);

static PyObject *decode_text(const char *text, size_t length)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, NULL);
}

static PyObject **cache_place(const char *text, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    }
    return &cached_keys[(hash ^ hash >> 16) % CACHED_KEYS];
}

static bool is_text(PyObject *key, const char *text, size_t length)
{
    return (size_t)PyUnicode_GET_LENGTH(key) == length && memcmp(PyUnicode_1BYTE_DATA(key), text, length) == 0;
}

static PyObject *decode_key_text(const char *text, size_t length)
{
    if (length > CACHED_LENGTH) {
        return decode_text(text, length);
    }
    PyObject **place = cache_place(text, length);
    if (*place && is_text(*place, text, length)) {
        return Py_NewRef(*place);
    }
    PyObject *key = decode_text(text, length);
    if (key && PyUnicode_IS_COMPACT_ASCII(key)) {
        Py_XSETREF(*place, Py_NewRef(key));
    }
    return key;
}

static PyObject *decode_array(ipc_cursor *cursor, uint32_t count, PyObject *holder)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    if (!list) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        PyObject *item = decode(cursor, holder);
        if (!item) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

static PyObject *decode_key(ipc_cursor *cursor, PyObject *holder)
{
    ipc_value value;
    ipc_err err = ipc_cursor_next(cursor, &value);
    if (err) {
        return ipc__py_raise(err);
    }
    return value.kind == IPC_KIND_STR ? decode_key_text(value.as.bytes.data, value.as.bytes.length)
                                      : decode_rest(cursor, &value, holder);
}

static bool decode_pair(ipc_cursor *cursor, PyObject *dict, PyObject *holder)
{
    PyObject *key = decode_key(cursor, holder);
    PyObject *value = key ? decode(cursor, holder) : NULL;
    bool ok = value && PyDict_SetItem(dict, key, value) == 0;
    Py_XDECREF(value);
    Py_XDECREF(key);
    return ok;
}

static PyObject *decode_map(ipc_cursor *cursor, uint32_t count, PyObject *holder)
{
    PyObject *dict = PyDict_New();
    for (uint32_t i = 0; dict && i < count; i++) {
        if (!decode_pair(cursor, dict, holder)) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

static PyObject *decode_rest(ipc_cursor *cursor, const ipc_value *head, PyObject *holder)
{
    switch (head->kind) {
    case IPC_KIND_NULL:
        Py_RETURN_NONE;
    case IPC_KIND_BOOL:
        return PyBool_FromLong(head->as.boolean);
    case IPC_KIND_INT:
        return PyLong_FromLongLong(head->as.i);
    case IPC_KIND_UINT:
        return PyLong_FromUnsignedLongLong(head->as.u);
    case IPC_KIND_FLOAT:
        return PyFloat_FromDouble(head->as.f);
    case IPC_KIND_STR:
        return decode_text(head->as.bytes.data, head->as.bytes.length);
    case IPC_KIND_BIN:
        return PyBytes_FromStringAndSize(head->as.bytes.data, (Py_ssize_t)head->as.bytes.length);
    case IPC_KIND_ARRAY:
        return decode_array(cursor, head->as.count, holder);
    case IPC_KIND_MAP:
        return decode_map(cursor, head->as.count, holder);
    case IPC_KIND_EXT:
        if (holder && head->as.bytes.ext == IPC_EXT_HANDLE) {
            return ipc__py_handle_open(holder, head->as.bytes.data, head->as.bytes.length);
        }
        return ipc__py_ext_decode(head->as.bytes.ext, head->as.bytes.data, head->as.bytes.length);
    }
    return ipc__py_raise(IPC_EBADMSG);
}

static PyObject *decode(ipc_cursor *cursor, PyObject *holder)
{
    ipc_value value;
    ipc_err err = ipc_cursor_next(cursor, &value);
    return err ? ipc__py_raise(err) : decode_rest(cursor, &value, holder);
}

PyObject *ipc__py_unpack_for(const ipc_msg *msg, PyObject *holder)
{
    ipc_cursor cursor;
    ipc_err err = ipc_cursor_open(&cursor, msg);
    return err ? ipc__py_raise(err) : decode(&cursor, holder);
}

PyObject *ipc__py_unpack(const ipc_msg *msg)
{
    return ipc__py_unpack_for(msg, NULL);
}

PyObject *ipc__py_unpack_free(ipc_msg *msg)
{
    PyObject *value = ipc__py_unpack(msg);
    ipc_msg_free(msg);
    return value;
}

PyObject *ipc__py_unpack_bytes(PyObject *packed)
{
    Py_buffer view;
    if (PyObject_GetBuffer(packed, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    ipc_msg *msg;
    ipc_err err = ipc_msg_from_bytes(&msg, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return err ? ipc__py_raise(err) : ipc__py_unpack_free(msg);
}
