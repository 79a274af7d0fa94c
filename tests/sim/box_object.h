/*
 * Containers as a model of the hub knows them, and what their methods do.
 * Touches its objects. One thread.
 */
#ifndef BOX_OBJECT_H
#define BOX_OBJECT_H

#include "box_value.h"
#include "hub/core.h"

enum { BOX_ROOM = 96, BOX_ARGUMENTS = 4 };

typedef enum box_type { BOX_DICT, BOX_NAMESPACE, BOX_LIST, BOX_ARRAY, BOX_VALUE, BOX_TYPES } box_type;

struct box_object {
    box_type type;
    int name; /* -1: none */
    char typecode;
    uint64_t id; /* the hub's */
    bool exists; /* in the hub */
    bool reached;
    bool was_lost; /* it was unreachable before */
    unsigned char reference[64];
    size_t reference_length;
    uint32_t count;
    const box_value *keys[BOX_ROOM];
    const box_value *values[BOX_ROOM];
    void *owner; /* of an array's lock: whatever it is to the test */
    unsigned depth;
    bool abandoned; /* its owner died: who has it next is told */
};

/* A method that is called. Its answer: the bytes, and the stored values that were read, whose references count as told. */
typedef struct box_call {
    box_object *object;
    unsigned method;
    uint32_t count;
    const box_value *arguments[BOX_ARGUMENTS];
    ipc__buf result;
    uint32_t told_count;
    const box_value *told[4 * BOX_ROOM];
} box_call;

/* Do it. What the hub has to answer. */
ipc_err box_invoke(box_call *call);

/* By type. */
ipc_err box_dict_invoke(box_call *call);
ipc_err box_list_invoke(box_call *call);
ipc_err box_array_invoke(box_call *call);

/* ---- for those ---- */

/* A stored value is read: into the answer. */
void box_read(box_call *call, const box_value *value);
void box_result_bool(box_call *call, bool truth);
void box_result_int(box_call *call, uint64_t number);

/* Whether a value can be stored: all that it refers to is there. */
ipc_err box_storable(const box_value *value);

/* An argument that is an integer; an index. */
ipc_err box_argument_int(const box_call *call, uint32_t at, int64_t *number);
ipc_err box_argument_index(const box_call *call, uint32_t at, uint32_t *index);

/* The places that a slice names, one by one. */
typedef struct box_slice {
    uint32_t start; /* where a step of 1 begins, even if it names nothing */
    bool piece;     /* of step 1 */
    uint32_t count;
    uint32_t places[BOX_ROOM];
} box_slice;
ipc_err box_argument_slice(const box_call *call, box_slice *slice);

/* A sequence of one value, or of none: NULL. */
ipc_err box_argument_maybe(const box_call *call, uint32_t at, const box_value **value);

#endif
