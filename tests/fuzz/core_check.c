/*
 * What must hold of a hub core at every step, in the fuzz target core.
 * Touches nothing. One thread.
 */
#include "fuzz/core_world.h"
#include "hub/reference.h"
#include "sim/sim_peek.h"

#include <utlist.h>

static uint64_t bytes_of(const ipc__item *list)
{
    uint64_t bytes = 0;
    const ipc__item *item;
    DL_FOREACH(list, item)
    {
        bytes += sizeof *item + item->length;
    }
    return bytes;
}

/* A stream's counts are right; the bytes of its items. */
static uint64_t check_stream(const ipc__stream *stream)
{
    require(sim_peek_kept(stream) == stream->ready_count + stream->untaken + stream->credits, "the counts are right");
    require(!stream->putters || !ipc__stream_room(stream), "nobody waits where there is room");
    uint64_t bytes = bytes_of(stream->ready);
    const ipc__sub *sub;
    DL_FOREACH(stream->subs, sub)
    {
        bytes += bytes_of(sub->out);
    }
    const ipc__call *call;
    DL_FOREACH(stream->putters, call)
    {
        require(call->item != NULL, "a put that waits has its item");
        bytes += sizeof *call->item + call->item->length;
    }
    return bytes;
}

static uint64_t check_object(const ipc__object *object)
{
    if (object->ops == &ipc__pipe_ops) {
        return check_stream(sim_peek_pipe(object, 0)) + check_stream(sim_peek_pipe(object, 1));
    }
    if (object->ops != &ipc__queue_ops) {
        uint64_t bytes = 0;
        require(sim_peek_container(object, NULL, NULL, &bytes), "bytes are counted");
        return bytes;
    }
    sim_queue_peek queue = sim_peek_queue(object);
    uint64_t bytes = check_stream(queue.stream);
    uint64_t items = queue.stream->ready_count + queue.stream->untaken + sim_peek_parked(queue.stream);
    const ipc__item *item;
    for (size_t at = 0; (item = sim_peek_lease(object, at)); at++) {
        bytes += sizeof *item + item->length;
        items++;
    }
    require(queue.unfinished == 0 || queue.unfinished == items, "what is unfinished is somewhere");
    require(queue.unfinished || !queue.joiners, "nobody waits for what is done");
    return bytes;
}

/* Who refers, and to whom, is told alike from both sides; who is to be looked at is in the list. */
static void check_references(const ipc__object *object)
{
    uint64_t count = 0;
    const ipc__reference *reference;
    DL_FOREACH2(object->referrers, reference, later)
    {
        require(reference->target == object && reference->owner->references, "who refers has a reference");
        count++;
    }
    require(count == object->referrer_count, "references are counted");
    DL_FOREACH2(object->references, reference, after)
    {
        require(reference->owner == object && (!reference->target || reference->target->referrers),
                "who is referred to knows");
    }
    const ipc__grant *grant;
    DL_FOREACH(object->grants, grant)
    {
        require(grant->object == object && grant->count && !object->name && ipc__timer_armed(&grant->expiry),
                "who was told of an object has so long to open it");
    }
    require(!object->doomed && !object->looked_at && !object->deleting, "what goes is gone");
}

void core_check(const world *self)
{
    const ipc__core *core = &self->core;
    require(core->session_count == self->peer_count, "sessions are counted");
    uint64_t bytes = 0;
    unsigned objects = 0;
    const ipc__object *object;
    DL_FOREACH(core->objects, object)
    {
        require(ipc__object_wanted(object) || object->referrers,
                "an object without a name has holders, or somebody was told of it or refers to it");
        check_references(object);
        bytes += check_object(object);
        objects++;
    }
    require(objects == core->object_count && objects <= core->options.max_objects, "objects are counted");
    require(bytes == core->memory && bytes <= core->options.max_memory + sizeof(ipc__item), "memory is counted");
}
