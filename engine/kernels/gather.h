/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows picked from tables and their gradients added back. The way back is cut by columns: each tile adds all rows
 * in order to its own columns, so the bits do not depend on the threads and rows that were not picked are not
 * touched. */
#ifndef LATHE_KERNELS_GATHER_H
#define LATHE_KERNELS_GATHER_H

#include <stdint.h>

/* y[n,width] = table[index[i]] (+ y where accumulate is not 0); index i32[n], each in the table. */
void kernel_gather(int64_t n, int64_t width, const float *table, const int32_t *index, int accumulate, float *y);

/* The same from a table in bf16. */
void kernel_gather_half(int64_t n, int64_t width, const uint16_t *table, const int32_t *index, int accumulate,
                        float *y);

/* table[index[i]] += y[i] */
void kernel_scatter_add(int64_t n, int64_t width, const float *y, const int32_t *index, float *table);

#endif
