/*
 * Clients that ask containers for what is none: over shared memory, by operations that no client sends, whose session ends, and by
 * arguments that no method has, which are answered. Over ZeroMQ: test_hostile.
 * Touches raw sessions, and a hub of its own for every test.
 */
#include "fault/hostile.h"

#include <ipc/method.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DICT = 1, LIST, ARRAY, QUEUE, NONE = 77, LONG = 5000 };

/* ---- what is said ---- */

static void open_container(raw_lane *self, uint32_t handle, const char *type)
{
    raw_bytes ops = {.length = 0};
    raw_pack(&ops, "[i,U,U,s,i,n,{s:s,s:i}]", 3, (uint64_t)handle, ++self->seq, type, 0, "typecode", "h", "length", 3);
    raw_lane_say(self, &ops);
    CHECK_INT(raw_lane_answer(self, self->seq), 0);
}

static void open_all(raw_lane *self)
{
    open_container(self, DICT, "dict");
    open_container(self, LIST, "list");
    open_container(self, ARRAY, "array");
    raw_lane_queue(self, QUEUE, "mine", 0);
}

/* The code that an INVOKE with these packed arguments is answered with. */
static int invoked(raw_lane *self, uint32_t handle, int64_t method, const void *arguments, size_t length)
{
    raw_bytes ops = {.length = 0};
    raw_pack(&ops, "[i,U,U,I,B]", 36, (uint64_t)handle, ++self->seq, method, arguments, length);
    raw_lane_say(self, &ops);
    return raw_lane_answer(self, self->seq);
}

/* ---- what ends the session ---- */

static void behind_opens(raw_lane *self, const char *bytes, size_t length)
{
    raw_bytes ops = {.length = length};
    memcpy(ops.data, bytes, length);
    open_all(self);
    raw_lane_say(self, &ops);
}

#define SAY(self, literal) behind_opens(self, literal, sizeof(literal) - 1)

static void without_arguments(raw_lane *self)
{
    SAY(self, "\x94\x24\x01\x63\x01");
}

static void without_fields(raw_lane *self)
{
    SAY(self, "\x93\x24\x01\x63");
}

static void with_a_field_too_many(raw_lane *self)
{
    SAY(self, "\x96\x24\x01\x63\x01\xc4\x01\x90\xc0");
}

static void a_method_that_is_a_text(raw_lane *self)
{
    SAY(self, "\x95\x24\x01\x63\xa1x\xc4\x01\x90");
}

static void a_method_below_nought(raw_lane *self)
{
    SAY(self, "\x95\x24\x01\x63\xff\xc4\x01\x90");
}

static void a_method_beyond_all(raw_lane *self)
{
    SAY(self, "\x95\x24\x01\x63\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc4\x01\x90");
}

static void arguments_that_are_no_value(raw_lane *self)
{
    SAY(self, "\x95\x24\x01\x63\x01\x90");
}

static void arguments_in_a_place_that_is_none(raw_lane *self)
{
    SAY(self, "\x95\x24\x01\x63\x01\xc0");
}

static void arguments_that_are_cut(raw_lane *self)
{
    SAY(self, "\x95\x24\x01\x63\x01\xc4\xff\x90");
}

static void of_a_queue(raw_lane *self)
{
    SAY(self, "\x95\x24\x04\x63\x01\xc4\x01\x90");
}

static void a_put_into_a_dict(raw_lane *self)
{
    SAY(self, "\x94\x10\x01\x63\xc4\x01\x90");
}

static void a_wait_for_a_list(raw_lane *self)
{
    SAY(self, "\x94\x20\x02\x63\x00");
}

static void refer_with_a_field(raw_lane *self)
{
    SAY(self, "\x94\x0d\x01\x63\x01");
}

static void open_of_another_extension(raw_lane *self)
{
    SAY(self, "\x97\x03\x09\x63\xa4"
              "dict\x00\xd4\x41\x01\x80");
}

static void invoke_without_a_number(raw_lane *self)
{
    SAY(self, "\x95\x24\x01\x00\x01\xc4\x01\x90");
}

static void test_hostile_container__operations_that_are_none(void **state)
{
    static const struct crime crimes[] = {
        CRIME(without_arguments),           CRIME(without_fields),
        CRIME(with_a_field_too_many),       CRIME(a_method_that_is_a_text),
        CRIME(a_method_below_nought),       CRIME(a_method_beyond_all),
        CRIME(arguments_that_are_no_value), CRIME(arguments_in_a_place_that_is_none),
        CRIME(arguments_that_are_cut),      CRIME(of_a_queue),
        CRIME(a_put_into_a_dict),           CRIME(a_wait_for_a_list),
        CRIME(refer_with_a_field),          CRIME(open_of_another_extension),
        CRIME(invoke_without_a_number),
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    PUNISH(&witness, where, crimes);
    leaves(&witness, where);
}

/* ---- what is answered ---- */

#define CALL(handle, method, literal, code)                                                                            \
    {                                                                                                                  \
        handle, IPC_METHOD_##method, literal, sizeof(literal) - 1, code                                                \
    }

static void test_hostile_container__arguments_that_are_none(void **state)
{
    static const struct {
        uint32_t handle;
        int64_t method;
        const char *arguments;
        size_t length;
        int code;
    } calls[] = {
        {DICT, 0, "\x90", 1, IPC_EINVAL},
        {DICT, 11, "\x90", 1, IPC_EINVAL},
        {DICT, 44, "\x90", 1, IPC_EINVAL},
        {LIST, UINT32_MAX, "\x90", 1, IPC_EINVAL},
        CALL(DICT, APPEND, "\x91\x01", IPC_EINVAL), /* a list's */
        CALL(LIST, KEYS, "\x90", IPC_EINVAL),
        CALL(ARRAY, POP, "\x90", IPC_EINVAL),
        CALL(NONE, GET, "\x91\x01", IPC_EDELETED),
        CALL(DICT, GET, "", IPC_EBADMSG),
        CALL(DICT, GET, "\xc1", IPC_EBADMSG),
        CALL(DICT, GET, "\x91", IPC_EBADMSG),
        CALL(DICT, GET, "\x91\x01\x01", IPC_EBADMSG),
        CALL(DICT, GET, "\xc0", IPC_EKIND),
        CALL(DICT, GET, "\x81\x01\x02", IPC_EKIND),
        CALL(DICT, GET, "\x90", IPC_EINVAL),
        CALL(DICT, GET, "\x93\x01\x02\x03", IPC_EINVAL),
        CALL(DICT, GET, "\xdd\xff\xff\xff\xff\x01", IPC_EBADMSG),
        CALL(DICT, GET, "\x91\x91\x01", IPC_EKIND),           /* no key */
        CALL(DICT, GET, "\x91\xa1\xff", IPC_EBADMSG),         /* no UTF-8 */
        CALL(DICT, SET, "\x92\x01\xd4\x42\x01", IPC_EBADMSG), /* a reference that is none */
        CALL(DICT, SET, "\x92\x01\xc7\x05\x42\x94\x01\x02\xa0\xc0", IPC_ENOENT),
        CALL(DICT, SET, "\x92\x01\x81\xd4\x42\x01\x02", IPC_EBADMSG),
        CALL(DICT, UPDATE, "\x91\x81\x91\x01\x01", IPC_EBADMSG),
        CALL(DICT, UPDATE, "\x91\xdf\xff\xff\xff\xff", IPC_EBADMSG),
        CALL(DICT, UPDATE, "\x91\x01", IPC_EKIND),
        CALL(DICT, COMPARE_SET, "\x93\x01\x92\x01\x02\x90", IPC_EKIND),
        CALL(LIST, GET, "\x91\x00", IPC_EINDEX),
        CALL(LIST, GET, "\x91\xd3\x80\x00\x00\x00\x00\x00\x00\x00", IPC_EINDEX),
        CALL(LIST, GET, "\x91\xc7\x00\x41", IPC_EINDEX), /* an integer of no bytes */
        CALL(LIST, GET_SLICE, "\x93\xc7\x00\x41\xc7\x00\x41\xc0", IPC_OK),
        CALL(LIST, GET_SLICE, "\x93\xc0\xc0\x00", IPC_EINVAL),
        CALL(LIST, REPEAT, "\x91\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", IPC_OK), /* of nothing */
        CALL(LIST, SORT, "\x91\xc0", IPC_EKIND),
        CALL(ARRAY, SET, "\x92\x00\xcd\x80\x00", IPC_ERANGE),
        CALL(ARRAY, SET_SLICE, "\x94\xc0\xc0\xc0\x92\x01\x02", IPC_EINVAL),
    };
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_open(where);
    open_all(&raw);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int code = invoked(&raw, calls[i].handle, calls[i].method, calls[i].arguments, calls[i].length);
        if (code != calls[i].code) {
            check_fail(__FILE__, __LINE__, "call %zu is answered %d", i, code);
        }
    }
    is_well(&witness, where);
    raw_lane_close(&raw);
    leaves(&witness, where);
}

static void test_hostile_container__deep_and_long_arguments(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_open(where);
    open_all(&raw);
    unsigned char bytes[LONG];
    memset(bytes, 0x91, sizeof bytes);
    bytes[900] = 0xc0;
    CHECK_INT(invoked(&raw, LIST, IPC_METHOD_APPEND, bytes, 901), IPC_EDEPTH);
    bytes[100] = 0xc0;
    CHECK_INT(invoked(&raw, LIST, IPC_METHOD_APPEND, bytes, 101), IPC_OK);
    /* One that should lie at a place of its own. */
    memcpy(bytes, (const unsigned char[]){0x91, 0xc5, 0x13, 0x84}, 4);
    CHECK_INT(invoked(&raw, LIST, IPC_METHOD_APPEND, bytes, sizeof bytes), IPC_OK);
    is_well(&witness, where);
    raw_lane_close(&raw);
    leaves(&witness, where);
}

static void test_hostile_container__refer_to_numbers_that_are_none(void **state)
{
    const place *where = *state;
    struct witness witness = witness_of(where);
    raw_lane raw = raw_lane_open(where);
    static const uint64_t numbers[] = {0, 1, NONE, 65535, UINT32_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        raw_bytes ops = {.length = 0};
        raw_pack(&ops, "[i,U,U]", 13, numbers[i], ++raw.seq);
        raw_lane_say(&raw, &ops);
        CHECK_INT(raw_lane_answer(&raw, raw.seq), IPC_EDELETED);
    }
    is_well(&witness, where);
    raw_lane_close(&raw);
    leaves(&witness, where);
}

/* ---- good calls with some bytes changed: by a fixed seed, so that what is found can be found again ---- */

static void test_hostile_container__calls_with_changed_bytes(void **state)
{
    enum { ROUNDS = 300 };
    const place *where = *state;
    struct witness witness = witness_of(where);
    unsigned seed = 20260101;
    for (int round = 0; round < ROUNDS; round++) {
        raw_lane raw = raw_lane_open(where);
        open_all(&raw);
        raw_bytes ops = {.length = 0};
        raw_pack(&ops, "[i,i,i,i,B]", 36, DICT, 10, IPC_METHOD_SET, "\x92\xa1\x61\x93\x01\x02\x03", (size_t)7);
        raw_pack(&ops, "[i,i,i,i,B]", 36, DICT, 11, IPC_METHOD_UPDATE, "\x91\x82\x01\x02\xa1\x62\x81\x03\x04",
                 (size_t)9);
        raw_pack(&ops, "[i,i,i,i,B]", 36, LIST, 12, IPC_METHOD_EXTEND, "\x91\x93\x05\xa1\x61\xc0", (size_t)6);
        raw_pack(&ops, "[i,i,i,i,B]", 36, LIST, 13, IPC_METHOD_SET_SLICE, "\x94\x00\x02\x01\x91\x91\x01", (size_t)7);
        raw_pack(&ops, "[i,i,i,i,B]", 36, LIST, 14, IPC_METHOD_GET_SLICE, "\x93\xc0\xc0\xff", (size_t)4);
        raw_pack(&ops, "[i,i,i]", 13, LIST, 15);
        raw_pack(&ops, "[i,i,i,i,B]", 36, ARRAY, 16, IPC_METHOD_SET_SLICE, "\x94\xc0\xc0\xc0\x93\x01\x02\x03",
                 (size_t)8);
        raw_pack(&ops, "[i,i,i,i,B]", 36, ARRAY, 17, IPC_METHOD_INCREMENT, "\x92\x01\x7f", (size_t)3);
        raw_pack(&ops, "[i,i,i,i,B]", 36, DICT, 18, IPC_METHOD_ITEMS, "\x90", (size_t)1);
        for (int change = rand_r(&seed) % 4; change >= 0; change--) {
            ops.data[(size_t)rand_r(&seed) % ops.length] = (unsigned char)rand_r(&seed);
        }
        raw_lane_say(&raw, &ops);
        (void)raw_dropped(raw.control, 1);
        raw_lane_close(&raw);
        if (round % 20 == 0) {
            is_well(&witness, where);
        }
    }
    leaves(&witness, where);
}

int main(int argc, char **argv)
{
    const worker_role roles[] = {HUB_ROLE};
    worker_begin(argc, argv, roles, 1);
    const struct CMUnitTest tests[] = {
        ON_LANE(test_hostile_container__operations_that_are_none, named),
        ON_LANE(test_hostile_container__arguments_that_are_none, named),
        ON_LANE(test_hostile_container__deep_and_long_arguments, named),
        ON_LANE(test_hostile_container__refer_to_numbers_that_are_none, named),
        ON_LANE(test_hostile_container__calls_with_changed_bytes, named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
