/*
 * Tests of messages: owners, references, and the NUL-ended texts that a message keeps.
 * Touches memory alone. Several threads where it says so.
 */
#include "codec_support.h"

#include <pthread.h>
#include <stdio.h>

static void test_codec_msg__from_bytes_copies(void **state)
{
    (void)state;
    unsigned char bytes[] = {0x92, 0x01, 0x02};
    ipc_msg *msg;
    assert_int_equal(ipc_msg_from_bytes(&msg, bytes, sizeof bytes), IPC_OK);
    memset(bytes, 0xc1, sizeof bytes);
    assert_bytes(msg, "920102");
    assert_true(msg->checked);
    ipc_msg_free(msg);
}

static void test_codec_msg__from_bytes_refuses_what_is_no_value(void **state)
{
    (void)state;
    ipc_msg before = {.length = 0};
    ipc_msg *msg = &before;
    assert_int_equal(ipc_msg_from_bytes(&msg, "\x92\x01", 2), IPC_EBADMSG);
    assert_null(msg);
    assert_string_equal(ipc_last_error(), "more elements are announced than bytes are left: offset 0 of 2 bytes");
    msg = &before;
    assert_int_equal(ipc_msg_from_bytes(&msg, NULL, 0), IPC_EBADMSG);
    assert_null(msg);
    assert_int_equal(ipc_msg_from_bytes(&msg, NULL, 1), IPC_EINVAL);
    assert_int_equal(ipc_msg_from_bytes(NULL, "\x01", 1), IPC_EINVAL);
}

static void test_codec_msg__null_is_fine_where_it_says_so(void **state)
{
    (void)state;
    size_t length = 7;
    ipc_msg_free(NULL);
    assert_null(ipc_msg_ref(NULL));
    assert_null(ipc_msg_bytes(NULL, &length));
    assert_int_equal(length, 0);
    assert_int_equal(ipc_msg_attempt(NULL), 0);
    ipc_msg *msg = msg_hex("c0");
    assert_non_null(ipc_msg_bytes(msg, NULL));
    ipc_msg_free(msg);
}

static void count_release(void *arg)
{
    ++*(int *)arg;
}

static void test_codec_msg__the_last_reference_releases_borrowed_bytes(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {0xa1, 'x'};
    int released = 0;
    ipc_msg *msg = ipc__msg_borrow(bytes, sizeof bytes, count_release, &released);
    assert_non_null(msg);
    size_t length;
    assert_ptr_equal(ipc_msg_bytes(msg, &length), bytes);
    assert_int_equal(length, 2);
    assert_false(msg->checked);
    assert_ptr_equal(ipc_msg_ref(msg), msg);
    ipc_msg_free(msg);
    assert_int_equal(released, 0);
    ipc_msg_free(msg);
    assert_int_equal(released, 1);
}

static void test_codec_msg__borrowed_bytes_may_need_no_release(void **state)
{
    (void)state;
    ipc_msg *msg = ipc__msg_borrow("\x05", 1, NULL, NULL);
    assert_non_null(msg);
    int value;
    assert_int_equal(ipc_unpack(msg, "i", &value), IPC_OK);
    assert_int_equal(value, 5);
    ipc_msg_free(msg);
}

static void test_codec_msg__what_a_handle_sets_is_zero_at_first(void **state)
{
    (void)state;
    ipc_msg *made[] = {ipc__msg_new(3), ipc__msg_borrow("\xc0", 1, NULL, NULL), NULL};
    assert_int_equal(ipc_pack(&made[2], "i", 1), IPC_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(made[i]);
        assert_int_equal(ipc_msg_attempt(made[i]), 0);
        assert_true(made[i]->source == 0 && made[i]->seq == 0 && made[i]->position == 0);
        made[i]->attempt = 3;
        assert_int_equal(ipc_msg_attempt(made[i]), 3);
        ipc_msg_free(made[i]);
    }
}

static void test_codec_msg__a_size_that_runs_over_is_no_memory(void **state)
{
    (void)state;
    assert_null(ipc__msg_new(SIZE_MAX));
    assert_null(ipc__msg_new(SIZE_MAX - 8));
}

static void test_codec_msg__built_in_one_allocation(void **state)
{
    (void)state;
    for (size_t length = 0; length < 20000; length = length * 2 + 1) {
        ipc__buf buf = {0};
        assert_true(ipc__msg_begin(&buf));
        for (size_t i = 0; i < length; i++) {
            char byte = (char)i;
            assert_int_equal(ipc__buf_write(&buf, &byte, 1), 0);
        }
        ipc_msg *msg = ipc__msg_end(&buf);
        assert_non_null(msg);
        assert_null(buf.data);
        assert_int_equal(msg->length, length);
        assert_ptr_equal(msg->data, msg->bytes);
        for (size_t i = 0; i < length; i++) {
            assert_int_equal(msg->bytes[i], (unsigned char)i);
        }
        ipc_msg_free(msg);
    }
}

static void test_codec_msg__a_text_is_copied_once(void **state)
{
    (void)state;
    ipc_msg *msg = msg_hex("92a161a162");
    const char *first;
    const char *second;
    const char *again;
    assert_int_equal(ipc_unpack(msg, "[s,s]", &first, &second), IPC_OK);
    assert_int_equal(ipc_unpack(msg, "[s]", &again), IPC_OK);
    assert_string_equal(first, "a");
    assert_string_equal(second, "b");
    assert_ptr_equal(first, again);
    ipc_msg_free(msg);
}

enum { THREADS = 4, TEXTS = 20, ROUNDS = 200 };

typedef struct reader {
    const ipc_msg *msg;
    pthread_barrier_t *start;
    const char *texts[TEXTS];
    bool ok;
} reader;

/* Every text by its key, one call each, beginning together with the others. */
static void *reader_run(void *arg)
{
    reader *r = arg;
    r->ok = true;
    pthread_barrier_wait(r->start);
    for (int i = 0; i < TEXTS; i++) {
        char key[20];
        snprintf(key, sizeof key, "k%d", i);
        r->ok = r->ok && ipc_unpack(r->msg, "{s:s}", key, &r->texts[i]) == IPC_OK;
    }
    return NULL;
}

/* A map k0: "text 0", and so on, that nobody has looked at yet. */
static ipc_msg *msg_of_texts(void)
{
    ipc__buf buf = {0};
    assert_true(ipc__msg_begin(&buf));
    msgpack_packer packer = ipc__packer(&buf);
    msgpack_pack_map(&packer, TEXTS);
    for (int i = 0; i < TEXTS; i++) {
        char text[20];
        int length = snprintf(text, sizeof text, "k%d", i);
        msgpack_pack_str(&packer, (size_t)length);
        msgpack_pack_str_body(&packer, text, (size_t)length);
        length = snprintf(text, sizeof text, "text %d", i);
        msgpack_pack_str(&packer, (size_t)length);
        msgpack_pack_str_body(&packer, text, (size_t)length);
    }
    ipc_msg *msg = ipc__msg_end(&buf);
    assert_non_null(msg);
    return msg;
}

static void test_codec_msg__threads_may_unpack_one_message(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        ipc_msg *msg = msg_of_texts();
        pthread_barrier_t start;
        pthread_t threads[THREADS];
        reader readers[THREADS];
        assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
        for (int i = 0; i < THREADS; i++) {
            readers[i] = (reader){.msg = msg, .start = &start};
            assert_int_equal(pthread_create(&threads[i], NULL, reader_run, &readers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        for (int i = 0; i < THREADS * TEXTS; i++) {
            char expected[20];
            snprintf(expected, sizeof expected, "text %d", i % TEXTS);
            assert_true(readers[i / TEXTS].ok);
            assert_string_equal(readers[i / TEXTS].texts[i % TEXTS], expected);
        }
        pthread_barrier_destroy(&start);
        ipc_msg_free(msg);
    }
}

static void *ref_run(void *arg)
{
    for (int i = 0; i < 10000; i++) {
        ipc_msg_free(ipc_msg_ref(arg));
    }
    ipc_msg_free(arg);
    return NULL;
}

static void test_codec_msg__references_from_several_threads(void **state)
{
    (void)state;
    int released = 0;
    ipc_msg *msg = ipc__msg_borrow("\xc0", 1, count_release, &released);
    assert_non_null(msg);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ref_run, ipc_msg_ref(msg)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(released, 0);
    ipc_msg_free(msg);
    assert_int_equal(released, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_msg__from_bytes_copies),
        cmocka_unit_test(test_codec_msg__from_bytes_refuses_what_is_no_value),
        cmocka_unit_test(test_codec_msg__null_is_fine_where_it_says_so),
        cmocka_unit_test(test_codec_msg__the_last_reference_releases_borrowed_bytes),
        cmocka_unit_test(test_codec_msg__borrowed_bytes_may_need_no_release),
        cmocka_unit_test(test_codec_msg__what_a_handle_sets_is_zero_at_first),
        cmocka_unit_test(test_codec_msg__a_size_that_runs_over_is_no_memory),
        cmocka_unit_test(test_codec_msg__built_in_one_allocation),
        cmocka_unit_test(test_codec_msg__a_text_is_copied_once),
        cmocka_unit_test(test_codec_msg__threads_may_unpack_one_message),
        cmocka_unit_test(test_codec_msg__references_from_several_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
