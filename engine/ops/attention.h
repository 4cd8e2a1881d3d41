/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the op attention has beside its record: the cache of generation, and its probabilities for those who look
 * on. */
#ifndef LATHE_OPS_ATTENTION_H
#define LATHE_OPS_ATTENTION_H

#include "engine/ops/op.h"

/* Keys and values of earlier calls, the node's cache (tape_set_cache()): the call's own are put behind them, and
 * its queries look at all. Makers own the tensors; 'length' grows when they say so, so that a failed pass leaves no
 * trace. */
typedef struct AttentionCache {
    Tensor *keys, *values; /* f32[B,heads,capacity,size] */
    int64_t length;        /* places that are filled */
} AttentionCache;

/* The probabilities of a call of the op attention whose forward pass is over, without dropout: a new tensor
 * f32[B,heads,T,T] of the pool, the caller's. Errors: memory. */
Status attention_probabilities(const Node *node, Tensor **out) STATUS_CHECKED;

#endif
