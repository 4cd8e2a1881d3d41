/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs broadcast to a larger shape, and gradients back from it. */
#include "engine/kernels/reduce.h"
#include "engine/kernels/rows.h"
#include "engine/ops/op.h"

#include <stdio.h>

/* "add: a is f32[2,2], b is f32[3]: sizes 2 and 3 differ and neither is 1" */
static Status refuse(const Node *node, int64_t one, int64_t other)
{
    char all[OP_MAX_INPUTS * 64], shape[TENSOR_TEXT_SIZE];
    size_t used = 0;
    all[0] = '\0';
    for (int i = 0; i < node->input_count && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s is %s", i ? ", " : "",
                                 node->op->inputs[i].name, tensor_describe(node->inputs[i], shape));
    return status_fail(STATUS_INVALID, "%s: %s: sizes %lld and %lld differ and neither is 1", node->op->name, all,
                       (long long)one, (long long)other);
}

Status node_broadcast(const Node *node, int *ndim, int64_t shape[TENSOR_MAX_DIMS])
{
    *ndim = 0;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i]->ndim > *ndim) *ndim = node->inputs[i]->ndim;
    for (int d = 0; d < *ndim; d++) {
        shape[d] = 1;
        for (int i = 0; i < node->input_count; i++) {
            const Tensor *x = node->inputs[i];
            int at = d - (*ndim - x->ndim);
            int64_t size = at < 0 ? 1 : x->shape[at];
            if (size != 1 && shape[d] != 1 && size != shape[d]) return refuse(node, shape[d], size);
            if (size != 1) shape[d] = size;
        }
    }
    return STATUS_OK;
}

Status node_expanded(Node *node, int i, int ndim, const int64_t *shape, Tensor **out)
{
    Tensor *view;
    TRY(tensor_expand(node->arena, node->inputs[i], ndim, shape, &view));
    TRY(node_keep(node, view));
    *out = view;
    if (tensor_contiguous(view)) return STATUS_OK;
    TRY(tensor_clone(node->arena, view, out));
    return node_keep(node, *out);
}

Status node_expanded_as(Node *node, int i, DType dtype, int ndim, const int64_t *shape, Tensor **out)
{
    Tensor *wide;
    TRY(node_expanded(node, i, ndim, shape, &wide));
    *out = wide;
    if (wide->dtype == dtype) return STATUS_OK;
    TRY(node_scratch(node, dtype, ndim, shape, out));
    return tensor_copy(*out, wide);
}

/* Whether only leading dimensions were broadcast. */
static bool leading(const Tensor *spread, int64_t count)
{
    int64_t stride = 1;
    for (int d = spread->ndim - 1; d >= 0 && stride < count && spread->strides[d] == stride; d--)
        stride *= spread->shape[d];
    return stride == count;
}

static Status sum_columns(Node *node, const Tensor *full, int64_t width, float *out)
{
    int64_t rows = tensor_count(full) / width, shape[2] = {kernel_partial_rows(rows), width};
    Tensor *partial;
    TRY(node_scratch(node, DTYPE_F32, 2, shape, &partial));
    kernel_column_sum(rows, width, TENSOR_F32(full), false, out, TENSOR_F32(partial));
    return STATUS_OK;
}

Status node_grad_reduced(Node *node, int i, Tensor *full)
{
    const Tensor *input = node->inputs[i];
    Tensor *grad, *spread, *dense = full;
    bool accumulate;
    if (tensor_same_shape(input, full)) return node_grad_is(node, i, full);
    if (!tensor_contiguous(full)) {
        TRY(tensor_clone(node->arena, full, &dense));
        TRY(node_keep(node, dense));
    }
    TRY(node_grad(node, i, &grad, &accumulate));
    TRY(tensor_expand(node->arena, grad, full->ndim, full->shape, &spread));
    TRY(node_keep(node, spread));
    int64_t width = tensor_count(grad), count = tensor_count(full);
    if (width > 1 && count && leading(spread, width)) return sum_columns(node, dense, width, TENSOR_F32(grad));
    if (width == 1) {
        RowSums all = {.rows = 1, .inner = count, .x = TENSOR_F32(dense), .factor = 1};
        kernel_row_sums(ROW_SUM, &all, TENSOR_F32(grad));
        return STATUS_OK;
    }
    tensor_fill(grad, 0);
    kernel_sum_to(full->ndim, full->shape, spread->strides, TENSOR_F32(dense), TENSOR_F32(grad));
    return STATUS_OK;
}
