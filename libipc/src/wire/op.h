/*
 * The numbers of the protocol: operations and limits (docs/protocol.md).
 * Touches nothing.
 */
#ifndef IPC__OP_H
#define IPC__OP_H

#include <stdint.h>

enum { IPC__PROTOCOL_VERSION = 1 };

/* Packets of the control socket. */
typedef enum ipc__packet {
    IPC__HELLO = 1,
    IPC__WELCOME = 2,
    IPC__REFUSED = 3,
    IPC__FORK = 4,
    IPC__LANE = 5,    /* client: asks for shared memory */
    IPC__MEMORY = 6,  /* hub: here it is, or why not */
    IPC__MAPPED = 7,  /* client: it is used from here on, or not at all */
    IPC__SEGMENT = 8, /* both: memory with large values */
    IPC__WATCH = 9,   /* client: somebody waits on a handle's descriptor */
} ipc__packet;

/* Operations. Those from IPC__OP_OBJECT on belong to the object's type. */
typedef enum ipc__op {
    IPC__OP_BIND = 1,
    IPC__OP_HELLO = 2,
    IPC__OP_OPEN = 3,
    IPC__OP_CLOSE = 4,
    IPC__OP_UNLINK = 5,
    IPC__OP_LIST = 6,
    IPC__OP_BYE = 7,
    IPC__OP_PING = 8,
    IPC__OP_CANCEL = 9,
    IPC__OP_PIN = 10,
    IPC__OP_STAT = 11,
    IPC__OP_INFO = 12,
    IPC__OP_REFER = 13,

    IPC__OP_OBJECT = 16,
    IPC__OP_PUT = 16,
    IPC__OP_PUT_WAIT = 17,
    IPC__OP_FLOW = 18,
    IPC__OP_POLL = 19,
    IPC__OP_RECALLED = 20,
    IPC__OP_DONE = 21,
    IPC__OP_DONE_ANY = 22,
    IPC__OP_RELEASE = 23,
    IPC__OP_JOIN = 24,
    IPC__OP_SIZE = 25,
    IPC__OP_UNCREDITED = 26,
    IPC__OP_SHUTDOWN = 27,
    IPC__OP_ACQUIRE = 28,
    IPC__OP_UNLOCK = 29,
    IPC__OP_PEEK = 30,
    IPC__OP_SET = 31,
    IPC__OP_WAIT = 32,
    IPC__OP_NOTIFY = 33,
    IPC__OP_PASS = 34,
    IPC__OP_RESET = 35,
    IPC__OP_INVOKE = 36,

    /* The hub's. */
    IPC__OP_REPLY = 64,
    IPC__OP_DELIVER = 65,
    IPC__OP_RECALL = 66,
    IPC__OP_END = 67,
    IPC__OP_FAIL = 68,
    IPC__OP_CREDIT = 69,
    IPC__OP_UNCREDIT = 70,
    IPC__OP_REVOKE = 71,
    IPC__OP_SHUT = 72,
    IPC__OP_SEGMENT_GONE = 73,
} ipc__op;

/* Whether an operation is a request: answered, whatever comes of it. */
static inline int ipc__op_is_request(ipc__op op)
{
    switch (op) {
    case IPC__OP_BIND:
    case IPC__OP_HELLO:
    case IPC__OP_OPEN:
    case IPC__OP_CLOSE:
    case IPC__OP_UNLINK:
    case IPC__OP_LIST:
    case IPC__OP_BYE:
    case IPC__OP_PING:
    case IPC__OP_PIN:
    case IPC__OP_STAT:
    case IPC__OP_INFO:
    case IPC__OP_REFER:
    case IPC__OP_PUT_WAIT:
    case IPC__OP_POLL:
    case IPC__OP_DONE_ANY:
    case IPC__OP_JOIN:
    case IPC__OP_SIZE:
    case IPC__OP_SHUTDOWN:
    case IPC__OP_ACQUIRE:
    case IPC__OP_UNLOCK:
    case IPC__OP_PEEK:
    case IPC__OP_SET:
    case IPC__OP_WAIT:
    case IPC__OP_NOTIFY:
    case IPC__OP_PASS:
    case IPC__OP_RESET:
    case IPC__OP_INVOKE:
        return 1;
    default:
        return 0;
    }
}

enum {
    IPC__TOKEN_SIZE = 16,
    IPC__VALIDITY_BYTES_PER_US = 50, /* a large value stays valid longer: by what a slow way needs for it */
    IPC__NAME_MAX = 255,
    IPC__INLINE_MAX = 64 * 1024,   /* a larger value travels in a frame of its own */
    IPC__BATCH_BYTES = 256 * 1024, /* an envelope that has so much is sent */
    IPC__FRAMES_MAX = 64,          /* frames of one envelope */
    IPC__WINDOW = 4 * 1024 * 1024, /* put bytes of one session on their way */
    IPC__HANDLES_MAX = 1 << 16,    /* handles of one session */
    IPC__PERMITS_MAX = INT32_MAX,  /* of a semaphore */
    IPC__PARTIES_MAX = 1 << 12,    /* of a barrier */
};

#endif
