/*
 * What sessions say in the fuzz target core.
 * Touches what a session has to send. One thread.
 */
#include "fuzz/core_world.h"
#include "fuzz/envelopes.h"

static uint64_t draw_number(input *in)
{
    static const uint64_t large[] = {UINT64_MAX, INT64_MAX, UINT32_MAX, 1 << 16, 1000};
    uint8_t drawn = input_byte(in);
    return drawn >= UINT8_MAX - 4 ? large[UINT8_MAX - drawn] : drawn % 64;
}

static int64_t draw_timeout(input *in)
{
    static const int64_t timeouts[] = {-1, 0, 1, 20, 100, 1000, INT64_MAX, INT64_MIN};
    return timeouts[input_below(in, sizeof timeouts / sizeof timeouts[0])];
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static const char *const names[] = {"a", "b", "c", ""};

/* What is done with what comes back: how many pairs of the options' map that makes; and these. */
static unsigned count_redelivery(uint8_t drawn)
{
    return (drawn & 3 ? 1U : 0) + (drawn & 12 ? 1U : 0) + (drawn & 48 ? 1U : 0);
}

static void say_redelivery(msgpack_packer *packer, uint8_t drawn)
{
    if (drawn & 3) {
        pack_text(packer, "redeliver");
        msgpack_pack_uint8(packer, (drawn & 3) - 1);
    }
    if (drawn & 12) {
        pack_text(packer, "max_deliveries");
        msgpack_pack_uint8(packer, drawn >> 2 & 3);
    }
    if (drawn & 48) {
        pack_text(packer, "dead_letter");
        pack_text(packer, names[(drawn >> 4 & 3) - 1]);
    }
}

/* The options of semaphores, barriers and locks; events look at none. */
static void say_bounds(msgpack_packer *packer, uint8_t drawn)
{
    msgpack_pack_map(packer, 4);
    pack_text(packer, "value");
    msgpack_pack_uint8(packer, drawn & 3);
    pack_text(packer, "bounded");
    drawn & 4 ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    pack_text(packer, "parties");
    msgpack_pack_uint8(packer, drawn >> 3 & 3);
    pack_text(packer, "refuse_deadlock");
    drawn & 32 ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
}

/* The options of arrays and values; the others look at none. */
static void say_numbers(msgpack_packer *packer, uint8_t drawn, input *in)
{
    bool given[] = {(drawn & 3) != 0, drawn & 4, drawn & 8};
    msgpack_pack_map(packer, (size_t)given[0] + given[1] + given[2]);
    if (given[0]) {
        pack_text(packer, "typecode");
        msgpack_pack_str_with_body(packer, &"bBhHiIlLqQfdxx??"[drawn >> 4], 1);
    }
    if (given[1]) {
        pack_text(packer, "length");
        msgpack_pack_uint64(packer, draw_number(in));
    }
    if (given[2]) {
        pack_text(packer, "values");
        msgpack_pack_array(packer, 2);
        msgpack_pack_uint8(packer, drawn);
        msgpack_pack_double(packer, 0.5);
    }
}

static void say_reference(const world *self, msgpack_packer *packer, uint8_t which)
{
    size_t length = self->reference_lengths[which % REFERENCES];
    if (length) {
        ipc__buf_write(packer->data, (const char *)self->references[which % REFERENCES], length);
    } else {
        msgpack_pack_ext_with_body(packer, "\x94\x01\x02\xa0\xc0", 5, IPC_EXT_HANDLE); /* to nothing */
    }
}

/* A container: by name, new, by a pin, as another handle, or by a reference. */
static void say_container(peer *self, msgpack_packer *packer, uint8_t what, input *in)
{
    static const char *const containers[] = {"dict", "namespace", "list", "array", "value"};
    pack_text(packer, containers[what % 5]);
    msgpack_pack_uint8(packer, what / 5 % 3);
    uint8_t where = input_byte(in);
    switch (where % 5) {
    case 0:
        pack_text(packer, names[where / 5 % 4]);
        break;
    case 1:
        msgpack_pack_nil(packer);
        break;
    case 2:
        msgpack_pack_bin_with_body(packer, self->world->pins[where / 5 % PINS], sizeof self->world->pins[0]);
        break;
    case 3:
        msgpack_pack_uint8(packer, where / 5 % HANDLES);
        break;
    default:
        say_reference(self->world, packer, where / 5);
    }
    say_numbers(packer, input_byte(in), in);
}

static void say_open(peer *self, msgpack_packer *packer, input *in)
{
    static const char *const types[] = {"queue", "queue", "pipe", "shelf"};
    static const char *const kin[] = {"lock", "rlock", "condition", "semaphore", "event", "barrier"};
    uint8_t what = input_byte(in);
    if (what >= 100 && what < 160) {
        say_container(self, packer, what - 100, in);
        return;
    }
    bool synchronises = what >= 160;
    pack_text(packer, synchronises ? kin[what % 6] : types[what % 4]);
    msgpack_pack_uint8(packer, what / 4 % 3);
    uint8_t where = input_byte(in);
    const unsigned char *pin = self->world->pins[where / 4 % PINS];
    switch (where % 4) {
    case 0:
        pack_text(packer, names[where / 4 % 4]);
        break;
    case 1:
        msgpack_pack_nil(packer);
        break;
    case 2:
        msgpack_pack_bin_with_body(packer, pin, sizeof self->world->pins[0]);
        break;
    default:
        msgpack_pack_uint8(packer, where / 4 % HANDLES);
    }
    uint8_t options = input_byte(in);
    bool given[] = {options & 1, options & 2, options & 4, options & 8};
    uint8_t redelivery = input_byte(in);
    if (synchronises) {
        say_bounds(packer, options);
        return;
    }
    msgpack_pack_map(packer, (size_t)given[0] + given[1] + given[2] + given[3] + count_redelivery(redelivery));
    say_redelivery(packer, redelivery);
    if (given[0]) {
        pack_text(packer, "joinable");
        options & 16 ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    }
    if (given[1]) {
        pack_text(packer, "maxsize");
        msgpack_pack_uint8(packer, options >> 5);
    }
    if (given[2]) {
        pack_text(packer, "end");
        msgpack_pack_uint8(packer, options >> 6);
    }
    if (given[3]) {
        pack_text(packer, "simplex");
        options & 32 ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    }
}

/* A value of some bytes; now and then one that has a frame of its own. */
static void say_value(peer *self, input *in)
{
    static const unsigned char filling[IPC__INLINE_MAX + 1 + UINT8_MAX];
    size_t length = input_byte(in);
    length += length > 250 ? IPC__INLINE_MAX : 0;
    require(ipc__write_value(&self->out, (ipc__bytes){filling, length}, NULL), "there is memory");
}

/* DONE and RELEASE: of something that was delivered, or of anything. */
static void say_delivery(const peer *self, uint32_t handle, uint64_t seq, msgpack_packer *packer, ipc__op op, input *in)
{
    uint8_t which = input_byte(in);
    delivery of = self->heard[which % HEARD];
    if (which >= 240) {
        of = (delivery){handle, draw_number(in), draw_number(in), (uint32_t)draw_number(in)};
    }
    ipc__write_op(packer, op, of.handle, seq, 3);
    msgpack_pack_uint64(packer, of.item);
    msgpack_pack_uint64(packer, of.position);
    msgpack_pack_uint32(packer, of.attempt);
}

/* How far a client says that it has taken: mostly something that can be. */
static uint64_t draw_position(const peer *self, uint32_t handle, input *in)
{
    uint8_t drawn = input_byte(in);
    uint64_t last = handle < HANDLES ? self->positions[handle] : 0;
    return drawn >= 240 ? draw_number(in) : last - (drawn % 8 < last ? drawn % 8 : last);
}

/* A thread of a session: one of few. */
static void say_thread(msgpack_packer *packer, input *in)
{
    msgpack_pack_uint8(packer, 1 + (uint8_t)input_below(in, 3));
}

/* WAIT: of an event (one field), a condition (two) or a barrier. */
static void say_wait(uint32_t handle, uint64_t seq, msgpack_packer *packer, input *in)
{
    unsigned fields = 1 + (unsigned)input_below(in, 3);
    ipc__write_op(packer, IPC__OP_WAIT, handle, seq, fields);
    if (fields > 1) {
        say_thread(packer, in);
    }
    msgpack_pack_int64(packer, draw_timeout(in));
    if (fields > 2) {
        input_below(in, 2) ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
    }
}

static void say_fields(peer *self, ipc__op op, uint32_t handle, msgpack_packer *packer, input *in)
{
    switch (op) {
    case IPC__OP_OPEN:
        say_open(self, packer, in);
        return;
    case IPC__OP_UNLINK:
    case IPC__OP_INFO:
        pack_text(packer, names[input_below(in, 4)]);
        return;
    case IPC__OP_CANCEL:
        msgpack_pack_uint64(packer, self->seq - input_below(in, 16));
        return;
    case IPC__OP_PUT_WAIT:
    case IPC__OP_JOIN:
        msgpack_pack_int64(packer, draw_timeout(in));
        return;
    case IPC__OP_FLOW:
        msgpack_pack_uint64(packer, draw_position(self, handle, in));
        msgpack_pack_uint64(packer, draw_number(in));
        msgpack_pack_int64(packer, draw_timeout(in));
        return;
    case IPC__OP_RECALLED: {
        uint64_t taken = draw_position(self, handle, in);
        msgpack_pack_uint64(packer, taken);
        msgpack_pack_uint64(packer, input_below(in, 4) ? taken + 1 : input_byte(in));
        return;
    }
    case IPC__OP_UNCREDITED:
        msgpack_pack_uint64(packer, draw_number(in));
        return;
    case IPC__OP_ACQUIRE:
        say_thread(packer, in);
        msgpack_pack_int64(packer, draw_timeout(in));
        return;
    case IPC__OP_UNLOCK:
    case IPC__OP_PEEK:
        say_thread(packer, in);
        return;
    case IPC__OP_NOTIFY:
        say_thread(packer, in);
        msgpack_pack_uint8(packer, (uint8_t)input_below(in, 4));
        return;
    case IPC__OP_PASS:
        say_thread(packer, in);
        input_below(in, 2) ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        return;
    case IPC__OP_INVOKE:
        msgpack_pack_uint8(packer, (uint8_t)input_below(in, 48));
        return;
    case IPC__OP_SET:
    case IPC__OP_RESET:
    case IPC__OP_SHUTDOWN:
    case IPC__OP_BYE:
        input_below(in, 2) ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        return;
    default:
        return;
    }
}

void core_say(peer *self, input *in)
{
    static const ipc__op ops[] = {
        IPC__OP_OPEN,    IPC__OP_OPEN,     IPC__OP_OPEN,     IPC__OP_OPEN,     IPC__OP_PUT,      IPC__OP_PUT,
        IPC__OP_PUT,     IPC__OP_PUT,      IPC__OP_PUT_WAIT, IPC__OP_PUT_WAIT, IPC__OP_FLOW,     IPC__OP_FLOW,
        IPC__OP_FLOW,    IPC__OP_POLL,     IPC__OP_POLL,     IPC__OP_RECALLED, IPC__OP_RECALLED, IPC__OP_DONE,
        IPC__OP_DONE,    IPC__OP_DONE_ANY, IPC__OP_RELEASE,  IPC__OP_JOIN,     IPC__OP_SIZE,     IPC__OP_UNCREDITED,
        IPC__OP_CLOSE,   IPC__OP_UNLINK,   IPC__OP_LIST,     IPC__OP_PING,     IPC__OP_CANCEL,   IPC__OP_PIN,
        IPC__OP_BYE,     IPC__OP_BIND,     IPC__OP_SHUTDOWN, IPC__OP_STAT,     IPC__OP_INFO,     IPC__OP_ACQUIRE,
        IPC__OP_ACQUIRE, IPC__OP_UNLOCK,   IPC__OP_PEEK,     IPC__OP_SET,      IPC__OP_WAIT,     IPC__OP_WAIT,
        IPC__OP_NOTIFY,  IPC__OP_PASS,     IPC__OP_RESET,    IPC__OP_INVOKE,   IPC__OP_INVOKE,   IPC__OP_INVOKE,
        IPC__OP_INVOKE,  IPC__OP_INVOKE,   IPC__OP_INVOKE,   IPC__OP_REFER,    IPC__OP_REFER,
    };
    if (ipc__outbox_full(&self->out)) {
        return;
    }
    ipc__op op = ops[input_below(in, sizeof ops / sizeof ops[0])];
    uint8_t drawn = input_byte(in);
    uint32_t handle = drawn % HANDLES;
    uint64_t seq = drawn < 250 ? ++self->seq : 0; /* which is none */
    msgpack_packer packer = ipc__packer(&self->out.ops);
    if (op == IPC__OP_DONE || op == IPC__OP_RELEASE) {
        say_delivery(self, handle, seq, &packer, op, in);
        return;
    }
    if (op == IPC__OP_WAIT) {
        say_wait(handle, seq, &packer, in);
        return;
    }
    ipc__write_op(&packer, op, handle, seq, (unsigned)strlen(fuzz_shape(op)));
    say_fields(self, op, handle, &packer, in);
    if (op == IPC__OP_PUT || op == IPC__OP_PUT_WAIT) {
        say_value(self, in);
    } else if (op == IPC__OP_INVOKE) {
        core_say_arguments(self, in);
    }
}
