/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops on each element alone: functions of one tensor, and sums and products with broadcasting. */
#include "engine/kernels/elementwise.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <string.h>

static float factor_of(const Node *node)
{
    return node->attrs ? (float)((const ScaleAttrs *)node->attrs)->factor : 1;
}

static Status unary_forward(Node *node, UnaryKind kind)
{
    Tensor *x, *y;
    TRY(node_contiguous(node, 0, &x));
    TRY(node_output(node, DTYPE_F32, x->ndim, x->shape, &y));
    kernel_unary(kind, tensor_count(x), factor_of(node), TENSOR_F32(x), TENSOR_F32(y));
    Status status = STATUS_OK;
    if (kind != UNARY_SCALE) status = node_save(node, kind == UNARY_TANH ? y : x);
    return status;
}

static Status unary_backward(Node *node, UnaryKind kind)
{
    Tensor *dy, *grad;
    bool accumulate;
    TRY(node_dense_gradient(node, &dy));
    TRY(node_grad(node, 0, &grad, &accumulate));
    kernel_unary_backward(kind, tensor_count(dy), factor_of(node),
                          kind == UNARY_SCALE ? TENSOR_F32(dy) : TENSOR_F32(node->saved[0]), TENSOR_F32(dy),
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

static const OpInput one_input[] = {{"x", "any shape"}, {0}};
static const Option scale_options[] = {
    OPTION_NUMBER_FIELD(ScaleAttrs, factor, 1, -1e30, 1e30, "what each element is multiplied by"), {0}};
static const OpCase cases[] = {{"f32[3,5]~0.1", ""}, {"f32[1]~0.1", ""}, {"f32[2,1,7]~0.1", ""}, {0}};

UNARY(tanh, UNARY_TANH, "Hyperbolic tangent.", "output", .cases = cases);
UNARY(relu, UNARY_RELU, "max(x, 0).", "x", .cases = cases);
UNARY(gelu, UNARY_GELU, "x times the normal distribution function of x (exact).", "x", .cases = cases,
      .source = "Hendrycks, Gimpel 2016, GELU");
UNARY(scale, UNARY_SCALE, "x times a number.", "nothing", .attrs = scale_options, .attrs_size = sizeof(ScaleAttrs),
      .cases = (const OpCase[]){{"f32[3,5]", "factor=-2.5"}, {"f32[1]", "factor=0"}, {"f32[]", "factor=3"}, {0}});

/* --- two tensors --- */

/* The input expanded to the shape and made contiguous. */
static Status expanded(Node *node, int i, int ndim, const int64_t *shape, Tensor **out)
{
    Tensor *view;
    TRY(tensor_expand(node->arena, node->inputs[i], ndim, shape, &view));
    TRY(node_keep(node, view));
    *out = view;
    if (tensor_contiguous(view)) return STATUS_OK;
    TRY(tensor_clone(node->arena, view, out));
    return node_keep(node, *out);
}

static Status binary_forward(Node *node, BinaryKind kind)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *a, *b, *y;
    TRY(tensor_broadcast_shape(node->op->name, node->inputs[0], node->inputs[1], &ndim, shape));
    TRY(expanded(node, 0, ndim, shape, &a));
    TRY(expanded(node, 1, ndim, shape, &b));
    TRY(node_output(node, DTYPE_F32, ndim, shape, &y));
    kernel_binary(kind, tensor_count(y), TENSOR_F32(a), TENSOR_F32(b), TENSOR_F32(y));
    Status status = STATUS_OK;
    if (kind == BINARY_MUL || kind == BINARY_DIV) {
        status = node_save(node, a);
        if (status == STATUS_OK) status = node_save(node, b);
    }
    return status;
}

/* The gradient of inputs[i]: full summed over the dimensions in which it was broadcast. */
static Status reduce_to(Node *node, int i, Tensor *full)
{
    const Tensor *input = node->inputs[i];
    Tensor *grad, *spread;
    bool accumulate;
    if (tensor_same_shape(input, full)) return node_grad_is(node, i, full);
    TRY(node_grad(node, i, &grad, &accumulate));
    tensor_fill(grad, 0);
    TRY(tensor_expand(node->arena, grad, full->ndim, full->shape, &spread));
    TRY(node_keep(node, spread));
    for (int64_t at = 0; at < tensor_count(full); at++)
        tensor_set(spread, at, tensor_get(spread, at) + tensor_get(full, at));
    return STATUS_OK;
}

static Status give(Node *node, int i, BinaryKind kind, const Tensor *dy, const Tensor *other, float factor)
{
    Tensor *full;
    if (!node->needs_grad[i]) return STATUS_OK;
    TRY(node_scratch(node, DTYPE_F32, dy->ndim, dy->shape, &full));
    if (other)
        kernel_binary(kind, tensor_count(dy), TENSOR_F32(dy), TENSOR_F32(other), TENSOR_F32(full));
    else
        kernel_unary(UNARY_SCALE, tensor_count(dy), factor, TENSOR_F32(dy), TENSOR_F32(full));
    Status status = reduce_to(node, i, full);
    return status;
}

static Status add_forward(Node *node)
{
    return binary_forward(node, BINARY_ADD);
}

static Status add_backward(Node *node)
{
    for (int i = 0; i < 2; i++)
        if (node->needs_grad[i]) TRY(reduce_to(node, i, node->grad_outputs[0]));
    return STATUS_OK;
}

static Status sub_forward(Node *node)
{
    return binary_forward(node, BINARY_SUB);
}

static Status sub_backward(Node *node)
{
    Tensor *dy;
    TRY(node_dense_gradient(node, &dy));
    Status status = node->needs_grad[0] ? reduce_to(node, 0, dy) : STATUS_OK;
    if (status == STATUS_OK) status = give(node, 1, BINARY_ADD, dy, NULL, -1);
    return status;
}

static Status mul_forward(Node *node)
{
    return binary_forward(node, BINARY_MUL);
}

static Status mul_backward(Node *node)
{
    Tensor *dy;
    TRY(node_dense_gradient(node, &dy));
    Status status = give(node, 0, BINARY_MUL, dy, node->saved[1], 1);
    if (status == STATUS_OK) status = give(node, 1, BINARY_MUL, dy, node->saved[0], 1);
    return status;
}

static Status div_forward(Node *node)
{
    return binary_forward(node, BINARY_DIV);
}

/* da = dy / b, db = -dy a / b^2 */
static Status div_backward(Node *node)
{
    Tensor *dy, *ratio;
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, dy->ndim, dy->shape, &ratio));
    Status status = give(node, 0, BINARY_DIV, dy, node->saved[1], 1);
    float *r = TENSOR_F32(ratio);
    kernel_binary(BINARY_DIV, tensor_count(dy), TENSOR_F32(node->saved[0]), TENSOR_F32(node->saved[1]), r);
    kernel_binary(BINARY_DIV, tensor_count(dy), r, TENSOR_F32(node->saved[1]), r);
    kernel_unary(UNARY_SCALE, tensor_count(dy), -1, r, r);
    if (status == STATUS_OK) status = give(node, 1, BINARY_MUL, dy, ratio, 1);
    return status;
}

static const OpInput two_inputs[] = {{"a", "any shape"}, {"b", "a shape that broadcasts with it"}, {0}};
static const OpCase two_cases[] = {
    {"f32[3,5] f32[3,5]", ""}, {"f32[2,1,4] f32[3,1]", ""}, {"f32[] f32[1]", ""}, {"f32[5] f32[4,5]", ""}, {0}};
static const OpCase divide_cases[] = {{"f32[3,5] f32[3,5]+", ""}, {"f32[2,1,4] f32[3,1]+", ""}, {0}};

const Op op_add = {.name = "add",
                   .doc = "a + b with broadcasting.",
                   .inputs = two_inputs,
                   .saves = "nothing",
                   .recompute = true,
                   .forward = add_forward,
                   .backward = add_backward,
                   .cases = two_cases};
const Op op_sub = {.name = "sub",
                   .doc = "a - b with broadcasting.",
                   .inputs = two_inputs,
                   .saves = "nothing",
                   .recompute = true,
                   .forward = sub_forward,
                   .backward = sub_backward,
                   .cases = two_cases};
const Op op_mul = {.name = "mul",
                   .doc = "a b, element by element, with broadcasting.",
                   .inputs = two_inputs,
                   .saves = "a, b",
                   .recompute = true,
                   .forward = mul_forward,
                   .backward = mul_backward,
                   .cases = two_cases};
const Op op_div = {.name = "div",
                   .doc = "a / b, element by element, with broadcasting.",
                   .inputs = two_inputs,
                   .saves = "a, b",
                   .recompute = true,
                   .forward = div_forward,
                   .backward = div_backward,
                   .cases = divide_cases};
