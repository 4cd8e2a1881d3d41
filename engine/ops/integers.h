/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forward passes of ops whose inputs are marked exact, for integers: computed in 64 bits, which wrap round; the
 * result has the type of the inputs, the tape having given them one in common, and sums are i64. */
#ifndef LATHE_OPS_INTEGERS_H
#define LATHE_OPS_INTEGERS_H

#include "engine/kernels/integers.h"
#include "engine/ops/op.h"

/* Whether the inputs from that one on are integers. */
bool integers_given(const Node *node, int i);
/* a, b: as of kernel_unary_integers(); bounds beyond 64 bits are cut. */
Status integers_unary(Node *node, UnaryKind kind, double a, double b) STATUS_CHECKED;
Status integers_binary(Node *node, BinaryKind kind) STATUS_CHECKED;
/* inputs 1 and 2 by a mask u8 of the shape. */
Status integers_where(Node *node, const Tensor *mask) STATUS_CHECKED;
/* Reductions of ReduceAttrs. */
Status integers_sum(Node *node) STATUS_CHECKED;
Status integers_extreme(Node *node, int sign) STATUS_CHECKED;
Status integers_argmax(Node *node) STATUS_CHECKED;
Status integers_cumsum(Node *node, int64_t dim) STATUS_CHECKED;

#endif
