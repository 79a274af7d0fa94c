/*
 * Clients of a hub core, each answered at once.
 * Touches memory. One thread.
 */
#include "box_world.h"
#include "wire/read.h"
#include "wire/write.h"

#include <msgpack.h>

static void heard_answer(box_client *self, ipc_cursor *at, uint32_t fields)
{
    self->answered = true;
    BOX_REQUIRE(ipc__read_int(at, &self->code), "an answer has a code");
    BOX_REQUIRE(self->code == IPC_OK ? fields <= 8 : fields == 5, "an error has words, and nothing else");
    ipc__buf_reset(&self->answer);
    ipc__buf_write(&self->answer, (const char *)at->at, (size_t)(at->end - at->at));
}

static void lane_send(void *peer, const void *op, size_t length)
{
    box_client *self = peer;
    ipc_cursor at;
    uint32_t fields;
    uint64_t what;
    uint64_t handle;
    uint64_t seq;
    BOX_REQUIRE(self->session, "nothing is said to who is not there");
    ipc_cursor_init(&at, op, length);
    BOX_REQUIRE(ipc__read_array(&at, &fields) && ipc__read_uint(&at, &what) && ipc__read_uint(&at, &handle) &&
                    ipc__read_uint(&at, &seq),
                "it is an operation");
    if (what != IPC__OP_REPLY) {
        BOX_REQUIRE(what == IPC__OP_END, "containers say nothing unasked");
    } else if (seq == self->expected && !self->answered) {
        heard_answer(self, &at, fields);
    } else {
        BOX_REQUIRE(self->waiting && seq == self->waiting && !self->woken, "an answer comes once");
        uint64_t fence;
        self->woken = ipc__read_int(&at, &self->woken_code);
        BOX_REQUIRE(self->woken_code || (ipc__read_uint(&at, &fence) && ipc__read_bool(&at, &self->woken_abandoned)),
                    "an answer has its fields");
    }
}

static void lane_gone(void *peer)
{
    (void)peer;
}

const ipc__lane_ops box_lane = {.name = "sim", .send = lane_send, .peer_gone = lane_gone};

void box_join(box_client *self)
{
    ipc__identity who = {{(const unsigned char *)"c", 1}, {(const unsigned char *)"sim", 3}, 1};
    BOX_REQUIRE(ipc__core_session(&box.core, &box_lane, self, &who, &self->session) == IPC_OK, "a session begins");
}

int64_t box_ask(box_client *self, ipc__op op, uint32_t handle, unsigned fields, const ipc__buf *packed)
{
    ipc__buf ops = {0};
    msgpack_packer packer = ipc__packer(&ops);
    self->expected = ++self->seq;
    self->answered = false;
    ipc__write_op(&packer, op, handle, self->seq, fields);
    ipc__buf_write(&ops, (const char *)packed->data, packed->length);
    ipc__block *block = ipc__block_copy(ops.data, ops.length);
    ipc__envelope envelope = {.frames = {block}, .frame_count = 1, .next_frame = 1};
    BOX_REQUIRE(block && !ops.failed, "there is memory");
    ipc_cursor_init(&envelope.at, block->data, block->length);
    BOX_REQUIRE(ipc__core_input(self->session, &envelope, box.now) == IPC_OK, "a right operation is taken");
    ipc__envelope_free(&envelope);
    ipc__buf_free(&ops);
    BOX_REQUIRE(self->answered || op == IPC__OP_ACQUIRE, "it is answered at once");
    self->expected = 0;
    return self->answered ? self->code : IPC_OK;
}
