/*
 * A look into containers of any type, and the references that they have.
 * Touches nothing. One thread.
 */
#include "hub/reference.h"
#include "sim_peek.h"

#include <utlist.h>

bool sim_peek_container(const ipc__object *object, sim_look look, void *arg, uint64_t *memory)
{
    const ipc__reference *reference;
    DL_FOREACH2(object->references, reference, after)
    {
        *memory += sizeof *reference;
    }
    if (object->ops == &ipc__dict_ops || object->ops == &ipc__namespace_ops) {
        return sim_peek_dict(object, look, arg, memory);
    }
    if (object->ops == &ipc__list_ops) {
        return sim_peek_list(object, look, arg, memory);
    }
    if (object->ops == &ipc__array_ops || object->ops == &ipc__value_ops) {
        sim_peek_array(object, look, arg, memory);
    }
    return true;
}
