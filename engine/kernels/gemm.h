/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matrix products on the thread grid: tiles over rows and columns of the result, each one single-threaded call of
 * oneDNN or OpenBLAS. The grid depends on the shape only, so the bits do not depend on the number of threads. */
#ifndef LATHE_KERNELS_GEMM_H
#define LATHE_KERNELS_GEMM_H

#include "engine/base/status.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* Called for each finished tile while it is in the cache: rows [row, row+rows) and columns [column, column+columns)
 * of c. */
typedef struct GemmEpilogue {
    void (*run)(void *context, int64_t row, int64_t rows, int64_t column, int64_t columns);
    void *context;
} GemmEpilogue;

/* c f32[m,n] = op(a)[m,k] op(b)[k,n] + (accumulate ? c : 0); row-major, rows lda, ldb, ldc apart. dtype: of a and
 * b, f32, or bf16 where bf16_native(). epilogue may be NULL. Errors: memory, with bf16 only. */
Status kernel_gemm(DType dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const void *a,
                   int64_t lda, const void *b, int64_t ldb, bool accumulate, float *c, int64_t ldc,
                   const GemmEpilogue *epilogue) STATUS_CHECKED;

/* One small product on the calling thread, for use inside a tile: c = alpha op(a) op(b) + (accumulate ? c : 0). */
void kernel_gemm_small(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t lda, const float *b, int64_t ldb, bool accumulate, float *c,
                       int64_t ldc);

#endif
