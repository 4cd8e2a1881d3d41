/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/arena.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"

#include <check.h>
#include <string.h>

/* Known answers of Philox 4x32-10 from the Random123 distribution (kat_vectors): all zeros. */
START_TEST(philox_known_answer)
{
    uint32_t out[4];
    random_block((RandomKey){0}, 0, out);
    ck_assert_uint_eq(out[0], 0x6627e8d5u);
    ck_assert_uint_eq(out[1], 0xe169c58du);
    ck_assert_uint_eq(out[2], 0xbc57ac4cu);
    ck_assert_uint_eq(out[3], 0x9b00dbd8u);
}
END_TEST

START_TEST(permutation_is_one)
{
    enum { N = 1000 };
    char seen[N] = {0};
    for (uint64_t i = 0; i < N; i++) seen[random_permuted(random_key(3, "test"), N, i)]++;
    for (int i = 0; i < N; i++) ck_assert_int_eq(seen[i], 1);
}
END_TEST

START_TEST(arena_reuses_and_resets)
{
    Arena *arena;
    void *a, *b, *c;
    ck_assert_int_eq(arena_new(&arena), STATUS_OK);
    ck_assert_int_eq(arena_take(arena, 1000, &a), STATUS_OK);
    ck_assert_int_eq(arena_take(arena, 1000, &b), STATUS_OK);
    ck_assert_ptr_ne(a, b);
    arena_give(arena, a, 1000);
    ck_assert_int_eq(arena_take(arena, 1000, &c), STATUS_OK);
    ck_assert_ptr_eq(a, c);
    ck_assert_int_eq(arena_take(arena, 5 << 20, &c), STATUS_OK);
    memset(c, 1, 5 << 20);
    size_t capacity = arena_capacity(arena);
    arena_reset(arena);
    ck_assert_uint_eq(arena_capacity(arena), capacity);
    ck_assert_uint_eq(arena_generation(arena), 1);
    ck_assert_int_eq(arena_take(arena, 5 << 20, &c), STATUS_OK);
    ck_assert_uint_eq(arena_capacity(arena), capacity);
    arena_free(arena);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *base_suite(void);
Suite *base_suite(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_test(tests, philox_known_answer);
    tcase_add_test(tests, permutation_is_one);
    tcase_add_test(tests, arena_reuses_and_resets);
    suite_add_tcase(suite, tests);
    return suite;
}
