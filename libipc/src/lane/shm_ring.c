/*
 * The shared-memory lane: control rings.
 * Touches the session's memory. Not locked: one owner a side.
 */
#include "lane/shm_ring.h"

enum { PIECE_MIN = 256 }; /* less room than that is not worth a piece */

int ipc__shm_write(ipc__shm_writer *ring, const ipc__buf *record, size_t *done, const ipc__shm_where *places,
                   unsigned place_count, uint32_t reserve)
{
    ipc__bytes all = {record->data, record->length};
    if (*done == 0 && place_count == 0 && record->length < ring->size / 4 &&
        ipc__shm_write_row(ring, all, (ipc__bytes){NULL, 0}, reserve)) {
        *done = record->length;
        return 1;
    }
    while (*done < record->length) {
        unsigned count = *done ? 0 : place_count;
        size_t front = sizeof(ipc__shm_piece) + count * sizeof *places;
        size_t left = record->length - *done;
        uint64_t room = ipc__shm_room(ring, front + left + 8 + reserve);
        if (room == UINT64_MAX) {
            return -1;
        }
        room = room > reserve + front ? (room - reserve - front) & ~7ULL : 0;
        size_t length = left < room ? left : (size_t)room;
        if (length < left && length < PIECE_MIN) {
            return 0;
        }
        ipc__shm_piece piece = {
            .length = (uint32_t)(length + count * sizeof *places), .places = (uint16_t)count, .more = length < left};
        ipc__shm_put_piece(ring, piece, places, record->data + *done);
        ipc__shm_publish(ring);
        *done += length;
    }
    return 1;
}

ipc__shm_writer ipc__shm_up_writer(unsigned char *memory)
{
    ipc__shm_header *header = (ipc__shm_header *)(void *)memory;
    return (ipc__shm_writer){
        .head = &header->up_head, .tail = &header->up_tail, .bytes = memory + IPC__SHM_UP, .size = IPC__SHM_UP_SIZE};
}

ipc__shm_reader ipc__shm_up_reader(unsigned char *memory)
{
    ipc__shm_header *header = (ipc__shm_header *)(void *)memory;
    return (ipc__shm_reader){
        .head = &header->up_head, .tail = &header->up_tail, .bytes = memory + IPC__SHM_UP, .size = IPC__SHM_UP_SIZE};
}

ipc__shm_writer ipc__shm_down_writer(unsigned char *memory)
{
    ipc__shm_header *header = (ipc__shm_header *)(void *)memory;
    return (ipc__shm_writer){.head = &header->down_head,
                             .tail = &header->down_tail,
                             .bytes = memory + IPC__SHM_DOWN,
                             .size = IPC__SHM_DOWN_SIZE};
}

ipc__shm_reader ipc__shm_down_reader(unsigned char *memory)
{
    ipc__shm_header *header = (ipc__shm_header *)(void *)memory;
    return (ipc__shm_reader){.head = &header->down_head,
                             .tail = &header->down_tail,
                             .bytes = memory + IPC__SHM_DOWN,
                             .size = IPC__SHM_DOWN_SIZE};
}
