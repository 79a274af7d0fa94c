/*
 * The model, looking: what the hub tells of itself and of its objects is held against what the model knows.
 * Touches nothing. One thread.
 */
#ifndef SIM_LOOK_H
#define SIM_LOOK_H

#include "sim.h"

/* The fields of an answer, behind the code: of OPEN, SIZE, LIST, INFO, STAT. */
void sim_look_opened(sim_world *sim, const sim_hold *hold, ipc_cursor at);
void sim_look_sized(sim_world *sim, const sim_object *object, ipc_cursor at);
void sim_look_listed(sim_world *sim, ipc_cursor at);
void sim_look_info(sim_world *sim, const sim_object *object, ipc_cursor at);
void sim_look_stat(sim_world *sim, const sim_request *request, ipc_cursor at);

#endif
