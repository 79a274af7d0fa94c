/*
 * Cycles of containers that hold each other, and that nobody else reaches. An object that only containers refer to is a
 * candidate; soon after, what candidates reach is looked at as a whole: who is referred to from outside of it lives, with all that
 * it reaches, and the rest goes. (Counting references from inside and taking them off is how CPython's collector finds out, too;
 * that only candidates are looked at is of Bacon and Rajan, "Concurrent Cycle Collection in Reference Counted Systems", 2001.)
 * Touches objects' lists of references. Not locked: the core's thread.
 */
#include "hub/reference.h"
#include "hub/registry.h"
#include "util/clock.h"

#include <utlist.h>

enum {
    SOON_US = 100 * 1000, /* between a candidate and the look at it */
    REST_US = 1,          /* and longer, by what the last look cost: so much a reference */
};

static void collect(ipc__timer *timer, uint64_t now);

void ipc__collect_later(ipc__object *object)
{
    ipc__core *core = object->core;
    if (object->candidate) {
        return;
    }
    object->candidate = true;
    DL_APPEND2(core->candidates, object, prev_candidate, next_candidate);
    if (!ipc__timer_armed(&core->collection)) {
        core->collection.fire = collect;
        uint64_t rest = core->collection_cost * REST_US;
        ipc__timer_set(&core->timers, &core->collection, core->now + (rest > SOON_US ? rest : SOON_US));
    }
}

void ipc__collect_forget(ipc__object *object)
{
    if (object->candidate) {
        object->candidate = false;
        DL_DELETE2(object->core->candidates, object, prev_candidate, next_candidate);
    }
}

/* It is looked at, once: it is in the list, behind which what it refers to is added. */
static void look_at(ipc__object *object, ipc__object **list)
{
    if (!object->looked_at && !object->deleting && !ipc__object_wanted(object)) {
        object->looked_at = true;
        object->inside = 0;
        object->alive = false;
        DL_APPEND2(*list, object, prev_looked, next_looked);
    }
}

/* All that candidates reach, and how often each is referred to from among them. */
static ipc__object *gather(ipc__core *core)
{
    ipc__object *list = NULL;
    while (core->candidates) {
        ipc__object *object = core->candidates;
        ipc__collect_forget(object);
        look_at(object, &list);
    }
    ipc__object *object;
    DL_FOREACH2(list, object, next_looked)
    {
        ipc__reference *reference;
        DL_FOREACH2(object->references, reference, after)
        {
            if (reference->target) {
                look_at(reference->target, &list);
                reference->target->inside += reference->target->looked_at;
                core->collection_cost++;
            }
        }
    }
    return list;
}

/* Who is referred to from outside lives, and all that it reaches. */
static void spare(ipc__object *list)
{
    ipc__object *alive = NULL; /* a stack */
    ipc__object *object;
    DL_FOREACH2(list, object, next_looked)
    {
        if (object->referrer_count > object->inside) {
            object->alive = true;
            LL_PREPEND2(alive, object, next_doomed);
        }
    }
    while (alive) {
        object = alive;
        LL_DELETE2(alive, object, next_doomed);
        const ipc__reference *reference;
        DL_FOREACH2(object->references, reference, after)
        {
            ipc__object *target = reference->target;
            if (target && target->looked_at && !target->alive) {
                target->alive = true;
                LL_PREPEND2(alive, target, next_doomed);
            }
        }
    }
}

static void collect(ipc__timer *timer, uint64_t now)
{
    (void)now;
    ipc__core *core = (ipc__core *)((char *)timer - offsetof(ipc__core, collection));
    core->collection_cost = 0;
    ipc__object *list = gather(core);
    spare(list);
    ipc__object *garbage = NULL;
    ipc__object *object;
    ipc__object *next;
    DL_FOREACH_SAFE2(list, object, next, next_looked)
    {
        object->looked_at = false;
        if (!object->alive) {
            object->deleting = true; /* what it refers to is let go without being looked at again */
            LL_PREPEND2(garbage, object, next_doomed);
        }
    }
    LL_FOREACH_SAFE2(garbage, object, next, next_doomed)
    {
        ipc__object_free(object);
    }
}
