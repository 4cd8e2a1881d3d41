/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops on the elements of two tensors, with broadcasting. */
#include "engine/ops/integers.h"

#include <math.h>

static Status binary_forward(Node *node, BinaryKind kind)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *a, *b, *y;
    if (integers_given(node, 0)) return integers_binary(node, kind);
    TRY(node_broadcast(node, &ndim, shape));
    TRY(node_expanded(node, 0, ndim, shape, &a));
    TRY(node_expanded(node, 1, ndim, shape, &b));
    TRY(node_output(node, DTYPE_F32, ndim, shape, &y));
    kernel_binary(kind, tensor_count(y), TENSOR_F32(a), TENSOR_F32(b), TENSOR_F32(y));
    if (kind == BINARY_ADD || kind == BINARY_SUB) return STATUS_OK;
    TRY(node_save(node, a));
    return node_save(node, b);
}

static double plain_value(BinaryKind kind, double a, double b)
{
    switch (kind) {
    case BINARY_ADD: return a + b;
    case BINARY_SUB: return a - b;
    case BINARY_MUL: return a * b;
    case BINARY_DIV: return a / b;
    case BINARY_POW: return pow(a, b);
    case BINARY_MAXIMUM: return a > b ? a : b;
    case BINARY_MINIMUM: return a < b ? a : b;
    default: return (double)NAN;
    }
}

static Status binary_reference(Node *node, BinaryKind kind)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *a, *b, *y;
    TRY(node_broadcast(node, &ndim, shape));
    TRY(node_expanded(node, 0, ndim, shape, &a));
    TRY(node_expanded(node, 1, ndim, shape, &b));
    TRY(node_output(node, DTYPE_F64, ndim, shape, &y));
    for (int64_t i = 0, n = tensor_count(y); i < n; i++)
        TENSOR_F64(y)[i] = plain_value(kind, TENSOR_F64(a)[i], TENSOR_F64(b)[i]);
    return STATUS_OK;
}

/* The gradient of inputs[i] from the whole one, which is dy op other. */
static Status give(Node *node, int i, BinaryKind kind, const Tensor *dy, const Tensor *other)
{
    Tensor *full;
    if (!node->needs_grad[i]) return STATUS_OK;
    TRY(node_scratch(node, DTYPE_F32, dy->ndim, dy->shape, &full));
    kernel_binary(kind, tensor_count(dy), TENSOR_F32(dy), TENSOR_F32(other), TENSOR_F32(full));
    return node_grad_reduced(node, i, full);
}

/* The gradient of inputs[i] where the op's slope is a function of both inputs. */
static Status give_slope(Node *node, int i, BinaryKind slope)
{
    Tensor *dy, *full;
    if (!node->needs_grad[i]) return STATUS_OK;
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, dy->ndim, dy->shape, &full));
    float *to = TENSOR_F32(full);
    kernel_binary(slope, tensor_count(dy), TENSOR_F32(node->saved[0]), TENSOR_F32(node->saved[1]), to);
    kernel_binary(BINARY_MUL, tensor_count(dy), to, TENSOR_F32(dy), to);
    return node_grad_reduced(node, i, full);
}

static Status add_backward(Node *node)
{
    for (int i = 0; i < 2; i++)
        if (node->needs_grad[i]) TRY(node_grad_reduced(node, i, node->grad_outputs[0]));
    return STATUS_OK;
}

static Status sub_backward(Node *node)
{
    Tensor *minus;
    if (node->needs_grad[0]) TRY(node_grad_reduced(node, 0, node->grad_outputs[0]));
    if (!node->needs_grad[1]) return STATUS_OK;
    TRY(tensor_clone(node->arena, node->grad_outputs[0], &minus));
    TRY(node_keep(node, minus));
    kernel_unary(UNARY_SCALE, tensor_count(minus), -1, 0, TENSOR_F32(minus), TENSOR_F32(minus));
    return node_grad_reduced(node, 1, minus);
}

static Status mul_backward(Node *node)
{
    Tensor *dy;
    TRY(node_dense_gradient(node, &dy));
    TRY(give(node, 0, BINARY_MUL, dy, node->saved[1]));
    return give(node, 1, BINARY_MUL, dy, node->saved[0]);
}

/* da = dy / b, db = -dy a / b^2 */
static Status div_backward(Node *node)
{
    Tensor *dy, *ratio;
    TRY(node_dense_gradient(node, &dy));
    TRY(give(node, 0, BINARY_DIV, dy, node->saved[1]));
    TRY(node_scratch(node, DTYPE_F32, dy->ndim, dy->shape, &ratio));
    float *r = TENSOR_F32(ratio);
    kernel_binary(BINARY_DIV, tensor_count(dy), TENSOR_F32(node->saved[0]), TENSOR_F32(node->saved[1]), r);
    kernel_binary(BINARY_DIV, tensor_count(dy), r, TENSOR_F32(node->saved[1]), r);
    kernel_unary(UNARY_SCALE, tensor_count(dy), -1, 0, r, r);
    return give(node, 1, BINARY_MUL, dy, ratio);
}

static Status maximum_backward(Node *node)
{
    TRY(give_slope(node, 0, BINARY_MORE));
    return give_slope(node, 1, BINARY_LESS);
}

static Status minimum_backward(Node *node)
{
    TRY(give_slope(node, 0, BINARY_LESS));
    return give_slope(node, 1, BINARY_MORE);
}

static Status pow_backward(Node *node)
{
    TRY(give_slope(node, 0, BINARY_POW_A));
    return give_slope(node, 1, BINARY_POW_B);
}

#define BINARY(name_, kind_, inputs_, doc_, saves_, cases_)                                                        \
    static Status name_##_forward(Node *node)                                                                      \
    {                                                                                                              \
        return binary_forward(node, kind_);                                                                        \
    }                                                                                                              \
    static Status name_##_reference(Node *node)                                                                    \
    {                                                                                                              \
        return binary_reference(node, kind_);                                                                      \
    }                                                                                                              \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_,                                                                            \
                           .inputs = inputs_,                                                                      \
                           .saves = saves_,                                                                        \
                           .recompute = true,                                                                      \
                           .forward = name_##_forward,                                                             \
                           .backward = name_##_backward,                                                           \
                           .reference = name_##_reference,                                                         \
                           .cases = cases_}

static const OpInput reals[] = {{"a", "any shape"}, {"b", "a shape that broadcasts with it"}, {0}};
static const OpInput numbers[] = {
    {"a", "any shape", .exact = true}, {"b", "a shape that broadcasts with it", .exact = true}, {0}};
static const OpInput powers[] = {{"x", "any shape"}, {"exponent", "a shape that broadcasts with it"}, {0}};
static const OpCase two_cases[] = {
    {"f32[3,5] f32[3,5]", ""}, {"f32[2,1,4] f32[3,1]", ""}, {"f32[] f32[1]", ""}, {"f32[5] f32[4,5]", ""}, {0}};
static const OpCase divide_cases[] = {{"f32[3,5] f32[3,5]+", ""}, {"f32[2,1,4] f32[3,1]+", ""}, {0}};
static const OpCase power_cases[] = {
    {"f32[3,5]+ f32[3,5]", ""}, {"f32[4]+ f32[]", ""}, {"f32[2,1,4]+ f32[3,1]", ""}, {0}};
static const OpCase order_cases[] = {/* few elements, so that no two are nearly equal */
                                     {"f32[5] f32[5]", ""},
                                     {"f32[1,2] f32[2,1]", ""},
                                     {"f32[] f32[1]", ""},
                                     {0}};

BINARY(add, BINARY_ADD, numbers, "a + b with broadcasting.", "nothing", two_cases);
BINARY(sub, BINARY_SUB, numbers, "a - b with broadcasting.", "nothing", two_cases);
BINARY(mul, BINARY_MUL, numbers, "a b, element by element, with broadcasting.", "a, b", two_cases);
BINARY(div, BINARY_DIV, reals, "a / b, element by element, with broadcasting.", "a, b", divide_cases);
BINARY(pow, BINARY_POW, powers, "x to the power of exponent, element by element, with broadcasting.", "x, exponent",
       power_cases);
BINARY(maximum, BINARY_MAXIMUM, numbers,
       "The larger of a and b, element by element; equal ones share the gradient.", "a, b", order_cases);
BINARY(minimum, BINARY_MINIMUM, numbers,
       "The smaller of a and b, element by element; equal ones share the gradient.", "a, b", order_cases);
