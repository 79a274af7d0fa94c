/*
 * Numbers of any form, compared exactly.
 * Touches nothing but the bytes of large ones. Any thread.
 */
#include "codec/number.h"

#include "util/error.h"

#include <math.h>
#include <string.h>

/* ---- reading ---- */

static bool sign_of(const unsigned char *bytes)
{
    return bytes[0] >= 0x80;
}

/* Two's complement without the bytes that only repeat the sign; what fits 64 bits is no large number. */
static void read_big(ipc__number *number, const unsigned char *bytes, size_t length)
{
    while (length > 1 && (bytes[0] == 0x00 || bytes[0] == 0xff) && sign_of(bytes) == sign_of(bytes + 1)) {
        bytes++;
        length--;
    }
    if (length > 9 || (length == 9 && bytes[0] != 0)) {
        number->form = IPC__NUMBER_BIG;
        number->as.big.bytes = bytes;
        number->as.big.length = length;
        return;
    }
    uint64_t wide = length && sign_of(bytes) ? UINT64_MAX : 0;
    for (size_t i = 0; i < length; i++) {
        wide = wide << 8 | bytes[i];
    }
    bool negative = length && sign_of(bytes);
    number->form = !negative && wide > INT64_MAX ? IPC__NUMBER_UINT : IPC__NUMBER_INT;
    number->as.u = wide;
    if (number->form == IPC__NUMBER_INT) {
        number->as.i = (int64_t)wide;
    }
}

/* An integer of 2^63 or more, either way, that a double is: its 53 bits, shifted. */
static void read_large_float(ipc__number *number, double f)
{
    int exponent;
    int64_t mantissa = (int64_t)ldexp(frexp(f, &exponent), 53);
    unsigned shift = (unsigned)(exponent - 53);
    unsigned char *end = number->room + sizeof number->room;
    memset(number->room, mantissa < 0 ? 0xff : 0, sizeof number->room);
    /* Bits beyond whole bytes first: 53 and 7 of them fit. */
    uint64_t bits = (uint64_t)mantissa << (shift % 8);
    unsigned char *at = end - shift / 8;
    memset(at, 0, shift / 8);
    for (unsigned i = 0; i < sizeof bits; i++) {
        *--at = (unsigned char)bits;
        bits >>= 8;
    }
    read_big(number, number->room, sizeof number->room);
}

static void read_float(ipc__number *number, double f)
{
    bool small = f >= -0x1p63 && f < 0x1p63;
    if (small && (double)(int64_t)f == f) {
        number->form = IPC__NUMBER_INT;
        number->as.i = (int64_t)f;
    } else if (small || !isfinite(f)) {
        number->form = IPC__NUMBER_FLOAT;
        number->as.f = f;
    } else {
        read_large_float(number, f);
    }
}

bool ipc__number_read(ipc__number *number, const ipc_value *value)
{
    switch (value->kind) {
    case IPC_KIND_BOOL:
        number->form = IPC__NUMBER_INT;
        number->as.i = value->as.boolean;
        return true;
    case IPC_KIND_INT:
        number->form = IPC__NUMBER_INT;
        number->as.i = value->as.i;
        return true;
    case IPC_KIND_UINT:
        number->form = IPC__NUMBER_UINT;
        number->as.u = value->as.u;
        return true;
    case IPC_KIND_FLOAT:
        read_float(number, value->as.f);
        return true;
    case IPC_KIND_EXT:
        if (value->as.bytes.ext == IPC_EXT_BIGINT && value->as.bytes.length) {
            read_big(number, (const unsigned char *)value->as.bytes.data, value->as.bytes.length);
            return true;
        }
        return false;
    default:
        return false;
    }
}

bool ipc__number_is_nan(const ipc__number *number)
{
    return number->form == IPC__NUMBER_FLOAT && isnan(number->as.f);
}

/* ---- comparing ---- */

static int order_of(bool less, bool greater)
{
    return greater - less;
}

static int order_bytes(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length)
{
    bool negative = sign_of(a);
    if (negative != sign_of(b)) {
        return negative ? -1 : 1;
    }
    if (a_length != b_length) {
        return (a_length < b_length) == negative ? 1 : -1;
    }
    int order = memcmp(a, b, a_length);
    return order_of(order<0, order> 0);
}

/* A fraction, an infinity or NaN and an integer: as doubles they are never equal, unless the integer was rounded to it. */
static int order_float(double f, const ipc__number *integer)
{
    if (isnan(f)) {
        return 1;
    }
    if (isinf(f)) {
        return f > 0 ? 1 : -1;
    }
    if (integer->form == IPC__NUMBER_BIG) { /* a fraction is less than 2^53, either way */
        return sign_of(integer->as.big.bytes) ? 1 : -1;
    }
    if (integer->form == IPC__NUMBER_UINT) {
        return -1;
    }
    int64_t below = (int64_t)f - (f < 0); /* it is no integer: that is its floor */
    return below < integer->as.i ? -1 : 1;
}

static int order_integers(const ipc__number *a, const ipc__number *b)
{
    if (a->form == b->form && a->form == IPC__NUMBER_INT) {
        return order_of(a->as.i<b->as.i, a->as.i> b->as.i);
    }
    if (a->form == b->form && a->form == IPC__NUMBER_UINT) {
        return order_of(a->as.u<b->as.u, a->as.u> b->as.u);
    }
    if (a->form == b->form) {
        return order_bytes(a->as.big.bytes, a->as.big.length, b->as.big.bytes, b->as.big.length);
    }
    if (a->form == IPC__NUMBER_BIG) {
        return sign_of(a->as.big.bytes) ? -1 : 1;
    }
    if (b->form == IPC__NUMBER_BIG) {
        return sign_of(b->as.big.bytes) ? 1 : -1;
    }
    return a->form == IPC__NUMBER_UINT ? 1 : -1;
}

int ipc__number_order(const ipc__number *a, const ipc__number *b)
{
    bool a_float = a->form == IPC__NUMBER_FLOAT;
    bool b_float = b->form == IPC__NUMBER_FLOAT;
    if (a_float && b_float) {
        bool a_nan = isnan(a->as.f);
        bool b_nan = isnan(b->as.f);
        return a_nan || b_nan ? order_of(b_nan && !a_nan, a_nan && !b_nan)
                              : order_of(a->as.f<b->as.f, a->as.f> b->as.f);
    }
    if (a_float) {
        return order_float(a->as.f, b);
    }
    return b_float ? -order_float(b->as.f, a) : order_integers(a, b);
}

/* ---- adding ---- */

static double as_double(const ipc_value *value, const ipc__number *number)
{
    return value->kind == IPC_KIND_FLOAT      ? value->as.f
           : number->form == IPC__NUMBER_UINT ? (double)number->as.u
                                              : (double)number->as.i;
}

/* An integer that no 64 bits hold. A float may be one, too, and is added as one. */
static bool too_large(const ipc_value *value, const ipc__number *number)
{
    return value->kind == IPC_KIND_EXT && number->form == IPC__NUMBER_BIG;
}

/* Of integers that may be above an int64_t. False: the sum is beyond one. */
static bool add_integers(const ipc__number *a, const ipc__number *b, int64_t *sum)
{
    if (a->form == IPC__NUMBER_UINT) {
        return b->form == IPC__NUMBER_INT && !__builtin_add_overflow(a->as.u, b->as.i, sum);
    }
    if (a->form != IPC__NUMBER_INT) {
        return false;
    }
    return b->form == IPC__NUMBER_UINT ? !__builtin_add_overflow(a->as.i, b->as.u, sum)
                                       : b->form == IPC__NUMBER_INT && !__builtin_add_overflow(a->as.i, b->as.i, sum);
}

ipc_err ipc__number_add(const ipc_value *a, const ipc_value *b, ipc_value *sum)
{
    ipc__number first;
    ipc__number second;
    if (!ipc__number_read(&first, a) || !ipc__number_read(&second, b)) {
        return ipc__fail(IPC_EKIND, "only numbers can be added to, and only numbers be added");
    }
    bool large = too_large(a, &first) || too_large(b, &second);
    if (!large && (a->kind == IPC_KIND_FLOAT || b->kind == IPC_KIND_FLOAT)) {
        *sum = (ipc_value){.kind = IPC_KIND_FLOAT, .as.f = as_double(a, &first) + as_double(b, &second)};
        return IPC_OK;
    }
    *sum = (ipc_value){.kind = IPC_KIND_INT};
    if (large || !add_integers(&first, &second, &sum->as.i)) {
        return ipc__fail(IPC_ERANGE, "the sum is beyond 64 bits, with a sign: nothing was added");
    }
    return IPC_OK;
}
