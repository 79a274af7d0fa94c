/*
 * Envelopes: batches of operations with large values in frames of their own, as both sides write and read them.
 * Touches nothing but memory, and knows no transport. Not locked: one owner at a time.
 */
#ifndef IPC__ENVELOPE_H
#define IPC__ENVELOPE_H

#include "util/block.h"
#include "util/buf.h"
#include "wire/op.h"
#include "wire/read.h"
#include "wire/write.h"

/* ---- writing ---- */

/* Operations that wait to be sent. A zeroed struct is an empty one. */
typedef struct ipc__outbox {
    ipc__buf ops; /* operations only: the lane puts its header before them */
    ipc__block *frames[IPC__FRAMES_MAX];
    unsigned frame_count;
    size_t frame_bytes;
    uint32_t inline_max; /* a larger value is a frame of its own; 0: IPC__INLINE_MAX */
} ipc__outbox;

static inline bool ipc__outbox_empty(const ipc__outbox *out)
{
    return out->ops.length == 0;
}

/* Whether it should be sent before more is added. */
static inline bool ipc__outbox_full(const ipc__outbox *out)
{
    return out->ops.length + out->frame_bytes >= IPC__BATCH_BYTES || out->frame_count >= IPC__FRAMES_MAX - 2;
}

/* Forget what was sent. */
void ipc__outbox_reset(ipc__outbox *out);
void ipc__outbox_free(ipc__outbox *out);

enum { IPC__OP_HEAD_MAX = 2 + 2 * IPC__NUMBER_MAX };

/* "[op, handle, seq, " with up to 12 fields to follow, where IPC__OP_HEAD_MAX bytes are free. Where it ends. */
static inline unsigned char *ipc__op_at(unsigned char *at, ipc__op op, uint32_t handle, uint64_t seq, unsigned fields)
{
    at[0] = (unsigned char)(0x93 + fields);
    at[1] = (unsigned char)op; /* all are below 128 */
    return ipc__number_at(ipc__number_at(at + 2, handle), seq);
}

/* The same with any number of fields, at the end of a buffer. */
static inline void ipc__write_op(msgpack_packer *packer, ipc__op op, uint32_t handle, uint64_t seq, unsigned fields)
{
    ipc__buf *ops = packer->data;
    if (fields > 12 || !ipc__buf_reserve(ops, IPC__OP_HEAD_MAX)) {
        msgpack_pack_array(packer, 3 + fields);
        msgpack_pack_uint8(packer, (uint8_t)op);
        msgpack_pack_uint32(packer, handle);
        msgpack_pack_uint64(packer, seq);
        return;
    }
    unsigned char *at = ipc__op_at(ops->data + ops->length, op, handle, seq, fields);
    ops->length = (size_t)(at - ops->data);
}

bool ipc__write_frame(ipc__outbox *out, ipc__bytes value, ipc__block *block);

/*
 * A value as an operation's field: inline, or as nil with a frame. The block, if there is one, is where the bytes live
 * and is referenced, not copied. False: out of memory; the caller takes the operation back.
 */
static inline bool ipc__write_value(ipc__outbox *out, ipc__bytes value, ipc__block *block)
{
    uint32_t inline_max = out->inline_max ? out->inline_max : IPC__INLINE_MAX;
    return value.length <= inline_max ? ipc__write_bin(&out->ops, value) : ipc__write_frame(out, value, block);
}

/* ---- reading ---- */

/* One received message. It owns its frames; frames[0] holds the header and the operations. */
typedef struct ipc__envelope {
    ipc__block *frames[IPC__FRAMES_MAX];
    unsigned frame_count;
    unsigned next_frame; /* the next one that a nil value means */
    bool bare;           /* it has no header */
    const bool *stop;    /* its sender is given up: what is left does not count; NULL: it never is */
    ipc_cursor at;
} ipc__envelope;

void ipc__envelope_free(ipc__envelope *envelope);

/* One operation's head; its fields are read from the envelope's cursor. */
typedef struct ipc__head {
    uint32_t fields; /* behind seq */
    uint32_t handle;
    uint64_t seq;
    ipc__op op;
} ipc__head;

/* Start at the header: an array of count unsigned numbers, put into header; or at the operations, with a count of 0. */
bool ipc__envelope_open(ipc__envelope *envelope, uint64_t *header, unsigned count);

static inline bool ipc__envelope_more(const ipc__envelope *envelope)
{
    return envelope->at.at < envelope->at.end && !(envelope->stop && *envelope->stop);
}

/* Read the next operation's head. */
static inline bool ipc__envelope_next(ipc__envelope *envelope, ipc__head *head)
{
    uint32_t count;
    uint32_t op;
    if (!ipc__read_array(&envelope->at, &count) || count < 3 || !ipc__read_u32(&envelope->at, &op) ||
        !ipc__read_u32(&envelope->at, &head->handle) || !ipc__read_uint(&envelope->at, &head->seq)) {
        return false;
    }
    head->op = (ipc__op)op;
    head->fields = count - 3;
    return true;
}

/* Step over the next operation's head if it is one more of this kind: a run of them can be taken in one step. */
static inline bool ipc__envelope_follows(ipc__envelope *envelope, ipc__op op, uint32_t handle, uint32_t fields)
{
    ipc_cursor before = envelope->at;
    ipc__head head;
    if (ipc__envelope_more(envelope) && ipc__envelope_next(envelope, &head) && head.op == op && head.seq &&
        head.handle == handle && head.fields == fields) {
        return true;
    }
    envelope->at = before;
    return false;
}

bool ipc__read_frame(ipc__envelope *envelope, ipc__bytes *value, ipc__block **block);

/*
 * Read a value field. *block is the frame that it lives in: frames[0] for an inline one, else a frame of its own.
 * Borrowed from the envelope.
 */
static inline bool ipc__read_value(ipc__envelope *envelope, ipc__bytes *value, ipc__block **block)
{
    if (envelope->at.at < envelope->at.end && *envelope->at.at == 0xc0) {
        return ipc__read_frame(envelope, value, block);
    }
    *block = envelope->frames[0];
    return ipc__read_bin(&envelope->at, value) && value->length <= IPC__INLINE_MAX;
}

#endif
