/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/gated.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

enum { ROW_TILE = 64 };

VECTOR_CLONES static void geglu_row(int64_t n, const float *restrict x, const float *restrict gate,
                                    float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f)) * gate[i];
}

VECTOR_CLONES static void geglu_backward_row(int64_t n, const float *restrict x, const float *restrict gate,
                                             const float *restrict dy, float *restrict dx, float *restrict dgate)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float cdf = 0.5f * (1 + erff(x[i] * 0.70710678f)), pdf = 0.39894228f * expf(-0.5f * x[i] * x[i]);
        dx[i] = dy[i] * gate[i] * (cdf + x[i] * pdf);
        dgate[i] = dy[i] * x[i] * cdf;
    }
}

typedef struct Gated {
    int64_t rows, n;
    const float *x, *dy;
    float *out;
} Gated;

static void geglu_tile(void *context, int64_t tile)
{
    const Gated *g = context;
    int64_t to = smaller((tile + 1) * ROW_TILE, g->rows);
    for (int64_t row = tile * ROW_TILE; row < to; row++) {
        const float *x = g->x + row * 2 * g->n;
        geglu_row(g->n, x, x + g->n, g->out + row * g->n);
    }
}

void kernel_geglu(int64_t rows, int64_t n, const float *x, float *y)
{
    Gated context = {rows, n, x, NULL, y};
    threads_run(tiles_of(rows, ROW_TILE), geglu_tile, &context);
}

static void geglu_backward_tile(void *context, int64_t tile)
{
    const Gated *g = context;
    int64_t to = smaller((tile + 1) * ROW_TILE, g->rows);
    for (int64_t row = tile * ROW_TILE; row < to; row++) {
        const float *x = g->x + row * 2 * g->n;
        float *dx = g->out + row * 2 * g->n;
        geglu_backward_row(g->n, x, x + g->n, g->dy + row * g->n, dx, dx + g->n);
    }
}

void kernel_geglu_backward(int64_t rows, int64_t n, const float *x, const float *dy, float *dx)
{
    Gated context = {rows, n, x, dy, dx};
    threads_run(tiles_of(rows, ROW_TILE), geglu_backward_tile, &context);
}
