/*
 * values.json in C: what every value's bytes are, and which bytes are refused.
 * Touches memory and the table's file. One thread.
 */
#include "notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char LANGUAGE[] = "c";

static json_t *table;

static void fail_case(const json_t *test, const char *what, json_t *found)
{
    char *text = json_dumps(found, JSON_ENCODE_ANY);
    fail_msg("%s: %s: %.500s", text_member(test, "name"), what, text);
}

/* What the case says for this language, or else for all. */
static const json_t *own(const json_t *test, const char *key, const json_t *others)
{
    const json_t *found = json_object_get(json_object_get(test, LANGUAGE), key);
    return found ? found : others;
}

static void check_read(const json_t *test, const json_t *value)
{
    blob packed = hex_blob(member(test, "hex"));
    ipc_msg *msg;
    assert_int_equal(ipc_msg_from_bytes(&msg, packed.bytes, packed.length), IPC_OK);
    json_t *found = notation_of(msg);
    if (!notation_same(found, value)) {
        fail_case(test, "is read as", found);
    }
    json_decref(found);
    ipc_msg_free(msg);
    free(packed.bytes);
}

static void check_written(const json_t *test, const json_t *value, const json_t *hex)
{
    blob expected = hex_blob(hex);
    ipc_msg *msg = notation_pack(value);
    size_t length;
    const void *bytes = ipc_msg_bytes(msg, &length);
    if (length != expected.length || memcmp(bytes, expected.bytes, length) != 0) {
        fail_case(test, "is written as", hex_text(bytes, length));
    }
    ipc_msg_free(msg);
    free(expected.bytes);
}

static void check_section(const char *section, const char *writes)
{
    const json_t *cases = member(table, section);
    assert_true(json_array_size(cases) > 0);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i);
        const json_t *value = own(test, "reads", member(test, "value"));
        check_read(test, value);
        check_written(test, value, own(test, "writes", member(test, writes)));
    }
}

static void test_values__are_read_and_written(void **state)
{
    (void)state;
    check_section("values", "hex");
}

static void test_values__other_forms_are_read(void **state)
{
    (void)state;
    check_section("forms", "writes");
}

static void test_values__bytes_that_are_none_are_refused(void **state)
{
    (void)state;
    const json_t *cases = member(table, "refused");
    assert_true(json_array_size(cases) > 0);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *test = json_array_get(cases, i);
        blob bytes = hex_blob(member(test, "hex"));
        ipc_msg *msg = NULL;
        const char *fails = json_string_value(json_object_get(test, "fails"));
        ipc_err expected = fails && strcmp(fails, "IPC_EDEPTH") == 0 ? IPC_EDEPTH : IPC_EBADMSG;
        ipc_err err = ipc_msg_from_bytes(&msg, bytes.bytes, bytes.length);
        if (err != expected || msg || !*ipc_last_error() || ipc_msg_check(bytes.bytes, bytes.length) != expected) {
            fail_msg("%s: taken with %d", text_member(test, "name"), err);
        }
        free(bytes.bytes);
    }
}

static void set_limits(const json_t *set)
{
    const json_t *depth = json_object_get(set, "max_depth");
    const json_t *elements = json_object_get(set, "max_elements");
    ipc_value_limits limits = IPC_VALUE_LIMITS_INIT;
    limits.max_depth = depth ? (uint32_t)json_integer_value(depth) : limits.max_depth;
    limits.max_elements = elements ? (uint32_t)json_integer_value(elements) : limits.max_elements;
    assert_int_equal(ipc_set_value_limits(&limits), IPC_OK);
}

static ipc_err outcome_of(const json_t *test)
{
    const char *fails = json_string_value(json_object_get(test, "fails"));
    return !fails ? IPC_OK : strcmp(fails, "IPC_EDEPTH") == 0 ? IPC_EDEPTH : IPC_EELEMENTS;
}

static void check_refused(const json_t *test, ipc_err expected)
{
    blob bytes = hex_blob(member(test, "hex"));
    ipc_msg *msg;
    ipc_err err = ipc_msg_from_bytes(&msg, bytes.bytes, bytes.length);
    if (err != expected || ipc_msg_check(bytes.bytes, bytes.length) != expected) {
        fail_msg("%s: read with %d", text_member(test, "name"), err);
    }
    err = notation_try_pack(&msg, member(test, "value"));
    if (err != expected) {
        fail_msg("%s: written with %d", text_member(test, "name"), err);
    }
    free(bytes.bytes);
}

static void check_limits(const json_t *test)
{
    set_limits(member(test, "set"));
    if (outcome_of(test)) {
        check_refused(test, outcome_of(test));
        return;
    }
    check_read(test, member(test, "value"));
    check_written(test, member(test, "value"), member(test, "hex"));
}

static void test_values__beyond_the_limits_are_refused(void **state)
{
    (void)state;
    const json_t *cases = member(table, "limits");
    assert_true(json_array_size(cases) > 0);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        check_limits(json_array_get(cases, i));
    }
}

static int restore_limits(void **state)
{
    (void)state;
    return ipc_set_value_limits(NULL);
}

static int load(void **state)
{
    (void)state;
    table = load_table("values.json");
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(table);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values__are_read_and_written),
        cmocka_unit_test(test_values__other_forms_are_read),
        cmocka_unit_test(test_values__bytes_that_are_none_are_refused),
        cmocka_unit_test_teardown(test_values__beyond_the_limits_are_refused, restore_limits),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
