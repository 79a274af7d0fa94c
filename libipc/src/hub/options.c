/*
 * An object's options, as maps: read, and written.
 * Touches nothing but the bytes. Any thread.
 */
#include "hub/core.h"

/* Find an option's value, or the head of it: the cursor is behind that. False: the map is broken. */
static bool find(ipc_cursor *options, const char *name, ipc_value *value, bool *present)
{
    *present = false;
    ipc_value map;
    if (options->at == options->end) {
        return true;
    }
    if (ipc_cursor_next(options, &map) || map.kind != IPC_KIND_MAP) {
        return false;
    }
    for (uint32_t i = 0; i < map.as.count; i++) {
        ipc__bytes key;
        if (!ipc__read_str(options, &key)) {
            return false;
        }
        if (key.length == strlen(name) && memcmp(key.data, name, key.length) == 0) {
            *present = true;
            return ipc_cursor_next(options, value) == IPC_OK;
        }
        if (ipc_cursor_skip(options)) {
            return false;
        }
    }
    return true;
}

bool ipc__option_uint(ipc_cursor options, const char *name, uint64_t *out, bool *present)
{
    ipc_value value;
    if (!find(&options, name, &value, present)) {
        return false;
    }
    if (*present) {
        if (value.kind != IPC_KIND_INT || value.as.i < 0) {
            return false;
        }
        *out = (uint64_t)value.as.i;
    }
    return true;
}

bool ipc__option_array(ipc_cursor options, const char *name, ipc_cursor *inside, uint32_t *count, bool *present)
{
    ipc_value value;
    if (!find(&options, name, &value, present)) {
        return false;
    }
    if (*present) {
        *inside = options;
        *count = value.as.count;
        return value.kind == IPC_KIND_ARRAY;
    }
    return true;
}

bool ipc__option_bool(ipc_cursor options, const char *name, bool *out, bool *present)
{
    ipc_value value;
    if (!find(&options, name, &value, present)) {
        return false;
    }
    if (*present) {
        if (value.kind != IPC_KIND_BOOL) {
            return false;
        }
        *out = value.as.boolean;
    }
    return true;
}

bool ipc__option_reference(ipc_cursor options, const char *name, ipc__bytes *body, bool *present)
{
    ipc_value value;
    if (!find(&options, name, &value, present)) {
        return false;
    }
    if (*present) {
        *body = (ipc__bytes){(const unsigned char *)value.as.bytes.data, value.as.bytes.length};
        return value.kind == IPC_KIND_EXT && value.as.bytes.ext == IPC_EXT_HANDLE;
    }
    return true;
}

bool ipc__option_text(ipc_cursor options, const char *name, ipc__bytes *out, bool *present)
{
    ipc_value value;
    if (!find(&options, name, &value, present)) {
        return false;
    }
    *present = *present && value.kind != IPC_KIND_NULL;
    if (*present) {
        if (value.kind != IPC_KIND_STR) {
            return false;
        }
        *out = (ipc__bytes){(const unsigned char *)value.as.bytes.data, value.as.bytes.length};
    }
    return true;
}

void ipc__pack_uint(msgpack_packer *packer, const char *key, uint64_t value)
{
    ipc__pack_text(packer, key);
    msgpack_pack_uint64(packer, value);
}

void ipc__pack_bool(msgpack_packer *packer, const char *key, bool value)
{
    ipc__pack_text(packer, key);
    value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
}
