/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gated linear units over rows: x[rows,2n] holds what is activated and, behind it, its gate. f32, contiguous. */
#ifndef LATHE_KERNELS_GATED_H
#define LATHE_KERNELS_GATED_H

#include <stddef.h>
#include <stdint.h>

/* y[rows,n] = gelu(x[:,:n]) x[:,n:], the exact GELU (Shazeer 2020). */
void kernel_geglu(int64_t rows, int64_t n, const float *x, float *y);
/* dx[rows,2n] from dy[rows,n] and x. */
void kernel_geglu_backward(int64_t rows, int64_t n, const float *x, const float *dy, float *dx);

#endif
