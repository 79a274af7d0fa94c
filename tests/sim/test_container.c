/*
 * Dicts, namespaces, lists, arrays and values in the hub core, held against a model of them, among sessions that die at any step,
 * references that are stored, told and followed, and objects that come and go with them; on a clock of its own, for many seeds.
 * Touches memory, and prints the seed that failed. One thread.
 *
 * test_container        the seeds that belong to the test
 * test_container N      one
 * test_container N M    M of them, from N on
 */
#include "box_draw.h"
#include "wire/read.h"

#include <inttypes.h>
#include <ipc/method.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEEDS = 4000, STEPS = 400, MINUTE_US = 60 * 1000 * 1000, TOO_MANY = BOX_OBJECTS - 4 };

static const char *const types[BOX_TYPES] = {"dict", "namespace", "list", "array", "value"};
static const char typecodes[] = {'b', 'B', 'h', 'H', 'i', 'I', 'l', 'L', 'q', 'Q', 'f', 'd'};

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void expect(int64_t code, int64_t expected)
{
    if (code != expected) {
        fprintf(stderr, "answered %s, expected %s: %s\n", ipc_err_name((ipc_err)code), ipc_err_name((ipc_err)expected),
                ipc_last_error());
        BOX_REQUIRE(false, "an answer is as expected");
    }
}

/* ---- methods ---- */

static void check_result(box_client *self, const box_call *call)
{
    ipc_cursor at = {self->answer.data, self->answer.data + self->answer.length};
    ipc__bytes result;
    BOX_REQUIRE(ipc__read_bin(&at, &result) && at.at == at.end, "a result is bytes");
    bool nothing = call->result.length == 0;
    size_t length = nothing ? 1 : call->result.length;
    const void *bytes = nothing ? (const void *)"\xc0" : call->result.data;
    BOX_REQUIRE(result.length == length && memcmp(result.data, bytes, length) == 0, "a result is as expected");
    for (uint32_t i = 0; i < call->told_count; i++) {
        box_told(self, call->told[i]);
    }
}

static void spoil_count(box_call *call, ipc_err *err)
{
    uint32_t least;
    uint32_t most;
    box_method_arguments(call->object, call->method, &least, &most);
    if (box_draw(2) && most < BOX_ARGUMENTS) {
        while (call->count <= most) {
            call->arguments[call->count++] = box_int(1);
        }
        *err = IPC_EINVAL;
    } else if (least) {
        call->count = least - 1;
        *err = IPC_EINVAL;
    }
}

/* What may be refused beside what the model says; then nothing has happened. */
static bool refused(const box_call *call, int64_t code, size_t sent)
{
    if (code == IPC_EMEMORY && box.flavour.scarce) {
        return box_method_stores(call->method);
    }
    size_t most = box.core.options.max_message;
    return code == IPC_ETOOBIG && (sent > most || call->result.length > most);
}

static void invoke(box_client *self, uint32_t handle, box_object *object)
{
    static box_call call;
    static box_object before;
    static ipc__buf packed;
    static ipc__buf fields;
    ipc_err expected = IPC_OK;
    if (!box_draw_call(&call, object)) {
        return;
    }
    if (box_draw(40) == 0) {
        spoil_count(&call, &expected);
    }
    ipc__buf_reset(&packed);
    box_pack_head(&packed, 0x90, 0xdc, call.count);
    for (uint32_t i = 0; i < call.count; i++) {
        box_pack(&packed, call.arguments[i]);
    }
    ipc__buf_reset(&fields);
    msgpack_packer packer = ipc__packer(&fields);
    msgpack_pack_unsigned_int(&packer, call.method);
    msgpack_pack_bin_with_body(&packer, packed.data, packed.length);
    memcpy(&before, object, sizeof before);
    expected = expected ? expected : box_invoke(&call);
    if (expected == IPC_OK && call.result.length > box.core.options.max_message) {
        expected = IPC_ETOOBIG;
    }
    expected = packed.length > box.core.options.max_message ? IPC_ETOOBIG : expected;
    int64_t code = box_ask(self, IPC__OP_INVOKE, handle, 2, &fields);
    if (code && (code == expected || refused(&call, code, packed.length))) {
        memcpy(object, &before, sizeof before);
    } else {
        expect(code, expected);
        check_result(self, &call);
    }
    box_check_contents(object);
}

/* What is no call of a method at all. */
static void babble(box_client *self, uint32_t handle)
{
    static const struct {
        const char *fields;
        size_t length;
        ipc_err err;
    } calls[] = {
        {"\x01\xc4\x01\x80", 4, IPC_EKIND},           /* a map of arguments */
        {"\x01\xc4\x01\x05", 4, IPC_EKIND},           /* a number */
        {"\x01\xc4\x00", 3, IPC_EBADMSG},             /* nothing */
        {"\x01\xc4\x02\x90\x01", 5, IPC_EBADMSG},     /* something behind */
        {"\x01\xc4\x01\x91", 4, IPC_EBADMSG},         /* an argument too few */
        {"\x01\xc4\x03\x91\xa1\xff", 6, IPC_EBADMSG}, /* no UTF-8 */
        {"\x01\xc4\x05\xdd\xff\xff\xff\xff", 8, IPC_EBADMSG},
        {"\x00\xc4\x01\x90", 4, IPC_EINVAL}, /* no method */
        {"\x0b\xc4\x01\x90", 4, IPC_EINVAL},
        {"\xce\xff\xff\xff\xff\xc4\x01\x90", 8, IPC_EINVAL},
    };
    uint64_t which = box_draw(sizeof calls / sizeof calls[0]);
    ipc__buf fields = {0};
    ipc__buf_write(&fields, calls[which].fields, calls[which].length);
    expect(box_ask(self, IPC__OP_INVOKE, handle, 2, &fields), calls[which].err);
    ipc__buf_free(&fields);
}

/* ---- opening ---- */

static void learn_reference(box_client *self, uint32_t handle, box_object *object)
{
    ipc__buf none = {0};
    expect(box_ask(self, IPC__OP_REFER, handle, 0, &none), IPC_OK);
    BOX_REQUIRE(self->answer.length <= sizeof object->reference, "a reference is short");
    if (!object->reference_length) {
        memcpy(object->reference, self->answer.data, self->answer.length);
        object->reference_length = self->answer.length;
    }
    BOX_REQUIRE(self->answer.length == object->reference_length &&
                    memcmp(self->answer.data, object->reference, self->answer.length) == 0,
                "a reference stays the same");
}

struct opening {
    box_type type;
    unsigned mode;
    char typecode;
    uint32_t length;
    ipc__buf fields;
    msgpack_packer packer;
};

static struct opening *open_begin(void)
{
    static struct opening self;
    self.type = (box_type)box_draw(BOX_TYPES);
    self.mode = (unsigned)box_draw(5) / 2; /* create now and then */
    self.typecode = typecodes[box_draw(sizeof typecodes)];
    self.length = self.type == BOX_VALUE ? 1 : (uint32_t)box_draw(5);
    ipc__buf_reset(&self.fields);
    self.packer = ipc__packer(&self.fields);
    pack_text(&self.packer, types[self.type]);
    msgpack_pack_unsigned_int(&self.packer, self.mode == 2 ? 1 : self.mode == 1 ? 2 : 0);
    return &self;
}

/* With the place to open in between; the code. */
static int64_t open_end(struct opening *self, box_client *client, uint32_t handle)
{
    msgpack_pack_map(&self->packer, self->type >= BOX_ARRAY ? 2 : 0);
    if (self->type >= BOX_ARRAY) {
        pack_text(&self->packer, "typecode");
        msgpack_pack_str_with_body(&self->packer, &self->typecode, 1);
        pack_text(&self->packer, "length");
        msgpack_pack_unsigned_int(&self->packer, self->length);
    }
    return box_ask(client, IPC__OP_OPEN, handle, 4, &self->fields);
}

static void made(const struct opening *how, box_client *self, uint32_t handle, int name)
{
    box_object *object = box_object_new(how->type, name);
    object->id = box.core.next_id;
    object->typecode = how->typecode;
    object->reference_length = 0;
    object->count = how->type >= BOX_ARRAY ? how->length : 0;
    bool is_float = how->typecode == 'f' || how->typecode == 'd';
    for (uint32_t i = 0; i < object->count; i++) {
        object->values[i] = is_float ? box_float(0) : box_int(0);
    }
    self->holds[handle] = object;
    learn_reference(self, handle, object);
    box_check_contents(object);
}

static ipc_err open_error(const struct opening *how, const box_object *object)
{
    if (object->type != how->type) {
        return IPC_ETYPE;
    }
    bool other = object->typecode != how->typecode || object->count != how->length;
    return how->type >= BOX_ARRAY && other ? IPC_EOPTIONS : IPC_OK;
}

static void open_named(box_client *self, uint32_t handle)
{
    struct opening *how = open_begin();
    int name = (int)box_draw(BOX_NAMES);
    box_object *there = box_named(name);
    if (there && box_draw(4)) { /* as it is */
        how->type = there->type;
        how->typecode = there->typecode;
        how->length = there->count;
        ipc__buf_reset(&how->fields);
        pack_text(&how->packer, types[how->type]);
        msgpack_pack_unsigned_int(&how->packer, how->mode == 2 ? 1 : how->mode == 1 ? 2 : 0);
    }
    msgpack_pack_str_with_body(&how->packer, &"abcde"[name], 1);
    ipc_err expected = there            ? how->mode == 2 ? IPC_EEXIST : open_error(how, there)
                                  : how->mode == 1 ? IPC_ENOENT
                                        : IPC_OK;
    int64_t code = open_end(how, self, handle);
    if (!there && code == IPC_EMEMORY && box.flavour.scarce && how->type >= BOX_ARRAY) {
        return;
    }
    expect(code, expected);
    if (!code && there) {
        self->holds[handle] = there;
    } else if (!code) {
        made(how, self, handle, name);
    }
}

static void open_unnamed(box_client *self, uint32_t handle)
{
    struct opening *how = open_begin();
    msgpack_pack_nil(&how->packer);
    int64_t code = open_end(how, self, handle);
    if (code == IPC_EMEMORY && box.flavour.scarce && how->type >= BOX_ARRAY) {
        return;
    }
    expect(code, IPC_OK);
    made(how, self, handle, -1);
}

/* The type that was drawn, or mostly the right one. */
static struct opening *open_existing(const box_object *object)
{
    struct opening *how = open_begin();
    if (box_draw(10)) {
        how->type = object->type;
        ipc__buf_reset(&how->fields);
        pack_text(&how->packer, types[how->type]);
        msgpack_pack_unsigned_int(&how->packer, 0);
    }
    return how;
}

static void opened(box_client *self, uint32_t handle, int64_t code, ipc_err expected, box_object *object)
{
    expect(code, expected);
    if (!code) {
        self->holds[handle] = object;
        learn_reference(self, handle, object);
    }
}

static void open_referred(box_client *self, uint32_t handle)
{
    unsigned among = box.object_count < 8 || box_draw(4) == 0 ? box.object_count : 8;
    box_object *object = &box.objects[box.object_count - 1 - box_draw(among)];
    const box_grant *grant = box.grant_count ? &box.grants[box_draw(box.grant_count)] : NULL;
    object = grant && grant->client && box_draw(2) ? grant->object : object;
    struct opening *how = open_existing(object);
    ipc_err expected = !object->exists ? IPC_ENOENT : how->type != object->type ? IPC_ETYPE : IPC_OK;
    ipc__buf_write(&how->fields, (const char *)object->reference, object->reference_length);
    int64_t code = open_end(how, self, handle);
    opened(self, handle, code, expected, object);
    if (!code) {
        box_grant_used(self, object);
    }
}

static void open_pinned(box_client *self, uint32_t handle)
{
    box_pin *pin = &box.pins[box_draw(box.pin_count)];
    struct opening *how = open_existing(pin->object);
    ipc_err expected = !pin->owner ? IPC_ENOENT : how->type != pin->object->type ? IPC_ETYPE : IPC_OK;
    msgpack_pack_bin_with_body(&how->packer, pin->bytes, sizeof pin->bytes);
    int64_t code = open_end(how, self, handle);
    opened(self, handle, code, expected, pin->object);
    if (!code && !pin->due) {
        pin->due = box.now + MINUTE_US;
    }
}

static void open_some(box_client *self, uint32_t handle)
{
    uint64_t choice = box.object_count < TOO_MANY ? box_draw(10) : 9;
    if (choice < 3) {
        open_named(self, handle);
    } else if (choice < 6 || box.object_count == 0) {
        open_unnamed(self, handle);
    } else if (choice == 6 && box.pin_count) {
        open_pinned(self, handle);
    } else {
        open_referred(self, handle);
    }
}

/* ---- other things that clients do ---- */

static void close_handle(box_client *self, uint32_t handle)
{
    ipc__buf none = {0};
    expect(box_ask(self, IPC__OP_CLOSE, handle, 0, &none), IPC_OK);
    self->holds[handle] = NULL;
}

static void unlink_name(box_client *self)
{
    int name = (int)box_draw(BOX_NAMES);
    box_object *there = box_named(name);
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    msgpack_pack_str_with_body(&packer, &"abcde"[name], 1);
    expect(box_ask(self, IPC__OP_UNLINK, 0, 1, &fields), there ? IPC_OK : IPC_ENOENT);
    ipc__buf_free(&fields);
    if (there) {
        box_forget_object(there);
    }
}

static void pin(box_client *self, uint32_t handle, box_object *object)
{
    ipc__buf none = {0};
    ipc__bytes bytes;
    if (box.pin_count == BOX_PINS) {
        return;
    }
    expect(box_ask(self, IPC__OP_PIN, handle, 0, &none), IPC_OK);
    ipc_cursor at = {self->answer.data, self->answer.data + self->answer.length};
    box_pin *made = &box.pins[box.pin_count++];
    *made = (box_pin){.owner = self, .object = object};
    BOX_REQUIRE(ipc__read_bin(&at, &bytes) && bytes.length == sizeof made->bytes, "a pin is bytes");
    memcpy(made->bytes, bytes.data, bytes.length);
}

static void die(box_client *self)
{
    static const ipc__end ends[] = {IPC__END_CLEAN, IPC__END_FAILED, IPC__END_CRASH};
    ipc__session *session = self->session;
    box_forget_client(self);
    ipc__core_session_end(session, ends[box_draw(3)], box.now);
}

static void fork_client(box_client *self)
{
    box_client *child = &box.clients[box_draw(BOX_CLIENTS)];
    if (child->session) {
        return;
    }
    unsigned char numbers[1 + BOX_HANDLES] = {0x90 + BOX_HANDLES};
    for (unsigned i = 0; i < BOX_HANDLES; i++) {
        numbers[1 + i] = (unsigned char)i;
    }
    ipc_cursor at = {numbers, numbers + sizeof numbers};
    expect(ipc__core_fork(self->session, &box_lane, child, at, &child->session), IPC_OK);
    memcpy(child->holds, self->holds, sizeof child->holds);
}

static void use_lock(box_client *self, uint32_t handle, box_object *array)
{
    ipc__buf fields = {0};
    msgpack_packer packer = ipc__packer(&fields);
    msgpack_pack_int(&packer, 1); /* the thread */
    bool wait = box_draw(2);
    if (box_draw(2)) {
        int64_t expected = array->owner == self ? IPC_OK : array->owner ? IPC_ENOTOWNER : IPC_ENOTHELD;
        expect(box_ask(self, IPC__OP_UNLOCK, handle, 1, &fields), expected);
        if (!expected && --array->depth == 0) {
            array->owner = NULL;
        }
    } else if (!self->waiting) {
        bool free = !array->owner || array->owner == self;
        msgpack_pack_int(&packer, wait ? -1 : 0);
        int64_t code = box_ask(self, IPC__OP_ACQUIRE, handle, 2, &fields);
        expect(code, free || wait ? IPC_OK : IPC_ETIMEOUT);
        BOX_REQUIRE(self->answered == (free || !wait), "who can have the lock has it");
        self->waiting = self->answered ? 0 : self->seq;
        self->waits_for = array;
        if (free) {
            ipc_cursor at = {self->answer.data, self->answer.data + self->answer.length};
            uint64_t fence;
            bool abandoned;
            BOX_REQUIRE(ipc__read_uint(&at, &fence) && ipc__read_bool(&at, &abandoned), "an answer");
            box_has_lock(self, array, abandoned);
        }
    }
    ipc__buf_free(&fields);
}

static void use_handle(box_client *self, uint32_t handle)
{
    box_object *object = self->holds[handle];
    uint64_t choice = box_draw(40);
    if (!object) {
        ipc__buf fields = {0};
        ipc__buf_write(&fields, "\x01\xc4\x01\x90", 4);
        expect(box_ask(self, IPC__OP_INVOKE, handle, 2, &fields), IPC_EDELETED);
        ipc__buf_free(&fields);
    } else if (choice == 0) {
        babble(self, handle);
    } else if (choice == 1) {
        learn_reference(self, handle, object);
    } else if (choice == 2) {
        pin(self, handle, object);
    } else if (choice < 8 && object->type >= BOX_ARRAY) {
        use_lock(self, handle, object);
    } else {
        invoke(self, handle, object);
    }
}

/* ---- a run ---- */

static void pass_time(void)
{
    static const uint64_t times[] = {1000, 100000, 300000, 20000000, MINUTE_US + 1};
    if (box_draw(4)) {
        box_pass(times[box_draw(sizeof times / sizeof times[0])]);
    } else {
        box_settle();
    }
}

static void step(void)
{
    box_client *self = &box.clients[box_draw(BOX_CLIENTS)];
    uint64_t choice = box_draw(60);
    uint32_t handle = 1 + (uint32_t)box_draw(BOX_HANDLES - 1);
    if (!self->session) {
        box_join(self);
    } else if (choice == 0) {
        die(self);
    } else if (choice == 1) {
        fork_client(self);
    } else if (choice == 2) {
        pass_time();
    } else if (choice == 3) {
        unlink_name(self);
    } else if (choice < 12 && self->holds[handle]) {
        close_handle(self, handle);
    } else if (choice < 30 && !self->holds[handle]) {
        open_some(self, handle);
    } else {
        use_handle(self, handle);
    }
    box_check();
}

/* Nobody is there any more, and nothing has a name: nothing is left. */
static void end_all(void)
{
    box_client *self = &box.clients[0];
    for (int i = 0; i < BOX_CLIENTS; i++) {
        if (box.clients[i].session) {
            die(&box.clients[i]);
            box_check();
        }
    }
    box_join(self);
    for (int i = 0; i < 200 && box.core.by_name; i++) {
        unlink_name(self);
        box_check();
    }
    die(self);
    box_pass(MINUTE_US);
    box_settle();
    box_check();
    BOX_REQUIRE(box.existing == 0 && box.core.object_count == 0, "no object is left");
    BOX_REQUIRE(box.core.memory == 0 && !box.core.pins && !box.core.candidates, "nothing is kept");
    BOX_REQUIRE(ipc__core_due(&box.core) == UINT64_MAX, "nothing is due any more");
}

static void run(uint64_t seed)
{
    box_begin(seed, (box_flavour){.scarce = seed % 4 == 1, .terse = seed % 8 == 2, .left_alone = seed % 4 == 3});
    for (box.step = 0; box.step < STEPS; box.step++) {
        step();
    }
    box_check_everything();
    if (!box.flavour.left_alone) {
        end_all();
    }
    box_end();
}

int main(int argc, char **argv)
{
    uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t seeds = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : SEEDS;
    for (uint64_t seed = from; seed < from + seeds; seed++) {
        run(seed);
    }
    printf("%" PRIu64 " seeds of %d steps\n", seeds, STEPS);
    return 0;
}
