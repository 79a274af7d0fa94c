/*
 * Fuzz target: the hub core with all its types behind a lane of its own. The input says what happens: sessions come,
 * fork, say what a client may say or anything else, and go; time passes. Nothing the hub sends is malformed, its counts are
 * right at every step, and when everybody is gone nothing is left.
 * Touches nothing but memory. One thread.
 */
#include "fuzz/core_world.h"
#include "fuzz/envelopes.h"
#include "hub/stream.h"

#include <utlist.h>

enum { SESSIONS_EVER = 40, STEPS_MAX = 4000, CHECK_EVERY = 16 };

/* ---- the lane ---- */

/* What the hub sends is one whole operation of its own. */
static void check_operation(const void *op, size_t length, ipc__head *head)
{
    ipc__envelope whole = {.frame_count = 0};
    ipc_cursor_init(&whole.at, op, length);
    require(ipc__envelope_next(&whole, head) && head->op >= IPC__OP_REPLY, "the hub sends operations of its own");
    const char *shape = fuzz_shape(head->op);
    require(shape && head->op != IPC__OP_DELIVER && head->op != IPC__OP_RECALL, "the hub sends operations that exist");
    int64_t code = 0;
    if (*shape == 'i') {
        ipc_cursor copy = whole.at;
        require(ipc__read_int(&copy, &code) && (code == 0 || ipc_err_name((ipc_err)code)), "a code is one");
    }
    require(head->op == IPC__OP_REPLY ? head->fields >= 1 : head->fields == strlen(shape), "with all their fields");
    require(code == 0 || head->op != IPC__OP_REPLY || head->fields == 2, "an error has words");
    for (uint32_t i = 0; i < head->fields; i++) {
        require(ipc_cursor_skip(&whole.at) == IPC_OK, "with all their fields");
    }
    require(whole.at.at == whole.at.end, "one at a time");
}

/* The answer to a PIN is remembered. */
static void note_pin(world *self, const void *op, size_t length)
{
    if (length >= sizeof self->pins[0] + 2 && self->pin_count < PINS) {
        const unsigned char *end = (const unsigned char *)op + length;
        if (end[-(int)sizeof self->pins[0] - 2] == 0xc4) { /* bin 8 */
            memcpy(self->pins[self->pin_count++], end - sizeof self->pins[0], sizeof self->pins[0]);
        }
    }
}

/* So is a reference. */
static void note_reference(world *self, ipc__envelope whole)
{
    int64_t code;
    ipc_cursor *at = &whole.at;
    if (!ipc__read_int(at, &code)) {
        return;
    }
    const unsigned char *start = at->at;
    ipc_value value;
    if (ipc_cursor_next(at, &value) || value.kind != IPC_KIND_EXT || value.as.bytes.ext != IPC_EXT_HANDLE) {
        return;
    }
    unsigned which = self->reference_count++ % REFERENCES;
    self->reference_lengths[which] = (size_t)(at->at - start);
    require(self->reference_lengths[which] <= REFERENCE_MAX, "a reference is short");
    memcpy(self->references[which], start, self->reference_lengths[which]);
}

static void lane_send(void *arg, const void *op, size_t length)
{
    peer *self = arg;
    ipc__head head;
    require(!self->gone, "nothing is sent to who is gone");
    check_operation(op, length, &head);
    if (head.op == IPC__OP_REPLY && head.fields == 2) {
        ipc__envelope whole = {.frame_count = 0};
        ipc_cursor_init(&whole.at, op, length);
        require(ipc__envelope_next(&whole, &head), "it was one before");
        note_pin(self->world, op, length);
        note_reference(self->world, whole);
    }
}

static void ring_add(handout *self, uint64_t position)
{
    self->count = position == 1 ? 0 : self->count;
    require(position == self->count + 1, "deliveries have positions one behind the other");
    self->slots = realloc(self->slots, self->count + 1);
    require(self->slots != NULL, "there is memory");
    self->slots[self->count++] = READY;
}

static void lane_deliver(void *arg, uint32_t handle, const ipc__item *item)
{
    peer *self = arg;
    require(!self->gone, "nothing is delivered to who is gone");
    require(item->attempt >= 1 && item->position >= 1, "a delivery has an attempt and a position");
    touch(ipc__item_bytes(item).data, item->length);
    self->heard[self->heard_next++ % HEARD] = (delivery){handle, item->seq, item->position, item->attempt};
    if (handle < HANDLES) {
        self->positions[handle] = item->position;
        ring_add(&self->rings[handle], item->position);
    }
}

static int64_t delayed_recall(void *arg, uint32_t handle, uint32_t count)
{
    (void)handle;
    require(!((peer *)arg)->gone && count > 0, "who is there is asked for something");
    return IPC__RECALL_LATER;
}

static uint64_t delayed_taken(void *arg, uint32_t handle)
{
    (void)arg;
    (void)handle;
    return 0;
}

/* The newest that nobody has taken. A handle beyond the rings gives nothing back. */
static int64_t exact_recall(void *arg, uint32_t handle, uint32_t count)
{
    delayed_recall(arg, handle, count);
    int64_t back = 0;
    handout *of = handle < HANDLES ? &((peer *)arg)->rings[handle] : NULL;
    for (size_t at = of ? of->count : 0; at > 0 && back < count && of->slots[at - 1] != TAKEN; at--) {
        back += of->slots[at - 1] == READY;
        of->slots[at - 1] = BACK;
    }
    return back;
}

static uint64_t exact_taken(void *arg, uint32_t handle)
{
    const handout *of = handle < HANDLES ? &((peer *)arg)->rings[handle] : NULL;
    size_t at = of ? of->count : 0;
    while (at > 0 && of->slots[at - 1] != TAKEN) {
        at--;
    }
    return at;
}

static void lane_peer_gone(void *arg)
{
    peer *self = arg;
    require(!self->gone, "a session ends once");
    self->gone = true;
}

static const ipc__lane_ops delayed_lane = {
    .name = "delayed",
    .send = lane_send,
    .deliver = lane_deliver,
    .recall = delayed_recall,
    .taken = delayed_taken,
    .peer_gone = lane_peer_gone,
};
static const ipc__lane_ops exact_lane = {
    .name = "exact",
    .exact = true,
    .send = lane_send,
    .deliver = lane_deliver,
    .recall = exact_recall,
    .taken = exact_taken,
    .peer_gone = lane_peer_gone,
};

/* ---- sessions ---- */

static peer *peer_new(world *self, bool exact)
{
    if (self->peer_count == SESSIONS || self->ever == SESSIONS_EVER) {
        return NULL;
    }
    peer *one = calloc(1, sizeof *one);
    require(one != NULL, "there is memory");
    one->world = self;
    one->exact = exact;
    return one;
}

static void peer_free(peer *self)
{
    ipc__outbox_free(&self->out);
    for (unsigned i = 0; i < HANDLES; i++) {
        free(self->rings[i].slots);
    }
    free(self);
}

/* The hub took it, or not. */
static peer *peer_enter(peer *self, ipc_err err)
{
    require((err == IPC_OK) == (self->session != NULL), "there is a session where there is no error");
    if (err) {
        peer_free(self);
        return NULL;
    }
    DL_APPEND(self->world->peers, self);
    self->world->peer_count++;
    self->world->ever++;
    return self;
}

static peer *arrive(world *self, bool exact)
{
    peer *one = peer_new(self, exact);
    if (!one) {
        return NULL;
    }
    ipc__identity who = {{(const unsigned char *)"c", 1}, {NULL, 0}, 1};
    return peer_enter(one,
                      ipc__core_session(&self->core, exact ? &exact_lane : &delayed_lane, one, &who, &one->session));
}

static void leave(peer *self, ipc__end end)
{
    world *in = self->world;
    ipc__core_session_end(self->session, end, in->now);
    require(self->gone, "the lane is told of a session's end");
    DL_DELETE(in->peers, self);
    in->peer_count--;
    peer_free(self);
}

/* A child has all its parent's handles, or those of numbers that may be none. */
static void fork_peer(peer *self, input *in)
{
    peer *child = peer_new(self->world, self->exact);
    if (!child) {
        return;
    }
    static const uint8_t all[] = {0x90 + HANDLES, 1, 2, 3, 4, 5};
    const uint8_t *numbers = all;
    size_t length = sizeof all;
    if (input_below(in, 4) == 0) {
        length = input_bytes(in, input_byte(in), &numbers);
    }
    ipc_cursor cursor;
    ipc_cursor_init(&cursor, numbers, length);
    peer_enter(child, ipc__core_fork(self->session, self->session->lane, child, cursor, &child->session));
}

/* ---- what the hub hears ---- */

/* What a client has said is sent, and what comes of it. */
static void transmit(peer *self)
{
    ipc__envelope envelope;
    uint64_t epoch = 1;
    fuzz_post(&envelope, &self->out, &epoch, 1);
    require(ipc__envelope_open(&envelope, &epoch, 1), "the header is one");
    ipc_err err = ipc__core_input(self->session, &envelope, self->world->now);
    ipc__envelope_free(&envelope);
    require(err == IPC_OK || err == IPC_ECLOSED || err == IPC_EPROTO, "an envelope is well, the last, or broken");
    if (err) {
        leave(self, err == IPC_ECLOSED ? IPC__END_CLEAN : IPC__END_CRASH);
    }
}

/* Some bytes of what was said become others; or there are others altogether. */
static void garble(peer *self, input *in)
{
    ipc__buf *ops = &self->out.ops;
    for (unsigned count = 1 + input_below(in, 3); count > 0 && ops->length; count--) {
        size_t at = (size_t)input_byte(in) * ops->length / (UINT8_MAX + 1);
        ops->data[at] = input_byte(in);
    }
}

static void babble(peer *self, input *in)
{
    const uint8_t *bytes;
    size_t length = input_bytes(in, input_byte(in), &bytes);
    ipc__buf_write(&self->out.ops, (const char *)bytes, length);
}

/* An exact session takes, in order. */
static void take(peer *self, input *in)
{
    handout *of = &self->rings[input_below(in, HANDLES)];
    size_t at = exact_taken(self, (uint32_t)(of - self->rings));
    for (unsigned count = 1 + input_below(in, 4); count > 0 && at < of->count && of->slots[at] == READY; count--) {
        of->slots[at++] = TAKEN;
    }
}

static void pass_time(world *self, input *in)
{
    uint64_t due = ipc__core_due(&self->core);
    uint8_t how = input_byte(in);
    if (how < 128 && due != UINT64_MAX && due > self->now) {
        self->now = due;
    } else {
        self->now += (uint64_t)1 << how % 28; /* up to two minutes */
    }
    ipc__core_advance(&self->core, self->now);
    require(ipc__core_due(&self->core) > self->now, "what is due is done");
}

/* ---- a run ---- */

static peer *some_peer(const world *self, unsigned which)
{
    peer *one = self->peers;
    for (which = self->peer_count ? which % self->peer_count : 0; which > 0; which--) {
        one = one->next;
    }
    return one;
}

static void step(world *self, input *in)
{
    uint8_t drawn = input_byte(in);
    peer *one = some_peer(self, drawn >> 4);
    if (!one) {
        arrive(self, drawn & 1);
        return;
    }
    switch (drawn & 15) {
    case 0:
        arrive(self, drawn & 16);
        break;
    case 1:
        pass_time(self, in);
        break;
    case 2:
        take(one, in);
        break;
    case 3:
        fork_peer(one, in);
        break;
    case 4:
        leave(one, input_below(in, 2) ? IPC__END_CRASH : IPC__END_CLEAN);
        break;
    case 5:
        garble(one, in);
        transmit(one);
        break;
    case 6:
        babble(one, in);
        transmit(one);
        break;
    case 7:
    case 8:
        core_say(one, in);
        break;
    default:
        core_say(one, in);
        transmit(one);
    }
}

/* Everybody goes; whoever comes next unlinks what has a name. Then nothing is left. */
static void end_all(world *self)
{
    while (self->peers) {
        leave(self->peers, self->peer_count % 2 ? IPC__END_CRASH : IPC__END_CLEAN);
    }
    self->ever = 0;
    peer *janitor = arrive(self, false);
    require(janitor != NULL, "there is room for a session");
    while (self->core.by_name) {
        msgpack_packer packer = ipc__packer(&janitor->out.ops);
        ipc__write_op(&packer, IPC__OP_UNLINK, 0, ++janitor->seq, 1);
        const char *name = self->core.by_name->name;
        msgpack_pack_str_with_body(&packer, name, strlen(name));
        transmit(janitor);
        require(self->peers == janitor, "an UNLINK is well");
    }
    leave(janitor, IPC__END_CLEAN);
    while (ipc__core_due(&self->core) != UINT64_MAX) { /* garbage is looked for */
        self->now = ipc__core_due(&self->core);
        ipc__core_advance(&self->core, self->now);
    }
    const ipc__core *core = &self->core;
    require(!core->sessions && !core->objects && !core->pins && core->object_count == 0, "nothing is left");
    require(core->memory == 0, "nothing is kept");
    require(core->timers.count == 0, "nothing is due any more");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    options.max_sessions = SESSIONS;
    options.max_objects = 8;
    options.max_memory = input_byte(&in) % 4 ? 1 << 20 : 2000;
    world self = {.now = 1000000};
    ipc__core_init(&self.core, &options);
    ipc__core_advance(&self.core, self.now);
    for (unsigned steps = 0; in.left && steps < STEPS_MAX; steps++) {
        step(&self, &in);
        if (steps % CHECK_EVERY == 0) {
            core_check(&self);
        }
    }
    core_check(&self);
    if (data && size && *data / 4 % 8) {
        end_all(&self);
    }
    ipc__core_fini(&self.core); /* which may be before its sessions' ends */
    require(self.core.memory == 0, "nothing is kept");
    while (self.peers) {
        peer *one = self.peers;
        require(one->gone, "the lane is told of a session's end");
        DL_DELETE(self.peers, one);
        peer_free(one);
    }
    return 0;
}
