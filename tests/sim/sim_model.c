/*
 * The model: items, objects, holds and requests, and how they end.
 * Touches its own state. One thread.
 */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

static void *make(sim_world *sim, size_t size)
{
    void *made = calloc(1, size);
    if (!made) {
        sim_fail(sim, "the simulator ran out of memory");
    }
    return made;
}

/* ---- values ---- */

static unsigned char pattern(uint64_t item, size_t at)
{
    return (unsigned char)(item * 31 + at);
}

void sim_value_write(unsigned char *value, size_t length, uint64_t item)
{
    memcpy(value, &item, sizeof item);
    for (size_t at = sizeof item; at < length; at++) {
        value[at] = pattern(item, at);
    }
}

uint64_t sim_value_item(sim_world *sim, ipc__bytes value)
{
    uint64_t id = 0;
    if (value.length >= sizeof id) {
        memcpy(&id, value.data, sizeof id);
    }
    const sim_item *item = sim_item_of(sim, id);
    if (!item || item->length != value.length) {
        sim_fail(sim, "a value of %zu bytes that nobody put", value.length);
    }
    return id;
}

uint64_t sim_value_read(sim_world *sim, ipc__bytes value)
{
    uint64_t id = sim_value_item(sim, value);
    for (size_t at = sizeof id; at < value.length; at++) {
        if (value.data[at] != pattern(id, at)) {
            sim_fail(sim, "item %" PRIu64 " was changed on its way", id);
        }
    }
    return id;
}

/* ---- items ---- */

sim_item *sim_item_of(sim_world *sim, uint64_t id)
{
    return id > 0 && id <= sim->model.item_capacity ? sim->model.items[id - 1] : NULL;
}

sim_item *sim_item_add(sim_world *sim, sim_stream *stream, unsigned producer, uint64_t id, size_t length,
                       sim_state state)
{
    sim_model *model = &sim->model;
    if (id > model->item_capacity) {
        size_t capacity = 2 * id + 64;
        sim_item **items = realloc(model->items, capacity * sizeof *items);
        if (!items) {
            sim_fail(sim, "the simulator ran out of memory");
        }
        memset(items + model->item_capacity, 0, (capacity - model->item_capacity) * sizeof *items);
        model->items = items;
        model->item_capacity = capacity;
    }
    sim_item *item = make(sim, sizeof *item);
    *item =
        (sim_item){.id = id, .stream = stream, .producer = producer, .length = length, .state = state, .attempt = 1};
    model->items[id - 1] = item;
    DL_APPEND(stream->items, item);
    stream->counts[state]++;
    return item;
}

void sim_item_move(sim_item *item, sim_state state)
{
    sim_stream *stream = item->stream;
    if (item->state == SIM_GONE) {
        return;
    }
    if (item->state == SIM_LEASED) {
        DL_DELETE2(stream->object->leases, item, older, newer);
    }
    stream->counts[item->state]--;
    stream->counts[state]++;
    item->state = state;
    if (state == SIM_LEASED) {
        DL_APPEND2(stream->object->leases, item, older, newer);
    }
    if (state == SIM_GONE) {
        DL_DELETE(stream->items, item);
        item->stream = NULL;
    }
}

uint64_t sim_live(const sim_stream *stream)
{
    return stream->counts[SIM_HELD] + stream->counts[SIM_OUT] + stream->counts[SIM_LEASED];
}

void sim_finish(sim_item *item)
{
    sim_item_move(item, SIM_GONE);
}

void sim_stream_clear(sim_stream *stream)
{
    while (stream->items) {
        sim_item_move(stream->items, SIM_GONE);
    }
}

/* ---- deliveries ---- */

sim_stream *sim_incoming(const sim_hold *hold)
{
    return &hold->object->streams[hold->end];
}

sim_stream *sim_outgoing(const sim_hold *hold)
{
    return &hold->object->streams[hold->object->pipe ? !hold->end : 0];
}

sim_item *sim_out_at(const sim_hold *hold, uint64_t position)
{
    sim_item *item;
    DL_FOREACH(sim_incoming(hold)->items, item)
    {
        if (item->state == SIM_OUT && item->hold == hold && item->position == position) {
            return item;
        }
    }
    return NULL;
}

uint64_t sim_out_count(const sim_hold *hold)
{
    uint64_t count = 0;
    sim_item *item;
    DL_FOREACH(sim_incoming(hold)->items, item)
    {
        count += item->state == SIM_OUT && item->hold == hold;
    }
    return count;
}

/* On a joinable queue somebody may have finished it before its taking was known. */
static void take_one(sim_world *sim, sim_hold *hold, sim_item *item)
{
    hold->newest_taken = item->seq > hold->newest_taken ? item->seq : hold->newest_taken;
    if (!hold->object->joinable) {
        sim_finish(item);
        return;
    }
    sim_item_move(item, SIM_LEASED);
    item->leased = ++sim->model.leased;
    item->lessee = hold->peer->number;
    sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->op == IPC__OP_DONE_ANY && !request->decided && request->hold &&
            request->hold->object == hold->object) {
            sim_request_decide(sim, request, IPC_OK);
            sim_finish(item);
            return;
        }
    }
}

void sim_take(sim_hold *hold, uint64_t position)
{
    /* In the order of their positions, and there may be gaps. */
    for (;;) {
        sim_item *oldest = NULL;
        sim_item *item;
        DL_FOREACH(sim_incoming(hold)->items, item)
        {
            if (item->state == SIM_OUT && item->hold == hold && item->position <= position &&
                (!oldest || item->position < oldest->position)) {
                oldest = item;
            }
        }
        if (!oldest) {
            return;
        }
        take_one(hold->peer->sim, hold, oldest);
    }
}

uint64_t sim_newest(const sim_hold *hold)
{
    uint64_t newest = hold->newest_taken;
    const sim_item *item;
    DL_FOREACH(sim_incoming(hold)->items, item)
    {
        if (item->state == SIM_OUT && item->hold == hold && item->seq > newest) {
            newest = item->seq;
        }
    }
    return newest;
}

bool sim_demands(const sim_hold *hold, uint64_t now)
{
    return hold->peer && hold->window > sim_out_count(hold) && hold->demand_until > now;
}

void sim_model_truly_taken(sim_peer *peer, uint64_t id, uint32_t attempt)
{
    sim_item *item = sim_item_of(peer->sim, id);
    uint64_t bit = UINT64_C(1) << (attempt & 63);
    if (item->truly_taken & bit) {
        sim_fail(peer->sim, "item %" PRIu64 " was taken twice at attempt %u", id, attempt);
    }
    item->truly_taken |= bit;
}

/* ---- objects and holds ---- */

sim_object *sim_object_named(sim_world *sim, ipc__bytes name)
{
    sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        if (object->name && strlen(object->name) == name.length && memcmp(object->name, name.data, name.length) == 0) {
            return object;
        }
    }
    return NULL;
}

unsigned sim_object_count(const sim_world *sim)
{
    unsigned count = 0;
    const sim_object *object;
    DL_COUNT(sim->model.objects, object, count);
    return count;
}

sim_object *sim_object_add(sim_world *sim, sim_object fresh)
{
    sim_object *object = make(sim, sizeof *object);
    *object = fresh;
    object->streams[0] = (sim_stream){.object = object, .end = 0};
    object->streams[1] = (sim_stream){.object = object, .end = 1};
    DL_APPEND(sim->model.objects, object);
    return object;
}

void sim_object_free(sim_world *sim, sim_object *object)
{
    sim_stream_clear(&object->streams[0]);
    sim_stream_clear(&object->streams[1]);
    DL_DELETE(sim->model.objects, object);
    free(object->name);
    free(object->dead_letter);
    free(object);
}

unsigned sim_holders(const sim_object *object, int end)
{
    unsigned count = 0;
    const sim_hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        count += hold->end == end;
    }
    return count;
}

bool sim_end_gone(const sim_object *object, int end)
{
    return object->met[end] && sim_holders(object, end) == 0;
}

bool sim_receives(const sim_object *object, int end)
{
    return !object->pipe || !object->simplex || end == 0;
}

sim_hold *sim_hold_add(sim_world *sim, sim_object *object, sim_peer *peer, uint32_t handle, int end)
{
    sim_hold *hold = make(sim, sizeof *hold);
    hold->object = object;
    hold->peer = peer;
    hold->handle = handle;
    hold->end = end;
    object->met[end] = true;
    DL_APPEND(object->holds, hold);
    if (peer) {
        peer->mirror.holds[handle] = hold;
        sim_ring_reset(peer, handle);
    }
    return hold;
}

/* What waits on a hold is answered when it is closed. */
static void end_requests(sim_world *sim, const sim_hold *hold)
{
    sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->hold == hold) {
            request->hold = NULL;
            sim_request_decide(sim, request, IPC_ECLOSED);
        }
    }
}

/* What comes to an end that is gone is nobody's. */
static void drop_unreadable(sim_stream *stream)
{
    while (stream->items) {
        sim_item_move(stream->items, SIM_GONE);
    }
}

void sim_hold_end(sim_world *sim, sim_hold *hold, ipc__end end)
{
    sim_object *object = hold->object;
    if (hold->peer) {
        end_requests(sim, hold);
        if (hold->peer->lane == SIM_IMMEDIATE) {
            sim_take(hold, sim_ring_taken(hold->peer, hold->handle));
        }
        hold->peer->mirror.holds[hold->handle] = NULL;
    }
    bool unsure = end == IPC__END_CRASH && hold->peer && hold->peer->lane == SIM_DELAYED;
    sim_give_back(sim, hold, 0, unsure ? SIM_SUSPECT : SIM_UNTAKEN);
    sim_stream *unread = sim_incoming(hold);
    DL_DELETE(object->holds, hold);
    int side = hold->end;
    free(hold);
    if (object->pipe && sim_end_gone(object, side)) {
        drop_unreadable(&object->streams[side]);
    }
    if (!object->name && !object->holds) {
        sim_object_free(sim, object);
    } else if (object->pipe && sim_end_gone(object, unread->end)) {
        sim_stream_clear(unread);
    }
}

/* ---- requests ---- */

sim_request *sim_request_of(sim_world *sim, const sim_peer *peer, uint64_t seq)
{
    sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->peer == peer && request->seq == seq) {
            return request;
        }
    }
    return NULL;
}

void sim_request_drop(sim_world *sim, sim_request *request)
{
    if (request->item && request->item->state == SIM_WAITING) {
        sim_item_move(request->item, SIM_GONE);
    }
    DL_DELETE(sim->model.requests, request);
    free(request);
}

void sim_request_decide(sim_world *sim, sim_request *request, ipc_err code)
{
    if (request->decided) {
        sim_fail(sim, "the model decided request %" PRIu64 " twice", request->seq);
    }
    request->decided = true;
    request->code = code;
}

unsigned sim_session_waiting(const sim_peer *peer, const sim_request *except)
{
    unsigned count = 0;
    const sim_request *request;
    DL_FOREACH(peer->sim->model.requests, request)
    {
        count += request->peer == peer && request != except;
    }
    const sim_pin *pin;
    DL_FOREACH(peer->sim->model.pins, pin)
    {
        count += pin->owner == peer;
    }
    return count;
}

uint64_t sim_waiting(const sim_world *sim, const sim_object *object, ipc__op op)
{
    uint64_t count = 0;
    const sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        count += request->op == op && !request->decided && request->hold && request->hold->object == object;
    }
    return count;
}

/* ---- ends ---- */

void sim_pin_drop(sim_world *sim, sim_pin *pin)
{
    DL_DELETE(sim->model.pins, pin);
    sim_hold_end(sim, pin->hold, IPC__END_CLEAN);
    free(pin);
}

void sim_model_expire(sim_world *sim, uint64_t now)
{
    sim_pin *pin;
    sim_pin *next;
    DL_FOREACH_SAFE(sim->model.pins, pin, next)
    {
        if (pin->expires <= now) {
            sim_pin_drop(sim, pin);
        }
    }
}

void sim_model_end(sim_peer *peer, ipc__end end)
{
    sim_world *sim = peer->sim;
    end = end == IPC__END_CLEAN && peer->mirror.failed ? IPC__END_FAILED : end;
    sim->model.now.ending = peer;
    sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        object->may_end = true; /* before what was leased comes back */
    }
    sim_request *request;
    DL_FOREACH(sim->model.requests, request)
    {
        if (request->peer == peer) {
            request->hold = NULL; /* nothing comes of it any more */
        }
    }
    sim_pin *pin;
    sim_pin *next;
    DL_FOREACH_SAFE(sim->model.pins, pin, next)
    {
        if (pin->owner == peer) {
            sim_pin_drop(sim, pin);
        }
    }
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        if (peer->mirror.holds[handle]) {
            sim_hold_end(sim, peer->mirror.holds[handle], end);
        }
    }
    sim_leases_end(sim, peer->number, end);
}

void sim_model_ended(sim_peer *peer)
{
    sim_world *sim = peer->sim;
    sim->model.now.ending = NULL;
    sim_request *request;
    sim_request *next;
    DL_FOREACH_SAFE(sim->model.requests, request, next)
    {
        if (request->peer == peer) {
            sim_request_drop(sim, request);
        }
    }
}

void sim_model_forked(sim_peer *parent, sim_peer *child, const bool *handles)
{
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        const sim_hold *twin = parent->mirror.holds[handle];
        if (handles[handle] && twin) {
            sim_hold_add(parent->sim, twin->object, child, handle, twin->end);
        }
    }
}

void sim_model_free(sim_world *sim)
{
    sim_model *model = &sim->model;
    for (size_t i = 0; i < model->item_capacity; i++) {
        free(model->items[i]);
    }
    free(model->items);
    *model = (sim_model){0};
}
