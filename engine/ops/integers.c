/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/ops/integers.h"

#include "engine/ops/reduce.h"

#include <math.h>

bool integers_given(const Node *node, int i)
{
    return !dtype_is_real(node->inputs[i]->dtype);
}

/* The next output, of the type of inputs[i], from values in scratch memory. */
static Status give(Node *node, int i, const Tensor *values)
{
    Tensor *y;
    TRY(node_output(node, node->inputs[i]->dtype, values->ndim, values->shape, &y));
    return tensor_copy(y, values);
}

static int64_t to_bound(double value)
{
    return value <= -0x1p63 ? INT64_MIN : value >= 0x1p63 ? INT64_MAX : (int64_t)value;
}

Status integers_unary(Node *node, UnaryKind kind, double a, double b)
{
    const Tensor *input = node->inputs[0];
    Tensor *x, *y;
    TRY(node_expanded_as(node, 0, DTYPE_I64, input->ndim, input->shape, &x));
    TRY(node_scratch(node, DTYPE_I64, input->ndim, input->shape, &y));
    kernel_unary_integers(kind, tensor_count(x), to_bound(ceil(a)), to_bound(floor(b)), TENSOR_I64(x),
                          TENSOR_I64(y));
    return give(node, 0, y);
}

Status integers_binary(Node *node, BinaryKind kind)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *a, *b, *y;
    TRY(node_broadcast(node, &ndim, shape));
    TRY(node_expanded_as(node, 0, DTYPE_I64, ndim, shape, &a));
    TRY(node_expanded_as(node, 1, DTYPE_I64, ndim, shape, &b));
    TRY(node_scratch(node, DTYPE_I64, ndim, shape, &y));
    kernel_binary_integers(kind, tensor_count(y), TENSOR_I64(a), TENSOR_I64(b), TENSOR_I64(y));
    return give(node, 0, y);
}

Status integers_where(Node *node, const Tensor *mask)
{
    Tensor *a, *b, *y;
    TRY(node_expanded_as(node, 1, DTYPE_I64, mask->ndim, mask->shape, &a));
    TRY(node_expanded_as(node, 2, DTYPE_I64, mask->ndim, mask->shape, &b));
    TRY(node_scratch(node, DTYPE_I64, mask->ndim, mask->shape, &y));
    kernel_where_integers(tensor_count(y), tensor_data(mask), TENSOR_I64(a), TENSOR_I64(b), TENSOR_I64(y));
    return give(node, 1, y);
}

/* --- reductions --- */

/* The input as 64-bit integers in the plan's order. */
static Status arranged(Node *node, const Reduction *r, Tensor **out)
{
    Tensor *x;
    TRY(reduce_arrange(node, r, node->inputs[0], &x));
    TRY(node_scratch(node, DTYPE_I64, x->ndim, x->shape, out));
    return tensor_copy(*out, x);
}

Status integers_sum(Node *node)
{
    Reduction r;
    Tensor *x, *y;
    TRY(reduce_plan(node, &r));
    TRY(arranged(node, &r, &x));
    TRY(reduce_output(node, &r, DTYPE_I64, &y));
    kernel_row_sums_integers(r.rows, r.inner, TENSOR_I64(x), TENSOR_I64(y));
    return STATUS_OK;
}

Status integers_extreme(Node *node, int sign)
{
    Reduction r;
    Tensor *x, *y, *place;
    TRY(reduce_plan(node, &r));
    TRY(reduce_check_extreme(node, &r));
    TRY(arranged(node, &r, &x));
    TRY(reduce_output(node, &r, node->inputs[0]->dtype, &y));
    TRY(node_scratch(node, DTYPE_I32, 1, &r.rows, &place));
    kernel_row_extreme_integers(r.rows, r.inner, sign, TENSOR_I64(x), TENSOR_I32(place));
    for (int64_t row = 0; row < r.rows; row++)
        tensor_set_integer(y, row, TENSOR_I64(x)[row * r.inner + TENSOR_I32(place)[row]]);
    return STATUS_OK;
}

Status integers_argmax(Node *node)
{
    Reduction r;
    Tensor *x, *y;
    TRY(reduce_plan(node, &r));
    TRY(reduce_check_extreme(node, &r));
    TRY(arranged(node, &r, &x));
    TRY(reduce_output(node, &r, DTYPE_I32, &y));
    kernel_row_extreme_integers(r.rows, r.inner, 1, TENSOR_I64(x), TENSOR_I32(y));
    return STATUS_OK;
}

Status integers_cumsum(Node *node, int64_t dim)
{
    Reduction r;
    Tensor *x, *y, *sums, *view;
    TRY(reduce_plan_dim(node, dim, &r));
    TRY(arranged(node, &r, &x));
    TRY(reduce_new(node, &r, DTYPE_I64, &sums, &view));
    kernel_row_cumsum_integers(r.rows, r.inner, TENSOR_I64(x), TENSOR_I64(sums));
    TRY(node_output(node, DTYPE_I64, view->ndim, view->shape, &y));
    return tensor_copy(y, view);
}
