/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/gemm.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

#include <cblas.h>
#include <omp.h>
#ifdef HAVE_ONEDNN
#include <dnnl.h>
#endif

enum {
    TILE_ROWS = 256, /* measured on BERT's shapes: tiles of 256x1024 reach over 90% of the threaded library */
    TILE_COLUMNS = 1024,
    TILE_LEAST = 64, /* below this the library's packing costs more than the balance gains */
    TILES_WANTED = 8 /* so that 2 to 5 threads finish together */
};

typedef struct Gemm {
    bool transpose_a, transpose_b, accumulate;
    int64_t m, n, k, lda, ldb, ldc, rows, columns, across;
    const float *a, *b;
    float *c;
    const GemmEpilogue *epilogue;
} Gemm;

/* The libraries run on the calling thread only. Our own grid names its number of threads, so OpenMP's default of
 * this thread can be 1, which is what oneDNN looks at outside a grid. */
static void one_thread_in_libraries(void)
{
    static bool done;
    if (done) return;
    openblas_set_num_threads(1);
    omp_set_num_threads(1);
    done = true;
}

#ifdef HAVE_ONEDNN
/* oneDNN's kernels are made for the processor at hand and need a third less time on small shapes than OpenBLAS'. */
static bool onednn_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                        const float *a, int64_t lda, const float *b, int64_t ldb, bool accumulate, float *c,
                        int64_t ldc)
{
    return dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, accumulate,
                      c, ldc) == dnnl_success;
}
#else
static bool onednn_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                        const float *a, int64_t lda, const float *b, int64_t ldb, bool accumulate, float *c,
                        int64_t ldc)
{
    (void)transpose_a, (void)transpose_b, (void)m, (void)n, (void)k, (void)alpha, (void)a, (void)lda, (void)b;
    (void)ldb, (void)accumulate, (void)c, (void)ldc;
    return false;
}
#endif

/* --- one row: what generation needs; it is bound by how fast the matrix can be read --- */

enum { ROWS_AT_ONCE = 4 }; /* streams of memory */

/* y[j] = alpha dot(x, row j of b) for 4 rows */
VECTOR_CLONES static void four_dots(int64_t k, float alpha, const float *restrict x, const float *restrict b,
                                    int64_t ldb, bool accumulate, float *restrict y)
{
    const float *restrict b1 = b + ldb, *restrict b2 = b + 2 * ldb, *restrict b3 = b + 3 * ldb;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t i = 0; i < k; i++) {
        s0 += x[i] * b[i];
        s1 += x[i] * b1[i];
        s2 += x[i] * b2[i];
        s3 += x[i] * b3[i];
    }
    float sums[ROWS_AT_ONCE] = {s0, s1, s2, s3};
    for (int j = 0; j < ROWS_AT_ONCE; j++) y[j] = alpha * sums[j] + (accumulate ? y[j] : 0);
}

VECTOR_CLONES static float one_dot(int64_t k, const float *restrict x, const float *restrict b)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < k; i++) sum += x[i] * b[i];
    return sum;
}

/* y[n] = alpha b x + (accumulate ? y : 0), b[n,k] */
static void row_by_rows(int64_t n, int64_t k, float alpha, const float *x, const float *b, int64_t ldb,
                        bool accumulate, float *y)
{
    int64_t j = 0;
    for (; j + ROWS_AT_ONCE <= n; j += ROWS_AT_ONCE) four_dots(k, alpha, x, b + j * ldb, ldb, accumulate, y + j);
    for (; j < n; j++) y[j] = alpha * one_dot(k, x, b + j * ldb) + (accumulate ? y[j] : 0);
}

/* y[n] = alpha x b + (accumulate ? y : 0), b[k,n] */
VECTOR_CLONES static void row_by_columns(int64_t n, int64_t k, float alpha, const float *restrict x,
                                         const float *restrict b, int64_t ldb, bool accumulate, float *restrict y)
{
    for (int64_t j = 0; !accumulate && j < n; j++) y[j] = 0;
    for (int64_t i = 0; i < k; i++) {
        float factor = alpha * x[i];
#pragma omp simd
        for (int64_t j = 0; j < n; j++) y[j] += factor * b[i * ldb + j];
    }
}

void kernel_gemm_small(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t lda, const float *b, int64_t ldb, bool accumulate, float *c,
                       int64_t ldc)
{
    if (m == 1 && !transpose_a)
        return transpose_b ? row_by_rows(n, k, alpha, a, b, ldb, accumulate, c)
                           : row_by_columns(n, k, alpha, a, b, ldb, accumulate, c);
    if (onednn_gemm(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, accumulate, c, ldc)) return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
                (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, accumulate ? 1 : 0, c,
                (blasint)ldc);
}

static void gemm_tile(void *context, int64_t tile)
{
    const Gemm *g = context;
    int64_t row = tile / g->across * g->rows, column = tile % g->across * g->columns;
    int64_t rows = smaller(g->rows, g->m - row), columns = smaller(g->columns, g->n - column);
    const float *a = g->a + (g->transpose_a ? row : row * g->lda);
    const float *b = g->b + (g->transpose_b ? column * g->ldb : column);
    kernel_gemm_small(g->transpose_a, g->transpose_b, rows, columns, g->k, 1, a, g->lda, b, g->ldb, g->accumulate,
                      g->c + row * g->ldc + column, g->ldc);
    if (g->epilogue) g->epilogue->run(g->epilogue->context, row, rows, column, columns);
}

void kernel_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                 const float *b, int64_t ldb, bool accumulate, float *c, int64_t ldc, const GemmEpilogue *epilogue)
{
    if (m == 0 || n == 0) return;
    one_thread_in_libraries();
    Gemm gemm = {transpose_a, transpose_b, accumulate,   m, n, k, lda, ldb,
                 ldc,         TILE_ROWS,   TILE_COLUMNS, 0, a, b, c,   epilogue};
    while (tiles_of(m, gemm.rows) * tiles_of(n, gemm.columns) < TILES_WANTED &&
           (gemm.rows > TILE_LEAST || gemm.columns > TILE_LEAST)) {
        bool wide = smaller(gemm.columns, n) >= smaller(gemm.rows, m);
        if (wide && gemm.columns > TILE_LEAST)
            gemm.columns /= 2;
        else if (gemm.rows > TILE_LEAST)
            gemm.rows /= 2;
        else
            gemm.columns /= 2;
    }
    gemm.across = tiles_of(n, gemm.columns);
    threads_run(tiles_of(m, gemm.rows) * gemm.across, gemm_tile, &gemm);
}
