/*
 * Fuzz target: the envelope reader over frames made of the input, the heads and the fields of every operation, and the
 * packets of the control socket. What is read lies in the frames, and is read the same when it is written again.
 * Touches nothing but memory. One thread.
 */
#include "fuzz/envelopes.h"
#include "fuzz/fuzz.h"
#include "hub/core.h"
#include "wire/control.h"

/* ---- reading ---- */

static void read_options(ipc_cursor *at)
{
    ipc_cursor map = *at;
    if (ipc_cursor_skip(at) != IPC_OK) {
        return;
    }
    map.end = at->at;
    static const char *const names[] = {"joinable", "maxsize", "end", "simplex"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t number = 7;
        bool flag = true;
        bool present = false;
        bool read = ipc__option_uint(map, names[i], &number, &present);
        require(!read || present || number == 7, "what is absent is left alone");
        require(!read || number <= INT64_MAX, "an option is a number that others can hold");
        read = ipc__option_bool(map, names[i], &flag, &present);
        require(!read || present || flag, "what is absent is left alone");
    }
}

static bool in_frame(const ipc__envelope *envelope, const ipc__block *block, ipc__bytes bytes)
{
    for (unsigned i = 0; i < envelope->frame_count; i++) {
        if (envelope->frames[i] == block) {
            return bytes.data >= block->data && bytes.length <= block->length &&
                   bytes.data + bytes.length <= block->data + block->length;
        }
    }
    return false;
}

static bool read_value(ipc__envelope *envelope, ipc__outbox *copy)
{
    ipc__bytes value;
    ipc__block *block;
    if (!ipc__read_value(envelope, &value, &block)) {
        return false;
    }
    require(in_frame(envelope, block, value), "a value lies in its frame");
    touch(value.data, value.length);
    require(ipc__write_value(copy, value, block->data == value.data ? block : NULL), "a value can be written");
    return true;
}

/* One field, by its letter; it is written into the copy. False: it is none of that kind. */
static bool read_field(ipc__envelope *envelope, char letter, ipc__outbox *copy)
{
    ipc_cursor *at = &envelope->at;
    msgpack_packer packer = ipc__packer(&copy->ops);
    ipc_cursor before = *at;
    ipc__bytes bytes;
    uint64_t number;
    int64_t any;
    switch (letter) {
    case 'u':
        return ipc__read_uint(at, &number) && msgpack_pack_uint64(&packer, number) == 0;
    case 'i':
        return ipc__read_int(at, &any) && msgpack_pack_int64(&packer, any) == 0;
    case 's':
        return ipc__read_str(at, &bytes) && msgpack_pack_str_with_body(&packer, bytes.data, bytes.length) == 0;
    case 'b':
        return ipc__read_bin(at, &bytes) && msgpack_pack_bin_with_body(&packer, bytes.data, bytes.length) == 0;
    case 'v':
        return read_value(envelope, copy);
    case 'o':
        read_options(at);
        break;
    default:
        if (ipc_cursor_skip(at) != IPC_OK) {
            return false;
        }
    }
    ipc__buf_write(&copy->ops, (const char *)before.at, (size_t)(at->at - before.at));
    return at->at > before.at;
}

static bool read_fields(ipc__envelope *envelope, const ipc__head *head, ipc__outbox *copy)
{
    const char *shape = fuzz_shape(head->op);
    if (!shape) {
        return false;
    }
    for (uint32_t i = 0; i < head->fields; i++) {
        if (!*shape || ipc__outbox_full(copy) || !read_field(envelope, *shape, copy)) {
            return false;
        }
        shape += *shape != '.';
    }
    return true;
}

/* Forget an operation that was not whole. */
static void take_back(ipc__outbox *copy, size_t length, unsigned frames)
{
    copy->ops.length = length;
    while (copy->frame_count > frames) {
        ipc__block_unref(copy->frames[--copy->frame_count]);
    }
}

/* Read all operations, and write those that are whole again. Their number. */
static unsigned read_operations(ipc__envelope *envelope, ipc__outbox *copy)
{
    unsigned count = 0;
    while (ipc__envelope_more(envelope)) {
        const unsigned char *before = envelope->at.at;
        ipc__head head;
        size_t whole = copy->ops.length;
        unsigned frames = copy->frame_count;
        bool next = ipc__envelope_next(envelope, &head);
        require(envelope->at.at >= before && envelope->at.at <= envelope->at.end, "reading goes forward");
        if (next) {
            msgpack_packer packer = ipc__packer(&copy->ops);
            ipc__write_op(&packer, head.op, head.handle, head.seq, head.fields);
        }
        if (!next || !read_fields(envelope, &head, copy)) {
            take_back(copy, whole, frames);
            break;
        }
        require(envelope->next_frame <= envelope->frame_count, "a frame that is not there is not given out");
        require(!ipc__op_is_request(head.op) || head.op < IPC__OP_REPLY, "the hub's operations are no requests");
        count++;
    }
    return count;
}

/* ---- writing again ---- */

/* What was read and written is read again: as many operations, in the same bytes. */
static void read_again(ipc__outbox *copy, const uint64_t *header, unsigned fields, unsigned count)
{
    ipc__outbox once = *copy;
    *copy = (ipc__outbox){0};
    ipc__buf_write(&copy->ops, (const char *)once.ops.data, once.ops.length);
    unsigned frames = once.frame_count;
    ipc__envelope envelope;
    fuzz_post(&envelope, &once, header, fields);
    ipc__outbox_free(&once);
    uint64_t again[3];
    require(ipc__envelope_open(&envelope, again, fields), "a header that was written is read");
    require(memcmp(again, header, fields * sizeof *header) == 0, "and is the same");
    ipc__outbox twice = {0};
    require(read_operations(&envelope, &twice) == count, "what was written is read");
    require(twice.ops.length == copy->ops.length && twice.frame_count == frames &&
                (!copy->ops.length || memcmp(twice.ops.data, copy->ops.data, copy->ops.length) == 0),
            "and is the same");
    ipc__outbox_free(&twice);
    ipc__envelope_free(&envelope);
}

/* ---- packets ---- */

static void read_packet(const uint8_t *data, size_t size)
{
    ipc_cursor at;
    uint32_t fields;
    int kind = ipc__control_open(&at, data, size, &fields);
    if (kind < 0) {
        return;
    }
    require(at.at >= data && at.at <= at.end && at.end == data + size,
            "a packet is read from its beginning to its end");
    ipc__welcome welcome;
    if (ipc__welcome_read(&welcome, &at)) {
        require(strlen(welcome.endpoint) < sizeof welcome.endpoint, "an endpoint is a text");
    }
}

/* ---- the target ---- */

/*
 * The input: a byte for the header's fields and the number of further frames; how long each of these is, in units that let
 * it be larger than what is inline (what is in them does not matter); then the first frame.
 */
static void make_frames(ipc__envelope *envelope, input *in, unsigned frames)
{
    enum { UNIT = 512 };
    static const uint8_t large[UINT8_MAX * UNIT];
    envelope->frame_count = 1 + frames;
    for (unsigned i = 1; i <= frames; i++) {
        size_t length = (size_t)input_byte(in) * UNIT;
        envelope->frames[i] = ipc__block_copy(large, length);
    }
    envelope->frames[0] = ipc__block_copy(in->at, in->left);
    for (unsigned i = 0; i <= frames; i++) {
        require(envelope->frames[i] != NULL, "there is memory");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    uint8_t first = input_byte(&in);
    unsigned fields = first & 1 ? 3 : 1; /* the hub's header, or a client's */
    unsigned frames = (first >> 1) % 8;
    ipc__envelope envelope = {.frame_count = 0};
    make_frames(&envelope, &in, frames);
    read_packet(in.at, in.left);
    uint64_t header[3];
    if (ipc__envelope_open(&envelope, header, fields)) {
        ipc__outbox copy = {0};
        unsigned count = read_operations(&envelope, &copy);
        read_again(&copy, header, fields, count);
        ipc__outbox_free(&copy);
    }
    ipc__envelope_free(&envelope);
    return 0;
}
