/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops on each element alone: functions of one tensor, and sums and products with broadcasting. */
#include "engine/kernels/elementwise.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <math.h>

/* The numbers that the kernel takes, from the op's attributes. */
static void numbers_of(const Node *node, UnaryKind kind, float number[2])
{
    number[0] = number[1] = 0;
    if (kind == UNARY_SCALE) number[0] = (float)((const ScaleAttrs *)node->attrs)->factor;
    if (kind == UNARY_POW) number[0] = (float)((const PowAttrs *)node->attrs)->exponent;
    if (kind != UNARY_CLAMP) return;
    number[0] = (float)((const ClampAttrs *)node->attrs)->min;
    number[1] = (float)((const ClampAttrs *)node->attrs)->max;
}

static Status unary_forward(Node *node, UnaryKind kind)
{
    Tensor *x, *y;
    float number[2];
    numbers_of(node, kind, number);
    TRY(node_contiguous(node, 0, &x));
    TRY(node_output(node, DTYPE_F32, x->ndim, x->shape, &y));
    kernel_unary(kind, tensor_count(x), number[0], number[1], TENSOR_F32(x), TENSOR_F32(y));
    if (kind == UNARY_SCALE) return STATUS_OK;
    return node_save(node, kernel_unary_from_y(kind) ? y : x);
}

static Status unary_backward(Node *node, UnaryKind kind)
{
    Tensor *dy, *grad;
    bool accumulate;
    float number[2];
    numbers_of(node, kind, number);
    TRY(node_dense_gradient(node, &dy));
    TRY(node_grad(node, 0, &grad, &accumulate));
    kernel_unary_backward(kind, tensor_count(dy), number[0], number[1],
                          node->saved_count ? TENSOR_F32(node->saved[0]) : TENSOR_F32(dy), TENSOR_F32(dy),
                          TENSOR_F32(grad));
    return STATUS_OK;
}

#define UNARY(name_, kind_, doc_, saves_, ...)                                                                     \
    static Status name_##_forward(Node *node)                                                                      \
    {                                                                                                              \
        return unary_forward(node, kind_);                                                                         \
    }                                                                                                              \
    static Status name_##_backward(Node *node)                                                                     \
    {                                                                                                              \
        return unary_backward(node, kind_);                                                                        \
    }                                                                                                              \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_,                                                                            \
                           .inputs = one_input,                                                                    \
                           .saves = saves_,                                                                        \
                           .recompute = true,                                                                      \
                           .forward = name_##_forward,                                                             \
                           .backward = name_##_backward,                                                           \
                           __VA_ARGS__}

static UnaryKind gelu_kind(const Node *node)
{
    return ((const GeluAttrs *)node->attrs)->approximate ? UNARY_GELU_TANH : UNARY_GELU;
}

static const OpInput one_input[] = {{"x", "any shape"}, {0}};
static const Option scale_options[] = {
    OPTION_NUMBER_FIELD(ScaleAttrs, factor, 1, -1e30, 1e30, "what each element is multiplied by"), {0}};
static const Option pow_options[] = {OPTION_NUMBER_FIELD(PowAttrs, exponent, 2, -1e6, 1e6, "to which power"), {0}};
static const Option clamp_options[] = {
    OPTION_NUMBER_FIELD(ClampAttrs, min, -HUGE_VAL, -HUGE_VAL, HUGE_VAL, "lowest value; -inf: none"),
    OPTION_NUMBER_FIELD(ClampAttrs, max, HUGE_VAL, -HUGE_VAL, HUGE_VAL, "highest value, which wins over min"),
    {0}};
static const Option gelu_options[] = {
    OPTION_CHOICE_FIELD(GeluAttrs, approximate, "none", "none tanh",
                        "tanh: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, as in GPT-2"),
    {0}};
static const OpCase any[] = {{"f32[3,5]", ""}, {"f32[1]", ""}, {"f32[2,1,7]", ""}, {0}};
static const OpCase kinked[] = {{"f32[3,5]~0.1", ""}, {"f32[1]~0.1", ""}, {"f32[2,1,7]~0.1", ""}, {0}};
static const OpCase positive[] = {{"f32[3,5]+", ""}, {"f32[1]+", ""}, {"f32[2,1,7]+", ""}, {0}};
static const OpCase gelu_cases[] = {
    {"f32[3,5]", ""}, {"f32[1]", ""}, {"f32[2,1,7]", "approximate=tanh"}, {"f32[1]", "approximate=tanh"}, {0}};
static const OpCase clamp_cases[] = {/* kept away from the bounds */
                                     {"f32[3,5]~0.1", "min=0 max=9"},
                                     {"f32[1]~0.1", "max=0"},
                                     {"f32[2,1,7]~1", "min=-0.5 max=0.5"},
                                     {"f32[]~0.1", ""},
                                     {0}};
static const OpCase power_cases[] = {
    {"f32[3,5]+", "exponent=2"}, {"f32[4]+", "exponent=-0.5"}, {"f32[]+", "exponent=3"}, {0}};

UNARY(tanh, UNARY_TANH, "Hyperbolic tangent.", "output", .cases = any);
UNARY(relu, UNARY_RELU, "max(x, 0).", "x", .cases = kinked);
UNARY(exp, UNARY_EXP, "e to the power x.", "output", .cases = any);
UNARY(log, UNARY_LOG, "Natural logarithm.", "x", .cases = positive);
UNARY(sqrt, UNARY_SQRT, "Square root.", "output", .cases = positive);
UNARY(rsqrt, UNARY_RSQRT, "1 / sqrt(x).", "output", .cases = positive);
UNARY(square, UNARY_SQUARE, "x times x.", "x", .cases = any);
UNARY(abs, UNARY_ABS, "Absolute value.", "x", .cases = kinked);
UNARY(sigmoid, UNARY_SIGMOID, "1 / (1 + e^-x).", "output", .cases = any);
UNARY(pow, UNARY_POW, "x to a power.", "x", .attrs = pow_options, .attrs_size = sizeof(PowAttrs),
      .cases = power_cases);
UNARY(clamp, UNARY_CLAMP, "min(max(x, min), max); no gradient passes where x is outside.", "x",
      .attrs = clamp_options, .attrs_size = sizeof(ClampAttrs), .cases = clamp_cases);
UNARY(gelu, gelu_kind(node), "x times the normal distribution function of x.", "x", .attrs = gelu_options,
      .attrs_size = sizeof(GeluAttrs), .cases = gelu_cases, .source = "Hendrycks, Gimpel 2016, GELU");
UNARY(scale, UNARY_SCALE, "x times a number.", "nothing", .attrs = scale_options, .attrs_size = sizeof(ScaleAttrs),
      .cases = (const OpCase[]){{"f32[3,5]", "factor=-2.5"}, {"f32[1]", "factor=0"}, {"f32[]", "factor=3"}, {0}});

static Status neg_forward(Node *node)
{
    Tensor *x, *y;
    TRY(node_contiguous(node, 0, &x));
    TRY(node_output(node, DTYPE_F32, x->ndim, x->shape, &y));
    kernel_unary(UNARY_SCALE, tensor_count(x), -1, 0, TENSOR_F32(x), TENSOR_F32(y));
    return STATUS_OK;
}

static Status neg_backward(Node *node)
{
    Tensor *dy, *grad;
    bool accumulate;
    TRY(node_dense_gradient(node, &dy));
    TRY(node_grad(node, 0, &grad, &accumulate));
    kernel_unary(UNARY_SCALE, tensor_count(dy), -1, 0, TENSOR_F32(dy), TENSOR_F32(grad));
    return STATUS_OK;
}

const Op op_neg = {.name = "neg",
                   .doc = "-x.",
                   .inputs = one_input,
                   .saves = "nothing",
                   .recompute = true,
                   .forward = neg_forward,
                   .backward = neg_backward,
                   .cases = any};

/* --- two tensors --- */

static Status binary_forward(Node *node, BinaryKind kind)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *a, *b, *y;
    TRY(node_broadcast(node, &ndim, shape));
    TRY(node_expanded(node, 0, ndim, shape, &a));
    TRY(node_expanded(node, 1, ndim, shape, &b));
    TRY(node_output(node, DTYPE_F32, ndim, shape, &y));
    kernel_binary(kind, tensor_count(y), TENSOR_F32(a), TENSOR_F32(b), TENSOR_F32(y));
    if (kind == BINARY_ADD || kind == BINARY_SUB) return STATUS_OK;
    TRY(node_save(node, a));
    return node_save(node, b);
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

#define BINARY(name_, kind_, doc_, saves_, cases_)                                                                 \
    static Status name_##_forward(Node *node)                                                                      \
    {                                                                                                              \
        return binary_forward(node, kind_);                                                                        \
    }                                                                                                              \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_,                                                                            \
                           .inputs = two_inputs,                                                                   \
                           .saves = saves_,                                                                        \
                           .recompute = true,                                                                      \
                           .forward = name_##_forward,                                                             \
                           .backward = name_##_backward,                                                           \
                           .cases = cases_}

static const OpInput two_inputs[] = {{"a", "any shape"}, {"b", "a shape that broadcasts with it"}, {0}};
static const OpCase two_cases[] = {
    {"f32[3,5] f32[3,5]", ""}, {"f32[2,1,4] f32[3,1]", ""}, {"f32[] f32[1]", ""}, {"f32[5] f32[4,5]", ""}, {0}};
static const OpCase divide_cases[] = {{"f32[3,5] f32[3,5]+", ""}, {"f32[2,1,4] f32[3,1]+", ""}, {0}};
static const OpCase order_cases[] = {/* few elements, so that no two are nearly equal */
                                     {"f32[5] f32[5]", ""},
                                     {"f32[1,2] f32[2,1]", ""},
                                     {"f32[] f32[1]", ""},
                                     {0}};

BINARY(add, BINARY_ADD, "a + b with broadcasting.", "nothing", two_cases);
BINARY(sub, BINARY_SUB, "a - b with broadcasting.", "nothing", two_cases);
BINARY(mul, BINARY_MUL, "a b, element by element, with broadcasting.", "a, b", two_cases);
BINARY(div, BINARY_DIV, "a / b, element by element, with broadcasting.", "a, b", divide_cases);
BINARY(maximum, BINARY_MAXIMUM, "The larger of a and b, element by element; equal ones share the gradient.", "a, b",
       order_cases);
BINARY(minimum, BINARY_MINIMUM, "The smaller of a and b, element by element; equal ones share the gradient.",
       "a, b", order_cases);
