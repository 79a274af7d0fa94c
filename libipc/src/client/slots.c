/*
 * Numbers for handles. Those that are free are in a list, so that it costs no more to find one where there are many handles.
 * Touches the connection's slots. The connection's lock is held.
 */
#include "client/conn.h"

#include <stdlib.h>

enum { SLOTS_MIN = 16 };

static void push(ipc_conn *conn, uint32_t id)
{
    conn->slots[id] = (ipc__slot){.next_free = conn->free_slot};
    conn->free_slot = id;
}

static bool grow(ipc_conn *conn)
{
    uint32_t count = conn->slot_count ? 2 * conn->slot_count : SLOTS_MIN;
    ipc__slot *slots = count <= IPC__HANDLES_MAX ? realloc(conn->slots, count * sizeof *slots) : NULL;
    if (!slots) {
        return false;
    }
    uint32_t first = conn->slot_count ? conn->slot_count : 1;
    slots[0] = (ipc__slot){0};
    conn->slots = slots;
    conn->slot_count = count;
    for (uint32_t id = count - 1; id >= first; id--) { /* low ones first */
        push(conn, id);
    }
    return true;
}

uint32_t ipc__slot_take(ipc_conn *conn, struct ipc__handle *handle)
{
    if (!conn->free_slot && !grow(conn)) {
        return 0;
    }
    uint32_t id = conn->free_slot;
    conn->free_slot = conn->slots[id].next_free;
    conn->slots[id] = (ipc__slot){.handle = handle};
    return id;
}

void ipc__slot_give(ipc_conn *conn, uint32_t id)
{
    push(conn, id);
}

void ipc__slots_tidy(ipc_conn *conn)
{
    conn->free_slot = 0;
    for (uint32_t id = conn->slot_count; id-- > 1;) {
        conn->slots[id].close_seq = 0;
        if (!conn->slots[id].handle) {
            push(conn, id);
        }
    }
}
