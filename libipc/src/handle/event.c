/*
 * Event handles.
 * Touches the handle under its connection's lock.
 */
#include "handle/object.h"
#include "util/error.h"

#include <ipc/event.h>
#include <stdlib.h>

struct ipc_event {
    ipc__handle base;
};

ipc_err ipc_event_open(ipc_event **event, ipc_conn *conn, const char *name, const ipc_event_options *given)
{
    if (!event) {
        return ipc__fail(IPC_EINVAL, "no place for the event");
    }
    *event = NULL;
    ipc_event_options options = IPC_EVENT_OPTIONS_INIT;
    ipc_err err = given ? ipc__options_copy(&options, sizeof options, given, "ipc_event_options") : IPC_OK;
    if (err) {
        return err;
    }
    ipc__opening opening = {.type = "event", .size = sizeof **event, .mode = options.mode};
    return ipc__object_open((void **)event, conn, name, opening);
}

ipc_err ipc_event_attach(ipc_event **event, ipc_conn *conn, const ipc_msg *ticket)
{
    if (!event) {
        return ipc__fail(IPC_EINVAL, "no place for the event");
    }
    return ipc__object_attach((void **)event, conn, ticket, (ipc__opening){.type = "event", .size = sizeof **event});
}

ipc_err ipc_event_refer(ipc_event *event, ipc_msg **reference)
{
    return ipc__handle_refer(&event->base, reference);
}

ipc_err ipc_event_share(ipc_event *event, ipc_msg **ticket)
{
    return ipc__handle_share(&event->base, ticket);
}

const char *ipc_event_name(const ipc_event *event)
{
    return event->base.name;
}

static ipc_err set_to(ipc_event *event, bool set)
{
    ipc__field field = ipc__bool_field(set);
    return ipc__object_call(&event->base, IPC__OP_SET, &field, 1, IPC_FOREVER, NULL, 0);
}

ipc_err ipc_event_set(ipc_event *event)
{
    return set_to(event, true);
}

ipc_err ipc_event_clear(ipc_event *event)
{
    return set_to(event, false);
}

ipc_err ipc_event_is_set(ipc_event *event, bool *set)
{
    uint64_t result = 0;
    ipc_err err = ipc__object_call(&event->base, IPC__OP_PEEK, NULL, 0, IPC_FOREVER, &result, 1);
    *set = result;
    return err;
}

ipc_err ipc_event_wait(ipc_event *event, int64_t timeout_ms)
{
    ipc__field field = ipc__number_field(timeout_ms < 0 ? -1 : timeout_ms);
    return ipc__object_call(&event->base, IPC__OP_WAIT, &field, 1, timeout_ms, NULL, 0);
}

void ipc_event_close(ipc_event *event)
{
    if (event) {
        ipc__handle_close(&event->base);
    }
}

void ipc_event_free(ipc_event *event)
{
    if (event) {
        ipc__handle_fini(&event->base);
        free(event);
    }
}
