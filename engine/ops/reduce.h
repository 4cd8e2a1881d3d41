/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ops share that reduce dimensions, or run along one: the input with these dimensions last, as rows. */
#ifndef LATHE_OPS_REDUCE_H
#define LATHE_OPS_REDUCE_H

#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

/* The input with the kept dimensions first and the reduced ones last, [rows][inner]. */
typedef struct Reduction {
    int order[TENSOR_MAX_DIMS], ndim, kept;
    int64_t rows, inner;
    bool reduced[TENSOR_MAX_DIMS];
} Reduction;

extern const Option reduce_options[]; /* of ReduceAttrs */

/* The dimensions of ReduceAttrs, which stands first in the op's attributes. */
Status reduce_plan(const Node *node, Reduction *out) STATUS_CHECKED;
/* One dimension, which may count from the end. */
Status reduce_plan_dim(const Node *node, int64_t dim, Reduction *out) STATUS_CHECKED;
/* A tensor of the input's shape in the plan's order, contiguous. */
Status reduce_arrange(Node *node, const Reduction *r, const Tensor *tensor, Tensor **out) STATUS_CHECKED;
/* An uninitialised tensor in the plan's order, and the view of it in the input's order. Both are scratch. */
Status reduce_new(Node *node, const Reduction *r, DType dtype, Tensor **arranged, Tensor **view) STATUS_CHECKED;
/* Refuses rows without an element, or with more than an i32 counts. */
Status reduce_check_extreme(const Node *node, const Reduction *r) STATUS_CHECKED;
/* The next output: what the reduction leaves, a number a row. */
Status reduce_output(Node *node, const Reduction *r, DType dtype, Tensor **y) STATUS_CHECKED;

/* The plain forms of ops that reduce: a number from the n elements of each row; and of ops along a dimension: n
 * elements from n. */
Status reduce_reference(Node *node, double (*value)(const Node *node, int64_t n, const double *x)) STATUS_CHECKED;
Status along_reference(Node *node, int64_t dim,
                       void (*row)(const Node *node, int64_t n, const double *x, double *y)) STATUS_CHECKED;

#endif
