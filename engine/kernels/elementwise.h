/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels that treat each element alone. Arrays are contiguous; an output may be one of the inputs of its type. */
#ifndef LATHE_KERNELS_ELEMENTWISE_H
#define LATHE_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

typedef enum UnaryKind {
    UNARY_SCALE, /* x a */
    UNARY_TANH,
    UNARY_RELU,
    UNARY_GELU,      /* exact */
    UNARY_GELU_TANH, /* with tanh in place of the normal distribution function */
    UNARY_EXP,
    UNARY_LOG,
    UNARY_SQRT,
    UNARY_RSQRT,
    UNARY_SQUARE,
    UNARY_ABS,
    UNARY_SIGMOID,
    UNARY_POW,        /* x to the power a; forward only */
    UNARY_SIGNED_POW, /* |x| to the power a with the sign of x; forward only */
    UNARY_CLAMP       /* min(max(x, a), b) */
} UnaryKind;

/* y = f(x), a and b as the kind says. */
void kernel_unary(UnaryKind kind, int64_t n, float a, float b, const float *x, float *y);
/* dx = dy f'(x), from y where kernel_unary_from_y(), else from x. */
void kernel_unary_backward(UnaryKind kind, int64_t n, float a, float b, const float *x_or_y, const float *dy,
                           float *dx);
/* Whether the slope is computed from y: tanh, exp, sqrt, rsqrt, sigmoid. */
int kernel_unary_from_y(UnaryKind kind);

typedef enum BinaryKind {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_POW, /* a to the power b, and its slopes by a (0 where b is 0) and b (0 where a is 0 and b is not below)
                 */
    BINARY_POW_A,
    BINARY_POW_B,
    BINARY_MAXIMUM, /* NaN where a or b is NaN */
    BINARY_MINIMUM,
    BINARY_MORE,    /* 1 where a > b, 1/2 where a = b, else 0: the slope of the larger of both */
    BINARY_LESS,    /* 1 where a < b, 1/2 where a = b, else 0 */
    BINARY_SQUARED, /* (a - b)^2, and its slopes by a and b */
    BINARY_SQUARED_A,
    BINARY_SQUARED_B,
    BINARY_BCE, /* -b log sigmoid(a) - (1 - b) log(1 - sigmoid(a)) */
    BINARY_BCE_A,
    BINARY_BCE_B,
    BINARY_KL, /* b (log b - a), 0 where b is 0 */
    BINARY_KL_A,
    BINARY_KL_B,
    BINARY_KL_LOG, /* e^b (b - a) */
    BINARY_KL_LOG_A,
    BINARY_KL_LOG_B
} BinaryKind;

/* y = a op b */
void kernel_binary(BinaryKind kind, int64_t n, const float *a, const float *b, float *y);

typedef enum CompareKind { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE } CompareKind;

/* y = 1 where a op b holds, else 0 */
void kernel_compare(CompareKind kind, int64_t n, const float *a, const float *b, uint8_t *y);
void kernel_compare_integers(CompareKind kind, int64_t n, const int64_t *a, const int64_t *b, uint8_t *y);

/* y = condition ? a : b; a or b NULL: 0 */
void kernel_where(int64_t n, const uint8_t *condition, const float *a, const float *b, float *y);

/* bf16 is the upper half of an f32, rounded to nearest even. */
void kernel_to_bf16(int64_t n, const float *x, uint16_t *y);
void kernel_from_bf16(int64_t n, const uint16_t *x, float *y);
/* y = x rounded to bf16 */
void kernel_round_bf16(int64_t n, const float *x, float *y);

#endif
