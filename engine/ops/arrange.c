/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops that give a part of the elements, or all in another order: views, whose gradient goes back the same way. */
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

static Status permute_order(const Node *node, int order[TENSOR_MAX_DIMS])
{
    const OptionInts *dims = &((const PermuteAttrs *)node->attrs)->dims;
    const Tensor *x = node->inputs[0];
    bool used[TENSOR_MAX_DIMS] = {0};
    if (dims->count != x->ndim)
        return node_refuse(node, 0, "dims must name each of its %d dimensions once; got %lld", x->ndim,
                           (long long)dims->count);
    for (int i = 0; i < x->ndim; i++) {
        TRY(tensor_dim(x, dims->values[i], &order[i]));
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

/* --- slice --- */

static Status slice_view(const Node *node, Tensor *of, Tensor **out)
{
    const SliceAttrs *attrs = node->attrs;
    int dim;
    TRY(tensor_dim(of, attrs->dim, &dim));
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
    Tensor *full, *place;
    TRY(tensor_new_zeros(node->arena, DTYPE_F32, node->inputs[0]->ndim, node->inputs[0]->shape, &full));
    Status status = slice_view(node, full, &place);
    if (status == STATUS_OK) {
        status = tensor_copy(place, node->grad_outputs[0]);
        tensor_unref(place);
    }
    if (status == STATUS_OK) status = node_grad_is(node, 0, full);
    tensor_unref(full);
    return status;
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
