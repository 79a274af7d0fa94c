/*
 * The codec when memory runs out: every allocation of every call fails once, and nothing leaks or is half done.
 * Touches the allocator's counters below. One thread. Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free: the functions below stand in for those.
 */
#include "codec_support.h"

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

/* One call that allocates; it gives back all that it got, and sees to its outs. */
typedef ipc_err (*attempt_fn)(void);

/* Let the first allocation fail, then the second, and so on, until the call gets through. How many there were. */
static int exhaust(attempt_fn attempt)
{
    for (int n = 0;; n++) {
        assert_true(n < 100);
        long before = live;
        failed = false;
        until_failure = n;
        ipc_err err = attempt();
        until_failure = -1;
        assert_int_equal(live, before);
        if (!failed) {
            assert_int_equal(err, IPC_OK);
            return n;
        }
        assert_int_equal(err, IPC_ENOMEM);
        assert_string_equal(ipc_last_error(), "out of memory");
    }
}

static ipc_msg *shared; /* what the attempts below read; made while memory is there */

static ipc_err attempt_from_bytes(void)
{
    ipc_msg *msg;
    ipc_err err = ipc_msg_from_bytes(&msg, "\x92\x01\x02", 3);
    assert_true(err ? !msg : msg != NULL);
    ipc_msg_free(msg);
    return err;
}

static void test_codec_nomem__from_bytes(void **state)
{
    (void)state;
    assert_int_equal(exhaust(attempt_from_bytes), 1);
}

static ipc_err attempt_pack(void)
{
    ipc_msg *msg;
    ipc_err err = ipc_pack(&msg, "{s:i,s:[f,f]}", "id", 7, "xy", 1.5, 2.5);
    assert_true(err ? !msg : msg != NULL);
    ipc_msg_free(msg);
    return err;
}

static void test_codec_nomem__a_small_value_is_one_allocation(void **state)
{
    (void)state;
    assert_int_equal(exhaust(attempt_pack), 1);
}

static char large[3000];

/* Grows a few times; behind the growth that fails, smaller writes would fit again. */
static ipc_err attempt_pack_growing(void)
{
    ipc_msg *msg;
    ipc_err err = ipc_pack(&msg, "[B,i,B,i,v]", large, (size_t)1000, 1, large, sizeof large, 2, shared);
    assert_true(err ? !msg : msg != NULL);
    ipc_msg_free(msg);
    return err;
}

static void test_codec_nomem__a_buffer_that_grows(void **state)
{
    (void)state;
    assert_int_equal(ipc_pack(&shared, "s", "x"), IPC_OK);
    assert_true(exhaust(attempt_pack_growing) >= 3);
    ipc_msg_free(shared);
}

static void count_release(void *arg)
{
    ++*(int *)arg;
}

/* Bytes stay their owner's when there is no memory for a message around them. */
static void test_codec_nomem__borrow_does_not_release(void **state)
{
    (void)state;
    int released = 0;
    until_failure = 0;
    ipc_msg *msg = ipc__msg_borrow("\xc0", 1, count_release, &released);
    until_failure = -1;
    assert_null(msg);
    assert_int_equal(released, 0);
}

/* Giving slack back is a courtesy: without it, the value is whole all the same. */
static void test_codec_nomem__a_message_that_cannot_shrink_stays(void **state)
{
    (void)state;
    ipc__buf buf = {0};
    assert_true(ipc__msg_begin(&buf));
    assert_true(ipc__buf_reserve(&buf, 100000));
    assert_int_equal(ipc__buf_write(&buf, "\xa1x", 2), 0);
    failed = false;
    until_failure = 0;
    ipc_msg *msg = ipc__msg_end(&buf);
    until_failure = -1;
    assert_true(failed);
    assert_non_null(msg);
    assert_bytes(msg, "a178");
    ipc_msg_free(msg);
}

static ipc_err attempt_text(void)
{
    const char *text = "before";
    ipc_msg *msg = ipc_msg_ref(shared);
    ipc_err err = ipc_unpack(msg, "{s:s}", "text", &text);
    assert_string_equal(text, err ? "before" : "x");
    ipc_msg_free(msg);
    return err;
}

static void test_codec_nomem__a_text(void **state)
{
    (void)state;
    assert_int_equal(ipc_pack(&shared, "{s:s}", "text", "x"), IPC_OK);
    long before = live;
    until_failure = 0;
    assert_int_equal(attempt_text(), IPC_ENOMEM);
    until_failure = -1;
    assert_int_equal(live, before);
    assert_int_equal(attempt_text(), IPC_OK);
    assert_int_equal(live, before + 1); /* the message's own now */
    until_failure = 0;
    assert_int_equal(attempt_text(), IPC_OK); /* it is there already */
    until_failure = -1;
    ipc_msg_free(shared);
    assert_int_equal(live, before - 1);
}

static ipc_err attempt_copies(void)
{
    ipc_msg *v[3] = {NULL, NULL, NULL};
    ipc_err err = ipc_unpack(shared, "{s:v,?s:n,s:[v,v]}", "a", &v[0], "nope", "b", &v[1], &v[2]);
    for (size_t i = 0; i < 3; i++) {
        assert_true(err ? !v[i] : v[i] != NULL);
        ipc_msg_free(v[i]);
    }
    return err;
}

static void test_codec_nomem__copies_before_the_one_that_fails(void **state)
{
    (void)state;
    assert_int_equal(ipc_pack(&shared, "{s:[i,i],s:[n,s]}", "a", 1, 2, "b", "x"), IPC_OK);
    assert_int_equal(exhaust(attempt_copies), 3);
    ipc_msg_free(shared);
}

/* Checking, walking and refusing need no memory at all. */
static void test_codec_nomem__checking_and_walking_allocate_nothing(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("82a16192c0c3a162a178");
    ipc_cursor cursor;
    ipc_value value;
    int out;
    const char *text;
    size_t length;
    failed = false;
    until_failure = 0;
    ipc_err checked = ipc_msg_check(msg->data, msg->length);
    ipc_err refused = ipc_msg_check("\xdd\xff\xff\xff\xff", 5);
    ipc_err opened = ipc_cursor_open(&cursor, msg);
    ipc_err next = ipc_cursor_next(&cursor, &value);
    ipc_err skipped = ipc_cursor_skip(&cursor);
    ipc_err unpacked = ipc_unpack(msg, "{s:[n,b],s:S!}", "a", &out, "b", &text, &length);
    until_failure = -1;
    assert_false(failed);
    assert_true(!checked && refused == IPC_EBADMSG && !opened && !next && !skipped && !unpacked);
    ipc_msg_free(msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_nomem__from_bytes),
        cmocka_unit_test(test_codec_nomem__a_small_value_is_one_allocation),
        cmocka_unit_test(test_codec_nomem__a_buffer_that_grows),
        cmocka_unit_test(test_codec_nomem__borrow_does_not_release),
        cmocka_unit_test(test_codec_nomem__a_message_that_cannot_shrink_stays),
        cmocka_unit_test(test_codec_nomem__a_text),
        cmocka_unit_test(test_codec_nomem__copies_before_the_one_that_fails),
        cmocka_unit_test(test_codec_nomem__checking_and_walking_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
