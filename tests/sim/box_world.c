/*
 * What a model knows of a hub core and its clients.
 * Touches memory; a broken promise prints the seed, and ends the process. One thread.
 */
#include "box_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MINUTE_US = 60 * 1000 * 1000 };

box_world box;

void box_fail(const char *file, int line, const char *words)
{
    fprintf(stderr, "seed %" PRIu64 ", step %u: %s (%s:%d)\n  replay: test_container %" PRIu64 "\n", box.seed, box.step,
            words, file, line, box.seed);
    exit(1);
}

uint64_t box_draw(uint64_t below)
{
    box.random ^= box.random << 13;
    box.random ^= box.random >> 7;
    box.random ^= box.random << 17;
    return box.random % below;
}

void box_begin(uint64_t seed, box_flavour flavour)
{
    box_values_reset();
    box.seed = seed;
    box.random = seed * 0x9e3779b97f4a7c15U + 1;
    box.step = 0;
    box.flavour = flavour;
    box.now = 1000000;
    box.object_count = 0;
    box.existing = 0;
    box.grant_count = 0;
    box.pin_count = 0;
    memset(box.clients, 0, sizeof box.clients);
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    if (flavour.scarce) {
        options.max_memory = 1500;
    }
    if (flavour.terse) {
        options.max_message = 60;
    }
    ipc__core_init(&box.core, &options);
    box.core.epoch = seed << 32 | 12345;
}

void box_end(void)
{
    for (int i = 0; i < BOX_CLIENTS; i++) {
        if (box.clients[i].session) {
            ipc__buf_free(&box.clients[i].answer);
        }
    }
    ipc__core_fini(&box.core);
    BOX_REQUIRE(box.core.memory == 0, "nothing is kept");
    BOX_REQUIRE(box.core.object_count == 0, "no object is left");
}

/* ---- objects ---- */

box_object *box_object_new(box_type type, int name)
{
    if (box.object_count == BOX_OBJECTS) {
        abort();
    }
    box_object *object = &box.objects[box.object_count++];
    object->type = type;
    object->name = name;
    object->typecode = 0;
    object->exists = true;
    object->was_lost = false;
    object->count = 0;
    object->owner = NULL;
    object->depth = 0;
    object->abandoned = false;
    box.existing++;
    return object;
}

box_object *box_named(int name)
{
    for (unsigned i = 0; i < box.object_count; i++) {
        if (box.objects[i].exists && box.objects[i].name == name) {
            return &box.objects[i];
        }
    }
    return NULL;
}

void box_forget_object(box_object *object)
{
    object->exists = false;
    object->owner = NULL;
    box.existing--;
    for (unsigned i = 0; i < box.grant_count; i++) {
        if (box.grants[i].object == object) {
            box.grants[i].client = NULL;
        }
    }
    for (unsigned i = 0; i < box.pin_count; i++) {
        if (box.pins[i].object == object) {
            box.pins[i].owner = NULL;
        }
    }
    for (int i = 0; i < BOX_CLIENTS; i++) {
        for (int handle = 0; handle < BOX_HANDLES; handle++) {
            if (box.clients[i].holds[handle] == object) {
                box.clients[i].holds[handle] = NULL;
            }
        }
    }
}

/* ---- who was told of what ---- */

static box_grant *find_grant(const box_client *client, const box_object *object)
{
    for (unsigned i = 0; i < box.grant_count; i++) {
        if (box.grants[i].client == client && box.grants[i].object == object) {
            return &box.grants[i];
        }
    }
    return NULL;
}

static box_grant *grant_new(void)
{
    for (unsigned i = 0; i < box.grant_count; i++) {
        if (!box.grants[i].client) {
            return &box.grants[i];
        }
    }
    if (box.grant_count == BOX_GRANTS) {
        abort();
    }
    return &box.grants[box.grant_count++];
}

static void tell(box_object *object, void *arg)
{
    if (!object->exists || object->name >= 0) {
        return;
    }
    box_grant *grant = find_grant(arg, object);
    if (!grant) {
        grant = grant_new();
        *grant = (box_grant){.client = arg, .object = object};
    }
    grant->count++;
    grant->due = box.now + MINUTE_US;
}

void box_told(box_client *self, const box_value *value)
{
    box_each_reference(value, tell, self);
}

void box_grant_used(box_client *self, const box_object *object)
{
    box_grant *grant = find_grant(self, object);
    if (grant && --grant->count == 0) {
        grant->client = NULL;
    }
}

void box_forget_client(box_client *self)
{
    for (unsigned i = 0; i < box.grant_count; i++) {
        if (box.grants[i].client == self) {
            box.grants[i].client = NULL;
        }
    }
    for (unsigned i = 0; i < box.pin_count; i++) {
        if (box.pins[i].owner == self) {
            box.pins[i].owner = NULL;
        }
    }
    for (unsigned i = 0; i < box.object_count; i++) {
        if (box.objects[i].owner == self) {
            box.objects[i].owner = NULL;
            box.objects[i].depth = 0;
            box.objects[i].abandoned = true;
        }
    }
    ipc__buf_free(&self->answer);
    *self = (box_client){0};
}

/* ---- time ---- */

void box_pass(uint64_t us)
{
    box.now += us;
    ipc__core_advance(&box.core, box.now);
    for (unsigned i = 0; i < box.grant_count; i++) {
        if (box.grants[i].client && box.grants[i].due <= box.now) {
            box.grants[i].client = NULL;
        }
    }
    for (unsigned i = 0; i < box.pin_count; i++) {
        if (box.pins[i].owner && box.pins[i].due && box.pins[i].due <= box.now) {
            box.pins[i].owner = NULL;
        }
    }
}
