/*
 * A connection: one session with a hub at a time, its operations on their way, and who waits for what.
 * Touches its link and control socket. Everything in it is guarded by its lock, unless marked.
 */
#ifndef IPC__CONN_H
#define IPC__CONN_H

#include "client/link.h"
#include "util/clock.h"
#include "wire/address.h"

#include <ipc/conn.h>
#include <ipc/wait.h>
#include <pthread.h>
#include <stdatomic.h>

struct ipc__handle;

typedef enum ipc__conn_state {
    IPC__CONN_LIVE,
    IPC__CONN_LOST,   /* the hub is gone, or gave the session up: the next call connects again */
    IPC__CONN_FORKED, /* a forked child's copy: the next call takes up the session that the fork made */
    IPC__CONN_CLOSED,
} ipc__conn_state;

enum { IPC__PENDINGS = 64 }; /* a power of two */

/* A request that waits for its reply; lives on the caller's stack. */
typedef struct ipc__pending {
    uint64_t seq;
    bool done;
    ipc_err err;    /* of the reply */
    ipc__buf reply; /* its fields, or an error's words */
    bool keeps;     /* its fields stay where they came: */
    ipc__block *block;
    ipc__bytes fields;
    pthread_cond_t *wake; /* of the thread that follows until it is done; NULL: it does not */
    struct ipc__pending *prev_follower, *next_follower;
    struct ipc__pending *prev, *next;
} ipc__pending;

/* A number for handles: whose it is, or which CLOSE must be answered before it is used again. */
typedef struct ipc__slot {
    struct ipc__handle *handle;
    uint64_t close_seq;
    uint32_t next_free; /* while it is nobody's; 0: the last */
} ipc__slot;

struct ipc_conn {
    atomic_uint refs; /* not locked */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* somebody's wait may be over, or nobody drives */

    /* What it was asked to be; set once. */
    char *language;
    char *program;
    int64_t connect_timeout_ms;
    ipc__address address;
    ipc_lane lane;
    bool start;   /* a hub may be started */
    bool private; /* this program's own hub */

    /* The session. */
    ipc__conn_state state;
    unsigned forks;      /* this process is the child of so many of its forks */
    unsigned generation; /* of sessions; a handle of an older one must be opened again */
    bool connecting;
    bool failed;  /* the goodbye says so */
    bool closing; /* the goodbye is on its way: whatever ends the session now, it was closed */
    bool parted;  /* the hub has answered it */
    ipc__link *link;
    int control;  /* the lifeline; -1: a remote hub */
    int reaching; /* one that is not greeted yet; guarded by the list's lock, for a forked child to close */
    int memory
        [2]; /* of a session that is not bound yet: shared memory, and what wakes the hub; -1: none. As reaching */
    ipc__welcome welcome;
    uint64_t clock_offset; /* what to take from the hub's times to get ours */
    uint64_t seq;
    uint64_t sent;  /* put bytes */
    uint64_t acked; /* of them, taken in by the hub */
    ipc__outbox out;
    ipc__buf header; /* of every envelope: packed once a session */
    uint64_t flushed_at;
    uint64_t flushed_seq;
    bool waiting_out;                     /* the outbox is not empty, and somebody will send it soon */
    bool busy;                            /* so much is sent that it pays to gather it */
    ipc__pending *pending[IPC__PENDINGS]; /* by their numbers */
    ipc__slot *slots;
    uint32_t slot_count;
    uint32_t free_slot;  /* the first one that is nobody's; 0: there is none */
    unsigned looks;      /* at what came */
    uint64_t checked_at; /* without a thread: when the control socket was looked at last (ticks) */
    uint64_t heard_at;   /* remote: when the hub was heard last */
    uint64_t pinged_at;
    uint64_t ping_seq;

    /* A forked child's inheritance. */
    int heir_control; /* -1: none */
    ipc__welcome heir_welcome;

    /* The same for a child that is being forked. */
    int child_control;
    ipc__welcome child_welcome;

    /* Who moves things: one thread at a time waits on the descriptors for all. */
    bool driving;
    bool spun;          /* in vain, just now */
    bool thread_drives; /* it is the library's thread */
    bool thread_parked; /* it sleeps until told */
    bool thread_ticks;  /* it sleeps, but looks up within a tick */
    bool kicked;
    int wake; /* eventfd: makes whoever drives look up */
    unsigned followers;
    ipc__pending *askers; /* those of them that wait for a reply: each is woken by its own, the others by changed */
    unsigned watchers;    /* handles whose descriptor somebody waits on: the library's thread moves things for them */
    uint64_t active_at;   /* a caller drove, or posted */
    pthread_t thread;
    bool has_thread;
    bool stop;
    pthread_cond_t thread_wake;

    ipc_conn *prev, *next; /* all of this process; guarded by the list's lock */
};

/* ---- life (conn.c, connect.c) ---- */

/* Connect, or connect again: a new session, a new generation. The lock is held, and let go meanwhile. */
ipc_err ipc__conn_connect(ipc_conn *conn);

/*
 * Begin a call: the connection is live when it returns IPC_OK, reconnecting or taking up a fork's session if it must.
 * The lock is held. IPC_ECLOSED, or why it cannot connect.
 */
ipc_err ipc__conn_enter(ipc_conn *conn);

/* The session is over: whoever waits learns it. The lock is held. */
void ipc__conn_lose(ipc_conn *conn, ipc_err why);

/* Close what came of shared memory and was not used. */
void ipc__conn_drop_memory(ipc_conn *conn);

/* Let go of the link and the control socket. The lock is held, and nobody drives. */
void ipc__conn_drop_link(ipc_conn *conn);

/* In a forked child, before anything else: the parent's link is not the child's. */
void ipc__conn_forked(ipc_conn *conn);

/* Take up the session that the fork made. The lock is held. */
ipc_err ipc__conn_revive(ipc_conn *conn);

/* Bind the link to the session of welcome. The lock is held. */
ipc_err ipc__conn_bind(ipc_conn *conn, uint64_t deadline);

/* The connection of this process to an address; made when there is none. A reference. */
ipc_err ipc__conn_shared(ipc_conn **out, const char *address);

/* A reference. Any thread. */
ipc_conn *ipc__conn_ref(ipc_conn *conn);
void ipc__conn_unref(ipc_conn *conn);

/* The list of connections, for fork and exit. */
void ipc__conns_lock(void);
void ipc__conns_unlock(void);
ipc_conn *ipc__conns_first(void);
void ipc__conns_reinit(void);

/* ---- numbers for handles (slots.c); the lock is held ---- */

/* A number that no handle has, and that no CLOSE is on its way for. 0: there is none. */
uint32_t ipc__slot_take(ipc_conn *conn, struct ipc__handle *handle);

/* It is nobody's any more. */
void ipc__slot_give(ipc_conn *conn, uint32_t id);

/* Another session, or a fork: all that have no handle are free, whatever was on its way. */
void ipc__slots_tidy(ipc_conn *conn);

/* ---- sending (session.c); the lock is held ---- */

/* Begin an operation. Then pack its fields into the packer, and post it. */
msgpack_packer ipc__op_begin(ipc_conn *conn, ipc__op op, uint32_t handle, unsigned fields);

/* An operation, or several, are in the outbox: they are sent now, or soon with others. */
void ipc__conn_post(ipc_conn *conn);

/* Send what is in the outbox. */
void ipc__conn_flush(ipc_conn *conn);

/* The library's thread has something to do soon. */
void ipc__conn_kick(ipc_conn *conn);

/* Send the request begun before, and wait for its reply: its fields are in pending->reply, to be freed. */
ipc_err ipc__conn_call(ipc_conn *conn, ipc__pending *pending, uint64_t deadline);

/* The same, but the fields are not copied: pending->fields, as long as pending->block, a reference. */
ipc_err ipc__conn_call_keep(ipc_conn *conn, ipc__pending *pending, uint64_t deadline);

/* The same for a request whose timeout is ours alone: an answer that is late is dropped. */
ipc_err ipc__conn_ask(ipc_conn *conn, ipc__pending *pending, uint64_t deadline);

/* Its two halves: register the request that was begun last; whether it is answered. */
void ipc__pending_add(ipc_conn *conn, ipc__pending *pending);
bool ipc__pending_done(void *pending);

/* Nobody waits for it any more. */
void ipc__pending_forget(ipc_conn *conn, ipc__pending *pending);

/* The request of this number; NULL: none. */
ipc__pending *ipc__pending_find(ipc_conn *conn, uint64_t seq);

/* It is answered, or never will be: whoever waits for it goes on. */
void ipc__pending_end(ipc_conn *conn, ipc__pending *pending, ipc_err err);

/* The session ended: every request that waits gets an error instead of its reply. */
void ipc__pendings_end(ipc_conn *conn, ipc_err err);

/* Fail with IPC_ELOST, in words. */
ipc_err ipc__conn_lost(const ipc_conn *conn);

/* ---- waiting (wait.c); the lock is held, and let go meanwhile ---- */

/*
 * Wait until done(arg), which is asked under the lock. IPC_OK; IPC_ETIMEOUT; IPC_EINTR; IPC_ELOST, IPC_ECLOSED the
 * session ended.
 */
ipc_err ipc__conn_wait(ipc_conn *conn, bool (*done)(void *arg), void *arg, uint64_t deadline);

/* The same, but nothing interrupts it: for waits that are short, and must come to their end. */
ipc_err ipc__conn_wait_deaf(ipc_conn *conn, bool (*done)(void *arg), void *arg, uint64_t deadline);

/* Where deliveries lie in shared memory: look for a while, if that pays. Whether something came. */
bool ipc__conn_spin(ipc_conn *conn);

/* A condition variable whose timeouts are of the monotonic clock. */
void ipc__cond_init(pthread_cond_t *cond);

/* Wait until something changes, for as long as that takes. What other threads need to get on is let go meanwhile. */
void ipc__conn_await_change(ipc_conn *conn);

/* Process what came, without waiting. Whether anything did. */
bool ipc__conn_pump(ipc_conn *conn);

/* Read what came beside the link: segments, and the hub's end. */
void ipc__conn_read_control(ipc_conn *conn);

/* A call begins on a lane without a thread: what came meanwhile is processed, and the hub's end is noticed soon. */
void ipc__conn_look(ipc_conn *conn);

/* Wake whoever waits, to look again. */
void ipc__conn_wake(ipc_conn *conn);

/* Without a lock: wait until one of several descriptors is ready. How many are, in *ready. IPC_ETIMEOUT; IPC_EINTR; IPC_ESYS. */
struct pollfd;
ipc_err ipc__wait_fds(struct pollfd *fds, size_t count, uint64_t deadline, size_t *ready);

/* Without a lock: wait until a descriptor (-1: none, just the time) is readable. IPC_OK; IPC_ETIMEOUT; IPC_EINTR. */
ipc_err ipc__wait_fd(int fd, uint64_t deadline);

/* Around anything else that sleeps: the thread's hooks. Without locks. */
void ipc__sleep_begin(void);
void ipc__sleep_end(void);

/* The library's thread. */
ipc_err ipc__conn_start_thread(ipc_conn *conn);
void ipc__conn_stop_thread(ipc_conn *conn);

/* ---- receiving (dispatch.c) ---- */

/* Process one envelope. False: it breaks the protocol. */
bool ipc__conn_dispatch(ipc_conn *conn, ipc__envelope *envelope);

/* ---- starting hubs (launch.c) ---- */

/* Start the hub program for an address. IPC_OK it is ready, or another was first; IPC_EHUBPROG; IPC_ESYS; its error. */
ipc_err ipc__launch_hub(const char *address, bool private, uint64_t deadline);

/* ---- looking (probe.c) ---- */

/* Whether anybody listens at a TCP endpoint. */
bool ipc__tcp_answers(const char *endpoint, uint64_t deadline);

/* ---- forks (fork.c) ---- */

/* Install the handlers; once a process. */
void ipc__fork_init(void);

/* Whether this process is another than at the last call: a fork that no handler saw. */
void ipc__fork_check(void);

#endif
