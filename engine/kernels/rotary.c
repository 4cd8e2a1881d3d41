/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/rotary.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

enum { ROW_TILE = 64 };

/* The angle grows by the same step from place to place, so each value follows from the one before: in double
 * precision a million places lose nothing that a float shows. */
void kernel_rotary_table(int64_t first, int64_t length, int64_t size, double theta, float *cosine, float *sine)
{
    int64_t half = size / 2;
    for (int64_t i = 0; i < half; i++) {
        double frequency = pow(theta, -2 * (double)i / (double)size);
        double step_c = cos(frequency), step_s = sin(frequency);
        double c = cos(frequency * (double)first), s = sin(frequency * (double)first);
        for (int64_t t = 0; t < length; t++) {
            cosine[t * half + i] = (float)c;
            sine[t * half + i] = (float)s;
            double next = c * step_c - s * step_s;
            s = s * step_c + c * step_s;
            c = next;
        }
    }
}

typedef struct Rotary {
    int64_t rows, length, heads, size;
    float direction;
    const float *cosine, *sine, *x;
    float *y;
} Rotary;

VECTOR_CLONES static void turn(int64_t half, float direction, const float *restrict c, const float *restrict s,
                               const float *restrict x, float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < half; i++) {
        float sine = direction * s[i];
        y[i] = x[i] * c[i] - x[half + i] * sine;
        y[half + i] = x[half + i] * c[i] + x[i] * sine;
    }
}

static void rotary_tile(void *context, int64_t tile)
{
    const Rotary *r = context;
    int64_t to = smaller((tile + 1) * ROW_TILE, r->rows), half = r->size / 2;
    for (int64_t row = tile * ROW_TILE; row < to; row++)
        for (int64_t head = 0; head < r->heads; head++) {
            int64_t at = (row * r->heads + head) * r->size, place = row % r->length * half;
            turn(half, r->direction, r->cosine + place, r->sine + place, r->x + at, r->y + at);
        }
}

void kernel_rotary(int64_t rows, int64_t length, int64_t heads, int64_t size, float direction, const float *cosine,
                   const float *sine, const float *x, float *y)
{
    Rotary context = {rows, length, heads, size, direction, cosine, sine, x, y};
    threads_run(tiles_of(rows, ROW_TILE), rotary_tile, &context);
}
