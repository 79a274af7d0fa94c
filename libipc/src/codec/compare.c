/*
 * Packed values compared where they lie.
 * Touches nothing but the bytes, which were scanned before; allocates nothing, but for large maps. Any thread.
 */
#include "codec/compare.h"

#include "codec/head.h"
#include "codec/number.h"

#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* ---- moments ---- */

typedef struct moment {
    int64_t seconds;
    uint32_t nanoseconds;
} moment;

static uint64_t big_endian(const unsigned char *at, size_t length)
{
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

/* Of its three forms. False: it is none. */
static bool read_moment(const ipc_value *value, moment *out)
{
    if (value->kind != IPC_KIND_EXT || value->as.bytes.ext != IPC_EXT_TIMESTAMP) {
        return false;
    }
    const unsigned char *at = (const unsigned char *)value->as.bytes.data;
    uint64_t both;
    switch (value->as.bytes.length) {
    case 4:
        *out = (moment){(int64_t)big_endian(at, 4), 0};
        return true;
    case 8:
        both = big_endian(at, 8);
        *out = (moment){(int64_t)(both & 0x3ffffffff), (uint32_t)(both >> 34)};
        return true;
    case 12:
        *out = (moment){(int64_t)big_endian(at + 4, 8), (uint32_t)big_endian(at, 4)};
        return true;
    default:
        return false;
    }
}

static int order_moments(moment a, moment b)
{
    if (a.seconds != b.seconds) {
        return a.seconds < b.seconds ? -1 : 1;
    }
    return (a.nanoseconds > b.nanoseconds) - (a.nanoseconds < b.nanoseconds);
}

/* ---- equality ---- */

static bool equal_next(ipc_cursor *a, ipc_cursor *b);

/* A scalar's bytes: texts, bytes, extensions without a meaning here. */
static bool equal_bytes(const ipc_value *a, const ipc_value *b)
{
    return a->kind == b->kind && a->as.bytes.length == b->as.bytes.length &&
           (a->kind != IPC_KIND_EXT || a->as.bytes.ext == b->as.bytes.ext) &&
           (a->as.bytes.length == 0 || memcmp(a->as.bytes.data, b->as.bytes.data, a->as.bytes.length) == 0);
}

static bool equal_scalars(const ipc_value *a, const ipc_value *b)
{
    ipc__number first;
    ipc__number second;
    bool number = ipc__number_read(&first, a);
    if (number || ipc__number_read(&second, b)) {
        return number && ipc__number_read(&second, b) && !ipc__number_is_nan(&first) &&
               ipc__number_order(&first, &second) == 0;
    }
    moment then;
    moment now;
    if (read_moment(a, &then) && read_moment(b, &now)) {
        return order_moments(then, now) == 0;
    }
    return a->kind == b->kind && (a->kind == IPC_KIND_NULL || equal_bytes(a, b));
}

/* One key of a map, for when its order is another than the other map's. */
typedef struct pair {
    ipc__bytes key;
    ipc__bytes value;
    bool met;          /* by a key of the other map */
    struct pair *next; /* of the same hash */
} pair;

static ipc__bytes pass_one(ipc_cursor *at)
{
    const unsigned char *start = at->at;
    ipc_cursor_skip(at);
    return (ipc__bytes){start, (size_t)(at->at - start)};
}

static pair *find_pair(pair *const *chains, uint32_t count, ipc__bytes key)
{
    pair *found = chains[ipc__key_hash(key) % count];
    while (found && !ipc__equal(found->key, key)) {
        found = found->next;
    }
    return found;
}

/* Pairs by their key's hash, in as many chains as there are pairs. False: a key is there twice, or none: all NaN have one chain. */
static bool index_pairs(ipc_cursor *at, uint32_t count, pair *pairs, pair **chains)
{
    for (uint32_t i = 0; i < count; i++) {
        pairs[i].key = pass_one(at);
        pairs[i].value = pass_one(at);
        if (!ipc__is_key(pairs[i].key) || find_pair(chains, count, pairs[i].key)) {
            return false;
        }
        pair **chain = &chains[ipc__key_hash(pairs[i].key) % count];
        pairs[i].next = *chain;
        *chain = &pairs[i];
    }
    return true;
}

/* Maps whose keys come in another order. With a key twice or NaN in either, or out of memory, they are unequal: whoever is first. */
static bool equal_unordered(ipc_cursor *a, ipc_cursor *b, uint32_t count)
{
    pair *pairs = calloc(count, sizeof *pairs);
    pair **chains = pairs ? calloc(count, sizeof(pair *)) : NULL;
    bool equal = chains && index_pairs(b, count, pairs, chains);
    for (uint32_t i = 0; equal && i < count; i++) {
        ipc__bytes key = pass_one(a);
        pair *other = ipc__is_key(key) ? find_pair(chains, count, key) : NULL;
        equal = other && !other->met && ipc__equal(pass_one(a), other->value);
        if (equal) {
            other->met = true;
        }
    }
    free(chains);
    free(pairs);
    return equal;
}

static bool equal_maps(ipc_cursor *a, ipc_cursor *b, uint32_t count)
{
    for (; count > 0; count--) {
        ipc_cursor a_key = *a;
        ipc_cursor b_key = *b;
        if (!equal_next(a, b)) {
            *a = a_key;
            *b = b_key;
            return equal_unordered(a, b, count);
        }
        if (!equal_next(a, b)) {
            return false;
        }
    }
    return true;
}

/* The next value of each. Its depth is the scan's to bound. */
static bool equal_next(ipc_cursor *a, ipc_cursor *b)
{
    ipc_value first;
    ipc_value second;
    if (ipc__head_read(&a->at, a->end, &first) || ipc__head_read(&b->at, b->end, &second)) {
        return false;
    }
    bool sequence = first.kind == IPC_KIND_ARRAY;
    if (sequence || first.kind == IPC_KIND_MAP) {
        if (second.kind != first.kind || second.as.count != first.as.count) {
            return false;
        }
        for (uint32_t i = 0; sequence && i < first.as.count; i++) {
            if (!equal_next(a, b)) {
                return false;
            }
        }
        return sequence || equal_maps(a, b, first.as.count);
    }
    return second.kind != IPC_KIND_ARRAY && second.kind != IPC_KIND_MAP && equal_scalars(&first, &second);
}

/* The kinds whose bytes are equal if and only if they are: all but floats, for NaN, and what has such inside. */
static bool plain(ipc__bytes bytes)
{
    unsigned char head = bytes.length ? bytes.data[0] : 0xca;
    return head < 0x80 || (head >= 0xa0 && head != 0xca && head != 0xcb && head < 0xdc) || head >= 0xe0;
}

bool ipc__equal(ipc__bytes a, ipc__bytes b)
{
    if (a.length == b.length && plain(a) && memcmp(a.data, b.data, a.length) == 0) {
        return true;
    }
    ipc_cursor first = {a.data, a.data + a.length};
    ipc_cursor second = {b.data, b.data + b.length};
    return equal_next(&first, &second);
}

/* ---- order ---- */

static bool order_next(ipc_cursor *a, ipc_cursor *b, int *order);

/* Element by element; then the shorter one comes first. */
static bool order_sequences(ipc_cursor *a, uint32_t a_count, ipc_cursor *b, uint32_t b_count, int *order)
{
    for (uint32_t i = 0; i < a_count && i < b_count; i++) {
        ipc_cursor a_here = *a;
        ipc_cursor b_here = *b;
        if (equal_next(a, b)) {
            continue;
        }
        return order_next(&a_here, &b_here, order);
    }
    *order = (a_count > b_count) - (a_count < b_count);
    return true;
}

static bool order_scalars(const ipc_value *a, const ipc_value *b, int *order)
{
    ipc__number first;
    ipc__number second;
    if (ipc__number_read(&first, a) && ipc__number_read(&second, b)) {
        *order = ipc__number_order(&first, &second);
        return true;
    }
    moment then;
    moment now;
    if (read_moment(a, &then) && read_moment(b, &now)) {
        *order = order_moments(then, now);
        return true;
    }
    if (a->kind != b->kind || (a->kind != IPC_KIND_STR && a->kind != IPC_KIND_BIN)) {
        return false;
    }
    /* UTF-8 is ordered as the characters are. */
    uint32_t both = a->as.bytes.length < b->as.bytes.length ? a->as.bytes.length : b->as.bytes.length;
    int bytes = both ? memcmp(a->as.bytes.data, b->as.bytes.data, both) : 0;
    *order = bytes ? (bytes > 0) - (bytes < 0)
                   : (a->as.bytes.length > b->as.bytes.length) - (a->as.bytes.length < b->as.bytes.length);
    return true;
}

static bool order_next(ipc_cursor *a, ipc_cursor *b, int *order)
{
    ipc_value first;
    ipc_value second;
    if (ipc__head_read(&a->at, a->end, &first) || ipc__head_read(&b->at, b->end, &second)) {
        return false;
    }
    if (first.kind == IPC_KIND_ARRAY && second.kind == IPC_KIND_ARRAY) {
        return order_sequences(a, first.as.count, b, second.as.count, order);
    }
    return order_scalars(&first, &second, order);
}

bool ipc__order(ipc__bytes a, ipc__bytes b, int *order)
{
    ipc_cursor first = {a.data, a.data + a.length};
    ipc_cursor second = {b.data, b.data + b.length};
    return order_next(&first, &second, order);
}

/* ---- keys ---- */

static bool read_whole(ipc__bytes bytes, ipc_value *value)
{
    const unsigned char *at = bytes.data;
    return !ipc__head_read(&at, bytes.data + bytes.length, value);
}

bool ipc__is_key(ipc__bytes key)
{
    ipc_value value;
    if (!read_whole(key, &value) || value.kind == IPC_KIND_ARRAY || value.kind == IPC_KIND_MAP) {
        return false;
    }
    ipc__number number;
    if (ipc__number_read(&number, &value)) {
        return !ipc__number_is_nan(&number);
    }
    moment when;
    return value.kind != IPC_KIND_EXT || read_moment(&value, &when);
}

static unsigned hash_bytes(const void *bytes, size_t length, unsigned kind)
{
    unsigned hash = 0;
    HASH_JEN(bytes, length, hash);
    return hash ^ kind * 0x9e3779b9U;
}

unsigned ipc__key_hash(ipc__bytes key)
{
    ipc_value value = {.kind = IPC_KIND_NULL};
    ipc__number number;
    moment when;
    if (!read_whole(key, &value) || value.kind == IPC_KIND_NULL) {
        return 0;
    }
    if (ipc__number_read(&number, &value)) { /* equal ones have one form */
        return number.form == IPC__NUMBER_BIG ? hash_bytes(number.as.big.bytes, number.as.big.length, number.form)
                                              : hash_bytes(&number.as.u, sizeof number.as.u, number.form);
    }
    if (read_moment(&value, &when)) {
        uint64_t both[2] = {(uint64_t)when.seconds, when.nanoseconds};
        return hash_bytes(both, sizeof both, IPC_KIND_EXT);
    }
    return hash_bytes(value.as.bytes.data, value.as.bytes.length, (unsigned)value.kind);
}
