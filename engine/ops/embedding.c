/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of rows: embeddings and picked rows. */
#include "engine/kernels/gather.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <string.h>

/* Every index is a row of the table. */
static Status check_index(const Node *node, int table, int index)
{
    const Tensor *ids = node->inputs[index];
    int64_t rows = node->inputs[table]->shape[0], count = tensor_count(ids);
    if (ids->dtype != DTYPE_I32 || !tensor_contiguous(ids))
        return node_refuse(node, index, "it must be contiguous i32");
    for (int64_t i = 0; i < count; i++)
        if (TENSOR_I32(ids)[i] < 0 || TENSOR_I32(ids)[i] >= rows)
            return node_refuse(node, index, "element %lld is %d, the table has %lld rows", (long long)i,
                               TENSOR_I32(ids)[i], (long long)rows);
    return STATUS_OK;
}

/* Where table rows get their gradients: zeroed unless it is added to. */
static Status table_gradient(Node *node, int i, Tensor **grad)
{
    bool accumulate;
    TRY(node_grad(node, i, grad, &accumulate));
    if (!accumulate) memset(tensor_data(*grad), 0, (size_t)tensor_count(*grad) * sizeof(float));
    return STATUS_OK;
}

/* y[i] = table[index[i]] (+ y[i]); the table is f32 or, where it is held so, bf16. */
static void look_up(const Tensor *table, const Tensor *index, bool add, Tensor *y)
{
    int64_t count = tensor_count(index), width = table->shape[1];
    if (table->dtype == DTYPE_BF16)
        kernel_gather_half(count, width, tensor_data(table), TENSOR_I32(index), add, TENSOR_F32(y));
    else
        kernel_gather(count, width, TENSOR_F32(table), TENSOR_I32(index), add, TENSOR_F32(y));
}

static Status gather_forward(Node *node)
{
    const Tensor *ids = node->inputs[1];
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *table, *y;
    TRY(node_expect_ndim(node, 0, 2));
    if (ids->ndim >= TENSOR_MAX_DIMS) return node_refuse(node, 1, "it has too many dimensions");
    TRY(check_index(node, 0, 1));
    memcpy(shape, ids->shape, sizeof shape);
    shape[ids->ndim] = node->inputs[0]->shape[1];
    TRY(node_contiguous(node, 0, &table));
    TRY(node_output(node, DTYPE_F32, ids->ndim + 1, shape, &y));
    look_up(table, ids, false, y);
    return STATUS_OK;
}

static Status gather_reference(Node *node)
{
    const Tensor *table = node->inputs[0], *ids = node->inputs[1];
    int64_t shape[TENSOR_MAX_DIMS];
    Tensor *y;
    TRY(node_expect_ndim(node, 0, 2));
    TRY(check_index(node, 0, 1));
    int64_t width = table->shape[1];
    memcpy(shape, ids->shape, sizeof shape);
    shape[ids->ndim] = width;
    TRY(node_output(node, DTYPE_F64, ids->ndim + 1, shape, &y));
    for (int64_t i = 0; i < tensor_count(y); i++)
        TENSOR_F64(y)[i] = TENSOR_F64(table)[TENSOR_I32(ids)[i / width] * width + i % width];
    return STATUS_OK;
}

static Status gather_backward(Node *node)
{
    Tensor *grad, *dy;
    if (!node->needs_grad[0]) return STATUS_OK;
    TRY(node_dense_gradient(node, &dy));
    TRY(table_gradient(node, 0, &grad));
    kernel_scatter_add(tensor_count(node->inputs[1]), grad->shape[1], TENSOR_F32(dy), TENSOR_I32(node->inputs[1]),
                       TENSOR_F32(grad));
    return STATUS_OK;
}

/* --- the sum of the embeddings of words and perhaps places and token types --- */

static int64_t first_place(const Node *node)
{
    return ((const EmbeddingSumAttrs *)node->attrs)->offset;
}

static Status check_types(const Node *node)
{
    const Tensor *types = node->inputs[2], *type_ids = node->inputs[4];
    if (!types != !type_ids) return node_refuse(node, 3, "types and type_ids are given both or left out both");
    if (!types) return STATUS_OK;
    if (!tensor_same_shape(node->inputs[3], type_ids)) return node_refuse(node, 4, "ids has another shape");
    return check_index(node, 2, 4);
}

static Status check_sum(const Node *node)
{
    const Tensor *ids = node->inputs[3];
    for (int i = 0; i < 3; i++) {
        if (!node->inputs[i]) continue;
        TRY(node_expect_ndim(node, i, 2));
        if (node->inputs[i]->shape[1] != node->inputs[0]->shape[1] || !tensor_contiguous(node->inputs[i]))
            return node_refuse(node, i, "it must be contiguous and as wide as the first table");
    }
    TRY(node_expect_ndim(node, 3, 2));
    if (node->inputs[1] && ids->shape[1] > node->inputs[1]->shape[0] - first_place(node))
        return node_refuse(node, 3, "there are only %lld positions from %lld on",
                           (long long)(node->inputs[1]->shape[0] - first_place(node)),
                           (long long)first_place(node));
    TRY(check_index(node, 0, 3));
    return check_types(node);
}

/* i32[B,T] of the places offset to offset + T - 1. */
static Status new_places(Node *node, Tensor **out)
{
    const Tensor *ids = node->inputs[3];
    TRY(node_scratch(node, DTYPE_I32, 2, ids->shape, out));
    for (int64_t i = 0; i < tensor_count(ids); i++)
        TENSOR_I32(*out)[i] = (int32_t)(first_place(node) + i % ids->shape[1]);
    return STATUS_OK;
}

static Status sum_forward(Node *node)
{
    const Tensor *ids = node->inputs[3];
    Tensor *places, *y;
    TRY(check_sum(node));
    int64_t width = node->inputs[0]->shape[1];
    TRY(new_places(node, &places));
    TRY(node_output(node, DTYPE_F32, 3, (int64_t[]){ids->shape[0], ids->shape[1], width}, &y));
    const Tensor *index[3] = {ids, places, node->inputs[4]};
    for (int i = 0; i < 3; i++)
        if (node->inputs[i]) look_up(node->inputs[i], index[i], i > 0, y);
    return STATUS_OK;
}

static Status sum_reference(Node *node)
{
    const Tensor *ids = node->inputs[3];
    Tensor *places, *y;
    TRY(check_sum(node));
    int64_t width = node->inputs[0]->shape[1];
    TRY(new_places(node, &places));
    TRY(node_output(node, DTYPE_F64, 3, (int64_t[]){ids->shape[0], ids->shape[1], width}, &y));
    const Tensor *index[3] = {ids, places, node->inputs[4]};
    for (int64_t i = 0; i < tensor_count(y); i++) {
        TENSOR_F64(y)[i] = 0;
        for (int t = 0; t < 3; t++)
            if (node->inputs[t]) TENSOR_F64(y)
        [i] += TENSOR_F64(node->inputs[t])[TENSOR_I32(index[t])[i / width] * width + i % width];
    }
    return STATUS_OK;
}

static Status sum_backward(Node *node)
{
    Tensor *places, *dy, *grad;
    TRY(new_places(node, &places));
    TRY(node_dense_gradient(node, &dy));
    const Tensor *index[3] = {node->inputs[3], places, node->inputs[4]};
    for (int i = 0; i < 3; i++) {
        if (!node->inputs[i] || !node->needs_grad[i]) continue;
        TRY(table_gradient(node, i, &grad));
        kernel_scatter_add(tensor_count(places), grad->shape[1], TENSOR_F32(dy), TENSOR_I32(index[i]),
                           TENSOR_F32(grad));
    }
    return STATUS_OK;
}

/* Of a table only the rows that are picked are read. */
static double bytes(const Node *node)
{
    double elements = (double)tensor_count(node->outputs[0]), bytes = elements * sizeof(float);
    for (int i = 0; i < node->input_count; i++) {
        const Tensor *input = node->inputs[i];
        if (!input) continue;
        double read = op_input(node->op, i)->integer ? (double)tensor_count(input) : elements;
        bytes += read * (double)dtype_size(input->dtype);
    }
    return bytes;
}

const Op op_embedding = {
    .name = "embedding",
    .doc = "Rows of a table by their numbers.",
    .inputs = (const OpInput[]){{"table", "f32[rows,n]", .half = true}, {"ids", "i32[...]", .integer = true}, {0}},
    .accumulates = true,
    .saves = "nothing",
    .forward = gather_forward,
    .backward = gather_backward,
    .reference = gather_reference,
    .bytes = bytes,
    .cases =
        (const OpCase[]){{"f32[5,3] i32[2,4]<5", ""}, {"f32[1,1] i32[1]<1", ""}, {"f32[7,40] i32[9]<7", ""}, {0}},
};

const Op op_gather_rows = {
    .name = "gather_rows",
    .doc = "The rows of x with the given numbers: the masked positions, say.",
    .inputs = (const OpInput[]){{"x", "f32[N,n]"}, {"index", "i32[m]", .integer = true}, {0}},
    .accumulates = true,
    .saves = "nothing",
    .forward = gather_forward,
    .backward = gather_backward,
    .reference = gather_reference,
    .bytes = bytes,
    .cases = (const OpCase[]){{"f32[6,3] i32[4]<6", ""}, {"f32[2,1] i32[5]<2", ""}, {0}},
};

const Op op_embedding_sum = {
    .name = "embedding_sum",
    .doc = "Sum of the rows for words and perhaps places and token types.",
    .source = "Devlin et al. 2019, figure 2; Radford et al. 2018",
    .inputs = (const OpInput[]){{"words", "f32[V,n]", .half = true},
                                {"positions", "f32[P,n]", .optional = true, .half = true},
                                {"types", "f32[S,n]", .optional = true, .half = true},
                                {"ids", "i32[B,T]", .integer = true},
                                {"type_ids", "i32[B,T]", .optional = true, .integer = true},
                                {0}},
    .attrs =
        (const Option[]){OPTION_INT_FIELD(EmbeddingSumAttrs, offset, 0, 0, 1 << 24, "place of the first token"),
                         {0}},
    .attrs_size = sizeof(EmbeddingSumAttrs),
    .accumulates = true,
    .saves = "nothing",
    .forward = sum_forward,
    .backward = sum_backward,
    .reference = sum_reference,
    .bytes = bytes,
    .cases = (const OpCase[]){{"f32[5,3] f32[4,3] f32[2,3] i32[2,4]<5 i32[2,4]<2", ""},
                              {"f32[3,33] f32[2,33] f32[2,33] i32[1,1]<3 i32[1,1]<2", ""},
                              {"f32[5,3] f32[4,3] - i32[2,2]<5 -", "offset=2"},
                              {"f32[5,3] - f32[2,3] i32[2,4]<5 i32[2,4]<2", ""},
                              {0}},
};
