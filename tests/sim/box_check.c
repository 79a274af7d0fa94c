/*
 * What holds of a hub with containers after every step.
 * Touches memory. One thread.
 */
#include "box_world.h"
#include "sim_peek.h"

#include <utlist.h>

enum { LOOK_US = 150 * 1000 }; /* by then what may be garbage was looked at */

/* ---- who is there ---- */

static ipc__object *in_hub(const box_object *object)
{
    ipc__object *found;
    HASH_FIND(by_id_hh, box.core.by_id, &object->id, sizeof object->id, found);
    return found;
}

static void reach(box_object *object, void *arg)
{
    (void)arg;
    if (object->reached || !object->exists) {
        return;
    }
    object->reached = true;
    for (uint32_t i = 0; i < object->count; i++) {
        box_each_reference(object->values[i], reach, NULL);
    }
}

static void reach_all(void)
{
    for (unsigned i = 0; i < box.object_count; i++) {
        box.objects[i].reached = false;
    }
    for (unsigned i = 0; i < box.object_count; i++) {
        if (box.objects[i].name >= 0) {
            reach(&box.objects[i], NULL);
        }
    }
    for (int i = 0; i < BOX_CLIENTS; i++) {
        for (int handle = 0; handle < BOX_HANDLES; handle++) {
            if (box.clients[i].holds[handle]) {
                reach(box.clients[i].holds[handle], NULL);
            }
        }
    }
    for (unsigned i = 0; i < box.grant_count; i++) {
        if (box.grants[i].client) {
            reach(box.grants[i].object, NULL);
        }
    }
    for (unsigned i = 0; i < box.pin_count; i++) {
        if (box.pins[i].owner) {
            reach(box.pins[i].object, NULL);
        }
    }
}

static void count_one(box_object *object, void *arg)
{
    *(unsigned *)arg += object == box.objects + (*(unsigned *)arg >> 16);
}

/* How often others that are there refer to it. */
static unsigned referred_to(const box_object *object)
{
    unsigned counted = (unsigned)(object - box.objects) << 16;
    for (unsigned i = 0; i < box.object_count; i++) {
        const box_object *other = &box.objects[i];
        for (uint32_t at = 0; other->exists && at < other->count; at++) {
            box_each_reference(other->values[at], count_one, &counted);
        }
    }
    return counted & 0xffff;
}

static void check_existence(void)
{
    reach_all();
    for (unsigned i = 0; i < box.object_count; i++) {
        box_object *object = &box.objects[i];
        bool there = in_hub(object) != NULL;
        BOX_REQUIRE(there || !object->exists || !object->reached, "what somebody can reach is there");
        BOX_REQUIRE(!there || object->exists, "what is gone does not come back");
        if (object->exists && !there) {
            box_forget_object(object);
        }
    }
    for (unsigned i = 0; i < box.object_count; i++) {
        const box_object *object = &box.objects[i];
        BOX_REQUIRE(!object->exists || object->reached || referred_to(object),
                    "what nobody refers to, holds or can name is gone at once");
    }
    BOX_REQUIRE(box.core.object_count == box.existing, "objects are counted");
}

/* ---- what is in it ---- */

struct compared {
    const box_object *with;
    uint64_t count;
};

static bool packs_to(const box_value *value, ipc__bytes bytes)
{
    static ipc__buf packed;
    ipc__buf_reset(&packed);
    box_pack(&packed, value);
    return packed.length == bytes.length && memcmp(packed.data, bytes.data, bytes.length) == 0;
}

static void compare_one(void *arg, uint64_t at, const ipc__bytes *key, ipc__bytes value)
{
    struct compared *compared = arg;
    const box_object *with = compared->with;
    compared->count++;
    BOX_REQUIRE(at < with->count, "nothing is there that should not be");
    BOX_REQUIRE(!key || packs_to(with->keys[at], *key), "keys are there in their order, in their first form");
    BOX_REQUIRE(packs_to(with->values[at], value), "values are there in their order");
}

static uint64_t check_contents(const box_object *object, sim_look look)
{
    struct compared compared = {object, 0};
    uint64_t memory = 0;
    BOX_REQUIRE(sim_peek_container(in_hub(object), look, &compared, &memory), "bytes are counted");
    BOX_REQUIRE(!look || compared.count == object->count, "all is there that should be");
    return memory;
}

void box_check_contents(const box_object *object)
{
    if (object->exists) {
        check_contents(object, compare_one);
    }
}

static uint64_t sum_memory(sim_look look)
{
    uint64_t memory = 0;
    for (unsigned i = 0; i < box.object_count; i++) {
        if (box.objects[i].exists) {
            memory += check_contents(&box.objects[i], look);
        }
    }
    return memory;
}

void box_check_everything(void)
{
    BOX_REQUIRE(sum_memory(compare_one) == box.core.memory, "memory is counted");
}

/* ---- locks ---- */

void box_has_lock(box_client *client, box_object *array, bool abandoned)
{
    BOX_REQUIRE(!array->owner || array->owner == client, "who has the lock is alone");
    BOX_REQUIRE(array->owner || abandoned == array->abandoned, "the next owner is told of a dead one, once");
    array->abandoned = array->owner ? array->abandoned : false;
    array->owner = client;
    array->depth++;
}

static void check_locks(void)
{
    for (int i = 0; i < BOX_CLIENTS; i++) {
        box_client *client = &box.clients[i];
        if (client->woken && client->woken_code == IPC_OK) {
            box_has_lock(client, client->waits_for, client->woken_abandoned);
        }
        if (client->woken) {
            client->waiting = 0;
            client->woken = false;
        }
    }
    for (int i = 0; i < BOX_CLIENTS; i++) {
        BOX_REQUIRE(!box.clients[i].waiting || box.clients[i].waits_for->owner, "nobody waits for a lock that is free");
    }
}

void box_check(void)
{
    check_locks();
    check_existence();
    if (box.step % 8 == 0) {
        BOX_REQUIRE(sum_memory(NULL) == box.core.memory, "memory is counted");
    }
    BOX_REQUIRE(box.core.memory <= box.core.options.max_memory, "there is no more than there may be");
}

void box_settle(void)
{
    box_pass(LOOK_US);
    check_locks();
    check_existence();
    for (unsigned i = 0; i < box.object_count; i++) {
        box.objects[i].was_lost = box.objects[i].exists && !box.objects[i].reached;
    }
    box_pass(LOOK_US);
    check_locks();
    check_existence();
    for (unsigned i = 0; i < box.object_count; i++) {
        BOX_REQUIRE(!box.objects[i].exists || !box.objects[i].was_lost, "garbage that is a cycle goes soon");
    }
}
