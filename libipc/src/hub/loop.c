/*
 * The hub loop: one epoll over the lane, the control sockets and the clock, around one core.
 * Touches descriptors and the clock. One thread runs it; what others may call is marked in the header.
 */
#include "hub/loop.h"

#include "hub/core.h"
#include "hub/lock.h"
#include "hub/peer.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/spin.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

enum {
    EVENTS_AT_ONCE = 64,
    UNORDERED_MS = 10,                   /* how long it sleeps at most, where fences fail */
    TURNS_AT_ONCE = 16,                  /* with input in memory, between two looks at descriptors */
    ENVELOPES_AT_ONCE = 256,             /* between two looks at the control sockets */
    FIRST_SESSION_US = 10 * 1000 * 1000, /* how long a hub that was started for somebody waits for them */
    LATE_US = 500 * 1000,                /* a loop that comes so late was stopped: its peers could not act */
    PRIVATE_GRACE_US = 200 * 1000,       /* children that were spawned may still come */
    UNGREETED_MAX = 64,                  /* control sockets without a HELLO, beyond one for each session */
    DEAF_US = 100 * 1000,                /* how long nobody is let in when descriptors have run out */
};

/* What epoll's events mean, beside peers. */
static long mark_lane, mark_listen, mark_wake, mark_stop; /* at even addresses: odd ones are peers' eventfds */

struct ipc__loop {
    ipc__hubside side; /* what peers need */
    int epoll;
    int listener;
    int wake;
    ipc__lock lock;
    ipc__address address;
    ipc__timer deaf; /* armed: nobody is let in until it fires */
    uint64_t empty_since;
    bool had_session;
    ipc__spin spin;
    unsigned turns; /* since the descriptors were looked at */
    atomic_bool stop;
    pthread_mutex_t adopt_lock;
    int *adopted;
    unsigned adopted_count;
    bool adopting; /* false: the loop has ended, nobody may come */
};

static bool watch(ipc__loop *loop, int fd, void *what, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* ---- opening ---- */

static ipc_err open_descriptors(ipc__loop *loop)
{
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll < 0 || loop->wake < 0) {
        return ipc__fail_errno("cannot make the hub's descriptors");
    }
    if (*loop->address.control) {
        loop->listener = ipc__control_listen(loop->address.control);
        if (loop->listener < 0) {
            return ipc__fail_errno("cannot listen on %s", loop->address.control);
        }
    }
    if (!watch(loop, ipc__zmq_hub_fd(loop->side.zmq), &mark_lane, EPOLLIN | EPOLLET) ||
        !watch(loop, loop->wake, &mark_wake, EPOLLIN) ||
        (loop->listener >= 0 && !watch(loop, loop->listener, &mark_listen, EPOLLIN))) {
        return ipc__fail_errno("cannot watch the hub's descriptors");
    }
    return IPC_OK;
}

static void listen_to(ipc__loop *loop, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = &mark_listen};
    epoll_ctl(loop->epoll, EPOLL_CTL_MOD, loop->listener, &event);
}

static void listen_again(ipc__timer *timer, uint64_t now)
{
    (void)now;
    listen_to((ipc__loop *)((char *)timer - offsetof(ipc__loop, deaf)), EPOLLIN);
}

/* How many may be kept beside the sessions' own: half. libzmq aborts where there are too few. */
static uint32_t spare_descriptors(void)
{
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 2 < UINT32_MAX;
    return known ? (uint32_t)(limit.rlim_cur / 2) : UINT32_MAX;
}

ipc_err ipc__loop_open(ipc__loop **out, ipc__address *address, const ipc_hub_options *options)
{
    ipc__loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        return ipc__fail_plain(IPC_ENOMEM);
    }
    loop->epoll = loop->listener = loop->wake = -1;
    loop->address = *address;
    loop->adopting = true;
    loop->empty_since = ipc__now();
    loop->deaf.fire = listen_again;
    pthread_mutex_init(&loop->adopt_lock, NULL);
    ipc__lock_init(&loop->lock);
    ipc__core_init(&loop->side.core, options);
    ipc__shm_hub_init(&loop->side.shm, ipc__peer_fetch, spare_descriptors());
    loop->side.core.started = loop->side.core.now = ipc__now();
    loop->side.core.pid = getpid();
    ipc_err err = ipc__lock_take(&loop->lock, address->lock);
    if (!err && getrandom(&loop->side.epoch, sizeof loop->side.epoch, 0) != sizeof loop->side.epoch) {
        err = ipc__fail_errno("no random numbers");
    }
    loop->side.epoch |= 1; /* 0 is nobody's */
    loop->side.core.epoch = loop->side.epoch;
    if (!err) {
        err = ipc__zmq_hub_open(&loop->side.zmq, loop->address.endpoint, sizeof loop->address.endpoint,
                                loop->side.epoch, options->max_message);
    }
    err = err ? err : open_descriptors(loop);
    if (err) {
        ipc__loop_close(loop);
        return err;
    }
    if (address->scheme == IPC__SCHEME_TCP) {
        memcpy(loop->address.text, loop->address.endpoint, sizeof loop->address.text);
    }
    loop->side.address = &loop->address;
    loop->side.epoll = loop->epoll;
    *address = loop->address;
    *out = loop;
    return IPC_OK;
}

/* ---- newcomers ---- */

/* Descriptors have run out: who knocks must wait, and the hub must not spin meanwhile. */
static void turn_deaf(ipc__loop *loop)
{
    ipc__log(IPC_LOG_WARN, "cannot accept a session: %s", strerrordesc_np(errno));
    if (ipc__timer_set(&loop->side.core.timers, &loop->deaf, ipc__now() + DEAF_US)) {
        listen_to(loop, 0);
    }
}

static void accept_all(ipc__loop *loop)
{
    const ipc__core *core = &loop->side.core;
    for (;;) {
        int control = accept4(loop->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (control < 0) {
            if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            if (errno != EAGAIN) {
                turn_deaf(loop);
            }
            return;
        }
        if (loop->side.peer_count >= core->options.max_sessions + UNGREETED_MAX) {
            close(control); /* too many that say nothing: libzmq aborts when descriptors run out */
            loop->side.core.rejected++;
            continue;
        }
        ipc__peer_new(&loop->side, control, true);
    }
}

bool ipc__loop_adopt(ipc__loop *loop, int control)
{
    pthread_mutex_lock(&loop->adopt_lock);
    int *more = loop->adopting ? realloc(loop->adopted, (loop->adopted_count + 1) * sizeof *more) : NULL;
    if (more) {
        loop->adopted = more;
        loop->adopted[loop->adopted_count++] = control;
    }
    pthread_mutex_unlock(&loop->adopt_lock);
    if (more) {
        eventfd_write(loop->wake, 1);
    }
    return more != NULL;
}

static void adopt_all(ipc__loop *loop)
{
    eventfd_t count;
    eventfd_read(loop->wake, &count);
    pthread_mutex_lock(&loop->adopt_lock);
    int *adopted = loop->adopted;
    unsigned number = loop->adopted_count;
    loop->adopted = NULL;
    loop->adopted_count = 0;
    pthread_mutex_unlock(&loop->adopt_lock);
    for (unsigned i = 0; i < number; i++) {
        ipc__peer_new(&loop->side, adopted[i], false);
    }
    free(adopted);
}

/* ---- a turn ---- */

static void drain_lane(ipc__loop *loop)
{
    ipc__hubside *side = &loop->side;
    for (int i = 0; i < ENVELOPES_AT_ONCE; i++) {
        ipc__zmq_id id;
        ipc__zmq_peer *zmq;
        ipc__envelope envelope;
        int result = ipc__zmq_hub_receive(side->zmq, &id, &zmq, &envelope);
        if (result == 0) {
            return;
        }
        if (result > 0) {
            ipc__peer_input(side, &id, zmq ? zmq->owner : NULL, &envelope);
            ipc__envelope_free(&envelope);
        } else if (zmq) {
            ipc__peer_reject(zmq->owner);
        }
    }
}

static void end_unreachable(ipc__loop *loop)
{
    ipc__zmq_peer *dead;
    while ((dead = ipc__zmq_hub_dead(loop->side.zmq))) {
        ipc__peer_end(dead->owner, IPC__END_CRASH);
    }
}

static int wait_ms(ipc__loop *loop, uint64_t life)
{
    uint64_t due = ipc__core_due(&loop->side.core);
    due = due < life ? due : life;
    int64_t left = ipc__left_ms(ipc__now(), due);
    return left < 0 || left > 60 * 1000 ? (due == IPC__NEVER ? -1 : 60 * 1000) : (int)left;
}

/* Time passed in which this process did not run: nobody is late for that. */
static void forgive_gap(ipc__loop *loop, uint64_t now)
{
    ipc__timers *timers = &loop->side.core.timers;
    uint64_t due = ipc__timers_next(timers);
    if (due != IPC__NEVER && now > due + LATE_US) {
        ipc__log(IPC_LOG_WARN, "the hub was stopped for %llu ms; every deadline is put off by it",
                 (unsigned long long)((now - due) / IPC__US_PER_MS));
        ipc__timers_shift(timers, now - due);
    }
}

/* When a hub without sessions ends; IPC__NEVER while it has some, or as long as nobody stops it. */
static uint64_t life_end(ipc__loop *loop, uint64_t now)
{
    const ipc__core *core = &loop->side.core;
    if (core->options.life == IPC_HUB_UNTIL_STOPPED) {
        return IPC__NEVER;
    }
    if (core->session_count || loop->side.peers) {
        loop->had_session = loop->had_session || core->session_count;
        loop->empty_since = now;
        return IPC__NEVER;
    }
    if (!loop->had_session) {
        return loop->empty_since + FIRST_SESSION_US;
    }
    if (core->options.life == IPC_HUB_PRIVATE) {
        return loop->empty_since + PRIVATE_GRACE_US;
    }
    return ipc__core_unread(core) ? IPC__NEVER : ipc__deadline(loop->empty_since, core->options.grace_ms);
}

static void control_events(ipc__loop *loop, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        void *what = events[i].data.ptr;
        if (what == &mark_listen) {
            accept_all(loop);
        } else if (what == &mark_wake) {
            adopt_all(loop);
        } else if (what == &mark_stop) {
            atomic_store(&loop->stop, true);
        } else if (ipc__peer_is_marked(what)) {
            ipc__peer_awake(what);
        } else if (what != &mark_lane) {
            ipc__peer_control(what);
        }
    }
    ipc__peers_reap(&loop->side);
}

static bool glance(void *arg)
{
    return ipc__shm_hub_glance(&((ipc__loop *)arg)->side.shm);
}

/* Wait on the descriptors; or only look at them, while there is something in memory. How many events; -1 with errno. */
static int await(ipc__loop *loop, struct epoll_event *events)
{
    ipc__hubside *side = &loop->side;
    if (glance(loop) && ++loop->turns < TURNS_AT_ONCE) {
        return 0;
    }
    int timeout = ipc__zmq_hub_readable(side->zmq) || glance(loop) ? 0 : wait_ms(loop, life_end(loop, ipc__now()));
    if (side->shm.unordered && (timeout < 0 || timeout > UNORDERED_MS)) {
        timeout = UNORDERED_MS;
    }
    if (timeout != 0 && side->shm.active) {
        bool came = ipc__spin_until(&loop->spin, glance, loop);
        timeout = came || !ipc__shm_hub_rest(&side->shm) ? 0 : timeout;
    }
    if (timeout == 0 && glance(loop) && ++loop->turns < TURNS_AT_ONCE) {
        return 0;
    }
    loop->turns = 0;
    return epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, timeout);
}

static bool turn(ipc__loop *loop)
{
    ipc__hubside *side = &loop->side;
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = await(loop, events);
    if (count < 0 && errno != EINTR) {
        ipc__log(IPC_LOG_ERROR, "the hub cannot wait: %s", strerrordesc_np(errno));
        return false;
    }
    /* What a peer sent before it ended comes first, and everything that came comes before what is late. */
    if (loop->turns == 0) {
        drain_lane(loop);
    }
    ipc__peers_take(side);
    control_events(loop, events, count > 0 ? count : 0);
    uint64_t now = ipc__now();
    forgive_gap(loop, now);
    ipc__core_advance(&side->core, now);
    ipc__zmq_hub_flush(side->zmq, now);
    ipc__shm_hub_flush(&side->shm);
    end_unreachable(loop);
    ipc__peers_reap(side);
    return !atomic_load(&loop->stop) && life_end(loop, now) > now;
}

ipc_err ipc__loop_run(ipc__loop *loop, int stop_fd)
{
    if (stop_fd >= 0 && !watch(loop, stop_fd, &mark_stop, EPOLLIN)) {
        return ipc__fail_errno("cannot watch descriptor %d", stop_fd);
    }
    while (turn(loop)) {
    }
    if (stop_fd >= 0) {
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, stop_fd, NULL);
    }
    return IPC_OK;
}

void ipc__loop_stop(ipc__loop *loop)
{
    atomic_store(&loop->stop, true);
    eventfd_write(loop->wake, 1);
}

/* ---- ends ---- */

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void ipc__loop_close(ipc__loop *loop)
{
    if (!loop) {
        return;
    }
    pthread_mutex_lock(&loop->adopt_lock);
    loop->adopting = false;
    pthread_mutex_unlock(&loop->adopt_lock);
    if (loop->listener >= 0) {
        unlink(loop->address.control);
        close(loop->listener);
    }
    if (loop->wake >= 0) {
        adopt_all(loop);
    }
    ipc__timer_clear(&loop->side.core.timers, &loop->deaf);
    ipc__peers_end(&loop->side);
    ipc__core_fini(&loop->side.core);
    ipc__shm_hub_free(&loop->side.shm);
    bool bound = loop->side.zmq != NULL;
    ipc__zmq_hub_close(loop->side.zmq);
    if (bound && loop->lock.fd >= 0) {
        unlink(loop->address.endpoint + strlen("ipc://")); /* libzmq leaves it */
    }
    close_fd(loop->epoll);
    close_fd(loop->wake);
    ipc__lock_release(&loop->lock);
    pthread_mutex_destroy(&loop->adopt_lock);
    free(loop);
}

void ipc__loop_abandon(ipc__loop *loop)
{
    ipc__peers_abandon(&loop->side);
    close_fd(loop->listener);
    close_fd(loop->epoll);
    close_fd(loop->wake);
    ipc__lock_abandon(&loop->lock);
}
