/*
 * Tests of the error map: every code has its name and its text.
 * Touches this thread's error text alone. One thread.
 */
#include "util/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

static void test_error__every_code_has_a_name_and_a_text(void **state)
{
    (void)state;
#define CHECK(code, value, text)                                                                                       \
    assert_int_equal(code, value);                                                                                     \
    assert_string_equal(ipc_err_name(code), #code);                                                                    \
    assert_string_equal(ipc_strerror(code), text);
    IPC_ERROR_MAP(CHECK)
#undef CHECK
}

static void test_error__a_number_that_is_no_code(void **state)
{
    (void)state;
    assert_null(ipc_err_name((ipc_err)1));
    assert_string_equal(ipc_strerror((ipc_err)1), "unknown error");
}

static void test_error__failing_sets_the_text(void **state)
{
    (void)state;
    assert_int_equal(ipc__fail(IPC_EINVAL, "size %d is negative", -1), IPC_EINVAL);
    assert_string_equal(ipc_last_error(), "size -1 is negative");
}

static void test_error__errno_is_told_in_words(void **state)
{
    (void)state;
    errno = EACCES;
    assert_int_equal(ipc__fail_errno("cannot open %s", "/x"), IPC_ESYS);
    assert_string_equal(ipc_last_error(), "cannot open /x: Permission denied");
    assert_int_equal(errno, EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__every_code_has_a_name_and_a_text),
        cmocka_unit_test(test_error__a_number_that_is_no_code),
        cmocka_unit_test(test_error__failing_sets_the_text),
        cmocka_unit_test(test_error__errno_is_told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
