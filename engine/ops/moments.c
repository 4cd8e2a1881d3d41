/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Norms, variances and standard deviations, over all dimensions or some. */
#include "engine/kernels/elementwise.h"
#include "engine/kernels/reduce.h"
#include "engine/ops/reduce.h"

#include <math.h>

/* The gradient a[row] (x - centre[row]), from numbers for each row. */
static Status give_rows(Node *node, const Reduction *r, const Tensor *a, const Tensor *x, const float *centre)
{
    Tensor *full, *view;
    TRY(reduce_new(node, r, DTYPE_F32, &full, &view));
    kernel_row_affine(r->rows, r->inner, TENSOR_F32(a), TENSOR_F32(x), centre, NULL, NULL, TENSOR_F32(full));
    return node_grad_is(node, 0, view);
}

/* --- norm --- */

static Status norm_forward(Node *node)
{
    const NormAttrs *attrs = node->attrs;
    Reduction r;
    Tensor *x, *y;
    TRY(reduce_plan(node, &r));
    TRY(reduce_arrange(node, &r, node->inputs[0], &x));
    TRY(reduce_output(node, &r, DTYPE_F32, &y));
    RowSum kind = attrs->p == 1 ? ROW_ABS : attrs->p == 2 ? ROW_SQUARES : ROW_POWERS;
    kernel_row_sums(
        kind, &(RowSums){.rows = r.rows, .inner = r.inner, .x = TENSOR_F32(x), .p = (float)attrs->p, .factor = 1},
        TENSOR_F32(y));
    if (attrs->p == 2)
        kernel_unary(UNARY_SQRT, r.rows, 0, 0, TENSOR_F32(y), TENSOR_F32(y));
    else if (attrs->p != 1)
        kernel_unary(UNARY_POW, r.rows, (float)(1 / attrs->p), 0, TENSOR_F32(y), TENSOR_F32(y));
    TRY(node_save(node, x));
    return node_save(node, y);
}

/* dx = dy sign(x) (|x| / y)^(p-1); 0 where the norm is 0, as in PyTorch. */
static Status norm_backward(Node *node)
{
    const NormAttrs *attrs = node->attrs;
    Reduction r;
    Tensor *dy, *scale, *x = node->saved[0];
    float power = (float)attrs->p - 1;
    TRY(reduce_plan(node, &r));
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, 1, &r.rows, &scale));
    for (int64_t row = 0; row < r.rows; row++) {
        float y = TENSOR_F32(node->saved[1])[row];
        TENSOR_F32(scale)[row] = y == 0 ? 0 : TENSOR_F32(dy)[row] / (power == 1 ? y : powf(y, power));
    }
    if (power != 1) {
        TRY(node_scratch(node, DTYPE_F32, x->ndim, x->shape, &x));
        kernel_unary(UNARY_SIGNED_POW, tensor_count(x), power, 0, TENSOR_F32(node->saved[0]), TENSOR_F32(x));
    }
    return give_rows(node, &r, scale, x, NULL);
}

/* --- variance and standard deviation --- */

static double share_of(const Node *node, const Reduction *r)
{
    return 1 / fmax(0, (double)(r->inner - ((const VarAttrs *)node->attrs)->correction));
}

static Status var_rows(Node *node, bool root)
{
    Reduction r;
    Tensor *x, *y, *mean;
    TRY(reduce_plan(node, &r));
    if (r.inner == 0) return node_refuse(node, 0, "there is no element to take the %s of", node->op->name);
    TRY(reduce_arrange(node, &r, node->inputs[0], &x));
    TRY(reduce_output(node, &r, DTYPE_F32, &y));
    TRY(node_save_new(node, 1, &r.rows, &mean));
    RowSums sums = {.rows = r.rows, .inner = r.inner, .x = TENSOR_F32(x), .factor = 1 / (double)r.inner};
    kernel_row_sums(ROW_SUM, &sums, TENSOR_F32(mean));
    sums.centre = TENSOR_F32(mean);
    sums.factor = share_of(node, &r);
    kernel_row_sums(ROW_SQUARES, &sums, TENSOR_F32(y));
    if (root) kernel_unary(UNARY_SQRT, r.rows, 0, 0, TENSOR_F32(y), TENSOR_F32(y));
    TRY(node_save(node, x));
    return node_save(node, y);
}

/* var: dx = dy 2 (x - mean) / (n - correction); std: that over 2 std */
static Status var_gradient(Node *node, bool root)
{
    Reduction r;
    Tensor *dy, *scale;
    TRY(reduce_plan(node, &r));
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, 1, &r.rows, &scale));
    float share = (float)share_of(node, &r);
    for (int64_t row = 0; row < r.rows; row++) {
        float slope = root ? 1 / TENSOR_F32(node->saved[2])[row] : 2;
        TENSOR_F32(scale)[row] = TENSOR_F32(dy)[row] * share * slope;
    }
    return give_rows(node, &r, scale, node->saved[1], TENSOR_F32(node->saved[0]));
}

static Status var_forward(Node *node)
{
    return var_rows(node, false);
}

static Status var_backward(Node *node)
{
    return var_gradient(node, false);
}

static Status std_forward(Node *node)
{
    return var_rows(node, true);
}

static Status std_backward(Node *node)
{
    return var_gradient(node, true);
}

/* --- plain forms --- */

static double plain_norm(const Node *node, int64_t n, const double *x)
{
    double sum = 0, p = ((const NormAttrs *)node->attrs)->p;
    for (int64_t i = 0; i < n; i++) sum += pow(fabs(x[i]), p);
    return pow(sum, 1 / p);
}

static double plain_var(const Node *node, int64_t n, const double *x)
{
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)(n - ((const VarAttrs *)node->attrs)->correction);
}

static double plain_std(const Node *node, int64_t n, const double *x)
{
    return sqrt(plain_var(node, n, x));
}

static Status norm_reference(Node *node)
{
    return reduce_reference(node, plain_norm);
}

static Status var_reference(Node *node)
{
    return reduce_reference(node, plain_var);
}

static Status std_reference(Node *node)
{
    return reduce_reference(node, plain_std);
}

static const OpInput inputs[] = {{"x", "any shape"}, {0}};
static const Option norm_options[] = {
    OPTION_NUMBER_FIELD(NormAttrs, p, 2, 1, 100, "which norm: (sum of |x|^p)^(1/p)"),
    OPTION_INTS_FIELD(ReduceAttrs, dim, "", "dimensions that go; none: all of them"),
    OPTION_BOOLEAN_FIELD(ReduceAttrs, keepdim, 0, "keep them with size 1"),
    {0}};
static const Option var_options[] = {
    OPTION_INTS_FIELD(ReduceAttrs, dim, "", "dimensions that go; none: all of them"),
    OPTION_INT_FIELD(VarAttrs, correction, 1, 0, 1e15, "the sum of squares is divided by the count less this"),
    OPTION_BOOLEAN_FIELD(ReduceAttrs, keepdim, 0, "keep them with size 1"),
    {0}};
static const OpCase norm_cases[] = {{"f32[3,5]", ""},
                                    {"f32[1]~0.1", "dim=0"},
                                    {"f32[2,3,7]", "dim=0,2 keepdim=true"},
                                    {"f32[3,5]~0.1", "p=1 dim=1"},
                                    {"f32[3,5]~0.1", "p=3 dim=0"},
                                    {0}};
static const OpCase var_cases[] = {
    {"f32[3,5]", ""}, {"f32[2,3,7]", "dim=0,2 keepdim=true"}, {"f32[3,5]", "dim=-1 correction=0"}, {0}};

const Op op_norm = {.name = "norm",
                    .doc = "The p-norm of all elements, or over some dimensions.",
                    .inputs = inputs,
                    .attrs = norm_options,
                    .attrs_size = sizeof(NormAttrs),
                    .saves = "x, output",
                    .forward = norm_forward,
                    .backward = norm_backward,
                    .reference = norm_reference,
                    .cases = norm_cases};
const Op op_var = {.name = "var",
                   .doc = "Variance of all elements, or over some dimensions.",
                   .inputs = inputs,
                   .attrs = var_options,
                   .attrs_size = sizeof(VarAttrs),
                   .saves = "mean, x, output",
                   .forward = var_forward,
                   .backward = var_backward,
                   .reference = var_reference,
                   .cases = var_cases};
const Op op_std = {.name = "std",
                   .doc = "Standard deviation of all elements, or over some dimensions.",
                   .inputs = inputs,
                   .attrs = var_options,
                   .attrs_size = sizeof(VarAttrs),
                   .saves = "mean, x, output",
                   .forward = std_forward,
                   .backward = std_backward,
                   .reference = std_reference,
                   .cases = var_cases};
