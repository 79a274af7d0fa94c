/*
 * The extension module libipc._core: the shared classes, and how Python's values, errors and timeouts get in and out.
 * Touches what bindings/swig declares; the C parts are in the .c files beside it, the idioms in libipc/*.py.
 * Locks nothing: the GIL is held, and given up by the wait hooks only while the library sleeps.
 */
%module(package="libipc") _core

%{
#include "binding.h"

#define IPC_BINDING_LANGUAGE "python"
#define IPC_ENTER const ipc_wait_hooks *outer = ipc__py_enter();
#define IPC_LEAVE ipc__py_leave(outer);
%}

/* ---- values ---- */

%typemap(in) (const void *bytes, size_t length) (ipc__py_buffer *packed = NULL) {
    packed = ipc__py_pack($input);
    if (!packed) {
        SWIG_fail;
    }
    $1 = packed->data;
    $2 = packed->length;
}
%typemap(freearg) (const void *bytes, size_t length) {
    if (packed$argnum) {
        ipc__py_buffer_give_back(packed$argnum);
    }
}

%typemap(in, numinputs=0) ipc_msg **value (ipc_msg *msg = NULL) "$1 = &msg;"
%typemap(argout) ipc_msg **value {
    Py_XSETREF($result, ipc__py_unpack_free(*$1));
    if (!$result) {
        SWIG_fail;
    }
}

/* ---- results ---- */

/* An interrupted call may succeed in the same moment: the handler's exception is raised nevertheless. */
%typemap(out) ipc_err {
    if ($1 != IPC_OK || PyErr_Occurred()) {
        ipc__py_raise($1);
        SWIG_fail;
    }
    $result = SWIG_Py_Void();
}

/* Whether it came in time. */
%typemap(out) ipc_err ipc_lock::acquire {
    if ($1 != IPC_OK && ($1 != IPC_ETIMEOUT || PyErr_Occurred())) {
        ipc__py_raise($1);
        SWIG_fail;
    }
    $result = PyBool_FromLong($1 == IPC_OK);
}
%typemap(out) ipc_err ipc_array::acquire = ipc_err ipc_lock::acquire;
%typemap(out) ipc_err ipc_condition::acquire = ipc_err ipc_lock::acquire;
%typemap(out) ipc_err ipc_semaphore::acquire = ipc_err ipc_lock::acquire;
%typemap(out) ipc_err ipc_event::wait {
    if (PyErr_Occurred() || ($1 != IPC_OK && $1 != IPC_ETIMEOUT)) {
        ipc__py_raise($1);
        SWIG_fail;
    }
    $result = PyBool_FromLong($1 == IPC_OK);
}

%typemap(in, numinputs=0) ipc_err *failed (ipc_err err = IPC_OK) "$1 = &err;"
%typemap(argout) ipc_err *failed {
    if (*$1 != IPC_OK) {
        ipc__py_raise(*$1);
        SWIG_fail;
    }
}

%typemap(in, numinputs=0) bool *answer (bool temp = false) "$1 = &temp;"
%typemap(argout) bool *answer "Py_XSETREF($result, PyBool_FromLong(*$1));"
%typemap(argout) int *descriptor "Py_XSETREF($result, PyLong_FromLong(*$1));"
%typemap(in, numinputs=0) uint64_t *count (uint64_t temp = 0) "$1 = &temp;"
%typemap(argout) uint64_t *count "Py_XSETREF($result, PyLong_FromUnsignedLongLong(*$1));"

/* Several results make a tuple, in their order. */
%typemap(in, numinputs=0) ipc_grant *grant (ipc_grant temp = {0}) "$1 = &temp;"
%typemap(argout) ipc_grant *grant {
    $result = Py_BuildValue("(NKN)", $result, (unsigned long long)$1->fence, PyBool_FromLong($1->abandoned));
}
%typemap(in, numinputs=0) bool *locked (bool temp = false) "$1 = &temp;"
%typemap(argout) bool *locked "Py_XSETREF($result, PyBool_FromLong(*$1));"
%typemap(in, numinputs=0) bool *mine (bool temp = false) "$1 = &temp;"
%typemap(argout) bool *mine "$result = Py_BuildValue(\"(NN)\", $result, PyBool_FromLong(*$1));"
%typemap(in, numinputs=0) uint64_t *index (uint64_t temp = 0) "$1 = &temp;"
%typemap(argout) uint64_t *index "Py_XSETREF($result, PyLong_FromUnsignedLongLong(*$1));"
%typemap(in, numinputs=0) bool *act = bool *mine;
%typemap(argout) bool *act = bool *mine;
%typemap(in, numinputs=0) ipc_barrier_info *info (ipc_barrier_info temp = {0}) "$1 = &temp;"
%typemap(argout) ipc_barrier_info *info {
    Py_XSETREF($result, Py_BuildValue("(KKN)", (unsigned long long)$1->parties, (unsigned long long)$1->waiting,
                                      PyBool_FromLong($1->broken)));
}

/* ---- arguments ---- */

%typemap(in) int64_t timeout_ms {
    if (!ipc__py_timeout($input, &$1)) {
        SWIG_fail;
    }
}

%typemap(in) const char *name {
    if (!ipc__py_text($input, &$1)) {
        SWIG_fail;
    }
}
%typemap(freearg) const char *name ""
%apply const char *name { const char *program, const char *dead_letter, const char *typecode };

%define IPC_NUMBER(Type, Name, Largest)
%typemap(in) Type Name (uint64_t number) {
    if (!ipc__py_number($input, "Name", Largest, &number)) {
        SWIG_fail;
    }
    $1 = (Type)number;
}
%enddef
IPC_NUMBER(uint64_t, maxsize, UINT64_MAX)
IPC_NUMBER(uint32_t, max_deliveries, UINT32_MAX)
IPC_NUMBER(uint32_t, max_depth, UINT32_MAX)
IPC_NUMBER(uint32_t, max_elements, UINT32_MAX)
IPC_NUMBER(uint32_t, max_sessions, UINT32_MAX)
IPC_NUMBER(uint32_t, max_objects, UINT32_MAX)
IPC_NUMBER(uint64_t, max_memory, UINT64_MAX)
IPC_NUMBER(uint32_t, max_message, UINT32_MAX)
IPC_NUMBER(uint32_t, max_name, UINT32_MAX)
IPC_NUMBER(uint32_t, max_waiting, UINT32_MAX)
IPC_NUMBER(uint64_t, numbers, UINT64_MAX)
IPC_NUMBER(uint32_t, value, UINT32_MAX)
IPC_NUMBER(uint32_t, count, UINT32_MAX)
IPC_NUMBER(uint32_t, parties, UINT32_MAX)
IPC_NUMBER(uint32_t, depth, UINT32_MAX)

%typemap(in) ipc_conn *conn {
    if (!ipc__py_conn($input, &$1)) {
        SWIG_fail;
    }
}

/* What ends something waits for the threads that are inside, which need the GIL to get out; and it cannot raise. */
%define IPC_ENDS(Function)
%exception Function %{
    Py_BEGIN_ALLOW_THREADS
    $action
    Py_END_ALLOW_THREADS
%}
%enddef

IPC_ENDS(ipc_conn::close)
IPC_ENDS(ipc_conn::fail)
IPC_ENDS(ipc_fail_all)
IPC_ENDS(ipc_queue::close)
IPC_ENDS(ipc_pipe::close)
IPC_ENDS(ipc_lock::close)
IPC_ENDS(ipc_semaphore::close)
IPC_ENDS(ipc_event::close)
IPC_ENDS(ipc_condition::close)
IPC_ENDS(ipc_barrier::close)
IPC_ENDS(ipc_dict::close)
IPC_ENDS(ipc_list::close)
IPC_ENDS(ipc_array::close)
IPC_ENDS(ipc_hub::stop)

/* What was acquired in the moment in which a signal handler raised is given back: nobody would know of it. */
%define IPC_UNDONE(Function, Undo...)
%exception Function %{
    {
        IPC_ENTER
        $action
        if (result == IPC_OK && PyErr_Occurred()) {
            PyObject *type, *error, *traceback;
            PyErr_Fetch(&type, &error, &traceback);
            Undo;
            PyErr_Restore(type, error, traceback);
            result = IPC_EINTR;
        }
        IPC_LEAVE
    }
%}
%enddef

IPC_UNDONE(ipc_lock::acquire, ipc_lock_release(arg1))
IPC_UNDONE(ipc_array::acquire, ipc_array_release(arg1))
IPC_UNDONE(ipc_condition::acquire, ipc_condition_release(arg1))
IPC_UNDONE(ipc_semaphore::acquire, ipc_semaphore_release(arg1, 1))
IPC_UNDONE(ipc_barrier::wait, (void)(*arg5 && ipc_barrier_pass(arg1, false)))

/* SWIG's own conversion of self takes an object that was never initialised for granted, and crashes on it. */
%define IPC_SELF(Type)
%typemap(in) struct Type *self {
    $1 = ipc__py_pointer($input);
    if (!$1) {
        SWIG_fail;
    }
}
%feature("python:tp_new") Type %{ipc__py_new_##Type%}
IPC_ENDS(Type::~Type)
%{
static PyObject *ipc__py_new_##Type(PyTypeObject *cls, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    return ipc__py_blank(cls, SWIGTYPE_p_##Type);
}
%}
%enddef

%{
/* An object without a pointer: SWIG wants to know its type nevertheless. */
static PyObject *ipc__py_blank(PyTypeObject *cls, swig_type_info *type)
{
    PyObject *self = cls->tp_alloc(cls, 0);
    if (self) {
        ((SwigPyObject *)self)->ty = type;
    }
    return self;
}
%}

IPC_SELF(ipc_msg)
IPC_SELF(ipc_conn)
IPC_SELF(ipc_queue)
IPC_SELF(ipc_pipe)
IPC_SELF(ipc_lock)
IPC_SELF(ipc_semaphore)
IPC_SELF(ipc_event)
IPC_SELF(ipc_condition)
IPC_SELF(ipc_barrier)
IPC_SELF(ipc_dict)
IPC_SELF(ipc_list)
IPC_SELF(ipc_array)
IPC_SELF(ipc_hub)

/* ---- module functions ---- */

%rename(errors) ipc__py_error_list;
PyObject *ipc__py_error_list(void);
%rename(set_exceptions) ipc__py_set_exceptions;
PyObject *ipc__py_set_exceptions(PyObject *classes);
%rename(set_handles) ipc__py_set_handles;
PyObject *ipc__py_set_handles(PyObject *refer, PyObject *open);
%rename(drain) ipc__py_drain;
PyObject *ipc__py_drain(void);
%rename(call_cancellable) ipc__py_call_cancellable;
PyObject *ipc__py_call_cancellable(PyObject *token, PyObject *callable);
%rename(wait) ipc__py_wait;
PyObject *ipc__py_wait(PyObject *object_list, PyObject *timeout);
%rename(pack) ipc__py_pack_bytes;
PyObject *ipc__py_pack_bytes(PyObject *value);
%rename(unpack) ipc__py_unpack_bytes;
PyObject *ipc__py_unpack_bytes(PyObject *packed);

%define IPC_ATTACH(Kind)
%rename(attach_##Kind) ipc__py_attach_##Kind;
PyObject *ipc__py_attach_##Kind(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
%enddef
IPC_ATTACH(lock)
IPC_ATTACH(semaphore)
IPC_ATTACH(event)
IPC_ATTACH(condition)
IPC_ATTACH(barrier)
IPC_ATTACH(dict)
IPC_ATTACH(list)
IPC_ATTACH(array)

/* ---- the classes ---- */

/* calls.c, batch.c, bytes.c, loan.c and make.c have these. */
%ignore ipc_queue::put_packed;
%ignore ipc_queue::put_confirm_packed;
%ignore ipc_queue::get;
%ignore ipc_queue::take;
%ignore ipc_queue::from_ticket;
%ignore ipc_pipe::send_packed;
%ignore ipc_pipe::send_bytes;
%ignore ipc_pipe::recv;
%ignore ipc_pipe::poll;
%ignore ipc_pipe::from_ticket;
%ignore ipc_pipe::both;

/* container.c has these. */
%ignore ipc_dict::invoke;
%ignore ipc_list::invoke;
%ignore ipc_array::invoke;

/* Below. */
%ignore ipc_lock::from_ticket;
%ignore ipc_semaphore::from_ticket;
%ignore ipc_event::from_ticket;
%ignore ipc_condition::from_ticket;
%ignore ipc_barrier::from_ticket;
%ignore ipc_dict::from_ticket;
%ignore ipc_list::from_ticket;
%ignore ipc_array::from_ticket;
%ignore ipc_condition::wait;
%ignore ipc_lock::recursive;

%rename(_wait) ipc_condition::wait_again;
%rename(_refer) refer;
%rename(_peek) ipc_lock::peek;
%rename(_peek) ipc_array::peek;
%rename(_names) ipc_dict::names;
%rename(_length) ipc_array::length;
%rename(_scalar) ipc_array::scalar;
%rename(_value) ipc_semaphore::value;
%rename(_pass) ipc_barrier::pass;
%rename(_look) ipc_barrier::stat;

/* Only JoinableQueue has these two under their own names; libipc.Item calls the next two. */
%rename(_task_done) ipc_queue::task_done;
%rename(_join) ipc_queue::join;
%rename(_done) ipc_queue::done;
%rename(_release) ipc_queue::release;

%constant int OPEN_AS_IS = IPC_OPEN_AS_IS;

%include "common.i"

%extend ipc_condition {
    ipc_err wait_again(int64_t timeout_ms, uint32_t depth, bool *answer, ipc_grant *grant);
}

%{
void *ipc__py_pointer(PyObject *self)
{
    void *pointer = ((SwigPyObject *)self)->ptr;
    if (!pointer) {
        PyErr_Format(PyExc_ValueError, "this %s was never opened: its class's __init__ did not run, or it failed",
                     Py_TYPE(self)->tp_name);
    }
    return pointer;
}

bool ipc__py_conn(PyObject *object, ipc_conn **conn)
{
    void *pointer = NULL;
    if (object == Py_None) {
        *conn = NULL;
        return true;
    }
    if (SWIG_IsOK(SWIG_ConvertPtr(object, &pointer, SWIGTYPE_p_ipc_conn, 0))) {
        *conn = ipc__py_pointer(object);
        return *conn != NULL;
    }
    PyErr_Format(PyExc_TypeError, "a connection or None, not %s", Py_TYPE(object)->tp_name);
    return false;
}

static PyObject *ipc__py_own(PyObject *cls, void *pointer, swig_type_info *type)
{
    PyObject *self = ipc__py_blank((PyTypeObject *)cls, type);
    return self ? SWIG_Python_NewPointerObj(self, pointer, type, SWIG_BUILTIN_TP_INIT | SWIG_POINTER_OWN) : NULL;
}

PyObject *ipc__py_own_queue(PyObject *cls, ipc_queue *queue)
{
    PyObject *self = ipc__py_own(cls, queue, SWIGTYPE_p_ipc_queue);
    if (!self) {
        ipc_queue_free(queue);
    }
    return self;
}

PyObject *ipc__py_own_pipe(PyObject *cls, ipc_pipe *pipe)
{
    PyObject *self = ipc__py_own(cls, pipe, SWIGTYPE_p_ipc_pipe);
    if (!self) {
        ipc_pipe_free(pipe);
    }
    return self;
}

/* Attach to what a ticket is for, as an object of the caller's class, which is derived from SWIG's. */
#define IPC_ATTACH(kind)                                                                                               \
    static PyHeapTypeObject SwigPyBuiltin__ipc_##kind##_type;                                                          \
    PyObject *ipc__py_attach_##kind(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length)                   \
    {                                                                                                                  \
        if (!PyType_Check(cls) ||                                                                                      \
            !PyType_IsSubtype((PyTypeObject *)cls, (PyTypeObject *)&SwigPyBuiltin__ipc_##kind##_type)) {               \
            return PyErr_Format(PyExc_TypeError, "a class derived from " #kind ", not %R", cls);                       \
        }                                                                                                              \
        ipc_err err;                                                                                                   \
        IPC_ENTER                                                                                                      \
        ipc_##kind *handle = ipc_##kind##_from_ticket(conn, bytes, length, &err);                                      \
        IPC_LEAVE                                                                                                      \
        PyObject *self = err ? ipc__py_raise(err) : ipc__py_own(cls, handle, SWIGTYPE_p_ipc_##kind);                   \
        if (!self) {                                                                                                   \
            ipc_##kind##_free(handle);                                                                                 \
        }                                                                                                              \
        return self;                                                                                                   \
    }

IPC_ATTACH(lock)
IPC_ATTACH(semaphore)
IPC_ATTACH(event)
IPC_ATTACH(condition)
IPC_ATTACH(barrier)
IPC_ATTACH(dict)
IPC_ATTACH(list)
IPC_ATTACH(array)

static PyHeapTypeObject SwigPyBuiltin__ipc_queue_type;
static PyHeapTypeObject SwigPyBuiltin__ipc_pipe_type;

bool ipc__py_is_handle(PyObject *object)
{
    static PyHeapTypeObject *const types[] = {
        &SwigPyBuiltin__ipc_dict_type,      &SwigPyBuiltin__ipc_list_type,    &SwigPyBuiltin__ipc_array_type,
        &SwigPyBuiltin__ipc_queue_type,     &SwigPyBuiltin__ipc_lock_type,    &SwigPyBuiltin__ipc_semaphore_type,
        &SwigPyBuiltin__ipc_event_type,     &SwigPyBuiltin__ipc_barrier_type, &SwigPyBuiltin__ipc_pipe_type,
        &SwigPyBuiltin__ipc_condition_type,
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (PyObject_TypeCheck(object, (PyTypeObject *)types[i])) {
            return true;
        }
    }
    return false;
}

static bool forget(PyTypeObject *type, const char *name)
{
    return !PyDict_GetItemString(type->tp_dict, name) || PyDict_DelItemString(type->tp_dict, name) == 0;
}

/* SWIG gives every class methods for who owns the pointer. Here it is the object that does, from its birth to its end. */
static bool forget_swigs(PyObject *module)
{
    static const char *const methods[] = {"acquire", "append", "disown", "next", "own"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!forget(SwigPyObject_type(), methods[i])) {
            return false;
        }
    }
    PyType_Modified(SwigPyObject_type());
    Py_ssize_t at = 0;
    PyObject *key, *value;
    while (PyDict_Next(PyModule_GetDict(module), &at, &key, &value)) {
        if (!PyType_Check(value) || !PyType_IsSubtype((PyTypeObject *)value, SwigPyObject_type())) {
            continue;
        }
        if (!forget((PyTypeObject *)value, "this") || !forget((PyTypeObject *)value, "thisown")) {
            return false;
        }
        PyType_Modified((PyTypeObject *)value);
    }
    return true;
}

PyObject *ipc__py_own_msg(ipc_msg *msg)
{
    PyObject *self = SWIG_Python_NewPointerObj(NULL, msg, SWIGTYPE_p_ipc_msg, SWIG_POINTER_OWN);
    if (!self) {
        ipc_msg_free(msg);
    }
    return self;
}
%}

%init %{
    if (!forget_swigs(m) || !ipc__py_buffer_init() || !ipc__py_wait_init() || !ipc__py_ext_init() ||
        !ipc__py_loan_init() ||
        !ipc__py_add_calls((PyTypeObject *)&SwigPyBuiltin__ipc_queue_type,
                           (PyTypeObject *)&SwigPyBuiltin__ipc_pipe_type) ||
        !ipc__py_add_containers((PyTypeObject *)&SwigPyBuiltin__ipc_dict_type,
                                (PyTypeObject *)&SwigPyBuiltin__ipc_list_type,
                                (PyTypeObject *)&SwigPyBuiltin__ipc_array_type)) {
        return NULL;
    }
%}
