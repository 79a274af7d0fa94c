/*
 * Packed values compared where they lie, as Python compares what they stand for: 1 is 1.0 and true, whatever form a number has.
 * Touches nothing but the bytes, which were scanned before (codec/scan.h); allocates nothing, but for large maps. Any thread.
 */
#ifndef IPC__COMPARE_H
#define IPC__COMPARE_H

#include "wire/read.h"

/* Whether two values are equal. NaN equals nothing. */
bool ipc__equal(ipc__bytes a, ipc__bytes b);

/*
 * Which one comes first: -1, 0 or 1 in *order. False: they cannot be compared. NaN comes behind all other numbers, so that what
 * is sorted is in one order.
 */
bool ipc__order(ipc__bytes a, ipc__bytes b, int *order);

/* Whether a value can be a key: it is a scalar, and equals itself. */
bool ipc__is_key(ipc__bytes key);

/* A hash of a key: of equal ones it is the same. */
unsigned ipc__key_hash(ipc__bytes key);

#endif
