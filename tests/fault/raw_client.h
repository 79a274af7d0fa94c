/*
 * A client without the library: raw packets on the control socket, raw frames on the ZeroMQ endpoint.
 * Touches its sockets. The test's own thread alone.
 */
#ifndef FAULT_RAW_CLIENT_H
#define FAULT_RAW_CLIENT_H

#include "support/lane.h"

#include <zmq.h>

/* What WELCOME told. */
typedef struct raw_welcome {
    uint64_t version;
    uint64_t epoch;
    unsigned char token[16];
    char endpoint[256];
} raw_welcome;

/* Bytes that are put together piece by piece. */
typedef struct raw_bytes {
    unsigned char data[8192];
    size_t length;
} raw_bytes;

/* Append a value, by ipc_pack()'s format. */
void raw_pack(raw_bytes *bytes, const char *format, ...);

/* ---- the control socket ---- */

/* Connect to a named hub's. */
int raw_control(const place *where);

/* Send a packet, with so many descriptors beside it. */
void raw_send(int control, const void *bytes, size_t length, int descriptors);

/* Wait for a packet: its length, 0 at the socket's end. The test fails where nothing comes. */
size_t raw_receive(int control, unsigned char *buffer, size_t size);

/* Say HELLO, hear WELCOME. */
void raw_hello(int control, raw_welcome *welcome);

/* ---- the endpoint ---- */

/* A DEALER, connected. */
void *raw_dealer(void *context, const char *endpoint);

/* Begin an envelope with a header; send it as one frame. */
void raw_envelope(raw_bytes *bytes, uint64_t epoch);
void raw_send_frame(void *dealer, const void *bytes, size_t length, int flags);

/* Whether a message comes within so many milliseconds; it is dropped. */
bool raw_answered(void *dealer, int within_ms);

#endif
