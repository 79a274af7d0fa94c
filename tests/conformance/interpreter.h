/*
 * An actor of table.json in C: a connection, and the handles and items that its steps name.
 * Touches the hub at its address. One thread.
 */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include "notation.h"

typedef struct actor actor;

/* NULL: it cannot connect, for the reason in ipc_last_error(). */
actor *actor_open(const char *address);
void actor_close(actor *self);

/*
 * Do a step, as often as it says. The caller owns the result: an object with what it "gives" (and "attempt"), or the
 * name of the error that it "fails" with.
 */
json_t *actor_step(actor *self, const json_t *step);

#endif
