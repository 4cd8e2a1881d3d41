/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/base/threads.h"
#include "engine/tensor/tensor.h"
#include "tests/unit/check_more.h"

#include <math.h>

/* The known answers for "philox4x32 10" of the Random123 distribution (tests/kat_vectors). */
START_TEST(philox_known_answers)
{
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } vectors[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                   {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                    {0xffffffff, 0xffffffff},
                    {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                   {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                    {0xa4093822, 0x299f31d0},
                    {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t out[4];
        RandomKey key = {(uint64_t)vectors[i].key[1] << 32 | vectors[i].key[0]};
        random_philox(key, vectors[i].counter, out);
        ck_assert_mem_eq(out, vectors[i].expected, sizeof out);
    }
}
END_TEST

START_TEST(block_is_philox_of_its_index)
{
    uint32_t out[4], expected[4], counter[4] = {0x89abcdef, 0x01234567, 0, 0};
    RandomKey key = random_key(5, "test");
    random_block(key, 0x0123456789abcdef, out);
    random_philox(key, counter, expected);
    ck_assert_mem_eq(out, expected, sizeof out);
}
END_TEST

START_TEST(keys_differ)
{
    RandomKey keys[] = {random_key(1, "dropout"),
                        random_key(2, "dropout"),
                        random_key(1, "mask"),
                        random_subkey(random_key(1, "dropout"), 0),
                        random_subkey(random_key(1, "dropout"), 1),
                        random_subkey_name(random_key(1, "dropout"), "0"),
                        random_subkey(random_subkey(random_key(1, "dropout"), 0), 1),
                        random_subkey(random_subkey(random_key(1, "dropout"), 1), 0)};
    int count = sizeof keys / sizeof *keys;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++) ck_assert_uint_ne(keys[i].word, keys[j].word);
    ck_assert_uint_eq(random_key(1, "mask").word, keys[2].word);
}
END_TEST

START_TEST(streams_follow_their_blocks)
{
    RandomKey key = random_key(9, "test");
    Random a = random_stream(key), b = random_stream(key);
    for (uint64_t index = 0; index < 10; index++) {
        uint32_t block[4];
        random_block(key, index, block);
        for (int i = 0; i < 4; i++) ck_assert_uint_eq(random_u32(&a), block[i]);
        ck_assert_uint_eq(random_u64(&b), (uint64_t)block[0] << 32 | block[1]);
        ck_assert_uint_eq(random_u64(&b), (uint64_t)block[2] << 32 | block[3]);
    }
}
END_TEST

/* Moments within six standard errors: a fixed seed, so this passes always or never. */
START_TEST(distributions_have_their_moments)
{
    enum { N = 200000 };
    Random random = random_stream(random_key(3, "moments"));
    double uniform = 0, square = 0, normal = 0, normal2 = 0, normal4 = 0;
    for (int i = 0; i < N; i++) {
        double u = random_uniform(&random), x = random_normal(&random);
        ck_assert(u >= 0 && u < 1 && isfinite(x));
        uniform += u;
        square += u * u;
        normal += x;
        normal2 += x * x;
        normal4 += x * x * x * x;
    }
    ck_assert_double_lt(fabs(uniform / N - 0.5), 6 * sqrt(1.0 / 12 / N));
    ck_assert_double_lt(fabs(square / N - 1.0 / 3), 6 * sqrt(4.0 / 45 / N));
    ck_assert_double_lt(fabs(normal / N), 6 * sqrt(1.0 / N));
    ck_assert_double_lt(fabs(normal2 / N - 1), 6 * sqrt(2.0 / N));
    ck_assert_double_lt(fabs(normal4 / N - 3), 6 * sqrt(96.0 / N));
}
END_TEST

START_TEST(below_is_even)
{
    enum { SIDES = 7, N = 70000 };
    Random random = random_stream(random_key(4, "dice"));
    int seen[SIDES] = {0};
    for (int i = 0; i < N; i++) seen[random_below(&random, SIDES)]++;
    double chi2 = 0;
    for (int i = 0; i < SIDES; i++) chi2 += pow(seen[i] - (double)N / SIDES, 2) * SIDES / N;
    ck_assert_double_lt(chi2, 22.5); /* 6 degrees of freedom, p = 0.001 */
    for (int i = 0; i < 100; i++) ck_assert_uint_eq(random_below(&random, 1), 0);
    for (int i = 0; i < 100; i++) ck_assert_uint_lt(random_below(&random, (1ull << 63) + 1), (1ull << 63) + 1);
}
END_TEST

START_TEST(permutations_are_permutations)
{
    static const uint64_t sizes[] = {1, 2, 3, 4, 5, 15, 16, 17, 100, 1000, 4096, 4097, 100000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint64_t n = sizes[s], moved = 0;
        char *seen;
        ASSERT_OK(memory_new(n, 1, &seen));
        for (uint64_t i = 0; i < n; i++) {
            uint64_t to = random_permuted(random_key(3, "test"), n, i);
            ck_assert_uint_lt(to, n);
            ck_assert_int_eq(seen[to]++, 0);
            moved += to != i;
        }
        if (n >= 100) ck_assert_uint_ge(moved, n - n / 10);
        memory_free(seen);
    }
    uint64_t huge = UINT64_MAX - 12345;
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_uint_lt(random_permuted(random_key(3, "test"), huge, huge - 1 - i), huge);
}
END_TEST

START_TEST(permutations_depend_on_the_key)
{
    int same = 0;
    for (uint64_t i = 0; i < 1000; i++)
        same += random_permuted(random_key(1, "a"), 1000, i) == random_permuted(random_key(2, "a"), 1000, i);
    ck_assert_int_lt(same, 12); /* one is expected */
}
END_TEST

Suite *random_suite(void);
/* Box-Muller of block i, whatever the number of threads: weights of runs that are done again depend on it. */
START_TEST(normal_fill_is_by_place)
{
    enum { COUNT = 40000 };
    static const int counts[] = {1, 2, 3, 5};
    RandomKey key = random_key(3, "fill");
    Tensor *tensor;
    ck_assert_int_eq(tensor_new(NULL, DTYPE_F32, 2, (int64_t[]){COUNT / 100, 100}, &tensor), STATUS_OK);
    for (int t = 0; t < 4; t++) {
        threads_set(counts[t]);
        tensor_fill(tensor, 0);
        tensor_fill_normal(tensor, key, 1, 0.5);
        for (uint64_t i = 0; i < COUNT; i++) {
            uint32_t w[4];
            random_block(key, i, w);
            double u = (double)(((uint64_t)w[0] << 32 | w[1]) >> 11) * 0x1p-53,
                   v = (double)(((uint64_t)w[2] << 32 | w[3]) >> 11) * 0x1p-53;
            float expected = (float)(1 + 0.5 * sqrt(-2.0 * log(1.0 - u)) * cos(6.283185307179586 * v));
            ck_assert(((float *)tensor_data(tensor))[i] == expected);
        }
    }
    tensor_unref(tensor);
}
END_TEST

Suite *random_suite(void)
{
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("random");
    tcase_add_test(tests, normal_fill_is_by_place);
    tcase_add_test(tests, philox_known_answers);
    tcase_add_test(tests, block_is_philox_of_its_index);
    tcase_add_test(tests, keys_differ);
    tcase_add_test(tests, streams_follow_their_blocks);
    tcase_add_test(tests, distributions_have_their_moments);
    tcase_add_test(tests, below_is_even);
    tcase_add_test(tests, permutations_are_permutations);
    tcase_add_test(tests, permutations_depend_on_the_key);
    suite_add_tcase(suite, tests);
    return suite;
}
