/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For those who look on at calls of attention. */
#ifndef LATHE_OPS_ATTENTION_H
#define LATHE_OPS_ATTENTION_H

#include "engine/ops/op.h"

/* The probabilities of a call of the op attention whose forward pass is over, without dropout: a new tensor
 * f32[B,heads,T,T] of the pool, the caller's. Errors: memory. */
Status attention_probabilities(const Node *node, Tensor **out) STATUS_CHECKED;

#endif
