/*
 * The shared-memory lane, the hub's side: who waits on handles' descriptors.
 * Touches their sockets. Not locked: the hub's thread.
 */
#include "lane/shm_peer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAKES_AT_ONCE = 1024 }; /* more than a socket holds of the hub's: who sends itself some waits in vain */

void ipc__shm_unwatch(ipc__shm_peer *peer, uint32_t handle)
{
    struct ipc__shm_watch *watch = &peer->watches[handle];
    if (watch->fds[0] >= 0) {
        close(watch->fds[0]);
        close(watch->fds[1]);
        peer->hub->watch_fds -= 2;
        peer->watch_fds -= 2;
    }
    watch->fds[0] = watch->fds[1] = -1; /* what was said to the handle stays so */
    watch->stirred = false;
}

void ipc__shm_wake_by(int socket)
{
    static const unsigned char nil = 0xc0;
    while (send(socket, &nil, sizeof nil, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

/* Whether a handle has something to take, or to be told, that the client has not read. */
static bool is_there(const ipc__shm_peer *peer, uint32_t handle)
{
    struct ipc__shm_watch *watch = &peer->watches[handle];
    if (watch->said && peer->out.length == peer->out_done) {
        watch->said = false;
        watch->said_to = peer->down.written;
    }
    return (peer->outlets[handle] && ipc__shm_outlet_ready(peer->outlets[handle])) || watch->said ||
           atomic_load_explicit(peer->down.tail, memory_order_relaxed) < watch->said_to;
}

void ipc__shm_unstir(ipc__shm_peer *peer, uint32_t handle)
{
    char bytes[64];
    if (peer->watches[handle].fds[1] >= 0 && !is_there(peer, handle)) {
        peer->watches[handle].stirred = false;
        for (int i = 0; i < WAKES_AT_ONCE && recv(peer->watches[handle].fds[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0;
             i++) {
        }
    }
}

void ipc__shm_wake_watchers(ipc__shm_peer *peer)
{
    peer->stirred = false;
    for (uint32_t handle = 0; handle < peer->handles; handle++) {
        if (peer->watches[handle].stirred) {
            peer->watches[handle].stirred = false;
            ipc__shm_wake_by(peer->watches[handle].fds[0]);
        }
    }
}

bool ipc__shm_peer_watch(ipc__shm_peer *peer, uint32_t handle, const int fds[2])
{
    bool reserved = handle < IPC__HANDLES_MAX && ipc__shm_handles_reserve(peer, handle);
    if (!reserved || !ipc__shm_spare_fds(peer->hub, peer->watch_fds)) {
        close(fds[0]); /* who waits is woken by that, and looks again and again */
        close(fds[1]);
        return reserved;
    }
    ipc__shm_unwatch(peer, handle);
    memcpy(peer->watches[handle].fds, fds, sizeof peer->watches[handle].fds);
    peer->hub->watch_fds += 2;
    peer->watch_fds += 2;
    if (is_there(peer, handle)) {
        ipc__shm_stir(peer, handle);
        ipc__shm_mark_dirty(peer);
    }
    return true;
}
