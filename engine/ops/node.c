/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/bf16_product.h"
#include "engine/kernels/elementwise.h"
#include "engine/ops/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Status node_output(Node *node, DType dtype, int ndim, const int64_t *shape, Tensor **out)
{
    TRY(tensor_new(node->arena, dtype, ndim, shape, out));
    node->outputs[node->output_count++] = *out;
    return STATUS_OK;
}

void node_output_view(Node *node, Tensor *view)
{
    node->outputs[node->output_count++] = view;
}

Status node_save(Node *node, const Tensor *tensor)
{
    if (!node->recording) return STATUS_OK;
    TRY(tensor_alias(node->arena, tensor, &node->saved[node->saved_count]));
    node->saved_versions[node->saved_count++] = storage_version(tensor->storage);
    return STATUS_OK;
}

Status node_save_new(Node *node, int ndim, const int64_t *shape, Tensor **out)
{
    TRY(tensor_new(node->arena, DTYPE_F32, ndim, shape, out));
    node->saved[node->saved_count++] = *out;
    return STATUS_OK;
}

Status node_scratch(Node *node, DType dtype, int ndim, const int64_t *shape, Tensor **out)
{
    TRY(tensor_new(node->arena, dtype, ndim, shape, out));
    return node_keep(node, *out);
}

Status node_keep(Node *node, Tensor *tensor)
{
    if (node->scratch_count == OP_MAX_SCRATCH) {
        tensor_unref(tensor);
        return status_fail(STATUS_INVALID, "%s: more than %d scratch tensors", node->op->name, OP_MAX_SCRATCH);
    }
    node->scratch[node->scratch_count++] = tensor;
    return STATUS_OK;
}

void node_drop_scratch(Node *node)
{
    while (node->scratch_count) tensor_unref(node->scratch[--node->scratch_count]);
}

/* The tensor itself or, where it is not contiguous, a kept copy. */
static Status dense(Node *node, Tensor *tensor, Tensor **out)
{
    *out = tensor;
    if (tensor_contiguous(tensor)) return STATUS_OK;
    TRY(tensor_clone(node->arena, tensor, out));
    return node_keep(node, *out);
}

Status node_dense_gradient(Node *node, Tensor **out)
{
    return dense(node, node->grad_outputs[0], out);
}

Tensor **node_gradient_place(Tensor *tensor)
{
    return tensor->node ? &tensor->node->grad_outputs[tensor->output_index] : &tensor->grad;
}

/* A leaf's gradient outlives the step: it stands in the leaf's own memory. */
static Status new_gradient(const Node *node, const Tensor *input, Tensor **out)
{
    return tensor_new(input->node ? node->arena : input->arena, DTYPE_F32, input->ndim, input->shape, out);
}

Status node_grad(Node *node, int i, Tensor **grad, bool *accumulate)
{
    Tensor *input = node->inputs[i];
    Tensor **place = node_gradient_place(input);
    bool leaf_start = !input->node && input->grad_fresh;
    *accumulate = false;
    if (*place && leaf_start && !storage_shared((*place)->storage)) {
        input->grad_fresh = false;
        *grad = *place;
        return STATUS_OK;
    }
    if (!*place || leaf_start) {
        TRY(new_gradient(node, input, grad));
        tensor_unref(*place);
        *place = *grad;
        input->grad_fresh = false;
        return STATUS_OK;
    }
    if (node->op->accumulates && !storage_shared((*place)->storage) && tensor_contiguous(*place)) {
        *grad = *place;
        *accumulate = true;
        return STATUS_OK;
    }
    TRY(tensor_new(node->arena, DTYPE_F32, input->ndim, input->shape, grad));
    node->pending[i] = *grad;
    return STATUS_OK;
}

Status node_grad_is(Node *node, int i, Tensor *grad)
{
    Tensor *input = node->inputs[i];
    Tensor **place = node_gradient_place(input);
    if (input->node && !*place) return tensor_alias(node->arena, grad, place);
    if (!input->node && (!*place || input->grad_fresh)) { /* a leaf's gradient has its own memory */
        bool accumulate;
        Tensor *own;
        TRY(node_grad(node, i, &own, &accumulate));
        return tensor_copy(own, grad);
    }
    return tensor_alias(node->arena, grad, &node->pending[i]);
}

static void add_into(float *to, const float *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

/* Makes the gradient at place contiguous memory of its own, so that it can be added to. */
static Status own_gradient(Node *node, const Tensor *input, Tensor **place)
{
    Tensor *own;
    if (!storage_shared((*place)->storage) && tensor_contiguous(*place)) return STATUS_OK;
    TRY(new_gradient(node, input, &own));
    Status status = tensor_copy(own, *place);
    if (status != STATUS_OK) {
        tensor_unref(own);
        return status;
    }
    tensor_unref(*place);
    *place = own;
    return STATUS_OK;
}

static Status add_gradient(Node *node, const Tensor *input, Tensor **place, Tensor *more)
{
    Tensor *own;
    TRY(own_gradient(node, input, place));
    if (tensor_contiguous(more))
        own = tensor_ref(more);
    else
        TRY(tensor_clone(node->arena, more, &own));
    add_into(TENSOR_F32(*place), TENSOR_F32(own), tensor_count(own));
    tensor_unref(own);
    return STATUS_OK;
}

Status node_finish_backward(Node *node)
{
    for (int i = 0; i < node->input_count; i++) {
        if (!node->pending[i]) continue;
        TRY(add_gradient(node, node->inputs[i], node_gradient_place(node->inputs[i]), node->pending[i]));
        tensor_unref(node->pending[i]);
        node->pending[i] = NULL;
    }
    return STATUS_OK;
}

Status node_refuse(const Node *node, int i, const char *format, ...)
{
    char shape[TENSOR_TEXT_SIZE], words[512];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    return status_fail(STATUS_INVALID, "%s: %s is %s: %s", node->op->name, op_input(node->op, i)->name,
                       tensor_describe(node->inputs[i], shape), words);
}

Status node_expect_ndim(const Node *node, int i, int ndim)
{
    if (node->inputs[i]->ndim == ndim) return STATUS_OK;
    return node_refuse(node, i, "it must have %d dimension%s", ndim, ndim == 1 ? "" : "s");
}

Status node_dim(const Node *node, int i, int64_t dim, int *out)
{
    int ndim = node->inputs[i]->ndim;
    int64_t resolved = dim < 0 ? dim + ndim : dim;
    if (resolved < 0 || resolved >= ndim) return node_refuse(node, i, "it has no dimension %lld", (long long)dim);
    *out = (int)resolved;
    return STATUS_OK;
}

Status node_contiguous(Node *node, int i, Tensor **out)
{
    return dense(node, node->inputs[i], out);
}

/* --- operands of products --- */

static void round_to_half(const Tensor *from, Tensor *to)
{
    if (to->dtype == DTYPE_BF16)
        kernel_to_bf16(tensor_count(from), TENSOR_F32(from), tensor_data(to));
    else
        kernel_round_bf16(tensor_count(from), TENSOR_F32(from), TENSOR_F32(to));
}

static Status new_half(Arena *arena, const Tensor *of, Tensor **out)
{
    return tensor_new(arena, bf16_native() ? DTYPE_BF16 : DTYPE_F32, of->ndim, of->shape, out);
}

Status node_operand(Node *node, int i, Tensor **out)
{
    Tensor *input = node->inputs[i], *values, *half;
    if (node->precision == DTYPE_F32 || input->dtype == DTYPE_BF16) return node_contiguous(node, i, out);
    uint64_t version = storage_version(input->storage);
    bool assigned = input->half && input->half_version != version;
    *out = input->half;
    if (*out && !input->half_stale && !assigned) return STATUS_OK;
    TRY(node_contiguous(node, i, &values));
    if (assigned) { /* a node may have kept it for its way back */
        tensor_unref(input->half);
        input->half = NULL;
    }
    if (!input->half) {
        TRY(new_half(input->arena, input, &half));
        input->half = half;
    }
    round_to_half(values, input->half);
    input->half_stale = false;
    input->half_version = version;
    *out = input->half;
    return STATUS_OK;
}

Status node_operand_of(Node *node, Tensor *tensor, Tensor **out)
{
    *out = tensor;
    if (node->precision == DTYPE_F32) return STATUS_OK;
    TRY(new_half(node->arena, tensor, out));
    TRY(node_keep(node, *out));
    round_to_half(tensor, *out);
    return STATUS_OK;
}

int op_input_count(const Op *op)
{
    int count = 0;
    while (op->inputs[count].name) count++;
    return count;
}

const OpInput *op_input(const Op *op, int i)
{
    int last = op_input_count(op) - 1;
    return &op->inputs[i < last ? i : last];
}

double node_flops(const Node *node)
{
    if (node->op->flops) return node->op->flops(node);
    double count = 0;
    for (int i = 0; i < node->output_count; i++) count += (double)tensor_count(node->outputs[i]);
    return count;
}

static double bytes_of(const Tensor *tensor)
{
    return tensor ? (double)tensor_count(tensor) * (double)dtype_size(tensor->dtype) : 0;
}

double node_tensor_bytes(const Node *node)
{
    double bytes = 0;
    for (int i = 0; i < node->input_count; i++) bytes += bytes_of(node->inputs[i]);
    for (int i = 0; i < node->output_count; i++) bytes += bytes_of(node->outputs[i]);
    return bytes;
}

double node_bytes(const Node *node)
{
    return node->op->bytes ? node->op->bytes(node) : node_tensor_bytes(node);
}
