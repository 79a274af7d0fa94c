/*
 * What stands around every call into the library: while it sleeps the GIL is free, Ctrl-C gets through, and Python's
 * end finds no thread inside.
 * Touches Python's thread states. The GIL is held where nothing else is said, and guards what is static here.
 */
#include "binding.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum {
    DRAIN_TRIES = 3000, /* of a millisecond: the library asks every 100 ms whether a wait is interrupted */
};

static _Thread_local PyThreadState *saved;
static unsigned waiting;                     /* threads that sleep in the library */
static _Thread_local PyObject *cancel_token; /* a list, borrowed from who calls; not empty: cancel */
static bool exiting;
static unsigned long exiting_thread;

static bool must_not_return(void)
{
    return exiting && PyThread_get_thread_ident() != exiting_thread;
}

static void before(void *arg)
{
    (void)arg;
    waiting++;
    saved = PyEval_SaveThread();
}

static void after(void *arg)
{
    (void)arg;
    PyEval_RestoreThread(saved);
    waiting--;
}

/* Python runs signal handlers in the main thread alone; elsewhere it says no at once. */
static int interrupted(void *arg)
{
    (void)arg;
    return must_not_return() || (cancel_token && PyList_GET_SIZE(cancel_token) > 0) || PyErr_CheckSignals() != 0;
}

static const ipc_wait_hooks hooks = {before, after, interrupted, NULL};

/* A thread that Python left behind. It must neither run Python code nor end, as Python's own do from 3.14 on. */
static void rest(void)
{
    PyEval_SaveThread();
    for (;;) {
        pause();
    }
}

const ipc_wait_hooks *ipc__py_enter(void)
{
    if (must_not_return()) {
        rest();
    }
    return ipc_set_wait_hooks(&hooks);
}

void ipc__py_leave(const ipc_wait_hooks *outer)
{
    ipc_set_wait_hooks(outer);
    if (must_not_return()) {
        rest();
    }
}

PyObject *ipc__py_call_cancellable(PyObject *token, PyObject *callable)
{
    if (!PyList_Check(token)) {
        PyErr_SetString(PyExc_TypeError, "the token is a list");
        return NULL;
    }
    PyObject *outer = cancel_token;
    cancel_token = token;
    PyObject *result = PyObject_CallNoArgs(callable);
    cancel_token = outer;
    return result;
}

/*
 * Daemon threads may still wait in the library when Python ends, and Python ends a thread wherever it asks for the GIL
 * next: in the midst of the library's wait, which would never be over for the library. So they are called out before.
 */
PyObject *ipc__py_drain(void)
{
    exiting = true;
    exiting_thread = PyThread_get_thread_ident();
    for (int try = 0; waiting > 0 && try < DRAIN_TRIES; try++) {
        Py_BEGIN_ALLOW_THREADS nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

/* The threads that wait do so in the parent, and it is the parent that ends. */
static void forked(void)
{
    waiting = 0;
    exiting = false;
}

bool ipc__py_wait_init(void)
{
    static bool done;
    if (!done && pthread_atfork(NULL, NULL, forked) != 0) {
        PyErr_NoMemory();
        return false;
    }
    done = true;
    return true;
}
