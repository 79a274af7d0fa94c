/*
 * The lane seam, the hub's side: all that the hub core knows of how sessions are reached.
 * Every function is called from the thread that drives the core, and none calls back into it.
 */
#ifndef IPC__HUB_LANE_H
#define IPC__HUB_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ipc__item ipc__item;

/* What recall() returns when the answer comes later, as a RECALLED operation. */
enum { IPC__RECALL_LATER = -1 };

typedef struct ipc__lane_ops {
    const char *name;
    bool exact; /* what is taken is known at any time: taken() is the truth, and recall() answers at once */
    bool still; /* its clients have no thread: what is delivered to one that waited ends its demand, takes renew it */

    /* Pass one encoded operation on, behind everything sent before. The bytes are borrowed. */
    void (*send)(void *peer, const void *op, size_t length);

    /* Hand an item to a handle, behind everything sent before. The core keeps the item until it is taken. */
    void (*deliver)(void *peer, uint32_t handle, const ipc__item *item);

    /*
     * Take back up to count of the newest untaken items of a handle. The number taken back now, where the lane can
     * tell at once (shared memory), or IPC__RECALL_LATER after asking the client for them.
     */
    int64_t (*recall)(void *peer, uint32_t handle, uint32_t count);

    /* The position up to which a handle's items are taken, as far as the lane knows by itself; 0 when it does not. */
    uint64_t (*taken)(void *peer, uint32_t handle);

    /* Whether the lane can take one more delivery of a handle. NULL: always. It is asked again after a FLOW. */
    bool (*fits)(void *peer, uint32_t handle, const ipc__item *item);

    /* Ask for a FLOW once a handle has taken up to a position; 0: no more. NULL: clients report by themselves. */
    void (*tell)(void *peer, uint32_t handle, uint64_t position);

    /*
     * Give a handle credits; take back all that it has not used, whose number is returned. Those used whose PUTs have not come
     * stay out. NULL, both: by CREDIT and UNCREDIT, which the client answers.
     */
    void (*credit)(void *peer, uint32_t handle, uint64_t count);
    uint64_t (*uncredit)(void *peer, uint32_t handle);

    /* A handle's number was taken: what the lane keeps for it is there. NULL: nothing. False: no memory. */
    bool (*opened)(void *peer, uint32_t handle);

    /* A handle's number was given up. NULL: the lane keeps nothing for it. */
    void (*closed)(void *peer, uint32_t handle);

    /* The core ended the session: it will not name this peer again. */
    void (*peer_gone)(void *peer);
} ipc__lane_ops;

#endif
