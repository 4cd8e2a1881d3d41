/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far the ops of a step are from what the machine gives: products from the rate of sgemm on their shapes, all
 * else from the rate of memory. */
#include "tui/bench.h"

#include "engine/autograd/functions.h"
#include "engine/base/clock.h"
#include "engine/ops/attention.h"
#include "engine/ops/attributes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- which products a step consists of --- */

static bool same_products(const BenchProducts *a, const SgemmShape *shape, const char *op, bool backward)
{
    return memcmp(&a->shape, shape, sizeof *shape) == 0 && strcmp(a->op, op) == 0 && a->backward == backward;
}

static void add(BenchResult *out, const Node *node, bool backward, SgemmShape shape)
{
    int place = 0;
    while (place < out->product_count && !same_products(&out->products[place], &shape, node->op->name, backward))
        place++;
    if (place == BENCH_MAX_PRODUCTS) return;
    if (place == out->product_count)
        out->products[out->product_count++] =
            (BenchProducts){.shape = shape, .op = node->op->name, .backward = backward};
    out->products[place].times++;
}

static SgemmShape shape_of(int64_t m, int64_t n, int64_t k, int64_t count, const char kinds[2])
{
    SgemmShape shape;
    memset(&shape, 0, sizeof shape); /* shapes are compared as bytes */
    shape.m = m;
    shape.n = n;
    shape.k = k;
    shape.count = count;
    shape.transpose_a = kinds[0] == 'T';
    shape.transpose_b = kinds[1] == 'T';
    return shape;
}

static void add_linear(BenchResult *out, const Node *node, bool backward)
{
    const Tensor *weight = node->inputs[1];
    int64_t width = weight->shape[0], in = weight->shape[1], rows = tensor_count(node->inputs[0]) / in;
    if (!backward) add(out, node, false, shape_of(rows, width, in, 1, "NT"));
    if (backward && node->needs_grad[0]) add(out, node, true, shape_of(rows, in, width, 1, "NN"));
    if (backward && node->needs_grad[1]) add(out, node, true, shape_of(width, in, rows, 1, "TN"));
}

/* The way back: gradients of values, probabilities, queries and keys. A causal mask saves half of the work, which
 * is counted as half of the queries. */
static void add_attention(BenchResult *out, const Node *node, bool backward)
{
    const AttentionAttrs *attrs = node->attrs;
    const Tensor *q = node->inputs[0];
    int64_t keys = q->shape[1], size = q->shape[2] / (node->inputs[1] ? 1 : 3) / attrs->heads,
            rows = attrs->causal ? (keys + 1) / 2 : keys, count = q->shape[0] * attrs->heads;
    if (!backward) {
        add(out, node, false, shape_of(rows, keys, size, count, "NT"));
        add(out, node, false, shape_of(rows, size, keys, count, "NN"));
        return;
    }
    add(out, node, true, shape_of(keys, size, rows, count, "TN"));
    add(out, node, true, shape_of(rows, keys, size, count, "NT"));
    add(out, node, true, shape_of(rows, size, keys, count, "NN"));
    add(out, node, true, shape_of(keys, size, rows, count, "TN"));
}

Status bench_count_products(void *result, const Node *node, bool backward, double seconds)
{
    (void)seconds;
    if (strncmp(node->op->name, "linear", 6) == 0) add_linear(result, node, backward);
    if (strcmp(node->op->name, "attention") == 0) add_attention(result, node, backward);
    return STATUS_OK;
}

/* --- what it took --- */

static int slowest_first(const void *a, const void *b)
{
    double x = ((const BenchOp *)a)->seconds, y = ((const BenchOp *)b)->seconds;
    return x < y ? 1 : x > y ? -1 : 0;
}

void bench_collect_ops(const Tape *tape, BenchResult *out)
{
    int count;
    const ProfileEntry *entries = tape_profile_entries(tape, &count);
    for (int i = 0; i < count; i++) {
        int place = 0;
        if (strcmp(entries[i].op->name, "recompute") == 0) continue; /* the sum of what it runs */
        while (place < out->op_count && (strcmp(out->ops[place].op, entries[i].op->name) != 0 ||
                                         out->ops[place].backward != entries[i].backward))
            place++;
        if (place == BENCH_MAX_OPS) continue;
        if (place == out->op_count)
            out->ops[out->op_count++] = (BenchOp){.op = entries[i].op->name, .backward = entries[i].backward};
        out->ops[place].seconds += entries[i].seconds;
        out->ops[place].flops += entries[i].flops;
        out->ops[place].bytes += entries[i].bytes;
    }
    qsort(out->ops, (size_t)out->op_count, sizeof *out->ops, slowest_first);
}

/* --- what it could take --- */

/* The same shape may stand in several ops: it is measured once. */
static Status measure_products(BenchResult *out)
{
    for (int i = 0; i < out->product_count; i++) {
        BenchProducts *products = &out->products[i];
        double rate = 0;
        for (int j = 0; j < i && rate == 0; j++)
            if (memcmp(&out->products[j].shape, &products->shape, sizeof products->shape) == 0)
                rate = sgemm_flops(&products->shape) * out->products[j].times / out->products[j].seconds;
        if (rate == 0) TRY(sgemm_rate(&products->shape, &rate));
        products->seconds = sgemm_flops(&products->shape) * products->times / rate;
        out->sgemm_seconds += products->seconds;
    }
    return STATUS_OK;
}

Status bench_measure_limits(BenchResult *out)
{
    if (out->read_rate == 0) TRY(bench_read_rate(&out->read_rate));
    TRY(measure_products(out));
    for (int i = 0; i < out->op_count; i++) {
        BenchOp *op = &out->ops[i];
        double products = 0;
        for (int j = 0; j < out->product_count; j++)
            if (strcmp(out->products[j].op, op->op) == 0 && out->products[j].backward == op->backward)
                products += out->products[j].seconds;
        double memory = op->bytes / out->read_rate;
        op->limit = products > memory ? products : memory;
    }
    return STATUS_OK;
}

int bench_worst(const BenchResult *result, int places[3])
{
    int count = 0;
    for (; count < 3; count++) {
        double most = 0;
        for (int i = 0; i < result->op_count; i++) {
            double above = result->ops[i].seconds - result->ops[i].limit;
            bool taken = false;
            for (int j = 0; j < count; j++) taken |= places[j] == i;
            if (taken || above <= most) continue;
            most = above;
            places[count] = i;
        }
        if (most == 0) break;
    }
    return count;
}

/* --- matrix products --- */

static Status time_products(Tape *tape, Tensor *a, Tensor *b, double *seconds)
{
    *seconds = INFINITY;
    for (int i = 0; i < 8; i++) {
        Tensor *c;
        double start = clock_seconds();
        TRY(f_linear(tape, a, b, NULL, &c));
        double took = clock_seconds() - start;
        if (took < *seconds) *seconds = took;
        tensor_unref(c);
    }
    return STATUS_OK;
}

Status bench_gemm(int64_t m, int64_t n, int64_t k, DType precision, double *flops)
{
    Tensor *a = NULL, *b = NULL;
    Tape *tape;
    double seconds = INFINITY;
    TRY(tape_new(NULL, &tape));
    tape_set_precision(tape, precision);
    Status status = tensor_new(NULL, DTYPE_F32, 2, (int64_t[]){m, k}, &a);
    if (status == STATUS_OK) status = tensor_new(NULL, DTYPE_F32, 2, (int64_t[]){n, k}, &b);
    if (status == STATUS_OK) {
        tensor_fill_uniform(a, random_key(1, "a"), -1, 1);
        tensor_fill_uniform(b, random_key(1, "b"), -1, 1);
        status = time_products(tape, a, b, &seconds);
    }
    tensor_unref(a);
    tensor_unref(b);
    tape_free(tape);
    *flops = 2 * (double)m * (double)n * (double)k / seconds;
    return status;
}
