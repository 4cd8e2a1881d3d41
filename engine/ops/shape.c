/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops that only change how the elements are arranged. */
#include "engine/ops/op.h"

typedef struct ReshapeAttrs {
    OptionInts shape;
} ReshapeAttrs;

static Status reshape_forward(Node *node)
{
    const ReshapeAttrs *attrs = node->attrs;
    Tensor *dense, *view;
    TRY(node_contiguous(node, 0, &dense));
    Status status = tensor_reshape(node->arena, dense, (int)attrs->shape.count, attrs->shape.values, &view);
    tensor_unref(dense);
    TRY(status);
    node_output_view(node, view);
    return STATUS_OK;
}

static Status reshape_backward(Node *node)
{
    Tensor *dense, *view;
    TRY(tensor_contiguous(node->grad_outputs[0]) ? (dense = tensor_ref(node->grad_outputs[0]), STATUS_OK)
                                                 : tensor_clone(node->arena, node->grad_outputs[0], &dense));
    Status status = tensor_reshape(node->arena, dense, node->inputs[0]->ndim, node->inputs[0]->shape, &view);
    tensor_unref(dense);
    TRY(status);
    status = node_grad_is(node, 0, view);
    tensor_unref(view);
    return status;
}

const Op op_reshape = {
    .name = "reshape",
    .doc = "The same elements in another shape; one size may be -1.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .attrs = (const Option[]){OPTION_INTS_FIELD(ReshapeAttrs, shape, "-1", "sizes of the new shape"), {0}},
    .attrs_size = sizeof(ReshapeAttrs),
    .recompute = true,
    .saves = "nothing",
    .forward = reshape_forward,
    .backward = reshape_backward,
    .cases =
        (const OpCase[]){{"f32[2,6]", "shape=3,4"}, {"f32[1]", "shape=1,1,1"}, {"f32[5,1,3]", "shape=-1"}, {0}},
};
