/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops that pass the values on: in another type, without their history, or with another gradient. */
#include "engine/kernels/elementwise.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

static Status pass_on(Node *node)
{
    Tensor *view;
    TRY(tensor_alias(node->arena, node->inputs[0], &view));
    node_output_view(node, view);
    return STATUS_OK;
}

/* --- cast --- */

static Status cast_forward(Node *node)
{
    DType to = (DType)((const CastAttrs *)node->attrs)->dtype, from = node->inputs[0]->dtype;
    Tensor *x, *y;
    TRY(node_contiguous(node, 0, &x));
    TRY(node_output(node, to, x->ndim, x->shape, &y));
    if (from == DTYPE_F32 && to == DTYPE_BF16)
        kernel_to_bf16(tensor_count(x), TENSOR_F32(x), tensor_data(y));
    else if (from == DTYPE_BF16 && to == DTYPE_F32)
        kernel_from_bf16(tensor_count(x), tensor_data(x), TENSOR_F32(y));
    else
        return tensor_copy(y, x);
    return STATUS_OK;
}

/* Gradients are f32 whatever the tensor's type is: they pass through. */
static Status cast_backward(Node *node)
{
    return node_grad_is(node, 0, node->grad_outputs[0]);
}

/* Plain forms keep all of their bits. */
static Status cast_reference(Node *node)
{
    DType to = (DType)((const CastAttrs *)node->attrs)->dtype;
    bool real = dtype_is_real(to) && dtype_is_real(node->inputs[0]->dtype);
    return real ? pass_on(node) : cast_forward(node);
}

const Op op_cast = {
    .name = "cast",
    .doc = "The elements in another type. Between f32 and bf16 the gradient passes through as it is; integers have "
           "none.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .attrs =
        (const Option[]){OPTION_CHOICE_FIELD(CastAttrs, dtype, "f32", "f32 bf16 i32 i64 u8", "the new type"), {0}},
    .attrs_size = sizeof(CastAttrs),
    .saves = "nothing",
    .recompute = true,
    .forward = cast_forward,
    .backward = cast_backward,
    .reference = cast_reference,
    .cases = (const OpCase[]){{"f32[3,5]", "dtype=f32"}, {"f32[1]", ""}, {"f32[]", ""}, {0}},
};

/* --- no gradient --- */

const Op op_detach = {
    .name = "detach",
    .doc = "The same elements as a constant: no gradient passes to x.",
    .inputs = (const OpInput[]){{"x", "any tensor", .any = true}, {0}},
    .saves = "nothing",
    .constant = true,
    .forward = pass_on,
    .no_backward = "it is there to stop gradients",
    .cases = (const OpCase[]){{"f32[3,5]", ""}, {"i32[1]<3", ""}, {0}},
};

/* --- the gradient turned round --- */

static Status reverse_backward(Node *node)
{
    Tensor *minus;
    TRY(tensor_clone(node->arena, node->grad_outputs[0], &minus));
    TRY(node_keep(node, minus));
    float scale = (float)((const ReverseAttrs *)node->attrs)->scale;
    kernel_unary(UNARY_SCALE, tensor_count(minus), -scale, 0, TENSOR_F32(minus), TENSOR_F32(minus));
    return node_grad_is(node, 0, minus);
}

/* Its backward is no derivative except at scale -1, which the derived gradient check takes. */
const Op op_gradient_reverse = {
    .name = "gradient_reverse",
    .doc = "The same elements; backward, the gradient times -scale: what lies below learns the contrary.",
    .source = "Ganin, Lempitsky 2015, Unsupervised Domain Adaptation by Backpropagation",
    .inputs = (const OpInput[]){{"x", "any shape"}, {0}},
    .attrs =
        (const Option[]){
            OPTION_NUMBER_FIELD(ReverseAttrs, scale, 1, -1e30, 1e30, "the gradient is multiplied by -scale"), {0}},
    .attrs_size = sizeof(ReverseAttrs),
    .saves = "nothing",
    .recompute = true,
    .forward = pass_on,
    .backward = reverse_backward,
    .reference = pass_on,
    .cases = (const OpCase[]){{"f32[3,5]", "scale=-1"}, {"f32[1]", "scale=-1"}, {"f32[]", "scale=-1"}, {0}},
};
