/*
 * A look into arrays and values.
 * Touches nothing. One thread.
 */

/* For the structs, which are the file's own; its tables get other names, beside the library's. */
#define ipc__array_ops sim__peeked_array_ops
#define ipc__value_ops sim__peeked_value_ops
#include "hub/objects/array.c" /* NOLINT(bugprone-suspicious-include): as said */

#include "sim_peek.h"

void sim_peek_array(const ipc__object *object, sim_look look, void *arg, uint64_t *memory)
{
    const struct array *array = (const struct array *)object;
    *memory += size_of(array);
    for (uint64_t at = 0; look && at < array->length; at++) {
        unsigned char room[IPC__NUMBER_MAX];
        ipc_value number = read_at(array, at);
        look(arg, at, NULL, ipc__pack_number(&number, room));
    }
}
