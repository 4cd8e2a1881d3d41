/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gated linear units. */
#include "engine/kernels/gated.h"
#include "engine/ops/op.h"

#include <string.h>

static Status forward(Node *node)
{
    Tensor *x, *y;
    int64_t shape[TENSOR_MAX_DIMS];
    int last = node->inputs[0]->ndim - 1;
    if (last < 0 || node->inputs[0]->shape[last] < 2 || node->inputs[0]->shape[last] % 2)
        return node_refuse(node, 0, "its last dimension must have two halves, what is activated and its gate");
    TRY(node_contiguous(node, 0, &x));
    memcpy(shape, x->shape, sizeof shape);
    shape[last] /= 2;
    TRY(node_output(node, DTYPE_F32, x->ndim, shape, &y));
    TRY(node_save(node, x));
    kernel_geglu(tensor_count(y) / shape[last], shape[last], TENSOR_F32(x), TENSOR_F32(y));
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

const Op op_geglu = {
    .name = "geglu",
    .doc = "The GELU of the first half of the last dimension times the second half, its gate.",
    .source = "Shazeer 2020, GLU variants improve Transformer",
    .inputs = (const OpInput[]){{"x", "f32[...,2n]"}, {0}},
    .recompute = true,
    .saves = "x",
    .forward = forward,
    .backward = backward,
    .cases = (const OpCase[]){{"f32[3,10]", ""}, {"f32[2]", ""}, {"f32[2,70,6]", ""}, {0}},
};
