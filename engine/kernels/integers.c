/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/integers.h"

/* C leaves open what a signed sum does beyond its range. */
static int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t subtract(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t multiply(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* One case of a switch: y[i] = expression for each element. */
#define EACH(kind_, expression)                                                                                    \
    case kind_:                                                                                                    \
        for (int64_t i = 0; i < n; i++) y[i] = (expression);                                                       \
        break

void kernel_unary_integers(UnaryKind kind, int64_t n, int64_t a, int64_t b, const int64_t *x, int64_t *y)
{
    switch (kind) {
        EACH(UNARY_SCALE, multiply(x[i], a));
        EACH(UNARY_RELU, x[i] < 0 ? 0 : x[i]);
        EACH(UNARY_SQUARE, multiply(x[i], x[i]));
        EACH(UNARY_ABS, x[i] < 0 ? subtract(0, x[i]) : x[i]);
    case UNARY_CLAMP:
        for (int64_t i = 0; i < n; i++) {
            int64_t low = x[i] < a ? a : x[i];
            y[i] = low > b ? b : low;
        }
        break;
    default: break;
    }
}

void kernel_binary_integers(BinaryKind kind, int64_t n, const int64_t *a, const int64_t *b, int64_t *y)
{
    switch (kind) {
        EACH(BINARY_ADD, add(a[i], b[i]));
        EACH(BINARY_SUB, subtract(a[i], b[i]));
        EACH(BINARY_MUL, multiply(a[i], b[i]));
        EACH(BINARY_MAXIMUM, a[i] > b[i] ? a[i] : b[i]);
        EACH(BINARY_MINIMUM, a[i] < b[i] ? a[i] : b[i]);
    default: break;
    }
}

void kernel_where_integers(int64_t n, const uint8_t *condition, const int64_t *a, const int64_t *b, int64_t *y)
{
    for (int64_t i = 0; i < n; i++) y[i] = condition[i] ? a[i] : b[i];
}

void kernel_row_sums_integers(int64_t rows, int64_t inner, const int64_t *x, int64_t *y)
{
    for (int64_t row = 0; row < rows; row++, x += inner) {
        y[row] = 0;
        for (int64_t i = 0; i < inner; i++) y[row] = add(y[row], x[i]);
    }
}

void kernel_row_cumsum_integers(int64_t rows, int64_t inner, const int64_t *x, int64_t *y)
{
    for (int64_t row = 0; row < rows; row++, x += inner, y += inner)
        for (int64_t i = 0; i < inner; i++) y[i] = i ? add(y[i - 1], x[i]) : x[i];
}

void kernel_row_extreme_integers(int64_t rows, int64_t inner, int sign, const int64_t *x, int32_t *place)
{
    for (int64_t row = 0; row < rows; row++, x += inner) {
        int64_t best = 0;
        for (int64_t i = 1; i < inner; i++)
            if (sign > 0 ? x[i] > x[best] : x[i] < x[best]) best = i;
        place[row] = (int32_t)best;
    }
}
