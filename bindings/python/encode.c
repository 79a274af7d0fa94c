/*
 * Python values to packed bytes, in one pass.
 * Touches Python objects and a buffer. The GIL is held; a value's own code (a tzinfo, say) may still run in between,
 * so nothing is trusted to stay as it was: contents are held while they are packed, and counted again.
 */
#include "binding.h"

#include <msgpack/pack.h>
#include <string.h>

enum {
    MAX_DEPTH = 128, /* the most that ipc_set_value_limits() allows */
    PATH_SHOWN = 8,  /* levels of the path to a refused element that are worth showing */
};

/* One step on the way from the value to a refused element. */
typedef struct step {
    PyObject *key; /* in a dict: owned; else NULL */
    Py_ssize_t index;
} step;

typedef struct encoder {
    ipc__py_buffer *out;
    ipc_value_limits limits; /* from the first sequence or map on */
    uint64_t nodes;
    unsigned depth;
    unsigned around; /* levels more than a value has: a method's, around its values */
    bool stored;     /* in a container, which takes handles */
    bool refused;    /* the exception is of this file: the path belongs into its text */
    int steps;
    step path[MAX_DEPTH + 1]; /* innermost first; what is further out than that is not shown */
} encoder;

static int encode(encoder *enc, PyObject *value);

static int write_bytes(void *arg, const char *bytes, size_t length)
{
    ipc__py_buffer *out = arg;
    if (out->capacity - out->length < length && !ipc__py_buffer_grow(out, length)) {
        return -1;
    }
    memcpy(out->data + out->length, bytes, length);
    out->length += length;
    return 0;
}

/* By value, so that the compiler sees the callback and can inline it. */
static inline msgpack_packer packer(encoder *enc)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, enc->out, write_bytes);
    return pk;
}

/* ---- refusing ---- */

static int refuse(encoder *enc, PyObject *exception, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PyErr_FormatV(exception, format, args);
    va_end(args);
    enc->refused = true;
    return -1;
}

static int blame(encoder *enc, PyObject *key, Py_ssize_t index)
{
    if (enc->steps <= MAX_DEPTH) {
        enc->path[enc->steps++] = (step){.key = Py_XNewRef(key), .index = index};
    }
    return -1;
}

/* The path as Python would write it: value['jobs'][2]. */
static PyObject *path_text(const encoder *enc)
{
    PyObject *text = PyUnicode_FromString("value");
    for (int i = enc->steps - 1; text && i >= 0; i--) {
        bool cut = enc->steps - i > PATH_SHOWN;
        const step *at = &enc->path[i];
        PyObject *longer = cut       ? PyUnicode_FromFormat("%U[...]", text)
                           : at->key ? PyUnicode_FromFormat("%U[%R]", text, at->key)
                                     : PyUnicode_FromFormat("%U[%zd]", text, at->index);
        Py_SETREF(text, longer);
        if (cut) {
            break;
        }
    }
    return text;
}

/* Raise the refusal anew, with the path to the element in its text. */
static void add_path(const encoder *enc)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyObject *path = path_text(enc);
    PyObject *text = path && error ? PyUnicode_FromFormat("%S (at %U)", error, path) : NULL;
    if (text) {
        PyErr_SetObject(type, text);
    }
    Py_XDECREF(text);
    Py_XDECREF(path);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
}

static int refuse_type(encoder *enc, PyObject *value)
{
    const char *hint = "send None, bool, int, float, str, bytes, list, dict, an aware datetime or an exception";
    if (PyAnySet_Check(value)) {
        hint = "send a list of its elements";
    } else if (ipc__py_is_handle(value)) {
        hint = "send its share(), which attach() opens";
    } else if (PyIter_Check(value) || PyRange_Check(value)) {
        hint = "send list(...) of it";
    }
    return refuse(enc, PyExc_TypeError, "cannot send an object of type %.200s: other languages have no such value; %s",
                  Py_TYPE(value)->tp_name, hint);
}

/* ---- scalars ---- */

/* The body is a bytes object, and given up here; NULL: an exception is set. */
static int encode_ext(encoder *enc, int8_t type, PyObject *body)
{
    if (!body) {
        return -1;
    }
    msgpack_packer pk = packer(enc);
    size_t length = (size_t)PyBytes_GET_SIZE(body);
    int result = -1;
    if (length > UINT32_MAX) {
        refuse(enc, PyExc_ValueError, "%zu bytes are more than one value can hold", length);
    } else if (msgpack_pack_ext(&pk, length, type) == 0) {
        result = msgpack_pack_ext_body(&pk, PyBytes_AS_STRING(body), length);
    }
    Py_DECREF(body);
    return result;
}

static int encode_handle(encoder *enc, PyObject *value)
{
    if (ipc__py_is_pipe(value)) {
        return refuse(enc, PyExc_TypeError, "a container does not take a pipe's end: it would be nobody's");
    }
    return encode_ext(enc, IPC_EXT_HANDLE, ipc__py_handle_body(value));
}

static int encode_bigint(encoder *enc, PyObject *value)
{
    return encode_ext(enc, IPC_EXT_BIGINT, ipc__py_bigint_body(value));
}

static int encode_moment(encoder *enc, PyObject *value)
{
    struct timespec moment;
    if (!ipc__py_moment(value, &moment)) {
        enc->refused = PyErr_ExceptionMatches(PyExc_TypeError);
        return -1;
    }
    msgpack_timestamp stamp = {.tv_sec = moment.tv_sec, .tv_nsec = (uint32_t)moment.tv_nsec};
    msgpack_packer pk = packer(enc);
    return msgpack_pack_timestamp(&pk, &stamp);
}

static int encode_int(encoder *enc, PyObject *value)
{
    msgpack_packer pk = packer(enc);
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow) {
        return number == -1 && PyErr_Occurred() ? -1 : msgpack_pack_int64(&pk, number);
    }
    if (overflow < 0) {
        return encode_bigint(enc, value);
    }
    unsigned long long large = PyLong_AsUnsignedLongLong(value);
    if (large == (unsigned long long)-1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) {
            return -1;
        }
        PyErr_Clear();
        return encode_bigint(enc, value);
    }
    return msgpack_pack_uint64(&pk, large);
}

static int encode_float(encoder *enc, PyObject *value)
{
    msgpack_packer pk = packer(enc);
    return msgpack_pack_double(&pk, PyFloat_AS_DOUBLE(value));
}

static int encode_str(encoder *enc, PyObject *value)
{
    Py_ssize_t length;
    const char *text;
    if (PyUnicode_IS_COMPACT_ASCII(value)) {
        text = (const char *)PyUnicode_1BYTE_DATA(value);
        length = PyUnicode_GET_LENGTH(value);
    } else {
        text = PyUnicode_AsUTF8AndSize(value, &length);
    }
    if (!text) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            return -1;
        }
        PyErr_Clear();
        return refuse(enc, PyExc_ValueError,
                      "cannot send a str with a lone surrogate, which no other language can "
                      "hold; send bytes (os.fsencode() for a file name)");
    }
    if ((size_t)length > UINT32_MAX) {
        return refuse(enc, PyExc_ValueError, "%zd bytes are more than one value can hold", length);
    }
    msgpack_packer pk = packer(enc);
    return msgpack_pack_str(&pk, (size_t)length) < 0 ? -1 : msgpack_pack_str_body(&pk, text, (size_t)length);
}

static int encode_bin(encoder *enc, const void *bytes, Py_ssize_t length)
{
    if ((size_t)length > UINT32_MAX) {
        return refuse(enc, PyExc_ValueError, "%zd bytes are more than one value can hold", length);
    }
    msgpack_packer pk = packer(enc);
    return msgpack_pack_bin(&pk, (size_t)length) < 0 ? -1 : msgpack_pack_bin_body(&pk, bytes, (size_t)length);
}

static int encode_bytes(encoder *enc, PyObject *value)
{
    return encode_bin(enc, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
}

/* A number that is no int but means one: numpy's, say. */
static int encode_index(encoder *enc, PyObject *value)
{
    PyObject *number = PyNumber_Index(value);
    if (!number) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
            return -1;
        }
        PyErr_Clear();
        return refuse_type(enc, value);
    }
    int result = encode_int(enc, number);
    Py_DECREF(number);
    return result;
}

/* Anything that shows its memory: bytearray, memoryview, array. A scalar that does so is a number, not bytes. */
static int encode_buffer(encoder *enc, PyObject *value)
{
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_ND) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError) && !PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear();
        return refuse(enc, PyExc_TypeError,
                      "cannot send an object of type %.200s whose memory is not contiguous; send bytes(...) of it",
                      Py_TYPE(value)->tp_name);
    }
    bool scalar = view.ndim == 0;
    int result = scalar ? 0 : encode_bin(enc, view.buf, view.len);
    PyBuffer_Release(&view);
    if (!scalar) {
        return result;
    }
    return PyIndex_Check(value) ? encode_index(enc, value) : refuse_type(enc, value);
}

/* ---- sequences and maps ---- */

static int enter(encoder *enc, Py_ssize_t count, unsigned nodes_each)
{
    if (enc->depth == 0) {
        enc->limits = ipc_get_value_limits();
    }
    if (enc->depth == enc->limits.max_depth + enc->around) {
        return refuse(enc, ipc__py_class_of(IPC_EDEPTH), "nested deeper than %u levels, or contained in itself",
                      (unsigned)enc->limits.max_depth);
    }
    enc->nodes += nodes_each * (uint64_t)count;
    if ((uint64_t)count > enc->limits.max_elements || enc->nodes > enc->limits.max_elements) {
        return refuse(enc, ipc__py_class_of(IPC_EELEMENTS), "more than %u values in one",
                      (unsigned)enc->limits.max_elements);
    }
    enc->depth++;
    return 0;
}

static int changed(const char *what)
{
    PyErr_Format(PyExc_RuntimeError, "%s changed while it was sent", what);
    return -1;
}

static int encode_list(encoder *enc, PyObject *value)
{
    Py_ssize_t count = PyList_GET_SIZE(value);
    msgpack_packer pk = packer(enc);
    if (enter(enc, count, 1) < 0 || msgpack_pack_array(&pk, (size_t)count) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (PyList_GET_SIZE(value) != count) {
            return changed("a list");
        }
        PyObject *item = Py_NewRef(PyList_GET_ITEM(value, i));
        int result = encode(enc, item);
        Py_DECREF(item);
        if (result < 0) {
            return blame(enc, NULL, i);
        }
    }
    enc->depth--;
    return 0;
}

static int encode_tuple(encoder *enc, PyObject *value)
{
    Py_ssize_t count = PyTuple_GET_SIZE(value);
    msgpack_packer pk = packer(enc);
    if (enter(enc, count, 1) < 0 || msgpack_pack_array(&pk, (size_t)count) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (encode(enc, PyTuple_GET_ITEM(value, i)) < 0) {
            return blame(enc, NULL, i);
        }
    }
    enc->depth--;
    return 0;
}

static int encode_key(encoder *enc, PyObject *key)
{
    if (PyUnicode_CheckExact(key)) {
        return encode_str(enc, key);
    }
    const unsigned long no_scalar =
        Py_TPFLAGS_TUPLE_SUBCLASS | Py_TPFLAGS_LIST_SUBCLASS | Py_TPFLAGS_DICT_SUBCLASS | Py_TPFLAGS_BASE_EXC_SUBCLASS;
    if (PyType_HasFeature(Py_TYPE(key), no_scalar) || PyAnySet_Check(key)) {
        return refuse(enc, PyExc_TypeError,
                      "cannot send a dict with a key of type %.200s; keys are None, bool, int, float, str, bytes or an "
                      "aware datetime",
                      Py_TYPE(key)->tp_name);
    }
    return encode(enc, key);
}

static int encode_pair(encoder *enc, PyObject *key, PyObject *value)
{
    if (encode_key(enc, key) < 0) {
        return -1;
    }
    return encode(enc, value) < 0 ? blame(enc, key, 0) : 0;
}

static int encode_dict(encoder *enc, PyObject *dict)
{
    Py_ssize_t count = PyDict_GET_SIZE(dict);
    msgpack_packer pk = packer(enc);
    if (enter(enc, count, 2) < 0 || msgpack_pack_map(&pk, (size_t)count) < 0) {
        return -1;
    }
    Py_ssize_t at = 0;
    Py_ssize_t done = 0;
    PyObject *key, *value;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (done++ == count) {
            return changed("a dict");
        }
        Py_INCREF(key);
        Py_INCREF(value);
        int result = encode_pair(enc, key, value);
        Py_DECREF(key);
        Py_DECREF(value);
        if (result < 0) {
            return -1;
        }
    }
    if (done != count) {
        return changed("a dict");
    }
    enc->depth--;
    return 0;
}

/* ---- any value ---- */

/* Values that are none of the built-in types themselves: classes derived from those, and the rarer kinds. */
static int encode_other(encoder *enc, PyObject *value)
{
    if (PyUnicode_Check(value)) {
        return encode_str(enc, value);
    }
    if (PyLong_Check(value)) {
        return encode_int(enc, value);
    }
    if (PyFloat_Check(value)) {
        return encode_float(enc, value);
    }
    if (PyBytes_Check(value)) {
        return encode_bytes(enc, value);
    }
    if (PyDict_Check(value)) {
        return encode_dict(enc, value);
    }
    if (PyList_Check(value)) {
        return encode_list(enc, value);
    }
    if (ipc__py_is_ext(value)) {
        int8_t type;
        PyObject *body = ipc__py_ext_body(value, &type);
        return encode_ext(enc, type, body);
    }
    if (PyTuple_Check(value)) {
        return encode_tuple(enc, value);
    }
    if (ipc__py_is_moment(value)) {
        return encode_moment(enc, value);
    }
    if (enc->stored && ipc__py_is_handle(value)) {
        return encode_handle(enc, value);
    }
    if (PyExceptionInstance_Check(value)) {
        return encode_ext(enc, IPC_EXT_ERROR, ipc__py_error_body(value));
    }
    if (PyObject_CheckBuffer(value)) {
        return encode_buffer(enc, value);
    }
    return PyIndex_Check(value) ? encode_index(enc, value) : refuse_type(enc, value);
}

static int encode(encoder *enc, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type) {
        return encode_str(enc, value);
    }
    if (type == &PyLong_Type) {
        return encode_int(enc, value);
    }
    if (type == &PyDict_Type) {
        return encode_dict(enc, value);
    }
    if (type == &PyBytes_Type) {
        return encode_bytes(enc, value);
    }
    if (type == &PyFloat_Type) {
        return encode_float(enc, value);
    }
    if (type == &PyList_Type) {
        return encode_list(enc, value);
    }
    if (type == &PyTuple_Type) {
        return encode_tuple(enc, value);
    }
    msgpack_packer pk = packer(enc);
    if (value == Py_None) {
        return msgpack_pack_nil(&pk);
    }
    if (type == &PyBool_Type) {
        return value == Py_True ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk);
    }
    return encode_other(enc, value);
}

static inline bool pack(ipc__py_buffer *out, PyObject *value, unsigned around, bool stored)
{
    encoder enc;
    enc.out = out;
    enc.nodes = 1;
    enc.depth = 0;
    enc.around = around;
    enc.stored = stored;
    enc.refused = false;
    enc.steps = 0;
    size_t before = out->length;
    if (encode(&enc, value) == 0) {
        return true;
    }
    if (enc.refused && enc.steps > 0) {
        add_path(&enc);
    }
    while (enc.steps > 0) {
        Py_XDECREF(enc.path[--enc.steps].key);
    }
    out->length = before;
    return false;
}

bool ipc__py_pack_into(ipc__py_buffer *out, PyObject *value)
{
    return pack(out, value, 0, false);
}

bool ipc__py_pack_stored(ipc__py_buffer *out, PyObject *value, unsigned around)
{
    return pack(out, value, around, true);
}

bool ipc__py_pack_head(ipc__py_buffer *out, size_t count)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, write_bytes);
    return msgpack_pack_array(&pk, count) == 0;
}

bool ipc__py_pack_int(ipc__py_buffer *out, int64_t number)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, write_bytes);
    return msgpack_pack_int64(&pk, number) == 0;
}

ipc__py_buffer *ipc__py_pack(PyObject *value)
{
    ipc__py_buffer *out = ipc__py_buffer_take();
    if (out && !ipc__py_pack_into(out, value)) {
        ipc__py_buffer_give_back(out);
        return NULL;
    }
    return out;
}

PyObject *ipc__py_pack_bytes(PyObject *value)
{
    ipc__py_buffer *packed = ipc__py_pack(value);
    if (!packed) {
        return NULL;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(packed->data, (Py_ssize_t)packed->length);
    ipc__py_buffer_give_back(packed);
    return bytes;
}
