/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ops as C functions, for models and objectives. Each calls tape_apply(); the record of the op says what it
 * computes, and its errors are those of tape_apply(). */
#ifndef LATHE_AUTOGRAD_FUNCTIONS_H
#define LATHE_AUTOGRAD_FUNCTIONS_H

#include "engine/autograd/tape.h"

Status f_linear(Tape *tape, Tensor *x, Tensor *weight, Tensor *bias, Tensor **y) STATUS_CHECKED;
Status f_linear_gelu(Tape *tape, Tensor *x, Tensor *weight, Tensor *bias, Tensor **y) STATUS_CHECKED;
/* bias may be NULL. */
Status f_layer_norm(Tape *tape, Tensor *x, Tensor *weight, Tensor *bias, double eps, Tensor **y) STATUS_CHECKED;
Status f_dropout(Tape *tape, Tensor *x, double p, Tensor **y) STATUS_CHECKED;
Status f_dropout_add_layer_norm(Tape *tape, Tensor *x, Tensor *residual, Tensor *weight, Tensor *bias, double p,
                                double eps, Tensor **y) STATUS_CHECKED;
/* k and v may be NULL, both: q holds queries, keys and values side by side. */
Status f_attention(Tape *tape, Tensor *q, Tensor *k, Tensor *v, Tensor *lengths, int64_t heads, bool causal,
                   double p, Tensor **y) STATUS_CHECKED;
/* offset: the place of the first row. */
Status f_rotary(Tape *tape, Tensor *x, int64_t heads, double theta, int64_t offset, Tensor **y) STATUS_CHECKED;
Status f_embedding(Tape *tape, Tensor *table, Tensor *ids, Tensor **y) STATUS_CHECKED;
/* positions may be NULL, and types and type_ids, both; offset: the place of the first token. */
Status f_embedding_sum(Tape *tape, Tensor *words, Tensor *positions, Tensor *types, Tensor *ids, Tensor *type_ids,
                       int64_t offset, Tensor **y) STATUS_CHECKED;
Status f_gather_rows(Tape *tape, Tensor *x, Tensor *index, Tensor **y) STATUS_CHECKED;
Status f_cross_entropy(Tape *tape, Tensor *logits, Tensor *targets, int64_t ignore_index,
                       Tensor **loss) STATUS_CHECKED;
Status f_add(Tape *tape, Tensor *a, Tensor *b, Tensor **y) STATUS_CHECKED;
Status f_mul(Tape *tape, Tensor *a, Tensor *b, Tensor **y) STATUS_CHECKED;
Status f_scale(Tape *tape, Tensor *x, double factor, Tensor **y) STATUS_CHECKED;
Status f_tanh(Tape *tape, Tensor *x, Tensor **y) STATUS_CHECKED;
Status f_relu(Tape *tape, Tensor *x, Tensor **y) STATUS_CHECKED;
Status f_sigmoid(Tape *tape, Tensor *x, Tensor **y) STATUS_CHECKED;
Status f_gelu(Tape *tape, Tensor *x, bool approximate_tanh, Tensor **y) STATUS_CHECKED;
Status f_geglu(Tape *tape, Tensor *x, Tensor **y) STATUS_CHECKED;
Status f_reshape(Tape *tape, Tensor *x, int ndim, const int64_t *shape, Tensor **y) STATUS_CHECKED;
Status f_select(Tape *tape, Tensor *x, int dim, int64_t index, Tensor **y) STATUS_CHECKED;
Status f_sub(Tape *tape, Tensor *a, Tensor *b, Tensor **y) STATUS_CHECKED;
Status f_concat(Tape *tape, Tensor *const *tensors, int count, int dim, Tensor **y) STATUS_CHECKED;
Status f_matmul(Tape *tape, Tensor *a, Tensor *b, Tensor **y) STATUS_CHECKED;
Status f_detach(Tape *tape, Tensor *x, Tensor **y) STATUS_CHECKED;
Status f_gradient_reverse(Tape *tape, Tensor *x, double scale, Tensor **y) STATUS_CHECKED;
Status f_l2_normalize(Tape *tape, Tensor *x, int dim, Tensor **y) STATUS_CHECKED;
/* The mean over all elements. */
Status f_mse_loss(Tape *tape, Tensor *input, Tensor *target, Tensor **loss) STATUS_CHECKED;
Status f_binary_cross_entropy_with_logits(Tape *tape, Tensor *input, Tensor *target, Tensor **loss) STATUS_CHECKED;

#endif
