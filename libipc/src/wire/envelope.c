/*
 * Envelopes: batches of operations with large values in frames of their own.
 * Touches nothing but memory, and knows no transport. Not locked: one owner at a time.
 */
#include "wire/envelope.h"

static void drop_frames(ipc__block **frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ipc__block_unref(frames[i]);
    }
}

void ipc__outbox_reset(ipc__outbox *out)
{
    ipc__buf_reset(&out->ops);
    drop_frames(out->frames, out->frame_count);
    out->frame_count = 0;
    out->frame_bytes = 0;
}

void ipc__outbox_free(ipc__outbox *out)
{
    ipc__outbox_reset(out);
    ipc__buf_free(&out->ops);
}

/* A value in a frame of its own. */
bool ipc__write_frame(ipc__outbox *out, ipc__bytes value, ipc__block *block)
{
    if (out->ops.failed || !ipc__buf_reserve(&out->ops, 1)) {
        return false;
    }
    block = block ? ipc__block_ref(block) : ipc__block_copy(value.data, value.length);
    if (!block) {
        return false;
    }
    out->ops.data[out->ops.length++] = 0xc0; /* nil */
    out->frames[out->frame_count++] = block;
    out->frame_bytes += value.length;
    return true;
}

void ipc__envelope_free(ipc__envelope *envelope)
{
    drop_frames(envelope->frames, envelope->frame_count);
    envelope->frame_count = 0;
}

bool ipc__envelope_open(ipc__envelope *envelope, uint64_t *header, unsigned count)
{
    envelope->next_frame = 1;
    ipc_cursor_init(&envelope->at, envelope->frames[0]->data, envelope->frames[0]->length);
    if (count == 0) {
        return true;
    }
    uint32_t fields;
    if (!ipc__read_array(&envelope->at, &fields) || fields != count) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!ipc__read_uint(&envelope->at, &header[i])) {
            return false;
        }
    }
    return true;
}

/* A nil: the value is the message's next frame. */
bool ipc__read_frame(ipc__envelope *envelope, ipc__bytes *value, ipc__block **block)
{
    if (envelope->next_frame >= envelope->frame_count) {
        return false;
    }
    envelope->at.at++;
    *block = envelope->frames[envelope->next_frame++];
    *value = (ipc__bytes){(*block)->data, (*block)->length};
    return true;
}
