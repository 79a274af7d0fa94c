/*
 * What the tests of wire.json share: its vectors by name, an envelope's frames, bytes compared.
 * Touches memory. One thread.
 */
#ifndef WIRE_H
#define WIRE_H

#include "notation.h"

/* The operation of that name, whoever sends it. Borrowed. */
const json_t *wire_operation(const json_t *wire, const char *name);
const json_t *wire_packet(const json_t *wire, const char *name);
const json_t *wire_conversation(const json_t *wire, const char *name);

/* A message's frames: the first is its header and operations. Free each, and the array. */
blob *wire_frames(const json_t *message, size_t *count);
void wire_frames_free(blob *frames, size_t count);

/* Operations alone, one behind the other. */
blob wire_operations(const json_t *message);

/* The packed bytes of a notation. */
blob wire_pack(const json_t *notation);

/* A vector's bytes with the fields at "varies" as they are in other bytes: what those have to be. */
blob wire_as_in(const json_t *vector, const void *bytes, size_t length);

/* Fails the running test, with both in hex, where they differ. */
void wire_compare(const char *what, const blob *expected, const void *bytes, size_t length);

#endif
