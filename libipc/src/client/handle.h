/*
 * Handles: what queue and pipe handles share. Opening, puts with window and credits, takes with prefetch.
 * Guarded by their connection's lock.
 */
#ifndef IPC__HANDLE_H
#define IPC__HANDLE_H

#include "client/conn.h"
#include "codec/msg.h"

typedef struct ipc__handle ipc__handle;

/* A delivery that was not taken yet. */
typedef struct ipc__entry {
    ipc__block *block; /* where the bytes live; referenced */
    const unsigned char *data;
    uint32_t length;
    uint32_t attempt : 31;
    uint32_t late : 1;
    uint64_t seq;
    uint64_t position;
    uint64_t valid_until; /* on our clock */
} ipc__entry;

/* The consumer's side: untaken deliveries, oldest first, in a ring. */
typedef struct ipc__prefetch {
    ipc__entry *ring;
    uint32_t capacity; /* a power of two */
    uint32_t head;
    uint32_t count;
    uint64_t bytes;    /* of the untaken ones */
    uint64_t received; /* position of the last delivery */
    uint64_t taken;    /* position of the last one taken */
    uint64_t reported; /* of that, what the hub was told */
    uint64_t due;      /* the take at which it is told at the latest: half the window is used up */
    uint32_t window;
    uint64_t reported_at;
    uint64_t last_get;
    unsigned getters;  /* threads that wait for a delivery */
    bool telling;      /* the library's thread will report */
    bool demand;       /* the hub knows that we want some */
    bool polling;      /* a thread asks the hub whether there is anything */
    bool fenced;       /* deliveries are void until REVOKE */
    uint64_t asked_at; /* where deliveries lie in shared memory: the position at which the hub was asked */
    uint32_t mean;     /* bytes of a value, lately */
} ipc__prefetch;

struct ipc__handle {
    ipc_conn *conn; /* a reference */
    const char *type;
    char *name;    /* NULL: none */
    ipc__buf open; /* the options as packed for OPEN */
    ipc_open_mode mode;
    uint32_t id;
    unsigned generation;
    uint64_t number; /* of this process's handles */
    unsigned users;  /* calls that are inside */
    unsigned forks;  /* the connection's, when the last one entered: those of a parent's threads are not here */
    bool closed;
    unsigned held_in;  /* the session's generation in which a lock or permits were last acquired by it; 0: none were */
    bool told_lost;    /* the loss of the session that it was opened in was returned once */
    uint64_t bound;    /* of what it may hold: puts need credits; 0: none */
    bool shut;         /* nothing more can be put */
    bool drained;      /* shut, and the hub said that nothing is left; it is asked again before that is believed */
    bool signalled;    /* ready_fd is readable */
    unsigned fd_forks; /* the connection's, when ready_fd was made: an older one is a parent's */
    int ready_fd;      /* an epoll set for those who wait on descriptors; -1: nobody asked for it. In it: */
    int own_fd;        /* an eventfd that this process makes readable; */
    int hub_fd; /* on a lane without a thread: a socket by which the hub does, and the control socket's end; -1: none */
    uint64_t credits;
    uint64_t credits_until;
    uint64_t credits_half; /* when so few are left, the puts go out: the hub can give more before none is left */
    ipc_err end;           /* nothing more will come, and why */
    ipc_err failed;        /* an earlier put's error: sticky until it is returned */
    uint64_t fail_count;
    uint64_t fail_first;
    char *fail_words;
    ipc__prefetch in;
    /* The object's own part must be begun anew: a fork, another session. May be NULL. */
    void (*reset)(ipc__handle *handle);
};

/* ---- life (handle/handle.c) ---- */

/* Where an object is found. */
typedef struct ipc__where {
    const char *name;     /* a name; or */
    ipc__bytes pin;       /* a pin; or */
    ipc__bytes reference; /* a reference, packed; or */
    uint32_t sibling;     /* another handle's number; or none of them: a new object without a name */
} ipc__where;

/*
 * Open a handle that is embedded in *handle's owner. conn is referenced. The options are packed in handle->open. The
 * reply's options are in *reply, to be freed. On failure nothing is left.
 */
ipc_err ipc__handle_open(ipc__handle *handle, ipc_conn *conn, const char *type, ipc__where where, ipc_open_mode mode,
                         ipc__buf *reply);

/* Begin a call: locks, and makes sure that the handle is usable. On failure it is not locked. */
ipc_err ipc__handle_enter(ipc__handle *handle);

/* End a call: unlocks. Returns err, for the caller's return. */
ipc_err ipc__handle_leave(ipc__handle *handle, ipc_err err);

/* After a wait: whether the handle was closed, or its session ended. IPC_OK, IPC_ECLOSED, IPC_ELOST. */
ipc_err ipc__handle_gone(const ipc__handle *handle);

/* Close; then, when no call is inside, what it holds is freed. Idempotent. */
void ipc__handle_close(ipc__handle *handle);
void ipc__handle_fini(ipc__handle *handle);

/* A session ended, or forked: forget what was in flight. The lock is held. */
void ipc__handle_reset(ipc__handle *handle);

/* Its descriptor goes: it is closed, or a forked child's copy. The lock is held. */
void ipc__handle_unwatch(ipc__handle *handle);

/* Every handle's descriptor tells the truth: the session ended. The lock is held. */
void ipc__handles_signal(ipc_conn *conn);

/* Its descriptor: made without looking at what the next call is to tell. IPC_ECLOSED; IPC_ESYS; a forked child's errors. */
ipc_err ipc__handle_fd(ipc__handle *handle, int *fd);

/* ---- tickets and references (handle/ticket.c) ---- */

/* A ticket; a reference; and where one or the other leads. */
ipc_err ipc__handle_share(ipc__handle *handle, ipc_msg **ticket);
ipc_err ipc__handle_refer(ipc__handle *handle, ipc_msg **reference);
ipc_err ipc__ticket_read(const ipc_msg *ticket, const char *type, ipc_conn **conn, char **name, ipc__where *where);

/* Wait until the hub owns what was put through the handle. */
ipc_err ipc__handle_flush(ipc__handle *handle, int64_t timeout_ms);

/* ---- puts (client/put.c); between enter and leave ---- */

/* Put a value; block: where its bytes live if they may be referenced, or NULL. */
ipc_err ipc__put(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline);

/* The same, and wait until the hub owns it. */
ipc_err ipc__put_confirm(ipc__handle *handle, ipc__bytes value, ipc__block *block, uint64_t deadline);

/*
 * The value of the operation that begins at start of the outbox; block: where its bytes live if they may be referenced, or NULL. On
 * failure the operation is taken back: IPC_ENOMEM.
 */
ipc_err ipc__value_write(ipc_conn *conn, size_t start, ipc__bytes value, ipc__block *block);

/* A block that keeps a message alive. NULL: out of memory. */
ipc__block *ipc__block_of_msg(const ipc_msg *msg);

/* ---- takes (client/take.c); between enter and leave ---- */

/* Wait for a delivery and take it. IPC_OK; IPC_EEMPTY; the handle's end; errors of waiting. */
ipc_err ipc__take(ipc__handle *handle, int64_t timeout_ms, ipc_msg **item);

/* Bytes of a value that are its head. */
enum { IPC__HEAD_MAX = 16 };

/* The same, if the value is acceptable by its head and length: an error of accepts() leaves it where it is. */
ipc_err ipc__take_if(ipc__handle *handle, int64_t timeout_ms,
                     ipc_err (*accepts)(ipc__bytes head, size_t length, void *arg), void *arg, ipc_msg **item);

/* The same as ipc__take(); a large value stays where it is, if that is shared memory. */
ipc_err ipc__take_borrowed(ipc__handle *handle, int64_t timeout_ms, ipc_msg **item);

/* Take what is here, without asking the hub. IPC_EEMPTY: nothing is. */
ipc_err ipc__take_here(ipc__handle *handle, ipc_msg **item);

/* Several will be taken at once: ask for so many, if there is not one here. */
void ipc__take_wish(ipc__handle *handle, size_t count);

/* Where deliveries lie in shared memory: what the lane does for that. NULL: they come with envelopes, and lie in the handle. */
static inline const ipc__claim_ops *ipc__claims_of(const ipc__handle *handle)
{
    const ipc_conn *conn = handle->conn;
    return conn->state == IPC__CONN_LIVE && handle->generation == conn->generation ? conn->link->ops->claims : NULL;
}

/* Whether there is a delivery here. */
bool ipc__take_there(const ipc__handle *handle);

/* Tell the hub that something is wanted. */
void ipc__take_demand(ipc__handle *handle);

/* ---- its descriptor (client/descriptor.c) ---- */

/* A descriptor that is readable while ipc__take() would not wait. IPC_ESYS. */
ipc_err ipc__take_fd(ipc__handle *handle, int *fd);

/* In another session: whoever writes it is asked to do so again. And: it is closed. */
void ipc__take_watch(ipc__handle *handle);
void ipc__take_unwatch(ipc__handle *handle);

/* Make it tell the truth, after anything changed. */
void ipc__take_signal(ipc__handle *handle);

/* Wait until ipc__take() would not wait. IPC_OK; IPC_EEMPTY; errors of waiting. */
ipc_err ipc__take_ready(ipc__handle *handle, int64_t timeout_ms);

/* Tell the hub what was taken, if it does not know; goes out with what is posted next. */
void ipc__take_report(ipc__handle *handle);

/* What the library's thread does for a handle: reports, gives back, withdraws demand. When it is due again. */
uint64_t ipc__take_maintain(ipc__handle *handle, uint64_t now);

/* The hub's operations for consumers. False: breaks the protocol. */
bool ipc__on_deliver(ipc__handle *handle, ipc__envelope *envelope, const ipc__head *head, uint64_t now_us);
void ipc__on_recall(ipc__handle *handle, uint64_t count);
void ipc__on_revoke(ipc__handle *handle, uint64_t first, uint64_t last);

void ipc__prefetch_clear(ipc__prefetch *in);

#endif
