/*
 * Barrier handles.
 * Touches the handle under its connection's lock.
 */
#include "handle/object.h"
#include "util/error.h"

#include <ipc/barrier.h>
#include <stdlib.h>

struct ipc_barrier {
    ipc__handle base;
};

ipc_err ipc_barrier_open(ipc_barrier **barrier, ipc_conn *conn, const char *name, const ipc_barrier_options *given)
{
    if (!barrier) {
        return ipc__fail(IPC_EINVAL, "no place for the barrier");
    }
    *barrier = NULL;
    ipc_barrier_options options = IPC_BARRIER_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(&options, sizeof options, given, "ipc_barrier_options") : IPC_OK;
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = "barrier", .size = sizeof **barrier, .mode = options.mode};
    if (options.parties && options.mode != IPC_OPEN_AS_IS) {
        msgpack_packer packer = ipc__packer(&opening.options);
        msgpack_pack_map(&packer, 1);
        ipc__pack_text(&packer, "parties");
        msgpack_pack_uint32(&packer, options.parties);
    }
    return ipc__object_open((void **)barrier, conn, name, opening);
}

ipc_err ipc_barrier_attach(ipc_barrier **barrier, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!barrier) {
        return ipc__fail(IPC_EINVAL, "no place for the barrier");
    }
    return ipc__object_attach((void **)barrier, conn, ticket,
                              (ipc__opening){.type = "barrier", .size = sizeof **barrier});
}

ipc_err ipc_barrier_refer(ipc_barrier *barrier, ipc_msg **reference)
{
    return ipc__handle_refer(&barrier->base, reference);
}

ipc_err ipc_barrier_share(ipc_barrier *barrier, ipc_msg **ticket)
{
    return ipc__handle_share(&barrier->base, ticket);
}

const char *ipc_barrier_name(const ipc_barrier *barrier)
{
    return barrier->base.name;
}

ipc_err ipc_barrier_wait(ipc_barrier *barrier, int64_t timeout_ms, bool acts, uint64_t *index, bool *act)
{
    uint64_t results[2] = {0};
    ipc__field fields[] = {ipc__number_field((int64_t)ipc__thread_number()),
                           ipc__number_field(timeout_ms < 0 ? -1 : timeout_ms), ipc__bool_field(acts)};
    ipc_err err = ipc__object_call(&barrier->base, IPC__OP_WAIT, fields, 3, timeout_ms, results, 2);
    if (index) {
        *index = results[0];
    }
    if (act) {
        *act = results[1];
    }
    return err;
}

ipc_err ipc_barrier_pass(ipc_barrier *barrier, bool good)
{
    ipc__field fields[] = {ipc__number_field((int64_t)ipc__thread_number()), ipc__bool_field(good)};
    return ipc__object_call(&barrier->base, IPC__OP_PASS, fields, 2, IPC_FOREVER, NULL, 0);
}

static ipc_err begin_anew(ipc_barrier *barrier, bool broken)
{
    ipc__field field = ipc__bool_field(broken);
    return ipc__object_call(&barrier->base, IPC__OP_RESET, &field, 1, IPC_FOREVER, NULL, 0);
}

ipc_err ipc_barrier_reset(ipc_barrier *barrier)
{
    return begin_anew(barrier, false);
}

ipc_err ipc_barrier_abort(ipc_barrier *barrier)
{
    return begin_anew(barrier, true);
}

ipc_err ipc_barrier_stat(ipc_barrier *barrier, ipc_barrier_info *info)
{
    uint64_t results[3] = {0};
    ipc_err err = ipc__object_call(&barrier->base, IPC__OP_PEEK, NULL, 0, IPC_FOREVER, results, 3);
    *info = (ipc_barrier_info){.parties = results[0], .waiting = results[1], .broken = results[2]};
    return err;
}

void ipc_barrier_close(ipc_barrier *barrier)
{
    if (barrier) {
        ipc__handle_close(&barrier->base);
    }
}

void ipc_barrier_free(ipc_barrier *barrier)
{
    if (barrier) {
        ipc__handle_fini(&barrier->base);
        free(barrier);
    }
}
