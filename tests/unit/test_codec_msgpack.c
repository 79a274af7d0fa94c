/*
 * The codec against msgpack-c: random values and their mutations are read alike by both, or refused by both.
 * Touches memory alone. One thread. Links msgpack-c's library; the codec itself needs its headers only.
 */
#include "codec_support.h"

#include <limits.h>
#include <msgpack.h>

enum { VALUES = 20000, MUTATIONS = 8, MAX_DEPTH = 6 };

/* ---- random values, in every form that msgpack has, the needlessly long ones too ---- */

static void put(ipc__buf *buf, const void *bytes, size_t length)
{
    if (length > 0) {
        assert_int_equal(ipc__buf_write(buf, bytes, length), 0);
    }
}

static void put_byte(ipc__buf *buf, unsigned byte)
{
    unsigned char c = (unsigned char)byte;
    put(buf, &c, 1);
}

static void put_number(ipc__buf *buf, uint64_t number, unsigned width)
{
    for (unsigned i = width; i > 0; i--) {
        put_byte(buf, (unsigned)(number >> 8 * (i - 1)) & 0xff);
    }
}

static void put_ascii(ipc__buf *buf, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        put_byte(buf, random_below(0x80));
    }
}

static void put_random_bytes(ipc__buf *buf, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        put_byte(buf, random_below(0x100));
    }
}

/* Mostly short, sometimes past the bounds of the 5 and 8 bit lengths. */
static uint32_t random_length(void)
{
    switch (random_below(20)) {
    case 0:
        return 31 + random_below(3);
    case 1:
        return 254 + random_below(4);
    default:
        return random_below(12);
    }
}

/* A head with a length, in a form that holds it: short (if there is one), 8, 16 or 32 bits. */
static void put_head(ipc__buf *buf, uint32_t length, unsigned short_head, uint32_t short_limit, unsigned head8,
                     unsigned head16)
{
    unsigned form = random_below(4);
    if (form == 0 && length < short_limit) {
        put_byte(buf, short_head | length);
    } else if (form <= 1 && head8 != 0 && length < 0x100) {
        put_byte(buf, head8);
        put_number(buf, length, 1);
    } else if (form <= 2) {
        put_byte(buf, head16);
        put_number(buf, length, 2);
    } else {
        put_byte(buf, head16 + 1);
        put_number(buf, length, 4);
    }
}

static void put_ext(ipc__buf *buf)
{
    unsigned log2 = random_below(5);
    if (random_below(2) == 0) {
        put_byte(buf, 0xd4 + log2);
        put_random_bytes(buf, 1 + (1u << log2));
        return;
    }
    uint32_t length = random_length();
    put_head(buf, length, 0, 0, 0xc7, 0xc8);
    put_random_bytes(buf, 1 + length);
}

/* A scalar that may be a key. */
static void put_scalar(ipc__buf *buf)
{
    uint32_t length;
    switch (random_below(9)) {
    case 0:
        put_byte(buf, 0xc0);
        break;
    case 1:
        put_byte(buf, 0xc2 + random_below(2));
        break;
    case 2: /* the short integers */
        put_byte(buf, (random_below(0xa0) + 0xe0) & 0xff);
        break;
    case 3: /* the unsigned and the signed, of 1, 2, 4 and 8 bytes */
    case 4: {
        unsigned form = random_below(8);
        put_byte(buf, 0xcc + form);
        put_random_bytes(buf, 1u << form % 4);
        break;
    }
    case 5:
        put_byte(buf, 0xca);
        put_random_bytes(buf, 4);
        break;
    case 6:
        put_byte(buf, 0xcb);
        put_random_bytes(buf, 8);
        break;
    case 7:
        length = random_length();
        put_head(buf, length, 0xa0, 32, 0xd9, 0xda);
        put_ascii(buf, length);
        break;
    default:
        length = random_length();
        put_head(buf, length, 0, 0, 0xc4, 0xc5);
        put_random_bytes(buf, length);
    }
}

static void put_value(ipc__buf *buf, unsigned depth)
{
    unsigned what = random_below(depth < MAX_DEPTH ? 10 : 7);
    if (what < 6) {
        put_scalar(buf);
        return;
    }
    if (what == 6) {
        put_ext(buf);
        return;
    }
    uint32_t count = random_below(random_below(8) == 0 ? 20 : 5);
    bool map = what == 9;
    put_head(buf, count, map ? 0x80 : 0x90, 16, 0, map ? 0xde : 0xdc);
    for (uint32_t i = 0; i < count; i++) {
        if (map) {
            put_scalar(buf);
        }
        put_value(buf, depth + 1);
    }
}

/* ---- comparing ---- */

static bool same_bytes(const ipc_value *ours, const char *data, uint32_t length)
{
    return ours->as.bytes.length == length && (length == 0 || memcmp(ours->as.bytes.data, data, length) == 0);
}

/* Bit for bit, so that -0.0 and the NaNs count too. */
static bool same_double(double a, double b)
{
    uint64_t bits[2];
    memcpy(&bits[0], &a, sizeof a);
    memcpy(&bits[1], &b, sizeof b);
    return bits[0] == bits[1];
}

static bool same_scalar(const ipc_value *ours, const msgpack_object *theirs)
{
    switch (theirs->type) {
    case MSGPACK_OBJECT_NIL:
        return ours->kind == IPC_KIND_NULL;
    case MSGPACK_OBJECT_BOOLEAN:
        return ours->kind == IPC_KIND_BOOL && ours->as.boolean == theirs->via.boolean;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return theirs->via.u64 > INT64_MAX ? ours->kind == IPC_KIND_UINT && ours->as.u == theirs->via.u64
                                           : ours->kind == IPC_KIND_INT && ours->as.i == (int64_t)theirs->via.u64;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return ours->kind == IPC_KIND_INT && ours->as.i == theirs->via.i64;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return ours->kind == IPC_KIND_FLOAT && same_double(ours->as.f, theirs->via.f64);
    case MSGPACK_OBJECT_STR:
        return ours->kind == IPC_KIND_STR && same_bytes(ours, theirs->via.str.ptr, theirs->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return ours->kind == IPC_KIND_BIN && same_bytes(ours, theirs->via.bin.ptr, theirs->via.bin.size);
    case MSGPACK_OBJECT_EXT:
        return ours->kind == IPC_KIND_EXT && ours->as.bytes.ext == theirs->via.ext.type &&
               same_bytes(ours, theirs->via.ext.ptr, theirs->via.ext.size);
    default:
        return false;
    }
}

/* The cursor's next value, with all that it contains, against a tree. */
static bool same(ipc_cursor *cursor, const msgpack_object *theirs)
{
    ipc_value ours;
    if (ipc_cursor_next(cursor, &ours) != IPC_OK) {
        return false;
    }
    if (theirs->type == MSGPACK_OBJECT_ARRAY) {
        bool ok = ours.kind == IPC_KIND_ARRAY && ours.as.count == theirs->via.array.size;
        for (uint32_t i = 0; ok && i < ours.as.count; i++) {
            ok = same(cursor, &theirs->via.array.ptr[i]);
        }
        return ok;
    }
    if (theirs->type == MSGPACK_OBJECT_MAP) {
        bool ok = ours.kind == IPC_KIND_MAP && ours.as.count == theirs->via.map.size;
        for (uint32_t i = 0; ok && i < ours.as.count; i++) {
            ok = same(cursor, &theirs->via.map.ptr[i].key) && same(cursor, &theirs->via.map.ptr[i].val);
        }
        return ok;
    }
    return same_scalar(&ours, theirs);
}

static void fail_on(block b, const char *what)
{
    print_error("%s, \"%s\":", what, ipc_last_error());
    for (size_t i = 0; i < b.length; i++) {
        print_error(" %02x", b.bytes[i]);
    }
    print_error("\n");
    fail();
}

/* What the pre-scan said, as msgpack-c should say it; INT_MIN where it is laxer, or where it would reserve gigabytes. */
static int expected_return(const char *reason)
{
    const struct {
        const char *reason;
        msgpack_unpack_return result;
    } table[] = {
        {"the bytes end", MSGPACK_UNPACK_CONTINUE},        {"more bytes are announced", MSGPACK_UNPACK_CONTINUE},
        {"bytes are left behind", MSGPACK_UNPACK_SUCCESS}, {"the byte 0xc1", MSGPACK_UNPACK_PARSE_ERROR},
        {"nested deeper", MSGPACK_UNPACK_NOMEM_ERROR},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strncmp(reason, table[i].reason, strlen(table[i].reason)) == 0) {
            return (int)table[i].result;
        }
    }
    return INT_MIN;
}

/* Both read the bytes alike, or both refuse them for the same reason. True if they are a value. */
static bool assert_agree(block b)
{
    ipc_err err = ipc_msg_check(b.bytes, b.length);
    int expected = err ? expected_return(ipc_last_error()) : MSGPACK_UNPACK_SUCCESS;
    if (expected == INT_MIN || b.length == 0) {
        return false;
    }
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t used = 0;
    if ((int)msgpack_unpack_next(&unpacked, (const char *)b.bytes, b.length, &used) != expected) {
        fail_on(b, "msgpack-c says otherwise");
    }
    if (expected == MSGPACK_UNPACK_SUCCESS) {
        ipc_cursor cursor;
        ipc_cursor_init(&cursor, b.bytes, b.length);
        if (!same(&cursor, &unpacked.data) || cursor.at != b.bytes + used || (used == b.length) != (err == IPC_OK)) {
            fail_on(b, "read differently");
        }
    }
    msgpack_unpacked_destroy(&unpacked);
    return err == IPC_OK;
}

static block random_value(void)
{
    ipc__buf buf = {0};
    put_value(&buf, 0);
    block b = block_copy(buf.data, buf.length);
    ipc__buf_free(&buf);
    return b;
}

static void test_codec_msgpack__random_values_are_read_alike(void **state)
{
    (void)state;
    random_seed(20240601);
    for (int i = 0; i < VALUES; i++) {
        block b = random_value();
        if (!assert_agree(b)) {
            fail_on(b, "a good value is refused");
        }
        ipc_cursor cursor;
        ipc_cursor_init(&cursor, b.bytes, b.length);
        assert_int_equal(ipc_cursor_skip(&cursor), IPC_OK);
        assert_ptr_equal(cursor.at, cursor.end);
        block_free(b);
    }
}

/* Cut, lengthened, or with bytes changed, most likely to heads. */
static block mutate(block b)
{
    unsigned what = random_below(6);
    if (what == 0) {
        return block_copy(b.bytes, random_below((uint32_t)b.length));
    }
    ipc__buf buf = {0};
    put(&buf, b.bytes, b.length);
    if (what == 1) {
        put_random_bytes(&buf, 1 + random_below(3));
    }
    for (unsigned changes = 1 + random_below(3); what > 1 && changes > 0; changes--) {
        unsigned char *byte = &buf.data[random_below((uint32_t)buf.length)];
        *byte = (unsigned char)(random_below(2) ? 0x80 + random_below(0x60) : random_below(0x100));
    }
    block copy = block_copy(buf.data, buf.length);
    ipc__buf_free(&buf);
    return copy;
}

/* The cursor alone, over bytes that nothing has checked: it ends, and reads nothing outside them. */
static void walk_unchecked(block b)
{
    ipc_cursor cursor;
    ipc_value value;
    ipc_cursor_init(&cursor, b.bytes, b.length);
    ipc_err err = IPC_OK;
    volatile unsigned char sum = 0; /* so that bodies are read */
    while (!err) {
        const unsigned char *before = cursor.at;
        err = ipc_cursor_next(&cursor, &value);
        assert_true(err ? cursor.at == before : cursor.at > before);
        bool body = !err && (value.kind == IPC_KIND_STR || value.kind == IPC_KIND_BIN || value.kind == IPC_KIND_EXT);
        for (uint32_t i = 0; body && i < value.as.bytes.length; i++) {
            sum = (unsigned char)(sum + (unsigned char)value.as.bytes.data[i]);
        }
    }
    assert_int_equal(err, cursor.at == cursor.end ? IPC_EEMPTY : IPC_EBADMSG);
}

static void test_codec_msgpack__mutations_are_refused_alike(void **state)
{
    (void)state;
    random_seed(20240602);
    int accepted = 0;
    for (int i = 0; i < VALUES; i++) {
        block value = random_value();
        for (int k = 0; k < MUTATIONS; k++) {
            block b = mutate(value);
            accepted += assert_agree(b);
            walk_unchecked(b);
            ipc_cursor cursor;
            ipc_cursor_init(&cursor, b.bytes, b.length);
            if (ipc_cursor_skip(&cursor)) {
                assert_ptr_equal(cursor.at, b.bytes);
            }
            block_free(b);
        }
        block_free(value);
    }
    print_message("%d of %d mutations are values\n", accepted, VALUES * MUTATIONS);
    assert_true(accepted > VALUES * MUTATIONS / 100); /* or else nothing was compared */
    assert_true(accepted < VALUES * MUTATIONS * 9 / 10);
}

/* Bytes that never were a value: a coarser sieve for over-reads. */
static void test_codec_msgpack__noise(void **state)
{
    (void)state;
    random_seed(20240603);
    for (int i = 0; i < VALUES * 5; i++) {
        ipc__buf buf = {0};
        put_random_bytes(&buf, 1 + random_below(40));
        block b = block_copy(buf.data, buf.length);
        ipc__buf_free(&buf);
        assert_agree(b);
        walk_unchecked(b);
        block_free(b);
    }
}

static void test_codec_msgpack__packed_by_us_read_by_msgpack_c(void **state)
{
    (void)state;
    random_seed(20240604);
    for (int i = 0; i < VALUES; i++) {
        int64_t wide = (int64_t)random_next() >> random_below(64);
        uint64_t u = random_next() >> random_below(64);
        uint64_t bits = random_next();
        double f;
        memcpy(&f, &bits, sizeof f);
        ipc_msg *msg;
        assert_int_equal(ipc_pack(&msg, "[I,U,f,{s:b}]", wide, u, f, "key", i % 2), IPC_OK);
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        size_t used = 0;
        assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)msg->data, msg->length, &used),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(used, msg->length);
        const msgpack_object *o = unpacked.data.via.array.ptr;
        assert_int_equal(unpacked.data.via.array.size, 4);
        assert_true(o[0].via.i64 == wide);
        assert_true(o[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER && o[1].via.u64 == u);
        assert_true(o[2].type == MSGPACK_OBJECT_FLOAT64 && same_double(o[2].via.f64, f));
        assert_int_equal(o[3].via.map.ptr[0].val.via.boolean, i % 2);
        msgpack_unpacked_destroy(&unpacked);
        int64_t wide_back;
        uint64_t u_back;
        double f_back;
        int odd;
        assert_int_equal(ipc_unpack(msg, "[I,U,f,{s:b!}!]", &wide_back, &u_back, &f_back, "key", &odd), IPC_OK);
        assert_true(wide_back == wide && u_back == u && same_double(f_back, f) && odd == i % 2);
        ipc_msg_free(msg);
    }
}

static void test_codec_msgpack__moments_are_read_alike(void **state)
{
    (void)state;
    random_seed(20240605);
    for (int i = 0; i < VALUES; i++) {
        const struct timespec moment = {.tv_sec = (time_t)((int64_t)random_next() >> random_below(64)),
                                        .tv_nsec = random_below(3) ? (long)random_below(1000000000) : 0};
        ipc_msg *msg;
        assert_int_equal(ipc_pack(&msg, "t", &moment), IPC_OK);
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        msgpack_timestamp theirs = {0};
        size_t used = 0;
        assert_int_equal(msgpack_unpack_next(&unpacked, (const char *)msg->data, msg->length, &used),
                         MSGPACK_UNPACK_SUCCESS);
        assert_true(msgpack_object_to_timestamp(&unpacked.data, &theirs));
        assert_true(theirs.tv_sec == moment.tv_sec && (long)theirs.tv_nsec == moment.tv_nsec);
        msgpack_unpacked_destroy(&unpacked);
        struct timespec back;
        assert_int_equal(ipc_unpack(msg, "t", &back), IPC_OK);
        assert_true(back.tv_sec == moment.tv_sec && back.tv_nsec == moment.tv_nsec);
        ipc_msg_free(msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_msgpack__random_values_are_read_alike),
        cmocka_unit_test(test_codec_msgpack__mutations_are_refused_alike),
        cmocka_unit_test(test_codec_msgpack__noise),
        cmocka_unit_test(test_codec_msgpack__packed_by_us_read_by_msgpack_c),
        cmocka_unit_test(test_codec_msgpack__moments_are_read_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
