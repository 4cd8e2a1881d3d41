/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/rows.h"

#include "engine/base/threads.h"
#include "engine/kernels/philox.h"
#include "engine/kernels/vector.h"

#include <string.h>

enum { ROW_TILE = 64, FLAT_TILE = 1 << 14 };

int64_t kernel_partial_rows(int64_t rows)
{
    return tiles_of(rows, ROW_TILE);
}

/* --- column sums --- */

typedef struct ColumnSum {
    int64_t rows, width;
    const float *x;
    float *partial;
} ColumnSum;

VECTOR_CLONES static void sum_rows(int64_t rows, int64_t width, const float *restrict x, float *restrict sum)
{
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t i = 0; i < width; i++) sum[i] += x[r * width + i];
}

static void column_tile(void *context, int64_t tile)
{
    const ColumnSum *c = context;
    float *sum = c->partial + tile * c->width;
    memset(sum, 0, (size_t)c->width * sizeof *sum);
    sum_rows(smaller(ROW_TILE, c->rows - tile * ROW_TILE), c->width, c->x + tile * ROW_TILE * c->width, sum);
}

void kernel_combine(int64_t rows, int64_t width, const float *partial, bool accumulate, float *out)
{
    if (!accumulate) memset(out, 0, (size_t)width * sizeof *out);
    sum_rows(rows, width, partial, out);
}

void kernel_column_sum(int64_t rows, int64_t width, const float *x, bool accumulate, float *sum, float *scratch)
{
    ColumnSum context = {rows, width, x, scratch};
    threads_run(tiles_of(rows, ROW_TILE), column_tile, &context);
    kernel_combine(tiles_of(rows, ROW_TILE), width, scratch, accumulate, sum);
}

/* --- bias and GELU --- */

VECTOR_CLONES static void gelu_row(int64_t n, const float *restrict bias, float *restrict pre, float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float x = y[i] + bias[i];
        pre[i] = x;
        y[i] = 0.5f * x * (1 + erff(x * 0.70710678f));
    }
}

VECTOR_CLONES static void gelu_row_unbiased(int64_t n, float *restrict pre, float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float x = pre[i] = y[i];
        y[i] = 0.5f * x * (1 + erff(x * 0.70710678f));
    }
}

VECTOR_CLONES static void bias_row(int64_t n, const float *restrict bias, float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] += bias[i];
}

void kernel_bias(int64_t rows, int64_t width, int64_t ld, const float *bias, float *pre, float *y)
{
    for (int64_t r = 0; r < rows; r++) {
        if (pre && bias)
            gelu_row(width, bias, pre + r * ld, y + r * ld);
        else if (pre)
            gelu_row_unbiased(width, pre + r * ld, y + r * ld);
        else
            bias_row(width, bias, y + r * ld);
    }
}

typedef struct Flat {
    int64_t n;
    const float *x, *dy;
    float *y;
    RandomKey key;
    double p;
} Flat;

VECTOR_CLONES static void gelu_backward(int64_t n, const float *restrict x, const float *restrict dy,
                                        float *restrict dx)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float cdf = 0.5f * (1 + erff(x[i] * 0.70710678f)), pdf = 0.39894228f * expf(-0.5f * x[i] * x[i]);
        dx[i] = dy[i] * (cdf + x[i] * pdf);
    }
}

static void gelu_tile(void *context, int64_t tile)
{
    const Flat *f = context;
    int64_t at = tile * FLAT_TILE;
    gelu_backward(smaller(FLAT_TILE, f->n - at), f->x + at, f->dy + at, f->y + at);
}

void kernel_gelu_backward(int64_t n, const float *x, const float *dy, float *dx)
{
    Flat context = {.n = n, .x = x, .dy = dy, .y = dx};
    threads_run(tiles_of(n, FLAT_TILE), gelu_tile, &context);
}

/* --- dropout --- */

static void dropout_tile(void *context, int64_t tile)
{
    const Flat *f = context;
    int64_t at = tile * FLAT_TILE;
    philox_dropout(f->key, at, smaller(FLAT_TILE, f->n - at), f->p, f->x + at, f->y + at);
}

void kernel_dropout(int64_t n, RandomKey key, double p, const float *x, float *y)
{
    Flat context = {.n = n, .x = x, .y = y, .key = key, .p = p};
    threads_run(tiles_of(n, FLAT_TILE), dropout_tile, &context);
}

/* --- layer normalisation --- */

typedef struct Norm {
    int64_t rows, width;
    float eps;
    RandomKey key;
    double p;
    const float *x, *residual, *weight, *bias, *s, *dy;
    float *sum, *mean, *rstd, *y, *partial;
} Norm;

VECTOR_CLONES static void add_row(int64_t n, const float *restrict a, const float *restrict b, float *restrict sum)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) sum[i] = a[i] + b[i];
}

VECTOR_CLONES static void norm_row(int64_t n, float eps, const float *restrict s, const float *restrict weight,
                                   const float *restrict bias, float *mean, float *rstd, float *restrict y)
{
    float total = 0, squares = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < n; i++) total += s[i];
    float m = total / (float)n;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < n; i++) squares += (s[i] - m) * (s[i] - m);
    float r = 1 / sqrtf(squares / (float)n + eps);
    if (bias) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = (s[i] - m) * r * weight[i] + bias[i];
    } else {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = (s[i] - m) * r * weight[i];
    }
    *mean = m;
    *rstd = r;
}

static void norm_tile(void *context, int64_t tile)
{
    const Norm *c = context;
    int64_t to = smaller((tile + 1) * ROW_TILE, c->rows);
    for (int64_t row = tile * ROW_TILE; row < to; row++) {
        int64_t at = row * c->width;
        const float *s = c->x + at;
        if (c->residual) {
            if (c->p > 0) philox_dropout(c->key, at, c->width, c->p, s, c->sum + at);
            add_row(c->width, c->p > 0 ? c->sum + at : s, c->residual + at, c->sum + at);
            s = c->sum + at;
        }
        norm_row(c->width, c->eps, s, c->weight, c->bias, c->mean + row, c->rstd + row, c->y + at);
    }
}

void kernel_layer_norm(int64_t rows, int64_t width, double eps, RandomKey key, double p, const float *x,
                       const float *residual, const float *weight, const float *bias, float *sum, float *mean,
                       float *rstd, float *y)
{
    Norm context = {.rows = rows,
                    .width = width,
                    .eps = (float)eps,
                    .key = key,
                    .p = p,
                    .x = x,
                    .residual = residual,
                    .weight = weight,
                    .bias = bias,
                    .sum = sum,
                    .mean = mean,
                    .rstd = rstd,
                    .y = y};
    threads_run(tiles_of(rows, ROW_TILE), norm_tile, &context);
}

VECTOR_CLONES static void norm_backward_row(int64_t n, float m, float r, const float *restrict s,
                                            const float *restrict weight, const float *restrict dy,
                                            float *restrict ds, float *restrict dweight, float *restrict dbias)
{
    float a = 0, b = 0;
#pragma omp simd reduction(+ : a, b)
    for (int64_t i = 0; i < n; i++) {
        float hat = (s[i] - m) * r, g = dy[i] * weight[i];
        a += g;
        b += g * hat;
        dweight[i] += dy[i] * hat;
        dbias[i] += dy[i];
    }
    a /= (float)n;
    b /= (float)n;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) ds[i] = r * (dy[i] * weight[i] - a - (s[i] - m) * r * b);
}

static void norm_backward_tile(void *context, int64_t tile)
{
    const Norm *c = context;
    int64_t to = smaller((tile + 1) * ROW_TILE, c->rows), tiles = tiles_of(c->rows, ROW_TILE);
    float *dweight = c->partial + tile * c->width, *dbias = c->partial + (tiles + tile) * c->width;
    memset(dweight, 0, (size_t)c->width * sizeof *dweight);
    memset(dbias, 0, (size_t)c->width * sizeof *dbias);
    for (int64_t row = tile * ROW_TILE; row < to; row++) {
        int64_t at = row * c->width;
        norm_backward_row(c->width, c->mean[row], c->rstd[row], c->s + at, c->weight, c->dy + at, c->y + at,
                          dweight, dbias);
    }
}

void kernel_layer_norm_backward(int64_t rows, int64_t width, const float *s, const float *mean, const float *rstd,
                                const float *weight, const float *dy, float *ds, float *partial)
{
    Norm context = {.rows = rows,
                    .width = width,
                    .weight = weight,
                    .s = s,
                    .dy = dy,
                    .mean = (float *)mean,
                    .rstd = (float *)rstd,
                    .y = ds,
                    .partial = partial};
    threads_run(tiles_of(rows, ROW_TILE), norm_backward_tile, &context);
}

/* --- softmax --- */

VECTOR_CLONES static float log_sum_exp(int64_t n, const float *restrict x)
{
    float high = x[0], sum = 0;
#pragma omp simd reduction(max : high)
    for (int64_t i = 0; i < n; i++) high = x[i] > high ? x[i] : high;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += expf(x[i] - high);
    return high + logf(sum);
}

VECTOR_CLONES static void softmax_row(int64_t n, const float *restrict x, float lse, float scale,
                                      float *restrict out)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) out[i] = expf(x[i] - lse) * scale;
}

VECTOR_CLONES static void shift_row(int64_t n, const float *x, float shift, float *out)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) out[i] = x[i] + shift;
}

typedef struct Softmax {
    int64_t rows, width;
    bool logarithm;
    const float *x, *dy;
    float *y;
} Softmax;

static void softmax_tile(void *context, int64_t tile)
{
    const Softmax *s = context;
    int64_t to = smaller((tile + 1) * ROW_TILE, s->rows);
    for (int64_t row = tile * ROW_TILE; row < to; row++) {
        const float *x = s->x + row * s->width;
        float lse = log_sum_exp(s->width, x);
        if (s->logarithm)
            shift_row(s->width, x, -lse, s->y + row * s->width);
        else
            softmax_row(s->width, x, lse, 1, s->y + row * s->width);
    }
}

void kernel_softmax(int64_t rows, int64_t width, bool logarithm, const float *x, float *y)
{
    Softmax context = {rows, width, logarithm, x, NULL, y};
    if (width) threads_run(tiles_of(rows, ROW_TILE), softmax_tile, &context);
}

VECTOR_CLONES static void softmax_backward_row(int64_t n, bool logarithm, const float *restrict y,
                                               const float *restrict dy, float *restrict dx)
{
    double sum = 0;
    if (logarithm) {
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < n; i++) sum += (double)dy[i];
        float total = (float)sum;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) dx[i] = dy[i] - expf(y[i]) * total;
    } else {
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < n; i++) sum += (double)dy[i] * (double)y[i];
        float total = (float)sum;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - total);
    }
}

static void softmax_backward_tile(void *context, int64_t tile)
{
    const Softmax *s = context;
    int64_t to = smaller((tile + 1) * ROW_TILE, s->rows);
    for (int64_t row = tile * ROW_TILE; row < to; row++) {
        int64_t at = row * s->width;
        softmax_backward_row(s->width, s->logarithm, s->x + at, s->dy + at, s->y + at);
    }
}

void kernel_softmax_backward(int64_t rows, int64_t width, bool logarithm, const float *y, const float *dy,
                             float *dx)
{
    Softmax context = {rows, width, logarithm, y, dy, dx};
    threads_run(tiles_of(rows, ROW_TILE), softmax_backward_tile, &context);
}

/* --- softmax cross-entropy --- */

typedef struct Entropy {
    int64_t rows, classes, ignore;
    const float *logits;
    const int32_t *targets;
    float *loss, *lse, *dlogits;
    float smoothing, scale;
} Entropy;

VECTOR_CLONES static float mean_of(int64_t n, const float *restrict x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    return (float)(sum / (double)n);
}

static void entropy_tile(void *context, int64_t row)
{
    const Entropy *e = context;
    const float *x = e->logits + row * e->classes;
    int32_t target = e->targets[row];
    e->lse[row] = log_sum_exp(e->classes, x);
    e->loss[row] = target == e->ignore ? 0 : e->lse[row] - x[target];
    if (target != e->ignore && e->smoothing > 0)
        e->loss[row] += e->smoothing * (x[target] - mean_of(e->classes, x));
}

void kernel_cross_entropy(int64_t rows, int64_t classes, const float *logits, const int32_t *targets,
                          int64_t ignore, float smoothing, float *loss, float *lse)
{
    Entropy context = {rows, classes, ignore, logits, targets, loss, lse, NULL, smoothing, 0};
    threads_run(rows, entropy_tile, &context);
}

static void entropy_backward_tile(void *context, int64_t row)
{
    const Entropy *e = context;
    float *out = e->dlogits + row * e->classes;
    int32_t target = e->targets[row];
    if (target == e->ignore) {
        memset(out, 0, (size_t)e->classes * sizeof *out);
        return;
    }
    softmax_row(e->classes, e->logits + row * e->classes, e->lse[row], e->scale, out);
    out[target] -= e->scale * (1 - e->smoothing);
    if (e->smoothing > 0) shift_row(e->classes, out, -e->scale * e->smoothing / (float)e->classes, out);
}

void kernel_cross_entropy_backward(int64_t rows, int64_t classes, const float *logits, const int32_t *targets,
                                   int64_t ignore, float smoothing, const float *lse, float scale, float *dlogits)
{
    Entropy context = {rows, classes, ignore, logits, targets, NULL, (float *)lse, dlogits, smoothing, scale};
    threads_run(rows, entropy_backward_tile, &context);
}
