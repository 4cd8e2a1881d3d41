/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops that only change how elements are arranged, or take a part of them: views, whose gradient goes back the same
 * way. And concat, which is the contrary of slice. */
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

static Status reshape_forward(Node *node)
{
    const ShapeAttrs *attrs = node->attrs;
    Tensor *dense, *view;
    TRY(node_contiguous(node, 0, &dense));
    TRY(tensor_reshape(node->arena, dense, (int)attrs->shape.count, attrs->shape.values, &view));
    node_output_view(node, view);
    return STATUS_OK;
}

static Status reshape_backward(Node *node)
{
    Tensor *dense, *view;
    TRY(node_dense_gradient(node, &dense));
    TRY(tensor_reshape(node->arena, dense, node->inputs[0]->ndim, node->inputs[0]->shape, &view));
    TRY(node_keep(node, view));
    return node_grad_is(node, 0, view);
}

const Op op_reshape = {
    .name = "reshape",
    .doc = "The same elements in another shape; one size may be -1.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .attrs = (const Option[]){OPTION_INTS_FIELD(ShapeAttrs, shape, "-1", "sizes of the new shape"), {0}},
    .attrs_size = sizeof(ShapeAttrs),
    .recompute = true,
    .saves = "nothing",
    .forward = reshape_forward,
    .backward = reshape_backward,
    .cases =
        (const OpCase[]){{"f32[2,6]", "shape=3,4"}, {"f32[1]", "shape=1,1,1"}, {"f32[5,1,3]", "shape=-1"}, {0}},
};

/* --- expand --- */

/* PyTorch's rule: -1 keeps the size. */
static Status expand_forward(Node *node)
{
    const OptionInts *sizes = &((const ShapeAttrs *)node->attrs)->shape;
    const Tensor *x = node->inputs[0];
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = (int)sizes->count;
    Tensor *view;
    if (ndim < x->ndim || ndim > TENSOR_MAX_DIMS)
        return node_refuse(node, 0, "the new shape must have %d to %d dimensions; it has %d", x->ndim,
                           TENSOR_MAX_DIMS, ndim);
    for (int d = 0; d < ndim; d++) {
        int from = d - (ndim - x->ndim);
        shape[d] = sizes->values[d] == -1 && from >= 0 ? x->shape[from] : sizes->values[d];
        if (shape[d] < 0 || (from >= 0 && x->shape[from] != 1 && x->shape[from] != shape[d]))
            return node_refuse(node, 0, "it cannot become size %lld in dimension %d", (long long)shape[d], d);
    }
    TRY(tensor_expand(node->arena, node->inputs[0], ndim, shape, &view));
    node_output_view(node, view);
    return STATUS_OK;
}

static Status expand_backward(Node *node)
{
    return node_grad_reduced(node, 0, node->grad_outputs[0]);
}

const Op op_expand = {
    .name = "expand",
    .doc = "Broadcast to a larger shape: dimensions of size 1 are repeated, new ones come first.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .attrs = (const Option[]){OPTION_INTS_FIELD(ShapeAttrs, shape, "", "the new sizes; -1 keeps one"), {0}},
    .attrs_size = sizeof(ShapeAttrs),
    .recompute = true,
    .saves = "nothing",
    .forward = expand_forward,
    .backward = expand_backward,
    .cases = (const OpCase[]){{"f32[3,1]", "shape=2,3,5"}, {"f32[1]", "shape=7"}, {"f32[4]", "shape=3,-1"}, {0}},
};

/* --- permute --- */

static Status permute_order(const Node *node, int order[TENSOR_MAX_DIMS])
{
    const OptionInts *dims = &((const PermuteAttrs *)node->attrs)->dims;
    const Tensor *x = node->inputs[0];
    bool used[TENSOR_MAX_DIMS] = {0};
    if (dims->count != x->ndim)
        return node_refuse(node, 0, "dims must name each of its %d dimensions once; got %lld", x->ndim,
                           (long long)dims->count);
    for (int i = 0; i < x->ndim; i++) {
        TRY(node_dim(node, 0, dims->values[i], &order[i]));
        if (used[order[i]]) return node_refuse(node, 0, "dims names dimension %d twice", order[i]);
        used[order[i]] = true;
    }
    return STATUS_OK;
}

static Status permute_forward(Node *node)
{
    int order[TENSOR_MAX_DIMS];
    Tensor *view;
    TRY(permute_order(node, order));
    TRY(tensor_permute(node->arena, node->inputs[0], order, &view));
    node_output_view(node, view);
    return STATUS_OK;
}

static Status permute_backward(Node *node)
{
    int order[TENSOR_MAX_DIMS], back[TENSOR_MAX_DIMS];
    Tensor *view;
    TRY(permute_order(node, order));
    for (int i = 0; i < node->inputs[0]->ndim; i++) back[order[i]] = i;
    TRY(tensor_permute(node->arena, node->grad_outputs[0], back, &view));
    Status status = node_grad_is(node, 0, view);
    tensor_unref(view);
    return status;
}

const Op op_permute = {
    .name = "permute",
    .doc = "The dimensions in another order.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .attrs = (const Option[]){OPTION_INTS_FIELD(PermuteAttrs, dims, "", "the new order: 1,0 is a transpose"), {0}},
    .attrs_size = sizeof(PermuteAttrs),
    .recompute = true,
    .saves = "nothing",
    .forward = permute_forward,
    .backward = permute_backward,
    .cases = (const OpCase[]){{"f32[2,3,4]", "dims=2,0,1"}, {"f32[3,5]", "dims=1,0"}, {"f32[4]", "dims=0"}, {0}},
};

/* --- parts --- */

/* The gradient of a part: 0 in all other places. */
static Status give_part(Node *node, Status (*part)(const Node *node, Tensor *of, Tensor **out))
{
    Tensor *full, *place;
    TRY(tensor_new_zeros(node->arena, DTYPE_F32, node->inputs[0]->ndim, node->inputs[0]->shape, &full));
    TRY(node_keep(node, full));
    TRY(part(node, full, &place));
    TRY(node_keep(node, place));
    TRY(tensor_copy(place, node->grad_outputs[0]));
    return node_grad_is(node, 0, full);
}

static Status select_view(const Node *node, Tensor *of, Tensor **out)
{
    const SelectAttrs *attrs = node->attrs;
    int dim;
    TRY(node_dim(node, 0, attrs->dim, &dim));
    return tensor_select(node->arena, of, dim, attrs->index, out);
}

static Status select_forward(Node *node)
{
    Tensor *view;
    TRY(select_view(node, node->inputs[0], &view));
    node_output_view(node, view);
    return STATUS_OK;
}

static Status select_backward(Node *node)
{
    return give_part(node, select_view);
}

const Op op_select = {
    .name = "select",
    .doc = "One element of a dimension, which disappears.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .attrs = (const Option[]){OPTION_INT_FIELD(SelectAttrs, dim, 0, -6, 5, "dimension"),
                              OPTION_INT_FIELD(SelectAttrs, index, 0, 0, 9e15, "which element, from 0"),
                              {0}},
    .attrs_size = sizeof(SelectAttrs),
    .recompute = true,
    .saves = "nothing",
    .forward = select_forward,
    .backward = select_backward,
    .cases = (const OpCase[]){{"f32[2,5,3]", "dim=1 index=0"}, {"f32[4]", "dim=-1 index=3"}, {0}},
};

static Status slice_view(const Node *node, Tensor *of, Tensor **out)
{
    const SliceAttrs *attrs = node->attrs;
    int dim;
    TRY(node_dim(node, 0, attrs->dim, &dim));
    int64_t size = of->shape[dim], start = attrs->start < 0 ? attrs->start + size : attrs->start;
    int64_t stop = attrs->stop < 0 ? attrs->stop + size + 1 : attrs->stop;
    if (start < 0 || stop > size || start > stop)
        return node_refuse(node, 0, "the range %lld to %lld is outside of dimension %d", (long long)start,
                           (long long)stop, dim);
    return tensor_slice(node->arena, of, dim, start, stop, attrs->step, out);
}

static Status slice_forward(Node *node)
{
    Tensor *view;
    TRY(slice_view(node, node->inputs[0], &view));
    node_output_view(node, view);
    return STATUS_OK;
}

static Status slice_backward(Node *node)
{
    return give_part(node, slice_view);
}

const Op op_slice = {
    .name = "slice",
    .doc = "Elements start, start+step, ... below stop of one dimension.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .attrs =
        (const Option[]){OPTION_INT_FIELD(SliceAttrs, dim, 0, -6, 5, "dimension"),
                         OPTION_INT_FIELD(SliceAttrs, start, 0, -9e15, 9e15, "first; below 0 from the end"),
                         OPTION_INT_FIELD(SliceAttrs, stop, -1, -9e15, 9e15, "behind the last; -1: to the end"),
                         OPTION_INT_FIELD(SliceAttrs, step, 1, 1, 9e15, "every how many"),
                         {0}},
    .attrs_size = sizeof(SliceAttrs),
    .recompute = true,
    .saves = "nothing",
    .forward = slice_forward,
    .backward = slice_backward,
    .cases = (const OpCase[]){{"f32[5,4]", "dim=0 start=1 stop=4"},
                              {"f32[2,7]", "dim=1 start=0 stop=7 step=3"},
                              {"f32[3]", "start=2"},
                              {0}},
};

/* --- concat --- */

/* The sizes of the whole; each tensor must agree with the first in all dimensions but this one. */
static Status concat_shape(const Node *node, int *dim, int64_t shape[TENSOR_MAX_DIMS])
{
    const Tensor *first = node->inputs[0];
    char text[TENSOR_TEXT_SIZE];
    if (first->ndim == 0) return node_refuse(node, 0, "it must have at least 1 dimension");
    TRY(node_dim(node, 0, ((const DimAttrs *)node->attrs)->dim, dim));
    for (int d = 0; d < first->ndim; d++) shape[d] = first->shape[d];
    for (int i = 1; i < node->input_count; i++) {
        const Tensor *x = node->inputs[i];
        bool fits = x->ndim == first->ndim;
        for (int d = 0; fits && d < x->ndim; d++) fits = d == *dim || x->shape[d] == first->shape[d];
        if (!fits)
            return node_refuse(node, i, "the first one is %s, and along dimension %d they do not fit together",
                               tensor_describe(first, text), *dim);
        shape[*dim] += x->shape[*dim];
    }
    return STATUS_OK;
}

static Status concat_forward(Node *node)
{
    int64_t shape[TENSOR_MAX_DIMS], at = 0;
    int dim;
    Tensor *y, *place;
    TRY(concat_shape(node, &dim, shape));
    TRY(node_output(node, node->inputs[0]->dtype, node->inputs[0]->ndim, shape, &y));
    for (int i = 0; i < node->input_count; i++) {
        int64_t size = node->inputs[i]->shape[dim];
        TRY(tensor_slice(node->arena, y, dim, at, at + size, 1, &place));
        Status status = tensor_copy(place, node->inputs[i]);
        tensor_unref(place);
        TRY(status);
        at += size;
    }
    return STATUS_OK;
}

static Status concat_backward(Node *node)
{
    int dim;
    int64_t at = 0;
    Tensor *part;
    TRY(node_dim(node, 0, ((const DimAttrs *)node->attrs)->dim, &dim));
    for (int i = 0; i < node->input_count; i++) {
        int64_t size = node->inputs[i]->shape[dim];
        if (node->needs_grad[i]) {
            TRY(tensor_slice(node->arena, node->grad_outputs[0], dim, at, at + size, 1, &part));
            Status status = node_grad_is(node, i, part);
            tensor_unref(part);
            TRY(status);
        }
        at += size;
    }
    return STATUS_OK;
}

const Op op_concat = {
    .name = "concat",
    .doc = "Tensors one after the other along a dimension: concat({a, b, c}, dim).",
    .inputs = (const OpInput[]){{"tensors", "tensors of equal sizes but along dim", .exact = true}, {0}},
    .attrs = (const Option[]){OPTION_INT_FIELD(DimAttrs, dim, 0, -6, 5, "along which dimension"), {0}},
    .attrs_size = sizeof(DimAttrs),
    .variadic = true,
    .recompute = true,
    .saves = "nothing",
    .forward = concat_forward,
    .backward = concat_backward,
    .cases = (const OpCase[]){{"f32[3,5] f32[1,5] f32[4,5]", ""},
                              {"f32[2,1,3] f32[2,4,3]", "dim=1"},
                              {"f32[1]", ""},
                              {"f32[3,2] f32[3,1]", "dim=-1"},
                              {0}},
};
