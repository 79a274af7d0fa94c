/*
 * A look into dicts and namespaces.
 * Touches nothing. One thread.
 */

/* For the structs, which are the file's own; its tables get other names, beside the library's. */
#define ipc__dict_ops sim__peeked_dict_ops
#define ipc__namespace_ops sim__peeked_namespace_ops
#include "hub/objects/dict.c" /* NOLINT(bugprone-suspicious-include): as said */

#include "sim_peek.h"

bool sim_peek_dict(const ipc__object *object, sim_look look, void *arg, uint64_t *memory)
{
    const struct dict *dict = (const struct dict *)object;
    uint64_t bytes = 0;
    uint64_t at = 0;
    for (const struct entry *entry = dict->entries; entry; entry = entry->hh.next) {
        bytes += weight(entry);
        *memory += sizeof *entry + entry->key.length + offsetof(ipc__stored, bytes) + entry->value->length;
        if (look) {
            look(arg, at++, &entry->key, ipc__stored_bytes(entry->value));
        }
    }
    return bytes == dict->bytes;
}
