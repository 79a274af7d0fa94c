/*
 * Fuzz target: ipc_unpack() with formats made of the input's beginning over a message made of the rest. What is no value is
 * refused, whatever the format; what is given out lies in the message; an error leaves nothing to be freed.
 * Touches nothing but memory. One thread.
 */
#include "codec/msg.h"
#include "fuzz/fuzz.h"

#include <string.h>
#include <time.h>

enum { FORMAT_MAX = 64, SLOTS = 24, DEPTH_MAX = 5, KEY_MAX = 7 };

/* One argument: what an out points to, or a key. */
typedef struct slot {
    char letter; /* ':' for a key, '#' for the length of the slot before */
    union {
        int i;
        int64_t wide;
        uint64_t unsigned_wide;
        double f;
        const char *text;
        const void *bytes;
        size_t length;
        struct timespec moment;
        ipc_msg *msg;
        char key[KEY_MAX + 1];
    } as;
} slot;

typedef struct plan {
    char format[FORMAT_MAX + 1];
    size_t length;
    slot slots[SLOTS];
    size_t count;
} plan;

/* ---- formats ---- */

static void add_letter(plan *self, char letter)
{
    self->format[self->length++] = letter;
}

static slot *add_slot(plan *self, char letter)
{
    slot *added = &self->slots[self->count++];
    *added = (slot){.letter = letter};
    return added;
}

/* Whether there is room for another value, with what closes everything around it. */
static bool has_room(const plan *self)
{
    return self->length + 8 + DEPTH_MAX * 2 < FORMAT_MAX && self->count + 4 < SLOTS;
}

static void plan_value(plan *self, input *in, unsigned depth);

static void plan_sequence(plan *self, input *in, unsigned depth)
{
    add_letter(self, '[');
    for (unsigned count = input_below(in, 5); count > 0 && has_room(self); count--) {
        plan_value(self, in, depth + 1);
    }
    if (input_below(in, 2)) {
        add_letter(self, '!');
    }
    add_letter(self, ']');
}

static void plan_map(plan *self, input *in, unsigned depth)
{
    add_letter(self, '{');
    for (unsigned count = input_below(in, 4); count > 0 && has_room(self); count--) {
        if (input_below(in, 2)) {
            add_letter(self, '?');
        }
        add_letter(self, 's');
        const uint8_t *key;
        size_t length = input_bytes(in, input_below(in, KEY_MAX + 1), &key);
        memcpy(add_slot(self, ':')->as.key, key, length);
        plan_value(self, in, depth + 1);
    }
    if (input_below(in, 2)) {
        add_letter(self, '!');
    }
    add_letter(self, '}');
}

static void plan_value(plan *self, input *in, unsigned depth)
{
    static const char letters[] = "nbiIUfsSBtv*[[{{";
    char letter = letters[input_below(in, sizeof letters - 1)];
    if (letter == '[' || letter == '{') {
        if (depth < DEPTH_MAX) {
            (letter == '[' ? plan_sequence : plan_map)(self, in, depth);
            return;
        }
        letter = '*';
    }
    add_letter(self, letter);
    if (letter != 'n' && letter != '*') {
        add_slot(self, letter);
    }
    if (letter == 'S' || letter == 'B') {
        add_slot(self, '#');
    }
}

/* ---- outs ---- */

static void forget_outs(plan *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->slots[i].letter != ':') {
            self->slots[i] = (slot){.letter = self->slots[i].letter};
        }
    }
}

/* What was given out, if it was: an optional key's outs are left alone. */
static void check_outs(plan *self, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < self->count; i++) {
        slot *out = &self->slots[i];
        if (out->letter == 's' && out->as.text) {
            touch(out->as.text, strlen(out->as.text) + 1);
        } else if ((out->letter == 'S' || out->letter == 'B') && out->as.text) {
            size_t length = self->slots[i + 1].as.length;
            const uint8_t *bytes = out->as.bytes;
            require(bytes >= data && length <= size && bytes + length <= data + size, "bytes lie in their message");
            touch(bytes, length);
        } else if (out->letter == 't') {
            require(out->as.moment.tv_nsec >= 0 && out->as.moment.tv_nsec < 1000000000, "a moment is one");
        } else if (out->letter == 'v' && out->as.msg) {
            size_t length;
            const void *bytes = ipc_msg_bytes(out->as.msg, &length);
            require(ipc_msg_check(bytes, length) == IPC_OK, "a copy is a value");
            ipc_msg_free(out->as.msg);
        }
    }
}

static void check_nothing_owned(const plan *self)
{
    for (size_t i = 0; i < self->count; i++) {
        require(self->slots[i].letter != 'v' || !self->slots[i].as.msg, "after an error nothing is left to be freed");
    }
}

static ipc_err unpack(const ipc_msg *msg, plan *self)
{
    void *o[SLOTS];
    for (size_t i = 0; i < SLOTS; i++) {
        o[i] = &self->slots[i].as;
    }
    return ipc_unpack(msg, self->format, o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8], o[9], o[10], o[11],
                      o[12], o[13], o[14], o[15], o[16], o[17], o[18], o[19], o[20], o[21], o[22], o[23]);
}

static void release_nothing(void *arg)
{
    (void)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    const uint8_t *head;
    size_t head_length = input_bytes(&in, input_byte(&in), &head);
    input letters = {head, head_length};
    plan self = {.length = 0};
    plan_value(&self, &letters, 0);

    ipc_err checked = ipc_msg_check(in.at, in.left);
    ipc_msg *msg = ipc__msg_borrow(in.at, in.left, release_nothing, NULL); /* as it comes from a peer: not checked */
    require(msg != NULL, "there is memory");
    ipc_err first = unpack(msg, &self);
    require(!checked || first == checked, "what is no value is refused as such");
    require(checked || first == IPC_OK || first == IPC_EFORMAT, "a value is only refused for its form");
    for (int again = 0; again < 2; again++) { /* with texts that are copied, and with copies that are there */
        if (first == IPC_OK) {
            check_outs(&self, in.at, in.left);
        } else {
            check_nothing_owned(&self);
        }
        forget_outs(&self);
        if (again == 0) {
            require(unpack(msg, &self) == first, "the same comes of the same");
        }
    }
    ipc_msg_free(msg);
    return 0;
}
