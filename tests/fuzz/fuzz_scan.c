/*
 * Fuzz target: the pre-scan and the cursor over any bytes. What the scan lets through, the cursor walks to its end.
 * Touches nothing but the bytes. Any thread.
 */
#include "codec/msg.h"
#include "codec/scan.h"
#include "fuzz/fuzz.h"

/* Read a body, so that the address sanitizer sees where it lies. */
static void touch_body(const ipc_value *value)
{
    if (value->kind == IPC_KIND_STR || value->kind == IPC_KIND_BIN || value->kind == IPC_KIND_EXT) {
        touch(value->as.bytes.data, value->as.bytes.length);
    }
}

/* Step through all heads. The number of values that the first one contains, itself too, was passed at the end. */
static ipc_err walk(ipc_cursor *cursor, uint64_t *due)
{
    ipc_err err = IPC_OK;
    for (*due = 1; *due > 0 && !err;) {
        const unsigned char *before = cursor->at;
        ipc_value value;
        err = ipc_cursor_next(cursor, &value);
        require(err ? cursor->at == before : cursor->at > before, "a step goes forward, or nowhere when it fails");
        if (!err) {
            touch_body(&value);
            *due += value.kind == IPC_KIND_MAP ? 2 * (uint64_t)value.as.count : 0;
            *due += value.kind == IPC_KIND_ARRAY ? value.as.count : 0;
            --*due;
        }
    }
    return err;
}

/* A value that was let through: every other way to read it works too. */
static void read_whole(const uint8_t *data, size_t size)
{
    ipc_msg *msg;
    ipc_msg *copy;
    require(ipc_msg_from_bytes(&msg, data, size) == IPC_OK, "a message takes what the scan lets through");
    require(ipc_unpack(msg, "v", &copy) == IPC_OK, "v copies any value");
    size_t length;
    const void *bytes = ipc_msg_bytes(copy, &length);
    require(length == size && memcmp(bytes, data, size) == 0, "a copy has the same bytes");
    ipc_msg_free(copy);
    ipc_msg_free(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ipc_err checked = ipc_msg_check(data, size);
    require(checked == IPC_OK || checked == IPC_EBADMSG || checked == IPC_EDEPTH || checked == IPC_EELEMENTS,
            "bytes are a value, or are none");
    ipc_cursor stepping;
    ipc_cursor skipping;
    ipc_cursor_init(&stepping, data, size);
    ipc_cursor_init(&skipping, data, size);
    uint64_t due;
    ipc_err walked = walk(&stepping, &due);
    ipc_err skipped = ipc_cursor_skip(&skipping);
    require((walked == IPC_OK) == (skipped == IPC_OK), "skipping passes what stepping passes");
    require(walked != IPC_OK || stepping.at == skipping.at, "skipping and stepping end at the same place");
    require(skipped == IPC_OK || skipping.at == data, "a skip that fails goes nowhere");
    if (checked == IPC_OK) {
        require(walked == IPC_OK && stepping.at == stepping.end, "what the scan lets through is one whole value");
        read_whole(data, size);
    }
    return 0;
}
