/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/gather.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

#include <string.h>

enum { ROWS = 64, COLUMNS = 32, HALF_PIECE = 512 };

typedef struct Gather {
    int64_t n, width;
    const float *table, *y;
    const uint16_t *half; /* the table in bf16 */
    const int32_t *index;
    float *out;
    int accumulate;
} Gather;

VECTOR_CLONES static void add_row(int64_t n, const float *restrict from, float *restrict to)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

VECTOR_CLONES static void widen_row(int64_t n, const uint16_t *restrict from, float *restrict to)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

static void take_half_row(const Gather *g, const uint16_t *from, float *to)
{
    float some[HALF_PIECE];
    for (int64_t at = 0; at < g->width; at += HALF_PIECE) {
        int64_t count = smaller(HALF_PIECE, g->width - at);
        widen_row(count, from + at, g->accumulate ? some : to + at);
        if (g->accumulate) add_row(count, some, to + at);
    }
}

static void gather_half_tile(void *context, int64_t tile)
{
    const Gather *g = context;
    int64_t to = smaller((tile + 1) * ROWS, g->n);
    for (int64_t i = tile * ROWS; i < to; i++)
        take_half_row(g, g->half + g->index[i] * g->width, g->out + i * g->width);
}

static void gather_tile(void *context, int64_t tile)
{
    const Gather *g = context;
    int64_t to = smaller((tile + 1) * ROWS, g->n);
    for (int64_t i = tile * ROWS; i < to; i++) {
        const float *row = g->table + g->index[i] * g->width;
        if (g->accumulate)
            add_row(g->width, row, g->out + i * g->width);
        else
            memcpy(g->out + i * g->width, row, (size_t)g->width * sizeof *row);
    }
}

void kernel_gather(int64_t n, int64_t width, const float *table, const int32_t *index, int accumulate, float *y)
{
    Gather context = {.n = n, .width = width, .table = table, .index = index, .out = y, .accumulate = accumulate};
    threads_run(tiles_of(n, ROWS), gather_tile, &context);
}

void kernel_gather_half(int64_t n, int64_t width, const uint16_t *table, const int32_t *index, int accumulate,
                        float *y)
{
    Gather context = {.n = n, .width = width, .half = table, .index = index, .out = y, .accumulate = accumulate};
    threads_run(tiles_of(n, ROWS), gather_half_tile, &context);
}

static void scatter_tile(void *context, int64_t tile)
{
    const Gather *g = context;
    int64_t from = tile * COLUMNS, columns = smaller(COLUMNS, g->width - from);
    for (int64_t i = 0; i < g->n; i++)
        add_row(columns, g->y + i * g->width + from, g->out + g->index[i] * g->width + from);
}

void kernel_scatter_add(int64_t n, int64_t width, const float *y, const int32_t *index, float *table)
{
    Gather context = {.n = n, .width = width, .y = y, .index = index, .out = table};
    threads_run(tiles_of(width, COLUMNS), scatter_tile, &context);
}
