/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums and the like over the rows of x[rows,inner], f32 and contiguous; sums are taken in double precision on a
 * fixed grid and combined in its order. */
#ifndef LATHE_KERNELS_REDUCE_H
#define LATHE_KERNELS_REDUCE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum RowSum {
    ROW_SUM,     /* x */
    ROW_ABS,     /* |x| */
    ROW_SQUARES, /* (x - centre)^2 */
    ROW_POWERS,  /* |x|^p */
    ROW_DOT      /* x other */
} RowSum;

typedef struct RowSums {
    int64_t rows, inner;
    const float *x;
    const float *centre; /* f32[rows]; NULL: 0 */
    const float *other;  /* of the shape of x */
    float p;
    double factor; /* what each sum is multiplied by */
} RowSums;

/* y[rows] */
void kernel_row_sums(RowSum kind, const RowSums *of, float *y);

/* The sum of (x mask)^2; mask NULL: of x^2. */
double kernel_sum_of_squares(int64_t n, const float *x, const float *mask);

/* y[rows,inner] = a[row] (x - centre[row]) + b[row] z; centre NULL: 0; b and z NULL: left out. */
void kernel_row_affine(int64_t rows, int64_t inner, const float *a, const float *x, const float *centre,
                       const float *b, const float *z, float *y);

/* The place of the largest (sign 1) or smallest (sign -1) element of each row: the first of equals, and a NaN
 * before all. */
void kernel_row_extreme(int64_t rows, int64_t inner, float sign, const float *x, int32_t *place);

/* y = sums of each row's elements up to here, or from here on. */
void kernel_row_cumsum(int64_t rows, int64_t inner, bool backwards, const float *x, float *y);

/* out += full summed over the dimensions in which strides, those of out for each of full's dimensions, are 0. */
void kernel_sum_to(int ndim, const int64_t *shape, const int64_t *strides, const float *full, float *out);

#endif
