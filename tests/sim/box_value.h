/*
 * Values as a model of the hub's containers knows them: trees, with the form in which each was packed; equality, order and sums
 * as Python has them, written down once more.
 * Touches a pool of its own. One thread.
 */
#ifndef BOX_VALUE_H
#define BOX_VALUE_H

#include "util/buf.h"

#include <ipc/error.h>
#include <stdbool.h>
#include <stdint.h>

enum { BOX_INSIDE = 8 };

typedef enum box_kind { BOX_ATOM, BOX_NUMBER, BOX_REFERENCE, BOX_SEQUENCE, BOX_MAP } box_kind;

/* How a number was packed: what fits an int64_t, what only a uint64_t holds, what neither does. */
typedef enum box_form { BOX_INT, BOX_BOOL, BOX_FLOAT, BOX_UINT, BOX_BIG } box_form;

typedef struct box_object box_object;

typedef struct box_value {
    box_kind kind;
    const char *hex;    /* of an atom; of a number, or NULL: its shortest form */
    char family;        /* of an atom: t text, b bytes, m moment, 0 null */
    int rank;           /* in its family */
    box_form form;      /* of a number */
    long double number; /* exactly */
    box_object *to;     /* of a reference */
    uint32_t count;     /* of what is inside; of a map keys and values in turn */
    const struct box_value *inside[BOX_INSIDE];
} box_value;

/* All values are gone. */
void box_values_reset(void);

/* One more, to be filled. */
box_value *box_value_new(box_kind kind);
const box_value *box_int(int64_t number);
const box_value *box_float(double number);

/* Some value of a small universe that is no container and refers to nothing. below: as tests draw numbers. */
const box_value *box_draw_scalar(uint64_t (*below)(uint64_t below));

void box_pack(ipc__buf *to, const box_value *value);
void box_pack_head(ipc__buf *to, unsigned char few, unsigned char many, uint32_t count);

bool box_equal(const box_value *a, const box_value *b);

/* False: they are in no order. */
bool box_order(const box_value *a, const box_value *b, int *order);

/* Whether a sequence of these has to be refused or sorted, or it depends on who is compared with whom. */
typedef enum box_sorting { BOX_SORTED, BOX_REFUSED, BOX_EITHER } box_sorting;
box_sorting box_can_sort(const box_value *const *values, uint32_t count);

bool box_is_key(const box_value *value);
bool box_is_text(const box_value *value);
bool box_is_nan(const box_value *value);

ipc_err box_add(const box_value *a, const box_value *b, const box_value **sum);

/* Do something with every reference in a value. */
void box_each_reference(const box_value *value, void (*visit)(box_object *to, void *arg), void *arg);

#endif
