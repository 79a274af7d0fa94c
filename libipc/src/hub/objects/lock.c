/*
 * Locks: a mutex with a name. A lock may be released by anybody, as threading.Lock; an rlock by its owner alone, who may take it
 * again.
 * Touches its mutex. Not locked: the core's thread.
 */
#include "hub/mutex.h"

struct lock {
    ipc__object base;
    ipc__mutex mutex;
};

static ipc__mutex *mutex_of(ipc__object *object)
{
    return &((struct lock *)object)->mutex;
}

ipc__mutex *ipc__lock_mutex(ipc__object *object)
{
    return object->ops == &ipc__lock_ops || object->ops == &ipc__rlock_ops ? mutex_of(object) : NULL;
}

static ipc_err lock_init(ipc__object *object, ipc_cursor options)
{
    (void)options;
    ipc__mutex_init(mutex_of(object), object, object->ops == &ipc__rlock_ops);
    return IPC_OK;
}

static void lock_fini(ipc__object *object)
{
    ipc__mutex_fini(mutex_of(object));
}

static ipc_err lock_request(ipc__hold *hold, const ipc__request *request)
{
    switch (request->op) {
    case IPC__OP_ACQUIRE:
        return ipc__mutex_acquire(mutex_of(hold->object), hold, request);
    case IPC__OP_UNLOCK:
        return ipc__mutex_unlock(mutex_of(hold->object), hold, request);
    case IPC__OP_PEEK:
        return ipc__mutex_peek(mutex_of(hold->object), hold, request);
    default:
        return IPC_EPROTO;
    }
}

static void lock_lease_end(ipc__lease *lease, ipc__end end, bool last)
{
    (void)end; /* however it ended, it has not released */
    (void)last;
    ipc__mutex_abandon(mutex_of(lease->object));
}

static void lock_inspect(const ipc__object *object, msgpack_packer *packer)
{
    msgpack_pack_map(packer, IPC__MUTEX_FIELDS);
    ipc__mutex_inspect(&((const struct lock *)object)->mutex, packer);
}

const ipc__object_ops ipc__lock_ops = {
    .name = "lock",
    .size = sizeof(struct lock),
    .hold_size = sizeof(ipc__hold),
    .init = lock_init,
    .fini = lock_fini,
    .attach = ipc__mutex_attach,
    .request = lock_request,
    .lease_end = lock_lease_end,
    .describe = ipc__mutex_describe,
    .inspect = lock_inspect,
};

const ipc__object_ops ipc__rlock_ops = {
    .name = "rlock",
    .size = sizeof(struct lock),
    .hold_size = sizeof(ipc__hold),
    .init = lock_init,
    .fini = lock_fini,
    .attach = ipc__mutex_attach,
    .request = lock_request,
    .lease_end = lock_lease_end,
    .describe = ipc__mutex_describe,
    .inspect = lock_inspect,
};
