/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Products of one row with a matrix, which generation consists of: they are bound by how fast the matrix can be
 * read. On the calling thread, inside a tile. */
#ifndef LATHE_KERNELS_ROW_PRODUCT_H
#define LATHE_KERNELS_ROW_PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

/* y[n] = alpha b x + (accumulate ? y : 0); x[k], b[n,k] with rows ldb apart */
void kernel_row_by_rows(int64_t n, int64_t k, float alpha, const float *x, const float *b, int64_t ldb,
                        bool accumulate, float *y);
/* y[n] = alpha x b + (accumulate ? y : 0); x[k], b[k,n] with rows ldb apart */
void kernel_row_by_columns(int64_t n, int64_t k, float alpha, const float *x, const float *b, int64_t ldb,
                           bool accumulate, float *y);

/* The same from bf16, with f32 sums. */
void kernel_row_by_rows_bf16(int64_t n, int64_t k, const uint16_t *x, const uint16_t *b, int64_t ldb,
                             bool accumulate, float *y);
void kernel_row_by_columns_bf16(int64_t n, int64_t k, const uint16_t *x, const uint16_t *b, int64_t ldb,
                                bool accumulate, float *y);

#endif
