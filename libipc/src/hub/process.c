/*
 * What a program whose business is to be a hub does to its process.
 * Touches the process's limit of descriptors, and its allocator. One thread, before the hub runs.
 */
#include "hub/process.h"

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>

/* A control socket and a connection for each session, twice that while they come and go; and for the hub some of its own,
 * and those that knock and have not said who they are (64 at most). libzmq aborts where there are too few. */
enum { FDS_A_SESSION = 4, FDS_OF_HUB = 128 }; /* of half of them: the other half is for what sessions send */

uint64_t ipc__process_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return UINT64_MAX;
    }
    return limit.rlim_cur;
}

uint32_t ipc__process_fit_sessions(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    uint64_t there = ipc__process_descriptors();
    uint64_t room = there > FDS_OF_HUB ? (there - FDS_OF_HUB) / 2 / FDS_A_SESSION : 0;
    return room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

void ipc__process_outlive_limits(void)
{
    signal(SIGXFSZ, SIG_IGN); /* a client's memory is a file, too: growing it may fail, and not end the hub */
}

void ipc__process_keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
    mallopt(M_TOP_PAD, 1024 * 1024);
}
