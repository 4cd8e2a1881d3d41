/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums, means, largest and smallest elements, over all dimensions or some; sums in double precision and in order.
 */
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

/* The input with the kept dimensions first and the reduced ones last, [rows][inner]. */
typedef struct Reduction {
    int order[TENSOR_MAX_DIMS], ndim, kept;
    int64_t rows, inner;
    bool reduced[TENSOR_MAX_DIMS];
} Reduction;

static Status plan(const Node *node, Reduction *out)
{
    const ReduceAttrs *attrs = node->attrs;
    const Tensor *x = node->inputs[0];
    *out = (Reduction){.ndim = x->ndim, .rows = 1, .inner = 1};
    for (int64_t i = 0; i < attrs->dim.count; i++) {
        int dim;
        TRY(tensor_dim(x, attrs->dim.values[i], &dim));
        if (out->reduced[dim]) return node_refuse(node, 0, "dimension %d is named twice", dim);
        out->reduced[dim] = true;
    }
    for (int d = 0; d < x->ndim; d++) {
        if (attrs->dim.count == 0) out->reduced[d] = true;
        if (out->reduced[d]) continue;
        out->order[out->kept++] = d;
        out->rows *= x->shape[d];
    }
    for (int d = 0, at = out->kept; d < x->ndim; d++)
        if (out->reduced[d]) {
            out->order[at++] = d;
            out->inner *= x->shape[d];
        }
    return STATUS_OK;
}

/* The permuted input, contiguous. */
static Status arranged(Node *node, const Reduction *r, Tensor **out)
{
    Tensor *view;
    TRY(tensor_permute(node->arena, node->inputs[0], r->order, &view));
    if (tensor_contiguous(view)) {
        *out = view;
        return STATUS_OK;
    }
    Status status = tensor_clone(node->arena, view, out);
    tensor_unref(view);
    return status;
}

static Status make_output(Node *node, const Reduction *r, Tensor **y)
{
    const ReduceAttrs *attrs = node->attrs;
    const Tensor *x = node->inputs[0];
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++)
        if (!r->reduced[d] || attrs->keepdim) shape[ndim++] = r->reduced[d] ? 1 : x->shape[d];
    return node_output(node, DTYPE_F32, ndim, shape, y);
}

/* The output's gradient spread to the input's shape: a view with strides of 0. */
static Status spread_gradient(Node *node, const Reduction *r, Tensor **out)
{
    const Tensor *x = node->inputs[0];
    Tensor *dense, *kept;
    int64_t shape[TENSOR_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++) shape[d] = r->reduced[d] ? 1 : x->shape[d];
    TRY(tensor_clone(node->arena, node->grad_outputs[0], &dense));
    Status status = tensor_reshape(node->arena, dense, x->ndim, shape, &kept);
    tensor_unref(dense);
    TRY(status);
    status = tensor_expand(node->arena, kept, x->ndim, x->shape, out);
    tensor_unref(kept);
    return status;
}

/* --- sum and mean --- */

static Status sum_rows(Node *node, bool mean)
{
    Reduction r;
    Tensor *x, *y;
    TRY(plan(node, &r));
    TRY(arranged(node, &r, &x));
    Status status = make_output(node, &r, &y);
    for (int64_t row = 0; status == STATUS_OK && row < r.rows; row++) {
        const float *from = TENSOR_F32(x) + row * r.inner;
        double sum = 0;
        for (int64_t i = 0; i < r.inner; i++) sum += (double)from[i];
        TENSOR_F32(y)[row] = (float)(mean && r.inner ? sum / (double)r.inner : sum);
    }
    tensor_unref(x);
    return status;
}

static Status sum_backward_of(Node *node, bool mean)
{
    Reduction r;
    Tensor *wide, *grad;
    bool accumulate;
    TRY(plan(node, &r));
    TRY(spread_gradient(node, &r, &wide));
    Status status = node_grad(node, 0, &grad, &accumulate);
    if (status == STATUS_OK) status = tensor_copy(grad, wide);
    tensor_unref(wide);
    TRY(status);
    float share = 1 / (float)r.inner;
    for (int64_t i = 0, n = mean ? tensor_count(grad) : 0; i < n; i++) TENSOR_F32(grad)[i] *= share;
    return STATUS_OK;
}

static Status sum_forward(Node *node)
{
    return sum_rows(node, false);
}

static Status sum_backward(Node *node)
{
    return sum_backward_of(node, false);
}

static Status mean_forward(Node *node)
{
    return sum_rows(node, true);
}

static Status mean_backward(Node *node)
{
    return sum_backward_of(node, true);
}

/* --- largest and smallest --- */

/* The place of the extreme element of a row; the first of equals, and a NaN before all. */
static int64_t extreme(const float *row, int64_t count, float sign)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count && row[best] == row[best]; i++)
        if (row[i] * sign > row[best] * sign || row[i] != row[i]) best = i;
    return best;
}

static Status extreme_forward(Node *node, float sign)
{
    Reduction r;
    Tensor *x, *y;
    TRY(plan(node, &r));
    if (r.inner == 0) return node_refuse(node, 0, "there is no element to take");
    TRY(arranged(node, &r, &x));
    Status status = make_output(node, &r, &y);
    for (int64_t row = 0; status == STATUS_OK && row < r.rows; row++) {
        const float *from = TENSOR_F32(x) + row * r.inner;
        TENSOR_F32(y)[row] = from[extreme(from, r.inner, sign)];
    }
    tensor_unref(x);
    return status;
}

/* All of a row's gradient goes to the element that was taken. */
static Status scatter(const Node *node, const Reduction *r, const Tensor *x, float sign, Tensor *grad)
{
    Tensor *view;
    TRY(tensor_permute(node->arena, grad, r->order, &view));
    for (int64_t row = 0; row < r->rows; row++) {
        int64_t at = row * r->inner + extreme(TENSOR_F32(x) + row * r->inner, r->inner, sign);
        tensor_set(view, at, tensor_get(node->grad_outputs[0], row));
    }
    tensor_unref(view);
    return STATUS_OK;
}

static Status extreme_backward(Node *node, float sign)
{
    Reduction r;
    Tensor *x, *grad;
    bool accumulate;
    TRY(plan(node, &r));
    TRY(arranged(node, &r, &x));
    Status status = node_grad(node, 0, &grad, &accumulate);
    if (status == STATUS_OK) {
        tensor_fill(grad, 0);
        status = scatter(node, &r, x, sign, grad);
    }
    tensor_unref(x);
    return status;
}

static Status max_forward(Node *node)
{
    return extreme_forward(node, 1);
}

static Status max_backward(Node *node)
{
    return extreme_backward(node, 1);
}

static Status min_forward(Node *node)
{
    return extreme_forward(node, -1);
}

static Status min_backward(Node *node)
{
    return extreme_backward(node, -1);
}

static const OpInput inputs[] = {{"x", "any shape"}, {0}};
static const Option attrs[] = {OPTION_INTS_FIELD(ReduceAttrs, dim, "", "dimensions that go; none: all of them"),
                               OPTION_BOOLEAN_FIELD(ReduceAttrs, keepdim, 0, "keep them with size 1"),
                               {0}};
static const OpCase extreme_cases[] = {/* few elements, so that no two are nearly equal */
                                       {"f32[5]", ""},
                                       {"f32[2,3]", "dim=1"},
                                       {"f32[2,2,2]", "dim=0,2 keepdim=true"},
                                       {0}};
static const OpCase cases[] = {{"f32[3,5]", ""},
                               {"f32[1]", ""},
                               {"f32[2,1,7]", ""},
                               {"f32[3,4,5]", "dim=1"},
                               {"f32[3,4,5]", "dim=0,2 keepdim=true"},
                               {"f32[3,5]", "dim=-1"},
                               {0}};

#define REDUCTION(name_, doc_, cases_)                                                                             \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_,                                                                            \
                           .inputs = inputs,                                                                       \
                           .attrs = attrs,                                                                         \
                           .attrs_size = sizeof(ReduceAttrs),                                                      \
                           .saves = "nothing",                                                                     \
                           .forward = name_##_forward,                                                             \
                           .backward = name_##_backward,                                                           \
                           .cases = cases_}
REDUCTION(sum, "Sum of all elements, or over some dimensions.", cases);
REDUCTION(mean, "Mean of all elements, or over some dimensions.", cases);
REDUCTION(max, "Largest of all elements, or over some dimensions.", extreme_cases);
REDUCTION(min, "Smallest of all elements, or over some dimensions.", extreme_cases);
