/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2). One tile of the grid is one head of
 * one sequence, so nothing is ever summed across tiles. Inside a tile blocks of queries are treated one after the
 * other against the keys that they may see, so that a causal mask saves about half of the work, and long sequences
 * need no length x length numbers: the way back computes the probabilities again (Dao et al. 2022). */
#ifndef LATHE_KERNELS_ATTENTION_H
#define LATHE_KERNELS_ATTENTION_H

#include "engine/base/random.h"

#include <stdbool.h>
#include <stdint.h>

/* q f32[batch,length,heads*size], k and v f32[batch,start+length,heads*size] or as head and sequence say, rows ld*
 * apart; lengths i32[batch] or NULL: keys from there on are not looked at, and a sequence of length 0 gives zeros.
 * Kept for the way back: probs f32[batch,heads,length,start+length] or, where that is NULL, lse
 * f32[batch,heads,length], the logarithm of each row's sum of exponentials. Dropout with p acts on the
 * probabilities by words of the stream at their place in probs. */
typedef struct Attention {
    int64_t batch, length, heads, size;
    int64_t ldq, ldk, ldv;
    const float *q, *k, *v;
    int64_t start;          /* keys of earlier calls that stand before the queries; forward only */
    int64_t head, sequence; /* of k and v: floats from head to head, from sequence to sequence; 0: as those of q */
    const int32_t *lengths;
    bool causal;
    double p;
    RandomKey key;
    float *probs, *lse, *scratch; /* scratch f32[threads, kernel_attention_scratch()] */
} Attention;

/* Whether sequences of the length are short enough to keep their probabilities. */
bool kernel_attention_keeps(int64_t length);
/* Elements of a thread's scratch. */
int64_t kernel_attention_scratch(int64_t length, int64_t keys);

/* out f32[batch,length,heads*size] */
void kernel_attention(const Attention *a, float *out);

/* Gradients dq, dk, dv f32[batch,length,heads*size], rows ld apart, from dout, contiguous. */
void kernel_attention_backward(const Attention *a, const float *dout, int64_t ld, float *dq, float *dk, float *dv);

/* The probabilities alone, without dropout: probs f32[batch,heads,length,start+length], into a->probs. */
void kernel_attention_probabilities(const Attention *a);

#endif
