/*
 * Deadlocks: a thread waits for a mutex, whose owner waits for another one, and so on, back to that thread.
 * A step is a look into one table of the owner's session, so that a walk costs no more than its length.
 * Touches the calls that wait for mutexes, and their sessions. Not locked: the core's thread.
 */
#include "hub/deadlock.h"

#include "util/error.h"

#include <stdio.h>

enum { WORDS_MAX = 400 };

/* ---- walking ---- */

/* What its owner waits for; NULL: it can go on, or waits for something else. */
static const ipc__mutex *next_of(const ipc__mutex *mutex)
{
    const ipc__session *owner = mutex->depth ? mutex->owner.lease.session : NULL;
    if (!owner || owner->ending) {
        return NULL;
    }
    const ipc__call *call;
    HASH_FIND(hh, owner->blocked, &mutex->owner.thread, sizeof mutex->owner.thread, call);
    return call ? call->mutex : NULL;
}

/* How many mutexes there are from one on to one that a thread has; 0: it has none of them. */
static unsigned steps_to_owner(const ipc__mutex *mutex, const ipc__session *session, uint64_t thread)
{
    for (unsigned steps = 1; mutex && steps <= IPC__CYCLE_MAX; steps++, mutex = next_of(mutex)) {
        if (ipc__mutex_owned(mutex, session, thread)) {
            return steps;
        }
    }
    return 0;
}

/* How many there are from one on until it comes again; 0: it does not. */
static unsigned steps_round(const ipc__mutex *mutex)
{
    const ipc__mutex *at = next_of(mutex);
    for (unsigned steps = 1; at && steps <= IPC__CYCLE_MAX; steps++, at = next_of(at)) {
        if (at == mutex) {
            return steps;
        }
    }
    return 0;
}

/* ---- saying it ---- */

static int step_words(char *words, size_t room, const ipc__mutex *mutex)
{
    const ipc__object *object = mutex->object;
    const ipc__session *owner = mutex->owner.lease.session;
    char named[IPC__NAME_MAX + 8] = "without a name";
    if (object->name) {
        snprintf(named, sizeof named, "\"%s\"", object->name);
    }
    if (owner->pid) {
        return snprintf(words, room, "%s %s (pid %lld)", object->ops->name, named, (long long)owner->pid);
    }
    return snprintf(words, room, "%s %s (session %llu)", object->ops->name, named, (unsigned long long)owner->id);
}

/* As many steps as there is room for, whole. */
static void cycle_words(char words[WORDS_MAX], const ipc__mutex *mutex, unsigned steps)
{
    size_t used = 0;
    words[0] = 0;
    for (unsigned i = 0; i < steps; i++, mutex = next_of(mutex)) {
        char step[WORDS_MAX];
        size_t length = (size_t)step_words(step, sizeof step, mutex);
        if (used + length + 32 > WORDS_MAX) {
            snprintf(words + used, WORDS_MAX - used, ", and %u more", steps - i);
            return;
        }
        used += (size_t)snprintf(words + used, WORDS_MAX - used, "%s%s", i ? ", " : "", step);
    }
}

/* To wait for what one has oneself may be meant: anybody may release a lock. */
static void log_cycle(const ipc__mutex *mutex, unsigned steps)
{
    char words[WORDS_MAX];
    if (steps) {
        cycle_words(words, mutex, steps);
        ipc__log(steps == 1 ? IPC_LOG_INFO : IPC_LOG_WARN, "%s: %s",
                 steps == 1 ? "a thread waits for what it has itself" : "a deadlock, owners wait for each other",
                 words);
    }
}

/* ---- who waits for what ---- */

void ipc__deadlock_wait(ipc__call *call, ipc__mutex *mutex)
{
    ipc__session *session = call->hold->session;
    log_cycle(mutex, steps_to_owner(mutex, session, call->thread));
    const ipc__call *other;
    HASH_FIND(hh, session->blocked, &call->thread, sizeof call->thread, other);
    if (other) {
        return; /* a thread waits once; of one that claims more the first wait counts */
    }
    HASH_ADD(hh, session->blocked, thread, sizeof call->thread, call);
    if (call->hh.tbl) { /* else memory is short, and this wait is in nobody's way */
        call->mutex = mutex;
    }
}

void ipc__deadlock_over(ipc__call *call)
{
    if (call->mutex) {
        HASH_DELETE(hh, call->hold->session->blocked, call);
        call->mutex = NULL;
    }
}

/* ---- asking ---- */

ipc_err ipc__deadlock_check(const ipc__mutex *mutex, const ipc__session *session, uint64_t thread)
{
    unsigned steps = steps_to_owner(mutex, session, thread);
    if (!steps) {
        return IPC_OK;
    }
    char words[WORDS_MAX];
    cycle_words(words, mutex, steps);
    return ipc__fail(IPC_EDEADLOCK, "%s: %s", ipc_strerror(IPC_EDEADLOCK), words);
}

static void pack_name(msgpack_packer *packer, const char *key, const ipc__mutex *mutex)
{
    ipc__pack_text(packer, key);
    if (mutex->object->name) {
        ipc__pack_text(packer, mutex->object->name);
    } else {
        msgpack_pack_nil(packer);
    }
}

void ipc__deadlock_inspect(const ipc__mutex *mutex, msgpack_packer *packer)
{
    unsigned steps = steps_round(mutex);
    msgpack_pack_array(packer, steps);
    for (; steps > 0; steps--, mutex = next_of(mutex)) {
        msgpack_pack_map(packer, 1 + IPC__SESSION_FIELDS + 2);
        pack_name(packer, "lock", mutex);
        ipc__pack_session(packer, mutex->owner.lease.session);
        ipc__pack_uint(packer, "thread", mutex->owner.thread);
        pack_name(packer, "waits_for", next_of(mutex));
    }
}
