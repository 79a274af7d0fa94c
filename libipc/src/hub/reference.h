/*
 * References: handles as values. A container that stores one keeps its object alive; so does, for a while, a session that was
 * told of one and may still open it.
 * Touches objects' lists of references. Not locked: the core's thread.
 */
#ifndef IPC__REFERENCE_H
#define IPC__REFERENCE_H

#include "hub/core.h"

/* One place in a container that refers to an object. */
struct ipc__reference {
    ipc__object *target;            /* NULL: deleted meanwhile */
    ipc__object *owner;             /* the container */
    ipc__reference *next;           /* of the same stored value */
    ipc__reference *prev, *later;   /* of the same target */
    ipc__reference *before, *after; /* of the same owner */
};

/* What a session was told of and has not opened yet. */
struct ipc__grant {
    ipc__timer expiry; /* its first member */
    ipc__object *object;
    ipc__session *session;
    uint64_t count;          /* how often it was told */
    ipc__grant *prev, *next; /* of the object */
    ipc__grant *session_prev, *session_next;
};

/* REFER: a value that stands for the handle's object. IPC_ENOTSUP: a pipe's end, which is more than its object. */
ipc_err ipc__reference_request(ipc__session *session, const ipc__head *head, ipc__envelope *envelope);

/* The object that a reference's body stands for. IPC_ENOENT it is gone, or another hub's; IPC_EBADMSG. */
ipc_err ipc__reference_find(ipc__core *core, ipc__bytes bytes, ipc__object **out);

/* A reference to an object, as a value. */
void ipc__reference_pack(msgpack_packer *packer, const ipc__object *object);

/* What a reference's body says of its object, whether or not that is still there. False: that it has no name. */
bool ipc__reference_name(ipc__bytes bytes, ipc__bytes *type, ipc__bytes *name);

/* An object refers to another one, which is kept for it. IPC_EMEMORY, IPC_ENOMEM. */
ipc_err ipc__reference_to(ipc__object *owner, ipc__object *target, ipc__reference **list);

/* An object refers to what a reference's body stands for, which is kept for it. As ipc__references_gather(). */
ipc_err ipc__reference_add(ipc__object *owner, ipc__bytes body, ipc__reference **list);

/* Gather the references in a value that an object stores. IPC_ENOENT, IPC_EBADMSG, IPC_EMEMORY, IPC_ENOMEM: none. */
ipc_err ipc__references_gather(ipc__object *owner, ipc__bytes value, ipc__reference **list);

/* They are stored no more; what nobody refers to now, holds or can name goes. */
void ipc__references_drop(ipc__reference *list);

/* A session is told of them. */
void ipc__references_tell(ipc__session *session, const ipc__reference *list);

/* A session has opened an object that it was told of; it ends; an object is freed. */
void ipc__grant_used(ipc__session *session, ipc__object *object);
void ipc__grants_drop(ipc__session *session);

/* An object is freed: those that refer to it refer to nothing, and nobody waits to open it. */
void ipc__references_forget(ipc__object *object);

/* Whether somebody holds an object, can name it, or was told of it. */
static inline bool ipc__object_wanted(const ipc__object *object)
{
    return object->name || object->hold_count || object->grants;
}

/* Somebody held it, and does not any more: it goes, now or when those that refer to it are found to be garbage, too. */
void ipc__object_let_go(ipc__object *object);

/* ---- cycles (collect.c) ---- */

/* An object that only containers refer to: it may be garbage. Looked at soon. */
void ipc__collect_later(ipc__object *object);

/* It is freed otherwise. */
void ipc__collect_forget(ipc__object *object);

#endif
