/*
 * The cursor: packed bytes walked in place.
 * Touches nothing but the bytes: no recursion, no allocation. One owner a cursor; the bytes may be shared.
 */
#include "codec/head.h"
#include "codec/msg.h"
#include "util/error.h"

static ipc_err cursor_fail(const unsigned char *at, const unsigned char *end, const char *reason)
{
    return ipc__fail(IPC_EBADMSG, "%s, %zu bytes before their end", reason, (size_t)(end - at));
}

void ipc_cursor_init(ipc_cursor *cursor, const void *bytes, size_t length)
{
    cursor->at = bytes;
    cursor->end = bytes ? cursor->at + length : NULL;
}

ipc_err ipc_cursor_open(ipc_cursor *cursor, const ipc_msg *msg)
{
    if (!cursor || !msg) {
        return ipc__fail(IPC_EINVAL, "ipc_cursor_open: the cursor or the message is NULL");
    }
    ipc_err err = ipc__msg_ensure(msg);
    if (err) {
        return err;
    }
    ipc_cursor_init(cursor, ipc__msg_data(msg), msg->length);
    return IPC_OK;
}

ipc_err ipc_cursor_next(ipc_cursor *cursor, ipc_value *value)
{
    if (cursor->at == cursor->end) {
        return ipc__fail(IPC_EEMPTY, "no bytes are left");
    }
    const char *reason = ipc__head_read(&cursor->at, cursor->end, value);
    return reason ? cursor_fail(cursor->at, cursor->end, reason) : IPC_OK;
}

ipc_err ipc_cursor_skip(ipc_cursor *cursor)
{
    if (cursor->at == cursor->end) {
        return ipc__fail(IPC_EEMPTY, "no bytes are left");
    }
    const unsigned char *at = cursor->at;
    uint64_t due = 1; /* values still to pass, each a byte at the least */
    while (due > 0) {
        ipc_value value;
        const char *reason = ipc__head_read(&at, cursor->end, &value);
        if (reason) {
            return cursor_fail(at, cursor->end, reason);
        }
        due += ipc__head_inside(&value) - 1;
        if (due > (uint64_t)(cursor->end - at)) { /* also keeps the sum from running over */
            return cursor_fail(at, cursor->end, "more elements are announced than bytes are left");
        }
    }
    cursor->at = at;
    return IPC_OK;
}
