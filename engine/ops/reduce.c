/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums, means, largest and smallest elements, over all dimensions or some. */
#include "engine/ops/reduce.h"

#include "engine/kernels/reduce.h"
#include "engine/ops/integers.h"

#include <math.h>

/* --- which dimensions --- */

static void arrange_order(const Node *node, Reduction *out)
{
    const Tensor *x = node->inputs[0];
    out->ndim = x->ndim;
    out->rows = out->inner = 1;
    for (int d = 0; d < x->ndim; d++)
        if (!out->reduced[d]) {
            out->order[out->kept++] = d;
            out->rows *= x->shape[d];
        }
    for (int d = 0, at = out->kept; d < x->ndim; d++)
        if (out->reduced[d]) {
            out->order[at++] = d;
            out->inner *= x->shape[d];
        }
}

Status reduce_plan(const Node *node, Reduction *out)
{
    const ReduceAttrs *attrs = node->attrs;
    *out = (Reduction){0};
    for (int64_t i = 0; i < attrs->dim.count; i++) {
        int dim;
        TRY(node_dim(node, 0, attrs->dim.values[i], &dim));
        if (out->reduced[dim]) return node_refuse(node, 0, "dimension %d is named twice", dim);
        out->reduced[dim] = true;
    }
    for (int d = 0; attrs->dim.count == 0 && d < node->inputs[0]->ndim; d++) out->reduced[d] = true;
    arrange_order(node, out);
    return STATUS_OK;
}

Status reduce_plan_dim(const Node *node, int64_t dim, Reduction *out)
{
    int resolved;
    *out = (Reduction){0};
    if (node->inputs[0]->ndim == 0) return node_refuse(node, 0, "it must have at least 1 dimension");
    TRY(node_dim(node, 0, dim, &resolved));
    out->reduced[resolved] = true;
    arrange_order(node, out);
    return STATUS_OK;
}

Status reduce_arrange(Node *node, const Reduction *r, const Tensor *tensor, Tensor **out)
{
    Tensor *view;
    TRY(tensor_permute(node->arena, tensor, r->order, &view));
    TRY(node_keep(node, view));
    *out = view;
    if (tensor_contiguous(view)) return STATUS_OK;
    TRY(tensor_clone(node->arena, view, out));
    return node_keep(node, *out);
}

Status reduce_new(Node *node, const Reduction *r, DType dtype, Tensor **arranged, Tensor **view)
{
    int64_t shape[TENSOR_MAX_DIMS];
    int back[TENSOR_MAX_DIMS];
    for (int d = 0; d < r->ndim; d++) {
        shape[d] = node->inputs[0]->shape[r->order[d]];
        back[r->order[d]] = d;
    }
    TRY(node_scratch(node, dtype, r->ndim, shape, arranged));
    TRY(tensor_permute(node->arena, *arranged, back, view));
    return node_keep(node, *view);
}

Status reduce_output(Node *node, const Reduction *r, DType dtype, Tensor **y)
{
    const ReduceAttrs *attrs = node->attrs;
    const Tensor *x = node->inputs[0];
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = 0;
    for (int d = 0; d < x->ndim; d++)
        if (!r->reduced[d] || attrs->keepdim) shape[ndim++] = r->reduced[d] ? 1 : x->shape[d];
    return node_output(node, dtype, ndim, shape, y);
}

/* --- plain forms --- */

Status reduce_reference(Node *node, double (*value)(const Node *node, int64_t n, const double *x))
{
    Reduction r;
    Tensor *x, *y;
    TRY(reduce_plan(node, &r));
    TRY(reduce_arrange(node, &r, node->inputs[0], &x));
    TRY(reduce_output(node, &r, DTYPE_F64, &y));
    for (int64_t row = 0; row < r.rows; row++)
        TENSOR_F64(y)[row] = value(node, r.inner, TENSOR_F64(x) + row * r.inner);
    return STATUS_OK;
}

Status along_reference(Node *node, int64_t dim,
                       void (*row)(const Node *node, int64_t n, const double *x, double *y))
{
    Reduction r;
    Tensor *x, *y, *view, *out;
    TRY(reduce_plan_dim(node, dim, &r));
    TRY(reduce_arrange(node, &r, node->inputs[0], &x));
    TRY(reduce_new(node, &r, DTYPE_F64, &y, &view));
    for (int64_t i = 0; i < r.rows; i++)
        row(node, r.inner, TENSOR_F64(x) + i * r.inner, TENSOR_F64(y) + i * r.inner);
    TRY(tensor_alias(node->arena, view, &out));
    node_output_view(node, out);
    return STATUS_OK;
}

static double plain_sum(const Node *node, int64_t n, const double *x)
{
    double sum = 0;
    (void)node;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

static double plain_mean(const Node *node, int64_t n, const double *x)
{
    return plain_sum(node, n, x) / (double)n;
}

static double plain_max(const Node *node, int64_t n, const double *x)
{
    double most = n ? x[0] : (double)NAN;
    (void)node;
    for (int64_t i = 1; i < n; i++) most = fmax(most, x[i]);
    return most;
}

static double plain_min(const Node *node, int64_t n, const double *x)
{
    double least = n ? x[0] : (double)NAN;
    (void)node;
    for (int64_t i = 1; i < n; i++) least = fmin(least, x[i]);
    return least;
}

#define REFERENCE(name_)                                                                                           \
    static Status name_##_reference(Node *node)                                                                    \
    {                                                                                                              \
        return reduce_reference(node, plain_##name_);                                                              \
    }
REFERENCE(sum)
REFERENCE(mean)
REFERENCE(max)
REFERENCE(min)

/* --- sum and mean --- */

static Status sum_rows(Node *node, bool mean)
{
    Reduction r;
    Tensor *x, *y;
    TRY(reduce_plan(node, &r));
    TRY(reduce_arrange(node, &r, node->inputs[0], &x));
    TRY(reduce_output(node, &r, DTYPE_F32, &y));
    double share = mean ? 1 / (double)r.inner : 1; /* of nothing: 0 times infinity, which is no number */
    kernel_row_sums(ROW_SUM, &(RowSums){.rows = r.rows, .inner = r.inner, .x = TENSOR_F32(x), .factor = share},
                    TENSOR_F32(y));
    return STATUS_OK;
}

/* The output's gradient times a number, spread to the input's shape. */
static Status spread_gradient(Node *node, const Reduction *r, float factor)
{
    const Tensor *x = node->inputs[0];
    Tensor *dense, *kept, *wide, *grad;
    int64_t shape[TENSOR_MAX_DIMS];
    bool accumulate;
    for (int d = 0; d < x->ndim; d++) shape[d] = r->reduced[d] ? 1 : x->shape[d];
    TRY(tensor_clone(node->arena, node->grad_outputs[0], &dense));
    TRY(node_keep(node, dense));
    for (int64_t i = 0, n = tensor_count(dense); i < n; i++) TENSOR_F32(dense)[i] *= factor;
    TRY(tensor_reshape(node->arena, dense, x->ndim, shape, &kept));
    TRY(node_keep(node, kept));
    TRY(tensor_expand(node->arena, kept, x->ndim, x->shape, &wide));
    TRY(node_keep(node, wide));
    TRY(node_grad(node, 0, &grad, &accumulate));
    return tensor_copy(grad, wide);
}

static Status sum_forward(Node *node)
{
    if (integers_given(node, 0)) return integers_sum(node);
    return sum_rows(node, false);
}

static Status sum_backward(Node *node)
{
    Reduction r;
    TRY(reduce_plan(node, &r));
    return spread_gradient(node, &r, 1);
}

static Status mean_forward(Node *node)
{
    return sum_rows(node, true);
}

static Status mean_backward(Node *node)
{
    Reduction r;
    TRY(reduce_plan(node, &r));
    return spread_gradient(node, &r, r.inner ? 1 / (float)r.inner : 1);
}

/* --- largest and smallest --- */

static Status extreme_places(Node *node, const Reduction *r, float sign, Tensor **x, int32_t *place)
{
    TRY(reduce_arrange(node, r, node->inputs[0], x));
    kernel_row_extreme(r->rows, r->inner, sign, TENSOR_F32(*x), place);
    return STATUS_OK;
}

Status reduce_check_extreme(const Node *node, const Reduction *r)
{
    if (r->inner == 0) return node_refuse(node, 0, "there is no element to take");
    if (r->inner > INT32_MAX) return node_refuse(node, 0, "a place in it does not fit i32");
    return STATUS_OK;
}

static Status extreme_forward(Node *node, float sign)
{
    Reduction r;
    Tensor *x, *y, *place;
    if (integers_given(node, 0)) return integers_extreme(node, (int)sign);
    TRY(reduce_plan(node, &r));
    TRY(reduce_check_extreme(node, &r));
    TRY(reduce_output(node, &r, DTYPE_F32, &y));
    TRY(tensor_new(node->arena, DTYPE_I32, 1, &r.rows, &place));
    node->saved[node->saved_count++] = place;
    TRY(extreme_places(node, &r, sign, &x, TENSOR_I32(place)));
    for (int64_t row = 0; row < r.rows; row++)
        TENSOR_F32(y)[row] = TENSOR_F32(x)[row * r.inner + TENSOR_I32(place)[row]];
    return STATUS_OK;
}

/* All of a row's gradient goes to the element that was taken. */
static Status extreme_backward(Node *node)
{
    Reduction r;
    Tensor *dy, *full, *view;
    TRY(reduce_plan(node, &r));
    TRY(node_dense_gradient(node, &dy));
    TRY(reduce_new(node, &r, DTYPE_F32, &full, &view));
    tensor_fill(full, 0);
    for (int64_t row = 0; row < r.rows; row++)
        TENSOR_F32(full)[row * r.inner + TENSOR_I32(node->saved[0])[row]] = TENSOR_F32(dy)[row];
    return node_grad_is(node, 0, view);
}

static Status max_forward(Node *node)
{
    return extreme_forward(node, 1);
}

static Status min_forward(Node *node)
{
    return extreme_forward(node, -1);
}

static Status argmax_forward(Node *node)
{
    Reduction r;
    Tensor *x, *y;
    if (((const ReduceAttrs *)node->attrs)->dim.count > 1)
        return node_refuse(node, 0, "dim must be one dimension, or none for all elements");
    if (integers_given(node, 0)) return integers_argmax(node);
    TRY(reduce_plan(node, &r));
    TRY(reduce_check_extreme(node, &r));
    TRY(reduce_output(node, &r, DTYPE_I32, &y));
    return extreme_places(node, &r, 1, &x, TENSOR_I32(y));
}

static const OpInput reals[] = {{"x", "any shape"}, {0}};
static const OpInput numbers[] = {{"x", "any shape", .exact = true}, {0}};
const Option reduce_options[] = {OPTION_INTS_FIELD(ReduceAttrs, dim, "", "dimensions that go; none: all of them"),
                                 OPTION_BOOLEAN_FIELD(ReduceAttrs, keepdim, 0, "keep them with size 1"),
                                 {0}};
static const OpCase extreme_cases[] = {/* few elements, so that no two are nearly equal */
                                       {"f32[5]", ""},
                                       {"f32[2,3]", "dim=1"},
                                       {"f32[2,2,2]", "dim=0,2 keepdim=true"},
                                       {0}};
static const OpCase place_cases[] = {{"f32[5]", ""}, {"f32[1]", ""}, {"f32[2,3]", "dim=0 keepdim=true"}, {0}};
static const OpCase cases[] = {{"f32[3,5]", ""},
                               {"f32[1]", ""},
                               {"f32[2,1,7]", ""},
                               {"f32[3,4,5]", "dim=1"},
                               {"f32[3,4,5]", "dim=0,2 keepdim=true"},
                               {"f32[3,5]", "dim=-1"},
                               {0}};

#define REDUCTION(name_, inputs_, doc_, saves_, ...)                                                               \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_,                                                                            \
                           .inputs = inputs_,                                                                      \
                           .attrs = reduce_options,                                                                \
                           .attrs_size = sizeof(ReduceAttrs),                                                      \
                           .saves = saves_,                                                                        \
                           .forward = name_##_forward,                                                             \
                           __VA_ARGS__}
REDUCTION(sum, numbers, "Sum of all elements, or over some dimensions; of integers, i64.", "nothing",
          .backward = sum_backward, .reference = sum_reference, .cases = cases);
REDUCTION(mean, reals, "Mean of all elements, or over some dimensions.", "nothing", .backward = mean_backward,
          .reference = mean_reference, .cases = cases);
REDUCTION(max, numbers, "Largest of all elements, or over some dimensions.", "the places of the elements",
          .backward = extreme_backward, .reference = max_reference, .cases = extreme_cases);
REDUCTION(min, numbers, "Smallest of all elements, or over some dimensions.", "the places of the elements",
          .backward = extreme_backward, .reference = min_reference, .cases = extreme_cases);
REDUCTION(argmax, numbers, "The place, i32, of the largest element of a dimension, or of all; the first of equals.",
          "nothing", .no_backward = "a place does not change with small changes of the elements",
          .cases = place_cases);
