/*
 * The model, opening: what an OPEN must be answered with, and what it makes.
 * Touches the model. One thread.
 */
#include "sim_entry.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { DELIVERIES_MAX = 1000 };

typedef struct wanted {
    uint64_t maxsize, redeliver, max_deliveries, end;
    bool joinable, simplex;
    ipc__bytes dead_letter;
    bool asks_maxsize, asks_joinable, asks_redeliver, asks_max_deliveries, asks_dead_letter, asks_simplex, asks_end;
} wanted;

static wanted read_options(const sim_entry *in, ipc_cursor options)
{
    wanted want = {0};
    if (!ipc__option_uint(options, "maxsize", &want.maxsize, &want.asks_maxsize) ||
        !ipc__option_uint(options, "redeliver", &want.redeliver, &want.asks_redeliver) ||
        !ipc__option_uint(options, "max_deliveries", &want.max_deliveries, &want.asks_max_deliveries) ||
        !ipc__option_text(options, "dead_letter", &want.dead_letter, &want.asks_dead_letter) ||
        !ipc__option_uint(options, "end", &want.end, &want.asks_end) ||
        !ipc__option_bool(options, "joinable", &want.joinable, &want.asks_joinable) ||
        !ipc__option_bool(options, "simplex", &want.simplex, &want.asks_simplex)) {
        sim_fail(in->sim, "the simulator's client broke the protocol");
    }
    return want;
}

static bool same_text(const char *text, ipc__bytes bytes)
{
    size_t length = text ? strlen(text) : 0;
    return length == bytes.length && (length == 0 || memcmp(text, bytes.data, length) == 0);
}

static bool in_range(const wanted *want)
{
    return want->redeliver <= (uint64_t)IPC_REDELIVER_NEVER && want->max_deliveries <= DELIVERIES_MAX;
}

/* Whether the options are those of an object that exists. */
static ipc_err expect_match(const sim_object *object, const wanted *want)
{
    if (object->pipe) {
        return !want->asks_simplex || want->simplex == object->simplex ? IPC_OK : IPC_EOPTIONS;
    }
    if (!in_range(want)) {
        return IPC_EINVAL;
    }
    bool same = (!want->asks_maxsize || want->maxsize == object->maxsize) &&
                (!want->asks_joinable || want->joinable == object->joinable) &&
                (!want->asks_redeliver || want->redeliver == (uint64_t)object->redeliver) &&
                (!want->asks_max_deliveries || want->max_deliveries == object->max_deliveries) &&
                (!want->asks_dead_letter || same_text(object->dead_letter, want->dead_letter));
    return same ? IPC_OK : IPC_EOPTIONS;
}

/* A name as clients of the simulator make it: it may be too long, or no text. */
static ipc_err expect_name(const sim_world *sim, ipc__bytes name)
{
    bool text =
        name.length == 0 || (!memchr(name.data, SIM_NO_TEXT, name.length) && !memchr(name.data, 0, name.length));
    return name.length > 0 && name.length <= sim->core.options.max_name && text ? IPC_OK : IPC_ENAME;
}

/* A new queue brings the one for what is handed out in vain into being. */
static ipc_err expect_dead_letter(sim_world *sim, ipc__bytes own, ipc__bytes name)
{
    if (own.length == name.length && memcmp(own.data, name.data, name.length) == 0) {
        return IPC_EINVAL;
    }
    ipc_err err = expect_name(sim, name);
    if (err) {
        return err;
    }
    const sim_object *dead = sim_object_named(sim, name);
    if (dead) {
        return dead->pipe ? IPC_ETYPE : IPC_OK;
    }
    return sim_object_count(sim) + 2 > sim->core.options.max_objects ? IPC_EOBJECTS : IPC_OK;
}

/* What becomes of an OPEN that makes a new object. */
static ipc_err expect_new(sim_world *sim, bool pipe, ipc__bytes name, const wanted *want)
{
    if (sim_object_count(sim) >= sim->core.options.max_objects) {
        return IPC_EOBJECTS;
    }
    if (pipe) {
        return IPC_OK;
    }
    bool leases = want->redeliver || want->max_deliveries || want->dead_letter.length;
    if (!in_range(want) || (leases && !want->joinable) || (want->dead_letter.length && !want->max_deliveries)) {
        return IPC_EINVAL;
    }
    return want->dead_letter.length ? expect_dead_letter(sim, name, want->dead_letter) : IPC_OK;
}

/* Both ends of a pipe are gone: the next opener begins anew. */
static void begin_anew(sim_object *object)
{
    if (!sim_end_gone(object, 0) || !sim_end_gone(object, 1)) {
        return;
    }
    object->met[0] = object->met[1] = false;
}

static ipc_err choose_end(const sim_object *object, uint64_t asked, int *end)
{
    if (asked > 2) {
        return IPC_EINVAL;
    }
    if (asked == 0) {
        *end = sim_holders(object, 0) || sim_end_gone(object, 0);
        if (sim_holders(object, *end)) {
            return IPC_EBUSY;
        }
    } else {
        *end = (int)asked - 1;
    }
    return sim_end_gone(object, *end) ? IPC_EPIPE : IPC_OK;
}

static sim_pin *find_pin(sim_world *sim, ipc__bytes bytes)
{
    sim_pin *pin;
    DL_FOREACH(sim->model.pins, pin)
    {
        if (bytes.length == SIM_PIN_SIZE && memcmp(pin->bytes, bytes.data, SIM_PIN_SIZE) == 0) {
            return pin;
        }
    }
    return NULL;
}

static ipc_err expect_named(sim_world *sim, bool pipe, uint64_t mode, ipc__bytes name, const wanted *want)
{
    ipc_err err = expect_name(sim, name);
    if (err) {
        return err;
    }
    sim_object *object = sim_object_named(sim, name);
    sim->model.now.opening = object;
    if (!object) {
        return mode == IPC_OPEN_ATTACH ? IPC_ENOENT : expect_new(sim, pipe, name, want);
    }
    if (mode == IPC_OPEN_CREATE) {
        return IPC_EEXIST;
    }
    return object->pipe == pipe ? expect_match(object, want) : IPC_ETYPE;
}

static ipc_err expect_pinned(sim_world *sim, bool pipe, ipc__bytes bytes)
{
    sim_pin *pin = find_pin(sim, bytes);
    if (!pin) {
        return IPC_ENOENT;
    }
    if (pin->hold->object->pipe != pipe) {
        return IPC_ETYPE;
    }
    sim->model.now.pin = pin;
    sim->model.now.opening = pin->hold->object;
    sim->model.now.end = pin->hold->end;
    return IPC_OK;
}

static ipc_err expect_sibling(const sim_entry *in, bool pipe, int64_t handle)
{
    const sim_hold *sibling = handle > 0 && handle < SIM_HANDLES ? in->peer->mirror.holds[handle] : NULL;
    if (!sibling) {
        return IPC_EDELETED;
    }
    in->sim->model.now.opening = sibling->object;
    return sibling->object->pipe == pipe ? IPC_OK : IPC_ETYPE;
}

/* Which end an OPEN gets that is not one of a pin. */
static ipc_err expect_end(sim_world *sim, bool pipe, const wanted *want)
{
    sim->model.now.end = 0;
    sim_object *object = sim->model.now.opening;
    if (!pipe) {
        return IPC_OK;
    }
    if (object) {
        begin_anew(object);
    }
    return choose_end(object ? object : &sim->model.now.fresh, want->end, &sim->model.now.end);
}

static char *copy_text(ipc__bytes text)
{
    return text.length ? strndup((const char *)text.data, text.length) : NULL;
}

/* What it would make. */
static sim_object imagine(bool pipe, ipc__bytes name, const wanted *want)
{
    if (pipe) {
        return (sim_object){.name = copy_text(name), .pipe = true, .simplex = want->simplex};
    }
    return (sim_object){.name = copy_text(name),
                        .joinable = want->joinable,
                        .maxsize = want->maxsize,
                        .redeliver = (ipc_redeliver)want->redeliver,
                        .max_deliveries = (uint32_t)want->max_deliveries,
                        .dead_letter = copy_text(want->dead_letter)};
}

static ipc_err expect(const sim_entry *in, bool pipe, uint64_t mode, const ipc_value *where, const wanted *want)
{
    sim_world *sim = in->sim;
    ipc__bytes place = {(const unsigned char *)where->as.bytes.data, where->as.bytes.length};
    if (where->kind == IPC_KIND_BIN) {
        return expect_pinned(sim, pipe, place);
    }
    ipc__bytes name = where->kind == IPC_KIND_STR ? place : (ipc__bytes){0};
    sim->model.now.fresh = imagine(pipe, name, want);
    ipc_err err = IPC_OK;
    if (where->kind == IPC_KIND_STR) {
        err = expect_named(sim, pipe, mode, place, want);
    } else if (where->kind == IPC_KIND_INT) {
        err = expect_sibling(in, pipe, where->as.i);
    } else {
        err = expect_new(sim, pipe, name, want);
    }
    return err ? err : expect_end(sim, pipe, want);
}

void sim_enter_open(const sim_entry *in)
{
    sim_world *sim = in->sim;
    bool pipe = sim_entry_text(in).length == 4;
    uint64_t mode = sim_entry_uint(in);
    ipc_value where;
    if (ipc_cursor_next(&in->envelope->at, &where)) {
        sim_fail(sim, "the simulator's client broke the protocol");
    }
    wanted want = read_options(in, in->envelope->at);
    sim->model.now.opening = NULL;
    sim->model.now.pin = NULL;
    sim_entry_decide(in, expect(in, pipe, mode, &where, &want));
}
