/*
 * The model, how items come back: given back, revoked with a lease, dropped or moved when they were handed out in vain
 * too often.
 * Touches the model. One thread.
 */
#include "sim.h"

#include <stdlib.h>
#include <utlist.h>

/* ---- one ---- */

/* The queue for what is handed out in vain, made if there is none. NULL: nothing can go there. */
static sim_object *dead_letter_of(sim_world *sim, const sim_object *object)
{
    ipc__bytes name = {(const unsigned char *)object->dead_letter, strlen(object->dead_letter)};
    sim_object *dead = sim_object_named(sim, name);
    if (!dead) {
        bool room = sim_object_count(sim) < sim->core.options.max_objects;
        return room ? sim_object_add(sim, (sim_object){.name = strdup(object->dead_letter)}) : NULL;
    }
    return dead->pipe || dead->shut || dead == object ? NULL : dead;
}

/* There it is a new item. */
static void move_to(sim_object *dead, sim_item *item)
{
    sim_stream *from = item->stream;
    sim_stream *to = &dead->streams[0];
    DL_DELETE(from->items, item);
    from->counts[item->state]--;
    DL_APPEND(to->items, item);
    to->counts[item->state]++;
    to->accepted++;
    to->beyond++;
    item->stream = to;
    item->seq = 0;
    item->attempt = 1;
    item->strikes = 0;
    item->truly_taken = 0;
    item->returned = true; /* between its new neighbours, its producer's order says nothing */
}

/* It was handed out in vain as often as it may. */
static void bury(sim_world *sim, sim_item *item)
{
    sim_object *object = item->stream->object;
    if (!object->dead_letter) {
        sim_item_move(item, SIM_GONE);
        return;
    }
    sim_object *dead = dead_letter_of(sim, object);
    if (dead) {
        move_to(dead, item);
    }
}

void sim_item_return(sim_world *sim, sim_item *item, sim_return how)
{
    const sim_object *object = item->stream->object;
    item->stream->beyond += item->state == SIM_LEASED;
    item->attempt += how != SIM_UNTAKEN;
    bool struck = how == SIM_REVOKED || how == SIM_SUSPECT;
    item->strikes += struck;
    item->returned = true;
    sim_item_move(item, SIM_HELD);
    if (object->discarding) {
        sim_item_move(item, SIM_GONE);
    } else if (object->max_deliveries && struck && item->strikes >= object->max_deliveries + (how == SIM_SUSPECT)) {
        bury(sim, item);
    }
}

/* ---- a consumer's ---- */

static sim_item *newest_out(const sim_hold *hold, uint64_t first)
{
    sim_item *newest = NULL;
    sim_item *item;
    DL_FOREACH(sim_incoming(hold)->items, item)
    {
        if (item->state == SIM_OUT && item->hold == hold && item->position >= first &&
            (!newest || item->position > newest->position)) {
            newest = item;
        }
    }
    return newest;
}

void sim_give_back(sim_world *sim, sim_hold *hold, uint64_t first, sim_return how)
{
    if (how != SIM_UNTAKEN) {
        hold->newest_taken = sim_newest(hold); /* it may have been taken */
    }
    for (sim_item *item; (item = newest_out(hold, first)) != NULL;) {
        bool oldest = sim_out_count(hold) == 1;
        /* Which is the one that a crash may have been due to. */
        sim_item_return(sim, item, how == SIM_SUSPECT && !oldest ? SIM_UNSURE : how);
    }
}

/* ---- a session's ---- */

static sim_item *newest_lease(sim_world *sim, unsigned lessee)
{
    sim_item *newest = NULL;
    sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        sim_item *item;
        DL_FOREACH2(object->leases, item, newer)
        {
            if (item->lessee == lessee && (!newest || item->leased > newest->leased)) {
                newest = item;
            }
        }
    }
    return newest;
}

void sim_leases_end(sim_world *sim, unsigned lessee, ipc__end end)
{
    for (sim_item *item; (item = newest_lease(sim, lessee)) != NULL;) {
        ipc_redeliver redeliver = item->stream->object->redeliver;
        item->lessee = 0;
        if (end == IPC__END_CLEAN ? redeliver == IPC_REDELIVER_ALWAYS : redeliver != IPC_REDELIVER_NEVER) {
            sim_item_return(sim, item, SIM_REVOKED);
        }
    }
}
