/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2). One tile of the grid is one head of
 * one sequence, so nothing is ever summed across tiles. */
#ifndef LATHE_KERNELS_ATTENTION_H
#define LATHE_KERNELS_ATTENTION_H

#include "engine/base/random.h"

#include <stdbool.h>
#include <stdint.h>

/* q, k, v, out f32[batch,length,heads*size], rows ld* apart; lengths i32[batch] or NULL: keys from there on are not
 * looked at, and a sequence of length 0 gives zeros. probs f32[batch,heads,length,length] is kept for the way back.
 * Dropout with p acts on the probabilities by words of the stream at their place in probs. */
typedef struct Attention {
    int64_t batch, length, heads, size;
    int64_t ldq, ldk, ldv;
    const float *q, *k, *v;
    const int32_t *lengths;
    bool causal;
    double p;
    RandomKey key;
    float *probs, *scratch; /* scratch f32[threads, 2, length, length] */
} Attention;

void kernel_attention(const Attention *a, float *out);

/* Gradients dq, dk, dv f32[batch,length,heads*size], contiguous, from dout. */
void kernel_attention_backward(const Attention *a, const float *dout, float *dq, float *dk, float *dv);

#endif
