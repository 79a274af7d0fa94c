/*
 * The extensions: moments, integers beyond 64 bits, exceptions, and the ones that Python has no type for.
 * Touches Python objects, the module datetime and libipc._values. The GIL is held.
 */
#include "binding.h"

#include <datetime.h>
#include <endian.h>
#include <string.h>

enum { SECONDS_PER_DAY = 86400, MAX_DAYS = 999999999 };

static PyObject *ext_class;     /* libipc._values.Ext */
static PyObject *error_parts;   /* libipc._values.error_parts(exception) -> (type name, text) */
static PyObject *error_rebuild; /* libipc._values.error_rebuild(type name, text) -> exception */
static PyObject *epoch;         /* the datetime 1970-01-01 00:00 UTC */

static PyObject *make_epoch(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI ? PyDateTimeAPI->DateTime_FromDateAndTime(1970, 1, 1, 0, 0, 0, 0, PyDateTime_TimeZone_UTC,
                                                                   PyDateTimeAPI->DateTimeType)
                         : NULL;
}

bool ipc__py_ext_init(void)
{
    PyObject *values = PyImport_ImportModule("libipc._values");
    if (!values) {
        return false;
    }
    Py_XSETREF(ext_class, PyObject_GetAttrString(values, "Ext"));
    Py_XSETREF(error_parts, PyObject_GetAttrString(values, "error_parts"));
    Py_XSETREF(error_rebuild, PyObject_GetAttrString(values, "error_rebuild"));
    Py_DECREF(values);
    Py_XSETREF(epoch, make_epoch());
    return ext_class && error_parts && error_rebuild && epoch;
}

/* ---- integers beyond 64 bits ---- */

static PyObject *call_with_sign(PyObject *callable, PyObject *first, PyObject *second)
{
    PyObject *args = Py_BuildValue("(OO)", first, second);
    PyObject *kwargs = args ? Py_BuildValue("{s:O}", "signed", Py_True) : NULL;
    PyObject *result = kwargs ? PyObject_Call(callable, args, kwargs) : NULL;
    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    return result;
}

/* The fewest bytes that hold the number in two's complement. */
static PyObject *bigint_length(PyObject *value)
{
    int negative = PyObject_RichCompareBool(value, Py_False, Py_LT);
    if (negative < 0) {
        return NULL;
    }
    PyObject *magnitude = negative ? PyNumber_Invert(value) : Py_NewRef(value);
    PyObject *bits = magnitude ? PyObject_CallMethod(magnitude, "bit_length", NULL) : NULL;
    size_t count = bits ? PyLong_AsSize_t(bits) : 0;
    Py_XDECREF(bits);
    Py_XDECREF(magnitude);
    return PyErr_Occurred() ? NULL : PyLong_FromSize_t(count / 8 + 1);
}

PyObject *ipc__py_bigint_body(PyObject *value)
{
    PyObject *length = bigint_length(value);
    PyObject *order = length ? PyUnicode_FromString("big") : NULL;
    PyObject *method = order ? PyObject_GetAttrString(value, "to_bytes") : NULL;
    PyObject *body = method ? call_with_sign(method, length, order) : NULL;
    Py_XDECREF(method);
    Py_XDECREF(order);
    Py_XDECREF(length);
    return body;
}

static PyObject *bigint_decode(PyObject *body)
{
    PyObject *order = PyUnicode_FromString("big");
    PyObject *method = order ? PyObject_GetAttrString((PyObject *)&PyLong_Type, "from_bytes") : NULL;
    PyObject *value = method ? call_with_sign(method, body, order) : NULL;
    Py_XDECREF(method);
    Py_XDECREF(order);
    return value;
}

/* ---- moments ---- */

bool ipc__py_is_moment(PyObject *value)
{
    return PyDateTime_Check(value);
}

bool ipc__py_moment(PyObject *value, struct timespec *moment)
{
    if (PyDateTime_DATE_GET_TZINFO(value) == Py_None) {
        PyErr_SetString(PyExc_TypeError, "cannot send a datetime without a time zone, which is no moment; "
                                         "send dt.astimezone() or datetime.now(timezone.utc)");
        return false;
    }
    PyObject *since = PyNumber_Subtract(value, epoch);
    if (!since) {
        return false;
    }
    moment->tv_sec = (time_t)PyDateTime_DELTA_GET_DAYS(since) * SECONDS_PER_DAY + PyDateTime_DELTA_GET_SECONDS(since);
    moment->tv_nsec = PyDateTime_DELTA_GET_MICROSECONDS(since) * 1000L;
    Py_DECREF(since);
    return true;
}

static bool moment_read(const char *body, size_t length, int64_t *seconds, uint32_t *nanoseconds)
{
    uint32_t word = 0;
    uint64_t wide = 0;
    switch (length) {
    case 4:
        memcpy(&word, body, 4);
        *seconds = be32toh(word);
        *nanoseconds = 0;
        return true;
    case 8:
        memcpy(&wide, body, 8);
        wide = be64toh(wide);
        *seconds = (int64_t)(wide & ((UINT64_C(1) << 34) - 1));
        *nanoseconds = (uint32_t)(wide >> 34);
        return true;
    case 12:
        memcpy(&word, body, 4);
        memcpy(&wide, body + 4, 8);
        *seconds = (int64_t)be64toh(wide);
        *nanoseconds = be32toh(word);
        return true;
    default:
        return false;
    }
}

/* Python counts microseconds: what is finer is cut off. */
static PyObject *moment_decode(const char *body, size_t length)
{
    int64_t seconds;
    uint32_t nanoseconds;
    if (!moment_read(body, length, &seconds, &nanoseconds) || nanoseconds >= 1000000000) {
        return NULL;
    }
    int64_t second = seconds % SECONDS_PER_DAY;
    int64_t day = seconds / SECONDS_PER_DAY;
    if (second < 0) {
        second += SECONDS_PER_DAY;
        day--;
    }
    if (day < -MAX_DAYS || day > MAX_DAYS) {
        return NULL;
    }
    PyObject *since = PyDelta_FromDSU((int)day, (int)second, (int)(nanoseconds / 1000));
    PyObject *moment = since ? PyNumber_Add(epoch, since) : NULL;
    Py_XDECREF(since);
    return moment;
}

/* ---- exceptions ---- */

PyObject *ipc__py_error_body(PyObject *value)
{
    PyObject *parts = PyObject_CallOneArg(error_parts, value);
    PyObject *body = parts ? ipc__py_pack_bytes(parts) : NULL;
    Py_XDECREF(parts);
    return body;
}

static PyObject *error_decode(const char *body, size_t length)
{
    ipc_msg *msg;
    if (ipc_msg_from_bytes(&msg, body, length) != IPC_OK) {
        return NULL;
    }
    PyObject *parts = ipc__py_unpack_free(msg);
    PyObject *error = parts ? PyObject_CallOneArg(error_rebuild, parts) : NULL;
    Py_XDECREF(parts);
    return error;
}

/* ---- what Python has no type for ---- */

bool ipc__py_is_ext(PyObject *value)
{
    return Py_IS_TYPE(value, (PyTypeObject *)ext_class);
}

PyObject *ipc__py_ext_body(PyObject *value, int8_t *type)
{
    long code;
    PyObject *body;
    if (!PyArg_ParseTuple(value, "lS;libipc.Ext holds a code and bytes", &code, &body)) {
        return NULL;
    }
    if (code < INT8_MIN || code > INT8_MAX) {
        PyErr_Format(PyExc_ValueError, "an extension's code is a number from -128 to 127, not %ld", code);
        return NULL;
    }
    *type = (int8_t)code;
    return Py_NewRef(body);
}

static PyObject *decode_known(int8_t type, const char *body, size_t length, PyObject *bytes)
{
    switch (type) {
    case IPC_EXT_TIMESTAMP:
        return moment_decode(body, length);
    case IPC_EXT_BIGINT:
        return length > 0 ? bigint_decode(bytes) : NULL;
    case IPC_EXT_ERROR:
        return error_decode(body, length);
    default:
        return NULL;
    }
}

PyObject *ipc__py_ext_decode(int8_t type, const char *body, size_t length)
{
    PyObject *bytes = PyBytes_FromStringAndSize(body, (Py_ssize_t)length);
    if (!bytes) {
        return NULL;
    }
    PyObject *value = decode_known(type, body, length, bytes);
    if (!value && (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_Exception))) {
        /* An item that was taken must not get lost because of one strange element. */
        PyErr_Clear();
        value = PyObject_CallFunction(ext_class, "iO", (int)type, bytes);
    }
    Py_DECREF(bytes);
    return value;
}
