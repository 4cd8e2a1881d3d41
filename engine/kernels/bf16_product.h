/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Products of bf16 matrices with f32 sums, by oneDNN: a primitive for each shape, made once and kept. Primitives
 * belong to a cache of this file, which forgets those that were not used for long. */
#ifndef LATHE_KERNELS_BF16_PRODUCT_H
#define LATHE_KERNELS_BF16_PRODUCT_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* c f32[m,n] = op(a)[m,k] op(b)[k,n] + (accumulate ? c : 0), rows lda, ldb, ldc apart. No size is 0. */
typedef struct Bf16Shape {
    int64_t m, n, k, lda, ldb, ldc;
    bool transpose_a, transpose_b, accumulate;
} Bf16Shape;

typedef struct Bf16Product Bf16Product;

/* Whether processor and libraries multiply bf16 faster than f32. Elsewhere bf16_find() fails: round the operands
 * and multiply f32, which gives the same within the rounding of the sums. */
bool bf16_native(void);

/* For tests: as if there were no such instructions. */
void bf16_pretend_missing(bool missing);

/* The product of a shape, ready to run on all threads of the grid; valid until the next call of bf16_trim(). Not
 * to be called inside of a grid. Errors: memory. */
Status bf16_find(const Bf16Shape *shape, const Bf16Product **out) STATUS_CHECKED;

/* Forgets what was not used for longest where there are too many. Not to be called inside of a grid. */
void bf16_trim(void);

/* Forgets all, memory included. Not to be called inside of a grid. */
void bf16_forget(void);

/* On the calling thread: inside a tile, or outside of a grid. */
void bf16_run(const Bf16Product *product, const uint16_t *a, const uint16_t *b, float *c);

#endif
