/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fused multi-head attention. q, k, v f32[B,T,H] (views of one packed tensor are fine) -> f32[B,T,H]. */
#include "engine/ops/attention.h"

#include "engine/base/threads.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/philox.h"
#include "engine/ops/attributes.h"

#include <math.h>
#include <string.h>

/* q holds queries, keys and values side by side. */
static bool packed(const Node *node)
{
    return !node->inputs[1] && !node->inputs[2];
}

static int64_t width_of(const Node *node)
{
    return node->inputs[0]->shape[2] / (packed(node) ? 3 : 1);
}

static Status check_width(const Node *node)
{
    const AttentionAttrs *attrs = node->attrs;
    int64_t parts = packed(node) ? 3 : 1;
    if (attrs->heads < 1 || node->inputs[0]->shape[2] % (parts * attrs->heads))
        return node_refuse(node, 0, "its width is not a multiple of %s%lld heads", parts > 1 ? "3 x " : "",
                           (long long)attrs->heads);
    return STATUS_OK;
}

static Status check(const Node *node)
{
    const Tensor *q = node->inputs[0], *lengths = node->inputs[3];
    TRY(node_expect_ndim(node, 0, 3));
    for (int i = 1; i < 3 && !packed(node); i++) {
        if (!node->inputs[i]) return node_refuse(node, 0, "keys and values are given both or packed behind q");
        if (!tensor_same_shape(q, node->inputs[i])) return node_refuse(node, i, "q has another shape");
    }
    TRY(check_width(node));
    if (lengths && (lengths->ndim != 1 || lengths->shape[0] != q->shape[0] || lengths->dtype != DTYPE_I32 ||
                    !tensor_contiguous(lengths)))
        return node_refuse(node, 3, "it must be contiguous i32[%lld]", (long long)q->shape[0]);
    return STATUS_OK;
}

/* A tensor whose rows are contiguous and evenly spaced can be read in place. */
static bool is_even(const Tensor *x)
{
    return x->strides[2] == 1 && x->strides[0] == x->strides[1] * x->shape[1];
}

static Status rows_of(Node *node, int i, Tensor **out)
{
    *out = node->inputs[i];
    if (!*out || is_even(*out)) return STATUS_OK;
    TRY(tensor_clone(node->arena, node->inputs[i], out));
    return node_keep(node, *out);
}

/* qkv: what rows_of() gave; k and v NULL where they are packed. */
static Attention describe(const Node *node, Tensor *const qkv[3])
{
    const AttentionAttrs *attrs = node->attrs;
    const Tensor *q = qkv[0], *k = qkv[1] ? qkv[1] : q, *v = qkv[2] ? qkv[2] : q;
    int64_t width = width_of(node), skip = qkv[1] ? 0 : width;
    return (Attention){.batch = q->shape[0],
                       .length = q->shape[1],
                       .heads = attrs->heads,
                       .size = width / attrs->heads,
                       .ldq = q->strides[1],
                       .ldk = k->strides[1],
                       .ldv = v->strides[1],
                       .q = TENSOR_F32(q),
                       .k = TENSOR_F32(k) + skip,
                       .v = TENSOR_F32(v) + 2 * skip,
                       .lengths = node->inputs[3] ? TENSOR_I32(node->inputs[3]) : NULL,
                       .causal = attrs->causal,
                       .p = node->training ? attrs->p : 0,
                       .key = node->random};
}

static Status add_scratch(Node *node, Attention *a)
{
    Tensor *scratch;
    TRY(node_scratch(node, DTYPE_F32, 2,
                     (int64_t[]){threads_count(), kernel_attention_scratch(a->length, a->start + a->length)},
                     &scratch));
    a->scratch = TENSOR_F32(scratch);
    return STATUS_OK;
}

/* Probabilities, or the logarithms that give them again, are the first that is saved. */
static void add_kept(const Tensor *kept, Attention *a)
{
    *(kept->ndim == 4 ? &a->probs : &a->lse) = TENSOR_F32(kept);
}

/* --- generation --- */

static Status check_cache(const Node *node, const AttentionCache *cache)
{
    const AttentionAttrs *attrs = node->attrs;
    const Tensor *q = node->inputs[0];
    const int64_t *shape = cache->keys->shape;
    char text[TENSOR_TEXT_SIZE];
    if (node->recording || !attrs->causal || node->inputs[3])
        return node_refuse(node, 0, "a cache is for causal generation without gradients and lengths");
    if (shape[0] != q->shape[0] || shape[1] != attrs->heads || shape[3] != width_of(node) / attrs->heads)
        return node_refuse(node, 0, "the cache is %s", tensor_describe(cache->keys, text));
    if (q->shape[1] > shape[2] - cache->length)
        return node_refuse(node, 0, "the cache has room for %lld more places",
                           (long long)(shape[2] - cache->length));
    return STATUS_OK;
}

/* rows of x, ld apart, behind the filled places of the cache's keys or values. */
static void put_behind(const Attention *a, const float *x, int64_t ld, int64_t capacity, float *out)
{
    for (int64_t b = 0; b < a->batch; b++)
        for (int64_t h = 0; h < a->heads; h++)
            for (int64_t row = 0; row < a->length; row++)
                memcpy(out + ((b * a->heads + h) * capacity + a->start + row) * a->size,
                       x + (b * a->length + row) * ld + h * a->size, (size_t)a->size * sizeof *out);
}

static Status forward_cached(Node *node, Attention *a, Tensor *y)
{
    const AttentionCache *cache = node->cache;
    TRY(check_cache(node, cache));
    int64_t capacity = cache->keys->shape[2];
    a->start = cache->length;
    put_behind(a, a->k, a->ldk, capacity, TENSOR_F32(cache->keys));
    put_behind(a, a->v, a->ldv, capacity, TENSOR_F32(cache->values));
    a->k = TENSOR_F32(cache->keys);
    a->v = TENSOR_F32(cache->values);
    a->ldk = a->ldv = a->size;
    a->head = capacity * a->size;
    a->sequence = a->heads * a->head;
    TRY(add_scratch(node, a));
    kernel_attention(a, TENSOR_F32(y));
    return STATUS_OK;
}

static Status forward(Node *node)
{
    Tensor *qkv[3], *y, *kept;
    TRY(check(node));
    for (int i = 0; i < 3; i++) TRY(rows_of(node, i, &qkv[i]));
    Attention a = describe(node, qkv);
    TRY(node_output(node, DTYPE_F32, 3, (int64_t[]){a.batch, a.length, width_of(node)}, &y));
    if (node->cache) return forward_cached(node, &a, y);
    TRY(node_save_new(node, kernel_attention_keeps(a.length) ? 4 : 3,
                      (int64_t[]){a.batch, a.heads, a.length, a.length}, &kept));
    for (int i = 0; i < 3 && qkv[i]; i++) TRY(node_save(node, qkv[i]));
    TRY(add_scratch(node, &a));
    add_kept(kept, &a);
    kernel_attention(&a, TENSOR_F32(y));
    return STATUS_OK;
}

static Status backward(Node *node)
{
    Tensor *dy, *grads[3] = {0}, *qkv[3] = {0};
    int parts = packed(node) ? 1 : 3;
    for (int i = 0; i < parts; i++) qkv[i] = node->saved[1 + i];
    Attention a = describe(node, qkv);
    TRY(node_dense_gradient(node, &dy));
    for (int i = 0; i < parts; i++) TRY(node_scratch(node, DTYPE_F32, 3, node->inputs[0]->shape, &grads[i]));
    TRY(add_scratch(node, &a));
    add_kept(node->saved[0], &a);
    int64_t width = width_of(node);
    float *dq = TENSOR_F32(grads[0]), *dk = grads[1] ? TENSOR_F32(grads[1]) : dq + width;
    kernel_attention_backward(&a, TENSOR_F32(dy), width * (parts == 1 ? 3 : 1), dq, dk,
                              grads[2] ? TENSOR_F32(grads[2]) : dq + 2 * width);
    for (int i = 0; i < parts; i++)
        if (node->needs_grad[i]) TRY(node_grad_is(node, i, grads[i]));
    return STATUS_OK;
}

static Status probabilities_of(const Node *node, Tensor *qkv[3], Tensor *scratch, Tensor *out)
{
    for (int i = 0; i < 3 && node->inputs[i]; i++) {
        if (is_even(node->inputs[i]))
            qkv[i] = tensor_ref(node->inputs[i]);
        else
            TRY(tensor_clone(NULL, node->inputs[i], &qkv[i]));
    }
    Attention a = describe(node, qkv);
    a.probs = TENSOR_F32(out);
    a.scratch = TENSOR_F32(scratch);
    kernel_attention_probabilities(&a);
    return STATUS_OK;
}

Status attention_probabilities(const Node *node, Tensor **out)
{
    const AttentionAttrs *attrs = node->attrs;
    int64_t batch = node->inputs[0]->shape[0], length = node->inputs[0]->shape[1];
    Tensor *qkv[3] = {0}, *scratch = NULL;
    TRY(tensor_new(NULL, DTYPE_F32, 4, (int64_t[]){batch, attrs->heads, length, length}, out));
    Status status = tensor_new(NULL, DTYPE_F32, 2,
                               (int64_t[]){threads_count(), kernel_attention_scratch(length, length)}, &scratch);
    if (status == STATUS_OK) status = probabilities_of(node, qkv, scratch, *out);
    for (int i = 0; i < 3; i++) tensor_unref(qkv[i]);
    tensor_unref(scratch);
    if (status != STATUS_OK) tensor_unref(*out);
    return status;
}

/* --- the plain form --- */

/* The output of a query of a head from its scores, which it overwrites. */
static void plain_query(int64_t sees, double *scores, double p, const float *mask, const double *v, int64_t ld,
                        int64_t size, double *y)
{
    double high = sees ? scores[0] : 0, sum = 0;
    for (int64_t j = 0; j < sees; j++) high = fmax(high, scores[j]);
    for (int64_t j = 0; j < sees; j++) sum += scores[j] = exp(scores[j] - high);
    for (int64_t i = 0; i < size; i++) {
        y[i] = 0;
        for (int64_t j = 0; j < sees; j++)
            if (mask[j] != 0) y[i] += scores[j] / sum / (1 - p) * v[j * ld + i];
    }
}

/* How many keys it may see. */
static int64_t plain_sees(const Node *node, int64_t sequence, int64_t query)
{
    int64_t length = node->inputs[0]->shape[1];
    int64_t keys = node->inputs[3] ? TENSOR_I32(node->inputs[3])[sequence] : length;
    if (((const AttentionAttrs *)node->attrs)->causal && keys > query + 1) keys = query + 1;
    return keys < 0 ? 0 : keys < length ? keys : length;
}

static Status plain_form(Node *node)
{
    const AttentionAttrs *attrs = node->attrs;
    const Tensor *q = node->inputs[0], *k = packed(node) ? q : node->inputs[1],
                 *v = packed(node) ? q : node->inputs[2];
    Tensor *y, *scores, *mask;
    TRY(check(node));
    int64_t length = q->shape[1], width = width_of(node), ld = q->shape[2], size = width / attrs->heads;
    int64_t skip = packed(node) ? width : 0;
    double p = node->training ? attrs->p : 0;
    TRY(node_output(node, DTYPE_F64, 3, (int64_t[]){q->shape[0], length, width}, &y));
    TRY(node_scratch(node, DTYPE_F64, 1, &length, &scores));
    TRY(node_scratch(node, DTYPE_F32, 1, &length, &mask));
    for (int64_t at = 0; at < q->shape[0] * attrs->heads * length; at++) {
        int64_t query = at % length, h = at / length % attrs->heads, b = at / length / attrs->heads;
        int64_t sees = plain_sees(node, b, query), from = b * length * ld + h * size;
        for (int64_t j = 0; j < sees; j++) {
            const double *x = TENSOR_F64(q) + from + query * ld, *key = TENSOR_F64(k) + from + skip + j * ld;
            TENSOR_F64(scores)[j] = 0;
            for (int64_t i = 0; i < size; i++) TENSOR_F64(scores)[j] += x[i] * key[i] / sqrt((double)size);
        }
        tensor_fill(mask, 1);
        if (p > 0) philox_dropout(node->random, at * length, sees, p, TENSOR_F32(mask), TENSOR_F32(mask));
        plain_query(sees, TENSOR_F64(scores), p, TENSOR_F32(mask), TENSOR_F64(v) + from + 2 * skip, ld, size,
                    TENSOR_F64(y) + (b * length + query) * width + h * size);
    }
    return STATUS_OK;
}

/* Places that are looked at beside the call's own. */
static int64_t places_before(const Node *node)
{
    return node->cache ? ((const AttentionCache *)node->cache)->length : 0;
}

static double flops(const Node *node)
{
    const AttentionAttrs *attrs = node->attrs;
    const Tensor *y = node->outputs[0];
    double own = (attrs->causal ? 2 : 4) * (double)y->shape[1], before = 4 * (double)places_before(node);
    return (own + before) * (double)tensor_count(y);
}

static double bytes(const Node *node)
{
    const Tensor *y = node->outputs[0];
    double kept = 2 * (double)places_before(node) * (double)(y->shape[0] * y->shape[2]);
    return node_tensor_bytes(node) + kept * sizeof(float);
}

const Op op_attention = {
    .name = "attention",
    .doc = "Multi-head scaled dot-product attention, with padding lengths, a causal mask and dropout of "
           "probabilities.",
    .source = "Vaswani et al. 2017, section 3.2; Dao et al. 2022",
    .inputs =
        (const OpInput[]){{"q", "queries f32[B,T,H]; or queries, keys and values f32[B,T,3H]"},
                          {"k", "keys f32[B,T,H]", .optional = true},
                          {"v", "values f32[B,T,H]", .optional = true},
                          {"lengths", "i32[B]: keys from there on are padding", .optional = true, .integer = true},
                          {0}},
    .attrs = (const Option[]){OPTION_INT_FIELD(AttentionAttrs, heads, 1, 1, 65536, "number of heads"),
                              OPTION_BOOLEAN_FIELD(AttentionAttrs, causal, 0, "look at earlier places only"),
                              {.name = "p",
                               .doc = "share of probabilities that is dropped",
                               .kind = OPTION_NUMBER,
                               .offset = offsetof(AttentionAttrs, p),
                               .max = 1,
                               .bounded = true,
                               .max_open = true},
                              {0}},
    .attrs_size = sizeof(AttentionAttrs),
    .random = true,
    .saves = "probabilities, beyond 128 places the logarithms of their sums; q, k, v",
    .forward = forward,
    .backward = backward,
    .reference = plain_form,
    .flops = flops,
    .bytes = bytes,
    .cases = (const OpCase[]){{"f32[2,5,6] f32[2,5,6] f32[2,5,6] i32[2]<6", "heads=2"},
                              {"f32[1,4,3] f32[1,4,3] f32[1,4,3] -", "heads=1 causal=true"},
                              {"f32[3,1,4] f32[3,1,4] f32[3,1,4] -", "heads=4"},
                              {"f32[2,6,4] f32[2,6,4] f32[2,6,4] -", "heads=2 p=0.3"},
                              {"f32[2,5,12] - - i32[2]<6", "heads=2 causal=true p=0.2"},
                              {"f32[1,70,6] - - -", "heads=1 causal=true"},
                              {"f32[1,130,3] - - -", "heads=1 causal=true p=0.1"},
                              {"f32[1,131,2] f32[1,131,2] f32[1,131,2] i32[1]<131", "heads=1"},
                              {0}},
};
