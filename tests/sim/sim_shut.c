/*
 * The model, shutting queues down: who must be told what, and what is dropped.
 * Touches the model. One thread.
 */
#include "sim_entry.h"
#include "sim_peek.h"

#include <utlist.h>

/* ---- the operation ---- */

/* Everybody is told, and no put comes in any more. */
static void shut(sim_world *sim, sim_object *object)
{
    object->shut = true;
    sim_hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        hold->shut_due = hold->peer != NULL;
        hold->promised = 0;
    }
    sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->op == IPC__OP_PUT_WAIT && request->hold && request->hold->object == object) {
            sim_request_decide(sim, request, IPC_ESHUTDOWN);
        }
    }
}

/* What nobody has taken goes. What is out on an immediate lane may be taken: the lane knows, and says so. */
static void discard(sim_object *object)
{
    sim_stream *stream = &object->streams[0];
    object->discarding = true;
    stream->accepted -= sim_peek_parked(sim_peek_stream(object->core, 0));
    sim_item *item;
    sim_item *next;
    DL_FOREACH_SAFE(stream->items, item, next)
    {
        bool known = item->state == SIM_OUT && item->hold->peer->lane == SIM_DELAYED;
        if (known) {
            item->hold->revoke_due = true;
        }
        if (known || item->state == SIM_HELD) {
            sim_item_move(item, SIM_GONE);
        }
    }
}

void sim_enter_shutdown(const sim_entry *in)
{
    sim_object *object = in->hold->object;
    bool immediate = sim_entry_bool(in);
    if (!object->shut) {
        shut(in->sim, object);
    }
    if (immediate && !object->discarding) {
        discard(object);
    }
    sim_entry_decide(in, IPC_OK);
}

/* ---- the end ---- */

bool sim_over(const sim_object *object)
{
    const uint64_t *counts = object->streams[0].counts;
    return object->shut && counts[SIM_HELD] + counts[SIM_OUT] + counts[SIM_WAITING] == 0;
}

void sim_may_end(sim_object *object)
{
    object->may_end = object->may_end || sim_over(object);
}

void sim_told_over(sim_hold *hold)
{
    sim_object *object = hold->object;
    if (!object->shut || (!sim_over(object) && !object->may_end)) {
        sim_fail(hold->peer->sim, "session %u, handle %u: END although something is left that could be taken",
                 hold->peer->number, hold->handle);
    }
    hold->over_told = true;
    hold->over_due = false;
}

/* Whoever was there when it came to its end was told, and whoever asked since. */
static void check_told(sim_world *sim, sim_object *object)
{
    bool over = sim_over(object);
    sim_hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        if (hold->shut_due || hold->revoke_due) {
            sim_fail(sim, "session %u, handle %u was not told of the shutdown%s", hold->peer->number, hold->handle,
                     hold->shut_due ? "" : ", that it has nothing any more");
        }
        if (over && hold->peer && !hold->over_told && (hold->over_due || !object->over)) {
            sim_fail(sim, "session %u, handle %u was not told that nothing more will come", hold->peer->number,
                     hold->handle);
        }
        hold->over_told = hold->over_due = false;
    }
    object->over = over;
}

void sim_model_shut_left(sim_world *sim)
{
    sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        if (object->shut) {
            check_told(sim, object);
        }
        object->may_end = false;
    }
}
