/*
 * One msgpack head, read where it lies: the only decoder; the cursor and the pre-scan step with it.
 * Touches nothing but the bytes, and none outside them. Any thread.
 */
#ifndef IPC__HEAD_H
#define IPC__HEAD_H

#include <ipc/msg.h>
#include <string.h>

enum { IPC__HEAD_RESERVED = -1 };

/* What the bytes 0xc0 to 0xdf announce: a kind, and behind the byte a number of so many bytes. */
typedef struct ipc__head_form {
    signed char kind;
    bool is_signed;
    unsigned char width;
    unsigned char fixed; /* the body's length, where no number says it (fixext) */
} ipc__head_form;

static const ipc__head_form ipc__head_forms[32] = {
    {IPC_KIND_NULL, false, 0, 0},  {IPC__HEAD_RESERVED, false, 0, 0},                              /* c0 c1 */
    {IPC_KIND_BOOL, false, 0, 0},  {IPC_KIND_BOOL, false, 0, 0},                                   /* c2 c3 */
    {IPC_KIND_BIN, false, 1, 0},   {IPC_KIND_BIN, false, 2, 0},       {IPC_KIND_BIN, false, 4, 0}, /* c4 c5 c6 */
    {IPC_KIND_EXT, false, 1, 0},   {IPC_KIND_EXT, false, 2, 0},       {IPC_KIND_EXT, false, 4, 0}, /* c7 c8 c9 */
    {IPC_KIND_FLOAT, false, 4, 0}, {IPC_KIND_FLOAT, false, 8, 0},                                  /* ca cb */
    {IPC_KIND_INT, false, 1, 0},   {IPC_KIND_INT, false, 2, 0},                                    /* cc cd */
    {IPC_KIND_INT, false, 4, 0},   {IPC_KIND_INT, false, 8, 0},                                    /* ce cf */
    {IPC_KIND_INT, true, 1, 0},    {IPC_KIND_INT, true, 2, 0},                                     /* d0 d1 */
    {IPC_KIND_INT, true, 4, 0},    {IPC_KIND_INT, true, 8, 0},                                     /* d2 d3 */
    {IPC_KIND_EXT, false, 0, 1},   {IPC_KIND_EXT, false, 0, 2},       {IPC_KIND_EXT, false, 0, 4}, /* d4 d5 d6 */
    {IPC_KIND_EXT, false, 0, 8},   {IPC_KIND_EXT, false, 0, 16},                                   /* d7 d8 */
    {IPC_KIND_STR, false, 1, 0},   {IPC_KIND_STR, false, 2, 0},       {IPC_KIND_STR, false, 4, 0}, /* d9 da db */
    {IPC_KIND_ARRAY, false, 2, 0}, {IPC_KIND_ARRAY, false, 4, 0},                                  /* dc dd */
    {IPC_KIND_MAP, false, 2, 0},   {IPC_KIND_MAP, false, 4, 0},                                    /* de df */
};

/* The number behind the byte, big-endian; a negative one comes out as its two's complement in 64 bits. */
static inline uint64_t ipc__head_number(const unsigned char *at, const ipc__head_form *form)
{
    uint64_t number = form->is_signed && at[0] >= 0x80 ? UINT64_MAX : 0;
    for (unsigned i = 0; i < form->width; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

static inline void ipc__head_int(ipc_value *value, uint64_t number, bool is_signed)
{
    if (!is_signed && number > INT64_MAX) {
        value->kind = IPC_KIND_UINT;
        value->as.u = number;
        return;
    }
    value->kind = IPC_KIND_INT;
    value->as.i = (int64_t)number;
}

static inline void ipc__head_float(ipc_value *value, uint64_t number, unsigned width)
{
    value->kind = IPC_KIND_FLOAT;
    if (width == sizeof(double)) {
        memcpy(&value->as.f, &number, sizeof value->as.f);
        return;
    }
    uint32_t bits = (uint32_t)number;
    float narrow;
    memcpy(&narrow, &bits, sizeof narrow);
    value->as.f = (double)narrow;
}

/* What a head announces behind itself must fit the bytes that are left: an element is one byte at the least. */
static inline const char *ipc__head_count(ipc_value *value, ipc_kind kind, uint32_t count, size_t left)
{
    value->kind = kind;
    value->as.count = count;
    uint64_t inside = kind == IPC_KIND_MAP ? 2 * (uint64_t)count : count;
    return inside > left ? "more elements are announced than bytes are left" : NULL;
}

static inline const char *ipc__head_bytes(ipc_value *value, ipc_kind kind, uint32_t length, const unsigned char **at,
                                          const unsigned char *end)
{
    const unsigned char *body = *at;
    int8_t ext = 0;
    if (kind == IPC_KIND_EXT) {
        if (body == end) {
            return "the bytes end inside a value";
        }
        ext = (int8_t)*body++;
    }
    if (length > (size_t)(end - body)) {
        return "more bytes are announced than are left";
    }
    value->kind = kind;
    value->as.bytes.data = (const char *)body;
    value->as.bytes.length = length;
    value->as.bytes.ext = ext;
    *at = body + length;
    return NULL;
}

static inline const char *ipc__head_long(ipc_value *value, unsigned char byte, const unsigned char **at,
                                         const unsigned char *end)
{
    const ipc__head_form *form = &ipc__head_forms[byte - 0xc0];
    if (form->kind == IPC__HEAD_RESERVED) {
        return "the byte 0xc1 is reserved";
    }
    if ((size_t)(end - *at) < form->width) {
        return "the bytes end inside a value";
    }
    uint64_t number = ipc__head_number(*at, form);
    *at += form->width;
    switch ((ipc_kind)form->kind) {
    case IPC_KIND_NULL:
        value->kind = IPC_KIND_NULL;
        return NULL;
    case IPC_KIND_BOOL:
        value->kind = IPC_KIND_BOOL;
        value->as.boolean = byte == 0xc3;
        return NULL;
    case IPC_KIND_INT:
        ipc__head_int(value, number, form->is_signed);
        return NULL;
    case IPC_KIND_FLOAT:
        ipc__head_float(value, number, form->width);
        return NULL;
    case IPC_KIND_ARRAY:
    case IPC_KIND_MAP:
        return ipc__head_count(value, (ipc_kind)form->kind, (uint32_t)number, (size_t)(end - *at));
    default:
        return ipc__head_bytes(value, (ipc_kind)form->kind, (uint32_t)number | form->fixed, at, end);
    }
}

/*
 * Read the head at *at and step behind it (behind the whole value, unless it is a sequence or map).
 * NULL, or the reason why these bytes are no value; then *at stays, and value is undefined.
 */
static inline const char *ipc__head_read(const unsigned char **at, const unsigned char *end, ipc_value *value)
{
    const unsigned char *behind = *at;
    if (behind == end) {
        return "the bytes end where a value should begin";
    }
    unsigned char byte = *behind++;
    const char *reason = NULL;
    if (byte < 0x80 || byte >= 0xe0) {
        value->kind = IPC_KIND_INT;
        value->as.i = byte < 0x80 ? byte : byte - 0x100;
    } else if (byte < 0x90) {
        reason = ipc__head_count(value, IPC_KIND_MAP, byte & 0x0f, (size_t)(end - behind));
    } else if (byte < 0xa0) {
        reason = ipc__head_count(value, IPC_KIND_ARRAY, byte & 0x0f, (size_t)(end - behind));
    } else if (byte < 0xc0) {
        reason = ipc__head_bytes(value, IPC_KIND_STR, byte & 0x1f, &behind, end);
    } else {
        reason = ipc__head_long(value, byte, &behind, end);
    }
    if (!reason) {
        *at = behind;
    }
    return reason;
}

/* How many values stand inside a sequence or map; 0 for everything else. */
static inline uint64_t ipc__head_inside(const ipc_value *value)
{
    if (value->kind == IPC_KIND_MAP) {
        return 2 * (uint64_t)value->as.count;
    }
    return value->kind == IPC_KIND_ARRAY ? value->as.count : 0;
}

#endif
