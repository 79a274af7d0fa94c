/*
 * The shared-memory lane, the hub's side: loans: values that consumers read where they lie.
 * Touches the flags in the sessions' memory. Not locked: the hub's thread.
 */
#include "lane/shm_peer.h"

#include <stdlib.h>

static atomic_uchar *loan_flag(const ipc__shm_peer *peer, uint32_t loan)
{
    return (atomic_uchar *)(void *)(peer->memory + IPC__SHM_LOANS + loan);
}

/* A loan that the client has given back ends. */
static void collect_loan(ipc__shm_peer *peer, uint32_t loan)
{
    if (peer->loans[loan] && atomic_load_explicit(loan_flag(peer, loan), memory_order_acquire) == IPC__SHM_LOAN_BACK) {
        ipc__block *block = peer->loans[loan];
        peer->loans[loan] = NULL;
        atomic_store_explicit(loan_flag(peer, loan), IPC__SHM_LOAN_NONE, memory_order_release);
        ipc__block_unref(block);
    }
}

void ipc__shm_lend(void *self, uint32_t loan, ipc__block *block)
{
    ipc__shm_peer *peer = self;
    if (!peer->loans && ipc__shm_allocate(peer->memory + IPC__SHM_LOANS, IPC__SHM_PAGE)) {
        peer->loans = calloc(IPC__SHM_LOANS_MAX, sizeof(ipc__block *));
    }
    if (!peer->loans || loan >= IPC__SHM_LOANS_MAX || peer->loans[loan]) {
        ipc__shm_break_off(peer);
        ipc__block_unref(block);
        return;
    }
    peer->loans[loan] = block;
    collect_loan(peer, loan); /* it may be back already, and will not be told again */
}

void ipc__shm_loans_collect(ipc__shm_peer *peer)
{
    uint32_t back = atomic_load_explicit(&ipc__shm_header_of(peer)->loans_back, memory_order_acquire);
    if (back == peer->loans_back || !peer->loans) {
        return;
    }
    peer->loans_back = back;
    for (uint32_t i = 0; i < IPC__SHM_LOANS_MAX; i++) {
        collect_loan(peer, i);
    }
}

bool ipc__shm_peer_lends(ipc__shm_peer *peer)
{
    for (uint32_t i = 0; peer->loans && i < IPC__SHM_LOANS_MAX; i++) {
        if (peer->loans[i]) {
            return true;
        }
    }
    return false;
}

void ipc__shm_loans_free(ipc__shm_peer *peer)
{
    for (uint32_t i = 0; peer->loans && i < IPC__SHM_LOANS_MAX; i++) {
        ipc__block_unref(peer->loans[i]);
    }
    free(peer->loans);
    peer->loans = NULL;
}
