/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layer normalisation, alone and with dropout and a residual before it, and dropout alone. */
#include "engine/kernels/rows.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <math.h>

static Status check_norm(const Node *node, int weight, int bias, int64_t *width)
{
    const Tensor *x = node->inputs[0];
    if (x->ndim < 1 || x->shape[x->ndim - 1] < 1)
        return node_refuse(node, 0, "the last dimension must not be empty");
    *width = x->shape[x->ndim - 1];
    for (int i = weight; i <= bias && node->inputs[i]; i++)
        if (node->inputs[i]->ndim != 1 || node->inputs[i]->shape[0] != *width)
            return node_refuse(node, i, "it must have %lld elements, as many as the last dimension of x",
                               (long long)*width);
    return STATUS_OK;
}

/* Shared by both: residual NULL for the plain one. saved: s, mean, rstd, weight. */
static Status norm_forward(Node *node, Tensor *residual, int weight, double p, double eps)
{
    int64_t width = 1;
    Tensor *x, *other = NULL, *scale, *shift = NULL, *y, *sum = NULL, *mean, *rstd;
    TRY(check_norm(node, weight, weight + 1, &width));
    if (residual && !tensor_same_shape(residual, node->inputs[0]))
        return node_refuse(node, 1, "x has another shape");
    int64_t rows = tensor_count(node->inputs[0]) / width;
    TRY(node_contiguous(node, 0, &x));
    if (residual) TRY(node_contiguous(node, 1, &other));
    TRY(node_contiguous(node, weight, &scale));
    if (node->inputs[weight + 1]) TRY(node_contiguous(node, weight + 1, &shift));
    TRY(node_output(node, DTYPE_F32, x->ndim, x->shape, &y));
    if (residual)
        TRY(node_save_new(node, x->ndim, x->shape, &sum));
    else
        TRY(node_save(node, x));
    TRY(node_save_new(node, 1, &rows, &mean));
    TRY(node_save_new(node, 1, &rows, &rstd));
    TRY(node_save(node, scale));
    kernel_layer_norm(rows, width, eps, node->random, node->training ? p : 0, TENSOR_F32(x),
                      other ? TENSOR_F32(other) : NULL, TENSOR_F32(scale), shift ? TENSOR_F32(shift) : NULL,
                      sum ? TENSOR_F32(sum) : NULL, TENSOR_F32(mean), TENSOR_F32(rstd), TENSOR_F32(y));
    return STATUS_OK;
}

/* The gradients of weight and bias from the partial sums. */
static Status weight_gradients(Node *node, int weight, int64_t partials, int64_t width, const float *partial)
{
    for (int i = 0; i < 2; i++) {
        Tensor *grad;
        bool accumulate;
        if (!node->needs_grad[weight + i]) continue;
        TRY(node_grad(node, weight + i, &grad, &accumulate));
        kernel_combine(partials, width, partial + i * partials * width, accumulate, TENSOR_F32(grad));
    }
    return STATUS_OK;
}

static Status norm_backward(Node *node, int weight, Tensor **ds)
{
    Tensor *dy, *partial;
    const Tensor *x = node->inputs[0], *scale = node->saved[3];
    int64_t width = x->shape[x->ndim - 1], rows = tensor_count(x) / width, partials = kernel_partial_rows(rows);
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, x->ndim, x->shape, ds));
    TRY(node_scratch(node, DTYPE_F32, 3, (int64_t[]){2, partials, width}, &partial));
    kernel_layer_norm_backward(rows, width, TENSOR_F32(node->saved[0]), TENSOR_F32(node->saved[1]),
                               TENSOR_F32(node->saved[2]), TENSOR_F32(scale), TENSOR_F32(dy), TENSOR_F32(*ds),
                               TENSOR_F32(partial));
    Status status = weight_gradients(node, weight, partials, width, TENSOR_F32(partial));
    return status;
}

static Status layer_norm_forward(Node *node)
{
    const EpsAttrs *attrs = node->attrs;
    return norm_forward(node, NULL, 1, 0, attrs->eps);
}

static Status layer_norm_backward(Node *node)
{
    Tensor *ds;
    TRY(norm_backward(node, 1, &ds));
    Status status = node->needs_grad[0] ? node_grad_is(node, 0, ds) : STATUS_OK;
    return status;
}

static Status fused_forward(Node *node)
{
    const DropoutNormAttrs *attrs = node->attrs;
    return norm_forward(node, node->inputs[1], 2, attrs->p, attrs->eps);
}

static Status fused_backward(Node *node)
{
    const DropoutNormAttrs *attrs = node->attrs;
    Tensor *ds, *dx;
    TRY(norm_backward(node, 2, &ds));
    Status status = STATUS_OK;
    if (node->needs_grad[0] && node->training && attrs->p > 0) {
        TRY(node_scratch(node, DTYPE_F32, ds->ndim, ds->shape, &dx));
        kernel_dropout(tensor_count(ds), node->random, attrs->p, TENSOR_F32(ds), TENSOR_F32(dx));
        status = node_grad_is(node, 0, dx);
    } else if (node->needs_grad[0])
        status = node_grad_is(node, 0, ds);
    if (status == STATUS_OK && node->needs_grad[1]) status = node_grad_is(node, 1, ds);
    return status;
}

static Status dropout(Node *node, Tensor *x, Tensor *y)
{
    const DropoutAttrs *attrs = node->attrs;
    kernel_dropout(tensor_count(x), node->random, attrs->p, TENSOR_F32(x), TENSOR_F32(y));
    return STATUS_OK;
}

static Status dropout_forward(Node *node)
{
    const DropoutAttrs *attrs = node->attrs;
    Tensor *x, *y;
    if (!node->training || attrs->p <= 0) {
        TRY(tensor_alias(node->arena, node->inputs[0], &y));
        node_output_view(node, y);
        return STATUS_OK;
    }
    TRY(node_contiguous(node, 0, &x));
    TRY(node_output(node, DTYPE_F32, x->ndim, x->shape, &y));
    Status status = dropout(node, x, y);
    return status;
}

static Status dropout_backward(Node *node)
{
    const DropoutAttrs *attrs = node->attrs;
    Tensor *dy, *dx;
    if (!node->training || attrs->p <= 0) return node_grad_is(node, 0, node->grad_outputs[0]);
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, dy->ndim, dy->shape, &dx));
    TRY(dropout(node, dy, dx));
    Status status = node_grad_is(node, 0, dx);
    return status;
}

/* --- plain forms --- */

/* What dropout multiplies x by. */
static Status plain_mask(Node *node, double p, const Tensor *x, Tensor **out)
{
    Tensor *drawn;
    bool drops = node->training && p > 0;
    TRY(node_scratch(node, DTYPE_F32, x->ndim, x->shape, &drawn));
    TRY(node_scratch(node, DTYPE_F64, x->ndim, x->shape, out));
    tensor_fill(drawn, 1);
    if (drops) kernel_dropout(tensor_count(x), node->random, p, TENSOR_F32(drawn), TENSOR_F32(drawn));
    for (int64_t i = 0; i < tensor_count(x); i++)
        TENSOR_F64(*out)[i] = TENSOR_F32(drawn)[i] == 0 ? 0 : drops ? 1 / (1 - p) : 1;
    return STATUS_OK;
}

static void plain_norm_row(int64_t n, double eps, const double *s, const double *weight, const double *bias,
                           double *y)
{
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) mean += s[i] / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (s[i] - mean) * (s[i] - mean) / (double)n;
    for (int64_t i = 0; i < n; i++) y[i] = (s[i] - mean) / sqrt(squares + eps) * weight[i] + (bias ? bias[i] : 0);
}

static Status plain_norm(Node *node, const Tensor *residual, int weight, double p, double eps)
{
    const Tensor *x = node->inputs[0], *shift = node->inputs[weight + 1];
    int64_t width = 1;
    Tensor *y, *mask, *sum;
    TRY(check_norm(node, weight, weight + 1, &width));
    TRY(plain_mask(node, p, x, &mask));
    TRY(node_output(node, DTYPE_F64, x->ndim, x->shape, &y));
    TRY(node_scratch(node, DTYPE_F64, x->ndim, x->shape, &sum));
    for (int64_t i = 0; i < tensor_count(x); i++)
        TENSOR_F64(sum)[i] = TENSOR_F64(x)[i] * TENSOR_F64(mask)[i] + (residual ? TENSOR_F64(residual)[i] : 0);
    for (int64_t i = 0; i < tensor_count(x); i += width)
        plain_norm_row(width, eps, TENSOR_F64(sum) + i, TENSOR_F64(node->inputs[weight]),
                       shift ? TENSOR_F64(shift) : NULL, TENSOR_F64(y) + i);
    return STATUS_OK;
}

static Status layer_norm_reference(Node *node)
{
    return plain_norm(node, NULL, 1, 0, ((const EpsAttrs *)node->attrs)->eps);
}

static Status fused_reference(Node *node)
{
    const DropoutNormAttrs *attrs = node->attrs;
    return plain_norm(node, node->inputs[1], 2, attrs->p, attrs->eps);
}

static Status dropout_reference(Node *node)
{
    const Tensor *x = node->inputs[0];
    Tensor *y, *mask;
    TRY(plain_mask(node, ((const DropoutAttrs *)node->attrs)->p, x, &mask));
    TRY(node_output(node, DTYPE_F64, x->ndim, x->shape, &y));
    for (int64_t i = 0; i < tensor_count(x); i++) TENSOR_F64(y)[i] = TENSOR_F64(x)[i] * TENSOR_F64(mask)[i];
    return STATUS_OK;
}

#define P(type)                                                                                                    \
    {                                                                                                              \
        .name = "p", .doc = "share that is dropped", .kind = OPTION_NUMBER, .offset = offsetof(type, p),           \
        .number = 0.1, .max = 1, .bounded = true, .max_open = true                                                 \
    }
#define EPS(type) OPTION_NUMBER_FIELD(type, eps, 1e-12, 0, 1, "added to the variance")

const Op op_layer_norm = {
    .name = "layer_norm",
    .doc = "Normalises the last dimension: (x - mean) / sqrt(variance + eps) weight + bias.",
    .source = "Ba, Kiros, Hinton 2016, Layer normalization",
    .inputs =
        (const OpInput[]){{"x", "f32[...,n]"}, {"weight", "f32[n]"}, {"bias", "f32[n]", .optional = true}, {0}},
    .attrs = (const Option[]){EPS(EpsAttrs), {0}},
    .attrs_size = sizeof(EpsAttrs),
    .accumulates = true,
    .saves = "x, mean, rstd, weight",
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
    .reference = layer_norm_reference,
    .cases = (const OpCase[]){{"f32[3,7] f32[7] f32[7]", "eps=1e-5"},
                              {"f32[2,1,5] f32[5] f32[5]", "eps=1e-5"},
                              {"f32[130,4] f32[4] f32[4]", "eps=1e-5"},
                              {"f32[3,5] f32[5] -", "eps=1e-5"},
                              {0}},
};

const Op op_dropout_add_layer_norm = {
    .name = "dropout_add_layer_norm",
    .doc = "layer_norm(residual + dropout(x)): the end of each half of a post-norm layer.",
    .source = "Vaswani et al. 2017, section 5.4; Ba et al. 2016",
    .inputs = (const OpInput[]){{"x", "f32[...,n]"},
                                {"residual", "f32[...,n]"},
                                {"weight", "f32[n]"},
                                {"bias", "f32[n]", .optional = true},
                                {0}},
    .attrs = (const Option[]){P(DropoutNormAttrs), EPS(DropoutNormAttrs), {0}},
    .attrs_size = sizeof(DropoutNormAttrs),
    .random = true,
    .accumulates = true,
    .saves = "residual + dropout(x), mean, rstd, weight",
    .forward = fused_forward,
    .backward = fused_backward,
    .reference = fused_reference,
    .cases = (const OpCase[]){{"f32[3,7] f32[3,7] f32[7] f32[7]", "p=0 eps=1e-5"},
                              {"f32[2,3,5] f32[2,3,5] f32[5] f32[5]", "p=0.3 eps=1e-5"},
                              {"f32[2,5] f32[2,5] f32[5] -", "p=0 eps=1e-5"},
                              {0}},
};

const Op op_dropout = {
    .name = "dropout",
    .doc = "Zeroes a share p of the elements and scales the rest by 1/(1-p); only while training.",
    .source = "Srivastava et al. 2014, Dropout",
    .inputs = (const OpInput[]){{"x", "any shape"}, {0}},
    .attrs = (const Option[]){P(DropoutAttrs), {0}},
    .attrs_size = sizeof(DropoutAttrs),
    .random = true,
    .recompute = true,
    .saves = "nothing: the mask is drawn again",
    .forward = dropout_forward,
    .backward = dropout_backward,
    .reference = dropout_reference,
    .cases = (const OpCase[]){{"f32[3,7]", "p=0.5"}, {"f32[1]", "p=0"}, {"f32[5,1,3]", "p=0.2"}, {0}},
};
