/*
 * The model: what a hub must do, kept by watching what goes in and what comes out. It knows every item from the moment
 * its put enters the hub, and fails the run as soon as the hub does what it must not.
 * Touches its own state. One thread.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

typedef struct sim_item sim_item;
typedef struct sim_stream sim_stream;
typedef struct sim_object sim_object;
typedef struct sim_hold sim_hold;
typedef struct sim_request sim_request;
typedef struct sim_pin sim_pin;

/* Where an item is. */
typedef enum sim_state {
    SIM_WAITING, /* its PUT_WAIT has no answer yet: not accepted */
    SIM_HELD,    /* the hub's: ready, or parked */
    SIM_OUT,     /* delivered, and not known to be taken */
    SIM_LEASED,  /* taken, of a joinable queue, and not done */
    SIM_GONE,    /* taken, done, refused, or deleted with its object */
} sim_state;

struct sim_item {
    uint64_t id;
    sim_stream *stream;
    unsigned producer; /* the session that put it */
    size_t length;
    sim_state state;
    uint64_t seq; /* the hub's number; 0: not told yet */
    uint32_t attempt;
    uint32_t strikes;     /* how often it came back unfinished */
    bool returned;        /* it was given back once: its place in the order is free */
    uint64_t truly_taken; /* the attempts at which clients took it: a bit each */
    sim_hold *hold;       /* SIM_OUT: to whom */
    uint64_t position;    /* ... and its place there */
    uint64_t delivered_at;
    uint64_t leased;         /* SIM_LEASED: the how-manieth of the run it is */
    unsigned lessee;         /* ... and the session; 0: it has ended, and left it unfinished */
    sim_item *prev, *next;   /* in the stream, by arrival */
    sim_item *older, *newer; /* SIM_LEASED: in the object, by time of taking */
};

struct sim_stream {
    sim_object *object;
    int end;         /* that reads it; a queue's is 0 */
    sim_item *items; /* WAITING to LEASED */
    uint64_t counts[SIM_GONE + 1];
    uint64_t accepted; /* how many have come in so far; parked ones too, while they are there */
    uint64_t kept;     /* after the step before: items and credits that count against maxsize */
    uint64_t beyond;   /* those of this step that need no room: from revoked leases, and handed out in vain */
};

struct sim_object {
    char *name; /* NULL: none */
    bool pipe, joinable, simplex;
    uint64_t maxsize;
    ipc_redeliver redeliver;
    uint32_t max_deliveries;
    char *dead_letter; /* NULL: none */
    bool shut;
    bool discarding; /* shut down at once */
    bool over;       /* after the step before: shut down, and nothing is left to be taken */
    bool may_end;    /* it may have been so in the course of this step */
    bool met[2];
    bool dying; /* it is being unlinked in this step */
    sim_stream streams[2];
    sim_hold *holds;
    sim_item *leases;
    ipc__object *core;
    sim_object *prev, *next;
};

struct sim_hold {
    sim_object *object;
    sim_peer *peer; /* NULL: a pin's */
    uint32_t handle;
    int end;
    uint64_t position;
    uint64_t window;
    uint64_t demand_until;
    uint64_t newest_taken;               /* the highest number of an item that it took, or may have taken */
    uint64_t promised;                   /* credits that the hub may still think it has given */
    bool uncredited;                     /* it was asked for its credits, and has not answered */
    uint64_t uncredited_at;              /* ... when */
    bool put_silent;                     /* ... and a put has waited for them in vain: the next one does not */
    bool recalled;                       /* it was asked to give back, and has not answered */
    uint64_t recalled_at;                /* ... when, or when it was heard of since */
    bool poll_silent;                    /* ... and a POLL has waited for it in vain */
    bool ended;                          /* the end of file was told */
    bool end_due;                        /* ... or, while the object is unlinked, must be */
    bool shut_due;                       /* of the shutdown it must be told in this step */
    bool revoke_due;                     /* ... of what is dropped by it */
    bool over_due;                       /* ... that nothing more will come, because it asks */
    bool over_told;                      /* ... was it told */
    uint64_t last[SIM_SESSIONS_MAX + 1]; /* per producer: the newest item delivered for the first time */
    sim_hold *prev, *next;
};

/* A request that entered the hub and has no answer yet. */
struct sim_request {
    sim_peer *peer;
    uint32_t handle;
    ipc__op op;
    uint64_t seq;
    uint64_t entered;
    int64_t timeout_ms;
    sim_hold *hold;
    sim_item *item;    /* a PUT_WAIT's */
    sim_object *about; /* an INFO's */
    bool decided;      /* it must be answered in this step, with this code */
    ipc_err code;
    sim_request *prev, *next;
};

struct sim_pin {
    unsigned char bytes[SIM_PIN_SIZE];
    sim_hold *hold;
    sim_peer *owner;
    uint64_t expires; /* IPC__NEVER: it was not used yet */
    sim_pin *prev, *next;
};

/* What the model knows of a session. */
typedef struct sim_mirror {
    uint64_t put_bytes; /* of values that have entered the hub */
    bool failed;        /* its BYE said so */
    sim_hold *holds[SIM_HANDLES];
} sim_mirror;

typedef struct sim_model {
    sim_object *objects;
    sim_request *requests;
    sim_pin *pins;
    sim_item **items; /* by id - 1 */
    size_t item_capacity;
    uint64_t leased;  /* leases so far */
    uint64_t refused; /* puts so far */
    struct {
        unsigned acts;  /* what the hub did in this step */
        sim_peer *peer; /* whose operation is processed; NULL: none */
        ipc__head head;
        struct {
            uint64_t seq;
            ipc_err code;
        } fails[SIM_BATCH_MAX]; /* FAILs that are due, in this order */
        unsigned fail_count;
        uint64_t first;      /* a RECALLED's: a REVOKE is due; 0: none */
        sim_object *opening; /* what an OPEN is for; NULL: a new one */
        sim_object fresh;    /* ... of this kind */
        int end;
        sim_pin *pin;     /* through which it opens */
        sim_peer *ending; /* this session ends now */
    } now;
} sim_model;

/* ---- values: they name their item (sim_model.c) ---- */

void sim_value_write(unsigned char *value, size_t length, uint64_t item);
uint64_t sim_value_item(sim_world *sim, ipc__bytes value);
uint64_t sim_value_read(sim_world *sim, ipc__bytes value); /* and every byte is as it was put */

/* ---- what enters (sim_enter.c) ---- */

/* An operation, before the core processes it, and when it has. */
void sim_model_enter(sim_peer *peer, ipc__envelope envelope);
void sim_model_left(sim_world *sim);

/* ---- what comes out (sim_emit.c) ---- */

void sim_model_sent(sim_peer *peer, const void *op, size_t length);
void sim_model_delivered(sim_peer *peer, uint32_t handle, const ipc__item *core);
/* Whether the handle is open: of one that goes, or whose session does, everything goes back by itself. */
bool sim_model_may_recall(const sim_peer *peer, uint32_t handle);
void sim_model_recall_asked(sim_peer *peer, uint32_t handle, uint32_t count);
void sim_model_recalled(sim_peer *peer, uint32_t handle, uint64_t count);
void sim_model_taken(sim_peer *peer, uint32_t handle, uint64_t position);

/* ---- the rest (sim_model.c) ---- */

/* A session ends: before the core knows, and after. */
void sim_model_end(sim_peer *peer, ipc__end end);
void sim_model_ended(sim_peer *peer);

/* A fork: the child has the parent's handles. */
void sim_model_forked(sim_peer *parent, sim_peer *child, const bool *handles);

/* Pins that are over by now; before time passes. */
void sim_model_expire(sim_world *sim, uint64_t now);

/* A client has taken an item: the truth, of which the hub may never hear. */
void sim_model_truly_taken(sim_peer *peer, uint64_t id, uint32_t attempt);

void sim_model_free(sim_world *sim);

/* Parts that the model's files share. */
sim_item *sim_item_of(sim_world *sim, uint64_t id);
sim_item *sim_item_add(sim_world *sim, sim_stream *stream, unsigned producer, uint64_t id, size_t length,
                       sim_state state);
void sim_item_move(sim_item *item, sim_state state);
void sim_stream_clear(sim_stream *stream);
sim_item *sim_out_at(const sim_hold *hold, uint64_t position);
uint64_t sim_out_count(const sim_hold *hold);
sim_stream *sim_incoming(const sim_hold *hold); /* what a hold reads */
sim_stream *sim_outgoing(const sim_hold *hold); /* what it puts into */
uint64_t sim_live(const sim_stream *stream);    /* accepted and not done */
unsigned sim_holders(const sim_object *object, int end);
bool sim_end_gone(const sim_object *object, int end);
bool sim_receives(const sim_object *object, int end);
uint64_t sim_newest(const sim_hold *hold); /* the highest number of an item that it has, or had */
bool sim_polls(const sim_world *sim, const sim_hold *hold);
bool sim_demands(const sim_hold *hold, uint64_t now);
void sim_take(sim_hold *hold, uint64_t position);
void sim_finish(sim_item *item);
sim_object *sim_object_named(sim_world *sim, ipc__bytes name);
unsigned sim_object_count(const sim_world *sim);
sim_object *sim_object_add(sim_world *sim, sim_object fresh);
void sim_object_free(sim_world *sim, sim_object *object);
sim_hold *sim_hold_add(sim_world *sim, sim_object *object, sim_peer *peer, uint32_t handle, int end);
void sim_hold_end(sim_world *sim, sim_hold *hold, ipc__end end);
sim_request *sim_request_of(sim_world *sim, const sim_peer *peer, uint64_t seq);
void sim_request_drop(sim_world *sim, sim_request *request);
void sim_request_decide(sim_world *sim, sim_request *request, ipc_err code);
unsigned sim_session_waiting(const sim_peer *peer, const sim_request *except);    /* calls, and pins */
uint64_t sim_waiting(const sim_world *sim, const sim_object *object, ipc__op op); /* undecided ones */
void sim_pin_drop(sim_world *sim, sim_pin *pin);

/* ---- how items come back (sim_back.c) ---- */

typedef enum sim_return {
    SIM_UNTAKEN, /* certainly */
    SIM_UNSURE,  /* it may have been taken: the attempt tells */
    SIM_SUSPECT, /* the same, and it may be what its consumer died of: that counts against it, but does not bury it alone */
    SIM_REVOKED, /* it was taken: that counts against it */
} sim_return;

void sim_item_return(sim_world *sim, sim_item *item, sim_return how);

/* What a hold has from a position on. */
void sim_give_back(sim_world *sim, sim_hold *hold, uint64_t first, sim_return how);

/* What a session has taken and not done. */
void sim_leases_end(sim_world *sim, unsigned lessee, ipc__end end);

/* ---- who is asked to give back, and says nothing (sim_silent.c) ---- */

/* A request that does not want to wait is refused: whoever has something was asked, and had time to answer. */
void sim_silent_put(sim_world *sim, const sim_request *request);
void sim_silent_poll(sim_world *sim, const sim_request *request);

/* After a step: such a request waits for somebody who may answer. */
void sim_silent_left(sim_world *sim);

/* ---- shutting down (sim_shut.c) ---- */

/* Whether it is shut down and nothing is left that could be taken. */
bool sim_over(const sim_object *object);

/* In the course of this step it is as it is now. */
void sim_may_end(sim_object *object);

/* The hub tells a hold that nothing more will come. */
void sim_told_over(sim_hold *hold);

/* After a step: whoever had to be told was. */
void sim_model_shut_left(sim_world *sim);

/* ---- the check of everything, after each step (sim_check.c) ---- */

void sim_check(sim_world *sim);

/* The bytes that all items take. */
uint64_t sim_memory(const sim_world *sim);

/* When everybody has had time to answer: nobody keeps what another one waits for. */
void sim_check_prompt(sim_world *sim);

/* When nothing is on its way any more, and all that could happen in time has. */
void sim_check_quiet(sim_world *sim);

#endif
