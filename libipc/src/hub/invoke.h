/*
 * Invocations: methods of containers. The arguments are one value, a sequence, which is scanned before anybody looks at it; the
 * result is one value. Either all of a method happens, or nothing.
 * Touches the core's buffers, and sessions through the lane seam. Not locked: the core's thread.
 */
#ifndef IPC__INVOKE_H
#define IPC__INVOKE_H

#include "hub/stored.h"

#include <ipc/method.h>

enum { IPC__ARGUMENTS_MAX = 4 };

typedef struct ipc__invocation {
    ipc__hold *hold;
    ipc__object *object;
    ipc__bytes arguments[IPC__ARGUMENTS_MAX]; /* each one value */
    uint32_t count;
    bool handles;     /* there are references among them */
    ipc__buf *result; /* what the method writes there is its result; nothing is null */
} ipc__invocation;

typedef struct ipc__method {
    ipc_err (*run)(ipc__invocation *call);
    uint8_t least, most; /* arguments */
} ipc__method;

/* INVOKE: a method's number, its arguments. methods: by number. */
ipc_err ipc__invoke(ipc__hold *hold, const ipc__request *request, const ipc__method *methods, size_t method_count);

/* ---- arguments; errors are IPC_EKIND, in words ---- */

/* An integer that fits. Beyond that IPC_EINDEX: it is an index of nothing. */
ipc_err ipc__argument_int(const ipc__invocation *call, uint32_t at, int64_t *number);
/* The same, but what is beyond 64 bits is what is nearest there: for what may lie beyond the ends. */
ipc_err ipc__argument_clipped(const ipc__invocation *call, uint32_t at, int64_t *number);
ipc_err ipc__argument_bool(const ipc__invocation *call, uint32_t at, bool *truth);

/* A sequence, or a map: the cursor is at its first element. */
ipc_err ipc__argument_sequence(const ipc__invocation *call, uint32_t at, ipc_cursor *inside, uint32_t *count);
ipc_err ipc__argument_map(const ipc__invocation *call, uint32_t at, ipc_cursor *inside, uint32_t *count);

/* A sequence of one value, or none: then *value has no bytes. */
ipc_err ipc__argument_maybe(const ipc__invocation *call, uint32_t at, ipc__bytes *value);

/* The next value of what a cursor is in; the scan has seen that there is one. */
ipc__bytes ipc__next_value(ipc_cursor *inside);

/* An index of something so long: a negative one counts from the end. IPC_EINDEX. */
ipc_err ipc__argument_index(const ipc__invocation *call, uint32_t at, uint64_t length, uint64_t *index);

/* A slice of something so long, as Python has them: three arguments. It has count elements, the first at start. */
typedef struct ipc__slice {
    int64_t start;
    int64_t step;
    uint64_t count;
} ipc__slice;
ipc_err ipc__argument_slice(const ipc__invocation *call, uint32_t at, uint64_t length, ipc__slice *slice);

/* Where its elements are; behind the last one there might be no such number. */
static inline uint64_t ipc__slice_at(const ipc__slice *slice, uint64_t i)
{
    return (uint64_t)(slice->start + (int64_t)i * slice->step);
}

/* ---- results ---- */

static inline void ipc__result_bytes(ipc__invocation *call, ipc__bytes value)
{
    ipc__buf_write(call->result, (const char *)value.data, value.length);
}

/* A stored value: the session is told of what it refers to. */
void ipc__result_stored(ipc__invocation *call, const ipc__stored *stored);
void ipc__result_array(ipc__invocation *call, uint64_t count);
void ipc__result_uint(ipc__invocation *call, uint64_t number);
void ipc__result_bool(ipc__invocation *call, bool truth);
void ipc__result_value(ipc__invocation *call, const ipc_value *number);

/* Whether the result could be written, and may be told: to be asked before anything changes. IPC_ENOMEM, IPC_ETOOBIG. */
ipc_err ipc__result_good(const ipc__invocation *call);

/* Before much is written: whether an answer may be so long. IPC_ETOOBIG. */
ipc_err ipc__result_room(const ipc__invocation *call, uint64_t bytes);

/* A number, packed where there is room for IPC__NUMBER_MAX bytes. */
ipc__bytes ipc__pack_number(const ipc_value *number, unsigned char *room);

/* The sum of two packed numbers, likewise. IPC_EKIND, IPC_ERANGE. */
ipc_err ipc__add(ipc__bytes a, ipc__bytes b, unsigned char *room, ipc__bytes *sum);

#endif
