/*
 * Where a test's hub is: the parameter that tests run over. A named hub is a program of its own, reached by ipc; a TCP hub
 * runs in a worker, a brisk one with little patience for silence; an inproc one on a thread of the test.
 * Touches hubs and the run directory. The test's own thread alone.
 */
#ifndef SUPPORT_LANE_H
#define SUPPORT_LANE_H

#include "support/check.h"
#include "support/process.h"

#include <ipc/ipc.h>
#include <sys/types.h>

typedef enum lane { LANE_NAMED, LANE_TCP, LANE_INPROC, LANE_BRISK_TCP } lane;

/* A remote session that is silent for so long is gone, on a brisk TCP hub. */
enum { SILENCE_MS = 1500 };

/* A hub, and how it is reached. */
typedef struct place {
    lane which; /* never LANE_BRISK_TCP: that is how it was asked for */
    char address[160];
    ipc_hub *hub;    /* inproc */
    worker *process; /* TCP; or a hub that was started with options */
} place;

/* As cmocka's setup and teardown: *state is a lane before, and a place of that lane afterwards. */
int place_setup(void **state);
int place_teardown(void **state);

/* A place by hand; NULL options: the defaults. It has a process of its own except with inproc. */
place *place_open(lane which, const ipc_hub_options *given);
void place_close(place *self);

/* The process of the hub; 0: there is none (any more). */
pid_t place_hub_pid(const place *self);

/* The worker's role that TCP hubs and those with options are in: for worker_begin(). */
#define HUB_ROLE                                                                                                       \
    {                                                                                                                  \
        "hub", hub_role                                                                                                \
    }
int hub_role(char **args);

/* A name that nothing in this test program had before; for objects and hubs. Borrowed, for the life of the program. */
const char *fresh_name(const char *prefix);

/* A file of a named hub in the run directory: "sock", "ctl" or "lock". Borrowed until the next call. */
const char *hub_file(const char *name, const char *suffix);

/* Who holds the lock of a named hub; 0: nobody. */
pid_t hub_pid(const char *name);

/* How many files the run directory has of one hub; NULL: of all. */
unsigned run_directory_files(const char *name);

/* A connection of its own to a place. */
ipc_conn *connect_to(const place *self);

extern const lane lane_named, lane_tcp, lane_inproc, lane_brisk_tcp;
#define ON_LANE(test, which)                                                                                           \
    {                                                                                                                  \
#test " [" #which "]", (test), place_setup, place_teardown, (void *)(uintptr_t)&lane_##which                   \
    }
/* A test that takes no place, and reaches hubs over TCP. */
#define OVER_TCP(test)                                                                                                 \
    {                                                                                                                  \
#test " [tcp]", (test), NULL, NULL, NULL                                                                       \
    }
/* For tests of one process; for those of several; and for those where some of them die, or the hub does. */
#define ON_EVERY_LANE(test) ON_LANE(test, named), ON_LANE(test, tcp), ON_LANE(test, inproc)
#define BETWEEN_PROCESSES(test) ON_LANE(test, named), ON_LANE(test, tcp)
#define AMONG_MORTALS(test) ON_LANE(test, named), ON_LANE(test, brisk_tcp)

#endif
