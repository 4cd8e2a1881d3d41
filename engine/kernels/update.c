/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/update.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

enum { GRID = 1 << 14 }; /* elements of a tile: its five arrays fit the second-level cache */

typedef struct Update {
    UpdateArrays a;
    const void *step;
    float ratio;   /* LAMB's trust ratio */
    double *norms; /* LAMB: squares of weight and update, two a tile */
} Update;

/* The arrays of one tile. */
static UpdateArrays tile_of(const Update *update, int64_t tile)
{
    UpdateArrays a = update->a;
    int64_t from = tile * GRID;
    a.n = smaller(GRID, a.n - from);
    a.weight += from;
    a.first += from;
    a.grad += from;
    if (a.second) a.second += from;
    if (a.mask) a.mask += from;
    return a;
}

/* Without branches: which weights are pruned cannot be predicted. */
VECTOR_CLONES static void clear_pruned(int64_t n, const float *restrict mask, float *restrict values)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) values[i] = mask[i] == 0 ? 0 : values[i];
}

/* Pruned weights and their moments stay zero. */
static void apply_mask(const UpdateArrays *a)
{
    if (!a->mask) return;
    clear_pruned(a->n, a->mask, a->weight);
    clear_pruned(a->n, a->mask, a->first);
    if (a->second) clear_pruned(a->n, a->mask, a->second);
}

VECTOR_CLONES static void adam_elements(const AdamStep *step, int64_t n, const float *restrict grad,
                                        float *restrict weight, float *restrict mean, float *restrict square)
{
    const AdamStep s = *step;
    float l2 = s.decoupled ? 0 : s.weight_decay, keep = s.decoupled ? 1 - s.lr * s.weight_decay : 1;
    float rate = s.lr / s.correction1, root = 1 / sqrtf(s.correction2);
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float g = grad[i] * s.scale + l2 * weight[i];
        mean[i] = s.beta1 * mean[i] + (1 - s.beta1) * g;
        square[i] = s.beta2 * square[i] + (1 - s.beta2) * g * g;
        weight[i] = keep * weight[i] - rate * mean[i] / (sqrtf(square[i]) * root + s.eps);
    }
}

static void adam_tile(void *context, int64_t tile)
{
    const Update *update = context;
    UpdateArrays a = tile_of(update, tile);
    adam_elements(update->step, a.n, a.grad, a.weight, a.first, a.second);
    apply_mask(&a);
}

void kernel_adam(const AdamStep *step, const UpdateArrays *arrays)
{
    Update update = {.a = *arrays, .step = step};
    threads_run(tiles_of(arrays->n, GRID), adam_tile, &update);
}

VECTOR_CLONES static void sgd_elements(const SgdStep *step, int64_t n, const float *restrict grad,
                                       float *restrict weight, float *restrict velocity)
{
    const SgdStep s = *step;
    float old = s.first ? 0 : s.momentum;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float g = grad[i] * s.scale + s.weight_decay * weight[i];
        velocity[i] = old * velocity[i] + g;
        weight[i] -= s.lr * (s.nesterov ? g + s.momentum * velocity[i] : velocity[i]);
    }
}

static void sgd_tile(void *context, int64_t tile)
{
    const Update *update = context;
    UpdateArrays a = tile_of(update, tile);
    sgd_elements(update->step, a.n, a.grad, a.weight, a.first);
    apply_mask(&a);
}

void kernel_sgd(const SgdStep *step, const UpdateArrays *arrays)
{
    Update update = {.a = *arrays, .step = step};
    threads_run(tiles_of(arrays->n, GRID), sgd_tile, &update);
}

/* The direction of one element, from moments that are up to date. */
static inline float lamb_direction(const AdamStep *s, float weight, float mean, float square)
{
    return mean / s->correction1 / (sqrtf(square / s->correction2) + s->eps) + s->weight_decay * weight;
}

/* norms: squares of weights and directions. mask NULL: all ones. */
VECTOR_CLONES static void lamb_moments(const AdamStep *step, int64_t n, const float *grad, const float *mask,
                                       const float *weight, float *mean, float *square, double *norms)
{
    const AdamStep s = *step;
    double weights = 0, directions = 0;
#pragma omp simd reduction(+ : weights, directions)
    for (int64_t i = 0; i < n; i++) {
        float g = (mask ? (mask[i] == 0 ? 0 : grad[i]) : grad[i]) * s.scale;
        mean[i] = s.beta1 * mean[i] + (1 - s.beta1) * g;
        square[i] = s.beta2 * square[i] + (1 - s.beta2) * g * g;
        double d = (double)lamb_direction(&s, weight[i], mean[i], square[i]);
        weights += (double)weight[i] * (double)weight[i];
        directions += d * d;
    }
    norms[0] = weights;
    norms[1] = directions;
}

static void lamb_moments_tile(void *context, int64_t tile)
{
    const Update *update = context;
    UpdateArrays a = tile_of(update, tile);
    lamb_moments(update->step, a.n, a.grad, a.mask, a.weight, a.first, a.second, update->norms + 2 * tile);
}

VECTOR_CLONES static void lamb_elements(const AdamStep *step, int64_t n, float ratio, float *weight,
                                        const float *mean, const float *square)
{
    const AdamStep s = *step;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) weight[i] -= s.lr * ratio * lamb_direction(&s, weight[i], mean[i], square[i]);
}

static void lamb_update_tile(void *context, int64_t tile)
{
    const Update *update = context;
    UpdateArrays a = tile_of(update, tile);
    lamb_elements(update->step, a.n, update->ratio, a.weight, a.first, a.second);
    apply_mask(&a);
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
        threads_run(tiles_of(now.a.n, GRID), lamb_moments_tile, &now);
        for (int64_t tile = 0; tile < tiles_of(now.a.n, GRID); tile++) {
            weights += norms[2 * tile];
            directions += norms[2 * tile + 1];
        }
    }
    whole.ratio = weights > 0 && directions > 0 ? (float)sqrt(weights / directions) : 1;
    threads_run(tiles_of(n, GRID), lamb_update_tile, &whole);
}
