/*
 * The shared-memory lane, the hub's side: delivery rings.
 * Touches the session's memory, of which it believes the state words alone. Not locked: the hub's thread.
 */
#include "lane/shm_outlet.h"

#include <stdlib.h>
#include <string.h>

enum { AHEAD = 8 }; /* slots, and lines of bytes */

static ipc__shm_slots *ring_of(ipc__shm_outlet *outlet, uint64_t position)
{
    bool second = outlet->count == 2 && position >= outlet->rings[1].from;
    return &outlet->rings[second];
}

static ipc__shm_slot *slot_of(const ipc__shm_slots *ring, uint64_t position)
{
    return &ring->slots[position & (ring->count - 1)];
}

static ipc__shm_shade *shade_of(const ipc__shm_slots *ring, uint64_t position)
{
    return &ring->shades[position & (ring->count - 1)];
}

bool ipc__shm_outlet_add(ipc__shm_outlet *outlet, unsigned char *memory, ipc__shm_cell *cell, uint64_t offset,
                         uint32_t slots, uint32_t bytes)
{
    ipc__shm_shade *shades = calloc(slots, sizeof *shades);
    if (!shades) {
        return false;
    }
    uint64_t from = outlet->newest + 1;
    memset(memory + offset, 0, slots * sizeof(ipc__shm_slot)); /* positions of a handle before must not be seen again */
    outlet->rings[outlet->count] = (ipc__shm_slots){
        .slots = (ipc__shm_slot *)(void *)(memory + offset),
        .bytes = memory + offset + slots * sizeof(ipc__shm_slot),
        .count = slots,
        .size = bytes,
        .from = from,
        .shades = shades,
    };
    outlet->oldest = outlet->oldest ? outlet->oldest : from;
    cell->place[outlet->count] = (ipc__shm_place){.offset = offset, .slots = slots, .bytes = bytes, .from = from};
    outlet->count++;
    atomic_store_explicit(&cell->rings, outlet->count, memory_order_release);
    return true;
}

static void release_slot(ipc__shm_slots *ring, ipc__shm_shade *shade)
{
    ring->tail = shade->bytes_end;
    ipc__block_unref(shade->block);
    *shade = (ipc__shm_shade){0};
}

void ipc__shm_outlet_fini(ipc__shm_outlet *outlet)
{
    for (; outlet->count && outlet->oldest <= outlet->newest; outlet->oldest++) {
        ipc__shm_slots *ring = ring_of(outlet, outlet->oldest);
        release_slot(ring, shade_of(ring, outlet->oldest));
    }
    free(outlet->rings[0].shades);
    free(outlet->rings[1].shades);
    *outlet = (ipc__shm_outlet){0};
}

/* What a state word says of a position; 0: nothing that an honest client could have written. */
static ipc__shm_state state_of(uint64_t word, uint64_t position)
{
    uint64_t state = word & 0xff;
    return word >> 8 == position && state >= IPC__SHM_READY && state <= IPC__SHM_LENT ? (ipc__shm_state)state : 0;
}

static ipc__shm_state look(ipc__shm_outlet *outlet, const ipc__shm_slots *ring, uint64_t position)
{
    uint64_t word = atomic_load_explicit(&slot_of(ring, position)->state, memory_order_acquire);
    ipc__shm_state state = state_of(word, position);
    outlet->broken = outlet->broken || !state || state == IPC__SHM_RECALLED;
    return state;
}

void ipc__shm_outlet_sweep(ipc__shm_outlet *outlet, void (*lend)(void *arg, uint32_t loan, ipc__block *block),
                           void *arg)
{
    while (outlet->oldest <= outlet->newest) {
        ipc__shm_slots *ring = ring_of(outlet, outlet->oldest);
        ipc__shm_shade *shade = shade_of(ring, outlet->oldest);
        if (!shade->dead) {
            ipc__shm_state state = look(outlet, ring, outlet->oldest);
            if (state == IPC__SHM_LENT && shade->block) {
                /* The loan's number stands where the segment's did. */
                lend(arg, *(volatile uint32_t *)&slot_of(ring, outlet->oldest)->segment, shade->block);
                shade->block = NULL;
            } else if (state != IPC__SHM_FREE) {
                return;
            }
        }
        release_slot(ring, shade);
        outlet->oldest++;
    }
}

bool ipc__shm_outlet_fits(ipc__shm_outlet *outlet, uint32_t length)
{
    const ipc__shm_slots *ring = &outlet->rings[outlet->count - 1];
    uint64_t first = outlet->oldest > ring->from ? outlet->oldest : ring->from;
    return outlet->newest + 1 - first < ring->count && ring->head - ring->tail + length <= ring->size;
}

static void copy_in(ipc__shm_slots *ring, ipc__bytes value)
{
    uint32_t left = ring->size - ring->at;
    ring->head += value.length;
    if (value.length < left) {
        if (value.length) { /* else the bytes may be NULL */
            memcpy(ring->bytes + ring->at, value.data, value.length);
        }
        ring->at += (uint32_t)value.length;
        return;
    }
    memcpy(ring->bytes + ring->at, value.data, left);
    ring->at = (uint32_t)value.length - left;
    memcpy(ring->bytes, value.data + left, ring->at);
}

/* Consumers had these last: the processor fetches them while others are written. */
static void fetch_ahead(const ipc__shm_slots *ring, uint64_t position)
{
    uint32_t at = ring->at + AHEAD * IPC__SHM_LINE;
    __builtin_prefetch(slot_of(ring, position + AHEAD), 1);
    __builtin_prefetch(ring->bytes + (at < ring->size ? at : 0), 1);
}

void ipc__shm_outlet_put(ipc__shm_outlet *outlet, const ipc__item *item, ipc__bytes small, uint32_t segment,
                         uint32_t offset, ipc__block *block)
{
    uint64_t position = ++outlet->newest;
    ipc__shm_slots *ring = ring_of(outlet, position);
    ipc__shm_slot *slot = slot_of(ring, position);
    fetch_ahead(ring, position);
    slot->seq = item->seq;
    slot->attempt = item->attempt << 1 | item->late;
    slot->length = item->length;
    slot->segment = segment;
    slot->offset = block ? offset : ring->at;
    copy_in(ring, small);
    *shade_of(ring, position) = (ipc__shm_shade){.bytes_end = ring->head, .block = block};
    atomic_store_explicit(&slot->state, ipc__shm_word(position, IPC__SHM_READY), memory_order_release);
}

uint64_t ipc__shm_outlet_taken(ipc__shm_outlet *outlet)
{
    uint64_t first = outlet->taken + 1 > outlet->oldest ? outlet->taken + 1 : outlet->oldest;
    outlet->taken = first - 1;
    for (uint64_t position = first; position <= outlet->newest; position++) {
        const ipc__shm_slots *ring = ring_of(outlet, position);
        if (shade_of(ring, position)->dead) {
            continue;
        }
        ipc__shm_state state = look(outlet, ring, position);
        if (!state || state == IPC__SHM_READY || state == IPC__SHM_RECALLED) {
            break;
        }
        outlet->taken = position;
    }
    return outlet->taken;
}

uint64_t ipc__shm_outlet_recall(ipc__shm_outlet *outlet, uint64_t count)
{
    uint64_t back = 0;
    for (uint64_t position = outlet->newest; back < count && position > outlet->taken && position >= outlet->oldest;
         position--) {
        const ipc__shm_slots *ring = ring_of(outlet, position);
        ipc__shm_shade *shade = shade_of(ring, position);
        if (shade->dead) {
            continue;
        }
        uint64_t expected = ipc__shm_word(position, IPC__SHM_READY);
        if (!atomic_compare_exchange_strong(&slot_of(ring, position)->state, &expected,
                                            ipc__shm_word(position, IPC__SHM_RECALLED))) {
            /* It is taken, and so are all before it. */
            outlet->broken = outlet->broken || ipc__shm_outlet_taken(outlet) < position;
            break;
        }
        shade->dead = true;
        back++;
    }
    return back;
}

bool ipc__shm_outlet_ready(ipc__shm_outlet *outlet)
{
    for (uint64_t position = ipc__shm_outlet_taken(outlet) + 1; position <= outlet->newest; position++) {
        if (!shade_of(ring_of(outlet, position), position)->dead) {
            return true;
        }
    }
    return false;
}
