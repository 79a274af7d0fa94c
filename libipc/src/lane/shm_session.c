/*
 * The shared-memory lane, the client's side: a session's memory.
 * Touches the memory and the hub's eventfd. Any thread.
 */
#include "lane/shm_session.h"

#include "lane/shm_arena.h"
#include "util/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

ipc__shm_session *ipc__shm_session_new(int memory, int wake)
{
    ipc__shm_session *session = malloc(sizeof *session);
    unsigned char *at =
        session && ipc__shm_check(memory, IPC__SHM_SIZE) >= 0 ? ipc__shm_map(memory, IPC__SHM_SIZE, true) : NULL;
    int err = session ? errno : ENOMEM;
    close(memory);
    if (!at) {
        close(wake);
        free(session);
        errno = err;
        return NULL;
    }
    bool light = ((const ipc__shm_header *)(void *)at)->hub_fences && ipc__fence_join();
    *session = (ipc__shm_session){.memory = at, .wake = wake, .control = -1, .pid = (int)getpid(), .light = light};
    atomic_init(&session->refs, 1);
    return session;
}

void ipc__shm_session_unref(ipc__shm_session *session)
{
    if (atomic_fetch_sub(&session->refs, 1) == 1) {
        munmap(session->memory, IPC__SHM_SIZE);
        close(session->wake);
        if (session->control >= 0) {
            close(session->control);
        }
        free(session);
    }
}

void ipc__shm_session_leave(ipc__shm_session *session, int control)
{
    if (atomic_load(&session->refs) > 1) {
        session->control = fcntl(control, F_DUPFD_CLOEXEC, 0);
    }
    ipc__shm_session_unref(session);
}

void ipc__shm_session_abandon(ipc__shm_session *session)
{
    close(session->wake);
    session->wake = -1;
    if (atomic_fetch_sub(&session->refs, 1) == 1) {
        free(session);
    }
}

void ipc__shm_wake(const ipc__shm_session *session)
{
    ipc__shm_header *header = (ipc__shm_header *)(void *)session->memory;
    if (atomic_load_explicit(&header->hub_armed, memory_order_relaxed)) {
        atomic_store_explicit(&header->hub_armed, 0, memory_order_relaxed);
        eventfd_write(session->wake, 1);
    }
}
