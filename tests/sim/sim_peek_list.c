/*
 * A look into lists.
 * Touches nothing. One thread.
 */

/* For the structs, which are the file's own; its table gets another name, beside the library's. */
#define ipc__list_ops sim__peeked_list_ops
#include "hub/objects/list.c" /* NOLINT(bugprone-suspicious-include): as said */

#include "sim_peek.h"

bool sim_peek_list(const ipc__object *object, sim_look look, void *arg, uint64_t *memory)
{
    const struct list *list = (const struct list *)object;
    uint64_t bytes = 0;
    *memory += list->capacity * sizeof(ipc__stored *);
    for (uint64_t at = 0; at < list->length; at++) {
        bytes += list->values[at]->length;
        *memory += offsetof(ipc__stored, bytes) + list->values[at]->length;
        if (look) {
            look(arg, at, NULL, ipc__stored_bytes(list->values[at]));
        }
    }
    return bytes == list->bytes && list->length <= list->capacity;
}
