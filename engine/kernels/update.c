/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/update.h"

#include "engine/base/threads.h"

#include <math.h>

enum { GRID = 1 << 14 }; /* elements of a tile: its five arrays fit the second-level cache */

typedef struct Update {
    UpdateArrays a;
    const void *step;
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
    return end < update->a.n ? end : update->a.n;
}

/* Without branches: which weights are pruned cannot be predicted. */
static void clear_pruned(float *restrict values, const float *restrict mask, int64_t from, int64_t to)
{
    if (!values) return;
#pragma omp simd
    for (int64_t i = from; i < to; i++) values[i] = mask[i] == 0 ? 0 : values[i];
}

/* Pruned weights and their moments stay zero. */
static void apply_mask(const Update *update, int64_t from, int64_t to)
{
    const float *mask = update->a.mask;
    if (!mask) return;
    clear_pruned(update->a.weight, mask, from, to);
    clear_pruned(update->a.first, mask, from, to);
    clear_pruned(update->a.second, mask, from, to);
}

static void adam_tile(void *context, int64_t tile)
{
    const Update *update = context;
    const AdamStep s = *(const AdamStep *)update->step;
    const float *restrict grad = update->a.grad;
    float *restrict weight = update->a.weight, *restrict mean = update->a.first,
                    *restrict square = update->a.second;
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

void kernel_adam(const AdamStep *step, const UpdateArrays *arrays)
{
    Update update = {.a = *arrays, .step = step};
    threads_run(tiles_of(arrays->n), adam_tile, &update);
}

static void sgd_tile(void *context, int64_t tile)
{
    const Update *update = context;
    const SgdStep s = *(const SgdStep *)update->step;
    const float *restrict grad = update->a.grad;
    float *restrict weight = update->a.weight, *restrict velocity = update->a.first;
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

void kernel_sgd(const SgdStep *step, const UpdateArrays *arrays)
{
    Update update = {.a = *arrays, .step = step};
    threads_run(tiles_of(arrays->n), sgd_tile, &update);
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
    const float *mask = update->a.mask;
    double weights = 0, directions = 0;
    int64_t to = end_of(update, tile);
    for (int64_t i = tile * GRID; i < to; i++) {
        float g = mask && mask[i] == 0 ? 0 : update->a.grad[i] * s->scale;
        update->a.first[i] = s->beta1 * update->a.first[i] + (1 - s->beta1) * g;
        update->a.second[i] = s->beta2 * update->a.second[i] + (1 - s->beta2) * g * g;
        double d = (double)lamb_direction(s, update->a.weight[i], update->a.first[i], update->a.second[i]);
        weights += (double)update->a.weight[i] * (double)update->a.weight[i];
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
        update->a.weight[i] -=
            s->lr * update->ratio * lamb_direction(s, update->a.weight[i], update->a.first[i], update->a.second[i]);
    apply_mask(update, tile * GRID, to);
}

static void part(Update *update, const Update *whole, int64_t from, int64_t at_once)
{
    *update = *whole;
    update->a.n = whole->a.n - from < at_once ? whole->a.n - from : at_once;
    update->a.weight += from;
    update->a.first += from;
    update->a.second += from;
    update->a.grad += from;
    if (update->a.mask) update->a.mask += from;
}

void kernel_lamb(const AdamStep *step, const UpdateArrays *arrays)
{
    enum { AT_ONCE = 256 };
    double norms[2 * AT_ONCE], weights = 0, directions = 0;
    int64_t n = arrays->n;
    Update whole = {.a = *arrays, .step = step, .norms = norms}, now;
    for (int64_t from = 0; from < n; from += (int64_t)AT_ONCE * GRID) {
        part(&now, &whole, from, (int64_t)AT_ONCE * GRID);
        threads_run(tiles_of(now.a.n), lamb_moments_tile, &now);
        for (int64_t tile = 0; tile < tiles_of(now.a.n); tile++) {
            weights += norms[2 * tile];
            directions += norms[2 * tile + 1];
        }
    }
    whole.ratio = weights > 0 && directions > 0 ? (float)sqrt(weights / directions) : 1;
    threads_run(tiles_of(n), lamb_update_tile, &whole);
}
