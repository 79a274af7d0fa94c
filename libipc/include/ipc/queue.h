/*
 * Queues: many producers, many consumers, in any language; joinable ones know when their items are finished.
 */
#ifndef IPC_QUEUE_H
#define IPC_QUEUE_H

#include <ipc/conn.h>
#include <ipc/error.h>
#include <ipc/msg.h>
#include <ipc/types.h>

IPC_BEGIN_DECLS

/** Which ends of a session hand out again what it took from a joinable queue and has not finished. */
typedef enum ipc_redeliver {
    IPC_REDELIVER_CRASH = 0,  /**< Its process was killed, or failed (ipc_conn_fail). */
    IPC_REDELIVER_ALWAYS = 1, /**< Every end. */
    IPC_REDELIVER_NEVER = 2,  /**< None: such items stay unfinished. */
} ipc_redeliver;

/** How a queue is shut down. */
typedef enum ipc_shutdown {
    IPC_SHUTDOWN_DRAIN = 0,     /**< What it holds can still be taken. */
    IPC_SHUTDOWN_IMMEDIATE = 1, /**< What it holds and nobody has taken is dropped, and counts as done. */
} ipc_shutdown;

typedef struct ipc_queue_options {
    size_t size;             /**< sizeof(ipc_queue_options): set by the INIT macro. */
    ipc_open_mode mode;      /**< Attach, create, either, or as it is. */
    bool joinable;           /**< Taken items stay leased until they are done; join() waits for all of them. */
    uint64_t maxsize;        /**< The most items it holds; 0 for no bound. */
    ipc_redeliver redeliver; /**< Joinable: which ends of a session hand out again what it has not finished. */
    uint32_t max_deliveries; /**< Joinable: an item that came back unfinished so often is not handed out again;
                                   at most 1000, 0 for no bound. Over ZeroMQ, what a killed consumer had not taken counts
                                   for the oldest such item, since it may have killed it, but never as the last time. */
    const char *dead_letter; /**< The name of the queue that it goes to then, which is made if there is none; NULL:
                                   it is dropped, and the hub's log says so. Either way it counts as done. */
} ipc_queue_options;

#define IPC_QUEUE_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        sizeof(ipc_queue_options), IPC_OPEN_EITHER, false, 0, IPC_REDELIVER_CRASH, 0, NULL                             \
    }

/**
 * Open a queue.
 *
 * @param[out] queue  The handle. The caller owns it: ipc_queue_free(). It may outlive *conn*.
 * @param conn        The connection to use; NULL for the default one.
 * @param name        Its name (1 to 255 bytes of UTF-8); NULL for a queue without one, which lives as long as
 *                    somebody holds a handle on it.
 * @param options     NULL for the defaults (then an existing queue is taken as it is). The first opener's options
 *                    count; a later one that asks for others gets IPC_EOPTIONS.
 * @return IPC_OK; IPC_EEXIST; IPC_ENOENT; IPC_ETYPE the name is that of another type; IPC_EOPTIONS; IPC_ELIMIT;
 *         IPC_EINVAL; IPC_ENAME; IPC_EOBJECTS; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread; handles too may be used from any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_queue_open(ipc_queue **queue, ipc_conn *conn, const char *name,
                                  const ipc_queue_options *options);

/**
 * Put a value at the queue's end.
 *
 * Returns when the value is on its way and counted against the hub's memory; ipc_queue_flush() waits until the hub
 * owns it. What goes wrong later (deletion, a lost hub) is returned by the next call on this handle.
 *
 * @param msg         Borrowed.
 * @param timeout_ms  How long to wait for room: milliseconds, 0 not at all, -1 for ever.
 * @return IPC_OK; IPC_EFULL no room came in time; IPC_ESHUTDOWN; IPC_ETOOBIG; IPC_EMEMORY; IPC_EDELETED; IPC_ELOST;
 *         IPC_ECLOSED; IPC_ENOMEM.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_queue_put(ipc_queue *queue, const ipc_msg *msg, int64_t timeout_ms);

/**
 * ipc_queue_put(), and wait until the hub owns the value: what is returned is this put's own outcome. An interrupted
 * or lost call tells nothing of it.
 *
 * @return As ipc_queue_put(); an error of an earlier put comes first, and then nothing was put.
 * Blocking: up to timeout_ms for room, and one round trip.
 */
IPC_EXPORT ipc_err ipc_queue_put_confirm(ipc_queue *queue, const ipc_msg *msg, int64_t timeout_ms);

/** ipc_queue_put() of packed bytes, which are borrowed and not checked: readers check what they take. */
IPC_EXPORT ipc_err ipc_queue_put_packed(ipc_queue *queue, const void *bytes, size_t length, int64_t timeout_ms);

/** ipc_queue_put_confirm() of packed bytes. */
IPC_EXPORT ipc_err ipc_queue_put_confirm_packed(ipc_queue *queue, const void *bytes, size_t length, int64_t timeout_ms);

/**
 * Put several values, in order, behind one another as far as no other producer comes between.
 *
 * @param values      Packed values; borrowed and not checked.
 * @param timeout_ms  How long to wait for room for all of them.
 * @param[out] put    How many were put: count when it returns IPC_OK, else those before the one that failed. May be
 *                    NULL.
 * @return As ipc_queue_put().
 */
IPC_EXPORT ipc_err ipc_queue_put_many(ipc_queue *queue, const ipc_packed *values, size_t count, int64_t timeout_ms,
                                      size_t *put);

/**
 * Take the oldest item.
 *
 * @param timeout_ms  How long to wait: milliseconds, 0 not at all, -1 for ever.
 * @param[out] item   The item. The caller owns it: ipc_msg_free(). On a joinable queue it is leased to this session
 *                    until ipc_queue_done().
 * @return IPC_OK; IPC_EEMPTY nothing came in time; IPC_ESHUTDOWN it is shut down, and empty; IPC_EDELETED; IPC_ELOST
 *         the hub is gone; IPC_ECLOSED; IPC_ENOMEM; an error of an earlier put.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_queue_get(ipc_queue *queue, int64_t timeout_ms, ipc_msg **item);

/**
 * Take the oldest item without a copy: a large value is read where its producer wrote it, in memory that both share (or where
 * the hub laid it, if the producer's session is over ZeroMQ). Where this session is over ZeroMQ, for values up to 32 KiB, and for
 * more than 1024 of them at a time, it is as ipc_queue_get().
 *
 * Its producer could still change the bytes that ipc_msg_bytes() shows; what looks at the message as a value (ipc_unpack(),
 * ipc_cursor_open()) copies them first; ipc_cursor_init() walks the bytes where they are. They stay until ipc_msg_free(),
 * also when the handle and the connection are closed, or the producer or the hub dies; in a forked child they may change at any time.
 * What is not given back keeps its producer from using that part of its memory again, and is not counted by the hub's max_memory.
 *
 * @return As ipc_queue_get().
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_queue_get_borrowed(ipc_queue *queue, int64_t timeout_ms, ipc_msg **item);

/**
 * Take several items: wait for the first, then take what is here without waiting.
 *
 * @param max         The most to take, 1 or more.
 * @param[out] items  Room for max items. The caller owns those that were taken, each as from ipc_queue_get().
 * @param[out] count  How many were taken: 0 unless it returns IPC_OK.
 * @return As ipc_queue_get().
 */
IPC_EXPORT ipc_err ipc_queue_get_many(ipc_queue *queue, int64_t timeout_ms, size_t max, ipc_msg **items, size_t *count);

/**
 * A descriptor that is readable while a get would find an item, an end or an error: for poll, epoll, and event loops.
 * Having asked for it, this handle counts as a consumer that waits: one item may be handed to it ahead, and is recalled
 * when others want it, so a readable descriptor may still turn empty: get with a timeout of 0 then. A forked child asks
 * for its own.
 *
 * @param[out] fd  Borrowed: valid until the handle is freed (closing makes it readable); only to be waited on, never read
 *                 or closed.
 * @return IPC_OK; IPC_ESYS; IPC_ECLOSED.
 * Thread safety: any thread. Blocking: no.
 */
IPC_EXPORT ipc_err ipc_queue_fd(ipc_queue *queue, int *fd);

/**
 * Finish one item that was taken from a joinable queue. Finishing a delivery twice, or after it was handed to somebody
 * else or its hub was lost, touches nothing.
 *
 * @param item  As taken from this queue; borrowed.
 * @return IPC_OK; IPC_EINVAL the item is not of this queue, or the queue is not joinable; IPC_ELOST; IPC_ECLOSED.
 * Thread safety: any thread. Blocking: no.
 */
IPC_EXPORT ipc_err ipc_queue_done(ipc_queue *queue, const ipc_msg *item);

/**
 * Give a taken item back to the head of the queue, for somebody else, with its attempt counted.
 * @return As ipc_queue_done().
 */
IPC_EXPORT ipc_err ipc_queue_release(ipc_queue *queue, const ipc_msg *item);

/**
 * Finish one taken item without naming it: the oldest that this thread took, else the oldest of this handle, else the
 * queue's oldest.
 *
 * @return IPC_OK; IPC_EUNFINISHED more calls than items taken; IPC_EINVAL the queue is not joinable; IPC_ELOST;
 *         IPC_ECLOSED.
 * Thread safety: any thread. Blocking: no, or one round trip where this handle has taken nothing.
 */
IPC_EXPORT ipc_err ipc_queue_task_done(ipc_queue *queue);

/**
 * Wait until every item that was put is done. What this session has put before counts.
 *
 * @return IPC_OK; IPC_ETIMEOUT; IPC_EINVAL the queue is not joinable; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED.
 * Thread safety: any thread. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_queue_join(ipc_queue *queue, int64_t timeout_ms);

/**
 * Shut the queue down: nothing more can be put. Puts return IPC_ESHUTDOWN, those that wait too; so do gets when it is
 * empty. What was put before is taken as ever, or dropped by IPC_SHUTDOWN_IMMEDIATE, also after an earlier drain.
 * A put that was on its way is refused, and its producer told by the next call on its handle. Calling it again is fine.
 *
 * @return IPC_OK; IPC_EINVAL *how* is none of ipc_shutdown; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED.
 * Thread safety: any thread. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_queue_shutdown(ipc_queue *queue, ipc_shutdown how);

/** What a queue holds. */
typedef struct ipc_queue_info {
    uint64_t size;       /**< Items that a consumer could take now. */
    uint64_t maxsize;    /**< 0: no bound. */
    uint64_t unfinished; /**< Joinable: items put and not yet done. */
    bool joinable;
} ipc_queue_info;

/**
 * Ask what the queue holds. This session's own puts are counted; others may change it meanwhile.
 * @return IPC_OK; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_queue_stat(ipc_queue *queue, ipc_queue_info *info);

/** The number of items that a consumer could take now. @return As ipc_queue_stat(). */
IPC_EXPORT ipc_err ipc_queue_qsize(ipc_queue *queue, uint64_t *size);

/** Whether qsize is 0. @return As ipc_queue_stat(). */
IPC_EXPORT ipc_err ipc_queue_empty(ipc_queue *queue, bool *empty);

/** Whether a put would have to wait for room. @return As ipc_queue_stat(). */
IPC_EXPORT ipc_err ipc_queue_full(ipc_queue *queue, bool *full);

/**
 * Wait until the hub owns everything that was put through this handle.
 * @return IPC_OK; IPC_ETIMEOUT; an error of an earlier put; IPC_ELOST; IPC_ECLOSED. Blocking: up to timeout_ms.
 */
IPC_EXPORT ipc_err ipc_queue_flush(ipc_queue *queue, int64_t timeout_ms);

/** Its name, borrowed from the handle; NULL for a queue without one. */
IPC_EXPORT const char *ipc_queue_name(const ipc_queue *queue);

/** A value that stands for it, to be stored in a container of the same hub (see ipc_dict_refer()). */
IPC_EXPORT ipc_err ipc_queue_refer(ipc_queue *queue, ipc_msg **reference);
/**
 * A ticket with which another process of this host, forked, spawned or unrelated, opens the same queue, also one
 * without a name. The queue is kept alive for it until this session ends, or a minute after the ticket's first use.
 *
 * @param[out] ticket  Plain data; the caller owns it: ipc_msg_free().
 * @return IPC_OK; IPC_EDELETED; IPC_ELOST; IPC_ECLOSED; IPC_ENOMEM. Blocking: one round trip.
 */
IPC_EXPORT ipc_err ipc_queue_share(ipc_queue *queue, ipc_msg **ticket);

/**
 * Open a queue by its ticket.
 *
 * @param conn  NULL: a connection to the ticket's hub that all attached handles of this process share.
 * @return IPC_OK; IPC_ENOENT the queue is gone; IPC_EBADMSG not a ticket; IPC_ETYPE a ticket for another type; as
 *         ipc_connect().
 */
IPC_EXPORT ipc_err ipc_queue_attach(ipc_queue **queue, ipc_conn *conn, const ipc_msg *ticket);

/** Give the handle up: waiters on it return IPC_ECLOSED, untaken items go back, what was put stays. Idempotent. */
IPC_EXPORT void ipc_queue_close(ipc_queue *queue);

/** Close, and free. NULL is fine. */
IPC_EXPORT void ipc_queue_free(ipc_queue *queue);

IPC_END_DECLS

#endif
