/*
 * Streams: items in order, from producers to consumers, with a bound, credits, demand and recall. A queue is one with
 * leases; a pipe is two of them.
 * Touches the core it lives in, and sessions through the lane seam. Not locked: the core's thread.
 */
#ifndef IPC__STREAM_H
#define IPC__STREAM_H

#include "hub/core.h"

/* One value in the hub's hands. */
struct ipc__item {
    ipc__item *prev, *next;
    uint64_t seq;      /* its number in the stream, by order of acceptance */
    uint64_t position; /* while it is delivered: the place in its consumer's deliveries */
    uint32_t length;
    uint32_t attempt : 20; /* of the delivery that comes or is out */
    uint32_t strikes : 10; /* how often it was taken and came back unfinished */
    uint32_t late : 1;     /* it is delivered behind a younger one */
    uint32_t in_block : 1;
    union {
        ipc__block *block; /* in_block */
        unsigned char inlined[sizeof(void *)];
    } bytes;
};

static inline ipc__bytes ipc__item_bytes(const ipc__item *item)
{
    return (ipc__bytes){item->in_block ? item->bytes.block->data : item->bytes.inlined, item->length};
}

static inline ipc__block *ipc__item_block(const ipc__item *item)
{
    return item->in_block ? item->bytes.block : NULL;
}

enum { IPC__VALIDITY_TICKS = 6, IPC__STRIKES_MAX = 1000 };

/* It is handed out again: consumers tell by the attempt. */
static inline void ipc__item_raise(ipc__item *item)
{
    item->attempt = item->attempt == 0xfffff ? 2U : (item->attempt + 1) & 0xfffff; /* 1 is for the first time */
}

/* It was taken, and came back unfinished. */
static inline void ipc__item_strike(ipc__item *item)
{
    if (item->strikes < IPC__STRIKES_MAX) {
        item->strikes = (item->strikes + 1) & 0x3ff;
    }
}

/* What a consumer has. */
typedef struct ipc__sub {
    struct ipc__stream *stream;
    ipc__hold *hold;
    ipc__item *out; /* delivered and not known to be taken, oldest first */
    uint64_t out_count;
    uint64_t out_bytes;
    uint64_t position;     /* of the last delivery */
    uint64_t taken;        /* up to here it took, or gave back */
    uint64_t newest;       /* the highest number of an item that it has, or took */
    uint64_t newest_taken; /* ... that it took, or may have taken */
    uint64_t window;
    uint64_t demand_until;
    bool cut;             /* it asked without an end, and was given one when it was served */
    bool recalling;       /* it was asked to give back, and has not answered */
    bool silent;          /* it did not do so in time: nobody waits for it any more */
    uint64_t recalled_at; /* when it was asked, or heard of since */
    bool in_ring;
    bool full;                              /* the lane had no room for the next one */
    uint64_t tell_at;                       /* what the lane was asked for last */
    ipc__call *poll;                        /* a POLL that waits */
    ipc__timer validity;                    /* takes back what a stopped client keeps */
    uint64_t marks[IPC__VALIDITY_TICKS];    /* the last position at each of its latest ticks */
    struct ipc__sub *ring_prev, *ring_next; /* consumers with demand */
    struct ipc__sub *prev, *next;           /* all consumers */
} ipc__sub;

/* What a producer has. */
typedef struct ipc__source {
    struct ipc__stream *stream;
    ipc__hold *hold;
    uint64_t credits;
    uint64_t grant;    /* how many the last grant gave */
    uint64_t last_put; /* when */
    bool recalling;    /* it was asked for its credits */
    bool silent;       /* and did not answer in time */
    ipc__timer expiry;
    struct ipc__source *prev, *next;
} ipc__source;

/* How an item comes back. */
typedef enum ipc__back {
    IPC__BACK_UNTAKEN,
    IPC__BACK_UNSURE,     /* it may have been taken */
    IPC__BACK_SUSPECT,    /* the same, and its consumer may have died of it */
    IPC__BACK_UNFINISHED, /* it was taken */
} ipc__back;

typedef struct ipc__stream_ops {
    /* An item was taken: it is the callee's now. */
    void (*taken)(struct ipc__stream *stream, ipc__sub *sub, ipc__item *item);
    /* An item came in for good. May be NULL. */
    void (*accepted)(struct ipc__stream *stream, ipc__item *item);
    /* An item comes back, or has not been taken yet when the stream is discarded: whether it stays. If not, it is the
     * callee's now. May be NULL. */
    bool (*keeps)(struct ipc__stream *stream, ipc__item *item, ipc__back how);
} ipc__stream_ops;

typedef struct ipc__stream {
    const ipc__stream_ops *ops;
    ipc__object *object;
    uint64_t maxsize; /* 0: none */
    ipc__item *ready; /* oldest first */
    ipc__item *back;  /* of the ready ones, that which came back last: the next one's place is near */
    uint64_t ready_count;
    uint64_t untaken; /* delivered and not known to be taken */
    uint64_t credits; /* of all sources */
    uint64_t next_seq;
    ipc__call *putters; /* puts that wait for room */
    ipc__call *pollers; /* POLLs that wait for a recall */
    ipc__sub *ring;     /* consumers with demand, next to be served first */
    ipc__sub *subs;
    ipc__source *sources;
    ipc__timer rebalance;
    ipc__timer overdue; /* puts wait for room while credits are out */
    uint64_t patience;  /* us: how long somebody starves before others give back */
    ipc__timer news;    /* takes are not told one by one: so often they are looked for */
    uint64_t told_at;   /* when a take was told last */
    bool ending;        /* who waits for it to be empty wants to know at once */
    bool shut;          /* nothing more comes in */
} ipc__stream;

void ipc__stream_init(ipc__stream *stream, ipc__object *object, const ipc__stream_ops *ops, uint64_t maxsize);
void ipc__stream_fini(ipc__stream *stream);

/* Drop what is ready. */
void ipc__stream_clear(ipc__stream *stream);

/* Nothing more comes in: puts that wait are refused, parked ones still enter. */
void ipc__stream_shut(ipc__stream *stream);

/* Everything that nobody has taken goes; keeps() is asked for each, and refuses. */
void ipc__stream_discard(ipc__stream *stream);

/* Whether nothing is left that anybody could take. */
bool ipc__stream_drained(const ipc__stream *stream);

/* Put an item at the end, whether or not there is room. */
void ipc__stream_append(ipc__stream *stream, ipc__item *item);

void ipc__sub_attach(ipc__sub *sub, ipc__stream *stream, ipc__hold *hold);
void ipc__sub_detach(ipc__sub *sub, ipc__end end);
void ipc__source_attach(ipc__source *source, ipc__stream *stream, ipc__hold *hold);
void ipc__source_detach(ipc__source *source);

/* The operations; errors as in ipc__object_ops.request. */
ipc_err ipc__stream_put(ipc__source *source, const ipc__request *request);
ipc_err ipc__stream_uncredited(ipc__source *source, const ipc__request *request);
ipc_err ipc__stream_flow(ipc__sub *sub, const ipc__request *request);
/* Somebody waits on its handle's descriptor: a demand without end that came before that holds. */
void ipc__sub_watched(ipc__sub *sub);

ipc_err ipc__stream_poll(ipc__sub *sub, const ipc__request *request);
ipc_err ipc__stream_recalled(ipc__sub *sub, const ipc__request *request);

/* Everything up to the position is taken. False: it was never delivered. */
bool ipc__stream_take(ipc__sub *sub, uint64_t position);

/* Learn what was taken meanwhile, where lanes know by themselves. */
void ipc__stream_learn(ipc__stream *stream);

/* Whether a consumer may have taken what it has not told of. */
bool ipc__stream_unsure(const ipc__stream *stream);

/* Let waiting puts in, as far as there is room. */
void ipc__stream_admit(ipc__stream *stream);

/* Move what can move: waiting puts in, ready items out. After anything changed. */
void ipc__stream_pump(ipc__stream *stream);

/* Put an item back where its number belongs. */
void ipc__stream_return(ipc__stream *stream, ipc__item *item, ipc__back how);

/* How many a consumer could take now, and whether one more would fit. */
uint64_t ipc__stream_size(const ipc__stream *stream);
bool ipc__stream_room(const ipc__stream *stream);

/* What there is to know of it: so many fields of a map. */
enum { IPC__STREAM_FIELDS = 6 };
void ipc__stream_inspect(const ipc__stream *stream, msgpack_packer *packer);

/* A new item with a copy of, or a reference to, the value, counted in the core's memory. NULL: out of memory. */
ipc__item *ipc__item_new(ipc__core *core, ipc__bytes value, ipc__block *block);
void ipc__item_free(ipc__core *core, ipc__item *item);

#endif
