/*
 * The shared-memory lane: memory, and a writer's segment.
 * Touches memory of its own, which others may only read. Not locked: one owner at a time.
 */
#include "lane/shm_arena.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
    WORDS = IPC__SHM_SEGMENT_PAGES / 64,
    STEP = 64, /* pages that are allocated at a time */
    FIXED_SIZE = F_SEAL_SHRINK | F_SEAL_GROW,
};

/* ---- memory ---- */

static int fail_closing(int fd)
{
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

bool ipc__shm_may_be(size_t size)
{
    struct rlimit limit;
    bool may = getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= size;
    errno = may ? errno : EFBIG; /* the system would say so by a signal */
    return may;
}

int ipc__shm_memory(const char *name, size_t size)
{
    if (!ipc__shm_may_be(size)) {
        return -1;
    }
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -1;
    }
    if (ftruncate(fd, (off_t)size) != 0 || fcntl(fd, F_ADD_SEALS, FIXED_SIZE) != 0) {
        return fail_closing(fd);
    }
    return fd;
}

bool ipc__shm_seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0;
}

unsigned char *ipc__shm_map(int fd, size_t size, bool writable)
{
    void *at = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    if (writable && madvise(at, size, MADV_DONTFORK) != 0) {
        munmap(at, size);
        return NULL;
    }
    return at;
}

bool ipc__shm_allocate(unsigned char *at, size_t length)
{
    return madvise(at, length, MADV_POPULATE_WRITE) == 0;
}

int ipc__shm_sealed(const void *bytes, size_t length)
{
    int fd = ipc__shm_memory("libipc-segment", length);
    if (fd < 0) {
        return -1;
    }
    for (size_t done = 0; done < length;) {
        ssize_t written = pwrite(fd, (const unsigned char *)bytes + done, length - done, (off_t)done);
        if (written <= 0 && errno != EINTR) {
            return fail_closing(fd);
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0 ? fd : fail_closing(fd);
}

int ipc__shm_check(int fd, size_t size)
{
    struct stat stat;
    struct statfs system;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & FIXED_SIZE) != FIXED_SIZE || fstat(fd, &stat) != 0 || (size_t)stat.st_size != size ||
        fstatfs(fd, &system) != 0 || system.f_type != TMPFS_MAGIC) {
        return 0;
    }
    return seals & F_SEAL_WRITE ? 2 : seals & F_SEAL_FUTURE_WRITE ? 1 : 0;
}

/* ---- the segment ---- */

int ipc__shm_arena_open(ipc__shm_arena *arena)
{
    int fd = ipc__shm_memory("libipc-segment", IPC__SHM_SEGMENT_SIZE);
    if (fd < 0) {
        return -1;
    }
    uint64_t *bits = calloc(WORDS, sizeof *bits);
    unsigned char *base = bits ? ipc__shm_map(fd, IPC__SHM_SEGMENT_SIZE, true) : NULL;
    if (!base || !ipc__shm_seal(fd)) {
        if (base) {
            munmap(base, IPC__SHM_SEGMENT_SIZE);
        }
        free(bits);
        return fail_closing(fd);
    }
    *arena = (ipc__shm_arena){.base = base, .bits = bits};
    return fd;
}

void ipc__shm_arena_close(ipc__shm_arena *arena)
{
    if (arena->base) {
        munmap(arena->base, IPC__SHM_SEGMENT_SIZE);
    }
    ipc__shm_arena_abandon(arena);
}

void ipc__shm_arena_abandon(ipc__shm_arena *arena)
{
    free(arena->bits);
    *arena = (ipc__shm_arena){0};
}

static bool in_use(const ipc__shm_arena *arena, uint32_t page)
{
    return arena->bits[page / 64] >> (page % 64) & 1;
}

/* The first free page from one on, or the end. */
static uint32_t next_free(const ipc__shm_arena *arena, uint32_t page)
{
    while (page < IPC__SHM_SEGMENT_PAGES) {
        uint64_t free_ones = ~arena->bits[page / 64] >> (page % 64);
        if (free_ones) {
            return page + (uint32_t)__builtin_ctzll(free_ones);
        }
        page = (page / 64 + 1) * 64;
    }
    return page;
}

/* A free run of so many pages, or the end. */
static uint32_t find(const ipc__shm_arena *arena, uint32_t pages)
{
    uint32_t first = next_free(arena, arena->hint);
    while (first + pages <= IPC__SHM_SEGMENT_PAGES) {
        uint32_t end = first + 1;
        while (end < first + pages && !in_use(arena, end)) {
            end++;
        }
        if (end == first + pages) {
            return first;
        }
        first = next_free(arena, end + 1);
    }
    return IPC__SHM_SEGMENT_PAGES;
}

static void mark(ipc__shm_arena *arena, uint32_t page, uint32_t pages, bool used)
{
    for (uint32_t at = page; at < page + pages; at++) {
        uint64_t bit = 1ULL << (at % 64);
        arena->bits[at / 64] = used ? arena->bits[at / 64] | bit : arena->bits[at / 64] & ~bit;
    }
}

bool ipc__shm_arena_alloc(ipc__shm_arena *arena, size_t length, uint32_t *page)
{
    uint32_t pages = ipc__shm_pages(length);
    if (!arena->base || length > IPC__SHM_SEGMENT_SIZE) {
        return false;
    }
    uint32_t first = find(arena, pages);
    if (first == IPC__SHM_SEGMENT_PAGES) {
        return false;
    }
    if (first + pages > arena->touched) {
        uint32_t end = (first + pages + STEP - 1) / STEP * STEP;
        if (!ipc__shm_allocate(arena->base + (size_t)arena->touched * IPC__SHM_PAGE,
                               (size_t)(end - arena->touched) * IPC__SHM_PAGE)) {
            return false;
        }
        arena->touched = end;
    }
    mark(arena, first, pages, true);
    arena->hint = first == next_free(arena, arena->hint) ? first : arena->hint;
    *page = first;
    return true;
}

void ipc__shm_arena_free(ipc__shm_arena *arena, uint32_t page, size_t length)
{
    mark(arena, page, ipc__shm_pages(length), false);
    arena->hint = page < arena->hint ? page : arena->hint;
}
