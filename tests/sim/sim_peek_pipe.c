/*
 * A look into pipes, and into streams of either type.
 * Touches nothing. One thread.
 */

/* For the structs, which are the file's own; its table gets another name, beside the library's. */
#define ipc__pipe_ops sim__peeked_pipe_ops
#include "hub/objects/pipe.c" /* NOLINT(bugprone-suspicious-include): as said */

#include "sim_peek.h"

const ipc__stream *sim_peek_pipe(const ipc__object *object, int end)
{
    return &((const struct pipe *)object)->ends[end].in;
}

const ipc__stream *sim_peek_stream(const ipc__object *object, int end)
{
    return strcmp(object->ops->name, "pipe") == 0 ? sim_peek_pipe(object, end) : sim_peek_queue(object).stream;
}

uint64_t sim_peek_parked(const ipc__stream *stream)
{
    uint64_t count = 0;
    const ipc__call *call;
    DL_FOREACH(stream->putters, call)
    {
        count += call->seq == 0;
    }
    return count;
}

uint64_t sim_peek_kept(const ipc__stream *stream)
{
    uint64_t count = 0;
    const ipc__item *item;
    const ipc__sub *sub;
    const ipc__source *source;
    DL_FOREACH(stream->ready, item)
    {
        count++;
    }
    DL_FOREACH(stream->subs, sub)
    {
        DL_FOREACH(sub->out, item)
        {
            count++;
        }
    }
    DL_FOREACH(stream->sources, source)
    {
        count += source->credits;
    }
    return count;
}
