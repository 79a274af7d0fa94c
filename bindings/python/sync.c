/*
 * Conditions whose lock is held again after every wait, as Python has it.
 * Touches the condition's handle and this thread's exception. The GIL is held, except while the library sleeps.
 */
#include "binding.h"

ipc_err ipc_condition_wait_again(ipc_condition *condition, int64_t timeout_ms, uint32_t depth, bool *notified,
                                 ipc_grant *grant)
{
    ipc_err err = ipc_condition_wait(condition, timeout_ms, notified, grant);
    if (err != IPC_EINTR) {
        return err;
    }
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    ipc_err again = IPC_OK;
    for (uint32_t i = 0; !again && i < depth; i++) {
        again = ipc_condition_acquire(condition, IPC_FOREVER, grant);
    }
    if (PyErr_Occurred() || !type) { /* interrupted once more: as threading, whoever insists goes without the lock */
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(traceback);
        return again ? again : IPC_EINTR;
    }
    PyErr_Restore(type, error, traceback);
    return IPC_EINTR;
}
