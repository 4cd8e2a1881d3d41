/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops along one dimension that keep the shape: softmax, running sums, unit length. */
#include "engine/kernels/reduce.h"
#include "engine/kernels/rows.h"
#include "engine/ops/integers.h"
#include "engine/ops/reduce.h"

#include <math.h>

/* The next output with the plan's dimension last in memory; *y is where to write, in that order. */
static Status output_along(Node *node, const Reduction *r, Tensor **y)
{
    Tensor *view, *out;
    TRY(reduce_new(node, r, DTYPE_F32, y, &view));
    TRY(tensor_alias(node->arena, view, &out));
    node_output_view(node, out);
    return STATUS_OK;
}

typedef struct Along {
    Reduction r;
    Tensor *x, *y, *view; /* forward: input and output; backward: the output's gradient and the input's */
} Along;

static Status begin(Node *node, int64_t dim, Along *out)
{
    TRY(reduce_plan_dim(node, dim, &out->r));
    TRY(reduce_arrange(node, &out->r, node->inputs[0], &out->x));
    return output_along(node, &out->r, &out->y);
}

static Status begin_backward(Node *node, int64_t dim, Along *out)
{
    TRY(reduce_plan_dim(node, dim, &out->r));
    TRY(reduce_arrange(node, &out->r, node->grad_outputs[0], &out->x));
    return reduce_new(node, &out->r, DTYPE_F32, &out->y, &out->view);
}

/* --- softmax --- */

static Status softmax_apply(Node *node, bool logarithm)
{
    Along a;
    TRY(begin(node, ((const DimAttrs *)node->attrs)->dim, &a));
    kernel_softmax(a.r.rows, a.r.inner, logarithm, TENSOR_F32(a.x), TENSOR_F32(a.y));
    return node_save(node, a.y);
}

/* softmax: dx = y (dy - sum(dy y)); its logarithm: dx = dy - e^y sum(dy) */
static Status softmax_gradient(Node *node, bool logarithm)
{
    Along a;
    TRY(begin_backward(node, ((const DimAttrs *)node->attrs)->dim, &a));
    kernel_softmax_backward(a.r.rows, a.r.inner, logarithm, TENSOR_F32(node->saved[0]), TENSOR_F32(a.x),
                            TENSOR_F32(a.y));
    return node_grad_is(node, 0, a.view);
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

/* --- running sums --- */

static Status cumsum_forward(Node *node)
{
    Along a;
    if (integers_given(node, 0)) return integers_cumsum(node, ((const DimAttrs *)node->attrs)->dim);
    TRY(begin(node, ((const DimAttrs *)node->attrs)->dim, &a));
    kernel_row_cumsum(a.r.rows, a.r.inner, false, TENSOR_F32(a.x), TENSOR_F32(a.y));
    return STATUS_OK;
}

static Status cumsum_backward(Node *node)
{
    Along a;
    TRY(begin_backward(node, ((const DimAttrs *)node->attrs)->dim, &a));
    kernel_row_cumsum(a.r.rows, a.r.inner, true, TENSOR_F32(a.x), TENSOR_F32(a.y));
    return node_grad_is(node, 0, a.view);
}

/* --- unit length --- */

static Status normalize_forward(Node *node)
{
    const NormalizeAttrs *attrs = node->attrs;
    Along a;
    Tensor *scale;
    TRY(begin(node, attrs->dim, &a));
    TRY(node_save_new(node, 1, &a.r.rows, &scale));
    kernel_row_sums(ROW_SQUARES,
                    &(RowSums){.rows = a.r.rows, .inner = a.r.inner, .x = TENSOR_F32(a.x), .factor = 1},
                    TENSOR_F32(scale));
    for (int64_t row = 0; row < a.r.rows; row++)
        TENSOR_F32(scale)[row] = 1 / fmaxf(sqrtf(TENSOR_F32(scale)[row]), (float)attrs->eps);
    kernel_row_affine(a.r.rows, a.r.inner, TENSOR_F32(scale), TENSOR_F32(a.x), NULL, NULL, NULL, TENSOR_F32(a.y));
    return node_save(node, a.y);
}

/* dx = (dy - y sum(dy y)) / |x|; where |x| is below eps, dy / eps */
static Status normalize_backward(Node *node)
{
    const NormalizeAttrs *attrs = node->attrs;
    Along a;
    Tensor *dot, *scale = node->saved[0], *y = node->saved[1];
    TRY(begin_backward(node, attrs->dim, &a));
    TRY(node_scratch(node, DTYPE_F32, 1, &a.r.rows, &dot));
    RowSums sums = {
        .rows = a.r.rows, .inner = a.r.inner, .x = TENSOR_F32(a.x), .other = TENSOR_F32(y), .factor = 1};
    kernel_row_sums(ROW_DOT, &sums, TENSOR_F32(dot));
    for (int64_t row = 0; row < a.r.rows; row++) {
        float s = TENSOR_F32(scale)[row];
        TENSOR_F32(dot)[row] = s < 1 / (float)attrs->eps ? -s * TENSOR_F32(dot)[row] : 0;
    }
    kernel_row_affine(a.r.rows, a.r.inner, TENSOR_F32(scale), TENSOR_F32(a.x), NULL, TENSOR_F32(dot), TENSOR_F32(y),
                      TENSOR_F32(a.y));
    return node_grad_is(node, 0, a.view);
}

/* --- plain forms --- */

static double log_sum(int64_t n, const double *x)
{
    double high = x[0], sum = 0;
    for (int64_t i = 0; i < n; i++) high = fmax(high, x[i]);
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] - high);
    return high + log(sum);
}

static void plain_softmax(const Node *node, int64_t n, const double *x, double *y)
{
    double all = n ? log_sum(n, x) : 0;
    (void)node;
    for (int64_t i = 0; i < n; i++) y[i] = exp(x[i] - all);
}

static void plain_log_softmax(const Node *node, int64_t n, const double *x, double *y)
{
    double all = n ? log_sum(n, x) : 0;
    (void)node;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] - all;
}

static void plain_cumsum(const Node *node, int64_t n, const double *x, double *y)
{
    (void)node;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] + (i ? y[i - 1] : 0);
}

static void plain_normalize(const Node *node, int64_t n, const double *x, double *y)
{
    double squares = 0;
    for (int64_t i = 0; i < n; i++) squares += x[i] * x[i];
    for (int64_t i = 0; i < n; i++) y[i] = x[i] / fmax(sqrt(squares), ((const NormalizeAttrs *)node->attrs)->eps);
}

static Status softmax_reference(Node *node)
{
    return along_reference(node, ((const DimAttrs *)node->attrs)->dim, plain_softmax);
}

static Status log_softmax_reference(Node *node)
{
    return along_reference(node, ((const DimAttrs *)node->attrs)->dim, plain_log_softmax);
}

static Status cumsum_reference(Node *node)
{
    return along_reference(node, ((const DimAttrs *)node->attrs)->dim, plain_cumsum);
}

static Status normalize_reference(Node *node)
{
    return along_reference(node, ((const NormalizeAttrs *)node->attrs)->dim, plain_normalize);
}

static const OpInput inputs[] = {{"x", "any shape with at least 1 dimension"}, {0}};
static const OpInput numbers[] = {{"x", "any shape with at least 1 dimension", .exact = true}, {0}};
static const Option dim_options[] = {OPTION_INT_FIELD(DimAttrs, dim, -1, -6, 5, "along which dimension"), {0}};
static const Option normalize_options[] = {
    OPTION_INT_FIELD(NormalizeAttrs, dim, -1, -6, 5, "along which dimension"),
    OPTION_NUMBER_FIELD(NormalizeAttrs, eps, 1e-12, 1e-30, 1e30, "a smaller length counts as this"),
    {0}};
static const OpCase cases[] = {
    {"f32[3,5]", ""}, {"f32[1]", ""}, {"f32[2,1,7]", "dim=0"}, {"f32[3,4,5]", "dim=1"}, {0}};
static const OpCase normalize_cases[] = {
    {"f32[3,5]", ""}, {"f32[2,1,7]", "dim=0"}, {"f32[3,4,5]", "dim=1"}, {"f32[2,3]", "eps=1000"}, {0}};

const Op op_softmax = {.name = "softmax",
                       .doc = "Softmax along a dimension.",
                       .inputs = inputs,
                       .attrs = dim_options,
                       .attrs_size = sizeof(DimAttrs),
                       .saves = "output",
                       .forward = softmax_forward,
                       .backward = softmax_backward,
                       .reference = softmax_reference,
                       .cases = cases};
const Op op_log_softmax = {.name = "log_softmax",
                           .doc = "Logarithm of the softmax along a dimension.",
                           .inputs = inputs,
                           .attrs = dim_options,
                           .attrs_size = sizeof(DimAttrs),
                           .saves = "output",
                           .forward = log_softmax_forward,
                           .backward = log_softmax_backward,
                           .reference = log_softmax_reference,
                           .cases = cases};
const Op op_cumsum = {.name = "cumsum",
                      .doc = "Sums of the elements up to each one, along a dimension; of integers, i64.",
                      .inputs = numbers,
                      .attrs = dim_options,
                      .attrs_size = sizeof(DimAttrs),
                      .saves = "nothing",
                      .forward = cumsum_forward,
                      .backward = cumsum_backward,
                      .reference = cumsum_reference,
                      .cases = cases};
const Op op_l2_normalize = {.name = "l2_normalize",
                            .doc = "x divided by its length along a dimension (PyTorch's normalize).",
                            .inputs = inputs,
                            .attrs = normalize_options,
                            .attrs_size = sizeof(NormalizeAttrs),
                            .saves = "1 / length, output",
                            .forward = normalize_forward,
                            .backward = normalize_backward,
                            .reference = normalize_reference,
                            .cases = normalize_cases};
