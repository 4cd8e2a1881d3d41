/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/row_product.h"

#include "engine/kernels/vector.h"

#include <string.h>

enum { ROWS_AT_ONCE = 4 }; /* streams of memory */

/* y[j] = alpha dot(x, row j of b) for 4 rows */
VECTOR_CLONES static void four_dots(int64_t k, float alpha, const float *restrict x, const float *restrict b,
                                    int64_t ldb, bool accumulate, float *restrict y)
{
    const float *restrict b1 = b + ldb, *restrict b2 = b + 2 * ldb, *restrict b3 = b + 3 * ldb;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t i = 0; i < k; i++) {
        s0 += x[i] * b[i];
        s1 += x[i] * b1[i];
        s2 += x[i] * b2[i];
        s3 += x[i] * b3[i];
    }
    float sums[ROWS_AT_ONCE] = {s0, s1, s2, s3};
    for (int j = 0; j < ROWS_AT_ONCE; j++) y[j] = alpha * sums[j] + (accumulate ? y[j] : 0);
}

VECTOR_CLONES static float one_dot(int64_t k, const float *restrict x, const float *restrict b)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < k; i++) sum += x[i] * b[i];
    return sum;
}

void kernel_row_by_rows(int64_t n, int64_t k, float alpha, const float *x, const float *b, int64_t ldb,
                        bool accumulate, float *y)
{
    int64_t j = 0;
    for (; j + ROWS_AT_ONCE <= n; j += ROWS_AT_ONCE) four_dots(k, alpha, x, b + j * ldb, ldb, accumulate, y + j);
    for (; j < n; j++) y[j] = alpha * one_dot(k, x, b + j * ldb) + (accumulate ? y[j] : 0);
}

VECTOR_CLONES void kernel_row_by_columns(int64_t n, int64_t k, float alpha, const float *restrict x,
                                         const float *restrict b, int64_t ldb, bool accumulate, float *restrict y)
{
    for (int64_t j = 0; !accumulate && j < n; j++) y[j] = 0;
    for (int64_t i = 0; i < k; i++) {
        float factor = alpha * x[i];
#pragma omp simd
        for (int64_t j = 0; j < n; j++) y[j] += factor * b[i * ldb + j];
    }
}

/* --- bf16: each number is widened to the f32 that it is --- */

static inline float widened(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

VECTOR_CLONES static void bf16_four_dots(int64_t k, const uint16_t *restrict x, const uint16_t *restrict b,
                                         int64_t ldb, bool accumulate, float *restrict y)
{
    const uint16_t *restrict b1 = b + ldb, *restrict b2 = b + 2 * ldb, *restrict b3 = b + 3 * ldb;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t i = 0; i < k; i++) {
        float value = widened(x[i]);
        s0 += value * widened(b[i]);
        s1 += value * widened(b1[i]);
        s2 += value * widened(b2[i]);
        s3 += value * widened(b3[i]);
    }
    float sums[ROWS_AT_ONCE] = {s0, s1, s2, s3};
    for (int j = 0; j < ROWS_AT_ONCE; j++) y[j] = sums[j] + (accumulate ? y[j] : 0);
}

VECTOR_CLONES static float bf16_one_dot(int64_t k, const uint16_t *restrict x, const uint16_t *restrict b)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < k; i++) sum += widened(x[i]) * widened(b[i]);
    return sum;
}

void kernel_row_by_rows_bf16(int64_t n, int64_t k, const uint16_t *x, const uint16_t *b, int64_t ldb,
                             bool accumulate, float *y)
{
    int64_t j = 0;
    for (; j + ROWS_AT_ONCE <= n; j += ROWS_AT_ONCE) bf16_four_dots(k, x, b + j * ldb, ldb, accumulate, y + j);
    for (; j < n; j++) y[j] = bf16_one_dot(k, x, b + j * ldb) + (accumulate ? y[j] : 0);
}

VECTOR_CLONES void kernel_row_by_columns_bf16(int64_t n, int64_t k, const uint16_t *restrict x,
                                              const uint16_t *restrict b, int64_t ldb, bool accumulate,
                                              float *restrict y)
{
    for (int64_t j = 0; !accumulate && j < n; j++) y[j] = 0;
    for (int64_t i = 0; i < k; i++) {
        float factor = widened(x[i]);
#pragma omp simd
        for (int64_t j = 0; j < n; j++) y[j] += factor * widened(b[i * ldb + j]);
    }
}
