/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/reduce.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

#include <stddef.h>

enum { TILE = 1 << 14, PARTS = 64 };

/* --- sums --- */

VECTOR_CLONES static double plain_sum(int64_t n, const float *x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    return sum;
}

VECTOR_CLONES static double absolute_sum(int64_t n, const float *x)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += (double)fabsf(x[i]);
    return sum;
}

VECTOR_CLONES static double square_sum(int64_t n, const float *x, double centre)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += ((double)x[i] - centre) * ((double)x[i] - centre);
    return sum;
}

VECTOR_CLONES static double power_sum(int64_t n, const float *x, float p)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += (double)powf(fabsf(x[i]), p);
    return sum;
}

VECTOR_CLONES static double dot_sum(int64_t n, const float *x, const float *other)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)other[i];
    return sum;
}

typedef struct Sums {
    RowSum kind;
    const RowSums *of;
    int64_t row, from; /* of a long row: which, and where its part of the grid begins */
    double *parts;
    float *y;
} Sums;

static double sum_part(const Sums *s, int64_t row, int64_t from, int64_t count)
{
    const RowSums *of = s->of;
    int64_t at = row * of->inner + from;
    switch (s->kind) {
    case ROW_SUM: return plain_sum(count, of->x + at);
    case ROW_ABS: return absolute_sum(count, of->x + at);
    case ROW_SQUARES: return square_sum(count, of->x + at, of->centre ? (double)of->centre[row] : 0);
    case ROW_POWERS: return power_sum(count, of->x + at, of->p);
    default: return dot_sum(count, of->x + at, of->other + at);
    }
}

static int64_t rows_of_tile(int64_t inner)
{
    return inner && inner < TILE ? TILE / inner : 1;
}

static void short_rows_tile(void *context, int64_t tile)
{
    const Sums *s = context;
    int64_t rows = rows_of_tile(s->of->inner), to = smaller((tile + 1) * rows, s->of->rows);
    for (int64_t row = tile * rows; row < to; row++)
        s->y[row] = (float)(sum_part(s, row, 0, s->of->inner) * s->of->factor);
}

static void long_row_tile(void *context, int64_t tile)
{
    const Sums *s = context;
    int64_t from = s->from + tile * TILE;
    s->parts[tile] = sum_part(s, s->row, from, smaller(TILE, s->of->inner - from));
}

static double long_row(Sums *s)
{
    double parts[PARTS], sum = 0;
    s->parts = parts;
    for (s->from = 0; s->from < s->of->inner; s->from += PARTS * TILE) {
        int64_t tiles = smaller(PARTS, tiles_of(s->of->inner - s->from, TILE));
        threads_run(tiles, long_row_tile, s);
        for (int64_t i = 0; i < tiles; i++) sum += parts[i];
    }
    return sum;
}

void kernel_row_sums(RowSum kind, const RowSums *of, float *y)
{
    Sums sums = {.kind = kind, .of = of, .y = y};
    if (of->inner <= TILE)
        threads_run(tiles_of(of->rows, rows_of_tile(of->inner)), short_rows_tile, &sums);
    else
        for (sums.row = 0; sums.row < of->rows; sums.row++) y[sums.row] = (float)(long_row(&sums) * of->factor);
}

VECTOR_CLONES static double masked_square_sum(int64_t n, const float *x, const float *mask)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += (double)(x[i] * mask[i]) * (double)(x[i] * mask[i]);
    return sum;
}

typedef struct Squares {
    int64_t n;
    const float *x, *mask;
    double *parts;
} Squares;

static void squares_tile(void *context, int64_t tile)
{
    const Squares *s = context;
    int64_t from = tile * TILE, count = smaller(TILE, s->n - from);
    s->parts[tile] =
        s->mask ? masked_square_sum(count, s->x + from, s->mask + from) : square_sum(count, s->x + from, 0);
}

double kernel_sum_of_squares(int64_t n, const float *x, const float *mask)
{
    double parts[PARTS], sum = 0;
    for (int64_t from = 0; from < n; from += PARTS * TILE) {
        Squares squares = {smaller(PARTS * TILE, n - from), x + from, mask ? mask + from : NULL, parts};
        int64_t tiles = tiles_of(squares.n, TILE);
        threads_run(tiles, squares_tile, &squares);
        for (int64_t i = 0; i < tiles; i++) sum += parts[i];
    }
    return sum;
}

/* --- elements with a number for each row --- */

typedef struct Rows {
    int64_t rows, inner;
    const float *a, *x, *centre, *b, *z;
    float *y, sign;
    int32_t *place;
    bool backwards;
} Rows;

VECTOR_CLONES static void affine_row(int64_t n, float a, const float *x, float centre, float b, const float *z,
                                     float *y)
{
    if (z) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = a * (x[i] - centre) + b * z[i];
    } else {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = a * (x[i] - centre);
    }
}

static void affine_tile(void *context, int64_t tile)
{
    const Rows *r = context;
    int64_t rows = rows_of_tile(r->inner), to = smaller((tile + 1) * rows, r->rows);
    for (int64_t row = tile * rows; row < to; row++) {
        int64_t at = row * r->inner;
        affine_row(r->inner, r->a[row], r->x + at, r->centre ? r->centre[row] : 0, r->z ? r->b[row] : 0,
                   r->z ? r->z + at : NULL, r->y + at);
    }
}

void kernel_row_affine(int64_t rows, int64_t inner, const float *a, const float *x, const float *centre,
                       const float *b, const float *z, float *y)
{
    Rows context = {.rows = rows, .inner = inner, .a = a, .x = x, .centre = centre, .b = b, .z = z, .y = y};
    threads_run(tiles_of(rows, rows_of_tile(inner)), affine_tile, &context);
}

/* --- extremes --- */

static int64_t extreme(const float *row, int64_t count, float sign)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count && row[best] == row[best]; i++)
        if (row[i] * sign > row[best] * sign || row[i] != row[i]) best = i;
    return best;
}

static void extreme_tile(void *context, int64_t tile)
{
    const Rows *r = context;
    int64_t rows = rows_of_tile(r->inner), to = smaller((tile + 1) * rows, r->rows);
    for (int64_t row = tile * rows; row < to; row++)
        r->place[row] = (int32_t)extreme(r->x + row * r->inner, r->inner, r->sign);
}

void kernel_row_extreme(int64_t rows, int64_t inner, float sign, const float *x, int32_t *place)
{
    Rows context = {.rows = rows, .inner = inner, .x = x, .sign = sign, .place = place};
    threads_run(tiles_of(rows, rows_of_tile(inner)), extreme_tile, &context);
}

/* --- running sums --- */

static void cumsum_row(int64_t n, bool backwards, const float *x, float *y)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = backwards ? n - 1 - i : i;
        sum += (double)x[at];
        y[at] = (float)sum;
    }
}

static void cumsum_tile(void *context, int64_t tile)
{
    const Rows *r = context;
    int64_t rows = rows_of_tile(r->inner), to = smaller((tile + 1) * rows, r->rows);
    for (int64_t row = tile * rows; row < to; row++)
        cumsum_row(r->inner, r->backwards, r->x + row * r->inner, r->y + row * r->inner);
}

void kernel_row_cumsum(int64_t rows, int64_t inner, bool backwards, const float *x, float *y)
{
    Rows context = {.rows = rows, .inner = inner, .x = x, .y = y, .backwards = backwards};
    threads_run(tiles_of(rows, rows_of_tile(inner)), cumsum_tile, &context);
}

/* --- back from a broadcast --- */

VECTOR_CLONES static void add_row(int64_t n, const float *restrict from, float *restrict to)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

/* Where the row of full that begins at a place goes. */
static int64_t row_place(int ndim, const int64_t *shape, const int64_t *strides, int64_t row)
{
    int64_t at = 0;
    for (int d = ndim - 2; d >= 0; d--) {
        at += row % shape[d] * strides[d];
        row /= shape[d];
    }
    return at;
}

void kernel_sum_to(int ndim, const int64_t *shape, const int64_t *strides, const float *full, float *out)
{
    int64_t inner = ndim ? shape[ndim - 1] : 1, stride = ndim ? strides[ndim - 1] : 0, rows = 1;
    for (int d = 0; d < ndim - 1; d++) rows *= shape[d];
    for (int64_t row = 0; row < rows; row++, full += inner) {
        float *to = out + row_place(ndim, shape, strides, row);
        if (stride == 0)
            *to += (float)plain_sum(inner, full);
        else
            add_row(inner, full, to);
    }
}
