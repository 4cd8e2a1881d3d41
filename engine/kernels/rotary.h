/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rotary position embeddings (Su et al. 2021). f32, contiguous. */
#ifndef LATHE_KERNELS_ROTARY_H
#define LATHE_KERNELS_ROTARY_H

#include <stdint.h>

/* Cosines and sines of place times frequency for the places first to first + length - 1; frequency i of a head of
 * that size is theta^(-2i/size). cosine and sine f32[length,size/2]. */
void kernel_rotary_table(int64_t first, int64_t length, int64_t size, double theta, float *cosine, float *sine);

/* y = x[rows,heads*size] turned: in each head element i and element i + size/2 are a pair. Row r has the place
 * r % length of the table. direction: 1, or -1 to turn back. */
void kernel_rotary(int64_t rows, int64_t length, int64_t heads, int64_t size, float direction, const float *cosine,
                   const float *sine, const float *x, float *y);

#endif
