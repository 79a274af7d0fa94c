/*
 * Events: a flag that is waited for.
 * Touches the calls that wait. Not locked: the core's thread.
 */
#include "hub/core.h"
#include "util/error.h"

struct event {
    ipc__object base;
    bool set;
    ipc__call *waiters;
};

static struct event *event_of(ipc__object *object)
{
    return (struct event *)object;
}

static void event_fini(ipc__object *object)
{
    ipc__calls_answer(&event_of(object)->waiters, IPC_EDELETED);
}

static ipc_err event_set(struct event *event, const ipc__hold *hold, const ipc__request *request)
{
    bool set;
    if (request->fields != 1 || !ipc__read_bool(&request->envelope->at, &set)) {
        return IPC_EPROTO;
    }
    event->set = set;
    if (set) {
        ipc__calls_answer(&event->waiters, IPC_OK);
    }
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    return IPC_OK;
}

static ipc_err event_wait(struct event *event, ipc__hold *hold, const ipc__request *request)
{
    int64_t timeout_ms;
    if (request->fields != 1 || !ipc__read_int(&request->envelope->at, &timeout_ms)) {
        return IPC_EPROTO;
    }
    if (event->set) {
        ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
        return IPC_OK;
    }
    if (timeout_ms == 0) {
        return ipc__fail_plain(IPC_ETIMEOUT);
    }
    return ipc__call_wait(NULL, hold, request->seq, &event->waiters, timeout_ms, IPC_ETIMEOUT);
}

static ipc_err event_peek(const struct event *event, const ipc__hold *hold, const ipc__request *request)
{
    if (request->fields) {
        return IPC_EPROTO;
    }
    msgpack_packer packer = ipc__reply_begin(hold->session, hold->id, request->seq, 1);
    event->set ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    ipc__reply_end(hold->session);
    return IPC_OK;
}

static ipc_err event_request(ipc__hold *hold, const ipc__request *request)
{
    struct event *event = event_of(hold->object);
    switch (request->op) {
    case IPC__OP_SET:
        return event_set(event, hold, request);
    case IPC__OP_WAIT:
        return event_wait(event, hold, request);
    case IPC__OP_PEEK:
        return event_peek(event, hold, request);
    default:
        return IPC_EPROTO;
    }
}

static void event_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct event *event = (const struct event *)object;
    msgpack_pack_map(packer, 1 + IPC__WAITING_FIELDS);
    ipc__pack_bool(packer, "set", event->set);
    ipc__pack_waiting(packer, "waiting", "waiters", event->waiters);
}

const ipc__object_ops ipc__event_ops = {
    .name = "event",
    .size = sizeof(struct event),
    .hold_size = sizeof(ipc__hold),
    .fini = event_fini,
    .request = event_request,
    .inspect = event_inspect,
};
