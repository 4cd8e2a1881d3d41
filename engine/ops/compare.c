/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparisons, which give u8 tensors of 1 and 0, and the choice by such a tensor. */
#include "engine/ops/integers.h"

static Status compare(Node *node, CompareKind kind)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *a, *b, *y;
    DType dtype =
        dtype_is_real(node->inputs[0]->dtype) || dtype_is_real(node->inputs[1]->dtype) ? DTYPE_F32 : DTYPE_I64;
    TRY(node_broadcast(node, &ndim, shape));
    TRY(node_expanded_as(node, 0, dtype, ndim, shape, &a));
    TRY(node_expanded_as(node, 1, dtype, ndim, shape, &b));
    TRY(node_output(node, DTYPE_U8, ndim, shape, &y));
    if (dtype == DTYPE_F32)
        kernel_compare(kind, tensor_count(y), TENSOR_F32(a), TENSOR_F32(b), tensor_data(y));
    else
        kernel_compare_integers(kind, tensor_count(y), tensor_data(a), tensor_data(b), tensor_data(y));
    return STATUS_OK;
}

static const OpInput two_inputs[] = {
    {"a", "any tensor", .any = true}, {"b", "a shape that broadcasts with it", .any = true}, {0}};
static const OpCase compare_cases[] = {{"f32[3,5] f32[3,5]", ""},
                                       {"i32[2,1,4]<3 i32[3,1]<3", ""},
                                       {"f32[] f32[1]", ""},
                                       {"i32[5]<2 f32[4,5]", ""},
                                       {0}};

#define COMPARISON(name_, kind_, doc_)                                                                             \
    static Status name_##_forward(Node *node)                                                                      \
    {                                                                                                              \
        return compare(node, kind_);                                                                               \
    }                                                                                                              \
    const Op op_##name_ = {.name = #name_,                                                                         \
                           .doc = doc_ " 1 or 0 for each element, u8, with broadcasting.",                         \
                           .inputs = two_inputs,                                                                   \
                           .saves = "nothing",                                                                     \
                           .forward = name_##_forward,                                                             \
                           .no_backward = "a comparison does not change with small changes of the elements",       \
                           .cases = compare_cases}
COMPARISON(eq, COMPARE_EQ, "Whether a = b:");
COMPARISON(ne, COMPARE_NE, "Whether a and b differ:");
COMPARISON(lt, COMPARE_LT, "Whether a < b:");
COMPARISON(le, COMPARE_LE, "Whether a <= b:");
COMPARISON(gt, COMPARE_GT, "Whether a > b:");
COMPARISON(ge, COMPARE_GE, "Whether a >= b:");

/* --- where --- */

/* The condition as u8: 1 where it is not 0. */
static Status as_mask(Node *node, int ndim, const int64_t *shape, Tensor **out)
{
    const Tensor *condition = node->inputs[0];
    DType dtype = dtype_is_real(condition->dtype) ? DTYPE_F32 : DTYPE_I64;
    Tensor *wide, *zero;
    if (condition->dtype == DTYPE_U8) return node_expanded(node, 0, ndim, shape, out);
    TRY(node_expanded_as(node, 0, dtype, ndim, shape, &wide));
    TRY(node_scratch(node, dtype, ndim, shape, &zero));
    tensor_fill(zero, 0);
    TRY(node_scratch(node, DTYPE_U8, ndim, shape, out));
    if (dtype == DTYPE_F32)
        kernel_compare(COMPARE_NE, tensor_count(wide), TENSOR_F32(wide), TENSOR_F32(zero), tensor_data(*out));
    else
        kernel_compare_integers(COMPARE_NE, tensor_count(wide), tensor_data(wide), tensor_data(zero),
                                tensor_data(*out));
    return STATUS_OK;
}

static Status where_forward(Node *node)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *mask, *a, *b, *y;
    TRY(node_broadcast(node, &ndim, shape));
    TRY(as_mask(node, ndim, shape, &mask));
    if (integers_given(node, 1)) return integers_where(node, mask);
    TRY(node_expanded(node, 1, ndim, shape, &a));
    TRY(node_expanded(node, 2, ndim, shape, &b));
    TRY(node_output(node, DTYPE_F32, ndim, shape, &y));
    kernel_where(tensor_count(y), tensor_data(mask), TENSOR_F32(a), TENSOR_F32(b), TENSOR_F32(y));
    return node_save(node, mask);
}

static Status where_reference(Node *node)
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *mask, *a, *b, *y;
    TRY(node_broadcast(node, &ndim, shape));
    TRY(as_mask(node, ndim, shape, &mask));
    TRY(node_expanded(node, 1, ndim, shape, &a));
    TRY(node_expanded(node, 2, ndim, shape, &b));
    TRY(node_output(node, DTYPE_F64, ndim, shape, &y));
    for (int64_t i = 0, n = tensor_count(y); i < n; i++)
        TENSOR_F64(y)[i] = ((const uint8_t *)tensor_data(mask))[i] ? TENSOR_F64(a)[i] : TENSOR_F64(b)[i];
    return STATUS_OK;
}

/* What was taken gets the gradient; the rest gets 0, and not 0 times an infinite slope. */
static Status where_backward(Node *node)
{
    Tensor *dy, *full;
    TRY(node_dense_gradient(node, &dy));
    for (int i = 1; i <= 2; i++) {
        if (!node->needs_grad[i]) continue;
        TRY(node_scratch(node, DTYPE_F32, dy->ndim, dy->shape, &full));
        kernel_where(tensor_count(dy), tensor_data(node->saved[0]), i == 1 ? TENSOR_F32(dy) : NULL,
                     i == 2 ? TENSOR_F32(dy) : NULL, TENSOR_F32(full));
        TRY(node_grad_reduced(node, i, full));
    }
    return STATUS_OK;
}

const Op op_where = {
    .name = "where",
    .doc = "a where the condition is not 0, else b, with broadcasting.",
    .inputs = (const OpInput[]){{"condition", "any tensor: 0 is no, all else yes", .any = true},
                                {"a", "a shape that broadcasts with it", .exact = true},
                                {"b", "a shape that broadcasts with both", .exact = true},
                                {0}},
    .saves = "condition",
    .recompute = true,
    .forward = where_forward,
    .backward = where_backward,
    .reference = where_reference,
    .cases = (const OpCase[]){{"i32[3,5]<2 f32[3,5] f32[3,5]", ""},
                              {"i32[3,1]<2 f32[1] f32[2,1,4]", ""},
                              {"i32[1]<2 f32[] f32[5]", ""},
                              {0}},
};
