/*
 * The lock that makes one hub the hub of an address: fcntl's, which no forked child inherits.
 * Touches the lock file. The list of this process's locks has a mutex.
 */
#include "hub/lock.h"

#include "util/error.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static ipc__lock *held;

void ipc__lock_init(ipc__lock *lock)
{
    *lock = (ipc__lock){.fd = -1};
}

static bool held_here(const char *path)
{
    ipc__lock *lock;
    DL_FOREACH(held, lock)
    {
        if (strcmp(lock->path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Lock the file at a path. The descriptor, or -1 with errno: EAGAIN for another's. */
static int lock_file(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return -1;
        }
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        struct stat mine;
        struct stat there;
        if (fcntl(fd, F_SETLK, &whole) != 0) {
            int err = errno == EACCES ? EAGAIN : errno;
            close(fd);
            errno = err;
            return -1;
        }
        /* A hub that ended meanwhile removed the file that was opened: then the lock is one on nothing. */
        if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino &&
            mine.st_dev == there.st_dev) {
            return fd;
        }
        close(fd);
    }
}

ipc_err ipc__lock_take(ipc__lock *lock, const char *path)
{
    if (!*path) {
        return IPC_OK;
    }
    lock->path = strdup(path);
    if (!lock->path) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    pthread_mutex_lock(&list_lock);
    /* A second open would drop this process's own lock when it is closed. */
    errno = EAGAIN;
    lock->fd = held_here(path) ? -1 : lock_file(path);
    int err = errno;
    if (lock->fd >= 0) {
        DL_APPEND(held, lock);
    }
    pthread_mutex_unlock(&list_lock);
    if (lock->fd >= 0) {
        return IPC_OK;
    }
    errno = err;
    ipc_err result = err == EAGAIN ? ipc__fail(IPC_EADDRINUSE, "another hub holds %s", path)
                                   : ipc__fail_errno("cannot lock %s", path);
    free(lock->path);
    lock->path = NULL;
    return result;
}

void ipc__lock_release(ipc__lock *lock)
{
    if (lock->fd < 0) {
        return;
    }
    pthread_mutex_lock(&list_lock);
    DL_DELETE(held, lock);
    unlink(lock->path);
    close(lock->fd);
    pthread_mutex_unlock(&list_lock);
    free(lock->path);
    ipc__lock_init(lock);
}

void ipc__locks_before_fork(void)
{
    pthread_mutex_lock(&list_lock);
}

void ipc__locks_after_fork(bool child)
{
    ipc__lock *lock;
    DL_FOREACH(child ? held : NULL, lock)
    {
        close(lock->fd); /* the parent keeps the lock: it is the process's, not the descriptor's */
        lock->fd = -1;
    }
    held = child ? NULL : held;
    pthread_mutex_unlock(&list_lock);
}

void ipc__lock_abandon(ipc__lock *lock)
{
    free(lock->path);
    ipc__lock_init(lock);
}
