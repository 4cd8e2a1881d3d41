/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arithmetic on 64-bit integers, which wraps round as in two's complement. Arrays are contiguous; an output may be
 * one of the inputs. */
#ifndef LATHE_KERNELS_INTEGERS_H
#define LATHE_KERNELS_INTEGERS_H

#include "engine/kernels/elementwise.h"

/* y = f(x) of the kinds SCALE, RELU, SQUARE, ABS and CLAMP; a and b as the kind says. */
void kernel_unary_integers(UnaryKind kind, int64_t n, int64_t a, int64_t b, const int64_t *x, int64_t *y);
/* y = a op b of the kinds ADD, SUB, MUL, MAXIMUM and MINIMUM */
void kernel_binary_integers(BinaryKind kind, int64_t n, const int64_t *a, const int64_t *b, int64_t *y);
/* y = condition ? a : b */
void kernel_where_integers(int64_t n, const uint8_t *condition, const int64_t *a, const int64_t *b, int64_t *y);

/* Of x[rows,inner]: sums y[rows]; running sums y[rows,inner]; the places of the largest (sign 1) or smallest (sign
 * -1) elements, the first of equals. */
void kernel_row_sums_integers(int64_t rows, int64_t inner, const int64_t *x, int64_t *y);
void kernel_row_cumsum_integers(int64_t rows, int64_t inner, const int64_t *x, int64_t *y);
void kernel_row_extreme_integers(int64_t rows, int64_t inner, int sign, const int64_t *x, int32_t *place);

#endif
