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

void kernel_gemm_small(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t lda, const float *b, int64_t ldb, bool accumulate, float *c,
                       int64_t ldc)
{
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
