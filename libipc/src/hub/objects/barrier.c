/*
 * Barriers: parties that wait for each other. The last one to come may act before the others go on. A party that dies while it waits,
 * or is late, breaks the barrier: nobody waits for it in vain.
 * Touches the calls that wait. Not locked: the core's thread.
 */
#include "hub/core.h"
#include "util/error.h"

#include <utlist.h>

struct barrier {
    ipc__object base;
    uint64_t parties;
    bool broken;
    bool cracked;                /* it is broken from the next generation on */
    ipc__call *waiters;          /* of this generation, in the order in which they came */
    ipc__call *early;            /* of the next one: while somebody acts for this one, which is full */
    ipc__lease actor;            /* who acts: by it that one's end is seen; */
    const ipc__hold *actor_hold; /* NULL: nobody does */
    uint64_t actor_thread;
    uint64_t acts_since; /* us */
};

static struct barrier *barrier_of(ipc__object *object)
{
    return (struct barrier *)object;
}

/* ---- generations ---- */

static void stop_acting(struct barrier *barrier)
{
    ipc__lease_remove(&barrier->actor);
    barrier->actor_hold = NULL;
}

static void break_it(struct barrier *barrier)
{
    barrier->broken = true;
    stop_acting(barrier);
    ipc__calls_answer(&barrier->waiters, IPC_EBROKEN);
    ipc__calls_answer(&barrier->early, IPC_EBROKEN);
}

/* A party goes on, with its index; or it is to act before the others do. */
static void let_go(ipc__call *call, uint64_t index, bool act)
{
    ipc__session *session = call->hold->session;
    msgpack_packer packer = ipc__reply_begin(session, call->hold->id, call->seq, 2);
    msgpack_pack_uint64(&packer, index);
    act ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    ipc__reply_end(session);
    ipc__call_forget(call);
}

static void let_all_go(struct barrier *barrier)
{
    for (uint64_t index = 0; barrier->waiters; index++) {
        let_go(barrier->waiters, index, false);
    }
}

static uint64_t waiting_in(const ipc__call *queue)
{
    uint64_t waiting;
    const ipc__call *call;
    DL_COUNT(queue, call, waiting);
    return waiting;
}

/* One more has come. */
static void arrive(struct barrier *barrier)
{
    if (waiting_in(barrier->waiters) < barrier->parties) {
        return;
    }
    ipc__call *last = barrier->waiters->prev;
    if (last->acts) {
        barrier->actor_hold = last->hold;
        barrier->actor_thread = last->thread;
        barrier->acts_since = barrier->base.core->now;
        ipc__lease_add(&barrier->actor, &barrier->base, last->hold->session);
        let_go(last, barrier->parties - 1, true);
    } else {
        let_all_go(barrier);
    }
}

/* Who came early is of this generation now, and of those after it. */
static void admit(struct barrier *barrier)
{
    while (barrier->early && !barrier->actor_hold) {
        ipc__call *call = barrier->early;
        DL_DELETE(barrier->early, call);
        call->queue = &barrier->waiters;
        DL_APPEND(barrier->waiters, call);
        arrive(barrier);
    }
}

/* ---- operations ---- */

/* Who is late, or goes, breaks it for all that wait with it; but not a generation that is full for one that came early. */
static void leave(struct barrier *barrier, const ipc__call *call)
{
    bool early = call->queue == &barrier->early;
    ipc__call **queues[] = {&barrier->early, &barrier->waiters};
    barrier->cracked = barrier->cracked || early;
    barrier->broken = barrier->broken || !early;
    if (!early) {
        stop_acting(barrier);
    }
    for (unsigned i = 0; i < (early ? 1 : 2); i++) {
        ipc__call *other;
        ipc__call *next;
        DL_FOREACH_SAFE(*queues[i], other, next)
        {
            if (other != call) {
                ipc__call_answer(other, IPC_EBROKEN);
            }
        }
    }
}

static bool wait_late(ipc__call *call)
{
    leave(barrier_of(call->hold->object), call);
    return false; /* it is answered, too: with what it was given as late */
}

static void wait_dropped(ipc__call *call)
{
    struct barrier *barrier = barrier_of(call->hold->object);
    if (!barrier->base.deleting) { /* else all are told that */
        leave(barrier, call);
    }
}

static ipc_err barrier_wait(struct barrier *barrier, ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    int64_t timeout_ms;
    bool acts;
    if (request->fields != 3 || !ipc__read_uint(&request->envelope->at, &thread) ||
        !ipc__read_int(&request->envelope->at, &timeout_ms) || !ipc__read_bool(&request->envelope->at, &acts)) {
        return IPC_EPROTO;
    }
    if (barrier->broken || barrier->cracked) {
        return ipc__fail_plain(IPC_EBROKEN);
    }
    ipc__call *call;
    ipc_err err = ipc__call_wait(&call, hold, request->seq, barrier->actor_hold ? &barrier->early : &barrier->waiters,
                                 timeout_ms, IPC_EBROKEN);
    if (err) {
        return err;
    }
    call->thread = thread;
    call->acts = acts;
    call->expired = wait_late;
    call->dropped = wait_dropped;
    if (!barrier->actor_hold) {
        arrive(barrier);
    }
    return IPC_OK;
}

/* PASS: whether the action went well. */
static ipc_err barrier_pass(struct barrier *barrier, const ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    bool good;
    if (request->fields != 2 || !ipc__read_uint(&request->envelope->at, &thread) ||
        !ipc__read_bool(&request->envelope->at, &good)) {
        return IPC_EPROTO;
    }
    if (!barrier->actor_hold || barrier->actor.session != hold->session || barrier->actor_thread != thread) {
        return ipc__fail(IPC_EBROKEN, "the barrier was reset or aborted while this party acted");
    }
    if (good) {
        stop_acting(barrier);
        let_all_go(barrier);
        barrier->broken = barrier->cracked;
        admit(barrier);
    } else {
        break_it(barrier);
    }
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    return IPC_OK;
}

/* RESET: whether it stays broken. */
static ipc_err barrier_reset(struct barrier *barrier, const ipc__hold *hold, const ipc__request *request)
{
    bool abort;
    if (request->fields != 1 || !ipc__read_bool(&request->envelope->at, &abort)) {
        return IPC_EPROTO;
    }
    break_it(barrier);
    barrier->broken = abort;
    barrier->cracked = false;
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    return IPC_OK;
}

/* Those of a generation that is not full yet. */
static const ipc__call *gathering(const struct barrier *barrier)
{
    return barrier->actor_hold ? barrier->early : barrier->waiters;
}

static ipc_err barrier_peek(const struct barrier *barrier, const ipc__hold *hold, const ipc__request *request)
{
    if (request->fields) {
        return IPC_EPROTO;
    }
    msgpack_packer packer = ipc__reply_begin(hold->session, hold->id, request->seq, 3);
    msgpack_pack_uint64(&packer, barrier->parties);
    msgpack_pack_uint64(&packer, waiting_in(gathering(barrier)));
    barrier->broken ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    ipc__reply_end(hold->session);
    return IPC_OK;
}

static ipc_err barrier_request(ipc__hold *hold, const ipc__request *request)
{
    struct barrier *barrier = barrier_of(hold->object);
    switch (request->op) {
    case IPC__OP_WAIT:
        return barrier_wait(barrier, hold, request);
    case IPC__OP_PASS:
        return barrier_pass(barrier, hold, request);
    case IPC__OP_RESET:
        return barrier_reset(barrier, hold, request);
    case IPC__OP_PEEK:
        return barrier_peek(barrier, hold, request);
    default:
        return IPC_EPROTO;
    }
}

/* ---- beginnings and ends ---- */

static ipc_err read_parties(ipc_cursor map, uint64_t *parties, bool *asked)
{
    if (!ipc__option_uint(map, "parties", parties, asked) || (*asked && (!*parties || *parties > IPC__PARTIES_MAX))) {
        return ipc__fail(IPC_EINVAL, "a barrier's option is parties (1 to %d)", (int)IPC__PARTIES_MAX);
    }
    return IPC_OK;
}

static ipc_err barrier_init(ipc__object *object, ipc_cursor map)
{
    bool asked = false;
    ipc_err err = read_parties(map, &barrier_of(object)->parties, &asked);
    return err || asked ? err : ipc__fail(IPC_EINVAL, "a barrier needs its parties: how many wait for each other?");
}

static ipc_err barrier_match(const ipc__object *object, ipc_cursor map)
{
    const struct barrier *barrier = (const struct barrier *)object;
    uint64_t parties = 0;
    bool asked = false;
    ipc_err err = read_parties(map, &parties, &asked);
    if (!err && asked && parties != barrier->parties) {
        err = ipc__fail(IPC_EOPTIONS, "barrier \"%s\" exists with %llu parties, not %llu; ask for that, or for none",
                        object->name, (unsigned long long)barrier->parties, (unsigned long long)parties);
    }
    return err;
}

static void barrier_fini(ipc__object *object)
{
    struct barrier *barrier = barrier_of(object);
    stop_acting(barrier);
    ipc__calls_answer(&barrier->waiters, IPC_EDELETED);
    ipc__calls_answer(&barrier->early, IPC_EDELETED);
}

/* A handle goes: its party does not act any more. */
static void barrier_detach(ipc__hold *hold, ipc__end end, uint64_t now)
{
    (void)end;
    (void)now;
    struct barrier *barrier = barrier_of(hold->object);
    if (barrier->actor_hold == hold && !barrier->base.deleting) {
        break_it(barrier);
    }
}

static void barrier_lease_end(ipc__lease *lease, ipc__end end, bool last)
{
    (void)end; /* the others would wait for ever */
    (void)last;
    break_it(barrier_of(lease->object));
}

static void barrier_describe(const ipc__hold *hold, msgpack_packer *packer)
{
    msgpack_pack_map(packer, 1);
    ipc__pack_uint(packer, "parties", ((const struct barrier *)hold->object)->parties);
}

static void barrier_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct barrier *barrier = (const struct barrier *)object;
    msgpack_pack_map(packer, 4 + 2 * IPC__WAITING_FIELDS);
    ipc__pack_uint(packer, "parties", barrier->parties);
    ipc__pack_bool(packer, "broken", barrier->broken);
    ipc__pack_bool(packer, "acting", barrier->actor_hold != NULL);
    ipc__pack_text(packer, "actor");
    if (barrier->actor_hold) {
        msgpack_pack_map(packer, IPC__SESSION_FIELDS + 2);
        ipc__pack_session(packer, barrier->actor.session);
        ipc__pack_uint(packer, "thread", barrier->actor_thread);
        ipc__pack_uint(packer, "acting_us", object->core->now - barrier->acts_since);
    } else {
        msgpack_pack_nil(packer);
    }
    ipc__pack_waiting(packer, "waiting", "waiters", gathering(barrier));
    ipc__pack_waiting(packer, "waiting_for_actor", "waiters_for_actor", barrier->actor_hold ? barrier->waiters : NULL);
}

const ipc__object_ops ipc__barrier_ops = {
    .name = "barrier",
    .size = sizeof(struct barrier),
    .hold_size = sizeof(ipc__hold),
    .init = barrier_init,
    .match = barrier_match,
    .fini = barrier_fini,
    .detach = barrier_detach,
    .request = barrier_request,
    .lease_end = barrier_lease_end,
    .describe = barrier_describe,
    .inspect = barrier_inspect,
};
