/*
 * Semaphores: permits, and which session has how many of them. A session that ends gives back what it has.
 * Touches the calls that wait, and its holders. Not locked: the core's thread.
 */
#include "hub/core.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

/* Permits of one session. */
struct holder {
    ipc__lease lease;
    uint64_t permits;
    uint64_t since;               /* us: when it took the first of them */
    struct holder *older, *newer; /* by their first permit */
};

struct semaphore {
    ipc__object base;
    uint64_t value;
    uint64_t initial;
    bool bounded; /* never more than the initial value */
    struct holder *holders;
    ipc__call *waiters;
};

static struct semaphore *semaphore_of(ipc__object *object)
{
    return (struct semaphore *)object;
}

/* ---- permits ---- */

static struct holder *find_holder(const struct semaphore *semaphore, const ipc__session *session)
{
    struct holder *holder;
    DL_FOREACH2(semaphore->holders, holder, newer)
    {
        if (holder->lease.session == session) {
            return holder;
        }
    }
    return NULL;
}

static void holder_free(struct semaphore *semaphore, struct holder *holder)
{
    ipc__lease_remove(&holder->lease);
    DL_DELETE2(semaphore->holders, holder, older, newer);
    free(holder);
}

/* A session takes a permit. False: no memory to remember it. */
static bool take(struct semaphore *semaphore, ipc__session *session)
{
    struct holder *holder = find_holder(semaphore, session);
    if (!holder) {
        holder = calloc(1, sizeof *holder);
        if (!holder) {
            return false;
        }
        holder->since = semaphore->base.core->now;
        DL_APPEND2(semaphore->holders, holder, older, newer);
        ipc__lease_add(&holder->lease, &semaphore->base, session);
    }
    holder->permits++;
    semaphore->value--;
    return true;
}

/* A permit comes back: the session's own, or else, from a stranger, the oldest one that anybody has. */
static void retire(struct semaphore *semaphore, const ipc__session *session)
{
    struct holder *holder = find_holder(semaphore, session);
    holder = holder ? holder : semaphore->holders;
    if (holder && --holder->permits == 0) {
        holder_free(semaphore, holder);
    }
}

/* Who has waited longest is served first. */
static void serve(struct semaphore *semaphore)
{
    ipc__call *call;
    while (semaphore->value && !semaphore->base.deleting && (call = ipc__call_alive(semaphore->waiters))) {
        ipc__call_answer(call, take(semaphore, call->hold->session) ? IPC_OK : IPC_ENOMEM);
    }
}

/* ---- operations ---- */

static ipc_err semaphore_acquire(struct semaphore *semaphore, ipc__hold *hold, const ipc__request *request)
{
    uint64_t thread;
    int64_t timeout_ms;
    if (request->fields != 2 || !ipc__read_uint(&request->envelope->at, &thread) ||
        !ipc__read_int(&request->envelope->at, &timeout_ms)) {
        return IPC_EPROTO;
    }
    if (semaphore->value) {
        if (!take(semaphore, hold->session)) {
            return ipc__fail_plain(IPC_ENOMEM);
        }
        ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
        return IPC_OK;
    }
    if (timeout_ms == 0) {
        return ipc__fail_plain(IPC_ETIMEOUT);
    }
    ipc__call *call;
    ipc_err err = ipc__call_wait(&call, hold, request->seq, &semaphore->waiters, timeout_ms, IPC_ETIMEOUT);
    if (!err) {
        call->thread = thread;
    }
    return err;
}

static ipc_err semaphore_release(struct semaphore *semaphore, const ipc__hold *hold, const ipc__request *request)
{
    uint64_t count;
    if (request->fields != 1 || !ipc__read_uint(&request->envelope->at, &count)) {
        return IPC_EPROTO;
    }
    if (count == 0 || count > IPC__PERMITS_MAX - semaphore->value) {
        return ipc__fail(IPC_EINVAL, "a semaphore is given back 1 to %llu permits",
                         (unsigned long long)(IPC__PERMITS_MAX - semaphore->value));
    }
    if (semaphore->bounded && semaphore->value + count > semaphore->initial) {
        return ipc__fail(IPC_ENOTHELD, "the semaphore has %llu of its %llu permits: it was released too often",
                         (unsigned long long)semaphore->value, (unsigned long long)semaphore->initial);
    }
    for (uint64_t i = 0; i < count && semaphore->holders; i++) {
        retire(semaphore, hold->session);
    }
    semaphore->value += count;
    ipc__reply(hold->session, hold->id, request->seq, IPC_OK);
    serve(semaphore);
    return IPC_OK;
}

static ipc_err semaphore_peek(const struct semaphore *semaphore, const ipc__hold *hold, const ipc__request *request)
{
    if (request->fields) {
        return IPC_EPROTO;
    }
    msgpack_packer packer = ipc__reply_begin(hold->session, hold->id, request->seq, 1);
    msgpack_pack_uint64(&packer, semaphore->value);
    ipc__reply_end(hold->session);
    return IPC_OK;
}

static ipc_err semaphore_request(ipc__hold *hold, const ipc__request *request)
{
    struct semaphore *semaphore = semaphore_of(hold->object);
    switch (request->op) {
    case IPC__OP_ACQUIRE:
        return semaphore_acquire(semaphore, hold, request);
    case IPC__OP_UNLOCK:
        return semaphore_release(semaphore, hold, request);
    case IPC__OP_PEEK:
        return semaphore_peek(semaphore, hold, request);
    default:
        return IPC_EPROTO;
    }
}

/* ---- beginnings and ends ---- */

static ipc_err read_options(ipc_cursor map, uint64_t *value, bool *asked, bool *bounded, bool *asked_bounded)
{
    if (!ipc__option_uint(map, "value", value, asked) || !ipc__option_bool(map, "bounded", bounded, asked_bounded) ||
        *value > IPC__PERMITS_MAX) {
        return ipc__fail(IPC_EINVAL, "a semaphore's options are value (0 to %llu) and bounded (true or false)",
                         (unsigned long long)IPC__PERMITS_MAX);
    }
    return IPC_OK;
}

static ipc_err semaphore_init(ipc__object *object, ipc_cursor map)
{
    struct semaphore *semaphore = semaphore_of(object);
    bool asked;
    semaphore->initial = 1;
    ipc_err err = read_options(map, &semaphore->initial, &asked, &semaphore->bounded, &asked);
    semaphore->value = semaphore->initial;
    return err;
}

static ipc_err semaphore_match(const ipc__object *object, ipc_cursor map)
{
    const struct semaphore *semaphore = (const struct semaphore *)object;
    uint64_t value = 0;
    bool asked_value = false;
    bool bounded = false;
    bool asked_bounded = false;
    ipc_err err = read_options(map, &value, &asked_value, &bounded, &asked_bounded);
    if (!err && ((asked_value && value != semaphore->initial) || (asked_bounded && bounded != semaphore->bounded))) {
        err = ipc__fail(IPC_EOPTIONS,
                        "semaphore \"%s\" exists with value %llu and is %sbounded; ask for that, or for none",
                        object->name, (unsigned long long)semaphore->initial, semaphore->bounded ? "" : "not ");
    }
    return err;
}

static void semaphore_fini(ipc__object *object)
{
    struct semaphore *semaphore = semaphore_of(object);
    ipc__calls_answer(&semaphore->waiters, IPC_EDELETED);
    while (semaphore->holders) {
        holder_free(semaphore, semaphore->holders);
    }
}

static void semaphore_lease_end(ipc__lease *lease, ipc__end end, bool last)
{
    (void)end; /* however it ended, nobody else will release them */
    (void)last;
    struct semaphore *semaphore = semaphore_of(lease->object);
    struct holder *holder = (struct holder *)lease;
    semaphore->value += holder->permits;
    holder_free(semaphore, holder);
    serve(semaphore);
}

static void semaphore_describe(const ipc__hold *hold, msgpack_packer *packer)
{
    const struct semaphore *semaphore = (const struct semaphore *)hold->object;
    msgpack_pack_map(packer, 2);
    ipc__pack_uint(packer, "value", semaphore->initial);
    ipc__pack_bool(packer, "bounded", semaphore->bounded);
}

static void semaphore_inspect(const ipc__object *object, msgpack_packer *packer)
{
    const struct semaphore *semaphore = (const struct semaphore *)object;
    uint64_t held = 0;
    uint32_t holders = 0;
    const struct holder *holder;
    DL_FOREACH2(semaphore->holders, holder, newer)
    {
        held += holder->permits;
        holders++;
    }
    msgpack_pack_map(packer, 5 + IPC__WAITING_FIELDS);
    ipc__pack_uint(packer, "value", semaphore->value);
    ipc__pack_uint(packer, "initial", semaphore->initial);
    ipc__pack_bool(packer, "bounded", semaphore->bounded);
    ipc__pack_uint(packer, "held", held);
    ipc__pack_text(packer, "holders");
    msgpack_pack_array(packer, holders);
    DL_FOREACH2(semaphore->holders, holder, newer)
    {
        msgpack_pack_map(packer, IPC__SESSION_FIELDS + 2);
        ipc__pack_session(packer, holder->lease.session);
        ipc__pack_uint(packer, "permits", holder->permits);
        ipc__pack_uint(packer, "held_us", object->core->now - holder->since);
    }
    ipc__pack_waiting(packer, "waiting", "waiters", semaphore->waiters);
}

const ipc__object_ops ipc__semaphore_ops = {
    .name = "semaphore",
    .size = sizeof(struct semaphore),
    .hold_size = sizeof(ipc__hold),
    .init = semaphore_init,
    .match = semaphore_match,
    .fini = semaphore_fini,
    .request = semaphore_request,
    .lease_end = semaphore_lease_end,
    .describe = semaphore_describe,
    .inspect = semaphore_inspect,
};
