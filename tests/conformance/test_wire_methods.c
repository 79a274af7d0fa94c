/*
 * wire.json's containers and the client: what the library sends for every function of theirs is what is written there, but for
 * the seq; and what a hub may answer is understood. The hub is made of the vectors.
 * Touches a control socket, and ZeroMQ inside this process. One thread beside the library's and the hub's.
 */
#include "fake_hub.h"
#include "wire.h"

#include "wire/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEQ = 2, NAME_ROOM = 128 };

static json_t *wire;

/* A hub, a session, and what the conversation opens in it. */
typedef struct rig {
    fake_hub *hub;
    ipc_conn *conn;
    ipc_dict *dict;
    ipc_list *list;
    ipc_array *array;
    ipc_dict *names;
    ipc_array *value;
} rig;

/* ---- saying and hearing by the vectors' names ---- */

static unsigned op_of(const json_t *vector)
{
    return (unsigned)json_integer_value(json_array_get(member(vector, "means"), 0));
}

static void will_say(const rig *self, const char *asked, const char *reply)
{
    fake_hub_answer(self->hub, op_of(wire_operation(wire, asked)), wire_operation(wire, reply));
}

/* The library has sent the vector, but for its seq; and, behind it, a frame (NULL: none). */
static void has_said(const rig *self, const char *name, const blob *frame)
{
    json_t *own = json_copy((json_t *)(uintptr_t)wire_operation(wire, name)); /* reads it */
    json_object_set_new(own, "varies", json_pack("[i]", SEQ));
    blob large = {NULL, 0};
    blob found = fake_hub_heard(self->hub, op_of(own), &large);
    blob expected = wire_as_in(own, found.bytes, found.length);
    wire_compare(name, &expected, found.bytes, found.length);
    if (frame) {
        wire_compare("its frame", frame, large.bytes, large.length);
    }
    free(expected.bytes);
    free(found.bytes);
    free(large.bytes);
    json_decref(own);
}

static const char *name_of(const char *before, const char *what)
{
    static char names[2][NAME_ROOM];
    static unsigned turn;
    char *name = names[turn++ % 2];
    assert_true(snprintf(name, NAME_ROOM, "%s %s", before, what) < NAME_ROOM);
    return name;
}

/* A call that sends "INVOKE what" and is answered with "REPLY to what". */
#define DOES(self, what, call)                                                                                         \
    do {                                                                                                               \
        will_say((self), name_of("INVOKE", (what)), name_of("REPLY to", (what)));                                      \
        assert_int_equal((call), IPC_OK);                                                                              \
        has_said((self), name_of("INVOKE", (what)), NULL);                                                             \
    } while (0)

/* The same, and the answer is an error, in the hub's words. */
#define FAILS(self, what, reply, code, call)                                                                           \
    do {                                                                                                               \
        will_say((self), name_of("INVOKE", (what)), (reply));                                                          \
        assert_int_equal((call), (code));                                                                              \
        has_said((self), name_of("INVOKE", (what)), NULL);                                                             \
        const char *fails_words =                                                                                      \
            json_string_value(json_array_get(member(wire_operation(wire, (reply)), "means"), 4));                      \
        assert_string_equal(ipc_last_error(), fails_words);                                                            \
    } while (0)

/* ---- values ---- */

/* Kept until the test ends: there are few. */
static ipc_msg *kept[128];
static unsigned kept_count;

static const ipc_msg *packed(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    assert_true(kept_count < sizeof kept / sizeof kept[0]);
    assert_int_equal(ipc_vpack(&kept[kept_count], format, args), IPC_OK);
    va_end(args);
    return kept[kept_count++];
}

/* A result says what was expected; it is freed. */
static void is(ipc_msg *result, const ipc_msg *expected)
{
    size_t length;
    size_t expected_length;
    const void *bytes = ipc_msg_bytes(result, &length);
    const void *expected_bytes = ipc_msg_bytes(expected, &expected_length);
    const blob all = {(unsigned char *)(uintptr_t)expected_bytes, expected_length};
    wire_compare("the result", &all, bytes, length);
    ipc_msg_free(result);
}

/* ---- the rig ---- */

static void rig_open(rig *self)
{
    self->hub = fake_hub_open(wire);
    ipc_conn_options options = IPC_CONN_OPTIONS_INIT;
    options.language = "c";
    options.program = "demo";
    assert_int_equal(ipc_connect(&self->conn, fake_hub_address(self->hub), &options), IPC_OK);
    const char *const names[] = {"of a dict", "of a list", "of an array", "of a namespace", "of a value"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        will_say(self, name_of("OPEN", names[i]), name_of("REPLY to OPEN", names[i]));
    }
    ipc_array_options array = IPC_ARRAY_OPTIONS_INIT;
    array.typecode = 'h';
    array.values = packed("[i,i,i]", 1, 2, 3);
    ipc_array_options scalar = IPC_ARRAY_OPTIONS_INIT;
    scalar.typecode = 'd';
    scalar.scalar = true;
    ipc_dict_options dict = IPC_DICT_OPTIONS_INIT;
    dict.names = true;
    assert_int_equal(ipc_dict_open(&self->dict, self->conn, "the dict", NULL), IPC_OK);
    assert_int_equal(ipc_list_open(&self->list, self->conn, "the list", NULL), IPC_OK);
    assert_int_equal(ipc_array_open(&self->array, self->conn, "the array", &array), IPC_OK);
    assert_int_equal(ipc_dict_open(&self->names, self->conn, "the namespace", &dict), IPC_OK);
    assert_int_equal(ipc_array_open(&self->value, self->conn, "the value", &scalar), IPC_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        has_said(self, name_of("OPEN", names[i]), NULL);
    }
}

static void rig_close(rig *self)
{
    ipc_dict_free(self->dict);
    ipc_list_free(self->list);
    ipc_array_free(self->array);
    ipc_dict_free(self->names);
    ipc_array_free(self->value);
    ipc_conn_free(self->conn);
    fake_hub_close(self->hub);
    while (kept_count > 0) {
        ipc_msg_free(kept[--kept_count]);
    }
}

/* ---- methods ---- */

static void test_wire_methods__of_a_dict(void **state)
{
    (void)state;
    rig me;
    rig_open(&me);
    ipc_msg *got;
    bool truth;
    int64_t number;
    uint64_t count;
    DOES(&me, "SET of a dict", ipc_dict_set(me.dict, "a", packed("i", 1)));
    DOES(&me, "GET of a dict", ipc_dict_get(me.dict, "a", &got));
    is(got, packed("i", 1));
    DOES(&me, "GET with a default", ipc_dict_invoke(me.dict, IPC_METHOD_GET, packed("[s,i]", "z", 0), &got));
    is(got, packed("i", 0));
    DOES(&me, "CONTAINS of a dict", ipc_dict_contains(me.dict, "a", &truth));
    assert_true(truth);
    DOES(&me, "INCREMENT of a dict", ipc_dict_increment(me.dict, "n", 5, &number));
    assert_int_equal(number, 5);
    DOES(&me, "INCREMENT with a beginning",
         ipc_dict_invoke(me.dict, IPC_METHOD_INCREMENT, packed("[s,f,i]", "m", 0.5, 10), &got));
    is(got, packed("f", 10.5));
    DOES(&me, "COMPARE_SET of a dict", ipc_dict_compare_set(me.dict, "a", packed("f", 1.0), packed("i", 2), &truth));
    assert_true(truth);
    DOES(&me, "COMPARE_SET of what is absent", ipc_dict_compare_set(me.dict, "b", NULL, packed("i", 3), &truth));
    DOES(&me, "SET_DEFAULT of a dict", ipc_dict_set_default(me.dict, "a", packed("i", 7), &got));
    is(got, packed("i", 2));
    DOES(&me, "UPDATE of a dict", ipc_dict_update(me.dict, packed("{s:[i],s:i}", "c", 4, "a", 20)));
    DOES(&me, "LENGTH of a dict", ipc_dict_length(me.dict, &count));
    assert_int_equal(count, 5);
    DOES(&me, "KEYS of a dict", ipc_dict_keys(me.dict, &got));
    is(got, packed("[s,s,s,s,s]", "a", "n", "m", "b", "c"));
    DOES(&me, "VALUES of a dict", ipc_dict_invoke(me.dict, IPC_METHOD_VALUES, NULL, &got));
    is(got, packed("[i,i,f,i,[i]]", 20, 5, 10.5, 3, 4));
    DOES(&me, "ITEMS of a dict", ipc_dict_invoke(me.dict, IPC_METHOD_ITEMS, NULL, NULL));
    DOES(&me, "GET_MANY of a dict", ipc_dict_get_many(me.dict, packed("[s,s]", "b", "z"), &got));
    is(got, packed("[i,n]", 3));
    DOES(&me, "GET_MANY with a default",
         ipc_dict_invoke(me.dict, IPC_METHOD_GET_MANY, packed("[[s,s],i]", "b", "z", 0), NULL));
    DOES(&me, "POP_ITEM of a dict", ipc_dict_invoke(me.dict, IPC_METHOD_POP_ITEM, NULL, &got));
    is(got, packed("[s,[i]]", "c", 4));
    DOES(&me, "POP of a dict", ipc_dict_pop(me.dict, "m", &got));
    is(got, packed("f", 10.5));
    DOES(&me, "POP with a default", ipc_dict_invoke(me.dict, IPC_METHOD_POP, packed("[s,i]", "m", 0), NULL));
    DOES(&me, "DELETE of a dict", ipc_dict_delete(me.dict, "n"));
    DOES(&me, "COPY of a dict", ipc_dict_copy(me.dict, &got));
    is(got, packed("{s:i,s:i}", "a", 20, "b", 3));
    DOES(&me, "CLEAR of a dict", ipc_dict_clear(me.dict));
    DOES(&me, "SET of a namespace", ipc_dict_set(me.names, "x", packed("i", 1)));
    rig_close(&me);
}

static void test_wire_methods__that_a_dict_refuses(void **state)
{
    (void)state;
    rig me;
    rig_open(&me);
    ipc_msg *got;
    unsigned char deep[133];
    memset(deep, 0x91, sizeof deep);
    deep[132] = 0xc0;
    FAILS(&me, "GET of what is not there", "REPLY: no such key", IPC_EKEY, ipc_dict_get(me.dict, "z", &got));
    FAILS(&me, "SET under what is no key", "REPLY: no key", IPC_EKIND,
          ipc_dict_invoke(me.dict, IPC_METHOD_SET, packed("[[i],i]", 1, 2), NULL));
    FAILS(&me, "SET under what is no name", "REPLY: no name", IPC_EKIND,
          ipc_dict_invoke(me.names, IPC_METHOD_SET, packed("[i,i]", 1, 2), NULL));
    FAILS(&me, "SET with too few arguments", "REPLY: too few arguments", IPC_EINVAL,
          ipc_dict_invoke(me.dict, IPC_METHOD_SET, packed("[s]", "z"), NULL));
    FAILS(&me, "APPEND to a dict", "REPLY: no such method", IPC_EINVAL,
          ipc_dict_invoke(me.dict, IPC_METHOD_APPEND, packed("[i]", 1), NULL));
    FAILS(&me, "INCREMENT by a text", "REPLY: no numbers", IPC_EKIND,
          ipc_dict_invoke(me.dict, IPC_METHOD_INCREMENT, packed("[s,s]", "s", "1"), NULL));
    FAILS(&me, "COMPARE_SET with a bare value", "REPLY: an argument of another kind", IPC_EKIND,
          ipc_dict_invoke(me.dict, IPC_METHOD_COMPARE_SET, packed("[s,i,[]]", "s", 1), NULL));
    FAILS(&me, "SET of no value", "REPLY: no well-formed value", IPC_EBADMSG,
          ipc_dict_invoke_packed(me.dict, IPC_METHOD_SET, "\x92\xa1\xff\x01", 4, NULL));
    FAILS(&me, "SET of what is too deep", "REPLY: too deep", IPC_EDEPTH,
          ipc_dict_invoke_packed(me.dict, IPC_METHOD_SET, deep, sizeof deep, NULL));
    rig_close(&me);
}

static void test_wire_methods__of_a_list(void **state)
{
    (void)state;
    rig me;
    rig_open(&me);
    ipc_msg *got;
    uint64_t count;
    DOES(&me, "APPEND of a list", ipc_list_append(me.list, packed("i", 3)));
    DOES(&me, "EXTEND of a list", ipc_list_extend(me.list, packed("[i,i]", 1, 2)));
    DOES(&me, "INSERT of a list", ipc_list_insert(me.list, 0, packed("s", "x")));
    DOES(&me, "GET of a list", ipc_list_get(me.list, -1, &got));
    is(got, packed("i", 2));
    DOES(&me, "SET of a list", ipc_list_set(me.list, 0, packed("i", 9)));
    DOES(&me, "INCREMENT of a list", ipc_list_invoke(me.list, IPC_METHOD_INCREMENT, packed("[i,i]", 0, -8), NULL));
    DOES(&me, "COMPARE_SET of a list",
         ipc_list_invoke(me.list, IPC_METHOD_COMPARE_SET, packed("[i,[i],[i]]", 1, 3, 1), NULL));
    DOES(&me, "CONTAINS of a list", ipc_list_invoke(me.list, IPC_METHOD_CONTAINS, packed("[i]", 2), NULL));
    DOES(&me, "INDEX of a list", ipc_list_index(me.list, packed("i", 1), &count));
    assert_int_equal(count, 0);
    DOES(&me, "INDEX between bounds", ipc_list_invoke(me.list, IPC_METHOD_INDEX, packed("[i,i,i]", 1, 1, -1), NULL));
    DOES(&me, "COUNT of a list", ipc_list_count(me.list, packed("b", 1), &count));
    assert_int_equal(count, 3);
    DOES(&me, "REMOVE of a list", ipc_list_remove(me.list, packed("i", 1)));
    DOES(&me, "REPEAT of a list", ipc_list_invoke(me.list, IPC_METHOD_REPEAT, packed("[i]", 2), NULL));
    DOES(&me, "SORT of a list", ipc_list_sort(me.list, false));
    DOES(&me, "REVERSE of a list", ipc_list_reverse(me.list));
    DOES(&me, "COPY of a list", ipc_list_invoke(me.list, IPC_METHOD_COPY, NULL, NULL));
    DOES(&me, "GET_SLICE of a list", ipc_list_slice(me.list, IPC_OMITTED, 4, 2, &got));
    is(got, packed("[i,i]", 2, 1));
    DOES(&me, "SET_SLICE of a list", ipc_list_set_slice(me.list, 0, 1, 1, packed("[i,i]", 5, 6)));
    DOES(&me, "DELETE_SLICE of a list", ipc_list_delete_slice(me.list, 2, IPC_OMITTED, 1));
    DOES(&me, "LENGTH of a list", ipc_list_length(me.list, &count));
    assert_int_equal(count, 2);
    DOES(&me, "POP of a list", ipc_list_invoke(me.list, IPC_METHOD_POP, NULL, NULL));
    DOES(&me, "POP at an index", ipc_list_pop(me.list, 0, &got));
    is(got, packed("i", 5));
    DOES(&me, "DELETE of a list", ipc_list_delete(me.list, 0));
    DOES(&me, "CLEAR of a list", ipc_list_clear(me.list));
    FAILS(&me, "GET beyond the end", "REPLY: no such index", IPC_EINDEX, ipc_list_get(me.list, 0, &got));
    FAILS(&me, "REMOVE of what is not there", "REPLY: no such value", IPC_EABSENT,
          ipc_list_remove(me.list, packed("i", 7)));
    FAILS(&me, "GET_SLICE with a step of 0", "REPLY: a step of 0", IPC_EINVAL, ipc_list_slice(me.list, 0, 1, 0, &got));
    FAILS(&me, "SORT of what cannot be sorted", "REPLY: no order", IPC_EKIND, ipc_list_sort(me.list, true));
    rig_close(&me);
}

static void test_wire_methods__of_an_array(void **state)
{
    (void)state;
    rig me;
    rig_open(&me);
    ipc_msg *got;
    int64_t number;
    double f;
    assert_int_equal(ipc_array_length(me.array), 3);
    assert_int_equal(ipc_array_typecode(me.value), 'd');
    DOES(&me, "GET of an array", ipc_array_get_int(me.array, 0, &number));
    assert_int_equal(number, 1);
    DOES(&me, "SET of an array", ipc_array_set_int(me.array, -1, -32768));
    DOES(&me, "INCREMENT of an array", ipc_array_increment(me.array, 1, 40, &number));
    assert_int_equal(number, 42);
    DOES(&me, "COMPARE_SET of an array",
         ipc_array_invoke(me.array, IPC_METHOD_COMPARE_SET, packed("[i,[f],[i]]", 0, 1.0, 7), NULL));
    DOES(&me, "COPY of an array", ipc_array_invoke(me.array, IPC_METHOD_COPY, NULL, NULL));
    DOES(&me, "GET_SLICE of an array", ipc_array_slice(me.array, IPC_OMITTED, IPC_OMITTED, -1, &got));
    is(got, packed("[i,i,i]", -32768, 42, 7));
    DOES(&me, "SET_SLICE of an array", ipc_array_set_slice(me.array, 0, 2, 1, packed("[i,i]", 1, 2)));
    DOES(&me, "LENGTH of an array", ipc_array_invoke(me.array, IPC_METHOD_LENGTH, NULL, NULL));
    DOES(&me, "SET of a value", ipc_array_set_float(me.value, 0, 2.5));
    DOES(&me, "GET of a value", ipc_array_get_float(me.value, 0, &f));
    assert_true(f == 2.5);
    FAILS(&me, "SET beyond the typecode", "REPLY: beyond the typecode", IPC_ERANGE,
          ipc_array_set_int(me.array, 0, 32768));
    FAILS(&me, "INCREMENT by a fraction", "REPLY: no integer", IPC_EKIND,
          ipc_array_invoke(me.array, IPC_METHOD_INCREMENT, packed("[i,f]", 0, 0.5), NULL));
    FAILS(&me, "SET_SLICE by too few", "REPLY: the length stays", IPC_EINVAL,
          ipc_array_set_slice(me.array, 0, 2, 1, packed("[i]", 1)));
    ipc_grant grant;
    will_say(&me, "ACQUIRE of an array's lock", "REPLY to ACQUIRE of an array's lock");
    assert_int_equal(ipc_array_acquire(me.array, IPC_FOREVER, &grant), IPC_OK);
    assert_int_equal(grant.fence, 1);
    has_said(&me, "ACQUIRE of an array's lock", NULL);
    assert_int_equal(ipc_array_release(me.array), IPC_OK);
    has_said(&me, "UNLOCK of an array", NULL);
    rig_close(&me);
}

/* ---- references, and what is large ---- */

static void test_wire_methods__references(void **state)
{
    (void)state;
    rig me;
    rig_open(&me);
    ipc_msg *reference;
    ipc_msg *got;
    will_say(&me, "REFER", "REPLY to REFER");
    assert_int_equal(ipc_list_refer(me.list, &reference), IPC_OK);
    has_said(&me, "REFER", NULL);
    DOES(&me, "SET of a reference", ipc_dict_set(me.dict, "list", reference));
    DOES(&me, "GET of a reference", ipc_dict_get(me.dict, "list", &got));
    is(got, reference);
    ipc_dict *sixth; /* as the conversation has a pipe's end there */
    assert_int_equal(ipc_dict_open(&sixth, me.conn, "more", NULL), IPC_OK);
    free(fake_hub_heard(me.hub, IPC__OP_OPEN, NULL).bytes);
    ipc_list *none;
    will_say(&me, "OPEN by reference", "REPLY: it is gone");
    assert_int_equal(ipc_list_attach(&none, me.conn, reference), IPC_ENOENT);
    assert_null(none);
    has_said(&me, "OPEN by reference", NULL);
    ipc_list *list;
    will_say(&me, "OPEN by reference", "REPLY to OPEN by reference");
    assert_int_equal(ipc_list_attach(&list, me.conn, reference), IPC_OK);
    has_said(&me, "OPEN by reference", NULL);
    ipc_msg_free(reference);
    ipc_list_free(list);
    ipc_dict_free(sixth);
    rig_close(&me);
}

static void test_wire_methods__large_arguments(void **state)
{
    (void)state;
    rig me;
    rig_open(&me);
    enum { LARGE = 65536 };
    char *bytes = malloc(LARGE);
    assert_non_null(bytes);
    memset(bytes, 'a', LARGE);
    json_t *parts = json_pack("[s,[s,i]]", "92a56c61726765c600010000", "61", LARGE);
    blob frame = hex_blob(parts);
    json_decref(parts);
    will_say(&me, "INVOKE SET of a large value", "REPLY to SET of a large value");
    assert_int_equal(ipc_dict_set(me.dict, "large", packed("B", bytes, (size_t)LARGE)), IPC_OK);
    has_said(&me, "INVOKE SET of a large value", &frame);
    DOES(&me, "DELETE of a large value", ipc_dict_delete(me.dict, "large"));
    free(frame.bytes);
    free(bytes);
    rig_close(&me);
}

static int load(void **state)
{
    (void)state;
    wire = load_table("wire.json");
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_methods__of_a_dict),  cmocka_unit_test(test_wire_methods__that_a_dict_refuses),
        cmocka_unit_test(test_wire_methods__of_a_list),  cmocka_unit_test(test_wire_methods__of_an_array),
        cmocka_unit_test(test_wire_methods__references), cmocka_unit_test(test_wire_methods__large_arguments),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
