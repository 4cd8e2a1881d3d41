/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/gemm.h"

#include "engine/base/threads.h"
#include "engine/kernels/bf16_product.h"
#include "engine/kernels/row_product.h"
#include "engine/kernels/vector.h"

#include <cblas.h>
#include <omp.h>
#include <string.h>
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
    DType dtype;
    bool transpose_a, transpose_b, accumulate;
    int64_t m, n, k, lda, ldb, ldc, rows, columns, across;
    const char *a, *b;
    float *c;
    const GemmEpilogue *epilogue;
    const Bf16Product *products[2][2]; /* bf16: of tiles that are whole or the rest, by rows and by columns */
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
    if (m == 1 && !transpose_a)
        return transpose_b ? kernel_row_by_rows(n, k, alpha, a, b, ldb, accumulate, c)
                           : kernel_row_by_columns(n, k, alpha, a, b, ldb, accumulate, c);
    if (onednn_gemm(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, accumulate, c, ldc)) return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
                (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb, accumulate ? 1 : 0, c,
                (blasint)ldc);
}

/* --- the grid --- */

static void bf16_tile(const Gemm *g, int64_t rows, int64_t columns, const uint16_t *a, const uint16_t *b, float *c)
{
    if (g->m == 1 && !g->transpose_a)
        g->transpose_b ? kernel_row_by_rows_bf16(columns, g->k, a, b, g->ldb, g->accumulate, c)
                       : kernel_row_by_columns_bf16(columns, g->k, a, b, g->ldb, g->accumulate, c);
    else
        bf16_run(g->products[rows < g->rows][columns < g->columns], a, b, c);
}

/* A sum of nothing, which the libraries leave as it was. */
static void empty_tile(const Gemm *g, int64_t rows, int64_t columns, float *c)
{
    for (int64_t i = 0; !g->accumulate && i < rows; i++) memset(c + i * g->ldc, 0, (size_t)columns * sizeof *c);
}

static void gemm_tile(void *context, int64_t tile)
{
    const Gemm *g = context;
    int64_t row = tile / g->across * g->rows, column = tile % g->across * g->columns;
    int64_t rows = smaller(g->rows, g->m - row), columns = smaller(g->columns, g->n - column);
    int64_t size = (int64_t)dtype_size(g->dtype);
    const void *a = g->a + (g->transpose_a ? row : row * g->lda) * size;
    const void *b = g->b + (g->transpose_b ? column * g->ldb : column) * size;
    float *c = g->c + row * g->ldc + column;
    if (g->k == 0)
        empty_tile(g, rows, columns, c);
    else if (g->dtype == DTYPE_BF16)
        bf16_tile(g, rows, columns, a, b, c);
    else
        kernel_gemm_small(g->transpose_a, g->transpose_b, rows, columns, g->k, 1, a, g->lda, b, g->ldb,
                          g->accumulate, c, g->ldc);
    if (g->epilogue) g->epilogue->run(g->epilogue->context, row, rows, column, columns);
}

/* The sizes of tiles, from the shape alone. */
static void cut(Gemm *g)
{
    g->rows = TILE_ROWS;
    g->columns = TILE_COLUMNS;
    while (tiles_of(g->m, g->rows) * tiles_of(g->n, g->columns) < TILES_WANTED &&
           (g->rows > TILE_LEAST || g->columns > TILE_LEAST)) {
        bool wide = smaller(g->columns, g->n) >= smaller(g->rows, g->m);
        if (wide && g->columns > TILE_LEAST)
            g->columns /= 2;
        else if (g->rows > TILE_LEAST)
            g->rows /= 2;
        else
            g->columns /= 2;
    }
    g->across = tiles_of(g->n, g->columns);
}

/* What the tiles of bf16 are computed by: made before the grid starts, so that nothing can fail in it. */
static Status find_products(Gemm *g)
{
    int64_t rows[2] = {g->m >= g->rows ? g->rows : 0, g->m % g->rows},
            columns[2] = {g->n >= g->columns ? g->columns : 0, g->n % g->columns};
    if (g->m == 1 && !g->transpose_a) return STATUS_OK;
    bf16_trim();
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            Bf16Shape shape = {rows[i], columns[j],     g->k,           g->lda,       g->ldb,
                               g->ldc,  g->transpose_a, g->transpose_b, g->accumulate};
            if (rows[i] && columns[j]) TRY(bf16_find(&shape, &g->products[i][j]));
        }
    return STATUS_OK;
}

Status kernel_gemm(DType dtype, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const void *a,
                   int64_t lda, const void *b, int64_t ldb, bool accumulate, float *c, int64_t ldc,
                   const GemmEpilogue *epilogue)
{
    if (m == 0 || n == 0) return STATUS_OK;
    one_thread_in_libraries();
    Gemm gemm = {.dtype = dtype,
                 .transpose_a = transpose_a,
                 .transpose_b = transpose_b,
                 .accumulate = accumulate,
                 .m = m,
                 .n = n,
                 .k = k,
                 .lda = lda,
                 .ldb = ldb,
                 .ldc = ldc,
                 .a = a,
                 .b = b,
                 .c = c,
                 .epilogue = epilogue};
    cut(&gemm);
    if (dtype == DTYPE_BF16 && k) TRY(find_products(&gemm));
    threads_run(tiles_of(m, gemm.rows) * gemm.across, gemm_tile, &gemm);
    return STATUS_OK;
}
