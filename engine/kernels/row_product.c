/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/row_product.h"

#include "engine/kernels/vector.h"

#include <string.h>

enum { ROWS_AT_ONCE = 4 /* streams of memory */, LANES = 16, LINE = 64 /* bytes */, AHEAD = 16384 /* bytes */ };

/* Rows are read once, so that memory is the limit, and a row is too short for the processor to see where the next
 * one will be wanted: four rows are asked for that far ahead. Measured with rows of 768: f32 55 -> 62 GB/s, bf16 31
 * -> 57. */
static inline void ask_for(const void *at, int64_t stride, int64_t ahead)
{
    uintptr_t next = (uintptr_t)at + (uintptr_t)ahead;
    for (int row = 0; row < ROWS_AT_ONCE; row++)
        __builtin_prefetch((const void *)(next + (uintptr_t)(row * stride)));
}

/* How many bytes ahead: whole groups of rows. */
static inline int64_t distance(int64_t stride)
{
    int64_t group = ROWS_AT_ONCE * stride;
    return group > AHEAD ? group : AHEAD / (group ? group : 1) * group;
}

static inline void store_sums(float alpha, float lanes[ROWS_AT_ONCE][LANES], bool accumulate, float *y)
{
    for (int row = 0; row < ROWS_AT_ONCE; row++) {
        float sum = 0;
        for (int lane = 0; lane < LANES; lane++) sum += lanes[row][lane];
        y[row] = alpha * sum + (accumulate ? y[row] : 0);
    }
}

/* y[j] = alpha dot(x, row j of b) for 4 rows */
VECTOR_CLONES static void four_dots(int64_t k, float alpha, const float *restrict x, const float *restrict b,
                                    int64_t ldb, bool accumulate, float *restrict y)
{
    enum { CHUNK = LINE / sizeof(float) };
    const float *restrict b1 = b + ldb, *restrict b2 = b + 2 * ldb, *restrict b3 = b + 3 * ldb;
    float lanes[ROWS_AT_ONCE][LANES] = {{0}};
    int64_t stride = ldb * (int64_t)sizeof *b, ahead = distance(stride), i = 0;
    for (; i + CHUNK <= k; i += CHUNK) {
        ask_for(b + i, stride, ahead);
#pragma omp simd
        for (int lane = 0; lane < LANES; lane++) {
            float value = x[i + lane];
            lanes[0][lane] += value * b[i + lane];
            lanes[1][lane] += value * b1[i + lane];
            lanes[2][lane] += value * b2[i + lane];
            lanes[3][lane] += value * b3[i + lane];
        }
    }
    for (; i < k; i++)
        for (int row = 0; row < ROWS_AT_ONCE; row++) lanes[row][0] += x[i] * b[row * ldb + i];
    store_sums(alpha, lanes, accumulate, y);
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
    enum { CHUNK = LINE / sizeof(uint16_t) };
    const uint16_t *restrict b1 = b + ldb, *restrict b2 = b + 2 * ldb, *restrict b3 = b + 3 * ldb;
    float lanes[ROWS_AT_ONCE][LANES] = {{0}};
    int64_t stride = ldb * (int64_t)sizeof *b, ahead = distance(stride), i = 0;
    for (; i + CHUNK <= k; i += CHUNK) {
        ask_for(b + i, stride, ahead);
        for (int64_t part = i; part < i + CHUNK; part += LANES) {
#pragma omp simd
            for (int lane = 0; lane < LANES; lane++) {
                float value = widened(x[part + lane]);
                lanes[0][lane] += value * widened(b[part + lane]);
                lanes[1][lane] += value * widened(b1[part + lane]);
                lanes[2][lane] += value * widened(b2[part + lane]);
                lanes[3][lane] += value * widened(b3[part + lane]);
            }
        }
    }
    for (; i < k; i++)
        for (int row = 0; row < ROWS_AT_ONCE; row++) lanes[row][0] += widened(x[i]) * widened(b[row * ldb + i]);
    store_sums(1, lanes, accumulate, y);
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
