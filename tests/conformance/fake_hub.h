/*
 * A hub made of vectors: it greets, notes what the library sends, and answers with bytes that it was given.
 * Touches a control socket or a TCP port, and ZeroMQ inside this process. A thread of its own; every function is for the
 * test's.
 */
#ifndef FAKE_HUB_H
#define FAKE_HUB_H

#include "notation.h"

typedef struct fake_hub fake_hub;

/* With the WELCOME of wire.json, but for where the client connects. remote: over TCP, where HELLO is an operation. */
fake_hub *fake_hub_open(const json_t *wire);
fake_hub *fake_hub_open_remote(const json_t *wire);
void fake_hub_close(fake_hub *hub);

/* Where it is reached. Borrowed. */
const char *fake_hub_address(const fake_hub *hub);

/*
 * The next operation of that number for which there is no answer yet is answered with this vector; its handle and seq
 * become those of what it answers, if it is a REPLY. Without a vector a request gets a REPLY of 0, all else nothing.
 */
void fake_hub_answer(fake_hub *hub, unsigned op, const json_t *vector);

/* And with this one behind it. */
void fake_hub_answer_also(fake_hub *hub, unsigned op, const json_t *vector);

/* It gets none: it waits, until a CANCEL is answered. */
void fake_hub_hold(fake_hub *hub, unsigned op);

/* Say something unasked. */
void fake_hub_say(fake_hub *hub, const json_t *vector);

/*
 * The next operation of that number that came, in bytes, waiting for it; those before it are forgotten. Its large value,
 * if it has one, is in *frame (may be NULL). Free both.
 */
blob fake_hub_heard(fake_hub *hub, unsigned op, blob *frame);

/* The same for a packet of the control socket. */
blob fake_hub_packet(fake_hub *hub, unsigned kind);

/* The header of the first envelope that came. Free it. */
blob fake_hub_header(fake_hub *hub);

#endif
