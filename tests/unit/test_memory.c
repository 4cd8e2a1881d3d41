/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counted memory that can be made to fail, and the arena. */
#include "engine/base/arena.h"
#include "engine/base/memory.h"
#include "tests/unit/check_more.h"

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

START_TEST(memory_is_zeroed_aligned_counted)
{
    size_t before = memory_in_use(), high = memory_peak();
    for (size_t bytes = 0; bytes < 5000; bytes += 37) {
        char *block;
        ASSERT_OK(memory_new(bytes, 1, &block));
        ck_assert_uint_eq((uintptr_t)block % MEMORY_ALIGNMENT, 0);
        for (size_t i = 0; i < bytes; i++) ck_assert_int_eq(block[i], 0);
        memset(block, 0xAA, bytes);
        ck_assert_uint_ge(memory_in_use(), before + bytes);
        memory_free(block);
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_uint_ge(memory_peak(), high + 4900);
    memory_free(NULL);
}
END_TEST

START_TEST(memory_refuses_overflow)
{
    void *block = &block;
    ASSERT_FAILS(memory_new(SIZE_MAX / 2, 3, &block), STATUS_NOMEM, "out of memory: ");
    ASSERT_FAILS(memory_new(SIZE_MAX, 1, &block), STATUS_NOMEM, "out of memory: ");
    ASSERT_FAILS(memory_new_raw(SIZE_MAX - 63, 1, &block), STATUS_NOMEM, "out of memory: ");
    ck_assert_ptr_eq(block, &block);
    block = NULL;
    ASSERT_FAILS(memory_resize(&block, SIZE_MAX, 8), STATUS_NOMEM, "out of memory: ");
    ck_assert_ptr_null(block);
    char *text;
    ASSERT_FAILS(memory_copy_bytes("x", SIZE_MAX, &text), STATUS_NOMEM, "out of memory: ");
}
END_TEST

START_TEST(memory_resize_keeps_content)
{
    size_t before = memory_in_use();
    int *numbers = NULL;
    for (int count = 1; count <= 3000; count += 7) {
        ASSERT_OK(memory_resize(&numbers, (size_t)count, sizeof *numbers));
        for (int i = count - 7 > 0 ? count - 7 : 0; i < count; i++) numbers[i] = i;
    }
    ASSERT_OK(memory_resize(&numbers, 2000, sizeof *numbers));
    for (int i = 0; i < 2000; i++) ck_assert_int_eq(numbers[i], i);
    memory_fail_after(1, 0);
    int *same = numbers;
    ASSERT_FAILS(memory_resize(&numbers, 4000, sizeof *numbers), STATUS_NOMEM, "out of memory: 4000 x 4 bytes");
    ck_assert_ptr_eq(numbers, same);
    ck_assert_int_eq(numbers[1999], 1999);
    memory_free(numbers);
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

START_TEST(memory_copies_texts)
{
    char *text, *bytes;
    ASSERT_OK(memory_copy_text("word", &text));
    ASSERT_OK(memory_copy_bytes("a\0b", 3, &bytes));
    ck_assert_str_eq(text, "word");
    ck_assert_mem_eq(bytes, "a\0b", 4);
    memory_free(bytes);
    ASSERT_OK(memory_copy_bytes(NULL, 0, &bytes));
    ck_assert_str_eq(bytes, "");
    memory_free(text);
    memory_free(bytes);
}
END_TEST

START_TEST(memory_fails_where_told)
{
    char *blocks[5];
    for (int persistent = 0; persistent < 2; persistent++) {
        memory_fail_after(3, persistent);
        for (int i = 0; i < 5; i++) {
            Status status = memory_new(8, 1, &blocks[i]);
            bool fails = i == 2 || (persistent && i > 2);
            ck_assert_int_eq(status, fails ? STATUS_NOMEM : STATUS_OK);
            if (fails) blocks[i] = NULL;
        }
        ck_assert_uint_eq(memory_allocations(), 5);
        memory_fail_after(0, 0);
        ck_assert_uint_eq(memory_allocations(), 0);
        for (int i = 0; i < 5; i++) memory_free(blocks[i]);
    }
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- arena --- */

START_TEST(arena_blocks_do_not_overlap)
{
    enum { BLOCKS = 400 };
    Arena *arena;
    unsigned char *blocks[BLOCKS];
    ASSERT_OK(arena_new(&arena));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            size_t bytes = (size_t)i * 97 % 20011;
            ASSERT_OK(arena_take(arena, bytes, &blocks[i]));
            ck_assert_uint_eq((uintptr_t)blocks[i] % MEMORY_ALIGNMENT, 0);
            memset(blocks[i], i, bytes);
        }
        for (int i = 0; i < BLOCKS; i++) {
            size_t intact = 0, bytes = (size_t)i * 97 % 20011;
            while (intact < bytes && blocks[i][intact] == (i & 255)) intact++;
            ck_assert_uint_eq(intact, bytes);
        }
        uint64_t generation = arena_generation(arena);
        arena_reset(arena);
        ck_assert_uint_gt(arena_generation(arena), generation);
    }
    arena_free(arena);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(arena_reuses_what_is_given_back)
{
    Arena *arena;
    void *a, *b, *c;
    ASSERT_OK(arena_new(&arena));
    ASSERT_OK(arena_take(arena, 1000, &a));
    ASSERT_OK(arena_take(arena, 1000, &b));
    ck_assert_ptr_ne(a, b);
    arena_give(arena, a, 1000);
    ASSERT_OK(arena_take(arena, 990, &c)); /* the same class of sizes */
    ck_assert_ptr_eq(a, c);
    arena_give(arena, NULL, 1000);
    size_t capacity = arena_capacity(arena), peak = arena_peak(arena);
    for (int i = 0; i < 10000; i++) {
        size_t bytes = 5000 + (size_t)i % 7;
        ASSERT_OK(arena_take(arena, bytes, &c));
        arena_give(arena, c, bytes);
    }
    ck_assert_uint_eq(arena_capacity(arena), capacity);
    ck_assert_uint_le(arena_peak(arena), peak + 8192);
    arena_free(arena);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* After the first step the arena is one block and asks for nothing more. */
START_TEST(arena_is_steady_after_a_reset)
{
    Arena *arena;
    char *block;
    ASSERT_OK(arena_new(&arena));
    for (int step = 0; step < 5; step++) {
        if (step == 2) memory_fail_after(1, 1);
        for (int i = 0; i < 20; i++) {
            ASSERT_OK(arena_take(arena, (size_t)(i + 1) << 18, &block));
            block[0] = block[((size_t)(i + 1) << 18) - 1] = 1;
        }
        arena_reset(arena);
    }
    ck_assert_uint_eq(memory_allocations(), 0);
    ck_assert_uint_ge(arena_capacity(arena), arena_peak(arena));
    memory_fail_after(0, 0);
    arena_free(arena);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(arena_fails_cleanly)
{
    Arena *arena;
    void *block = NULL;
    memory_fail_after(1, 0);
    ASSERT_FAILS(arena_new(&arena), STATUS_NOMEM, "out of memory");
    ASSERT_OK(arena_new(&arena));
    ASSERT_FAILS(arena_take(arena, SIZE_MAX, &block), STATUS_NOMEM, "out of memory");
    for (uint64_t n = 1; n <= 2; n++) {
        memory_fail_after(n, 0);
        ASSERT_FAILS(arena_take(arena, 100, &block), STATUS_NOMEM, "out of memory");
        ck_assert_ptr_null(block);
    }
    memory_fail_after(0, 0);
    ASSERT_OK(arena_take(arena, 100, &block));
    memory_fail_after(1, 1);
    arena_give(arena, block, 100); /* cannot be remembered, comes back with the reset */
    ASSERT_OK(arena_take(arena, 100, &block));
    memory_fail_after(0, 0);
    ASSERT_OK(arena_take(arena, 3 << 20, &block));
    memory_fail_after(1, 1);
    arena_reset(arena); /* cannot be made one block */
    ck_assert_uint_eq(arena_capacity(arena), 0);
    memory_fail_after(0, 0);
    ASSERT_OK(arena_take(arena, 100, &block));
    arena_free(arena);
    arena_free(NULL);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

#if defined(__SANITIZE_ADDRESS__)
START_TEST(arena_poisons_what_is_dead)
{
    Arena *arena;
    char *a, *b;
    ASSERT_OK(arena_new(&arena));
    ASSERT_OK(arena_take(arena, 100, &a));
    ASSERT_OK(arena_take(arena, 100, &b));
    ck_assert(!__asan_address_is_poisoned(a) && !__asan_address_is_poisoned(a + 99));
    ck_assert(__asan_address_is_poisoned(a + 104)); /* the red zone */
    arena_give(arena, a, 100);
    ck_assert(__asan_address_is_poisoned(a));
    arena_reset(arena);
    ck_assert(__asan_address_is_poisoned(b));
    arena_free(arena);
}
END_TEST
#endif

Suite *memory_suite(void);
Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, memory_is_zeroed_aligned_counted);
    tcase_add_test(tests, memory_refuses_overflow);
    tcase_add_test(tests, memory_resize_keeps_content);
    tcase_add_test(tests, memory_copies_texts);
    tcase_add_test(tests, memory_fails_where_told);
    tcase_add_test(tests, arena_blocks_do_not_overlap);
    tcase_add_test(tests, arena_reuses_what_is_given_back);
    tcase_add_test(tests, arena_is_steady_after_a_reset);
    tcase_add_test(tests, arena_fails_cleanly);
#if defined(__SANITIZE_ADDRESS__)
    tcase_add_test(tests, arena_poisons_what_is_dead);
#endif
    suite_add_tcase(suite, tests);
    return suite;
}
