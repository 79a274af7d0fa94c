/*
 * The model, looking: what the hub tells of itself and of its objects is held against what the model knows.
 * Touches nothing. One thread.
 */
#include "sim_look.h"

#include "sim_peek.h"

#include <inttypes.h>
#include <utlist.h>

/* ---- maps ---- */

static uint32_t count_of(sim_world *sim, ipc_cursor *at, ipc_kind kind)
{
    ipc_value value;
    if (ipc_cursor_next(at, &value) || value.kind != kind) {
        sim_fail(sim, "the hub told something that is not of kind %d", kind);
    }
    return value.as.count;
}

static void step_over(sim_world *sim, ipc_cursor *at)
{
    if (ipc_cursor_skip(at)) {
        sim_fail(sim, "the hub told something that is broken");
    }
}

/* The value of a key. */
static ipc_cursor at_key(sim_world *sim, ipc_cursor map, const char *key)
{
    for (uint32_t left = count_of(sim, &map, IPC_KIND_MAP); left > 0; left--) {
        ipc__bytes name;
        if (!ipc__read_str(&map, &name)) {
            sim_fail(sim, "the hub told a map with a key that is no text");
        }
        if (name.length == strlen(key) && memcmp(name.data, key, name.length) == 0) {
            return map;
        }
        step_over(sim, &map);
    }
    sim_fail(sim, "the hub did not tell \"%s\"", key);
}

static void expect_size(sim_world *sim, ipc_cursor at, ipc_kind kind, uint32_t expected)
{
    uint32_t told = count_of(sim, &at, kind);
    if (told != expected) {
        sim_fail(sim, "the hub told %" PRIu32 " of something where there are %" PRIu32, told, expected);
    }
}

static void expect_uint(sim_world *sim, ipc_cursor map, const char *key, uint64_t expected)
{
    uint64_t told;
    ipc_cursor at = at_key(sim, map, key);
    if (!ipc__read_uint(&at, &told) || told != expected) {
        sim_fail(sim, "the hub did not tell that \"%s\" is %" PRIu64, key, expected);
    }
}

static void expect_bool(sim_world *sim, ipc_cursor map, const char *key, bool expected)
{
    bool told;
    ipc_cursor at = at_key(sim, map, key);
    if (!ipc__read_bool(&at, &told) || told != expected) {
        sim_fail(sim, "the hub did not tell that \"%s\" is %s", key, expected ? "true" : "false");
    }
}

/* NULL: nil. */
static void expect_text(sim_world *sim, ipc_cursor map, const char *key, const char *expected)
{
    ipc_value told;
    ipc_cursor at = at_key(sim, map, key);
    bool read = ipc_cursor_next(&at, &told) == IPC_OK;
    bool right = read && told.kind == IPC_KIND_NULL && !expected;
    if (read && told.kind == IPC_KIND_STR && expected) {
        right =
            told.as.bytes.length == strlen(expected) && memcmp(told.as.bytes.data, expected, told.as.bytes.length) == 0;
    }
    if (!right) {
        sim_fail(sim, "the hub did not tell that \"%s\" is %s", key, expected ? expected : "nil");
    }
}

/* ---- counts ---- */

static uint64_t parked(const sim_object *object, int end)
{
    return sim_peek_parked(sim_peek_stream(object->core, end));
}

/* What a consumer could take now. */
static uint64_t size_of(const sim_object *object, int end)
{
    const uint64_t *counts = object->streams[end].counts;
    return counts[SIM_HELD] + counts[SIM_OUT] - parked(object, end);
}

static uint64_t unread(const sim_object *object)
{
    return size_of(object, 0) + (object->pipe ? size_of(object, 1) : 0);
}

static uint32_t count_holds(const sim_object *object, bool sessions_only)
{
    uint32_t count = 0;
    const sim_hold *hold;
    DL_FOREACH(object->holds, hold)
    {
        count += hold->peer || !sessions_only;
    }
    return count;
}

static uint64_t count_gets(sim_world *sim, const sim_stream *stream)
{
    uint64_t count = 0;
    const sim_hold *hold;
    DL_FOREACH(stream->object->holds, hold)
    {
        bool wants = sim_demands(hold, sim->now) || sim_polls(sim, hold);
        count += sim_incoming(hold) == stream && wants && sim_out_count(hold) == 0;
    }
    return count;
}

static const char *type_of(const sim_object *object)
{
    return object->pipe ? "pipe" : "queue";
}

/* ---- objects ---- */

static void look_options(sim_world *sim, const sim_object *object, ipc_cursor map)
{
    expect_bool(sim, map, "joinable", object->joinable);
    expect_uint(sim, map, "maxsize", object->maxsize);
    expect_uint(sim, map, "redeliver", (uint64_t)object->redeliver);
    expect_uint(sim, map, "max_deliveries", object->max_deliveries);
    expect_text(sim, map, "dead_letter", object->dead_letter);
    expect_bool(sim, map, "shut", object->shut);
}

void sim_look_opened(sim_world *sim, const sim_hold *hold, ipc_cursor at)
{
    const sim_object *object = hold->object;
    expect_size(sim, at, IPC_KIND_MAP, object->pipe ? 2 : 6);
    if (object->pipe) {
        expect_uint(sim, at, "end", (uint64_t)hold->end + 1);
        expect_bool(sim, at, "simplex", object->simplex);
    } else {
        look_options(sim, object, at);
    }
}

void sim_look_sized(sim_world *sim, const sim_object *object, ipc_cursor at)
{
    uint64_t told[4];
    bool joinable;
    if (!ipc__read_uint(&at, &told[0]) || !ipc__read_uint(&at, &told[1]) || !ipc__read_uint(&at, &told[2]) ||
        !ipc__read_bool(&at, &joinable) || !ipc__read_uint(&at, &told[3]) || joinable != object->joinable) {
        sim_fail(sim, "SIZE was answered with fields that are none of its");
    }
    uint64_t size = size_of(object, 0);
    uint64_t room = object->maxsize > size ? object->maxsize - size : 0;
    uint64_t expected[4] = {size, object->maxsize, object->joinable ? sim_live(&object->streams[0]) : 0, room};
    for (int i = 0; i < 4; i++) {
        if (told[i] != expected[i]) {
            sim_fail(sim, "SIZE was answered with %" PRIu64 " for %" PRIu64 " (number %d)", told[i], expected[i], i);
        }
    }
}

static void look_stream(sim_world *sim, const sim_stream *stream, ipc_cursor map)
{
    const sim_object *object = stream->object;
    const ipc__stream *core = sim_peek_stream(object->core, stream->end);
    uint64_t waiting = parked(object, stream->end);
    expect_uint(sim, map, "size", size_of(object, stream->end));
    expect_uint(sim, map, "delivered", stream->counts[SIM_OUT]);
    expect_uint(sim, map, "credits", core->credits);
    expect_uint(sim, map, "accepted", stream->accepted - waiting);
    expect_uint(sim, map, "gets_waiting", count_gets(sim, stream));
    expect_uint(sim, map, "puts_waiting", waiting + stream->counts[SIM_WAITING]);
}

static void look_queue(sim_world *sim, const sim_object *object, ipc_cursor map)
{
    const sim_stream *stream = &object->streams[0];
    expect_size(sim, map, IPC_KIND_MAP, 15);
    look_options(sim, object, map);
    look_stream(sim, stream, map);
    expect_uint(sim, map, "leased", stream->counts[SIM_LEASED]);
    expect_uint(sim, map, "unfinished", object->joinable ? sim_live(stream) : 0);
    expect_uint(sim, map, "joins_waiting", sim_waiting(sim, object, IPC__OP_JOIN));
}

static void look_pipe(sim_world *sim, const sim_object *object, ipc_cursor map)
{
    expect_size(sim, map, IPC_KIND_MAP, 4);
    expect_bool(sim, map, "simplex", object->simplex);
    expect_uint(sim, map, "size", unread(object));
    for (int end = 0; end < 2; end++) {
        ipc_cursor state = at_key(sim, map, end == 0 ? "a" : "b");
        expect_size(sim, state, IPC_KIND_MAP, 7);
        expect_uint(sim, state, "holders", sim_holders(object, end));
        look_stream(sim, &object->streams[end], state);
    }
}

void sim_look_listed(sim_world *sim, ipc_cursor at)
{
    uint32_t named = 0;
    const sim_object *object;
    DL_FOREACH(sim->model.objects, object)
    {
        named += object->name != NULL;
    }
    expect_size(sim, at, IPC_KIND_ARRAY, named);
    for (uint32_t left = count_of(sim, &at, IPC_KIND_ARRAY); left > 0; left--) {
        expect_size(sim, at, IPC_KIND_MAP, 4);
        ipc__bytes name;
        ipc_cursor field = at_key(sim, at, "name");
        object = ipc__read_str(&field, &name) ? sim_object_named(sim, name) : NULL;
        if (!object) {
            sim_fail(sim, "LIST names an object that is not there");
        }
        expect_text(sim, at, "type", type_of(object));
        expect_uint(sim, at, "size", unread(object));
        expect_uint(sim, at, "handles", count_holds(object, false));
        step_over(sim, &at);
    }
}

/* ---- sessions ---- */

static void look_session(sim_world *sim, const sim_peer *peer, ipc_cursor map)
{
    expect_uint(sim, map, "session", peer->session->id);
    expect_text(sim, map, "language", "sim");
    expect_text(sim, map, "program", "sim");
    expect_text(sim, map, "lane", peer->session->lane->name);
    expect_uint(sim, map, "pid", peer->forked ? 0 : peer->number);
}

static const sim_peer *peer_of(sim_world *sim, ipc_cursor map)
{
    uint64_t id;
    ipc_cursor at = at_key(sim, map, "session");
    const sim_peer *peer = NULL;
    if (ipc__read_uint(&at, &id)) {
        DL_FOREACH(sim->peers, peer)
        {
            if (peer->session->id == id) {
                break;
            }
        }
    }
    if (!peer) {
        sim_fail(sim, "the hub told of a session that is not there");
    }
    return peer;
}

static void look_holder(sim_world *sim, const sim_object *object, ipc_cursor map)
{
    const sim_peer *peer = peer_of(sim, map);
    uint64_t handle;
    ipc_cursor at = at_key(sim, map, "handle");
    expect_size(sim, map, IPC_KIND_MAP, 6);
    look_session(sim, peer, map);
    if (!ipc__read_uint(&at, &handle) || handle >= SIM_HANDLES || !peer->mirror.holds[handle] ||
        peer->mirror.holds[handle]->object != object) {
        sim_fail(sim, "INFO names a handle of session %u that is not the object's", peer->number);
    }
}

void sim_look_info(sim_world *sim, const sim_object *object, ipc_cursor at)
{
    expect_size(sim, at, IPC_KIND_MAP, 5);
    expect_text(sim, at, "name", object->name);
    expect_text(sim, at, "type", type_of(object));
    expect_uint(sim, at, "handles", count_holds(object, false));
    ipc_cursor holders = at_key(sim, at, "holders");
    expect_size(sim, holders, IPC_KIND_ARRAY, count_holds(object, true));
    for (uint32_t left = count_of(sim, &holders, IPC_KIND_ARRAY); left > 0; left--) {
        look_holder(sim, object, holders);
        step_over(sim, &holders);
    }
    ipc_cursor state = at_key(sim, at, "state");
    if (object->pipe) {
        look_pipe(sim, object, state);
    } else {
        look_queue(sim, object, state);
    }
}

static void look_limits(sim_world *sim, ipc_cursor map)
{
    const ipc_hub_options *options = &sim->core.options;
    expect_size(sim, map, IPC_KIND_MAP, 6);
    expect_uint(sim, map, "sessions", options->max_sessions);
    expect_uint(sim, map, "objects", options->max_objects);
    expect_uint(sim, map, "memory", options->max_memory);
    expect_uint(sim, map, "message", options->max_message);
    expect_uint(sim, map, "name", options->max_name);
    expect_uint(sim, map, "waiting", options->max_waiting);
}

static uint64_t count_handles(const sim_peer *peer)
{
    uint64_t count = 0;
    for (uint32_t handle = 1; handle < SIM_HANDLES; handle++) {
        count += peer->mirror.holds[handle] != NULL;
    }
    return count;
}

void sim_look_stat(sim_world *sim, const sim_request *request, ipc_cursor at)
{
    unsigned sessions = 0;
    const sim_peer *peer;
    DL_COUNT(sim->peers, peer, sessions);
    expect_size(sim, at, IPC_KIND_MAP, 13);
    expect_text(sim, at, "version", IPC_VERSION);
    expect_uint(sim, at, "protocol", IPC__PROTOCOL_VERSION);
    expect_uint(sim, at, "pid", 0);
    expect_uint(sim, at, "uptime_ms", sim->now / SIM_MS);
    expect_uint(sim, at, "sessions", sessions);
    expect_uint(sim, at, "shm_sessions", 0); /* its lanes are none of these */
    expect_uint(sim, at, "zmq_sessions", 0);
    expect_uint(sim, at, "objects", sim_object_count(sim));
    expect_uint(sim, at, "memory", sim_memory(sim));
    expect_uint(sim, at, "rejected", 0);
    expect_uint(sim, at, "refused_puts", sim->model.refused);
    look_limits(sim, at_key(sim, at, "limits"));
    ipc_cursor who = at_key(sim, at, "who");
    expect_size(sim, who, IPC_KIND_ARRAY, sessions);
    for (uint32_t left = count_of(sim, &who, IPC_KIND_ARRAY); left > 0; left--) {
        peer = peer_of(sim, who);
        expect_size(sim, who, IPC_KIND_MAP, 7);
        look_session(sim, peer, who);
        expect_uint(sim, who, "handles", count_handles(peer));
        expect_uint(sim, who, "waiting", sim_session_waiting(peer, request));
        step_over(sim, &who);
    }
}
