/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rotary position embeddings. */
#include "engine/kernels/rotary.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <math.h>

static Status check(const Node *node)
{
    const RotaryAttrs *attrs = node->attrs;
    TRY(node_expect_ndim(node, 0, 3));
    if (attrs->heads < 1 || node->inputs[0]->shape[2] % (2 * attrs->heads))
        return node_refuse(node, 0, "its width is not a multiple of %lld heads of an even size",
                           (long long)attrs->heads);
    return STATUS_OK;
}

/* y = x turned by its places; both contiguous. */
static Status turn(Node *node, float direction, const Tensor *x, Tensor *y)
{
    const RotaryAttrs *attrs = node->attrs;
    int64_t length = x->shape[1], size = x->shape[2] / attrs->heads;
    Tensor *table;
    TRY(node_scratch(node, DTYPE_F32, 3, (int64_t[]){2, length, size / 2}, &table));
    float *cosine = TENSOR_F32(table), *sine = cosine + length * (size / 2);
    kernel_rotary_table(attrs->offset, length, size, attrs->theta, cosine, sine);
    kernel_rotary(x->shape[0] * length, length, attrs->heads, size, direction, cosine, sine, TENSOR_F32(x),
                  TENSOR_F32(y));
    return STATUS_OK;
}

static Status forward(Node *node)
{
    Tensor *x, *y;
    TRY(check(node));
    TRY(node_contiguous(node, 0, &x));
    TRY(node_output(node, DTYPE_F32, 3, x->shape, &y));
    return turn(node, 1, x, y);
}

/* A rotation's transpose turns back. */
static Status backward(Node *node)
{
    Tensor *dy, *dx;
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, 3, dy->shape, &dx));
    TRY(turn(node, -1, dy, dx));
    return node_grad_is(node, 0, dx);
}

/* --- the plain form --- */

static Status plain_form(Node *node)
{
    const RotaryAttrs *attrs = node->attrs;
    const Tensor *x = node->inputs[0];
    Tensor *y;
    TRY(check(node));
    TRY(node_output(node, DTYPE_F64, 3, x->shape, &y));
    int64_t length = x->shape[1], size = x->shape[2] / attrs->heads, half = size / 2;
    for (int64_t at = 0; at < tensor_count(x); at += size) { /* a head of a place */
        const double *from = TENSOR_F64(x) + at;
        double place = (double)(attrs->offset + at / x->shape[2] % length);
        for (int64_t i = 0; i < half; i++) {
            double angle = place * pow(attrs->theta, -2 * (double)i / (double)size);
            TENSOR_F64(y)[at + i] = from[i] * cos(angle) - from[i + half] * sin(angle);
            TENSOR_F64(y)[at + i + half] = from[i + half] * cos(angle) + from[i] * sin(angle);
        }
    }
    return STATUS_OK;
}

const Op op_rotary = {
    .name = "rotary",
    .doc = "Turns pairs of elements of each head (i and i + half of its size) by angles that grow with the place, "
           "so that products of queries and keys depend on their distance.",
    .source = "Su et al. 2021, RoFormer",
    .inputs = (const OpInput[]){{"x", "queries or keys f32[B,T,H]"}, {0}},
    .attrs = (const Option[]){OPTION_INT_FIELD(RotaryAttrs, heads, 1, 1, 65536, "number of heads"),
                              OPTION_NUMBER_FIELD(RotaryAttrs, theta, 10000, 1, 1e12, "base of the wavelengths"),
                              OPTION_INT_FIELD(RotaryAttrs, offset, 0, 0, 1 << 24, "place of the first row"),
                              {0}},
    .attrs_size = sizeof(RotaryAttrs),
    .recompute = true,
    .saves = "nothing",
    .forward = forward,
    .backward = backward,
    .reference = plain_form,
    .cases =
        (const OpCase[]){
            {"f32[2,5,8]", "heads=2"}, {"f32[1,1,2]", ""}, {"f32[3,40,6]", "heads=1 theta=100 offset=7"}, {0}},
};
