/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matrix products as at the prompt: y[...,m,n] = a[...,m,k] b[k,n], or b[...,k,n] with the same leading sizes. */
#include "engine/kernels/gemm.h"
#include "engine/ops/op.h"

typedef struct Product {
    int64_t batch, m, n, k;
    int64_t b_step; /* elements between the matrices of b: 0 where there is one for all */
} Product;

static Status measure(const Node *node, Product *out)
{
    const Tensor *a = node->inputs[0], *b = node->inputs[1];
    char text[TENSOR_TEXT_SIZE];
    if (a->ndim < 2) return node_refuse(node, 0, "it must have at least 2 dimensions");
    if (b->ndim != 2 && b->ndim != a->ndim)
        return node_refuse(node, 1, "it must have 2 dimensions, or as many as a, %s", tensor_describe(a, text));
    *out =
        (Product){.batch = 1, .m = a->shape[a->ndim - 2], .n = b->shape[b->ndim - 1], .k = a->shape[a->ndim - 1]};
    if (b->shape[b->ndim - 2] != out->k)
        return node_refuse(node, 1, "a is %s: inner sizes %lld and %lld differ", tensor_describe(a, text),
                           (long long)out->k, (long long)b->shape[b->ndim - 2]);
    for (int d = 0; d < a->ndim - 2; d++) {
        if (b->ndim > 2 && b->shape[d] != a->shape[d])
            return node_refuse(node, 1, "a is %s: sizes of dimension %d differ", tensor_describe(a, text), d);
        out->batch *= a->shape[d];
    }
    if (b->ndim > 2) {
        out->b_step = out->k * out->n;
    } else { /* one matrix for all: one tall product */
        out->m *= out->batch;
        out->batch = 1;
    }
    return STATUS_OK;
}

static Status multiply(Node *node, const Product *p, const Tensor *a, const Tensor *b)
{
    Tensor *y;
    int64_t shape[TENSOR_MAX_DIMS];
    for (int d = 0; d < a->ndim; d++) shape[d] = d == a->ndim - 1 ? p->n : a->shape[d];
    TRY(node_output(node, DTYPE_F32, a->ndim, shape, &y));
    if (p->k == 0) tensor_fill(y, 0);
    for (int64_t i = 0; p->k && p->m && p->n && i < p->batch; i++)
        kernel_gemm(false, false, p->m, p->n, p->k, TENSOR_F32(a) + i * p->m * p->k, p->k,
                    TENSOR_F32(b) + i * p->b_step, p->n, false, TENSOR_F32(y) + i * p->m * p->n, p->n, NULL);
    TRY(node_save(node, a));
    return node_save(node, b);
}

static Status matmul_forward(Node *node)
{
    Product p;
    Tensor *a, *b = NULL;
    TRY(measure(node, &p));
    TRY(node_contiguous(node, 0, &a));
    Status status = node_contiguous(node, 1, &b);
    if (status == STATUS_OK) status = multiply(node, &p, a, b);
    return status;
}

/* da = dy b', db = a' dy */
static Status gradient(Node *node, const Product *p, int i, const float *dy)
{
    Tensor *grad;
    bool accumulate;
    if (!node->needs_grad[i]) return STATUS_OK;
    TRY(node_grad(node, i, &grad, &accumulate));
    const float *a = TENSOR_F32(node->saved[0]), *b = TENSOR_F32(node->saved[1]);
    float *out = TENSOR_F32(grad);
    if (p->m == 0 || p->n == 0) tensor_fill(grad, 0);
    for (int64_t at = 0; p->m && p->n && p->k && at < p->batch; at++) {
        const float *d = dy + at * p->m * p->n;
        if (i == 0)
            kernel_gemm(false, true, p->m, p->k, p->n, d, p->n, b + at * p->b_step, p->n, false,
                        out + at * p->m * p->k, p->k, NULL);
        else
            kernel_gemm(true, false, p->k, p->n, p->m, a + at * p->m * p->k, p->k, d, p->n, false,
                        out + at * p->b_step, p->n, NULL);
    }
    return STATUS_OK;
}

static Status matmul_backward(Node *node)
{
    Product p;
    Tensor *dy;
    TRY(measure(node, &p));
    TRY(tensor_clone(node->arena, node->grad_outputs[0], &dy));
    Status status = gradient(node, &p, 0, TENSOR_F32(dy));
    if (status == STATUS_OK) status = gradient(node, &p, 1, TENSOR_F32(dy));
    tensor_unref(dy);
    return status;
}

static double matmul_flops(const Node *node)
{
    return 2.0 * (double)tensor_count(node->outputs[0]) * (double)node->inputs[0]->shape[node->inputs[0]->ndim - 1];
}

const Op op_matmul = {
    .name = "matmul",
    .doc = "Matrix product over the last two dimensions.",
    .inputs = (const OpInput[]){{"a", "[...,m,k]"}, {"b", "[k,n], or [...,k,n] with a's leading sizes"}, {0}},
    .saves = "a, b",
    .forward = matmul_forward,
    .backward = matmul_backward,
    .flops = matmul_flops,
    .cases = (const OpCase[]){{"f32[3,5] f32[5,4]", ""},
                              {"f32[2,3,5] f32[5,1]", ""},
                              {"f32[2,3,5] f32[2,5,4]", ""},
                              {"f32[1,1] f32[1,1]", ""},
                              {0}},
};
