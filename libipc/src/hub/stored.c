/*
 * Stored values: what containers are made of.
 * Touches the core's count of memory. Not locked: the core's thread.
 */
#include "hub/stored.h"

#include "util/error.h"

#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
enum { SLAB_MAX = 0 }; /* each by itself: its ends are watched */
#else
enum { SLAB_MAX = IPC__SLAB_MAX };
#endif

static size_t size_of(size_t length)
{
    return offsetof(ipc__stored, bytes) + length;
}

ipc_err ipc__stored_new(ipc__stored **out, ipc__object *owner, ipc__bytes value, bool handles)
{
    ipc__core *core = owner->core;
    size_t size = size_of(value.length);
    *out = NULL;
    ipc_err err = ipc__core_room(core, size);
    if (err) {
        return err;
    }
    ipc__stored *stored = size <= SLAB_MAX ? ipc__slab_alloc(&core->slabs, size) : malloc(size);
    if (!stored) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    stored->references = NULL;
    stored->length = (uint32_t)value.length;
    memcpy(stored->bytes, value.data, value.length);
    core->memory += size;
    if (handles) {
        err = ipc__references_gather(owner, value, &stored->references);
    }
    if (err) {
        ipc__stored_free(core, stored);
        return err;
    }
    *out = stored;
    return IPC_OK;
}

void ipc__stored_free(ipc__core *core, ipc__stored *stored)
{
    if (!stored) {
        return;
    }
    size_t size = size_of(stored->length);
    ipc__reference *references = stored->references;
    core->memory -= size;
    if (size <= SLAB_MAX) {
        ipc__slab_free(&core->slabs, stored, size);
    } else {
        free(stored);
    }
    ipc__references_drop(references);
}
