/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/attention.h"

#include "engine/base/threads.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/philox.h"
#include "engine/kernels/vector.h"

#include <string.h>

enum {
    KEPT_LENGTH = 128, /* up to this length the probabilities are kept: reading them is faster than the product */
    BLOCK_ROWS = 128,  /* queries of a block, and of a causal one, where smaller blocks leave less above the mask */
    BLOCK_CAUSAL = 64,
    SCRATCH_BLOCKS = 3
};

typedef struct Pass {
    const Attention *a;
    float *out;        /* forward; NULL: only the probabilities */
    const float *dout; /* backward */
    int64_t ld;
    float *dq, *dk, *dv;
} Pass;

/* The tile's head of its sequence, and a block of its queries. */
typedef struct Head {
    const Attention *a;
    const float *q, *k, *v;
    int64_t tile, batch, head, keys;
    float scale;
    float *scratch[SCRATCH_BLOCKS];
} Head;

typedef struct Block {
    int64_t row, rows, seen; /* queries row to row + rows - 1 see at most keys 0 to seen - 1 */
    float *probs;            /* [rows, length], columns below seen */
} Block;

bool kernel_attention_keeps(int64_t length)
{
    return length <= KEPT_LENGTH;
}

int64_t kernel_attention_scratch(int64_t length, int64_t keys)
{
    return SCRATCH_BLOCKS * smaller(BLOCK_ROWS, length) * keys;
}

/* How many there are for the last query: the length of a row of probabilities. */
static int64_t keys_of(const Attention *a)
{
    return a->start + a->length;
}

static Head head_of(const Attention *a, int64_t tile)
{
    int64_t b = tile / a->heads, h = tile % a->heads, all = kernel_attention_scratch(a->length, keys_of(a));
    int64_t keys = a->lengths ? a->lengths[b] : keys_of(a), part = all / SCRATCH_BLOCKS;
    int64_t head = h * (a->head ? a->head : a->size);
    float *scratch = a->scratch + threads_index() * all;
    return (Head){.a = a,
                  .q = a->q + b * a->length * a->ldq + h * a->size,
                  .k = a->k + b * (a->sequence ? a->sequence : keys_of(a) * a->ldk) + head,
                  .v = a->v + b * (a->sequence ? a->sequence : keys_of(a) * a->ldv) + head,
                  .tile = tile,
                  .batch = b,
                  .head = h,
                  .keys = keys < 0 ? 0 : smaller(keys, keys_of(a)),
                  .scale = 1 / sqrtf((float)a->size),
                  .scratch = {scratch, scratch + part, scratch + 2 * part}};
}

/* Where the head's rows begin in a [batch,length,heads*size] with rows ld apart. */
static int64_t place_of(const Head *head, int64_t ld)
{
    return head->batch * head->a->length * ld + head->head * head->a->size;
}

static int64_t blocks_of(const Attention *a)
{
    return tiles_of(a->length, a->causal ? BLOCK_CAUSAL : BLOCK_ROWS);
}

static Block block_of(const Head *head, int64_t number)
{
    const Attention *a = head->a;
    int64_t most = a->causal ? BLOCK_CAUSAL : BLOCK_ROWS, row = number * most,
            rows = smaller(most, a->length - row);
    float *kept = a->probs ? a->probs + (head->tile * a->length + row) * keys_of(a) : NULL;
    return (Block){row, rows, a->causal ? smaller(a->start + row + rows, head->keys) : head->keys,
                   kept ? kept : head->scratch[0]};
}

/* How many keys a query may see. */
static int64_t row_sees(const Head *head, int64_t row)
{
    return head->a->causal ? smaller(head->a->start + row + 1, head->keys) : head->keys;
}

/* x = softmax(scale x); returns the logarithm of the sum of exponentials. */
VECTOR_CLONES static float softmax_row(int64_t n, float scale, float *restrict x)
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
    return high * scale + logf(sum);
}

/* The same again from that logarithm. */
VECTOR_CLONES static void softmax_again(int64_t n, float scale, float lse, float *restrict x)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) x[i] = expf(x[i] * scale - lse);
}

static void block_scores(const Head *head, const Block *block)
{
    const Attention *a = head->a;
    kernel_gemm_small(false, true, block->rows, block->seen, a->size, 1, head->q + block->row * a->ldq, a->ldq,
                      head->k, a->ldk, false, block->probs, keys_of(a));
}

/* again: on the way back, from the kept logarithms. */
static void block_probs(const Head *head, const Block *block, bool again)
{
    const Attention *a = head->a;
    float *lse = a->lse ? a->lse + head->tile * a->length + block->row : NULL;
    block_scores(head, block);
    for (int64_t row = 0; row < block->rows; row++) {
        int64_t sees = row_sees(head, block->row + row);
        float *x = block->probs + row * keys_of(a);
        if (again)
            softmax_again(sees, head->scale, lse[row], x);
        else {
            float sum = softmax_row(sees, head->scale, x);
            if (lse) lse[row] = sum;
        }
        memset(x + sees, 0, (size_t)(block->seen - sees) * sizeof *x);
    }
}

/* y = x with dropout, by each number's place among the probabilities. */
static void block_dropout(const Head *head, const Block *block, const float *x, float *y)
{
    const Attention *a = head->a;
    for (int64_t row = 0; row < block->rows; row++) {
        int64_t at = row * keys_of(a);
        philox_dropout(a->key, (head->tile * a->length + block->row) * keys_of(a) + at, block->seen, a->p, x + at,
                       y + at);
    }
}

static void clear_rows(int64_t from, int64_t to, int64_t ld, int64_t size, float *x)
{
    for (int64_t row = from; row < to; row++) memset(x + row * ld, 0, (size_t)size * sizeof *x);
}

/* Kept probabilities of keys that nobody sees are zeros. */
static void clear_kept(const Head *head, const Block *block)
{
    const Attention *a = head->a;
    if (a->probs) clear_rows(0, block->rows, keys_of(a), keys_of(a) - block->seen, block->probs + block->seen);
}

static void forward_tile(void *context, int64_t tile)
{
    const Pass *pass = context;
    const Attention *a = pass->a;
    Head head = head_of(a, tile);
    int64_t wide = a->heads * a->size;
    float *out = pass->out ? pass->out + place_of(&head, wide) : NULL;
    if (head.keys == 0 && out) clear_rows(0, a->length, wide, a->size, out);
    for (int64_t number = 0; number < blocks_of(a); number++) {
        Block block = block_of(&head, number);
        const float *probs = block.probs;
        clear_kept(&head, &block);
        if (head.keys == 0) continue;
        block_probs(&head, &block, false);
        if (!out) continue;
        if (a->p > 0) {
            block_dropout(&head, &block, probs, head.scratch[1]);
            probs = head.scratch[1];
        }
        kernel_gemm_small(false, false, block.rows, a->size, block.seen, 1, probs, keys_of(a), head.v, a->ldv,
                          false, out + block.row * wide, wide);
    }
}

void kernel_attention(const Attention *a, float *out)
{
    Pass pass = {.a = a, .out = out};
    threads_run(a->batch * a->heads, forward_tile, &pass);
}

void kernel_attention_probabilities(const Attention *a)
{
    Pass pass = {.a = a};
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

/* dq, dk, dv: of this head. first: dk and dv have nothing yet. */
static void backward_block(const Head *head, const Block *block, bool first, const Pass *pass, float *dq, float *dk,
                           float *dv)
{
    const Attention *a = head->a;
    int64_t t = keys_of(a), wide = a->heads * a->size, ld = pass->ld;
    const float *dout = pass->dout + place_of(head, wide) + block->row * wide, *dropped = block->probs;
    float *d = head->scratch[2];
    if (!a->probs) block_probs(head, block, true);
    if (a->p > 0) {
        block_dropout(head, block, block->probs, head->scratch[1]);
        dropped = head->scratch[1];
    }
    kernel_gemm_small(true, false, block->seen, a->size, block->rows, 1, dropped, t, dout, wide, !first, dv, ld);
    kernel_gemm_small(false, true, block->rows, block->seen, a->size, 1, dout, wide, head->v, a->ldv, false, d, t);
    if (a->p > 0) block_dropout(head, block, d, d);
    for (int64_t row = 0; row < block->rows; row++)
        softmax_backward_row(block->seen, head->scale, block->probs + row * t, d + row * t);
    kernel_gemm_small(false, false, block->rows, a->size, block->seen, 1, d, t, head->k, a->ldk, false,
                      dq + block->row * ld, ld);
    kernel_gemm_small(true, false, block->seen, a->size, block->rows, 1, d, t, head->q + block->row * a->ldq,
                      a->ldq, !first, dk, ld);
}

static void backward_tile(void *context, int64_t tile)
{
    const Pass *pass = context;
    const Attention *a = pass->a;
    Head head = head_of(a, tile);
    int64_t place = place_of(&head, pass->ld), last = blocks_of(a) - 1;
    float *dq = pass->dq + place, *dk = pass->dk + place, *dv = pass->dv + place;
    clear_rows(head.keys, a->length, pass->ld, a->size, dk);
    clear_rows(head.keys, a->length, pass->ld, a->size, dv);
    if (head.keys == 0) {
        clear_rows(0, a->length, pass->ld, a->size, dq);
        return;
    }
    for (int64_t number = last; number >= 0; number--) { /* the last block sees all keys: it sets, the others add */
        Block block = block_of(&head, number);
        backward_block(&head, &block, number == last, pass, dq, dk, dv);
    }
}

void kernel_attention_backward(const Attention *a, const float *dout, int64_t ld, float *dq, float *dk, float *dv)
{
    Pass pass = {.a = a, .dout = dout, .ld = ld, .dq = dq, .dk = dk, .dv = dv};
    threads_run(a->batch * a->heads, backward_tile, &pass);
}
