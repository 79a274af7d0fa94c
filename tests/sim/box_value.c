/*
 * Values as a model of the hub's containers knows them.
 * Touches a pool of its own. One thread.
 */
#include "box_value.h"

#include "box_object.h"

#include <math.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 1 << 18 };

static box_value pool[POOL];
static uint32_t used;

void box_values_reset(void)
{
    used = 0;
}

box_value *box_value_new(box_kind kind)
{
    if (used == POOL) {
        abort();
    }
    pool[used] = (box_value){.kind = kind};
    return &pool[used++];
}

const box_value *box_int(int64_t number)
{
    box_value *value = box_value_new(BOX_NUMBER);
    value->number = number;
    return value;
}

const box_value *box_float(double number)
{
    box_value *value = box_value_new(BOX_NUMBER);
    value->form = BOX_FLOAT;
    value->number = number;
    return value;
}

/* ---- the universe ---- */

#define NUMBER(text, of, value)                                                                                        \
    {                                                                                                                  \
        .kind = BOX_NUMBER, .hex = (text), .form = (of), .number = (value)                                             \
    }
#define ATOM(text, letter, at)                                                                                         \
    {                                                                                                                  \
        .kind = BOX_ATOM, .hex = (text), .family = (letter), .rank = (at)                                              \
    }

static const box_value universe[] = {
    NUMBER("00", BOX_INT, 0),
    NUMBER("c2", BOX_BOOL, 0),
    NUMBER("cb8000000000000000", BOX_FLOAT, -0.0L),
    NUMBER("01", BOX_INT, 1),
    NUMBER("c3", BOX_BOOL, 1),
    NUMBER("ca3f800000", BOX_FLOAT, 1),
    NUMBER("d30000000000000001", BOX_INT, 1),
    NUMBER("02", BOX_INT, 2),
    NUMBER("cb3fe0000000000000", BOX_FLOAT, 0.5L),
    NUMBER("ff", BOX_INT, -1),
    NUMBER("cd0140", BOX_INT, 320),
    NUMBER("cf7fffffffffffffff", BOX_INT, 0x7fffffffffffffffL),
    NUMBER("cfffffffffffffffff", BOX_UINT, 0xffffffffffffffffUL),
    NUMBER("c7094100ffffffffffffffff", BOX_BIG, 0xffffffffffffffffUL), /* it is equal, and no index either */
    NUMBER("c70941010000000000000000", BOX_BIG, 0x1p64L),
    NUMBER("cb43f0000000000000", BOX_FLOAT, 0x1p64L),
    NUMBER("cb7ff0000000000000", BOX_FLOAT, (long double)INFINITY),
    NUMBER("cb7ff8000000000000", BOX_FLOAT, (long double)NAN),
    ATOM("c0", '0', 0),
    ATOM("a0", 't', 0),
    ATOM("a161", 't', 1),
    ATOM("d90161", 't', 1),
    ATOM("a26162", 't', 2),
    ATOM("a162", 't', 3),
    ATOM("d9147171717171717171717171717171717171717171", 't', 4),
    ATOM("c400", 'b', 0),
    ATOM("c40161", 'b', 1),
    ATOM("c5000161", 'b', 1),
    ATOM("d6ff00000005", 'm', 1),
    ATOM("c70cff000000000000000000000005", 'm', 1),
    ATOM("d7ff0000000400000005", 'm', 2),
};

const box_value *box_draw_scalar(uint64_t (*below)(uint64_t below))
{
    return &universe[below(sizeof universe / sizeof universe[0])];
}

/* ---- packing ---- */

static void pack_hex(ipc__buf *to, const char *hex)
{
    for (; *hex; hex += 2) {
        const char digits[] = {hex[0], hex[1], 0};
        char byte = (char)strtoul(digits, NULL, 16);
        ipc__buf_write(to, &byte, 1);
    }
}

void box_pack_head(ipc__buf *to, unsigned char few, unsigned char many, uint32_t count)
{
    const char bytes[] = {(char)(count < 16 ? few | count : many), (char)(count >> 8), (char)count};
    ipc__buf_write(to, bytes, count < 16 ? 1 : 3);
}

void box_pack(ipc__buf *to, const box_value *value)
{
    msgpack_packer packer = ipc__packer(to);
    if (value->hex) {
        pack_hex(to, value->hex);
    } else if (value->kind == BOX_NUMBER) {
        if (value->form == BOX_FLOAT) {
            msgpack_pack_double(&packer, (double)value->number);
        } else if (value->form == BOX_UINT) {
            msgpack_pack_uint64(&packer, (uint64_t)value->number);
        } else {
            msgpack_pack_int64(&packer, (int64_t)value->number);
        }
    } else if (value->kind == BOX_REFERENCE) {
        ipc__buf_write(to, (const char *)value->to->reference, value->to->reference_length);
    } else {
        bool map = value->kind == BOX_MAP;
        box_pack_head(to, map ? 0x80 : 0x90, map ? 0xde : 0xdc, map ? value->count / 2 : value->count);
        for (uint32_t i = 0; i < value->count; i++) {
            box_pack(to, value->inside[i]);
        }
    }
}

/* ---- comparing ---- */

bool box_is_nan(const box_value *value)
{
    return value->kind == BOX_NUMBER && isnan(value->number);
}

bool box_is_text(const box_value *value)
{
    return value->kind == BOX_ATOM && value->family == 't';
}

bool box_is_key(const box_value *value)
{
    return value->kind == BOX_ATOM || (value->kind == BOX_NUMBER && !box_is_nan(value));
}

/* Every pair of one is in the other; keys come once. */
static bool equal_maps(const box_value *a, const box_value *b)
{
    uint32_t met = 0;
    for (uint32_t i = 0; i < a->count; i += 2) {
        for (uint32_t j = 0; j < b->count; j += 2) {
            met += box_equal(a->inside[i], b->inside[j]) && box_equal(a->inside[i + 1], b->inside[j + 1]);
        }
    }
    return met == a->count / 2;
}

bool box_equal(const box_value *a, const box_value *b)
{
    if (a->kind != b->kind || a->count != b->count) {
        return false;
    }
    switch (a->kind) {
    case BOX_NUMBER:
        return a->number == b->number;
    case BOX_ATOM:
        return a->family == b->family && a->rank == b->rank;
    case BOX_REFERENCE:
        return a->to == b->to;
    case BOX_MAP:
        return equal_maps(a, b);
    default:
        for (uint32_t i = 0; i < a->count; i++) {
            if (!box_equal(a->inside[i], b->inside[i])) {
                return false;
            }
        }
        return true;
    }
}

static int sign(bool less, bool more)
{
    return more - less;
}

bool box_order(const box_value *a, const box_value *b, int *order)
{
    if (a->kind != b->kind || a->family != b->family) {
        return false;
    }
    if (a->kind == BOX_NUMBER) {
        bool nan = box_is_nan(a) || box_is_nan(b);
        *order = nan ? sign(!box_is_nan(a), !box_is_nan(b)) : sign(a->number<b->number, a->number> b->number);
        return true;
    }
    if (a->kind == BOX_ATOM && a->family != '0') {
        *order = sign(a->rank<b->rank, a->rank> b->rank);
        return true;
    }
    for (uint32_t i = 0; a->kind == BOX_SEQUENCE && i < a->count && i < b->count; i++) {
        if (!box_equal(a->inside[i], b->inside[i])) {
            return box_order(a->inside[i], b->inside[i], order);
        }
    }
    *order = sign(a->count<b->count, a->count> b->count);
    return a->kind == BOX_SEQUENCE;
}

/* What has only itself to be compared with. */
static int family_of(const box_value *value)
{
    return (int)value->kind * 256 + value->family;
}

box_sorting box_can_sort(const box_value *const *values, uint32_t count)
{
    bool all = true;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            int order;
            if (family_of(values[i]) != family_of(values[j])) {
                return BOX_REFUSED; /* somebody has to be compared with another family */
            }
            all = all && box_order(values[i], values[j], &order);
        }
    }
    bool never = count && (values[0]->kind == BOX_MAP || values[0]->kind == BOX_REFERENCE || values[0]->family == '0');
    return all ? BOX_SORTED : never ? BOX_REFUSED : BOX_EITHER;
}

/* ---- adding ---- */

ipc_err box_add(const box_value *a, const box_value *b, const box_value **sum)
{
    if (a->kind != BOX_NUMBER || b->kind != BOX_NUMBER) {
        return IPC_EKIND;
    }
    if (a->form == BOX_BIG || b->form == BOX_BIG) {
        bool fits =
            (a->form != BOX_BIG || fabsl(a->number) < 0x1p64L) && (b->form != BOX_BIG || fabsl(b->number) < 0x1p64L);
        if (!fits || (a->form != BOX_FLOAT && b->form != BOX_FLOAT)) {
            return IPC_ERANGE;
        }
    }
    if (a->form == BOX_FLOAT || b->form == BOX_FLOAT) {
        *sum = box_float((double)a->number + (double)b->number);
        return IPC_OK;
    }
    long double both = a->number + b->number; /* exact for what fits */
    if (a->form == BOX_UINT || b->form == BOX_UINT || both > 0x7fffffffffffffffL || both < -0x1p63L) {
        return IPC_ERANGE;
    }
    *sum = box_int((int64_t)both);
    return IPC_OK;
}

void box_each_reference(const box_value *value, void (*visit)(box_object *to, void *arg), void *arg)
{
    if (value->kind == BOX_REFERENCE) {
        visit(value->to, arg);
    }
    for (uint32_t i = 0; i < value->count; i++) {
        box_each_reference(value->inside[i], visit, arg);
    }
}
