/*
 * Waiting. One thread at a time, the driver, waits on the descriptors; it moves things for all. Others follow: they
 * wait for a change. While no caller waits, the library's thread drives, and does what is due.
 * Touches the link and the control socket. The connection's lock is held for every function, and let go meanwhile.
 */
#include "client/handle.h"
#include "util/error.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum {
    LOOK_UP_US = 100 * 1000, /* how often a wait asks whether it is interrupted */
    LINGER_US =
        8000, /* (more than the coarse clock may lag) the library's thread leaves driving to callers for so long after one did */
    TICK_US = 1000, /* how often it looks meanwhile */
    PING_SHARE = 3, /* pings in a remote session's time of silence */
    THREAD_STACK = 256 * 1024,
    CHECK_CALLS = 16,      /* so often calls ask for the time, where the hub is awake */
    CHECK_TICKS = 1 << 24, /* some milliseconds: without a thread, how often calls look whether the hub lives */
};

static _Thread_local const ipc_wait_hooks *hooks;

const ipc_wait_hooks *ipc_set_wait_hooks(const ipc_wait_hooks *set)
{
    const ipc_wait_hooks *before = hooks;
    hooks = set;
    return before;
}

void ipc__sleep_begin(void)
{
    if (hooks && hooks->before) {
        hooks->before(hooks->arg);
    }
}

void ipc__sleep_end(void)
{
    if (hooks && hooks->after) {
        hooks->after(hooks->arg);
    }
}

static struct timespec timespec_of(uint64_t us)
{
    return (struct timespec){(time_t)(us / IPC__US_PER_S), (long)(us % IPC__US_PER_S) * 1000};
}

/* ---- moving things ---- */

bool ipc__conn_pump(ipc_conn *conn)
{
    bool any = false;
    while (conn->state == IPC__CONN_LIVE) {
        ipc__envelope envelope;
        int result = conn->link->ops->receive(conn->link, &envelope);
        if (result == 0) {
            break;
        }
        any = true;
        if (result < 0) {
            ipc__conn_lose(conn, IPC_ELOST);
            break;
        }
        bool good = ipc__conn_dispatch(conn, &envelope);
        ipc__envelope_free(&envelope);
        if (!good) {
            ipc__log(IPC_LOG_ERROR, "the hub at %s breaks the protocol", conn->address.text);
            ipc__conn_lose(conn, IPC_EPROTO);
        }
    }
    return any;
}

void ipc__conn_look(ipc_conn *conn)
{
    if (conn->state != IPC__CONN_LIVE || !conn->link->ops->claims) {
        return;
    }
    if (conn->link->ops->readable(conn->link) && !conn->driving) {
        ipc__conn_pump(conn);
    }
    if (conn->link->ops->claims->quiet(conn->link) || ++conn->looks % CHECK_CALLS == 0) {
        uint64_t now = ipc__ticks();
        if (now - conn->checked_at > CHECK_TICKS && !conn->driving) {
            conn->checked_at = now;
            ipc__conn_read_control(conn);
        }
    }
}

void ipc__conn_wake(ipc_conn *conn)
{
    if (conn->followers) {
        pthread_cond_broadcast(&conn->changed);
    }
    if (conn->driving) {
        eventfd_write(conn->wake, 1);
    }
}

/* A segment with large values. False: it is no such packet, or cannot be mapped. */
static bool take_segment(ipc_conn *conn, const unsigned char *packet, size_t length, int fd)
{
    ipc_cursor at;
    uint32_t fields = 1;
    uint32_t number;
    uint64_t size;
    bool sealed;
    const ipc__claim_ops *claims = conn->link->ops->claims;
    if (claims && fd >= 0 && ipc__control_open(&at, packet, length, &fields) == IPC__SEGMENT && fields == 3 &&
        ipc__read_u32(&at, &number) && ipc__read_uint(&at, &size) && ipc__read_bool(&at, &sealed)) {
        return claims->segment(conn->link, number, size, sealed, fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return length == 1; /* to wake us, and no more */
}

void ipc__conn_read_control(ipc_conn *conn)
{
    while (conn->control >= 0 && conn->state == IPC__CONN_LIVE) {
        unsigned char packet[IPC__CONTROL_SMALL];
        int fd;
        ssize_t length = ipc__control_receive(conn->control, packet, sizeof packet, &fd);
        if (length > 0 && take_segment(conn, packet, (size_t)length, fd)) {
            continue;
        }
        if (length > 0) {
            ipc__log(IPC_LOG_ERROR,
                     "a segment of the hub at %s cannot be mapped: too little memory, or too few descriptors",
                     conn->address.text);
            ipc__conn_lose(conn, IPC_ENOMEM); /* it is not sent again in this session */
            return;
        }
        if (length == 0 || errno != EAGAIN) {
            ipc__conn_lose(conn, IPC_ELOST);
        }
        return;
    }
}

/*
 * Nobody drives: one of those who follow has to. Those who wait for no reply look at every change anyway; of the others one is
 * woken, which drives, or passes it on when it is done itself.
 */
static void pass_on(ipc_conn *conn)
{
    if (conn->driving || !conn->followers) {
        return;
    }
    pthread_cond_broadcast(&conn->changed);
    if (conn->askers) {
        pthread_cond_signal(conn->askers->wake);
    }
}

/* Wait on the descriptors until something comes or the time. Whether the wait was interrupted by a signal. */
static bool drive(ipc_conn *conn, uint64_t until)
{
    struct pollfd fds[3] = {{.fd = conn->wake, .events = POLLIN},
                            {.fd = conn->link->ops->fd(conn->link), .events = POLLIN},
                            {.fd = conn->control, .events = POLLIN}}; /* a negative one is passed over */
    ipc__link *link = conn->link;
    const ipc__claim_ops *claims = link->ops->claims;
    conn->driving = true;
    pthread_mutex_unlock(&conn->lock);
    ipc__sleep_begin();
    uint64_t now = ipc__now();
    int ready = 0;
    bool spun = conn->spun;
    conn->spun = false;
    if (until <= now || !claims || ((spun || !claims->spin(link)) && claims->arm(link))) {
        now = claims ? ipc__now() : now;
        struct timespec left = timespec_of(until > now ? until - now : 0);
        ready = ppoll(fds, 3, until == IPC__NEVER ? NULL : &left, NULL);
    }
    bool signalled = ready < 0;
    ipc__sleep_end();
    if (claims) {
        claims->disarm(link);
    }
    pthread_mutex_lock(&conn->lock);
    conn->driving = false;
    conn->active_at = ipc__now();
    if (ready > 0 && fds[0].revents) {
        eventfd_t count;
        eventfd_read(conn->wake, &count);
    }
    ipc__conn_pump(conn);
    if (ready > 0 && fds[2].revents) {
        ipc__conn_read_control(conn);
    }
    if (conn->followers) {
        pthread_cond_broadcast(&conn->changed);
    }
    if (conn->thread_drives) {
        pass_on(conn); /* it was asked to leave that to a caller, perhaps */
    }
    return signalled;
}

bool ipc__conn_spin(ipc_conn *conn)
{
    ipc__link *link = conn->link;
    if (conn->driving) {
        return false;
    }
    link->ops->claims->glance(link);
    if (ipc__conn_pump(conn)) {
        return true;
    }
    conn->driving = true;
    pthread_mutex_unlock(&conn->lock);
    ipc__sleep_begin();
    bool came = link->ops->claims->spin(link);
    ipc__sleep_end();
    pthread_mutex_lock(&conn->lock);
    conn->driving = false;
    conn->spun = !came; /* once is enough */
    ipc__conn_pump(conn);
    pass_on(conn);
    return came;
}

static void sleep_on(ipc_conn *conn, pthread_cond_t *cond, uint64_t until)
{
    if (until == IPC__NEVER) {
        pthread_cond_wait(cond, &conn->lock);
    } else {
        struct timespec end = timespec_of(until);
        pthread_cond_timedwait(cond, &conn->lock, &end);
    }
}

/* Wait for one's own reply, or to drive: however many others wait, nobody wakes for theirs. */
static void sleep_until_answered(ipc_conn *conn, ipc__pending *pending, uint64_t until)
{
    pthread_cond_t answered;
    ipc__cond_init(&answered);
    pending->wake = &answered;
    DL_APPEND2(conn->askers, pending, prev_follower, next_follower);
    sleep_on(conn, &answered, until);
    DL_DELETE2(conn->askers, pending, prev_follower, next_follower);
    pending->wake = NULL;
    pthread_cond_destroy(&answered);
}

/* Wait for a change that another thread makes. */
static void follow(ipc_conn *conn, bool (*done)(void *arg), void *arg, uint64_t until)
{
    conn->followers++;
    if (conn->thread_drives && !conn->kicked) {
        conn->kicked = true; /* a caller drives better: without a detour */
        eventfd_write(conn->wake, 1);
    }
    ipc__sleep_begin();
    if (done == ipc__pending_done) {
        sleep_until_answered(conn, arg, until);
    } else {
        sleep_on(conn, &conn->changed, until);
    }
    conn->followers--;
    if (hooks && hooks->after) {
        pthread_mutex_unlock(&conn->lock);
        ipc__sleep_end();
        pthread_mutex_lock(&conn->lock);
    }
}

ipc_err ipc__conn_lost(const ipc_conn *conn)
{
    return ipc__fail(IPC_ELOST, "the hub at %s is gone, and what it held; the next call connects again",
                     conn->address.text);
}

void ipc__conn_await_change(ipc_conn *conn)
{
    conn->followers++;
    ipc__sleep_begin();
    pthread_cond_wait(&conn->changed, &conn->lock);
    conn->followers--;
    pthread_mutex_unlock(&conn->lock);
    ipc__sleep_end();
    pthread_mutex_lock(&conn->lock);
    if (!conn->driving) {
        ipc__conn_kick(conn); /* it was counted as one who would */
    }
}

static ipc_err ended(const ipc_conn *conn, unsigned generation)
{
    if (conn->state == IPC__CONN_CLOSED || (conn->state == IPC__CONN_LOST && conn->closing)) {
        return ipc__fail_plain(IPC_ECLOSED);
    }
    if (conn->state != IPC__CONN_LIVE || conn->generation != generation) {
        return ipc__conn_lost(conn);
    }
    return IPC_OK;
}

static bool interrupted(ipc_conn *conn)
{
    if (!hooks || !hooks->interrupted) {
        return false;
    }
    pass_on(conn); /* it may take its time */
    pthread_mutex_unlock(&conn->lock);
    bool stop = hooks->interrupted(hooks->arg);
    pthread_mutex_lock(&conn->lock);
    return stop;
}

static ipc_err wait_until(ipc_conn *conn, bool (*done)(void *arg), void *arg, uint64_t deadline)
{
    unsigned generation = conn->generation;
    uint64_t look_up = hooks && hooks->interrupted ? ipc__now() + LOOK_UP_US : IPC__NEVER;
    ipc__conn_flush(conn);
    if (!done(arg) && !conn->driving) {
        ipc__conn_pump(conn);
    }
    for (;;) {
        if (conn->state == IPC__CONN_LIVE && conn->link->ops->claims && !conn->driving) {
            conn->link->ops->claims->glance(conn->link);
            ipc__conn_pump(conn);
        }
        if (done(arg)) {
            return IPC_OK;
        }
        ipc_err err = ended(conn, generation);
        if (err) {
            return err;
        }
        uint64_t now = ipc__now();
        if (now >= deadline) {
            return ipc__fail_plain(IPC_ETIMEOUT);
        }
        bool signalled = false;
        uint64_t until = deadline < look_up ? deadline : look_up;
        ipc__conn_flush(conn);
        if (done(arg)) { /* that may have brought it: nobody says so again */
            return IPC_OK;
        }
        if (conn->driving) {
            follow(conn, done, arg, until);
        } else if (conn->state == IPC__CONN_LIVE) {
            signalled = drive(conn, until);
        }
        if (look_up != IPC__NEVER && (signalled || ipc__now() >= look_up)) {
            look_up = ipc__now() + LOOK_UP_US;
            if (!done(arg) && interrupted(conn)) {
                return ipc__fail_plain(IPC_EINTR);
            }
        }
    }
}

ipc_err ipc__conn_wait(ipc_conn *conn, bool (*done)(void *arg), void *arg, uint64_t deadline)
{
    ipc_err err = wait_until(conn, done, arg, deadline);
    /* Somebody must drive on: one of those who follow, or the library's thread. */
    if (conn->followers) {
        pass_on(conn);
    } else if (!conn->driving) {
        ipc__conn_kick(conn);
    }
    return err;
}

ipc_err ipc__conn_wait_deaf(ipc_conn *conn, bool (*done)(void *arg), void *arg, uint64_t deadline)
{
    const ipc_wait_hooks *heard = hooks;
    ipc_wait_hooks deaf = heard ? *heard : (ipc_wait_hooks){0};
    deaf.interrupted = NULL;
    hooks = heard ? &deaf : NULL;
    ipc_err err = ipc__conn_wait(conn, done, arg, deadline);
    hooks = heard;
    return err;
}

ipc_err ipc__wait_fds(struct pollfd *fds, size_t count, uint64_t deadline, size_t *ready)
{
    for (;;) {
        uint64_t now = ipc__now();
        bool asks = hooks && hooks->interrupted;
        uint64_t until = asks && now + LOOK_UP_US < deadline ? now + LOOK_UP_US : deadline;
        struct timespec left = timespec_of(until > now ? until - now : 0);
        ipc__sleep_begin();
        int found = ppoll(fds, count, until == IPC__NEVER ? NULL : &left, NULL);
        int err = errno;
        ipc__sleep_end();
        *ready = found > 0 ? (size_t)found : 0;
        if (found > 0) {
            return IPC_OK;
        }
        if (found < 0 && err != EINTR) {
            errno = err;
            return ipc__fail_errno("cannot wait for %zu descriptors", count);
        }
        if (hooks && hooks->interrupted && hooks->interrupted(hooks->arg)) {
            return IPC_EINTR;
        }
        if (ipc__now() >= deadline) {
            return IPC_ETIMEOUT;
        }
    }
}

ipc_err ipc__wait_fd(int fd, uint64_t deadline)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    size_t ready;
    return ipc__wait_fds(&one, fd >= 0, deadline, &ready);
}

/* ---- the library's thread ---- */

/* A remote hub must hear from us, and we from it. When it is due again. */
static uint64_t keep_alive(ipc_conn *conn, uint64_t now)
{
    if (conn->control >= 0) {
        return IPC__NEVER;
    }
    if (now >= conn->heard_at + conn->welcome.silence_us) {
        ipc__conn_lose(conn, IPC_ELOST);
        return IPC__NEVER;
    }
    uint64_t every = conn->welcome.silence_us / PING_SHARE;
    if (now >= conn->pinged_at + every) {
        conn->pinged_at = now;
        ipc__op_begin(conn, IPC__OP_PING, 0, 0);
        conn->ping_seq = conn->seq;
        ipc__conn_flush(conn);
    }
    return conn->pinged_at + every;
}

/* Do what is due. When something is due again. */
static uint64_t maintain(ipc_conn *conn, uint64_t now)
{
    uint64_t due = keep_alive(conn, now);
    for (uint32_t id = 0; id < conn->slot_count; id++) {
        if (conn->slots[id].handle) {
            uint64_t next = ipc__take_maintain(conn->slots[id].handle, now);
            due = next < due ? next : due;
        }
    }
    ipc__conn_flush(conn);
    return due;
}

static void park(ipc_conn *conn, uint64_t until)
{
    conn->thread_parked = true;
    if (until == IPC__NEVER) {
        pthread_cond_wait(&conn->thread_wake, &conn->lock);
    } else {
        struct timespec end = timespec_of(until);
        pthread_cond_timedwait(&conn->thread_wake, &conn->lock, &end);
    }
    conn->thread_parked = false;
}

static void *thread_main(void *self)
{
    ipc_conn *conn = self;
    pthread_mutex_lock(&conn->lock);
    while (!conn->stop) {
        uint64_t now = ipc__now();
        bool asked = conn->kicked && conn->followers; /* a caller wants to drive, and needs the lock for that */
        conn->kicked = false;
        if (conn->state != IPC__CONN_LIVE || conn->connecting || conn->link->ops->claims) {
            park(conn, IPC__NEVER);
            continue;
        }
        uint64_t due = maintain(conn, now);
        if (conn->state != IPC__CONN_LIVE || conn->kicked) {
            continue; /* what came meanwhile wants something */
        }
        if (!conn->watchers && now - conn->active_at < LINGER_US) {
            if (!conn->driving && ipc__conn_pump(conn)) {
                ipc__conn_wake(conn);
            }
            uint64_t tick = now + TICK_US;
            conn->kicked = conn->busy; /* what gathers until the next look may wait for it, or not */
            conn->thread_ticks = true;
            park(conn, due < tick ? due : tick);
            conn->thread_ticks = false;
        } else if (conn->driving) {
            park(conn, due);
        } else if (asked) {
            uint64_t tick = now + TICK_US;
            park(conn, due < tick ? due : tick);
        } else {
            uint64_t active_at = conn->active_at;
            conn->thread_drives = true;
            drive(conn, due);
            conn->thread_drives = false;
            conn->active_at = conn->kicked ? conn->active_at : active_at;
        }
    }
    pthread_mutex_unlock(&conn->lock);
    return NULL;
}

ipc_err ipc__conn_start_thread(ipc_conn *conn)
{
    if (conn->link->ops->claims) {
        return IPC_OK; /* nothing is to be done while no call does it */
    }
    if (conn->has_thread) {
        pthread_cond_signal(&conn->thread_wake);
        return IPC_OK;
    }
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&conn->thread, &attr, thread_main, conn);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (err) {
        return ipc__fail(IPC_ESYS, "cannot start the library's thread: %s", strerrordesc_np(err));
    }
    conn->has_thread = true;
    return IPC_OK;
}

void ipc__conn_stop_thread(ipc_conn *conn)
{
    if (!conn->has_thread) {
        return;
    }
    conn->stop = true;
    conn->has_thread = false;
    pthread_cond_signal(&conn->thread_wake);
    eventfd_write(conn->wake, 1);
    pthread_mutex_unlock(&conn->lock);
    pthread_join(conn->thread, NULL);
    pthread_mutex_lock(&conn->lock);
}
