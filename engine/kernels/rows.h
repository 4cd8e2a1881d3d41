/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels over rows of a matrix: activations, normalisation, dropout, softmax cross-entropy. All arrays are f32,
 * row-major and contiguous. Rows are cut on a grid of fixed size and sums over rows are combined in grid order. */
#ifndef LATHE_KERNELS_ROWS_H
#define LATHE_KERNELS_ROWS_H

#include "engine/base/random.h"

#include <stdbool.h>
#include <stdint.h>

/* Rows of one partial sum: how much scratch column sums need, see kernel_partial_rows(). */
int64_t kernel_partial_rows(int64_t rows);

/* sum[width] = the columns of x[rows,width] summed (+ sum where accumulate). scratch f32[partial_rows, width]. */
void kernel_column_sum(int64_t rows, int64_t width, const float *x, bool accumulate, float *sum, float *scratch);

/* y[rows,width] += bias[width] for a block of columns; then y = gelu(pre) where pre is not NULL and gets y + bias
 * (NULL: without one). ld: floats from row to row. GELU: Hendrycks, Gimpel 2016, exact form. */
void kernel_bias(int64_t rows, int64_t width, int64_t ld, const float *bias, float *pre, float *y);

/* dx[n] = dy gelu'(x) */
void kernel_gelu_backward(int64_t n, const float *x, const float *dy, float *dx);

/* y[n] = x where kept, scaled by 1/(1-p); element i is kept by word i of the stream: a function of (key, i) alone.
 */
void kernel_dropout(int64_t n, RandomKey key, double p, const float *x, float *y);

/* y = weight (s - mean) rstd + bias over rows of s = residual + dropout(x) (Ba et al. 2016). residual NULL: s = x
 * and sum is not written. sum f32[rows,width], mean f32[rows], rstd f32[rows]; weight f32[width], bias f32[width]
 * or NULL. */
void kernel_layer_norm(int64_t rows, int64_t width, double eps, RandomKey key, double p, const float *x,
                       const float *residual, const float *weight, const float *bias, float *sum, float *mean,
                       float *rstd, float *y);

/* The gradient ds of that at s, and partial sums of the gradients of weight and bias: partial f32[2, partial_rows,
 * width]. */
void kernel_layer_norm_backward(int64_t rows, int64_t width, const float *s, const float *mean, const float *rstd,
                                const float *weight, const float *dy, float *ds, float *partial);

/* out[width] = partial[rows,width] summed in order (+ out where accumulate). */
void kernel_combine(int64_t rows, int64_t width, const float *partial, bool accumulate, float *out);

/* y = softmax of each row of x[rows,width], or its logarithm; and the way back, from y. */
void kernel_softmax(int64_t rows, int64_t width, bool logarithm, const float *x, float *y);
void kernel_softmax_backward(int64_t rows, int64_t width, bool logarithm, const float *y, const float *dy,
                             float *dx);

/* loss[i] = -log softmax(logits[i])[targets[i]], lse f32[rows] kept for the way back; an ignored row has loss 0.
 * smoothing: this share of the target's probability is spread over all classes (Szegedy et al. 2016). */
void kernel_cross_entropy(int64_t rows, int64_t classes, const float *logits, const int32_t *targets,
                          int64_t ignore, float smoothing, float *loss, float *lse);
/* dlogits = (softmax - target probabilities) scale */
void kernel_cross_entropy_backward(int64_t rows, int64_t classes, const float *logits, const int32_t *targets,
                                   int64_t ignore, float smoothing, const float *lse, float scale, float *dlogits);

#endif
