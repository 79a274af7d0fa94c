/*
 * The hub's containers when memory runs out: every allocation of every method fails once. The session gets an answer all the
 * same; where that is an error nothing has changed, and nothing leaks.
 * Touches the allocator's counters below, and a hub core without a lane. One thread. Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free: the functions below stand in for those.
 */
#include "hub/core.h"
#include "hub/reference.h"

#include <ipc/method.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the allocator ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static int until_failure = -1; /* allocations that still succeed; negative: all of them */
static bool failed;
static long live; /* blocks */

static bool fails_now(void)
{
    if (until_failure < 0 || until_failure-- > 0) {
        return false;
    }
    failed = true;
    return true;
}

static void *count_block(void *memory)
{
    live += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : count_block(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : count_block(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fails_now()) {
        return NULL;
    }
    bool fresh = !memory;
    void *moved = __real_realloc(memory, size);
    live += fresh && moved;
    return moved;
}

void __wrap_free(void *memory)
{
    live -= memory != NULL;
    __real_free(memory);
}

/* ---- a session ---- */

enum { TEXTS = 5 }; /* of a rig, copied by the C library's strdup(), whose allocations go uncounted, and freed here */

enum { DICT = 1, LIST = 2, ARRAY = 3, INNER = 4, ROOM = 64 * 1024 };

/* The last answer. */
static unsigned char reply[ROOM];
static size_t reply_length;
static unsigned reply_count;

static void keep_reply(void *peer, const void *op, size_t length)
{
    (void)peer;
    assert_true(length <= ROOM);
    memcpy(reply, op, length);
    reply_length = length;
    reply_count++;
}

static void forget_peer(void *peer)
{
    (void)peer;
}

static const ipc__lane_ops silent_lane = {.name = "none", .send = keep_reply, .peer_gone = forget_peer};

typedef struct rig {
    ipc__core core;
    ipc__session *session;
    uint64_t seq;
} rig;

/* The code of the last answer; the cursor is at what follows. */
static int64_t read_reply(ipc_cursor *at)
{
    int64_t numbers[4];
    uint32_t fields;
    ipc_cursor_init(at, reply, reply_length);
    assert_true(ipc__read_array(at, &fields) && fields >= 4);
    for (int i = 0; i < 4; i++) {
        ipc_value value;
        assert_int_equal(ipc_cursor_next(at, &value), IPC_OK);
        numbers[i] = value.as.i;
    }
    assert_int_equal(numbers[0], IPC__OP_REPLY);
    return numbers[3];
}

/* Send one operation, of which the n-th allocation fails; negative: none. The code of its answer, of which there is one. */
static int64_t send_op(rig *self, const ipc__buf *op, int n)
{
    ipc__envelope envelope = {.frame_count = 1, .frames = {ipc__block_copy(op->data, op->length)}};
    assert_non_null(envelope.frames[0]);
    assert_true(ipc__envelope_open(&envelope, NULL, 0));
    reply_count = 0;
    failed = false;
    until_failure = n;
    ipc_err err = ipc__core_input(self->session, &envelope, self->core.now + 1);
    until_failure = -1;
    assert_int_equal(err, IPC_OK);
    assert_int_equal(reply_count, 1);
    ipc__envelope_free(&envelope);
    ipc_cursor rest;
    return read_reply(&rest);
}

static void open_one(rig *self, uint32_t handle, const char *type, const char *name)
{
    ipc__buf op = {0};
    msgpack_packer packer = ipc__packer(&op);
    ipc__write_op(&packer, IPC__OP_OPEN, handle, ++self->seq, 4);
    ipc__pack_text(&packer, type);
    msgpack_pack_int(&packer, 0);
    if (name) {
        ipc__pack_text(&packer, name);
    } else {
        msgpack_pack_nil(&packer);
    }
    msgpack_pack_map(&packer, handle == ARRAY ? 2 : 0);
    if (handle == ARRAY) {
        ipc__pack_text(&packer, "typecode");
        ipc__pack_text(&packer, "q");
        ipc__pack_uint(&packer, "length", 100);
    }
    assert_int_equal(send_op(self, &op, -1), IPC_OK);
    ipc__buf_free(&op);
}

static int64_t invoke(rig *self, uint32_t handle, ipc_method method, const ipc_msg *arguments, int n)
{
    size_t length;
    const unsigned char *bytes = ipc_msg_bytes(arguments, &length);
    ipc__buf op = {0};
    msgpack_packer packer = ipc__packer(&op);
    ipc__write_op(&packer, IPC__OP_INVOKE, handle, ++self->seq, 2);
    msgpack_pack_int(&packer, (int)method);
    ipc__write_bin(&op, (ipc__bytes){bytes, length});
    int64_t code = send_op(self, &op, n);
    ipc__buf_free(&op);
    return code;
}

/* What a handle's container has, as its COPY says it. Free it. */
static ipc_msg *copy_of(rig *self, uint32_t handle)
{
    ipc_msg *none;
    ipc_msg *copy;
    ipc_cursor at;
    ipc__bytes value = {NULL, 0};
    assert_int_equal(ipc_pack(&none, "[]"), IPC_OK);
    assert_int_equal(invoke(self, handle, IPC_METHOD_COPY, none, -1), IPC_OK);
    (void)read_reply(&at);
    assert_true(ipc__read_bin(&at, &value));
    assert_int_equal(ipc_msg_from_bytes(&copy, value.data, value.length), IPC_OK);
    ipc_msg_free(none);
    return copy;
}

static ipc_msg *packed(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ipc_msg *msg;
    assert_int_equal(ipc_vpack(&msg, format, args), IPC_OK);
    va_end(args);
    return msg;
}

static ipc_msg *reference_to_inner(rig *self)
{
    ipc__buf op = {0};
    msgpack_packer packer = ipc__packer(&op);
    ipc__write_op(&packer, IPC__OP_REFER, INNER, ++self->seq, 0);
    assert_int_equal(send_op(self, &op, -1), IPC_OK);
    ipc__buf_free(&op);
    ipc_cursor at;
    ipc_msg *reference;
    (void)read_reply(&at);
    assert_int_equal(ipc_msg_from_bytes(&reference, at.at, (size_t)(at.end - at.at)), IPC_OK);
    return reference;
}

/* ---- what is asked for ---- */

static char large[3000];

/* Arguments in packed bytes; L stands for a large text in them, R for a reference (neither byte is in them otherwise). */
typedef struct attempt {
    uint32_t handle;
    ipc_method method;
    const char *bytes;
    size_t length;
    bool in_part; /* it may have happened in part */
} attempt;

#define ASK(handle, method, bytes)                                                                                     \
    {                                                                                                                  \
        (handle), IPC_METHOD_##method, (bytes), sizeof(bytes) - 1, false                                               \
    }
#define ASK_IN_PART(handle, method, bytes)                                                                             \
    {                                                                                                                  \
        (handle), IPC_METHOD_##method, (bytes), sizeof(bytes) - 1, true                                                \
    }

static ipc_msg *arguments_of(const attempt *which, const ipc_msg *reference)
{
    ipc__buf all = {0};
    ipc_msg *text = packed("s", large);
    for (size_t i = 0; i < which->length; i++) {
        char byte = which->bytes[i];
        size_t length;
        const char *bytes = ipc_msg_bytes(byte == 'L' ? text : reference, &length);
        ipc__buf_write(&all, byte == 'L' || byte == 'R' ? bytes : &byte, byte == 'L' || byte == 'R' ? length : 1);
    }
    ipc_msg *arguments;
    assert_int_equal(ipc_msg_from_bytes(&arguments, all.data, all.length), IPC_OK);
    ipc_msg_free(text);
    ipc__buf_free(&all);
    return arguments;
}

static void set(rig *self, const char *key, const ipc_msg *value)
{
    ipc_msg *arguments = packed("[s,v]", key, value);
    assert_int_equal(invoke(self, DICT, IPC_METHOD_SET, arguments, -1), IPC_OK);
    ipc_msg_free(arguments);
}

/* A dict {"a": 1, "large": …, "ref": …}, a list of seven, an array of zeros; the inner list is held by the others alone. */
static ipc_msg *rig_open(rig *self)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    const ipc__identity who = {{(const unsigned char *)"c", 1}, {(const unsigned char *)"demo", 4}, 0};
    *self = (rig){.seq = 0};
    ipc__core_init(&self->core, &options);
    self->core.epoch = 1;
    assert_int_equal(ipc__core_session(&self->core, &silent_lane, self, &who, &self->session), IPC_OK);
    open_one(self, DICT, "dict", "dict");
    open_one(self, LIST, "list", "list");
    open_one(self, ARRAY, "array", "array");
    open_one(self, INNER, "list", NULL);
    ipc_msg *reference = reference_to_inner(self);
    ipc_msg *text = packed("s", large);
    ipc_msg *one = packed("i", 1);
    ipc_msg *several = packed("[[i,i,v,i,v,i,i]]", 3, 2, text, 1, reference, 5, 4);
    set(self, "a", one);
    set(self, "large", text);
    set(self, "ref", reference);
    assert_int_equal(invoke(self, LIST, IPC_METHOD_EXTEND, several, -1), IPC_OK);
    ipc_msg_free(several);
    ipc_msg_free(one);
    ipc_msg_free(text);
    return reference;
}

static void rig_close(rig *self)
{
    ipc__core_session_end(self->session, IPC__END_CLEAN, self->core.now + 1);
    ipc__core_fini(&self->core);
    assert_int_equal(self->core.memory, 0);
    assert_int_equal(self->core.object_count, 0);
}

static bool same(const ipc_msg *a, const ipc_msg *b)
{
    size_t a_length;
    size_t b_length;
    const void *a_bytes = ipc_msg_bytes(a, &a_length);
    const void *b_bytes = ipc_msg_bytes(b, &b_length);
    return a_length == b_length && memcmp(a_bytes, b_bytes, a_length) == 0;
}

/* With the n-th allocation failing. Whether there was one. */
static bool try_with(const attempt *which, int n)
{
    rig self;
    long before = live;
    ipc_msg *reference = rig_open(&self);
    ipc_msg *arguments = arguments_of(which, reference);
    ipc_msg *was = copy_of(&self, which->handle);
    uint64_t memory = self.core.memory;
    ipc__buf_free(&self.core.result); /* as a hub that has just begun has none */
    ipc__buf_free(&self.core.scratch);
    int64_t code = invoke(&self, which->handle, which->method, arguments, n);
    bool one_failed = failed;
    assert_true(code == IPC_OK || (code == IPC_ENOMEM && one_failed));
    if (code && !which->in_part) {
        ipc_msg *is = copy_of(&self, which->handle);
        assert_true(same(was, is));
        assert_true(self.core.memory <= memory + 1024); /* a list may have made room */
        ipc_msg_free(is);
    }
    ipc_msg_free(was);
    ipc_msg_free(arguments);
    ipc_msg_free(reference);
    rig_close(&self);
    assert_int_equal(live, before - TEXTS);
    return one_failed;
}

static void exhaust(const attempt *attempts, size_t count)
{
    memset(large, 'x', sizeof large - 1);
    for (size_t i = 0; i < count; i++) {
        int n = 0;
        while (try_with(&attempts[i], n)) {
            assert_true(++n < 100);
        }
    }
}

static void test_containers_nomem__dict(void **state)
{
    (void)state;
    static const attempt attempts[] = {
        ASK(DICT, SET, "\x92\xa1z\x07"),
        ASK(DICT, SET, "\x92\xa1zL"),
        ASK(DICT, SET, "\x92\xa1z\x93RRR"),
        ASK(DICT, SET,
            "\x92\xa1"
            "aL"),
        ASK(DICT, SET, "\x92L\x07"),
        ASK(DICT, GET, "\x91\xa5large"),
        ASK(DICT, GET, "\x91\xa3ref"),
        ASK(DICT, DELETE, "\x91\xa3ref"),
        ASK(DICT, POP, "\x91\xa3ref"),
        ASK(DICT, POP, "\x91\xa5large"),
        ASK(DICT, INCREMENT,
            "\x92\xa1"
            "a\x07"),
        ASK(DICT, INCREMENT, "\x92\xa1z\x07"),
        ASK(DICT, COMPARE_SET,
            "\x93\xa1"
            "a\x91\x01\x91L"),
        ASK(DICT, COMPARE_SET, "\x93\xa1z\x90\x91R"),
        ASK(DICT, SET_DEFAULT, "\x92\xa1zL"),
        ASK(DICT, SET_DEFAULT, "\x92\xa1zR"),
        ASK(DICT, POP_ITEM, "\x90"),
        ASK(DICT, VALUES, "\x90"),
        ASK(DICT, ITEMS, "\x90"),
        ASK(DICT, COPY, "\x90"),
        ASK(DICT, KEYS, "\x90"),
        ASK(DICT, GET_MANY, "\x91\x92\xa5large\xa5large"),
        ASK(DICT, CLEAR, "\x90"),
        ASK_IN_PART(DICT, UPDATE,
                    "\x91\x84\xa1yL\xa1zR\xa1"
                    "aR\x07L"),
    };
    exhaust(attempts, sizeof attempts / sizeof attempts[0]);
}

static void test_containers_nomem__list(void **state)
{
    (void)state;
    static const attempt attempts[] = {
        ASK(LIST, APPEND, "\x91L"),
        ASK(LIST, APPEND, "\x91\x93RLR"),
        ASK(LIST, EXTEND, "\x91\x94\x07LRL"),
        ASK(LIST, INSERT, "\x92\x00R"),
        ASK(LIST, SET, "\x92\x04L"),
        ASK(LIST, GET, "\x91\x04"),
        ASK(LIST, POP, "\x91\x02"),
        ASK(LIST, POP, "\x91\x04"),
        ASK(LIST, DELETE, "\x91\x04"),
        ASK(LIST, INCREMENT, "\x92\x00\x07"),
        ASK(LIST, COMPARE_SET, "\x93\x00\x91\x03\x91L"),
        ASK(LIST, GET_SLICE, "\x93\xc0\xc0\xff"),
        ASK(LIST, SET_SLICE, "\x94\x00\x02\x01\x94L\x07RR"),
        ASK(LIST, SET_SLICE, "\x94\xc0\xc0\x03\x93L\x07R"),
        ASK(LIST, DELETE_SLICE, "\x93\xc0\xc0\x02"),
        ASK(LIST, REMOVE, "\x91L"),
        ASK(LIST, INDEX, "\x91L"),
        ASK(LIST, COPY, "\x90"),
        ASK(LIST, REPEAT, "\x91\x05"),
        ASK(LIST, REVERSE, "\x90"),
        ASK(LIST, CLEAR, "\x90"),
    };
    exhaust(attempts, sizeof attempts / sizeof attempts[0]);
}

static void test_containers_nomem__array(void **state)
{
    (void)state;
    static const attempt attempts[] = {
        ASK(ARRAY, SET, "\x92\x00\x07"),
        ASK(ARRAY, GET, "\x91\x00"),
        ASK(ARRAY, INCREMENT, "\x92\x00\x07"),
        ASK(ARRAY, COMPARE_SET, "\x93\x00\x91\x00\x91\x07"),
        ASK(ARRAY, COPY, "\x90"),
        ASK(ARRAY, GET_SLICE, "\x93\xc0\xc0\xff"),
        ASK(ARRAY, SET_SLICE, "\x94\x00\x02\x01\x92\x01\x02"),
    };
    exhaust(attempts, sizeof attempts / sizeof attempts[0]);
}

/* Numbers alone are sorted, and the room for that may be missing. */
static void test_containers_nomem__sort(void **state)
{
    (void)state;
    for (int n = 0, more = 1; more; n++) {
        rig self;
        long before = live;
        ipc_msg *reference = rig_open(&self);
        ipc_msg *slice = packed("[i,i,i]", 2, 5, 2);
        ipc_msg *down = packed("[b]", 1);
        assert_int_equal(invoke(&self, LIST, IPC_METHOD_DELETE_SLICE, slice, -1), IPC_OK);
        ipc_msg *was = copy_of(&self, LIST);
        int64_t code = invoke(&self, LIST, IPC_METHOD_SORT, down, n);
        more = failed;
        ipc_msg *is = copy_of(&self, LIST);
        ipc_msg *sorted = packed("[i,i,i,i,i]", 5, 4, 3, 2, 1);
        assert_int_equal(code, more && !same(is, sorted) ? IPC_ENOMEM : IPC_OK);
        assert_true(same(is, code ? was : sorted));
        ipc_msg *const all[] = {reference, slice, down, was, is, sorted};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            ipc_msg_free(all[i]);
        }
        rig_close(&self);
        assert_int_equal(live, before - TEXTS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_containers_nomem__dict),
        cmocka_unit_test(test_containers_nomem__list),
        cmocka_unit_test(test_containers_nomem__array),
        cmocka_unit_test(test_containers_nomem__sort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
