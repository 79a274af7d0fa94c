/*
 * References: handles as values.
 * Touches objects' lists of references, and sessions' grants. Not locked: the core's thread.
 */
#include "hub/reference.h"

#include "codec/scan.h"
#include "hub/registry.h"
#include "util/error.h"

#include <stdlib.h>
#include <utlist.h>

enum {
    GRANT_US = 60 * 1000 * 1000,
    FIELDS = 4,
    BODY_MAX = 1 + 2 * IPC__NUMBER_MAX + 16 + 3 + IPC__NAME_MAX, /* a type's name has 15 bytes at most */
};

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

void ipc__reference_pack(msgpack_packer *packer, const ipc__object *object)
{
    unsigned char room[BODY_MAX];
    ipc__buf body = {.data = room, .capacity = sizeof room};
    msgpack_packer inside = ipc__packer(&body);
    pack_body(&inside, object);
    msgpack_pack_ext_with_body(packer, body.data, body.length, IPC_EXT_HANDLE);
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
    msgpack_packer packer = ipc__reply_begin(session, head->handle, head->seq, 1);
    ipc__reference_pack(&packer, hold->object);
    ipc__reply_end(session);
    return IPC_OK;
}

struct body {
    uint64_t epoch;
    uint64_t id;
    ipc__bytes type;
    ipc_value name; /* a text, or null */
};

static bool read_body(ipc__bytes bytes, struct body *out)
{
    ipc_cursor at = {bytes.data, bytes.data + bytes.length};
    uint32_t fields;
    return ipc__read_array(&at, &fields) && fields == FIELDS && ipc__read_uint(&at, &out->epoch) &&
           ipc__read_uint(&at, &out->id) && ipc__read_str(&at, &out->type) && !ipc_cursor_next(&at, &out->name);
}

bool ipc__reference_name(ipc__bytes bytes, ipc__bytes *type, ipc__bytes *name)
{
    struct body body;
    if (!read_body(bytes, &body) || body.name.kind != IPC_KIND_STR) {
        return false;
    }
    *type = body.type;
    *name = (ipc__bytes){(const unsigned char *)body.name.as.bytes.data, body.name.as.bytes.length};
    return true;
}

ipc_err ipc__reference_find(ipc__core *core, ipc__bytes bytes, ipc__object **out)
{
    struct body body;
    if (!read_body(bytes, &body)) {
        return ipc__fail(IPC_EBADMSG, "an extension of type %d is no reference to a hub's object", IPC_EXT_HANDLE);
    }
    ipc__object *object = NULL;
    if (body.epoch == core->epoch) {
        HASH_FIND(by_id_hh, core->by_id, &body.id, sizeof body.id, object);
    }
    if (!object || object->deleting) {
        ipc__bytes type = body.type;
        return ipc__fail(IPC_ENOENT, "the %.*s that a reference stands for is gone, or of another hub",
                         type.length < IPC__NAME_MAX ? (int)ipc__utf8_span(type.data, type.length) : 0,
                         (const char *)type.data);
    }
    *out = object;
    return IPC_OK;
}

/* ---- what containers store ---- */

ipc_err ipc__reference_to(ipc__object *owner, ipc__object *target, ipc__reference **list)
{
    ipc_err err = ipc__core_room(owner->core, sizeof(ipc__reference));
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

ipc_err ipc__reference_add(ipc__object *owner, ipc__bytes body, ipc__reference **list)
{
    ipc__object *target = NULL;
    ipc_err err = ipc__reference_find(owner->core, body, &target);
    return err ? err : ipc__reference_to(owner, target, list);
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
            err = ipc__reference_add(owner, body, list);
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
        if (reference->owner->ops->bereft) {
            reference->owner->ops->bereft(reference->owner);
        }
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
