/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/attention.h"

#include "engine/base/threads.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/philox.h"
#include "engine/kernels/vector.h"

#include <string.h>

typedef struct Pass {
    const Attention *a;
    float *out;        /* forward */
    const float *dout; /* backward */
    float *dq, *dk, *dv;
} Pass;

/* Where the tile's head of its sequence begins. */
typedef struct Head {
    const float *q, *k, *v;
    int64_t batch, place, keys, square; /* place: of the head in a contiguous [batch,length,heads*size] */
    float *probs, *scratch;
} Head;

static Head head_of(const Attention *a, int64_t tile)
{
    int64_t b = tile / a->heads, h = tile % a->heads, square = a->length * a->length;
    int64_t keys = a->lengths ? a->lengths[b] : a->length;
    return (Head){a->q + b * a->length * a->ldq + h * a->size,
                  a->k + b * a->length * a->ldk + h * a->size,
                  a->v + b * a->length * a->ldv + h * a->size,
                  b,
                  b * a->length * a->heads * a->size + h * a->size,
                  keys < 0 ? 0 : smaller(keys, a->length),
                  square,
                  a->probs + tile * square,
                  a->scratch + threads_index() * 2 * square};
}

VECTOR_CLONES static void softmax_row(int64_t n, float scale, float *restrict x)
{
    float high = x[0], sum = 0;
#pragma omp simd reduction(max : high)
    for (int64_t i = 0; i < n; i++) high = x[i] > high ? x[i] : high;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        x[i] = expf((x[i] - high) * scale);
        sum += x[i];
    }
    float share = 1 / sum;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) x[i] *= share;
}

static void forward_tile(void *context, int64_t tile)
{
    const Pass *pass = context;
    const Attention *a = pass->a;
    Head head = head_of(a, tile);
    int64_t t = a->length, wide = a->heads * a->size;
    float *probs = head.probs, *out = pass->out + head.place;
    if (head.keys == 0) {
        memset(probs, 0, (size_t)head.square * sizeof *probs);
        for (int64_t row = 0; row < t; row++) memset(out + row * wide, 0, (size_t)a->size * sizeof *out);
        return;
    }
    kernel_gemm_small(false, true, t, head.keys, a->size, 1, head.q, a->ldq, head.k, a->ldk, false, probs, t);
    for (int64_t row = 0; row < t; row++) {
        int64_t seen = a->causal ? smaller(row + 1, head.keys) : head.keys;
        softmax_row(seen, 1 / sqrtf((float)a->size), probs + row * t);
        memset(probs + row * t + seen, 0, (size_t)(t - seen) * sizeof *probs);
    }
    if (a->p > 0) {
        philox_dropout(a->key, tile * head.square, head.square, a->p, probs, head.scratch);
        probs = head.scratch;
    }
    kernel_gemm_small(false, false, t, a->size, head.keys, 1, probs, t, head.v, a->ldv, false, out, wide);
}

void kernel_attention(const Attention *a, float *out)
{
    Pass pass = {.a = a, .out = out};
    threads_run(a->batch * a->heads, forward_tile, &pass);
}

/* dscores = probs (dprobs - sum(dprobs probs)) scale, in place of dprobs. */
VECTOR_CLONES static void softmax_backward_row(int64_t n, float scale, const float *restrict probs,
                                               float *restrict d)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) sum += probs[i] * d[i];
#pragma omp simd
    for (int64_t i = 0; i < n; i++) d[i] = probs[i] * (d[i] - sum) * scale;
}

static void clear_rows(int64_t from, int64_t to, int64_t wide, int64_t size, float *x)
{
    for (int64_t row = from; row < to; row++) memset(x + row * wide, 0, (size_t)size * sizeof *x);
}

static void backward_tile(void *context, int64_t tile)
{
    const Pass *pass = context;
    const Attention *a = pass->a;
    Head head = head_of(a, tile);
    int64_t t = a->length, wide = a->heads * a->size, keys = head.keys;
    const float *dout = pass->dout + head.place, *dropped = head.probs;
    float *d = head.scratch + head.square;
    clear_rows(keys, t, wide, a->size, pass->dk + head.place);
    clear_rows(keys, t, wide, a->size, pass->dv + head.place);
    if (keys == 0) {
        clear_rows(0, t, wide, a->size, pass->dq + head.place);
        return;
    }
    if (a->p > 0) {
        philox_dropout(a->key, tile * head.square, head.square, a->p, head.probs, head.scratch);
        dropped = head.scratch;
    }
    kernel_gemm_small(true, false, keys, a->size, t, 1, dropped, t, dout, wide, false, pass->dv + head.place, wide);
    kernel_gemm_small(false, true, t, keys, a->size, 1, dout, wide, head.v, a->ldv, false, d, t);
    if (a->p > 0) {
        for (int64_t row = 0; row < t; row++) memset(d + row * t + keys, 0, (size_t)(t - keys) * sizeof *d);
        philox_dropout(a->key, tile * head.square, head.square, a->p, d, d);
    }
    for (int64_t row = 0; row < t; row++)
        softmax_backward_row(keys, 1 / sqrtf((float)a->size), head.probs + row * t, d + row * t);
    kernel_gemm_small(false, false, t, a->size, keys, 1, d, t, head.k, a->ldk, false, pass->dq + head.place, wide);
    kernel_gemm_small(true, false, keys, a->size, t, 1, d, t, head.q, a->ldq, false, pass->dk + head.place, wide);
}

void kernel_attention_backward(const Attention *a, const float *dout, float *dq, float *dk, float *dv)
{
    Pass pass = {.a = a, .dout = dout, .dq = dq, .dk = dk, .dv = dv};
    threads_run(a->batch * a->heads, backward_tile, &pass);
}
