/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops that only change how the elements are arranged. */
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

/* --- one element of a dimension --- */

static Status select_forward(Node *node)
{
    const SelectAttrs *attrs = node->attrs;
    Tensor *view;
    int dim;
    TRY(tensor_dim(node->inputs[0], attrs->dim, &dim));
    TRY(tensor_select(node->arena, node->inputs[0], dim, attrs->index, &view));
    node_output_view(node, view);
    return STATUS_OK;
}

static Status select_backward(Node *node)
{
    const SelectAttrs *attrs = node->attrs;
    Tensor *full, *place;
    int dim;
    TRY(tensor_dim(node->inputs[0], attrs->dim, &dim));
    TRY(tensor_new_zeros(node->arena, DTYPE_F32, node->inputs[0]->ndim, node->inputs[0]->shape, &full));
    Status status = tensor_select(node->arena, full, dim, attrs->index, &place);
    if (status == STATUS_OK) {
        status = tensor_copy(place, node->grad_outputs[0]);
        tensor_unref(place);
    }
    if (status == STATUS_OK) status = node_grad_is(node, 0, full);
    tensor_unref(full);
    return status;
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
