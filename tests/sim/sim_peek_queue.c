/*
 * A look into queues.
 * Touches nothing. One thread.
 */

/* For the structs, which are the file's own; its table gets another name, beside the library's. */
#define ipc__queue_ops sim__peeked_queue_ops
#include "hub/objects/queue.c" /* NOLINT(bugprone-suspicious-include): as said */

#include "sim_peek.h"

sim_queue_peek sim_peek_queue(const ipc__object *object)
{
    const struct queue *queue = (const struct queue *)object;
    return (sim_queue_peek){&queue->stream, queue->unfinished, queue->joiners};
}

const ipc__item *sim_peek_lease(const ipc__object *object, size_t at)
{
    const struct lease *lease = ((const struct queue *)object)->leases;
    for (; lease && at > 0; at--) {
        lease = lease->newer;
    }
    return lease ? lease->item : NULL;
}
