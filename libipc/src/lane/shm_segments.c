/*
 * The shared-memory lane, the hub's side: the segments of a session, and those that it was told of.
 * Touches the control socket. Not locked: the hub's thread.
 */
#include "lane/shm_peer.h"

#include "util/error.h"
#include "wire/control.h"

#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

enum { SEGMENTS_MAX = 512 }; /* sent, and no value of them has come: more than a control socket holds */

/* A segment that the client was sent. */
struct ipc__shm_known {
    uint32_t number;
    UT_hash_handle hh;
};

void ipc__shm_segment_gone(ipc__shm_store *store, uint32_t number)
{
    ipc__shm_hub *hub = (ipc__shm_hub *)((char *)store - offsetof(ipc__shm_hub, store));
    ipc__shm_peer *peer;
    DL_FOREACH(hub->peers, peer)
    {
        struct ipc__shm_known *known;
        HASH_FIND(hh, peer->known, &number, sizeof number, known);
        if (known) {
            HASH_DEL(peer->known, known);
            free(known);
            msgpack_packer packer = ipc__packer(&peer->out);
            ipc__write_op(&packer, IPC__OP_SEGMENT_GONE, 0, 0, 2);
            msgpack_pack_uint32(&packer, number);
            msgpack_pack_uint32(&packer, 0);
            ipc__shm_mark_dirty(peer);
        }
    }
}

void ipc__shm_segments_drop(ipc__shm_peer *peer)
{
    while (peer->segments) {
        ipc__shm_segment *segment = peer->segments;
        DL_DELETE(peer->segments, segment);
        ipc__shm_store_disown(segment);
    }
    struct ipc__shm_known *known;
    struct ipc__shm_known *next;
    HASH_ITER(hh, peer->known, known, next)
    {
        HASH_DEL(peer->known, known);
        free(known);
    }
}

bool ipc__shm_peer_segment(ipc__shm_peer *peer, int fd, uint32_t local, uint64_t size)
{
    if (!peer->mapped || size > UINT32_MAX) {
        close(fd);
        return false;
    }
    unsigned count;
    ipc__shm_segment *segment;
    DL_COUNT(peer->segments, segment, count);
    if (count >= SEGMENTS_MAX || (size == IPC__SHM_SEGMENT_SIZE && local == 0 && ipc__shm_segment_of(peer, 0))) {
        close(fd);
        return false;
    }
    atomic_uchar *flags = (atomic_uchar *)(void *)(peer->memory + IPC__SHM_CHUNKS);
    if (size == IPC__SHM_SEGMENT_SIZE && !ipc__shm_allocate(peer->memory + IPC__SHM_CHUNKS, IPC__SHM_SEGMENT_PAGES)) {
        close(fd);
        return false;
    }
    segment = ipc__shm_store_add(&peer->hub->store, fd, (size_t)size, local, flags);
    if (!segment) {
        return false;
    }
    if (segment->bits && local != 0) { /* a client writes into one, and always the same */
        ipc__shm_store_disown(segment);
        return false;
    }
    DL_APPEND(peer->segments, segment);
    if (!ipc__shm_spare_fds(peer->hub, count)) {
        close(segment->fd);
        segment->fd = -1; /* its values are copied */
    }
    return true;
}

ipc__shm_segment *ipc__shm_segment_of(const ipc__shm_peer *peer, uint32_t local)
{
    ipc__shm_segment *segment;
    DL_SEARCH_SCALAR(peer->segments, segment, local, local);
    return segment;
}

bool ipc__shm_introduce(ipc__shm_peer *peer, const ipc__shm_segment *segment)
{
    struct ipc__shm_known *known;
    HASH_FIND(hh, peer->known, &segment->number, sizeof segment->number, known);
    if (known) {
        return true;
    }
    known = malloc(sizeof *known);
    if (!known) {
        return false;
    }
    known->number = segment->number;
    HASH_ADD(hh, peer->known, number, sizeof known->number, known);
    if (!known->hh.tbl) {
        free(known);
        return false;
    }
    ipc__buf packet = {0};
    msgpack_packer packer = ipc__packer(&packet);
    msgpack_pack_array(&packer, 4);
    msgpack_pack_int(&packer, IPC__SEGMENT);
    msgpack_pack_uint32(&packer, segment->number);
    msgpack_pack_uint64(&packer, segment->size);
    segment->sealed ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer);
    bool sent = !packet.failed && ipc__control_send(peer->control, &packet, segment->fd);
    ipc__buf_free(&packet);
    if (!sent) {
        HASH_DEL(peer->known, known);
        free(known);
    }
    return sent;
}

bool ipc__shm_spare_fds(const ipc__shm_hub *hub, unsigned of_peer)
{
    bool spare = HASH_COUNT(hub->store.segments) + hub->watch_fds < hub->fds_max && of_peer <= hub->fds_max / 8;
    if (!spare) {
        ipc__log(IPC_LOG_WARN,
                 "the hub keeps as many descriptors for sessions as it may (%u in all, %u for one): raise "
                 "its limit of open files",
                 hub->fds_max, hub->fds_max / 8);
    }
    return spare;
}
