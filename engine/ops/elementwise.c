/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops on each element of one tensor alone. */
#include "engine/ops/attributes.h"
#include "engine/ops/integers.h"

#include <math.h>

/* The numbers that the kernel takes, from the op's attributes. */
static void numbers_of(const Node *node, UnaryKind kind, double number[2])
{
    number[0] = number[1] = 0;
    if (kind == UNARY_SCALE) number[0] = ((const ScaleAttrs *)node->attrs)->factor;
    if (kind != UNARY_CLAMP) return;
    number[0] = ((const ClampAttrs *)node->attrs)->min;
    number[1] = ((const ClampAttrs *)node->attrs)->max;
}

static Status unary_forward(Node *node, UnaryKind kind)
{
    Tensor *x, *y;
    double number[2];
    numbers_of(node, kind, number);
    if (integers_given(node, 0)) return integers_unary(node, kind, number[0], number[1]);
    TRY(node_contiguous(node, 0, &x));
    TRY(node_output(node, DTYPE_F32, x->ndim, x->shape, &y));
    kernel_unary(kind, tensor_count(x), (float)number[0], (float)number[1], TENSOR_F32(x), TENSOR_F32(y));
    if (kind == UNARY_SCALE) return STATUS_OK;
    return node_save(node, kernel_unary_from_y(kind) ? y : x);
}

static double plain_value(UnaryKind kind, double a, double b, double x)
{
    switch (kind) {
    case UNARY_SCALE: return a * x;
    case UNARY_TANH: return tanh(x);
    case UNARY_RELU: return x <= 0 ? 0 : x;
    case UNARY_GELU: return 0.5 * x * (1 + erf(x / sqrt(2)));
    case UNARY_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case UNARY_EXP: return exp(x);
    case UNARY_LOG: return log(x);
    case UNARY_SQRT: return sqrt(x);
    case UNARY_RSQRT: return 1 / sqrt(x);
    case UNARY_SQUARE: return x * x;
    case UNARY_ABS: return fabs(x);
    case UNARY_SIGMOID: return 1 / (1 + exp(-x));
    case UNARY_CLAMP: x = x < a ? a : x; return x > b ? b : x;
    default: return (double)NAN;
    }
}

static Status plain_unary(Node *node, UnaryKind kind, double a, double b)
{
    const Tensor *x = node->inputs[0];
    Tensor *y;
    TRY(node_output(node, DTYPE_F64, x->ndim, x->shape, &y));
    for (int64_t i = 0, n = tensor_count(x); i < n; i++)
        TENSOR_F64(y)[i] = plain_value(kind, a, b, TENSOR_F64(x)[i]);
    return STATUS_OK;
}

static Status unary_reference(Node *node, UnaryKind kind)
{
    double number[2];
    numbers_of(node, kind, number);
    return plain_unary(node, kind, number[0], number[1]);
}

static Status unary_backward(Node *node, UnaryKind kind)
{
    Tensor *dy, *grad;
    bool accumulate;
    double number[2];
    numbers_of(node, kind, number);
    TRY(node_dense_gradient(node, &dy));
    TRY(node_grad(node, 0, &grad, &accumulate));
    kernel_unary_backward(kind, tensor_count(dy), (float)number[0], (float)number[1],
                          node->saved_count ? TENSOR_F32(node->saved[0]) : TENSOR_F32(dy), TENSOR_F32(dy),
                          TENSOR_F32(grad));
    return STATUS_OK;
}

#define UNARY(name_, kind_, inputs_, doc_, saves_, ...)                                                            \
    static Status name_##_forward(Node *node)                                                                      \
    {                                                                                                              \
        return unary_forward(node, kind_);                                                                         \
    }                                                                                                              \
    static Status name_##_reference(Node *node)                                                                    \
    {                                                                                                              \
        return unary_reference(node, kind_);                                                                       \
    }                                                                                                              \
    static Status name_##_backward(Node *node)                                                                     \
    {                                                                                                              \
        return unary_backward(node, kind_);                                                                        \
    }                                                                                                              \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_,                                                                            \
                           .inputs = inputs_,                                                                      \
                           .saves = saves_,                                                                        \
                           .recompute = true,                                                                      \
                           .forward = name_##_forward,                                                             \
                           .backward = name_##_backward,                                                           \
                           .reference = name_##_reference,                                                         \
                           __VA_ARGS__}

static UnaryKind gelu_kind(const Node *node)
{
    return ((const GeluAttrs *)node->attrs)->approximate ? UNARY_GELU_TANH : UNARY_GELU;
}

static const OpInput reals[] = {{"x", "any shape"}, {0}};
static const OpInput numbers[] = {{"x", "any shape", .exact = true}, {0}};
static const Option scale_options[] = {
    OPTION_NUMBER_FIELD(ScaleAttrs, factor, 1, -1e30, 1e30, "what each element is multiplied by"), {0}};
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
UNARY(tanh, UNARY_TANH, reals, "Hyperbolic tangent.", "output", .cases = any);
UNARY(relu, UNARY_RELU, numbers, "max(x, 0).", "x", .cases = kinked);
UNARY(exp, UNARY_EXP, reals, "e to the power x.", "output", .cases = any);
UNARY(log, UNARY_LOG, reals, "Natural logarithm.", "x", .cases = positive);
UNARY(sqrt, UNARY_SQRT, reals, "Square root.", "output", .cases = positive);
UNARY(rsqrt, UNARY_RSQRT, reals, "1 / sqrt(x).", "output", .cases = positive);
UNARY(square, UNARY_SQUARE, numbers, "x times x.", "x", .cases = any);
UNARY(abs, UNARY_ABS, numbers, "Absolute value.", "x", .cases = kinked);
UNARY(sigmoid, UNARY_SIGMOID, reals, "1 / (1 + e^-x).", "output", .cases = any);
UNARY(clamp, UNARY_CLAMP, numbers, "min(max(x, min), max); no gradient passes where x is outside.", "x",
      .attrs = clamp_options, .attrs_size = sizeof(ClampAttrs), .cases = clamp_cases);
UNARY(gelu, gelu_kind(node), reals, "x times the normal distribution function of x.", "x", .attrs = gelu_options,
      .attrs_size = sizeof(GeluAttrs), .cases = gelu_cases, .source = "Hendrycks, Gimpel 2016, GELU");
UNARY(scale, UNARY_SCALE, reals, "x times a number.", "nothing", .attrs = scale_options,
      .attrs_size = sizeof(ScaleAttrs),
      .cases = (const OpCase[]){{"f32[3,5]", "factor=-2.5"}, {"f32[1]", "factor=0"}, {"f32[]", "factor=3"}, {0}});

static Status neg_forward(Node *node)
{
    Tensor *x, *y;
    if (integers_given(node, 0)) return integers_unary(node, UNARY_SCALE, -1, 0);
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

static Status neg_reference(Node *node)
{
    return plain_unary(node, UNARY_SCALE, -1, 0);
}

const Op op_neg = {.name = "neg",
                   .doc = "-x.",
                   .inputs = numbers,
                   .saves = "nothing",
                   .recompute = true,
                   .forward = neg_forward,
                   .backward = neg_backward,
                   .reference = neg_reference,
                   .cases = any};
