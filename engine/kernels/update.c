/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/update.h"

#include "engine/base/threads.h"

#include <math.h>

enum { GRID = 1 << 14 }; /* elements of a tile: its five arrays fit the second-level cache */

typedef struct Update {
    const void *step;
    int64_t n;
    float *weight, *first, *second;
    const float *grad, *mask;
    float ratio;   /* LAMB's trust ratio */
    double *norms; /* LAMB: squares of weight and update, two a tile */
} Update;

static int64_t tiles_of(int64_t n)
{
    return (n + GRID - 1) / GRID;
}

static int64_t end_of(const Update *update, int64_t tile)
{
    int64_t end = (tile + 1) * GRID;
    return end < update->n ? end : update->n;
}

static void apply_mask(const Update *update, int64_t from, int64_t to)
{
    for (int64_t i = from; update->mask && i < to; i++) update->weight[i] *= update->mask[i];
}

static void adam_tile(void *context, int64_t tile)
{
    const Update *update = context;
    const AdamStep s = *(const AdamStep *)update->step;
    const float *restrict grad = update->grad;
    float *restrict weight = update->weight, *restrict mean = update->first, *restrict square = update->second;
    float l2 = s.decoupled ? 0 : s.weight_decay, keep = s.decoupled ? 1 - s.lr * s.weight_decay : 1;
    float rate = s.lr / s.correction1, root = 1 / sqrtf(s.correction2);
    int64_t to = end_of(update, tile);
#pragma omp simd
    for (int64_t i = tile * GRID; i < to; i++) {
        float g = grad[i] * s.scale + l2 * weight[i];
        mean[i] = s.beta1 * mean[i] + (1 - s.beta1) * g;
        square[i] = s.beta2 * square[i] + (1 - s.beta2) * g * g;
        weight[i] = keep * weight[i] - rate * mean[i] / (sqrtf(square[i]) * root + s.eps);
    }
    apply_mask(update, tile * GRID, to);
}

void kernel_adam(const AdamStep *step, int64_t n, float *weight, const float *grad, float *mean, float *square,
                 const float *mask)
{
    Update update = {
        .step = step, .n = n, .weight = weight, .first = mean, .second = square, .grad = grad, .mask = mask};
    threads_run(tiles_of(n), adam_tile, &update);
}

static void sgd_tile(void *context, int64_t tile)
{
    const Update *update = context;
    const SgdStep s = *(const SgdStep *)update->step;
    const float *restrict grad = update->grad;
    float *restrict weight = update->weight, *restrict velocity = update->first;
    float old = s.first ? 0 : s.momentum;
    int64_t to = end_of(update, tile);
#pragma omp simd
    for (int64_t i = tile * GRID; i < to; i++) {
        float g = grad[i] * s.scale + s.weight_decay * weight[i];
        velocity[i] = old * velocity[i] + g;
        weight[i] -= s.lr * (s.nesterov ? g + s.momentum * velocity[i] : velocity[i]);
    }
    apply_mask(update, tile * GRID, to);
}

void kernel_sgd(const SgdStep *step, int64_t n, float *weight, const float *grad, float *velocity,
                const float *mask)
{
    Update update = {.step = step, .n = n, .weight = weight, .first = velocity, .grad = grad, .mask = mask};
    threads_run(tiles_of(n), sgd_tile, &update);
}

/* The direction of one element, from moments that are up to date. */
static inline float lamb_direction(const AdamStep *s, float weight, float mean, float square)
{
    return mean / s->correction1 / (sqrtf(square / s->correction2) + s->eps) + s->weight_decay * weight;
}

static void lamb_moments_tile(void *context, int64_t tile)
{
    const Update *update = context;
    const AdamStep *s = update->step;
    double weights = 0, directions = 0;
    int64_t to = end_of(update, tile);
    for (int64_t i = tile * GRID; i < to; i++) {
        float g = update->grad[i] * s->scale;
        update->first[i] = s->beta1 * update->first[i] + (1 - s->beta1) * g;
        update->second[i] = s->beta2 * update->second[i] + (1 - s->beta2) * g * g;
        double d = (double)lamb_direction(s, update->weight[i], update->first[i], update->second[i]);
        weights += (double)update->weight[i] * (double)update->weight[i];
        directions += d * d;
    }
    update->norms[2 * tile] = weights;
    update->norms[2 * tile + 1] = directions;
}

static void lamb_update_tile(void *context, int64_t tile)
{
    const Update *update = context;
    const AdamStep *s = update->step;
    int64_t to = end_of(update, tile);
    for (int64_t i = tile * GRID; i < to; i++)
        update->weight[i] -=
            s->lr * update->ratio * lamb_direction(s, update->weight[i], update->first[i], update->second[i]);
    apply_mask(update, tile * GRID, to);
}

static void part(Update *update, const Update *whole, int64_t from, int64_t at_once)
{
    *update = *whole;
    update->n = whole->n - from < at_once ? whole->n - from : at_once;
    update->weight += from;
    update->first += from;
    update->second += from;
    update->grad += from;
    if (update->mask) update->mask += from;
}

void kernel_lamb(const AdamStep *step, int64_t n, float *weight, const float *grad, float *mean, float *square,
                 const float *mask)
{
    enum { AT_ONCE = 256 };
    double norms[2 * AT_ONCE], weights = 0, directions = 0;
    Update whole = {.step = step,
                    .n = n,
                    .weight = weight,
                    .first = mean,
                    .second = square,
                    .grad = grad,
                    .mask = mask,
                    .norms = norms},
           now;
    for (int64_t from = 0; from < n; from += (int64_t)AT_ONCE * GRID) {
        part(&now, &whole, from, (int64_t)AT_ONCE * GRID);
        threads_run(tiles_of(now.n), lamb_moments_tile, &now);
        for (int64_t tile = 0; tile < tiles_of(now.n); tile++) {
            weights += norms[2 * tile];
            directions += norms[2 * tile + 1];
        }
    }
    whole.ratio = weights > 0 && directions > 0 ? (float)sqrt(weights / directions) : 1;
    threads_run(tiles_of(n), lamb_update_tile, &whole);
}
