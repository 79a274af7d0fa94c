/*
 * Slabs: small pieces of memory, cut from pages of their size class.
 * A page lies in a region of the system's memory; one that is empty serves any class again, and an empty region goes
 * back to the system. Touches nothing but memory. Not locked: one owner at a time.
 */
#include "util/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <utlist.h>

enum {
    PAGE_SIZE = 64 * 1024,
    REGION_SIZE = 2 * 1024 * 1024, /* a huge page of the system, where it has some */
    PAGES = REGION_SIZE / PAGE_SIZE,
};

typedef struct piece {
    struct piece *next;
} piece;

/* The head of a page; aligned to its size, so that every piece finds it. */
struct ipc__slab_page {
    ipc__slab_region *region;
    ipc__slab_page *prev, *next; /* pages of the class with room */
    piece *free;
    unsigned char *fresh; /* from here on nothing was cut yet */
    unsigned live;
    unsigned capacity;
};

struct ipc__slab_region {
    unsigned char *memory;
    uint32_t free; /* a bit for each page */
    ipc__slab_region *prev, *next;
};

_Static_assert(PAGES == 32, "a region's pages are the bits of free");

/* ---- regions ---- */

/* Memory at a multiple of the region's size. */
static unsigned char *map_region(void)
{
    size_t size = 2 * (size_t)REGION_SIZE;
    unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    size_t before = -(uintptr_t)memory & (REGION_SIZE - 1);
    if (before) {
        munmap(memory, before);
    }
    munmap(memory + before + REGION_SIZE, REGION_SIZE - before);
    return memory + before;
}

static ipc__slab_region *region_new(ipc__slabs *slabs)
{
    ipc__slab_region *region = malloc(sizeof *region);
    unsigned char *memory = region ? map_region() : NULL;
    if (!memory) {
        free(region);
        return NULL;
    }
    if (slabs->regions) { /* who holds little takes little */
        madvise(memory, REGION_SIZE, MADV_HUGEPAGE);
    }
    *region = (ipc__slab_region){.memory = memory, .free = UINT32_MAX};
    DL_PREPEND(slabs->regions, region);
    slabs->empty++;
    return region;
}

static void region_free(ipc__slabs *slabs, ipc__slab_region *region)
{
    DL_DELETE(slabs->regions, region);
    munmap(region->memory, REGION_SIZE);
    free(region);
}

/* ---- pages ---- */

static ipc__slab_page *page_new(ipc__slabs *slabs, size_t size)
{
    ipc__slab_region *region = slabs->regions;
    if (!region || !region->free) {
        region = region_new(slabs);
    }
    if (!region) {
        return NULL;
    }
    slabs->empty -= region->free == UINT32_MAX;
    unsigned index = (unsigned)__builtin_ctz(region->free);
    region->free &= region->free - 1;
    if (!region->free) {
        DL_DELETE(slabs->regions, region);
        DL_APPEND(slabs->regions, region);
    }
    ipc__slab_page *page = (ipc__slab_page *)(void *)(region->memory + (size_t)index * PAGE_SIZE);
    *page = (ipc__slab_page){.region = region, .capacity = (unsigned)((PAGE_SIZE - sizeof *page) / size)};
    page->fresh = (unsigned char *)(page + 1);
    return page;
}

static void page_free(ipc__slabs *slabs, ipc__slab_page *page)
{
    ipc__slab_region *region = page->region;
    unsigned index = (unsigned)(((unsigned char *)page - region->memory) / PAGE_SIZE);
    region->free |= 1U << index;
    DL_DELETE(slabs->regions, region);
    DL_PREPEND(slabs->regions, region);
    if (region->free != UINT32_MAX) {
        return;
    }
    /* One empty region is kept: what goes up and down at its edge must not ask the system every time. */
    if (slabs->empty) {
        region_free(slabs, region);
    } else {
        slabs->empty++;
    }
}

/* ---- pieces ---- */

static size_t class_of(size_t size)
{
    return (size + IPC__SLAB_STEP - 1) / IPC__SLAB_STEP - 1;
}

void *ipc__slab_alloc(ipc__slabs *slabs, size_t size)
{
    size_t class = class_of(size);
    size = (class + 1) * IPC__SLAB_STEP;
    ipc__slab_page *page = slabs->partial[class];
    if (!page) {
        page = page_new(slabs, size);
        if (!page) {
            return NULL;
        }
        DL_PREPEND(slabs->partial[class], page);
    }
    piece *got = page->free;
    if (got) {
        page->free = got->next;
    } else {
        got = (piece *)(void *)page->fresh;
        page->fresh += size;
    }
    if (++page->live == page->capacity) {
        DL_DELETE(slabs->partial[class], page);
    }
    return got;
}

void ipc__slab_free(ipc__slabs *slabs, void *memory, size_t size)
{
    size_t class = class_of(size);
    ipc__slab_page *page = (ipc__slab_page *)((uintptr_t)memory & ~(uintptr_t)(PAGE_SIZE - 1));
    piece *given = memory;
    given->next = page->free;
    page->free = given;
    if (page->live-- == page->capacity) {
        DL_PREPEND(slabs->partial[class], page);
    }
    if (page->live == 0) {
        DL_DELETE(slabs->partial[class], page);
        page_free(slabs, page);
    }
}

void ipc__slabs_free(ipc__slabs *slabs)
{
    while (slabs->regions) {
        region_free(slabs, slabs->regions);
    }
    *slabs = (ipc__slabs){0};
}
