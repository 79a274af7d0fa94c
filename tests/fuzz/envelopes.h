/*
 * Envelopes as the fuzz targets write them, and the shapes of all operations.
 * Touches nothing but memory. One thread.
 */
#ifndef FUZZ_ENVELOPES_H
#define FUZZ_ENVELOPES_H

#include "wire/envelope.h"

/*
 * The fields of an operation behind seq, in a letter each: u unsigned, i signed, ? true or false, s text, b bytes, v a
 * value, o options (a map); * anything, once; . anything to the end. NULL: there is no such operation.
 */
const char *fuzz_shape(ipc__op op);

/* Move what an outbox has into an envelope, behind a header of count numbers, as a lane does. The outbox is then empty. */
void fuzz_post(ipc__envelope *envelope, ipc__outbox *out, const uint64_t *header, unsigned count);

#endif
