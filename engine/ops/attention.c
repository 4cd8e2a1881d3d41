/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fused multi-head attention. q, k, v f32[B,T,H] (views of one packed tensor are fine) -> f32[B,T,H]. */
#include "engine/kernels/attention.h"

#include "engine/base/threads.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

static Status check(const Node *node)
{
    const AttentionAttrs *attrs = node->attrs;
    const Tensor *q = node->inputs[0], *lengths = node->inputs[3];
    TRY(node_expect_ndim(node, 0, 3));
    for (int i = 1; i < 3; i++)
        if (!tensor_same_shape(q, node->inputs[i])) return node_refuse(node, i, "q has another shape");
    if (attrs->heads < 1 || q->shape[2] % attrs->heads)
        return node_refuse(node, 0, "its width is not a multiple of %lld heads", (long long)attrs->heads);
    if (lengths && (lengths->ndim != 1 || lengths->shape[0] != q->shape[0] || lengths->dtype != DTYPE_I32 ||
                    !tensor_contiguous(lengths)))
        return node_refuse(node, 3, "it must be contiguous i32[%lld]", (long long)q->shape[0]);
    return STATUS_OK;
}

/* A tensor whose rows are contiguous and evenly spaced can be read in place; another is copied. */
static Status rows_of(Node *node, int i, Tensor **out)
{
    const Tensor *x = node->inputs[i];
    bool even = x->strides[2] == 1 && x->strides[0] == x->strides[1] * x->shape[1];
    *out = node->inputs[i];
    if (even) return STATUS_OK;
    TRY(tensor_clone(node->arena, x, out));
    return node_keep(node, *out);
}

static Attention describe(const Node *node, Tensor *const qkv[3])
{
    const AttentionAttrs *attrs = node->attrs;
    const Tensor *q = node->inputs[0];
    return (Attention){.batch = q->shape[0],
                       .length = q->shape[1],
                       .heads = attrs->heads,
                       .size = q->shape[2] / attrs->heads,
                       .ldq = qkv[0]->strides[1],
                       .ldk = qkv[1]->strides[1],
                       .ldv = qkv[2]->strides[1],
                       .q = TENSOR_F32(qkv[0]),
                       .k = TENSOR_F32(qkv[1]),
                       .v = TENSOR_F32(qkv[2]),
                       .lengths = node->inputs[3] ? TENSOR_I32(node->inputs[3]) : NULL,
                       .causal = attrs->causal,
                       .p = node->training ? attrs->p : 0,
                       .key = node->random};
}

static Status new_scratch(Node *node, const Attention *a, Tensor **out)
{
    return node_scratch(node, DTYPE_F32, 4, (int64_t[]){threads_count(), 2, a->length, a->length}, out);
}

static Status forward(Node *node)
{
    Tensor *qkv[3], *y, *probs, *scratch;
    TRY(check(node));
    for (int i = 0; i < 3; i++) TRY(rows_of(node, i, &qkv[i]));
    Attention a = describe(node, qkv);
    TRY(node_output(node, DTYPE_F32, 3, node->inputs[0]->shape, &y));
    TRY(node_save_new(node, 4, (int64_t[]){a.batch, a.heads, a.length, a.length}, &probs));
    for (int i = 0; i < 3; i++) TRY(node_save(node, qkv[i]));
    TRY(new_scratch(node, &a, &scratch));
    a.probs = TENSOR_F32(probs);
    a.scratch = TENSOR_F32(scratch);
    kernel_attention(&a, TENSOR_F32(y));
    return STATUS_OK;
}

static Status backward(Node *node)
{
    Tensor *dy, *scratch, *grads[3];
    Attention a = describe(node, node->saved + 1);
    TRY(node_dense_gradient(node, &dy));
    for (int i = 0; i < 3; i++) TRY(node_scratch(node, DTYPE_F32, 3, node->inputs[0]->shape, &grads[i]));
    TRY(new_scratch(node, &a, &scratch));
    a.probs = TENSOR_F32(node->saved[0]);
    a.scratch = TENSOR_F32(scratch);
    kernel_attention_backward(&a, TENSOR_F32(dy), TENSOR_F32(grads[0]), TENSOR_F32(grads[1]), TENSOR_F32(grads[2]));
    Status status = STATUS_OK;
    for (int i = 0; i < 3; i++) {
        if (status == STATUS_OK && node->needs_grad[i]) status = node_grad_is(node, i, grads[i]);
    }
    return status;
}

static double flops(const Node *node)
{
    const Tensor *q = node->inputs[0];
    return 4 * (double)tensor_count(q) * (double)q->shape[1];
}

const Op op_attention = {
    .name = "attention",
    .doc = "Multi-head scaled dot-product attention, with padding lengths, a causal mask and dropout of "
           "probabilities.",
    .source = "Vaswani et al. 2017, section 3.2",
    .inputs =
        (const OpInput[]){{"q", "queries f32[B,T,H]"},
                          {"k", "keys f32[B,T,H]"},
                          {"v", "values f32[B,T,H]"},
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
    .saves = "probabilities, q, k, v",
    .forward = forward,
    .backward = backward,
    .flops = flops,
    .cases = (const OpCase[]){{"f32[2,5,6] f32[2,5,6] f32[2,5,6] i32[2]<6", "heads=2"},
                              {"f32[1,4,3] f32[1,4,3] f32[1,4,3] -", "heads=1 causal=true"},
                              {"f32[3,1,4] f32[3,1,4] f32[3,1,4] -", "heads=4"},
                              {"f32[2,6,4] f32[2,6,4] f32[2,6,4] -", "heads=2 p=0.3"},
                              {0}},
};
