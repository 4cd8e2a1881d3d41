/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matrix products as at the prompt: y[...,m,n] = a[...,m,k] b[...,k,n], whose leading sizes are broadcast. A vector
 * a is a row, a vector b a column, and that dimension is missing in y (torch.matmul). */
#include "engine/kernels/gemm.h"
#include "engine/ops/op.h"

typedef struct Product {
    int ndim; /* leading dimensions of the result */
    int64_t shape[TENSOR_MAX_DIMS], batch, m, n, k;
    int64_t step[2][TENSOR_MAX_DIMS]; /* matrices between neighbours of a and b: 0 where one serves for all */
} Product;

/* The size of a leading dimension that counts from the last one, 1 where there is none. */
static int64_t leading_size(const Tensor *tensor, int from_end)
{
    int dim = tensor->ndim - 3 - from_end;
    return dim < 0 ? 1 : tensor->shape[dim];
}

static Status measure_leading(const Node *node, Product *out)
{
    const Tensor *a = node->inputs[0], *b = node->inputs[1];
    char text[TENSOR_TEXT_SIZE];
    int64_t matrices[2] = {1, 1};
    int most = a->ndim > b->ndim ? a->ndim : b->ndim;
    out->ndim = most > 2 ? most - 2 : 0;
    for (int d = 0; d < out->ndim; d++) {
        int64_t size[2] = {leading_size(a, d), leading_size(b, d)};
        if (size[0] != size[1] && size[0] != 1 && size[1] != 1)
            return node_refuse(node, 1, "a is %s: leading sizes %lld and %lld differ and neither is 1",
                               tensor_describe(a, text), (long long)size[0], (long long)size[1]);
        for (int i = 0; i < 2; i++) {
            out->step[i][out->ndim - 1 - d] = size[i] == 1 ? 0 : matrices[i];
            matrices[i] *= size[i];
        }
        out->shape[out->ndim - 1 - d] = size[0] == 1 ? size[1] : size[0];
        out->batch *= size[0] == 1 ? size[1] : size[0];
    }
    return STATUS_OK;
}

static Status measure(const Node *node, Product *out)
{
    const Tensor *a = node->inputs[0], *b = node->inputs[1];
    char text[TENSOR_TEXT_SIZE];
    for (int i = 0; i < 2; i++)
        if (node->inputs[i]->ndim < 1) return node_refuse(node, i, "it must have at least 1 dimension");
    int64_t k = b->ndim == 1 ? b->shape[0] : b->shape[b->ndim - 2];
    *out = (Product){.batch = 1,
                     .m = a->ndim == 1 ? 1 : a->shape[a->ndim - 2],
                     .n = b->ndim == 1 ? 1 : b->shape[b->ndim - 1],
                     .k = a->shape[a->ndim - 1]};
    if (k != out->k)
        return node_refuse(node, 1, "a is %s: inner sizes %lld and %lld differ", tensor_describe(a, text),
                           (long long)out->k, (long long)k);
    return measure_leading(node, out);
}

/* One matrix b for all of a: one tall product. */
static void make_tall(const Tensor *b, Product *p)
{
    if (b->ndim > 2) return;
    p->m *= p->batch;
    p->batch = 1;
    p->ndim = 0;
}

/* Which matrix of a (0) or b (1) belongs to a matrix of the result. */
static int64_t matrix_of(const Product *p, int which, int64_t at)
{
    int64_t matrix = 0;
    for (int d = p->ndim - 1; d >= 0; d--) {
        matrix += at % p->shape[d] * p->step[which][d];
        at /= p->shape[d];
    }
    return matrix;
}

static const void *at_element(const Tensor *tensor, int64_t place)
{
    return (const char *)tensor_data(tensor) + place * (int64_t)dtype_size(tensor->dtype);
}

/* The result's shape is the leading sizes and those of the matrices that are no vectors. */
static Status new_result(Node *node, const Product *p, DType dtype, Tensor **y)
{
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = p->ndim;
    for (int d = 0; d < ndim; d++) shape[d] = p->shape[d];
    if (node->inputs[0]->ndim > 1) shape[ndim++] = p->m;
    if (node->inputs[1]->ndim > 1) shape[ndim++] = p->n;
    return node_output(node, dtype, ndim, shape, y);
}

static Status multiply(Node *node, const Tensor *a, const Tensor *b)
{
    Product p;
    Tensor *y;
    TRY(measure(node, &p));
    TRY(new_result(node, &p, DTYPE_F32, &y));
    make_tall(b, &p);
    if (p.k == 0) tensor_fill(y, 0);
    for (int64_t i = 0; p.k && p.m && p.n && i < p.batch; i++)
        TRY(kernel_gemm(a->dtype, false, false, p.m, p.n, p.k, at_element(a, matrix_of(&p, 0, i) * p.m * p.k), p.k,
                        at_element(b, matrix_of(&p, 1, i) * p.k * p.n), p.n, false, TENSOR_F32(y) + i * p.m * p.n,
                        p.n, NULL));
    TRY(node_save(node, a));
    return node_save(node, b);
}

static Status matmul_forward(Node *node)
{
    Product p;
    Tensor *a, *b;
    TRY(measure(node, &p));
    TRY(node_operand(node, 0, &a));
    TRY(node_operand(node, 1, &b));
    return multiply(node, a, b);
}

/* da = dy b', db = a' dy; a matrix that served for several gets the sum, in their order. */
static Status gradient(Node *node, const Product *p, int i, const Tensor *dy)
{
    Tensor *grad;
    bool accumulate;
    if (!node->needs_grad[i]) return STATUS_OK;
    TRY(node_grad(node, i, &grad, &accumulate));
    const Tensor *a = node->saved[0], *b = node->saved[1];
    int64_t size = i == 0 ? p->m * p->k : p->k * p->n;
    bool shared = tensor_count(grad) != p->batch * size;
    if (shared || p->m == 0 || p->n == 0) tensor_fill(grad, 0);
    for (int64_t at = 0; p->m && p->n && p->k && at < p->batch; at++) {
        const void *d = at_element(dy, at * p->m * p->n);
        float *out = TENSOR_F32(grad) + matrix_of(p, i, at) * size;
        if (i == 0)
            TRY(kernel_gemm(dy->dtype, false, true, p->m, p->k, p->n, d, p->n,
                            at_element(b, matrix_of(p, 1, at) * p->k * p->n), p->n, shared, out, p->k, NULL));
        else
            TRY(kernel_gemm(dy->dtype, true, false, p->k, p->n, p->m,
                            at_element(a, matrix_of(p, 0, at) * p->m * p->k), p->k, d, p->n, shared, out, p->n,
                            NULL));
    }
    return STATUS_OK;
}

static Status matmul_backward(Node *node)
{
    Product p;
    Tensor *dy, *operand;
    TRY(measure(node, &p));
    make_tall(node->inputs[1], &p);
    TRY(node_dense_gradient(node, &dy));
    TRY(node_operand_of(node, dy, &operand));
    TRY(gradient(node, &p, 0, operand));
    return gradient(node, &p, 1, operand);
}

static Status matmul_reference(Node *node)
{
    Product p;
    Tensor *y;
    TRY(measure(node, &p));
    TRY(new_result(node, &p, DTYPE_F64, &y));
    for (int64_t at = 0; at < tensor_count(y); at++) {
        int64_t i = at / p.n % p.m, j = at % p.n, matrix = at / (p.m * p.n);
        const double *a = TENSOR_F64(node->inputs[0]) + matrix_of(&p, 0, matrix) * p.m * p.k + i * p.k;
        const double *b = TENSOR_F64(node->inputs[1]) + matrix_of(&p, 1, matrix) * p.k * p.n + j;
        double sum = 0;
        for (int64_t k = 0; k < p.k; k++) sum += a[k] * b[k * p.n];
        TENSOR_F64(y)[at] = sum;
    }
    return STATUS_OK;
}

static double matmul_flops(const Node *node)
{
    return 2.0 * (double)tensor_count(node->outputs[0]) * (double)node->inputs[0]->shape[node->inputs[0]->ndim - 1];
}

const Op op_matmul = {
    .name = "matmul",
    .doc = "Matrix product over the last two dimensions; the leading ones are broadcast. Of two vectors the dot "
           "product.",
    .inputs = (const OpInput[]){{"a", "[...,m,k] or [k]"}, {"b", "[...,k,n] or [k]"}, {0}},
    .saves = "a, b",
    .forward = matmul_forward,
    .backward = matmul_backward,
    .reference = matmul_reference,
    .flops = matmul_flops,
    .cases = (const OpCase[]){{"f32[3,5] f32[5,4]", ""},
                              {"f32[2,3,5] f32[5,1]", ""},
                              {"f32[2,3,5] f32[2,5,4]", ""},
                              {"f32[1,1] f32[1,1]", ""},
                              {"f32[3,5] f32[2,5,4]", ""},
                              {"f32[2,1,3,5] f32[4,5,1]", ""},
                              {"f32[1,3,2] f32[3,1,2,2]", ""},
                              {"f32[5] f32[5]", ""},
                              {"f32[5] f32[5,3]", ""},
                              {"f32[2,3,5] f32[5]", ""},
                              {"f32[5] f32[2,5,3]", ""},
                              {0}},
};
