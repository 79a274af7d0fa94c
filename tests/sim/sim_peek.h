/*
 * A look into the core's objects, whose structs are their own files' business.
 * Touches nothing. One thread.
 */
#ifndef SIM_PEEK_H
#define SIM_PEEK_H

#include "hub/stream.h"

/* What a queue keeps beside its stream. */
typedef struct sim_queue_peek {
    const ipc__stream *stream;
    uint64_t unfinished;
    const ipc__call *joiners;
} sim_queue_peek;

sim_queue_peek sim_peek_queue(const ipc__object *object);

/* The items that are taken and not done, oldest first: the at-th, or NULL. */
const ipc__item *sim_peek_lease(const ipc__object *object, size_t at);

/* What an end of a pipe reads. */
const ipc__stream *sim_peek_pipe(const ipc__object *object, int end);

/* Of either type; a queue has one only. */
const ipc__stream *sim_peek_stream(const ipc__object *object, int end);

/* Pipelined puts that wait for room. */
uint64_t sim_peek_parked(const ipc__stream *stream);

/* Items and credits that count against maxsize, counted one by one. */
uint64_t sim_peek_kept(const ipc__stream *stream);

/* What a container has, one by one: of a dict with the key. look: or NULL. */
typedef void (*sim_look)(void *arg, uint64_t at, const ipc__bytes *key, ipc__bytes value);

/* The bytes that a container holds of the hub's memory are added to *memory. False: its own count of them is wrong. */
bool sim_peek_dict(const ipc__object *object, sim_look look, void *arg, uint64_t *memory);
bool sim_peek_list(const ipc__object *object, sim_look look, void *arg, uint64_t *memory);
void sim_peek_array(const ipc__object *object, sim_look look, void *arg, uint64_t *memory);

/* Of any container; an object that is none has nothing. */
bool sim_peek_container(const ipc__object *object, sim_look look, void *arg, uint64_t *memory);

#endif
