/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels that treat each element alone. Arrays are f32[n], contiguous; an output may be one of the inputs. */
#ifndef LATHE_KERNELS_ELEMENTWISE_H
#define LATHE_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

typedef enum UnaryKind { UNARY_SCALE, UNARY_TANH, UNARY_RELU, UNARY_GELU } UnaryKind;

/* y = f(x); factor is the scale's. */
void kernel_unary(UnaryKind kind, int64_t n, float factor, const float *x, float *y);
/* dx = dy f'(x), from x (relu, gelu) or from y (tanh). */
void kernel_unary_backward(UnaryKind kind, int64_t n, float factor, const float *x_or_y, const float *dy,
                           float *dx);

typedef enum BinaryKind { BINARY_ADD, BINARY_SUB, BINARY_MUL, BINARY_DIV } BinaryKind;

/* y = a op b */
void kernel_binary(BinaryKind kind, int64_t n, const float *a, const float *b, float *y);

#endif
