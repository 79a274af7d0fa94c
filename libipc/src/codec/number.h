/*
 * Numbers of any form, compared exactly.
 * Touches nothing but the bytes of large ones, which are borrowed. Any thread.
 */
#ifndef IPC__NUMBER_H
#define IPC__NUMBER_H

#include <ipc/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IPC__NUMBER_BYTES = 136 }; /* what the largest double has as an integer */

/* How a number is held: the first form that can hold it, so that equal ones have the same. */
typedef enum ipc__number_form {
    IPC__NUMBER_INT,   /* an int64_t */
    IPC__NUMBER_UINT,  /* above those */
    IPC__NUMBER_BIG,   /* a larger integer: two's complement, big-endian, without a byte too many */
    IPC__NUMBER_FLOAT, /* no integer */
} ipc__number_form;

typedef struct ipc__number {
    ipc__number_form form;
    union {
        int64_t i;
        uint64_t u;
        double f;
        struct {
            const unsigned char *bytes;
            size_t length;
        } big;
    } as;
    unsigned char room[IPC__NUMBER_BYTES]; /* of a double that is a large integer */
} ipc__number;

/* The number that a value is: a boolean, an integer of any size, a float. False: it is none. *number is not to be moved. */
bool ipc__number_read(ipc__number *number, const ipc_value *value);

bool ipc__number_is_nan(const ipc__number *number);

/* -1, 0 or 1; NaN is behind all others, and equal to itself. */
int ipc__number_order(const ipc__number *a, const ipc__number *b);

/* The sum of two numbers, an integer if both are. IPC_EKIND one is none; IPC_ERANGE it is beyond an int64_t. */
ipc_err ipc__number_add(const ipc_value *a, const ipc_value *b, ipc_value *sum);

#endif
