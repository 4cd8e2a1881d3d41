/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/autograd/functions.h"

#include "engine/ops/attributes.h"

#include <string.h>

#define OP(name) extern const Op op_##name;
#include "engine/ops/ops.list"
#undef OP

#define APPLY(op, attrs, y, ...)                                                                                   \
    tape_apply(tape, &(op), (Tensor *[]){__VA_ARGS__}, sizeof((Tensor *[]){__VA_ARGS__}) / sizeof(Tensor *),       \
               attrs, y)

Status f_linear(Tape *tape, Tensor *x, Tensor *weight, Tensor *bias, Tensor **y)
{
    return APPLY(op_linear, NULL, y, x, weight, bias);
}

Status f_linear_gelu(Tape *tape, Tensor *x, Tensor *weight, Tensor *bias, Tensor **y)
{
    return APPLY(op_linear_gelu, NULL, y, x, weight, bias);
}

Status f_layer_norm(Tape *tape, Tensor *x, Tensor *weight, Tensor *bias, double eps, Tensor **y)
{
    return APPLY(op_layer_norm, &(EpsAttrs){eps}, y, x, weight, bias);
}

Status f_dropout(Tape *tape, Tensor *x, double p, Tensor **y)
{
    return APPLY(op_dropout, &(DropoutAttrs){p}, y, x);
}

Status f_dropout_add_layer_norm(Tape *tape, Tensor *x, Tensor *residual, Tensor *weight, Tensor *bias, double p,
                                double eps, Tensor **y)
{
    return APPLY(op_dropout_add_layer_norm, (&(DropoutNormAttrs){p, eps}), y, x, residual, weight, bias);
}

Status f_attention(Tape *tape, Tensor *q, Tensor *k, Tensor *v, Tensor *lengths, int64_t heads, bool causal,
                   double p, Tensor **y)
{
    return APPLY(op_attention, (&(AttentionAttrs){heads, causal, p}), y, q, k, v, lengths);
}

Status f_rotary(Tape *tape, Tensor *x, int64_t heads, double theta, int64_t offset, Tensor **y)
{
    return APPLY(op_rotary, (&(RotaryAttrs){heads, theta, offset}), y, x);
}

Status f_embedding(Tape *tape, Tensor *table, Tensor *ids, Tensor **y)
{
    return APPLY(op_embedding, NULL, y, table, ids);
}

Status f_embedding_sum(Tape *tape, Tensor *words, Tensor *positions, Tensor *types, Tensor *ids, Tensor *type_ids,
                       int64_t offset, Tensor **y)
{
    return APPLY(op_embedding_sum, &(EmbeddingSumAttrs){offset}, y, words, positions, types, ids, type_ids);
}

Status f_gather_rows(Tape *tape, Tensor *x, Tensor *index, Tensor **y)
{
    return APPLY(op_gather_rows, NULL, y, x, index);
}

Status f_cross_entropy(Tape *tape, Tensor *logits, Tensor *targets, int64_t ignore_index, Tensor **loss)
{
    return APPLY(op_cross_entropy, (&(CrossEntropyAttrs){ignore_index, 0}), loss, logits, targets);
}

Status f_add(Tape *tape, Tensor *a, Tensor *b, Tensor **y)
{
    return APPLY(op_add, NULL, y, a, b);
}

Status f_mul(Tape *tape, Tensor *a, Tensor *b, Tensor **y)
{
    return APPLY(op_mul, NULL, y, a, b);
}

Status f_scale(Tape *tape, Tensor *x, double factor, Tensor **y)
{
    return APPLY(op_scale, &(ScaleAttrs){factor}, y, x);
}

Status f_relu(Tape *tape, Tensor *x, Tensor **y)
{
    return APPLY(op_relu, NULL, y, x);
}

Status f_sigmoid(Tape *tape, Tensor *x, Tensor **y)
{
    return APPLY(op_sigmoid, NULL, y, x);
}

Status f_tanh(Tape *tape, Tensor *x, Tensor **y)
{
    return APPLY(op_tanh, NULL, y, x);
}

Status f_reshape(Tape *tape, Tensor *x, int ndim, const int64_t *shape, Tensor **y)
{
    ShapeAttrs attrs = {.shape.count = ndim};
    memcpy(attrs.shape.values, shape, (size_t)ndim * sizeof *shape);
    return APPLY(op_reshape, &attrs, y, x);
}

Status f_select(Tape *tape, Tensor *x, int dim, int64_t index, Tensor **y)
{
    return APPLY(op_select, (&(SelectAttrs){dim, index}), y, x);
}

Status f_gelu(Tape *tape, Tensor *x, bool approximate_tanh, Tensor **y)
{
    return APPLY(op_gelu, &(GeluAttrs){approximate_tanh}, y, x);
}

Status f_geglu(Tape *tape, Tensor *x, Tensor **y)
{
    return APPLY(op_geglu, NULL, y, x);
}

Status f_sub(Tape *tape, Tensor *a, Tensor *b, Tensor **y)
{
    return APPLY(op_sub, NULL, y, a, b);
}

Status f_concat(Tape *tape, Tensor *const *tensors, int count, int dim, Tensor **y)
{
    return tape_apply(tape, &op_concat, tensors, count, &(DimAttrs){dim}, y);
}

Status f_matmul(Tape *tape, Tensor *a, Tensor *b, Tensor **y)
{
    return APPLY(op_matmul, NULL, y, a, b);
}

Status f_detach(Tape *tape, Tensor *x, Tensor **y)
{
    return APPLY(op_detach, NULL, y, x);
}

Status f_gradient_reverse(Tape *tape, Tensor *x, double scale, Tensor **y)
{
    return APPLY(op_gradient_reverse, &(ReverseAttrs){scale}, y, x);
}

Status f_l2_normalize(Tape *tape, Tensor *x, int dim, Tensor **y)
{
    return APPLY(op_l2_normalize, (&(NormalizeAttrs){dim, 1e-12}), y, x);
}

Status f_mse_loss(Tape *tape, Tensor *input, Tensor *target, Tensor **loss)
{
    return APPLY(op_mse_loss, NULL, loss, input, target);
}

Status f_binary_cross_entropy_with_logits(Tape *tape, Tensor *input, Tensor *target, Tensor **loss)
{
    return APPLY(op_binary_cross_entropy_with_logits, NULL, loss, input, target);
}
