/*
 * Semaphore handles.
 * Touches the handle under its connection's lock.
 */
#include "handle/object.h"
#include "util/error.h"

#include <ipc/semaphore.h>
#include <stdlib.h>

struct ipc_semaphore {
    ipc__handle base;
};

/* Whoever gives options asks for both: an existing semaphore must have them. */
static void pack_options(ipc__buf *buf, const ipc_semaphore_options *options)
{
    msgpack_packer packer = ipc__packer(buf);
    msgpack_pack_map(&packer, 2);
    ipc__pack_text(&packer, "value");
    msgpack_pack_uint32(&packer, options->value);
    ipc__pack_text(&packer, "bounded");
    options->bounded ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
}

ipc_err ipc_semaphore_open(ipc_semaphore **semaphore, ipc_conn *conn, const char *name,
                           const ipc_semaphore_options *given)
{
    if (!semaphore) {
        return ipc__fail(IPC_EINVAL, "no place for the semaphore");
    }
    *semaphore = NULL;
    ipc_semaphore_options options = IPC_SEMAPHORE_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(&options, sizeof options, given, "ipc_semaphore_options") : IPC_OK;
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = "semaphore", .size = sizeof **semaphore, .mode = options.mode};
    if (given && options.mode != IPC_OPEN_AS_IS) {
        pack_options(&opening.options, &options);
    }
    return ipc__object_open((void **)semaphore, conn, name, opening);
}

ipc_err ipc_semaphore_attach(ipc_semaphore **semaphore, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!semaphore) {
        return ipc__fail(IPC_EINVAL, "no place for the semaphore");
    }
    return ipc__object_attach((void **)semaphore, conn, ticket,
                              (ipc__opening){.type = "semaphore", .size = sizeof **semaphore});
}

ipc_err ipc_semaphore_refer(ipc_semaphore *semaphore, ipc_msg **reference)
{
    return ipc__handle_refer(&semaphore->base, reference);
}

ipc_err ipc_semaphore_share(ipc_semaphore *semaphore, ipc_msg **ticket)
{
    return ipc__handle_share(&semaphore->base, ticket);
}

const char *ipc_semaphore_name(const ipc_semaphore *semaphore)
{
    return semaphore->base.name;
}

ipc_err ipc_semaphore_acquire(ipc_semaphore *semaphore, int64_t timeout_ms)
{
    ipc__field fields[] = {ipc__number_field((int64_t)ipc__thread_number()),
                           ipc__number_field(timeout_ms < 0 ? -1 : timeout_ms)};
    ipc_err err = ipc__object_call(&semaphore->base, IPC__OP_ACQUIRE, fields, 2, timeout_ms, NULL, 0);
    if (!err) {
        ipc__held(&semaphore->base);
    }
    return err;
}

ipc_err ipc_semaphore_release(ipc_semaphore *semaphore, uint32_t count)
{
    ipc__field field = ipc__number_field(count);
    ipc_err err = ipc__held_still(&semaphore->base);
    return err ? err : ipc__object_call(&semaphore->base, IPC__OP_UNLOCK, &field, 1, IPC_FOREVER, NULL, 0);
}

ipc_err ipc_semaphore_value(ipc_semaphore *semaphore, uint64_t *value)
{
    *value = 0;
    return ipc__object_call(&semaphore->base, IPC__OP_PEEK, NULL, 0, IPC_FOREVER, value, 1);
}

void ipc_semaphore_close(ipc_semaphore *semaphore)
{
    if (semaphore) {
        ipc__handle_close(&semaphore->base);
    }
}

void ipc_semaphore_free(ipc_semaphore *semaphore)
{
    if (semaphore) {
        ipc__handle_fini(&semaphore->base);
        free(semaphore);
    }
}
