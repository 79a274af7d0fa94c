/*
 * What tests of hostile sessions over shared memory have in common: somebody honest who works all the while, and crimes, each of
 * which ends its session and nothing else.
 * Touches a hub, raw sessions of it, and what the operating system says of its process. The test's own thread alone.
 */
#ifndef FAULT_HOSTILE_H
#define FAULT_HOSTILE_H

#include "fault/raw_lane.h"
#include "support/items.h"

enum { SLACK_KIB = 96 * 1024 }; /* what a session's backlog may take of the hub's memory, and what stays of it */

/* ---- who works all the while ---- */

struct witness {
    user user;
    pid_t hub;
    int64_t number;
    unsigned fds;
    long kib;
};

/* Its first look at a hub, which has done everything once. */
struct witness witness_of(const place *where);

/* An item goes there and back, through the same hub as ever. */
void is_well(struct witness *self, const place *where);

/* The hub sleeps, and has what it had before. */
void leaves(struct witness *self, const place *where);

/* A number that the hub says of itself; and what the system says of it: memory, and ticks of the clock that it has used. */
int64_t stat_of(ipc_conn *conn, const char *key);
long hub_kib(pid_t hub);
long hub_ticks(pid_t hub);

/* ---- crimes ---- */

struct crime {
    const char *name;
    void (*commit)(raw_lane *self);
};

/* The session is dropped, which is counted, and everybody else is well. Closes it. */
void expect_dropped(struct witness *witness, const place *where, raw_lane *raw, int64_t before, const char *name);

/* Each by a session of its own. */
void punish(struct witness *witness, const place *where, const struct crime *crimes, size_t count);

#define CRIME(function)                                                                                                \
    {                                                                                                                  \
#function, function                                                                                            \
    }
#define PUNISH(witness, where, crimes) punish(witness, where, crimes, sizeof(crimes) / sizeof((crimes)[0]))

/* ---- what several tests do ---- */

/* Ask for an answer, with the next number. */
void say_ping(raw_lane *self);

/* Write the state word of a position of handle 1. */
void set_state(const raw_lane *self, uint64_t position, uint64_t word);

/* A file that is no memory, of a size. */
int file_of(size_t size);

#endif
