/*
 * The shared-memory lane, the client's side: a session's memory.
 * Touches the memory and the hub's eventfd. Any thread.
 */
#include "lane/shm_session.h"

#include "lane/shm_arena.h"
#include "util/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utlist.h>

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

static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static ipc__shm_session *left;

void ipc__shm_session_leave(ipc__shm_session *session, int control)
{
    if (atomic_load(&session->refs) > 1) {
        pthread_mutex_lock(&left_lock);
        session->control = fcntl(control, F_DUPFD_CLOEXEC, 0);
        DL_APPEND2(left, session, left_prev, left_next);
        pthread_mutex_unlock(&left_lock);
    }
}

static void close_left(ipc__shm_session *session)
{
    if (session->left_prev) {
        DL_DELETE2(left, session, left_prev, left_next);
        session->left_prev = NULL;
    }
    if (session->control >= 0) {
        close(session->control);
        session->control = -1;
    }
}

void ipc__shm_session_before_fork(void)
{
    pthread_mutex_lock(&left_lock);
}

void ipc__shm_session_after_fork(bool child)
{
    while (child && left) {
        close_left(left);
    }
    pthread_mutex_unlock(&left_lock);
}

void ipc__shm_session_unref(ipc__shm_session *session)
{
    if (atomic_fetch_sub(&session->refs, 1) == 1) {
        pthread_mutex_lock(&left_lock);
        close_left(session);
        pthread_mutex_unlock(&left_lock);
        munmap(session->memory, IPC__SHM_SIZE);
        close(session->wake);
        free(session);
    }
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
