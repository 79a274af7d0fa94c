/*
 * Lock handles.
 * Touches the handle under its connection's lock.
 */
#include "codec/msg.h"
#include "handle/object.h"
#include "util/error.h"

#include <ipc/lock.h>
#include <stdlib.h>

struct ipc_lock {
    ipc__handle base;
};

static const char *type_of(bool recursive)
{
    return recursive ? "rlock" : "lock";
}

/* What is not asked for is not said. */
void ipc__guard_options(ipc__buf *options, bool refuse_deadlock, const ipc_msg *lock)
{
    if (!refuse_deadlock && !lock) {
        return;
    }
    msgpack_packer packer = ipc__packer(options);
    msgpack_pack_map(&packer, (size_t)refuse_deadlock + (lock != NULL));
    if (refuse_deadlock) {
        ipc__pack_text(&packer, "refuse_deadlock");
        msgpack_pack_true(&packer);
    }
    if (lock) {
        ipc__pack_text(&packer, "lock");
        ipc__buf_write(options, (const char *)lock->data, lock->length);
    }
}

ipc_err ipc_lock_open(ipc_lock **lock, ipc_conn *conn, const char *name, const ipc_lock_options *given)
{
    if (!lock) {
        return ipc__fail(IPC_EINVAL, "no place for the lock");
    }
    *lock = NULL;
    ipc_lock_options options = IPC_LOCK_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(&options, sizeof options, given, "ipc_lock_options") : IPC_OK;
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = type_of(options.recursive), .size = sizeof **lock, .mode = options.mode};
    ipc__guard_options(&opening.options, options.refuse_deadlock, NULL);
    return ipc__object_open((void **)lock, conn, name, opening);
}

ipc_err ipc_lock_attach(ipc_lock **lock, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!lock) {
        return ipc__fail(IPC_EINVAL, "no place for the lock");
    }
    ipc_err err =
        ipc__object_attach((void **)lock, conn, ticket, (ipc__opening){.type = type_of(false), .size = sizeof **lock});
    if (err == IPC_ETYPE) {
        err = ipc__object_attach((void **)lock, conn, ticket,
                                 (ipc__opening){.type = type_of(true), .size = sizeof **lock});
    }
    return err;
}

ipc_err ipc_lock_refer(ipc_lock *lock, ipc_msg **reference)
{
    return ipc__handle_refer(&lock->base, reference);
}

ipc_err ipc_lock_share(ipc_lock *lock, ipc_msg **ticket)
{
    return ipc__handle_share(&lock->base, ticket);
}

ipc_err ipc__guard_acquire(ipc__handle *handle, ipc__op op, int64_t timeout_ms, ipc_grant *grant, bool *notified)
{
    uint64_t results[3] = {0};
    int64_t wait_ms = timeout_ms < 0 ? -1 : timeout_ms;
    ipc__field fields[] = {ipc__number_field((int64_t)ipc__thread_number()), ipc__number_field(wait_ms)};
    /* Who was notified, or late, waits for the lock without an end. */
    ipc_err err = ipc__object_call(handle, op, fields, 2, op == IPC__OP_WAIT ? IPC_FOREVER : timeout_ms, results, 3);
    if (!err) {
        ipc__held(handle);
    }
    if (grant) {
        *grant = (ipc_grant){.fence = results[0], .abandoned = results[1]};
    }
    if (notified) {
        *notified = results[2];
    }
    return err;
}

ipc_err ipc_lock_acquire(ipc_lock *lock, int64_t timeout_ms, ipc_grant *grant)
{
    return ipc__guard_acquire(&lock->base, IPC__OP_ACQUIRE, timeout_ms, grant, NULL);
}

ipc_err ipc__guard_release(ipc__handle *handle)
{
    ipc__field thread = ipc__number_field((int64_t)ipc__thread_number());
    ipc_err err = ipc__held_still(handle);
    return err ? err : ipc__object_call(handle, IPC__OP_UNLOCK, &thread, 1, IPC_FOREVER, NULL, 0);
}

ipc_err ipc_lock_release(ipc_lock *lock)
{
    return ipc__guard_release(&lock->base);
}

ipc_err ipc__guard_peek(ipc__handle *handle, bool *locked, bool *mine)
{
    uint64_t results[2] = {0};
    ipc__field thread = ipc__number_field((int64_t)ipc__thread_number());
    ipc_err err = ipc__object_call(handle, IPC__OP_PEEK, &thread, 1, IPC_FOREVER, results, 2);
    if (locked) {
        *locked = results[0];
    }
    if (mine) {
        *mine = results[1];
    }
    return err;
}

ipc_err ipc_lock_peek(ipc_lock *lock, bool *locked, bool *mine)
{
    return ipc__guard_peek(&lock->base, locked, mine);
}

const char *ipc_lock_name(const ipc_lock *lock)
{
    return lock->base.name;
}

bool ipc_lock_recursive(const ipc_lock *lock)
{
    return strcmp(lock->base.type, type_of(true)) == 0;
}

void ipc_lock_close(ipc_lock *lock)
{
    if (lock) {
        ipc__handle_close(&lock->base);
    }
}

void ipc_lock_free(ipc_lock *lock)
{
    if (lock) {
        ipc__handle_fini(&lock->base);
        free(lock);
    }
}
