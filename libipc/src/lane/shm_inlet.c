/*
 * The shared-memory lane, the client's side: delivery rings, and the segments in which large values lie.
 * Touches the session's memory and segments. Not locked: the connection's lock; blocks are given back by any thread.
 */
#include "lane/shm_inlet.h"

#include "lane/shm_arena.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A segment, mapped to be read. The table has a reference, each value that is read in place another. */
struct ipc__shm_mapping {
    atomic_uint refs;
    uint32_t number;
    const unsigned char *base;
    size_t size;
    bool sealed;
    UT_hash_handle hh;
};

/* ---- segments ---- */

static void mapping_unref(struct ipc__shm_mapping *mapping)
{
    if (atomic_fetch_sub(&mapping->refs, 1) == 1) {
        munmap((void *)(uintptr_t)mapping->base, mapping->size);
        free(mapping);
    }
}

static struct ipc__shm_mapping *find_mapping(const ipc__shm_inlets *inlets, uint32_t number)
{
    struct ipc__shm_mapping *mapping;
    HASH_FIND(hh, inlets->mappings, &number, sizeof number, mapping);
    return mapping;
}

bool ipc__shm_inlets_segment(ipc__shm_inlets *inlets, uint32_t number, uint64_t size, bool sealed, int fd)
{
    struct ipc__shm_mapping *mapping = find_mapping(inlets, number) ? NULL : malloc(sizeof *mapping);
    const unsigned char *base = mapping && size ? ipc__shm_map(fd, (size_t)size, false) : NULL;
    close(fd);
    if (!base) {
        free(mapping);
        return false;
    }
    *mapping = (struct ipc__shm_mapping){.number = number, .base = base, .size = (size_t)size, .sealed = sealed};
    atomic_init(&mapping->refs, 1);
    HASH_ADD(hh, inlets->mappings, number, sizeof mapping->number, mapping);
    if (!mapping->hh.tbl) {
        mapping_unref(mapping);
        return false;
    }
    return true;
}

void ipc__shm_inlets_segment_gone(ipc__shm_inlets *inlets, uint32_t number)
{
    struct ipc__shm_mapping *mapping = find_mapping(inlets, number);
    if (mapping) {
        HASH_DEL(inlets->mappings, mapping);
        mapping_unref(mapping);
    }
}

/* ---- rings ---- */

bool ipc__shm_inlet_open(ipc__shm_inlets *inlets, uint32_t handle)
{
    if (handle >= inlets->count) {
        uint32_t count = inlets->count ? inlets->count : 16;
        while (count <= handle) {
            count *= 2;
        }
        ipc__shm_inlet *more = realloc(inlets->inlets, count * sizeof *more);
        if (!more) {
            return false;
        }
        memset(more + inlets->count, 0, (count - inlets->count) * sizeof *more);
        inlets->inlets = more;
        inlets->count = count;
    }
    inlets->inlets[handle] = (ipc__shm_inlet){.next = 1};
    return true;
}

/* Move on to the ring that the position lies in. False: there is none. */
static bool follow(const ipc__shm_inlets *inlets, uint32_t handle, ipc__shm_inlet *inlet)
{
    ipc__shm_cell *cell = ipc__shm_cell_of(inlets->session->memory, handle);
    unsigned rings = atomic_load_explicit(&cell->rings, memory_order_acquire);
    if (rings <= inlet->rings || rings > 2) {
        return inlet->slots != NULL;
    }
    const ipc__shm_place *place = &cell->place[inlet->rings];
    if (inlet->next < place->from) {
        return inlet->slots != NULL;
    }
    uint64_t size = (uint64_t)place->slots * sizeof(ipc__shm_slot) + place->bytes;
    if (place->offset < IPC__SHM_RINGS || place->offset > IPC__SHM_SIZE || size > IPC__SHM_SIZE - place->offset ||
        place->slots == 0 || (place->slots & (place->slots - 1))) {
        return false;
    }
    inlet->slots = (ipc__shm_slot *)(void *)(inlets->session->memory + place->offset);
    inlet->bytes = inlets->session->memory + place->offset + place->slots * sizeof(ipc__shm_slot);
    inlet->count = place->slots;
    inlet->size = place->bytes;
    inlet->rings++;
    return true;
}

/* The slot of the next delivery, past those that were taken back. NULL: none is there. */
static ipc__shm_slot *look(const ipc__shm_inlets *inlets, uint32_t handle)
{
    ipc__shm_inlet *inlet = handle < inlets->count ? &inlets->inlets[handle] : NULL;
    if (!inlet || !follow(inlets, handle, inlet)) {
        return NULL;
    }
    for (;;) {
        ipc__shm_slot *slot = &inlet->slots[inlet->next & (inlet->count - 1)];
        uint64_t word = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (word == ipc__shm_word(inlet->next, IPC__SHM_READY)) {
            return slot;
        }
        if (word >> 8 < inlet->next) {
            /* Nothing in this ring; the next one may have been announced meanwhile. */
            unsigned before = inlet->rings;
            if (!follow(inlets, handle, inlet) || inlet->rings == before) {
                return NULL;
            }
            continue;
        }
        inlet->next++; /* recalled, or it was: a later one has its slot */
        if (!follow(inlets, handle, inlet)) {
            return NULL;
        }
    }
}

bool ipc__shm_inlet_ready(ipc__shm_inlets *inlets, uint32_t handle)
{
    return look(inlets, handle) != NULL;
}

uint64_t ipc__shm_inlet_position(const ipc__shm_inlets *inlets, uint32_t handle)
{
    return handle < inlets->count ? inlets->inlets[handle].next : 0;
}

int ipc__shm_inlet_next(ipc__shm_inlets *inlets, uint32_t handle, ipc__delivery *delivery)
{
    ipc__shm_slot *slot = look(inlets, handle);
    if (!slot) {
        return 0;
    }
    const ipc__shm_inlet *inlet = &inlets->inlets[handle];
    uint32_t segment = slot->segment;
    uint32_t offset = slot->offset;
    *delivery = (ipc__delivery){
        .seq = slot->seq,
        .position = inlet->next,
        .length = slot->length,
        .attempt = (slot->attempt >> 1) & 0xfffffU,
        .late = slot->attempt & 1U,
        .slot = slot,
    };
    if (segment) {
        struct ipc__shm_mapping *mapping = find_mapping(inlets, segment);
        if (!mapping || (uint64_t)offset + delivery->length > mapping->size) {
            return -1;
        }
        delivery->segment = mapping;
        delivery->stable = mapping->sealed;
        delivery->data = mapping->base + offset;
        delivery->first = delivery->length;
        return 1;
    }
    if (delivery->length > IPC__SHM_INLINE_MAX || offset > inlet->size) {
        return -1;
    }
    delivery->data = inlet->bytes + offset;
    delivery->rest = inlet->bytes;
    delivery->first = delivery->length < inlet->size - offset ? delivery->length : inlet->size - offset;
    return 1;
}

bool ipc__shm_inlet_claim(ipc__shm_inlets *inlets, uint32_t handle, const ipc__delivery *delivery)
{
    ipc__shm_slot *slot = delivery->slot;
    uint64_t expected = ipc__shm_word(delivery->position, IPC__SHM_READY);
    if (!atomic_compare_exchange_strong(&slot->state, &expected, ipc__shm_word(delivery->position, IPC__SHM_TAKEN))) {
        return false;
    }
    inlets->inlets[handle].next++;
    return true;
}

void ipc__shm_inlet_release(const ipc__delivery *delivery)
{
    ipc__shm_slot *slot = delivery->slot;
    atomic_store_explicit(&slot->state, ipc__shm_word(delivery->position, IPC__SHM_FREE), memory_order_release);
}

/* ---- loans ---- */

/* A value that is read where it lies, by a message that may outlive the link. */
struct loan {
    ipc__block base;
    ipc__shm_session *session;
    struct ipc__shm_mapping *mapping;
    uint32_t number;
    bool lent; /* the hub knows, or will */
};

static atomic_uchar *loan_flags(const ipc__shm_session *session)
{
    return (atomic_uchar *)(void *)(session->memory + IPC__SHM_LOANS);
}

static void loan_release(ipc__block *base)
{
    struct loan *loan = (struct loan *)base;
    ipc__shm_session *session = loan->session;
    if (session->pid == (int)getpid()) { /* else a forked child's copy: its parent gives it back */
        atomic_store_explicit(&loan_flags(session)[loan->number], loan->lent ? IPC__SHM_LOAN_BACK : IPC__SHM_LOAN_NONE,
                              memory_order_release);
        if (loan->lent) {
            atomic_fetch_add(&((ipc__shm_header *)(void *)session->memory)->loans_back, 1);
            ipc__shm_fence();
            ipc__shm_wake(session);
        }
        ipc__shm_session_unref(session);
    }
    mapping_unref(loan->mapping);
    free(loan);
}

/* A number that no loan has. False: there is none. */
static bool find_number(ipc__shm_inlets *inlets, uint32_t *number)
{
    if (!inlets->lends) {
        inlets->lends = ipc__shm_allocate(inlets->session->memory + IPC__SHM_LOANS, IPC__SHM_PAGE);
    }
    const atomic_uchar *flags = loan_flags(inlets->session);
    for (uint32_t i = 0; inlets->lends && i < IPC__SHM_LOANS_MAX; i++) {
        *number = (inlets->loan + i) % IPC__SHM_LOANS_MAX;
        if (atomic_load_explicit(&flags[*number], memory_order_acquire) == IPC__SHM_LOAN_NONE) {
            inlets->loan = *number + 1;
            return true;
        }
    }
    return false;
}

ipc__block *ipc__shm_inlet_borrow(ipc__shm_inlets *inlets, const ipc__delivery *delivery)
{
    uint32_t number;
    struct loan *loan = delivery->segment && find_number(inlets, &number) ? malloc(sizeof *loan) : NULL;
    if (!loan) {
        return NULL;
    }
    struct ipc__shm_mapping *mapping = delivery->segment;
    *loan = (struct loan){.base = {.data = delivery->data, .length = delivery->length, .release = loan_release},
                          .session = inlets->session,
                          .mapping = mapping,
                          .number = number};
    atomic_init(&loan->base.refs, 1);
    atomic_fetch_add(&inlets->session->refs, 1);
    atomic_fetch_add(&mapping->refs, 1);
    atomic_store_explicit(&loan_flags(inlets->session)[number], IPC__SHM_LOAN_OUT, memory_order_relaxed);
    return &loan->base;
}

void ipc__shm_inlet_lend(const ipc__delivery *delivery, ipc__block *block)
{
    struct loan *loan = (struct loan *)block;
    ipc__shm_slot *slot = delivery->slot;
    loan->lent = true;
    slot->segment = loan->number;
    atomic_store_explicit(&slot->state, ipc__shm_word(delivery->position, IPC__SHM_LENT), memory_order_release);
}

/* ---- ends ---- */

void ipc__shm_inlets_free(ipc__shm_inlets *inlets)
{
    struct ipc__shm_mapping *mapping;
    struct ipc__shm_mapping *next;
    HASH_ITER(hh, inlets->mappings, mapping, next)
    {
        HASH_DEL(inlets->mappings, mapping);
        mapping_unref(mapping);
    }
    free(inlets->inlets);
    *inlets = (ipc__shm_inlets){0};
}

void ipc__shm_inlets_abandon(ipc__shm_inlets *inlets)
{
    ipc__shm_inlets_free(inlets); /* segments are mapped in the child, too */
}
