/*
 * Containers in the hub core when memory runs out: every allocation of every operation fails once. Nothing leaks, nothing is lost
 * count of, and an operation has happened as a whole or not at all (of an UPDATE some of it may have).
 * Touches the allocator's counters below. One thread. Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free: the functions below stand in for those.
 */
#include "hub/core.h"
#include "sim_peek.h"
#include "wire/read.h"
#include "wire/write.h"

#include <ipc/method.h>
#include <msgpack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <utlist.h>

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

/* The C library's own would not be counted. */
char *strndup(const char *string, size_t n)
{
    size_t length = strnlen(string, n);
    char *copy = malloc(length + 1);
    if (copy) {
        memcpy(copy, string, length);
        copy[length] = 0;
    }
    return copy;
}

char *strdup(const char *s)
{
    return strndup(s, strlen(s));
}

/* ---- a hub, and one client ---- */

enum { DICT = 1, LIST, ARRAY, OTHER, FREE, PICTURE = 1 << 16, ATTEMPTS_MAX = 3000, KEYS = 400 };

static ipc__core core;
static ipc__session *session;
static uint64_t seq;
static uint64_t asked;
static unsigned char answer[PICTURE];
static size_t answer_length;
static int64_t answer_code;
static bool answered;

static void lane_send(void *peer, const void *op, size_t length)
{
    (void)peer;
    ipc_cursor at;
    uint32_t fields;
    uint64_t numbers[3];
    ipc_cursor_init(&at, op, length);
    assert_true(ipc__read_array(&at, &fields));
    for (int i = 0; i < 3; i++) {
        assert_true(ipc__read_uint(&at, &numbers[i]));
    }
    if (numbers[0] == IPC__OP_REPLY && numbers[2] == asked) {
        assert_true(ipc__read_int(&at, &answer_code));
        answered = true;
        answer_length = (size_t)(at.end - at.at);
        assert_true(answer_length <= sizeof answer);
        memcpy(answer, at.at, answer_length);
    }
}

static void lane_gone(void *peer)
{
    (void)peer;
}

static const ipc__lane_ops lane = {.name = "sim", .send = lane_send, .peer_gone = lane_gone};

/* One operation, in which an allocation fails, or none (-1). */
static void ask(ipc__op op, uint32_t handle, unsigned fields, const ipc__buf *packed, int failing)
{
    ipc__buf ops = {0};
    msgpack_packer packer = ipc__packer(&ops);
    asked = ++seq;
    answered = false;
    answer_length = 0;
    ipc__write_op(&packer, op, handle, asked, fields);
    ipc__buf_write(&ops, (const char *)packed->data, packed->length);
    ipc__block *block = ipc__block_copy(ops.data, ops.length);
    ipc__envelope envelope = {.frames = {block}, .frame_count = 1, .next_frame = 1};
    ipc_cursor_init(&envelope.at, block->data, block->length);
    failed = false;
    until_failure = failing;
    ipc_err err = ipc__core_input(session, &envelope, 1000000);
    until_failure = -1;
    assert_int_equal(err, IPC_OK);
    ipc__envelope_free(&envelope);
    ipc__buf_free(&ops);
}

static void open_object(uint32_t handle, const char *type, const char *name, int failing)
{
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    ipc__pack_text(&packer, type);
    msgpack_pack_int(&packer, 0);
    if (name) {
        ipc__pack_text(&packer, name);
    } else {
        msgpack_pack_nil(&packer);
    }
    bool array = *type == 'a';
    msgpack_pack_map(&packer, array ? 2 : 0);
    if (array) {
        ipc__pack_text(&packer, "typecode");
        ipc__pack_text(&packer, "d");
        ipc__pack_text(&packer, "values");
        ipc__buf_write(&fields, "\x94\x01\x02\x03\x04", 5);
    }
    ask(IPC__OP_OPEN, handle, 4, &fields, failing);
    ipc__buf_free(&fields);
}

static void invoke(uint32_t handle, unsigned method, const ipc__buf *arguments, int failing)
{
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    msgpack_pack_unsigned_int(&packer, method);
    msgpack_pack_bin_with_body(&packer, arguments->data, arguments->length);
    ask(IPC__OP_INVOKE, handle, 2, &fields, failing);
    ipc__buf_free(&fields);
}

/*
 * Arguments, in a letter each: 0-9 a number, a-f a text, L a long text, R a reference to OTHER, N null, T true; [ ( < and { begin
 * sequences of one, three and seven, and a map of three pairs.
 */
static unsigned char reference[64];
static size_t reference_length;

static void pack_letters(ipc__buf *to, const char *letters)
{
    static const char text[300] = {0};
    msgpack_packer packer = ipc__packer(to);
    for (; *letters; letters++) {
        if (*letters <= '9' && *letters >= '0') {
            msgpack_pack_int(&packer, *letters - '0');
        } else if (*letters >= 'a') {
            *letters == '{' ? msgpack_pack_map(&packer, 3) : msgpack_pack_str_with_body(&packer, letters, 1);
        } else if (*letters == 'L') {
            msgpack_pack_str_with_body(&packer, text, sizeof text);
        } else if (*letters == 'R') {
            ipc__buf_write(to, (const char *)reference, reference_length);
        } else if (*letters == 'N') {
            msgpack_pack_nil(&packer);
        } else if (*letters == 'T') {
            msgpack_pack_true(&packer);
        } else {
            msgpack_pack_array(&packer, *letters == '(' ? 3 : *letters == '<' ? 7 : 1);
        }
    }
}

static void call(uint32_t handle, unsigned method, unsigned count, const char *letters, int failing)
{
    ipc__buf arguments = {0};
    msgpack_packer packer = ipc__packer(&arguments);
    msgpack_pack_array(&packer, count);
    pack_letters(&arguments, letters);
    invoke(handle, method, &arguments, failing);
    ipc__buf_free(&arguments);
}

static void set_up(void)
{
    ipc_hub_options options = IPC_HUB_OPTIONS_INIT;
    ipc__identity who = {{(const unsigned char *)"c", 1}, {(const unsigned char *)"sim", 3}, 1};
    ipc__buf none = {0};
    ipc__core_init(&core, &options);
    core.epoch = 7;
    assert_int_equal(ipc__core_session(&core, &lane, NULL, &who, &session), IPC_OK);
    open_object(DICT, "dict", "dict", -1);
    open_object(LIST, "list", NULL, -1);
    open_object(ARRAY, "array", NULL, -1);
    open_object(OTHER, "list", NULL, -1);
    ask(IPC__OP_REFER, OTHER, 0, &none, -1);
    memcpy(reference, answer, answer_length);
    reference_length = answer_length;
    call(DICT, IPC_METHOD_UPDATE, 1, "{a1bLcR", -1);
    call(LIST, IPC_METHOD_EXTEND, 1, "(31R", -1);
    call(LIST, IPC_METHOD_EXTEND, 1, "(La5", -1);
    call(LIST, IPC_METHOD_EXTEND, 1, "(789", -1);
    assert_true(answered && answer_code == IPC_OK);
}

static void tear_down(void)
{
    ipc__core_fini(&core);
    assert_int_equal(core.memory, 0);
    assert_int_equal(core.object_count, 0);
}

/* ---- what an operation has made of it ---- */

typedef struct picture {
    unsigned char bytes[PICTURE];
    size_t length;
} picture;

static void paint(void *arg, uint64_t at, const ipc__bytes *key, ipc__bytes value)
{
    (void)at;
    picture *of = arg;
    const ipc__bytes parts[] = {key ? *key : (ipc__bytes){NULL, 0}, value};
    for (int i = 0; i < 2; i++) {
        assert_true(of->length + parts[i].length <= sizeof of->bytes);
        if (parts[i].length) {
            memcpy(of->bytes + of->length, parts[i].data, parts[i].length);
        }
        of->length += parts[i].length;
    }
}

/* Of all objects, by their order; and memory is counted. */
static void take_picture(picture *of)
{
    uint64_t memory = 0;
    const ipc__object *object;
    of->length = 0;
    DL_FOREACH(core.objects, object)
    {
        of->bytes[of->length++] = (unsigned char)object->hold_count;
        assert_true(sim_peek_container(object, paint, of, &memory));
    }
    assert_true(memory == core.memory);
}

static bool same(const picture *a, const picture *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* ---- every operation ---- */

typedef struct operation {
    const char *name;
    void (*run)(int failing);
    uint32_t handle;
    unsigned method;
    unsigned count;
    const char *letters;
    bool partly; /* it may have happened in part */
} operation;

static void run(const operation *what, int failing)
{
    if (what->run) {
        what->run(failing);
        return;
    }
    call(what->handle, what->method, what->count, what->letters, failing);
}

/* The n-th allocation of it fails; false: there is none. */
static bool attempt(const operation *what, int n, const picture *before, const picture *after)
{
    static picture now;
    long blocks = live;
    set_up();
    run(what, n);
    bool was_failed = failed;
    bool was_answered = answered;
    int64_t code = answer_code;
    take_picture(&now);
    bool right = was_answered && code == IPC_OK ? same(&now, after) : same(&now, before) || same(&now, after);
    right = right && (!was_answered || code == IPC_OK || code == IPC_ENOMEM);
    right = right && (!was_answered || code == IPC_OK || same(&now, before));
    if (!right && !(what->partly && was_answered && code == IPC_ENOMEM)) {
        fail_msg("%s, allocation %d: answered %d, %lld", what->name, n, was_answered, (long long)code);
    }
    /* It works as ever. */
    run(what, -1);
    assert_true(answered);
    take_picture(&now);
    call(DICT, IPC_METHOD_CONTAINS, 1, "a", -1);
    assert_true(answered && answer_code == IPC_OK);
    tear_down();
    if (live != blocks) {
        fail_msg("%s, allocation %d: %ld blocks are left", what->name, n, live - blocks);
    }
    return was_failed;
}

static void exhaust(const operation *what)
{
    static picture before;
    static picture after;
    set_up();
    take_picture(&before);
    run(what, -1);
    if (!answered || answer_code) {
        fail_msg("%s: %lld", what->name, (long long)answer_code);
    }
    take_picture(&after);
    tear_down();
    int n = 0;
    while (attempt(what, n, &before, &after)) {
        assert_true(++n < ATTEMPTS_MAX);
    }
}

#define CALL(handle, method, count, letters)                                                                           \
    {                                                                                                                  \
#handle " " #method, NULL, handle, IPC_METHOD_##method, count, letters, false                                  \
    }

static void test_container_nomem__dicts(void **state)
{
    (void)state;
    static const operation operations[] = {
        CALL(DICT, SET, 2, "d1"),
        CALL(DICT, SET, 2, "dL"),
        CALL(DICT, SET, 2, "aL"),
        CALL(DICT, SET, 2, "d(RRR"),
        CALL(DICT, SET, 2, "dR"),
        CALL(DICT, SET, 2, "c1"),
        CALL(DICT, SET, 2, "L[R"),
        CALL(DICT, GET, 1, "b"),
        CALL(DICT, GET, 1, "c"),
        CALL(DICT, GET, 2, "eL"),
        CALL(DICT, DELETE, 1, "b"),
        CALL(DICT, DELETE, 1, "c"),
        CALL(DICT, CONTAINS, 1, "a"),
        CALL(DICT, CLEAR, 0, ""),
        CALL(DICT, POP, 1, "b"),
        CALL(DICT, POP, 1, "c"),
        CALL(DICT, INCREMENT, 2, "a5"),
        CALL(DICT, INCREMENT, 2, "d5"),
        CALL(DICT, COMPARE_SET, 3, "a[1[L"),
        CALL(DICT, COMPARE_SET, 3, "b[L[R"),
        CALL(DICT, COPY, 0, ""),
        CALL(DICT, KEYS, 0, ""),
        CALL(DICT, VALUES, 0, ""),
        CALL(DICT, ITEMS, 0, ""),
        CALL(DICT, POP_ITEM, 0, ""),
        CALL(DICT, SET_DEFAULT, 2, "dR"),
        CALL(DICT, SET_DEFAULT, 2, "dL"),
        CALL(DICT, SET_DEFAULT, 2, "c1"),
        CALL(DICT, GET_MANY, 1, "(abc"),
        CALL(DICT, LENGTH, 0, ""),
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        exhaust(&operations[i]);
    }
}

static void test_container_nomem__lists(void **state)
{
    (void)state;
    static const operation operations[] = {
        CALL(LIST, APPEND, 1, "1"),
        CALL(LIST, APPEND, 1, "L"),
        CALL(LIST, APPEND, 1, "[R"),
        CALL(LIST, EXTEND, 1, "(LLR"),
        CALL(LIST, EXTEND, 1, "<1L3R5L7"),
        CALL(LIST, INSERT, 2, "0L"),
        CALL(LIST, INSERT, 2, "1(RRR"),
        CALL(LIST, INSERT, 2, "2R"),
        CALL(LIST, GET, 1, "2"),
        CALL(LIST, GET, 1, "3"),
        CALL(LIST, SET, 2, "2L"),
        CALL(LIST, SET, 2, "3R"),
        CALL(LIST, DELETE, 1, "2"),
        CALL(LIST, POP, 0, ""),
        CALL(LIST, POP, 1, "2"),
        CALL(LIST, INCREMENT, 2, "02"),
        CALL(LIST, COMPARE_SET, 3, "0[3[L"),
        CALL(LIST, COPY, 0, ""),
        CALL(LIST, GET_SLICE, 3, "NNN"),
        CALL(LIST, SET_SLICE, 4, "11N(LRL"),
        CALL(LIST, SET_SLICE, 4, "17N(LRL"),
        CALL(LIST, SET_SLICE, 4, "022[R"),
        CALL(LIST, DELETE_SLICE, 3, "NN2"),
        CALL(LIST, REMOVE, 1, "L"),
        CALL(LIST, INDEX, 1, "L"),
        CALL(LIST, COUNT, 1, "7"),
        CALL(LIST, REVERSE, 0, ""),
        CALL(LIST, REPEAT, 1, "3"),
        CALL(LIST, CLEAR, 0, ""),
        CALL(LIST, CONTAINS, 1, "L"),
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        exhaust(&operations[i]);
    }
}

/* Of numbers, since the others cannot be put in order. */
static void sort(int failing)
{
    call(LIST, IPC_METHOD_DELETE_SLICE, 3, "26N", -1);
    call(LIST, IPC_METHOD_SORT, 1, "T", failing);
}

static void refer(int failing)
{
    ipc__buf none = {0};
    ask(IPC__OP_REFER, DICT, 0, &none, failing);
}

static void open_list(int failing)
{
    open_object(FREE, "list", NULL, failing);
}

static void open_dict(int failing)
{
    open_object(FREE, "dict", "other", failing);
}

static void open_first(int failing)
{
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    ipc__pack_text(&packer, "dict");
    ask(IPC__OP_UNLINK, 0, 1, &fields, -1);
    open_object(FREE, "dict", "the only name", failing);
    ipc__buf_free(&fields);
}

static void open_array(int failing)
{
    open_object(FREE, "array", "array", failing);
}

static void follow(int failing)
{
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    ipc__pack_text(&packer, "list");
    msgpack_pack_int(&packer, 0);
    ipc__buf_write(&fields, (const char *)reference, reference_length);
    msgpack_pack_map(&packer, 0);
    ask(IPC__OP_OPEN, FREE, 4, &fields, failing);
    ipc__buf_free(&fields);
}

static void close_other(int failing)
{
    ipc__buf none = {0};
    ask(IPC__OP_CLOSE, OTHER, 0, &none, failing);
}

/* Whatever fails in there: what is told, held and looked for is told again by those who need it. */
static void test_container_nomem__other_operations(void **state)
{
    (void)state;
    static const operation operations[] = {
        {.name = "sort", .run = sort, .partly = true}, /* what is cut off before stays so */
        {.name = "refer", .run = refer},
        {.name = "close", .run = close_other},
        CALL(ARRAY, SET, 2, "05"),
        CALL(ARRAY, INCREMENT, 2, "15"),
        CALL(ARRAY, COMPARE_SET, 3, "0[1[7"),
        CALL(ARRAY, COPY, 0, ""),
        CALL(ARRAY, GET_SLICE, 3, "NN2"),
        CALL(ARRAY, SET_SLICE, 4, "03N(777"),
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        exhaust(&operations[i]);
    }
}

/* Handle by handle: a second one would be on a number that is in use. */
static void test_container_nomem__opening(void **state)
{
    (void)state;
    void (*const opens[])(int failing) = {open_list, open_dict, open_first, open_array, follow};
    for (size_t i = 0; i < sizeof opens / sizeof opens[0]; i++) {
        bool more = true;
        for (int n = 0; more; n++) {
            static picture before;
            static picture now;
            long blocks = live;
            set_up();
            take_picture(&before);
            opens[i](n);
            more = failed;
            take_picture(&now);
            assert_true(!answered || answer_code != IPC_ENOMEM || opens[i] == open_first || same(&now, &before));
            assert_true(!answered || answer_code == IPC_ENOMEM || answer_code == IPC_OK);
            assert_true(more || answer_code == IPC_OK);
            tear_down();
            assert_int_equal(live, blocks);
        }
    }
}

/* ---- UPDATE, and tables that grow ---- */

static void update_few(int failing)
{
    call(DICT, IPC_METHOD_UPDATE, 1, "{aLdRe1", failing);
}

static void update_many(int failing)
{
    ipc__buf arguments = {0};
    msgpack_packer packer = ipc__packer(&arguments);
    msgpack_pack_array(&packer, 1);
    msgpack_pack_map(&packer, KEYS);
    for (int i = 0; i < KEYS; i++) {
        msgpack_pack_int(&packer, i);
        msgpack_pack_int(&packer, i);
    }
    invoke(DICT, IPC_METHOD_UPDATE, &arguments, failing);
    ipc__buf_free(&arguments);
}

static void test_container_nomem__updates(void **state)
{
    (void)state;
    static const operation operations[] = {
        {.name = "few", .run = update_few, .partly = true},
        {.name = "many", .run = update_many, .partly = true},
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        exhaust(&operations[i]);
    }
}

/* A table that cannot grow keeps what it has: a key that is refused is not there, all others are found. */
static void test_container_nomem__a_table_that_cannot_grow(void **state)
{
    (void)state;
    long blocks = live;
    set_up();
    int missing = 0;
    for (int i = 0; i < KEYS; i++) {
        ipc__buf arguments = {0};
        msgpack_packer packer = ipc__packer(&arguments);
        msgpack_pack_array(&packer, 2);
        msgpack_pack_int(&packer, i);
        msgpack_pack_int(&packer, 1);
        int failing = -1;
        bool in = false;
        while (!in) { /* each allocation of each SET fails once, and then it is sent again */
            invoke(DICT, IPC_METHOD_SET, &arguments, ++failing);
            in = !failed;
            missing += failed && answered;
        }
        assert_true(answered && answer_code == IPC_OK);
        ipc__buf_free(&arguments);
        call(DICT, IPC_METHOD_LENGTH, 0, "", -1);
        ipc_cursor at = {answer, answer + answer_length};
        ipc__bytes length = {NULL, 0};
        uint64_t count;
        assert_true(ipc__read_bin(&at, &length));
        at = (ipc_cursor){length.data, length.data + length.length};
        assert_true(ipc__read_uint(&at, &count) && count == (uint64_t)i + 4);
    }
    assert_true(missing > KEYS / 2);
    for (int i = 0; i < KEYS; i++) {
        ipc__buf arguments = {0};
        msgpack_packer packer = ipc__packer(&arguments);
        msgpack_pack_array(&packer, 1);
        msgpack_pack_int(&packer, i);
        invoke(DICT, IPC_METHOD_DELETE, &arguments, -1);
        assert_true(answered && answer_code == IPC_OK);
        ipc__buf_free(&arguments);
    }
    tear_down();
    assert_int_equal(live, blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_nomem__dicts),
        cmocka_unit_test(test_container_nomem__lists),
        cmocka_unit_test(test_container_nomem__other_operations),
        cmocka_unit_test(test_container_nomem__opening),
        cmocka_unit_test(test_container_nomem__updates),
        cmocka_unit_test(test_container_nomem__a_table_that_cannot_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
