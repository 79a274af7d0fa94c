/*
 * Tests of slabs: pieces do not overlap, are used again, and their memory goes back to the system.
 * Touches memory alone. One thread.
 */
#include "util/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

enum { MANY = 100000 };

/* Pages of this process that are mapped. */
static unsigned long mapped(void)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages;
}

static size_t size_of(uint32_t number)
{
    return 1 + number * 7 % IPC__SLAB_MAX;
}

static void check(const unsigned char *piece, uint32_t number)
{
    for (size_t i = 0; i < size_of(number); i++) {
        if (piece[i] != (unsigned char)number) {
            fail_msg("piece %u was written over", number);
        }
    }
}

static void test_slab__pieces_do_not_overlap(void **state)
{
    (void)state;
    ipc__slabs slabs = {0};
    unsigned char **pieces = calloc(MANY, sizeof *pieces);
    assert_non_null(pieces);
    /* all are cut, every third is given back and cut anew, and nobody's bytes change */
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MANY; i += 1 + 2 * round) {
            if (pieces[i]) {
                check(pieces[i], i);
                ipc__slab_free(&slabs, pieces[i], size_of(i));
            }
        }
        for (uint32_t i = 0; i < MANY; i += 1 + 2 * round) {
            pieces[i] = ipc__slab_alloc(&slabs, size_of(i));
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % IPC__SLAB_STEP, 0);
            memset(pieces[i], (unsigned char)i, size_of(i));
        }
    }
    for (uint32_t i = 0; i < MANY; i++) {
        check(pieces[i], i);
        ipc__slab_free(&slabs, pieces[i], size_of(i));
    }
    free(pieces);
    ipc__slabs_free(&slabs);
}

static void test_slab__what_is_given_back_is_used_again(void **state)
{
    (void)state;
    ipc__slabs slabs = {0};
    void *kept = ipc__slab_alloc(&slabs, 100);
    unsigned long before = mapped();
    for (int i = 0; i < MANY; i++) {
        void *piece = ipc__slab_alloc(&slabs, 100);
        assert_non_null(piece);
        ipc__slab_free(&slabs, piece, 100);
    }
    assert_int_equal(mapped(), before);
    ipc__slab_free(&slabs, kept, 100);
    ipc__slabs_free(&slabs);
}

static void test_slab__a_full_page_serves_another_size_when_it_is_empty(void **state)
{
    (void)state;
    ipc__slabs slabs = {0};
    unsigned long before = 0;
    void **pieces = calloc(MANY, sizeof *pieces);
    assert_non_null(pieces);
    for (size_t size = 16; size <= 64; size += 16) {
        for (int i = 0; i < MANY; i++) {
            pieces[i] = ipc__slab_alloc(&slabs, size);
            assert_non_null(pieces[i]);
        }
        for (int i = 0; i < MANY; i++) {
            ipc__slab_free(&slabs, pieces[i], size);
        }
        before = before ? before : mapped();
        assert_int_equal(mapped(), before);
    }
    free(pieces);
    ipc__slabs_free(&slabs);
}

static void test_slab__empty_regions_go_back_to_the_system(void **state)
{
    (void)state;
    ipc__slabs slabs = {0};
    void **pieces = calloc(MANY, sizeof *pieces);
    assert_non_null(pieces);
    unsigned long before = mapped();
    for (int i = 0; i < MANY; i++) {
        pieces[i] = ipc__slab_alloc(&slabs, IPC__SLAB_MAX);
        assert_non_null(pieces[i]);
    }
    unsigned long most = mapped();
    for (int i = 0; i < MANY; i++) {
        ipc__slab_free(&slabs, pieces[i], IPC__SLAB_MAX);
    }
    assert_true(mapped() - before < (most - before) / 10);
    ipc__slabs_free(&slabs);
    free(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slab__pieces_do_not_overlap),
        cmocka_unit_test(test_slab__what_is_given_back_is_used_again),
        cmocka_unit_test(test_slab__a_full_page_serves_another_size_when_it_is_empty),
        cmocka_unit_test(test_slab__empty_regions_go_back_to_the_system),
    };
    return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
