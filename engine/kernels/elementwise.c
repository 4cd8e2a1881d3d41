/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/elementwise.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

enum { TILE = 1 << 14 };

typedef struct Work {
    int kind;
    int64_t n;
    float factor;
    const float *a, *b;
    float *y;
} Work;

VECTOR_CLONES static void unary(int kind, int64_t n, float factor, const float *x, float *y)
{
    switch (kind) {
    case UNARY_SCALE:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = x[i] * factor;
        break;
    case UNARY_TANH:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = tanhf(x[i]);
        break;
    case UNARY_RELU:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
        break;
    default:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f));
    }
}

VECTOR_CLONES static void unary_backward(int kind, int64_t n, float factor, const float *x, const float *dy,
                                         float *dx)
{
    switch (kind) {
    case UNARY_SCALE:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * factor;
        break;
    case UNARY_TANH:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * (1 - x[i] * x[i]);
        break;
    case UNARY_RELU:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) dx[i] = x[i] > 0 ? dy[i] : 0;
        break;
    default:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float cdf = 0.5f * (1 + erff(x[i] * 0.70710678f)), pdf = 0.39894228f * expf(-0.5f * x[i] * x[i]);
            dx[i] = dy[i] * (cdf + x[i] * pdf);
        }
    }
}

VECTOR_CLONES static void binary(int kind, int64_t n, const float *a, const float *b, float *y)
{
    switch (kind) {
    case BINARY_ADD:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
        break;
    case BINARY_SUB:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = a[i] - b[i];
        break;
    case BINARY_MUL:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = a[i] * b[i];
        break;
    default:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = a[i] / b[i];
    }
}

static void unary_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    unary(w->kind, smaller(TILE, w->n - at), w->factor, w->a + at, w->y + at);
}

static void unary_backward_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    unary_backward(w->kind, smaller(TILE, w->n - at), w->factor, w->a + at, w->b + at, w->y + at);
}

static void binary_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    binary(w->kind, smaller(TILE, w->n - at), w->a + at, w->b + at, w->y + at);
}

void kernel_unary(UnaryKind kind, int64_t n, float factor, const float *x, float *y)
{
    Work work = {kind, n, factor, x, NULL, y};
    threads_run(tiles_of(n, TILE), unary_tile, &work);
}

void kernel_unary_backward(UnaryKind kind, int64_t n, float factor, const float *x_or_y, const float *dy, float *dx)
{
    Work work = {kind, n, factor, x_or_y, dy, dx};
    threads_run(tiles_of(n, TILE), unary_backward_tile, &work);
}

void kernel_binary(BinaryKind kind, int64_t n, const float *a, const float *b, float *y)
{
    Work work = {kind, n, 0, a, b, y};
    threads_run(tiles_of(n, TILE), binary_tile, &work);
}
