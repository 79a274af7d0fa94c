/*
 * Stored values: what containers are made of. Packed bytes, counted against the hub's memory, and the references in them.
 * Touches the core's count. Not locked: the core's thread.
 */
#ifndef IPC__STORED_H
#define IPC__STORED_H

#include "hub/reference.h"

typedef struct ipc__stored {
    ipc__reference *references;
    uint32_t length;
    unsigned char bytes[];
} ipc__stored;

static inline ipc__bytes ipc__stored_bytes(const ipc__stored *stored)
{
    return (ipc__bytes){stored->bytes, stored->length};
}

/* Store a value that was scanned; handles: whether references may be in it. IPC_EMEMORY, IPC_ENOMEM, IPC_ENOENT, IPC_EBADMSG. */
ipc_err ipc__stored_new(ipc__stored **out, ipc__object *owner, ipc__bytes value, bool handles);

/* NULL is fine. */
void ipc__stored_free(ipc__core *core, ipc__stored *stored);

#endif
