/*
 * References: handles as values.
 * Touches objects' lists of references, and sessions' grants. Not locked: the core's thread.
 */
#include "hub/reference.h"

#include "hub/registry.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

enum { GRANT_US = 60 * 1000 * 1000, FIELDS = 4 };

/* ---- as values: ext 66 around [epoch, number, type, name or nil] ---- */

static void pack_body(msgpack_packer *packer, const ipc__object *object)
{
    msgpack_pack_array(packer, FIELDS);
    msgpack_pack_uint64(packer, object->core->epoch);
    msgpack_pack_uint64(packer, object->id);
    ipc__pack_text(packer, object->ops->name);
    if (object->name) {
        ipc__pack_text(packer, object->name);
    } else {
        msgpack_pack_nil(packer);
    }
}

ipc_err ipc__reference_request(ipc__session *session, const ipc__head *head, ipc__envelope *envelope)
{
    (void)envelope;
    const ipc__hold *hold = head->handle < session->hold_capacity ? session->holds[head->handle] : NULL;
    if (!hold) {
        return ipc__fail_plain(IPC_EDELETED);
    }
    if (hold->object->ops == &ipc__pipe_ops) {
        return ipc__fail(IPC_ENOTSUP, "a pipe's end is no value to be stored: store a ticket of it, as share() gives");
    }
    ipc__buf body = {0};
    msgpack_packer packer = ipc__packer(&body);
    pack_body(&packer, hold->object);
    if (body.failed) {
        ipc__buf_free(&body);
        return ipc__fail_plain(IPC_ENOMEM);
    }
    packer = ipc__reply_begin(session, head->handle, head->seq, 1);
    msgpack_pack_ext_with_body(&packer, body.data, body.length, IPC_EXT_HANDLE);
    ipc__reply_end(session);
    ipc__buf_free(&body);
    return IPC_OK;
}

ipc_err ipc__reference_find(ipc__core *core, ipc__bytes body, ipc__object **out)
{
    ipc_cursor at = {body.data, body.data + body.length};
    uint32_t fields;
    uint64_t epoch;
    uint64_t id;
    ipc__bytes type;
    if (!ipc__read_array(&at, &fields) || fields != FIELDS || !ipc__read_uint(&at, &epoch) ||
        !ipc__read_uint(&at, &id) || !ipc__read_str(&at, &type)) {
        return ipc__fail(IPC_EBADMSG, "an extension of type %d is no reference to a hub's object", IPC_EXT_HANDLE);
    }
    ipc__object *object = NULL;
    if (epoch == core->epoch) {
        HASH_FIND(by_id_hh, core->by_id, &id, sizeof id, object);
    }
    if (!object || object->deleting) {
        return ipc__fail(IPC_ENOENT, "the %.*s that a reference stands for is gone, or of another hub",
                         type.length < IPC__NAME_MAX ? (int)type.length : 0, (const char *)type.data);
    }
    *out = object;
    return IPC_OK;
}

/* ---- what containers store ---- */

static ipc_err add_reference(ipc__object *owner, ipc__bytes body, ipc__reference **list)
{
    ipc__object *target = NULL;
    ipc_err err = ipc__reference_find(owner->core, body, &target);
    err = err ? err : ipc__core_room(owner->core, sizeof(ipc__reference));
    if (err) {
        return err;
    }
    ipc__reference *reference = calloc(1, sizeof *reference);
    if (!reference) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    owner->core->memory += sizeof *reference;
    reference->target = target;
    reference->owner = owner;
    DL_APPEND2(target->referrers, reference, prev, later);
    target->referrer_count++;
    DL_APPEND2(owner->references, reference, before, after);
    LL_PREPEND(*list, reference);
    return IPC_OK;
}

/* Values that lie in a value follow each other: each head is looked at in turn. */
ipc_err ipc__references_gather(ipc__object *owner, ipc__bytes value, ipc__reference **list)
{
    *list = NULL;
    ipc_cursor at = {value.data, value.data + value.length};
    while (at.at < at.end) {
        ipc_value head;
        ipc_err err = ipc_cursor_next(&at, &head);
        if (!err && head.kind == IPC_KIND_EXT && head.as.bytes.ext == IPC_EXT_HANDLE) {
            ipc__bytes body = {(const unsigned char *)head.as.bytes.data, head.as.bytes.length};
            err = add_reference(owner, body, list);
        }
        if (err) {
            ipc__references_drop(*list);
            *list = NULL;
            return err;
        }
    }
    return IPC_OK;
}

void ipc__references_drop(ipc__reference *list)
{
    while (list) {
        ipc__reference *reference = list;
        ipc__object *target = reference->target;
        LL_DELETE(list, reference);
        DL_DELETE2(reference->owner->references, reference, before, after);
        if (target) {
            DL_DELETE2(target->referrers, reference, prev, later);
            target->referrer_count--;
        }
        reference->owner->core->memory -= sizeof *reference;
        free(reference);
        if (target) {
            ipc__object_let_go(target);
        }
    }
}

/* ---- what sessions are told of ---- */

static void grant_free(ipc__grant *grant)
{
    ipc__timer_clear(&grant->object->core->timers, &grant->expiry);
    DL_DELETE(grant->object->grants, grant);
    DL_DELETE2(grant->session->grants, grant, session_prev, session_next);
    free(grant);
}

static void grant_expired(ipc__timer *timer, uint64_t now)
{
    (void)now;
    ipc__grant *grant = (ipc__grant *)timer;
    ipc__object *object = grant->object;
    grant_free(grant);
    ipc__object_let_go(object);
}

static ipc__grant *find_grant(const ipc__session *session, const ipc__object *object)
{
    ipc__grant *grant;
    DL_FOREACH(object->grants, grant)
    {
        if (grant->session == session) {
            return grant;
        }
    }
    return NULL;
}

/* Out of memory nobody grants anything: then it may be gone when it is opened. */
static void tell(ipc__session *session, ipc__object *object)
{
    ipc__core *core = object->core;
    ipc__grant *grant = find_grant(session, object);
    if (!grant) {
        grant = calloc(1, sizeof *grant);
        if (!grant) {
            return;
        }
        grant->expiry.fire = grant_expired;
        grant->object = object;
        grant->session = session;
        DL_APPEND(object->grants, grant);
        DL_APPEND2(session->grants, grant, session_prev, session_next);
    }
    grant->count++;
    if (!ipc__timer_set(&core->timers, &grant->expiry, core->now + GRANT_US)) {
        grant_free(grant);
    }
}

void ipc__references_tell(ipc__session *session, const ipc__reference *list)
{
    const ipc__reference *reference;
    LL_FOREACH(list, reference)
    {
        if (reference->target && !reference->target->name && !session->ending) {
            tell(session, reference->target);
        }
    }
}

void ipc__grant_used(ipc__session *session, ipc__object *object)
{
    ipc__grant *grant = find_grant(session, object);
    if (grant && --grant->count == 0) {
        grant_free(grant);
    }
}

void ipc__grants_drop(ipc__session *session)
{
    while (session->grants) {
        ipc__object *object = session->grants->object;
        grant_free(session->grants);
        ipc__object_let_go(object);
    }
}

/* ---- ends ---- */

void ipc__references_forget(ipc__object *object)
{
    while (object->referrers) {
        ipc__reference *reference = object->referrers;
        reference->target = NULL;
        DL_DELETE2(object->referrers, reference, prev, later);
    }
    while (object->grants) {
        grant_free(object->grants);
    }
    ipc__collect_forget(object);
}

/* What goes may let others go: one after another, however long the chain is. */
void ipc__object_let_go(ipc__object *object)
{
    ipc__core *core = object->core;
    if (object->deleting || object->doomed || ipc__object_wanted(object)) {
        return;
    }
    if (object->referrers) {
        ipc__collect_later(object);
        return;
    }
    object->doomed = true;
    LL_PREPEND2(core->doomed, object, next_doomed);
    if (core->dooming) {
        return;
    }
    core->dooming = true;
    while (core->doomed) {
        object = core->doomed;
        LL_DELETE2(core->doomed, object, next_doomed);
        ipc__object_free(object);
    }
    core->dooming = false;
}
