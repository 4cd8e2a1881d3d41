/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/elementwise.h"

#include "engine/base/threads.h"
#include "engine/kernels/vector.h"

#include <string.h>

enum { TILE = 1 << 14 };

/* What a tile works on; the kernels take what they need. */
typedef struct Work {
    int kind;
    int64_t n;
    float number[2];
    const void *a, *b, *c;
    void *y;
} Work;

#define ROOT_2_PI 0.79788456f /* sqrt(2 / pi) */

/* One case of a switch: to[i] = expression for each element. */
#define EACH(kind_, to, expression)                                                                                \
    case kind_: _Pragma("omp simd") for (int64_t i = 0; i < n; i++) to[i] = (expression); break

static inline float gelu_tanh_of(float x)
{
    return tanhf(ROOT_2_PI * (x + 0.044715f * x * x * x));
}

static inline float gelu_slope(float x)
{
    return 0.5f * (1 + erff(x * 0.70710678f)) + x * 0.39894228f * expf(-0.5f * x * x);
}

static inline float gelu_tanh_slope(float x)
{
    float t = gelu_tanh_of(x);
    return 0.5f * (1 + t) + 0.5f * x * (1 - t * t) * ROOT_2_PI * (1 + 0.134145f * x * x);
}

VECTOR_CLONES static void unary(int kind, int64_t n, float a, float b, const float *x, float *y)
{
    switch (kind) {
        EACH(UNARY_SCALE, y, x[i] * a);
        EACH(UNARY_TANH, y, tanhf(x[i]));
        EACH(UNARY_RELU, y, x[i] <= 0 ? 0 : x[i]);
        EACH(UNARY_GELU, y, 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f)));
        EACH(UNARY_GELU_TANH, y, 0.5f * x[i] * (1 + gelu_tanh_of(x[i])));
        EACH(UNARY_EXP, y, expf(x[i]));
        EACH(UNARY_LOG, y, logf(x[i]));
        EACH(UNARY_SQRT, y, sqrtf(x[i]));
        EACH(UNARY_RSQRT, y, 1 / sqrtf(x[i]));
        EACH(UNARY_SQUARE, y, x[i] * x[i]);
        EACH(UNARY_ABS, y, fabsf(x[i]));
        EACH(UNARY_SIGMOID, y, 1 / (1 + expf(-x[i])));
        EACH(UNARY_POW, y, powf(x[i], a));
        EACH(UNARY_SIGNED_POW, y, x[i] == 0 ? 0 : copysignf(powf(fabsf(x[i]), a), x[i]));
    case UNARY_CLAMP:
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float low = x[i] < a ? a : x[i];
            y[i] = low > b ? b : low;
        }
        break;
    default: break;
    }
}

VECTOR_CLONES static void unary_backward(int kind, int64_t n, float a, float b, const float *x, const float *dy,
                                         float *dx)
{
    switch (kind) {
        EACH(UNARY_SCALE, dx, dy[i] * a);
        EACH(UNARY_TANH, dx, dy[i] * (1 - x[i] * x[i]));
        EACH(UNARY_RELU, dx, x[i] <= 0 ? 0 : dy[i]);
        EACH(UNARY_GELU, dx, dy[i] * gelu_slope(x[i]));
        EACH(UNARY_GELU_TANH, dx, dy[i] * gelu_tanh_slope(x[i]));
        EACH(UNARY_EXP, dx, dy[i] * x[i]);
        EACH(UNARY_LOG, dx, dy[i] / x[i]);
        EACH(UNARY_SQRT, dx, dy[i] * (0.5f / x[i]));
        EACH(UNARY_RSQRT, dx, dy[i] * (-0.5f * x[i] * x[i] * x[i]));
        EACH(UNARY_SQUARE, dx, dy[i] * (2 * x[i]));
        EACH(UNARY_ABS, dx, dy[i] * (float)((x[i] > 0) - (x[i] < 0)));
        EACH(UNARY_SIGMOID, dx, dy[i] * (x[i] * (1 - x[i])));
        EACH(UNARY_CLAMP, dx, x[i] >= a && x[i] <= b ? dy[i] : 0);
    default: break;
    }
}

VECTOR_CLONES static void binary(int kind, int64_t n, const float *a, const float *b, float *y)
{
    switch (kind) {
        EACH(BINARY_ADD, y, a[i] + b[i]);
        EACH(BINARY_SUB, y, a[i] - b[i]);
        EACH(BINARY_MUL, y, a[i] * b[i]);
        EACH(BINARY_DIV, y, a[i] / b[i]);
        EACH(BINARY_POW, y, powf(a[i], b[i]));
        EACH(BINARY_POW_A, y, b[i] == 0 ? 0 : b[i] * powf(a[i], b[i] - 1));
        EACH(BINARY_POW_B, y, a[i] == 0 && b[i] >= 0 ? 0 : powf(a[i], b[i]) * logf(a[i]));
        EACH(BINARY_MAXIMUM, y, a[i] != a[i] || a[i] > b[i] ? a[i] : b[i]);
        EACH(BINARY_MINIMUM, y, a[i] != a[i] || a[i] < b[i] ? a[i] : b[i]);
        EACH(BINARY_MORE, y, a[i] > b[i] ? 1 : a[i] == b[i] ? 0.5f : 0);
        EACH(BINARY_LESS, y, a[i] < b[i] ? 1 : a[i] == b[i] ? 0.5f : 0);
        EACH(BINARY_SQUARED, y, (a[i] - b[i]) * (a[i] - b[i]));
        EACH(BINARY_SQUARED_A, y, 2 * (a[i] - b[i]));
        EACH(BINARY_SQUARED_B, y, 2 * (b[i] - a[i]));
        EACH(BINARY_BCE, y, (a[i] <= 0 ? 0 : a[i]) - a[i] * b[i] + log1pf(expf(-fabsf(a[i]))));
        EACH(BINARY_BCE_A, y, 1 / (1 + expf(-a[i])) - b[i]);
        EACH(BINARY_BCE_B, y, -a[i]);
        EACH(BINARY_KL, y, b[i] == 0 ? 0 : b[i] * (logf(b[i]) - a[i]));
        EACH(BINARY_KL_A, y, -b[i]);
        EACH(BINARY_KL_B, y, b[i] == 0 ? 0 : logf(b[i]) + 1 - a[i]);
        EACH(BINARY_KL_LOG, y, expf(b[i]) * (b[i] - a[i]));
        EACH(BINARY_KL_LOG_A, y, -expf(b[i]));
        EACH(BINARY_KL_LOG_B, y, expf(b[i]) * (b[i] - a[i] + 1));
    default: break;
    }
}

#define COMPARE(name_, type_)                                                                                      \
    VECTOR_CLONES static void name_(int kind, int64_t n, const type_ *a, const type_ *b, uint8_t *y)               \
    {                                                                                                              \
        switch (kind) {                                                                                            \
            EACH(COMPARE_EQ, y, a[i] == b[i]);                                                                     \
            EACH(COMPARE_NE, y, a[i] != b[i]);                                                                     \
            EACH(COMPARE_LT, y, a[i] < b[i]);                                                                      \
            EACH(COMPARE_LE, y, a[i] <= b[i]);                                                                     \
            EACH(COMPARE_GT, y, a[i] > b[i]);                                                                      \
            EACH(COMPARE_GE, y, a[i] >= b[i]);                                                                     \
        default: break;                                                                                            \
        }                                                                                                          \
    }
COMPARE(compare, float)
COMPARE(compare_integers, int64_t)

static int64_t tile_size(const Work *w, int64_t tile)
{
    return smaller(TILE, w->n - tile * TILE);
}

static void unary_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    unary(w->kind, tile_size(w, tile), w->number[0], w->number[1], (const float *)w->a + at, (float *)w->y + at);
}

static void unary_backward_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    unary_backward(w->kind, tile_size(w, tile), w->number[0], w->number[1], (const float *)w->a + at,
                   (const float *)w->b + at, (float *)w->y + at);
}

static void binary_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    binary(w->kind, tile_size(w, tile), (const float *)w->a + at, (const float *)w->b + at, (float *)w->y + at);
}

static void compare_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    compare(w->kind, tile_size(w, tile), (const float *)w->a + at, (const float *)w->b + at, (uint8_t *)w->y + at);
}

static void compare_integers_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    compare_integers(w->kind, tile_size(w, tile), (const int64_t *)w->a + at, (const int64_t *)w->b + at,
                     (uint8_t *)w->y + at);
}

void kernel_unary(UnaryKind kind, int64_t n, float a, float b, const float *x, float *y)
{
    Work work = {.kind = kind, .n = n, .number = {a, b}, .a = x, .y = y};
    threads_run(tiles_of(n, TILE), unary_tile, &work);
}

void kernel_unary_backward(UnaryKind kind, int64_t n, float a, float b, const float *x_or_y, const float *dy,
                           float *dx)
{
    Work work = {.kind = kind, .n = n, .number = {a, b}, .a = x_or_y, .b = dy, .y = dx};
    threads_run(tiles_of(n, TILE), unary_backward_tile, &work);
}

int kernel_unary_from_y(UnaryKind kind)
{
    return kind == UNARY_TANH || kind == UNARY_EXP || kind == UNARY_SQRT || kind == UNARY_RSQRT ||
           kind == UNARY_SIGMOID;
}

void kernel_binary(BinaryKind kind, int64_t n, const float *a, const float *b, float *y)
{
    Work work = {.kind = kind, .n = n, .a = a, .b = b, .y = y};
    threads_run(tiles_of(n, TILE), binary_tile, &work);
}

void kernel_compare(CompareKind kind, int64_t n, const float *a, const float *b, uint8_t *y)
{
    Work work = {.kind = kind, .n = n, .a = a, .b = b, .y = y};
    threads_run(tiles_of(n, TILE), compare_tile, &work);
}

void kernel_compare_integers(CompareKind kind, int64_t n, const int64_t *a, const int64_t *b, uint8_t *y)
{
    Work work = {.kind = kind, .n = n, .a = a, .b = b, .y = y};
    threads_run(tiles_of(n, TILE), compare_integers_tile, &work);
}

/* --- choosing --- */

VECTOR_CLONES static void choose(int64_t n, const uint8_t *condition, const float *a, const float *b, float *y)
{
    if (!a) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = condition[i] ? 0 : b[i];
    } else if (!b) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = condition[i] ? a[i] : 0;
    } else {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) y[i] = condition[i] ? a[i] : b[i];
    }
}

static void where_tile(void *context, int64_t tile)
{
    const Work *w = context;
    int64_t at = tile * TILE;
    const float *a = w->a, *b = w->b;
    choose(tile_size(w, tile), (const uint8_t *)w->c + at, a ? a + at : NULL, b ? b + at : NULL,
           (float *)w->y + at);
}

void kernel_where(int64_t n, const uint8_t *condition, const float *a, const float *b, float *y)
{
    Work work = {.n = n, .a = a, .b = b, .c = condition, .y = y};
    threads_run(tiles_of(n, TILE), where_tile, &work);
}

/* --- bf16 --- */

/* The upper half, rounded. The bits are copied with memcpy: an f32 and a u32 may not share an address in C. */
static inline uint32_t upper_half(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t nan = (bits >> 16) | 0x40, rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (bits & 0x7FFFFFFF) > 0x7F800000 ? nan : rounded;
}

VECTOR_CLONES static void to_bf16(int64_t n, const float *restrict x, uint16_t *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] = (uint16_t)upper_half(x[i]);
}

VECTOR_CLONES static void round_bf16(int64_t n, const float *restrict x, float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = upper_half(x[i]) << 16;
        memcpy(&y[i], &bits, sizeof bits);
    }
}

VECTOR_CLONES static void from_bf16(int64_t n, const uint16_t *restrict x, float *restrict y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(&y[i], &bits, sizeof bits);
    }
}

static void to_bf16_tile(void *context, int64_t tile)
{
    const Work *w = context;
    to_bf16(tile_size(w, tile), (const float *)w->a + tile * TILE, (uint16_t *)w->y + tile * TILE);
}

static void round_bf16_tile(void *context, int64_t tile)
{
    const Work *w = context;
    round_bf16(tile_size(w, tile), (const float *)w->a + tile * TILE, (float *)w->y + tile * TILE);
}

static void from_bf16_tile(void *context, int64_t tile)
{
    const Work *w = context;
    from_bf16(tile_size(w, tile), (const uint16_t *)w->a + tile * TILE, (float *)w->y + tile * TILE);
}

void kernel_to_bf16(int64_t n, const float *x, uint16_t *y)
{
    Work work = {.n = n, .a = x, .y = y};
    threads_run(tiles_of(n, TILE), to_bf16_tile, &work);
}

void kernel_from_bf16(int64_t n, const uint16_t *x, float *y)
{
    Work work = {.n = n, .a = x, .y = y};
    threads_run(tiles_of(n, TILE), from_bf16_tile, &work);
}

void kernel_round_bf16(int64_t n, const float *x, float *y)
{
    Work work = {.n = n, .a = x, .y = y};
    threads_run(tiles_of(n, TILE), round_bf16_tile, &work);
}
