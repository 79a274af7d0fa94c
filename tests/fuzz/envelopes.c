/*
 * Envelopes as the fuzz targets write them, and the shapes of all operations.
 * Touches nothing but memory. One thread.
 */
#include "fuzz/envelopes.h"

#include "fuzz/fuzz.h"

const char *fuzz_shape(ipc__op op)
{
    static const char *const shapes[] = {
        [IPC__OP_BIND] = "b",       [IPC__OP_HELLO] = "uss",   [IPC__OP_OPEN] = "su*o",   [IPC__OP_CLOSE] = "",
        [IPC__OP_UNLINK] = "s",     [IPC__OP_LIST] = "",       [IPC__OP_BYE] = "?",       [IPC__OP_PING] = "",
        [IPC__OP_CANCEL] = "u",     [IPC__OP_PIN] = "",        [IPC__OP_STAT] = "",       [IPC__OP_INFO] = "s",
        [IPC__OP_SHUTDOWN] = "?",   [IPC__OP_SHUT] = "uu",     [IPC__OP_PUT] = "v",       [IPC__OP_PUT_WAIT] = "iv",
        [IPC__OP_FLOW] = "uui",     [IPC__OP_POLL] = "",       [IPC__OP_RECALLED] = "uu", [IPC__OP_DONE] = "uuu",
        [IPC__OP_DONE_ANY] = "",    [IPC__OP_RELEASE] = "uuu", [IPC__OP_JOIN] = "i",      [IPC__OP_SIZE] = "",
        [IPC__OP_UNCREDITED] = "u", [IPC__OP_REPLY] = "i.",    [IPC__OP_DELIVER] = "uv",  [IPC__OP_RECALL] = "uu",
        [IPC__OP_END] = "i",        [IPC__OP_FAIL] = "is",     [IPC__OP_CREDIT] = "uu",   [IPC__OP_UNCREDIT] = "uu",
        [IPC__OP_REVOKE] = "uu",    [IPC__OP_ACQUIRE] = "ui",  [IPC__OP_UNLOCK] = "u",    [IPC__OP_PEEK] = "u",
        [IPC__OP_SET] = "?",        [IPC__OP_WAIT] = "ui?",    [IPC__OP_NOTIFY] = "uu",   [IPC__OP_PASS] = "u?",
        [IPC__OP_RESET] = "?",      [IPC__OP_INVOKE] = "uv",   [IPC__OP_REFER] = "",
    };
    return op < sizeof shapes / sizeof shapes[0] ? shapes[op] : NULL;
}

void fuzz_post(ipc__envelope *envelope, ipc__outbox *out, const uint64_t *header, unsigned count)
{
    ipc__buf bytes = {0};
    msgpack_packer packer = ipc__packer(&bytes);
    msgpack_pack_array(&packer, count);
    for (unsigned i = 0; i < count; i++) {
        msgpack_pack_uint64(&packer, header[i]);
    }
    ipc__buf_write(&bytes, (const char *)out->ops.data, out->ops.length);
    *envelope = (ipc__envelope){.frame_count = 1 + out->frame_count};
    envelope->frames[0] = ipc__block_copy(bytes.data, bytes.length);
    require(!bytes.failed && !out->ops.failed && envelope->frames[0], "there is memory");
    for (unsigned i = 0; i < out->frame_count; i++) {
        envelope->frames[1 + i] = ipc__block_ref(out->frames[i]);
    }
    ipc__buf_free(&bytes);
    ipc__outbox_reset(out);
}
