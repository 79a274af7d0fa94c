/*
 * Fuzz target: two values compared. Whoever is asked first, the answers fit each other; equal keys have equal hashes; and a value
 * equals the same one in other forms and another order.
 * Touches nothing but the bytes. Any thread.
 */
#include "codec/compare.h"
#include "codec/number.h"
#include "codec/scan.h"
#include "fuzz/fuzz.h"
#include "util/buf.h"

enum { PAIRS_MAX = 64, MOST = 4096 };

/* ---- the same value in other forms ---- */

typedef struct other {
    ipc__buf bytes;
    bool odd; /* it is not to be expected to equal itself in another order */
} other;

static void write_head(ipc__buf *to, unsigned char byte, uint64_t number, unsigned width)
{
    unsigned char bytes[9] = {byte};
    for (unsigned i = 0; i < width; i++) {
        bytes[1 + i] = (unsigned char)(number >> 8 * (width - 1 - i));
    }
    ipc__buf_write(to, (const char *)bytes, 1 + width);
}

static void write_body(ipc__buf *to, unsigned char byte, const ipc_value *value)
{
    write_head(to, byte, value->as.bytes.length, 4);
    if (value->kind == IPC_KIND_EXT) {
        ipc__buf_write(to, (const char *)&value->as.bytes.ext, 1);
    }
    ipc__buf_write(to, value->as.bytes.data, value->as.bytes.length);
}

static void turn_around(other *to, ipc_cursor *at);

/* The last pair first. */
static void turn_map(other *to, ipc_cursor *at, uint32_t count)
{
    ipc__bytes keys[PAIRS_MAX];
    ipc_cursor pairs[PAIRS_MAX];
    to->odd = to->odd || count > PAIRS_MAX;
    write_head(&to->bytes, 0xdf, count, 4);
    for (uint32_t i = 0; i < count; i++) {
        ipc_cursor start = *at;
        (void)ipc_cursor_skip(at);
        ipc__bytes key = {start.at, (size_t)(at->at - start.at)};
        (void)ipc_cursor_skip(at);
        if (count > PAIRS_MAX) {
            ipc_cursor copy = start;
            turn_around(to, &copy);
            turn_around(to, &copy);
            continue;
        }
        to->odd = to->odd || !ipc__is_key(key); /* extensions are found in their own place only */
        for (uint32_t before = 0; before < i; before++) {
            to->odd = to->odd || ipc__equal(keys[before], key);
        }
        keys[i] = key;
        pairs[i] = start;
    }
    for (uint32_t i = count; i > 0 && count <= PAIRS_MAX; i--) {
        turn_around(to, &pairs[i - 1]);
        turn_around(to, &pairs[i - 1]);
    }
}

static void turn_around(other *to, ipc_cursor *at)
{
    ipc_value value = {.kind = IPC_KIND_NULL};
    uint64_t bits;
    (void)ipc_cursor_next(at, &value); /* it was scanned */
    switch (value.kind) {
    case IPC_KIND_NULL:
        write_head(&to->bytes, 0xc0, 0, 0);
        return;
    case IPC_KIND_BOOL: /* is a number */
        write_head(&to->bytes, 0xd0, value.as.boolean, 1);
        return;
    case IPC_KIND_INT:
        write_head(&to->bytes, 0xd3, (uint64_t)value.as.i, 8);
        return;
    case IPC_KIND_UINT: /* with a byte for its sign */
        write_head(&to->bytes, 0xc7, 9, 1);
        write_head(&to->bytes, IPC_EXT_BIGINT, 0, 1);
        write_head(&to->bytes, (unsigned char)(value.as.u >> 56), value.as.u, 7);
        return;
    case IPC_KIND_FLOAT:
        memcpy(&bits, &value.as.f, sizeof bits);
        write_head(&to->bytes, 0xcb, bits, 8);
        return;
    case IPC_KIND_ARRAY:
        write_head(&to->bytes, 0xdd, value.as.count, 4);
        for (uint32_t i = 0; i < value.as.count; i++) {
            turn_around(to, at);
        }
        return;
    case IPC_KIND_MAP:
        turn_map(to, at, value.as.count);
        return;
    default:
        write_body(&to->bytes, value.kind == IPC_KIND_STR ? 0xdb : value.kind == IPC_KIND_BIN ? 0xc6 : 0xc9, &value);
    }
}

/* ---- what holds ---- */

static void check_keys(ipc__bytes a, ipc__bytes b, bool equal)
{
    bool key = ipc__is_key(a);
    require(!key || ipc__equal(a, a), "a key equals itself");
    require(!equal || key == ipc__is_key(b), "what equals a key is one");
    require(!equal || !key || ipc__key_hash(a) == ipc__key_hash(b), "equal keys have equal hashes");
}

static void check_sum(ipc__bytes a, ipc__bytes b)
{
    ipc_cursor first = {a.data, a.data + a.length};
    ipc_cursor second = {b.data, b.data + b.length};
    ipc_value values[2];
    ipc_value sums[2];
    require(!ipc_cursor_next(&first, &values[0]) && !ipc_cursor_next(&second, &values[1]), "values have heads");
    ipc_err err = ipc__number_add(&values[0], &values[1], &sums[0]);
    require(err == ipc__number_add(&values[1], &values[0], &sums[1]), "it does not matter what is added to what");
    require(err || sums[0].kind == sums[1].kind, "nor of what kind the sum is");
    require(err || sums[0].kind != IPC_KIND_INT || sums[0].as.i == sums[1].as.i, "nor what it is");
}

static void check_pair(ipc__bytes a, ipc__bytes b)
{
    int order = 0;
    int reverse = 0;
    bool equal = ipc__equal(a, b);
    bool ordered = ipc__order(a, b, &order);
    require(equal == ipc__equal(b, a), "equality is symmetric");
    require(ordered == ipc__order(b, a, &reverse), "in whichever order they are asked for, there is one");
    require(!ordered || (order == -reverse && order >= -1 && order <= 1), "and it is the same");
    require(!ordered || !equal || order == 0, "what is equal comes neither first nor last");
    bool whole = ipc__equal(a, a) && ipc__equal(b, b); /* no NaN is in it */
    require(!ordered || !whole || equal == (order == 0), "and nothing else");
    check_keys(a, b, equal);
    check_keys(b, a, equal);
    check_sum(a, b);
}

static void check_turned(ipc__bytes a)
{
    other turned = {.odd = false};
    ipc_cursor at = {a.data, a.data + a.length};
    turn_around(&turned, &at);
    require(!turned.bytes.failed, "there is memory");
    ipc__bytes b = {turned.bytes.data, turned.bytes.length};
    check_pair(a, b);
    require(turned.odd || ipc__equal(a, b) == ipc__equal(a, a), "a value equals itself in other forms");
    ipc__buf_free(&turned.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t handles;
    if (size < 3 || size > MOST) {
        return 0;
    }
    size_t length = data[0] + 256U * data[1];
    const uint8_t *both = data + 2;
    length = length % (size - 2) + 1;
    if (ipc__scan_stored(both, length, 0, &handles)) {
        return 0;
    }
    ipc__bytes a = {both, length};
    ipc__bytes b = {both + length, size - 2 - length};
    check_pair(a, a);
    check_turned(a);
    if (b.length && !ipc__scan_stored(b.data, b.length, 0, &handles)) {
        check_pair(a, b);
    }
    return 0;
}
