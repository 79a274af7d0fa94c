/*
 * Arguments of methods in the fuzz target core: values of every kind, and bytes that are none.
 * Touches what a session has to send. One thread.
 */
#include "fuzz/core_world.h"

enum { DEPTH = 3, DEEP = 140, VALUES_MAX = 64 };

static void write_bytes(ipc__buf *to, const void *bytes, size_t length)
{
    ipc__buf_write(to, bytes, length);
}

/* Numbers in forms that are equal, and not; texts, bytes and moments; what is none of them, and what no hub is to believe. */
static const struct {
    const char *bytes;
    size_t length;
} atoms[] = {
    {"\xc0", 1},
    {"\xc2", 1},
    {"\xc3", 1},
    {"\xcb\x3f\xf0\0\0\0\0\0\0", 9},             /* 1.0 */
    {"\xcb\x7f\xf8\0\0\0\0\0\0", 9},             /* NaN */
    {"\xca\x3f\0\0\0", 5},                       /* 0.5 */
    {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9}, /* 2 ** 64 - 1 */
    {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9}, /* 2 ** 63 - 1 */
    {"\xd3\x80\0\0\0\0\0\0\0", 9},               /* -2 ** 63 */
    {"\xc7\x09\x41\x01\0\0\0\0\0\0\0\0", 12},    /* 2 ** 64 */
    {"\xd4\x41\x01", 3},                         /* 1 */
    {"\xc7\0\x41", 3},                           /* no integer */
    {"\xa1\x61", 2},
    {"\xd9\x01\x61", 3},
    {"\xa0", 1},
    {"\xc4\x01\x61", 3},
    {"\xd6\xff\0\0\0\x05", 6},                      /* a moment */
    {"\xc7\x0c\xff\0\0\0\0\0\0\0\0\0\0\0\x05", 15}, /* the same */
    {"\xd4\x05\x01", 3},
    {"\xd4\x42\x01", 3}, /* a reference that is none */
    {"\xa1\xff", 2},     /* no UTF-8 */
    {"\xdd\xff\xff\xff\xff", 5},
    {"\xdb\xff\xff\xff\xff", 5},
    {"\xc1", 1},
};

static void write_reference(const world *self, ipc__buf *to, uint8_t which)
{
    size_t length = self->reference_lengths[which % REFERENCES];
    write_bytes(to, length ? (const void *)self->references[which % REFERENCES] : "\xc0", length ? length : 1);
}

/* Some values one behind the other, of a sequence or map; what is drawn last does not nest any more. */
static void write_value(const world *self, ipc__buf *to, input *in, unsigned depth)
{
    uint8_t drawn = input_byte(in);
    if (drawn < 96) { /* -32 to 63 */
        write_bytes(to, &(char){(char)(drawn - 32)}, 1);
    } else if (drawn < 168) {
        size_t which = drawn % (sizeof atoms / sizeof atoms[0]);
        write_bytes(to, atoms[which].bytes, atoms[which].length);
    } else if (drawn < 192) {
        write_reference(self, to, drawn);
    } else if (depth && drawn < 248) {
        unsigned count = drawn % 8;
        bool map = drawn >= 232;
        write_bytes(to, &(char){(char)((map ? 0x80 : 0x90) | count)}, 1);
        for (unsigned i = 0; i < (map ? 2 * count : count); i++) {
            write_value(self, to, in, depth - 1);
        }
    } else if (drawn < 252) {
        const uint8_t *bytes;
        size_t length = input_bytes(in, input_byte(in), &bytes);
        write_bytes(to, bytes, length);
    } else {
        for (unsigned i = input_below(in, DEEP); i > 0; i--) { /* deep */
            write_bytes(to, "\x91", 1);
        }
        write_bytes(to, "\xc0", 1);
    }
}

/* A long sequence of one thing. */
static void write_many(const world *self, ipc__buf *to, input *in)
{
    ipc__buf one = {0};
    unsigned count = 16U + input_byte(in) * (unsigned)VALUES_MAX;
    write_bytes(to, (const char[]){(char)0xdc, (char)(count >> 8), (char)count}, 3);
    write_value(self, &one, in, 1);
    for (; count > 0; count--) {
        write_bytes(to, one.data, one.length);
    }
    ipc__buf_free(&one);
}

void core_say_arguments(peer *self, input *in)
{
    ipc__buf arguments = {0};
    uint8_t drawn = input_byte(in);
    unsigned count = drawn % 5;
    if (drawn < 240) {
        write_bytes(&arguments, &(char){(char)(0x90 | count)}, 1);
    }
    for (unsigned i = 0; i < count; i++) {
        drawn >= 200 && drawn < 216 ? write_many(self->world, &arguments, in)
                                    : write_value(self->world, &arguments, in, DEPTH);
    }
    require(!arguments.failed, "there is memory");
    require(ipc__write_value(&self->out, (ipc__bytes){arguments.data, arguments.length}, NULL), "there is memory");
    ipc__buf_free(&arguments);
}
