/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gated linear units. */
#include "engine/kernels/gated.h"
#include "engine/ops/op.h"

#include <math.h>
#include <string.h>

static Status make_output(Node *node, DType dtype, Tensor **out)
{
    const Tensor *x = node->inputs[0];
    int64_t shape[TENSOR_MAX_DIMS];
    int last = x->ndim - 1;
    if (last < 0 || x->shape[last] < 2 || x->shape[last] % 2)
        return node_refuse(node, 0, "its last dimension must have two halves, what is activated and its gate");
    memcpy(shape, x->shape, sizeof shape);
    shape[last] /= 2;
    return node_output(node, dtype, x->ndim, shape, out);
}

static Status forward(Node *node)
{
    Tensor *x, *y;
    TRY(node_contiguous(node, 0, &x));
    TRY(make_output(node, DTYPE_F32, &y));
    int64_t n = y->shape[y->ndim - 1];
    TRY(node_save(node, x));
    kernel_geglu(tensor_count(y) / n, n, TENSOR_F32(x), TENSOR_F32(y));
    return STATUS_OK;
}

static Status backward(Node *node)
{
    const Tensor *x = node->saved[0];
    Tensor *dy, *dx;
    int64_t n = x->shape[x->ndim - 1] / 2;
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, x->ndim, x->shape, &dx));
    kernel_geglu_backward(tensor_count(dy) / n, n, TENSOR_F32(x), TENSOR_F32(dy), TENSOR_F32(dx));
    return node_grad_is(node, 0, dx);
}

static Status plain_form(Node *node)
{
    const Tensor *x = node->inputs[0];
    Tensor *y;
    TRY(make_output(node, DTYPE_F64, &y));
    int64_t n = y->shape[y->ndim - 1];
    for (int64_t i = 0; i < tensor_count(y); i++) {
        const double *row = TENSOR_F64(x) + i / n * 2 * n + i % n;
        TENSOR_F64(y)[i] = row[0] / 2 * (1 + erf(row[0] / sqrt(2))) * row[n];
    }
    return STATUS_OK;
}

const Op op_geglu = {
    .name = "geglu",
    .doc = "The GELU of the first half of the last dimension times the second half, its gate.",
    .source = "Shazeer 2020, GLU variants improve Transformer",
    .inputs = (const OpInput[]){{"x", "f32[...,2n]"}, {0}},
    .recompute = true,
    .saves = "x",
    .forward = forward,
    .backward = backward,
    .reference = plain_form,
    .cases = (const OpCase[]){{"f32[3,10]", ""}, {"f32[2]", ""}, {"f32[2,70,6]", ""}, {0}},
};
