/*
 * What the parts of the extension module share.
 * Touches Python objects and the public C library. Everything here is called with the GIL held.
 */
#ifndef IPC__PY_BINDING_H
#define IPC__PY_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <ipc/ipc.h>
#include <stdbool.h>
#include <time.h>

/* ---- buffers (buffer.c) ---- */

/* Where values are packed. One a thread is kept and used again. */
typedef struct ipc__py_buffer {
    char *data;
    size_t length;
    size_t capacity;
    bool busy; /* a call further out in this thread is using it */
} ipc__py_buffer;

bool ipc__py_buffer_init(void);

/* An empty buffer. NULL: MemoryError. */
ipc__py_buffer *ipc__py_buffer_take(void);

void ipc__py_buffer_give_back(ipc__py_buffer *buffer);

/* Make room for more bytes behind length. False: MemoryError. */
bool ipc__py_buffer_grow(ipc__py_buffer *buffer, size_t more);

/* ---- values (encode.c, decode.c, ext.c) ---- */

/* Pack a value; the buffer is to be given back. NULL: an exception that says which element cannot be sent, and why. */
ipc__py_buffer *ipc__py_pack(PyObject *value);

/* Pack a value behind what is there. False: an exception, and nothing was added. */
bool ipc__py_pack_into(ipc__py_buffer *out, PyObject *value);

/* The same for a container: handles become references, and *around* more levels are allowed, those of the method. */
bool ipc__py_pack_stored(ipc__py_buffer *out, PyObject *value, unsigned around);

/* Parts of a method's arguments. False: MemoryError. */
bool ipc__py_pack_head(ipc__py_buffer *out, size_t count);
bool ipc__py_pack_int(ipc__py_buffer *out, int64_t number);

/* Packed bytes as a bytes object, and back from anything that shows its memory. NULL: an exception. */
PyObject *ipc__py_pack_bytes(PyObject *value);
PyObject *ipc__py_unpack_bytes(PyObject *packed);

/* The value in a message, a new reference. NULL: an exception. */
PyObject *ipc__py_unpack(const ipc_msg *msg);

/* The same; a reference becomes a handle, on the connection of the container that the value was read from. */
PyObject *ipc__py_unpack_for(const ipc_msg *msg, PyObject *holder);

/* The value in a message; the message is freed in any case. */
PyObject *ipc__py_unpack_free(ipc_msg *msg);

bool ipc__py_ext_init(void);

/* The body of an integer beyond 64 bits; a new bytes object, NULL: an exception. So are the other bodies. */
PyObject *ipc__py_bigint_body(PyObject *value);

/* An exception: its type's name and its text. */
PyObject *ipc__py_error_body(PyObject *value);

/* libipc.Ext: an extension that Python has no type of its own for. */
bool ipc__py_is_ext(PyObject *value);
PyObject *ipc__py_ext_body(PyObject *value, int8_t *type);

/* A datetime. False: TypeError for one without a time zone. */
bool ipc__py_is_moment(PyObject *value);
bool ipc__py_moment(PyObject *value, struct timespec *moment);

/* What an extension stands for; libipc.Ext for what is unknown, malformed or out of Python's range. */
PyObject *ipc__py_ext_decode(int8_t type, const char *body, size_t length);

/* ---- handles as values (container.c) ---- */

/* Set what makes a reference of a handle, and a handle of a reference: callables. None, or NULL with an exception. */
PyObject *ipc__py_set_handles(PyObject *refer, PyObject *open);

/* The body of a handle's reference, a new bytes object. */
PyObject *ipc__py_handle_body(PyObject *handle);

/* The handle of a reference that was read from a container; libipc.Ext for one that leads nowhere. */
PyObject *ipc__py_handle_open(PyObject *holder, const char *body, size_t length);

/* ---- errors (errors.c) ---- */

/* A list of (name, code, text), from IPC_ERROR_MAP. */
PyObject *ipc__py_error_list(void);

/* Set the classes to raise: {code: class}. None, or NULL with an exception. */
PyObject *ipc__py_set_exceptions(PyObject *classes);

/* Raise what an error code stands for, with ipc_last_error(); a signal handler's exception for IPC_EINTR.
 * @return NULL, always. */
PyObject *ipc__py_raise(ipc_err err);

/* The same, of a queue: Empty and Full name it. */
PyObject *ipc__py_raise_of(ipc_err err, const ipc_queue *queue);

/* Raise what an error code stands for, with an argument of its own. NULL, always. */
PyObject *ipc__py_raise_with(ipc_err err, PyObject *arg);

/* The class of an error code, borrowed; ValueError before the classes are set. */
PyObject *ipc__py_class_of(ipc_err err);

/* ---- waiting (wait.c) ---- */

bool ipc__py_wait_init(void);

/* Around a call into the library that may wait: the hooks that were set before. */
const ipc_wait_hooks *ipc__py_enter(void);
void ipc__py_leave(const ipc_wait_hooks *outer);

/* Python is about to end: from now on other threads than this one do not return from the library. None. */
PyObject *ipc__py_drain(void);

/* Call what may wait in the library; that is cancelled, as if by a signal, once the list *token* is not empty. */
PyObject *ipc__py_call_cancellable(PyObject *token, PyObject *callable);

/* ---- arguments (args.c) ---- */

/* Seconds (None: for ever) to milliseconds; false with an exception. */
bool ipc__py_timeout(PyObject *seconds, int64_t *timeout_ms);

/* A str's UTF-8, borrowed from it; NULL for None. False with an exception, for NUL characters too. */
bool ipc__py_text(PyObject *object, char **text);

/* An int, not above the largest. False: TypeError or ValueError, which names what. */
bool ipc__py_number(PyObject *object, const char *what, uint64_t largest, uint64_t *number);

/* ---- bytes in place (loan.c) ---- */

bool ipc__py_loan_init(void);

/* ---- calls (calls.c, and the tables of batch.c, bytes.c, loan.c and make.c) ---- */

extern PyMethodDef ipc__py_batch_methods[];
extern PyMethodDef ipc__py_bytes_methods[];
extern PyMethodDef ipc__py_loan_methods[];
extern PyMethodDef ipc__py_queue_makers[];
extern PyMethodDef ipc__py_pipe_makers[];

/* Add these to SWIG's classes. */
bool ipc__py_add_calls(PyTypeObject *queue, PyTypeObject *pipe);
bool ipc__py_add_methods(PyTypeObject *type, PyMethodDef *method);

/* The same (container.c). */
bool ipc__py_add_containers(PyTypeObject *dict, PyTypeObject *list, PyTypeObject *array);

bool ipc__py_is_queue(PyObject *object);
bool ipc__py_is_pipe(PyObject *object);

/* ---- readiness (ready.c) ---- */

/* Whether a get or receive would find something here already. False: Empty, or an error. */
bool ipc__py_queue_ready(ipc_queue *queue);
bool ipc__py_pipe_ready(ipc_pipe *pipe);

/* The ones of a list that are ready, within so many seconds. */
PyObject *ipc__py_wait(PyObject *object_list, PyObject *timeout);

/* ---- conditions (sync.c) ---- */

/* ipc_condition_wait(), after which the lock is held again also when it was interrupted: *depth* times. */
ipc_err ipc_condition_wait_again(ipc_condition *condition, int64_t timeout_ms, uint32_t depth, bool *notified,
                                 ipc_grant *grant);

/* ---- what only the generated wrapper can do (libipc.i) ---- */

/* The C object behind one of SWIG's; NULL with ValueError when it was never opened. */
void *ipc__py_pointer(PyObject *self);

/* Whether it is a handle on anything, pipes included. */
bool ipc__py_is_handle(PyObject *object);

/* The connection behind an object or None (then NULL). False: TypeError. */
bool ipc__py_conn(PyObject *object, ipc_conn **conn);

/* New objects of a class derived from SWIG's, that own what they are given. NULL: an exception, and it is freed. */
PyObject *ipc__py_own_queue(PyObject *cls, ipc_queue *queue);
PyObject *ipc__py_own_pipe(PyObject *cls, ipc_pipe *pipe);
PyObject *ipc__py_own_msg(ipc_msg *msg);

/* The same, for what the packed ticket is for. */
PyObject *ipc__py_attach_lock(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
PyObject *ipc__py_attach_semaphore(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
PyObject *ipc__py_attach_event(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
PyObject *ipc__py_attach_condition(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
PyObject *ipc__py_attach_barrier(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
PyObject *ipc__py_attach_dict(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
PyObject *ipc__py_attach_list(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);
PyObject *ipc__py_attach_array(PyObject *cls, ipc_conn *conn, const void *bytes, size_t length);

#endif
