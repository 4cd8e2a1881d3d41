/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums and means over all elements, in double precision and in order. */
#include "engine/ops/op.h"

static Status forward(Node *node, bool mean)
{
    Tensor *x, *y;
    TRY(node_contiguous(node, 0, &x));
    int64_t count = tensor_count(x);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)TENSOR_F32(x)[i];
    tensor_unref(x);
    TRY(node_output(node, DTYPE_F32, 0, NULL, &y));
    TENSOR_F32(y)[0] = (float)(mean && count ? sum / (double)count : sum);
    return STATUS_OK;
}

static Status backward(Node *node, bool mean)
{
    Tensor *grad;
    bool accumulate;
    TRY(node_grad(node, 0, &grad, &accumulate));
    double share = mean ? 1 / (double)tensor_count(grad) : 1;
    tensor_fill(grad, tensor_get(node->grad_outputs[0], 0) * share);
    return STATUS_OK;
}

static Status sum_forward(Node *node)
{
    return forward(node, false);
}

static Status sum_backward(Node *node)
{
    return backward(node, false);
}

static Status mean_forward(Node *node)
{
    return forward(node, true);
}

static Status mean_backward(Node *node)
{
    return backward(node, true);
}

static const OpInput inputs[] = {{"x", "any shape"}, {0}};
static const OpCase cases[] = {{"f32[3,5]", ""}, {"f32[1]", ""}, {"f32[2,1,7]", ""}, {0}};

const Op op_sum = {.name = "sum",
                   .doc = "Sum of all elements.",
                   .inputs = inputs,
                   .saves = "nothing",
                   .forward = sum_forward,
                   .backward = sum_backward,
                   .cases = cases};
const Op op_mean = {.name = "mean",
                    .doc = "Mean of all elements.",
                    .inputs = inputs,
                    .saves = "nothing",
                    .forward = mean_forward,
                    .backward = mean_backward,
                    .cases = cases};
