/*
 * Condition handles.
 * Touches the handle under its connection's lock.
 */
#include "handle/object.h"
#include "util/error.h"

#include <ipc/condition.h>
#include <stdlib.h>

struct ipc_condition {
    ipc__handle base;
};

ipc_err ipc_condition_open(ipc_condition **condition, ipc_conn *conn, const char *name,
                           const ipc_condition_options *given)
{
    if (!condition) {
        return ipc__fail(IPC_EINVAL, "no place for the condition");
    }
    *condition = NULL;
    ipc_condition_options options = IPC_CONDITION_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(&options, sizeof options, given, "ipc_condition_options") : IPC_OK;
    if (err) {
        return err;
    }
    ipc_msg *lock = NULL;
    if (options.lock) {
        ipc_conn *its = ((ipc__handle *)options.lock)->conn;
        conn = conn ? conn : its;
        if (strcmp(ipc_conn_address(conn), ipc_conn_address(its)) != 0) {
            return ipc__fail(IPC_EINVAL, "the condition's lock is on another hub, %s", ipc_conn_address(its));
        }
        err = ipc_lock_refer(options.lock, &lock);
    }
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = "condition", .size = sizeof **condition, .mode = options.mode};
    ipc__guard_options(&opening.options, options.refuse_deadlock, lock);
    ipc_msg_free(lock);
    return ipc__object_open((void **)condition, conn, name, opening);
}

ipc_err ipc_condition_attach(ipc_condition **condition, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!condition) {
        return ipc__fail(IPC_EINVAL, "no place for the condition");
    }
    return ipc__object_attach((void **)condition, conn, ticket,
                              (ipc__opening){.type = "condition", .size = sizeof **condition});
}

ipc_err ipc_condition_refer(ipc_condition *condition, ipc_msg **reference)
{
    return ipc__handle_refer(&condition->base, reference);
}

ipc_err ipc_condition_share(ipc_condition *condition, ipc_msg **ticket)
{
    return ipc__handle_share(&condition->base, ticket);
}

const char *ipc_condition_name(const ipc_condition *condition)
{
    return condition->base.name;
}

ipc_err ipc_condition_acquire(ipc_condition *condition, int64_t timeout_ms, ipc_grant *grant)
{
    return ipc__guard_acquire(&condition->base, IPC__OP_ACQUIRE, timeout_ms, grant, NULL);
}

ipc_err ipc_condition_release(ipc_condition *condition)
{
    return ipc__guard_release(&condition->base);
}

ipc_err ipc_condition_wait(ipc_condition *condition, int64_t timeout_ms, bool *notified, ipc_grant *grant)
{
    return ipc__guard_acquire(&condition->base, IPC__OP_WAIT, timeout_ms, grant, notified);
}

ipc_err ipc_condition_notify(ipc_condition *condition, uint32_t count)
{
    ipc__field fields[] = {ipc__number_field((int64_t)ipc__thread_number()), ipc__number_field(count)};
    return ipc__object_call(&condition->base, IPC__OP_NOTIFY, fields, 2, IPC_FOREVER, NULL, 0);
}

void ipc_condition_close(ipc_condition *condition)
{
    if (condition) {
        ipc__handle_close(&condition->base);
    }
}

void ipc_condition_free(ipc_condition *condition)
{
    if (condition) {
        ipc__handle_fini(&condition->base);
        free(condition);
    }
}
