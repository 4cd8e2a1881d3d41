/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Affine maps, alone and followed by the GELU. x f32[...,k], weight f32[n,k], bias f32[n] -> f32[...,n]. */
#include "engine/kernels/gemm.h"
#include "engine/kernels/rows.h"
#include "engine/ops/op.h"

#include <math.h>

/* Sizes of a call: rows of x, width in and out. */
typedef struct Sizes {
    int64_t rows, in, out;
} Sizes;

static Status sizes_of(const Node *node, Sizes *out)
{
    const Tensor *x = node->inputs[0], *weight = node->inputs[1], *bias = node->inputs[2];
    char text[TENSOR_TEXT_SIZE];
    TRY(node_expect_ndim(node, 1, 2));
    if (x->ndim < 1) return node_refuse(node, 0, "it must have at least 1 dimension");
    int64_t in = x->shape[x->ndim - 1];
    if (weight->shape[1] != in)
        return node_refuse(node, 0, "weight is %s: inner sizes %lld and %lld differ", tensor_describe(weight, text),
                           (long long)in, (long long)weight->shape[1]);
    if (bias && (bias->ndim != 1 || bias->shape[0] != weight->shape[0]))
        return node_refuse(node, 2, "weight is %s: it must have %lld elements", tensor_describe(weight, text),
                           (long long)weight->shape[0]);
    *out = (Sizes){in ? tensor_count(x) / in : 0, in, weight->shape[0]};
    return STATUS_OK;
}

typedef struct BiasContext {
    const float *bias;
    float *pre, *y;
    int64_t width;
} BiasContext;

static void add_bias(void *context, int64_t row, int64_t rows, int64_t column, int64_t columns)
{
    const BiasContext *c = context;
    int64_t at = row * c->width + column;
    kernel_bias(rows, columns, c->width, c->bias ? c->bias + column : NULL, c->pre ? c->pre + at : NULL, c->y + at);
}

static Status forward(Node *node, bool gelu)
{
    Sizes s;
    Tensor *x, *weight, *bias = NULL, *y, *pre = NULL;
    int64_t shape[TENSOR_MAX_DIMS];
    TRY(sizes_of(node, &s));
    TRY(node_operand(node, 0, &x));
    TRY(node_operand(node, 1, &weight));
    if (node->inputs[2]) TRY(node_contiguous(node, 2, &bias));
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i];
    shape[x->ndim - 1] = s.out;
    TRY(node_output(node, DTYPE_F32, x->ndim, shape, &y));
    TRY(node_save(node, x));
    TRY(node_save(node, weight));
    if (gelu) TRY(node_save_new(node, x->ndim, shape, &pre));
    BiasContext context = {bias ? TENSOR_F32(bias) : NULL, pre ? TENSOR_F32(pre) : NULL, TENSOR_F32(y), s.out};
    GemmEpilogue epilogue = {add_bias, &context};
    return kernel_gemm(x->dtype, false, true, s.rows, s.out, s.in, tensor_data(x), s.in, tensor_data(weight), s.in,
                       false, TENSOR_F32(y), s.out, bias || gelu ? &epilogue : NULL);
}

static Status linear_forward(Node *node)
{
    return forward(node, false);
}

static Status linear_gelu_forward(Node *node)
{
    return forward(node, true);
}

/* dx = dy weight, dweight = dy' x */
static Status product_gradients(Node *node, const Sizes *s, const Tensor *dy)
{
    const Tensor *x = node->saved[0], *weight = node->saved[1];
    Tensor *grad;
    bool accumulate;
    if (node->needs_grad[0]) {
        TRY(node_grad(node, 0, &grad, &accumulate));
        TRY(kernel_gemm(dy->dtype, false, false, s->rows, s->in, s->out, tensor_data(dy), s->out,
                        tensor_data(weight), s->in, accumulate, TENSOR_F32(grad), s->in, NULL));
    }
    if (!node->needs_grad[1]) return STATUS_OK;
    TRY(node_grad(node, 1, &grad, &accumulate));
    return kernel_gemm(dy->dtype, true, false, s->out, s->in, s->rows, tensor_data(dy), s->out, tensor_data(x),
                       s->in, accumulate, TENSOR_F32(grad), s->in, NULL);
}

/* From dy f32[rows,out], contiguous. */
static Status backward(Node *node, const Sizes *s, Tensor *dy)
{
    Tensor *operand, *grad, *scratch;
    bool accumulate;
    if (node->needs_grad[0] || node->needs_grad[1]) {
        TRY(node_operand_of(node, dy, &operand));
        TRY(product_gradients(node, s, operand));
    }
    if (!node->inputs[2] || !node->needs_grad[2]) return STATUS_OK;
    TRY(node_grad(node, 2, &grad, &accumulate));
    TRY(node_scratch(node, DTYPE_F32, 2, (int64_t[]){kernel_partial_rows(s->rows), s->out}, &scratch));
    kernel_column_sum(s->rows, s->out, TENSOR_F32(dy), accumulate, TENSOR_F32(grad), TENSOR_F32(scratch));
    return STATUS_OK;
}

static Status linear_backward(Node *node)
{
    Sizes s;
    Tensor *dy;
    TRY(sizes_of(node, &s));
    TRY(node_dense_gradient(node, &dy));
    return backward(node, &s, dy);
}

static Status linear_gelu_backward(Node *node)
{
    Sizes s;
    Tensor *dy, *dpre;
    TRY(sizes_of(node, &s));
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, 2, (int64_t[]){s.rows, s.out}, &dpre));
    kernel_gelu_backward(s.rows * s.out, TENSOR_F32(node->saved[2]), TENSOR_F32(dy), TENSOR_F32(dpre));
    return backward(node, &s, dpre);
}

static Status plain_form(Node *node, bool gelu)
{
    Sizes s;
    Tensor *y;
    int64_t shape[TENSOR_MAX_DIMS];
    const Tensor *x = node->inputs[0], *bias = node->inputs[2];
    TRY(sizes_of(node, &s));
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i];
    shape[x->ndim - 1] = s.out;
    TRY(node_output(node, DTYPE_F64, x->ndim, shape, &y));
    for (int64_t at = 0; at < s.rows * s.out; at++) {
        const double *row = TENSOR_F64(x) + at / s.out * s.in;
        const double *weight = TENSOR_F64(node->inputs[1]) + at % s.out * s.in;
        double sum = bias ? TENSOR_F64(bias)[at % s.out] : 0;
        for (int64_t k = 0; k < s.in; k++) sum += row[k] * weight[k];
        TENSOR_F64(y)[at] = gelu ? 0.5 * sum * (1 + erf(sum / sqrt(2))) : sum;
    }
    return STATUS_OK;
}

static Status linear_reference(Node *node)
{
    return plain_form(node, false);
}

static Status linear_gelu_reference(Node *node)
{
    return plain_form(node, true);
}

static double flops(const Node *node)
{
    return 2 * (double)tensor_count(node->inputs[0]) * (double)node->inputs[1]->shape[0];
}

static const OpInput inputs[] = {
    {"x", "f32[...,k]"}, {"weight", "f32[n,k]", .half = true}, {"bias", "f32[n]", .optional = true}, {0}};

const Op op_linear = {
    .name = "linear",
    .doc = "x weight' + bias over the last dimension.",
    .inputs = inputs,
    .accumulates = true,
    .saves = "x, weight",
    .forward = linear_forward,
    .backward = linear_backward,
    .reference = linear_reference,
    .flops = flops,
    .cases = (const OpCase[]){{"f32[3,5] f32[7,5] f32[7]", ""},
                              {"f32[2,3,4] f32[1,4] f32[1]", ""},
                              {"f32[1] f32[2,1] -", ""},
                              {"f32[130,33] f32[67,33] f32[67]", ""},
                              {0}},
};

const Op op_linear_gelu = {
    .name = "linear_gelu",
    .doc = "gelu(x weight' + bias), the exact GELU.",
    .source = "Hendrycks, Gimpel 2016, GELU",
    .inputs = inputs,
    .accumulates = true,
    .saves = "x, weight, x weight' + bias",
    .forward = linear_gelu_forward,
    .backward = linear_gelu_backward,
    .reference = linear_gelu_reference,
    .flops = flops,
    .cases =
        (const OpCase[]){
            {"f32[3,5] f32[7,5] f32[7]", ""}, {"f32[2,1,4] f32[1,4] f32[1]", ""}, {"f32[3,5] f32[7,5] -", ""}, {0}},
};
