/*
 * One operation on its way into the hub, as the model reads it.
 * Touches the model. One thread.
 */
#ifndef SIM_ENTRY_H
#define SIM_ENTRY_H

#include "sim.h"

typedef struct sim_entry {
    sim_world *sim;
    sim_peer *peer;
    ipc__envelope *envelope;
    ipc__head head;
    sim_hold *hold;
    sim_request *request; /* NULL: a pipelined one */
} sim_entry;

/* Its next field, which is there: clients of the simulator break the protocol on purpose only. */
uint64_t sim_entry_uint(const sim_entry *in);
int64_t sim_entry_int(const sim_entry *in);
bool sim_entry_bool(const sim_entry *in);
ipc__bytes sim_entry_text(const sim_entry *in);
ipc__bytes sim_entry_value(const sim_entry *in);

/* It must be answered with this code. */
void sim_entry_decide(const sim_entry *in, ipc_err code);

/* OPEN (sim_open.c), SHUTDOWN (sim_shut.c). */
void sim_enter_open(const sim_entry *in);
void sim_enter_shutdown(const sim_entry *in);

#endif
