/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Elementary functions of each element, and softmax. Plain loops: these serve the prompt and users' own objectives;
 * what models need often is fused elsewhere. */
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <math.h>

/* y = f(x) and dx = dy f'(x), given x, y and the op's number. */
typedef struct Function {
    float (*value)(float x, float number);
    float (*slope)(float x, float y, float number);
} Function;

static float number_of(const Node *node)
{
    return node->attrs ? (float)((const PowAttrs *)node->attrs)->exponent : 0;
}

static Status apply(Node *node, const Function *f)
{
    Tensor *x, *y;
    TRY(node_contiguous(node, 0, &x));
    Status status = node_output(node, DTYPE_F32, x->ndim, x->shape, &y);
    float number = number_of(node);
    for (int64_t i = 0, n = tensor_count(x); status == STATUS_OK && i < n; i++)
        TENSOR_F32(y)[i] = f->value(TENSOR_F32(x)[i], number);
    if (status == STATUS_OK) status = node_save(node, x);
    if (status == STATUS_OK) status = node_save(node, y);
    return status;
}

static Status apply_backward(Node *node, const Function *f)
{
    Tensor *dy, *grad;
    bool accumulate;
    TRY(tensor_clone(node->arena, node->grad_outputs[0], &dy));
    Status status = node_grad(node, 0, &grad, &accumulate);
    const float *x = TENSOR_F32(node->saved[0]), *y = TENSOR_F32(node->saved[1]), *d = TENSOR_F32(dy);
    float number = number_of(node);
    for (int64_t i = 0, n = tensor_count(dy); status == STATUS_OK && i < n; i++)
        TENSOR_F32(grad)[i] = d[i] * f->slope(x[i], y[i], number);
    tensor_unref(dy);
    return status;
}

#define FUNCTION(name_, value_, slope_, doc_, ...)                                                                 \
    static float name_##_value(float x, float number)                                                              \
    {                                                                                                              \
        (void)number;                                                                                              \
        return value_;                                                                                             \
    }                                                                                                              \
    static float name_##_slope(float x, float y, float number)                                                     \
    {                                                                                                              \
        (void)x;                                                                                                   \
        (void)y;                                                                                                   \
        (void)number;                                                                                              \
        return slope_;                                                                                             \
    }                                                                                                              \
    static Status name_##_forward(Node *node)                                                                      \
    {                                                                                                              \
        return apply(node, &(Function){name_##_value, name_##_slope});                                             \
    }                                                                                                              \
    static Status name_##_backward(Node *node)                                                                     \
    {                                                                                                              \
        return apply_backward(node, &(Function){name_##_value, name_##_slope});                                    \
    }                                                                                                              \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_,                                                                            \
                           .inputs = inputs,                                                                       \
                           .saves = "x, output",                                                                   \
                           .recompute = true,                                                                      \
                           .forward = name_##_forward,                                                             \
                           .backward = name_##_backward,                                                           \
                           __VA_ARGS__}

static const OpInput inputs[] = {{"x", "any shape"}, {0}};
static const OpCase any[] = {{"f32[3,5]", ""}, {"f32[1]", ""}, {"f32[2,1,7]", ""}, {0}};
static const OpCase positive[] = {{"f32[3,5]+", ""}, {"f32[1]+", ""}, {0}};
static const OpCase kinked[] = {{"f32[3,5]~0.1", ""}, {"f32[1]~0.1", ""}, {0}};
static const OpCase powers[] = {
    {"f32[3,5]+", "exponent=2"}, {"f32[4]+", "exponent=-0.5"}, {"f32[]+", "exponent=3"}, {0}};
static const Option pow_attrs[] = {OPTION_NUMBER_FIELD(PowAttrs, exponent, 2, -1e6, 1e6, "to which power"), {0}};

FUNCTION(neg, -x, -1, "-x.", .cases = any);
FUNCTION(exp, expf(x), y, "e to the power x.", .cases = any);
FUNCTION(log, logf(x), 1 / x, "Natural logarithm.", .cases = positive);
FUNCTION(sqrt, sqrtf(x), 0.5f / y, "Square root.", .cases = positive);
FUNCTION(abs, fabsf(x), (float)((x > 0) - (x < 0)), "Absolute value.", .cases = kinked);
FUNCTION(sigmoid, 1 / (1 + expf(-x)), y *(1 - y), "1 / (1 + e^-x).", .cases = any);
FUNCTION(pow, powf(x, number), number *powf(x, number - 1), "x to a power.", .attrs = pow_attrs,
         .attrs_size = sizeof(PowAttrs), .cases = powers);

/* --- softmax over the last dimension --- */

static void softmax_row(const float *x, float *y, int64_t count, bool logarithm)
{
    float high = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) high = x[i] > high ? x[i] : high;
    for (int64_t i = 0; i < count; i++) sum += (double)expf(x[i] - high);
    float shift = high + (float)log(sum);
    for (int64_t i = 0; i < count; i++) y[i] = logarithm ? x[i] - shift : expf(x[i] - shift);
}

static Status softmax_apply(Node *node, bool logarithm)
{
    Tensor *x, *y;
    if (node->inputs[0]->ndim == 0) return node_refuse(node, 0, "it must have at least 1 dimension");
    TRY(node_contiguous(node, 0, &x));
    Status status = node_output(node, DTYPE_F32, x->ndim, x->shape, &y);
    int64_t width = x->shape[x->ndim - 1];
    for (int64_t at = 0, n = tensor_count(x); status == STATUS_OK && at < n; at += width)
        softmax_row(TENSOR_F32(x) + at, TENSOR_F32(y) + at, width, logarithm);
    return status == STATUS_OK ? node_save(node, y) : status;
}

/* softmax: dx = y (dy - sum(dy y)); its logarithm: dx = dy - e^y sum(dy) */
static Status softmax_gradient(Node *node, bool logarithm)
{
    Tensor *dy, *grad;
    bool accumulate;
    TRY(tensor_clone(node->arena, node->grad_outputs[0], &dy));
    Status status = node_grad(node, 0, &grad, &accumulate);
    int64_t width = dy->shape[dy->ndim - 1];
    for (int64_t at = 0, n = tensor_count(dy); status == STATUS_OK && at < n; at += width) {
        const float *y = TENSOR_F32(node->saved[0]) + at, *d = TENSOR_F32(dy) + at;
        double sum = 0;
        for (int64_t i = 0; i < width; i++) sum += (double)d[i] * (logarithm ? 1 : (double)y[i]);
        for (int64_t i = 0; i < width; i++)
            TENSOR_F32(grad)[at + i] = logarithm ? d[i] - expf(y[i]) * (float)sum : y[i] * (d[i] - (float)sum);
    }
    tensor_unref(dy);
    return status;
}

static Status softmax_forward(Node *node)
{
    return softmax_apply(node, false);
}

static Status softmax_backward(Node *node)
{
    return softmax_gradient(node, false);
}

static Status log_softmax_forward(Node *node)
{
    return softmax_apply(node, true);
}

static Status log_softmax_backward(Node *node)
{
    return softmax_gradient(node, true);
}

const Op op_softmax = {.name = "softmax",
                       .doc = "Softmax over the last dimension.",
                       .inputs = inputs,
                       .saves = "output",
                       .forward = softmax_forward,
                       .backward = softmax_backward,
                       .cases = any};
const Op op_log_softmax = {.name = "log_softmax",
                           .doc = "Logarithm of the softmax over the last dimension.",
                           .inputs = inputs,
                           .saves = "output",
                           .forward = log_softmax_forward,
                           .backward = log_softmax_backward,
                           .cases = any};
