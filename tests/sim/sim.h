/*
 * The simulated world: one hub core, the clients around it, a clock of its own and one source of chance.
 * Touches nothing but memory; the same seed gives the same run. One thread.
 */
#ifndef SIM_H
#define SIM_H

#include "hub/core.h"
#include "hub/stream.h"
#include "util/clock.h"

#include <ipc/queue.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SIM_MS = 1000,
    SIM_HANDLES = 12,      /* handle numbers of a client: 1 to 11 */
    SIM_SESSIONS_MAX = 64, /* that ever live in one run */
    SIM_PINS = 8,          /* pins that are remembered */
    SIM_PIN_SIZE = 8,
    SIM_BATCH_MAX = 16, /* puts of one envelope */
    SIM_NAME_SIZE = 16,
    SIM_NO_TEXT = 0xff, /* a byte that is in no text: names with it are none */
};

typedef struct sim_world sim_world;
typedef struct sim_peer sim_peer;

#include "sim_client.h"
#include "sim_model.h"
#include "sim_net.h"

/* What a client may do of its own accord. */
typedef enum sim_action {
    SIM_OPEN_QUEUE,
    SIM_OPEN_PIPE,
    SIM_OPEN_PIN,
    SIM_PUT,
    SIM_PUT_BURST,
    SIM_FLOW,
    SIM_POLL,
    SIM_TAKE,
    SIM_GIVE_BACK,
    SIM_DONE,
    SIM_RELEASE,
    SIM_DONE_ANY,
    SIM_JOIN,
    SIM_SIZE,
    SIM_PING,
    SIM_LIST,
    SIM_CANCEL,
    SIM_PIN,
    SIM_STAT,
    SIM_INFO,
    SIM_SHUTDOWN,
    SIM_UNLINK,
    SIM_CLOSE,
    SIM_BYE,
    SIM_BREAK, /* the protocol */
    SIM_ACTIONS
} sim_action;

/* How a run is: drawn from the seed, so that runs differ in kind and not only in order. */
typedef struct sim_kind {
    unsigned weights[SIM_ACTIONS];
    unsigned sessions;          /* at once, about */
    unsigned handles;           /* of a client, at most */
    unsigned names;             /* different names for queues, and as many for pipes */
    unsigned unnamed;           /* percent of objects without a name */
    unsigned immediate;         /* percent of sessions on the immediate lane */
    unsigned act;               /* of a hundred steps, those in which a client acts */
    unsigned advance;           /* ... in which time passes */
    unsigned tick;              /* us that pass then, at most */
    unsigned jump;              /* percent of these that are long */
    unsigned slow;              /* percent of sessions whose messages are late */
    unsigned patience;          /* percent of requests that wait for ever */
    unsigned crash, stop, fork; /* of a thousand steps */
    unsigned large;             /* of a thousand values, those with a frame of their own */
} sim_kind;

struct sim_world {
    uint64_t seed;
    uint64_t random;
    uint64_t now;  /* the hub's clock */
    uint64_t late; /* when the hub last came late to a deadline */
    unsigned step;
    bool trace;
    bool quiet; /* clients do what they must, and take what they asked for, but begin nothing */
    sim_kind kind;
    ipc__core core;
    sim_peer *peers; /* those whose session lives */
    unsigned next_peer;
    uint64_t next_item;
    struct {
        unsigned char bytes[SIM_PIN_SIZE];
        bool pipe;
    } pins[SIM_PINS]; /* that somebody was told */
    unsigned pin_count;
    sim_model model;
    jmp_buf failed;
    char failure[512];
};

/* A step's result is wrong: the run ends here, with these words. */
_Noreturn void sim_fail(sim_world *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Told when a run is replayed. */
void sim_say(const sim_world *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An operation's name, for words. */
const char *sim_op_name(ipc__op op);

/* ---- chance ---- */

static inline uint64_t sim_random(sim_world *sim)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to n - 1 */
static inline unsigned sim_below(sim_world *sim, unsigned n)
{
    return (unsigned)((sim_random(sim) >> 32) % n);
}

static inline bool sim_percent(sim_world *sim, unsigned percent)
{
    return sim_below(sim, 100) < percent;
}

static inline bool sim_permille(sim_world *sim, unsigned permille)
{
    return sim_below(sim, 1000) < permille;
}

/* ---- a run (sim_run.c) ---- */

/* One run; false: it failed, and sim->failure says how. */
bool sim_run(sim_world *sim, uint64_t seed, unsigned steps);

/* ---- what happens to the hub (sim_hub.c) ---- */

/* A session comes; NULL: there were too many in this run. */
sim_peer *sim_arrive(sim_world *sim);

/* A child of a client comes, with all its handles; NULL: as above. */
sim_peer *sim_fork(sim_peer *parent);

/* A session ends without a word; what is on its way is lost. */
void sim_crash(sim_peer *peer);

/* The hub processes a client's oldest message, the last one of which ends the session. False: there is none. */
bool sim_hub_receives(sim_peer *peer);

/* Time passes. */
void sim_advance(sim_world *sim, uint64_t by);

/* ---- what clients do (sim_act.c) ---- */

void sim_draw_kind(sim_world *sim);
void sim_act(sim_peer *peer);

/* ---- when clients begin nothing any more (sim_quiet.c) ---- */

/* Let everything happen that is under way, and hold the result against the rules. */
void sim_settle(sim_world *sim);

/* End all sessions, take out what is left, unlink what has a name: nothing may remain. */
void sim_finish_run(sim_world *sim);

#endif
