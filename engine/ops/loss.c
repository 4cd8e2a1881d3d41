/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Losses over classes. */
#include "engine/kernels/rows.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <math.h>

static int64_t counted(const Node *node)
{
    const CrossEntropyAttrs *attrs = node->attrs;
    int64_t count = 0;
    for (int64_t i = 0; i < tensor_count(node->inputs[1]); i++)
        count += TENSOR_I32(node->inputs[1])[i] != attrs->ignore_index;
    return count;
}

static Status check(const Node *node)
{
    const CrossEntropyAttrs *attrs = node->attrs;
    const Tensor *logits = node->inputs[0], *targets = node->inputs[1];
    TRY(node_expect_ndim(node, 0, 2));
    TRY(node_expect_ndim(node, 1, 1));
    if (targets->dtype != DTYPE_I32 || !tensor_contiguous(targets) || targets->shape[0] != logits->shape[0])
        return node_refuse(node, 1, "it must be contiguous i32[%lld]", (long long)logits->shape[0]);
    for (int64_t i = 0; i < targets->shape[0]; i++) {
        int32_t target = TENSOR_I32(targets)[i];
        if (target != attrs->ignore_index && (target < 0 || target >= logits->shape[1]))
            return node_refuse(node, 1, "target %lld is %d, but there are %lld classes", (long long)i, target,
                               (long long)logits->shape[1]);
    }
    return counted(node) ? STATUS_OK : node_refuse(node, 1, "there is no target to learn from");
}

static Status forward(Node *node)
{
    const CrossEntropyAttrs *attrs = node->attrs;
    Tensor *logits, *lse, *losses, *loss;
    TRY(check(node));
    TRY(node_contiguous(node, 0, &logits));
    int64_t rows = logits->shape[0];
    TRY(node_output(node, DTYPE_F32, 0, NULL, &loss));
    TRY(node_save_new(node, 1, &rows, &lse));
    TRY(node_save(node, logits));
    TRY(node_scratch(node, DTYPE_F32, 1, &rows, &losses));
    kernel_cross_entropy(rows, logits->shape[1], TENSOR_F32(logits), TENSOR_I32(node->inputs[1]),
                         attrs->ignore_index, (float)attrs->label_smoothing, TENSOR_F32(losses), TENSOR_F32(lse));
    double sum = 0;
    for (int64_t i = 0; i < rows; i++) sum += (double)TENSOR_F32(losses)[i];
    TENSOR_F32(loss)[0] = (float)(sum / (double)counted(node));
    return STATUS_OK;
}

static Status backward(Node *node)
{
    const CrossEntropyAttrs *attrs = node->attrs;
    const Tensor *logits = node->saved[1];
    Tensor *grad;
    bool accumulate;
    float scale = (float)(tensor_get(node->grad_outputs[0], 0) / (double)counted(node));
    TRY(node_grad(node, 0, &grad, &accumulate));
    kernel_cross_entropy_backward(logits->shape[0], logits->shape[1], TENSOR_F32(logits),
                                  TENSOR_I32(node->inputs[1]), attrs->ignore_index, (float)attrs->label_smoothing,
                                  TENSOR_F32(node->saved[0]), scale, TENSOR_F32(grad));
    return STATUS_OK;
}

static double plain_row(const CrossEntropyAttrs *attrs, int64_t classes, int32_t target, const double *x)
{
    double high = x[0], all = 0, loss = 0, spread = attrs->label_smoothing / (double)classes;
    for (int64_t i = 0; i < classes; i++) high = fmax(high, x[i]);
    for (int64_t i = 0; i < classes; i++) all += exp(x[i] - high);
    for (int64_t i = 0; i < classes; i++)
        loss -= (spread + (i == target ? 1 - attrs->label_smoothing : 0)) * (x[i] - high - log(all));
    return loss;
}

static Status plain_form(Node *node)
{
    const CrossEntropyAttrs *attrs = node->attrs;
    const Tensor *logits = node->inputs[0];
    double sum = 0;
    Tensor *loss;
    TRY(check(node));
    for (int64_t row = 0; row < logits->shape[0]; row++) {
        int32_t target = TENSOR_I32(node->inputs[1])[row];
        if (target != attrs->ignore_index)
            sum += plain_row(attrs, logits->shape[1], target, TENSOR_F64(logits) + row * logits->shape[1]);
    }
    TRY(node_output(node, DTYPE_F64, 0, NULL, &loss));
    TENSOR_F64(loss)[0] = sum / (double)counted(node);
    return STATUS_OK;
}

static double flops(const Node *node)
{
    return 4 * (double)tensor_count(node->inputs[0]);
}

const Op op_cross_entropy = {
    .name = "cross_entropy",
    .doc = "Mean of -log softmax(logits)[target] over the targets, in nats.",
    .source = "label smoothing: Szegedy et al. 2016, Rethinking the Inception Architecture",
    .inputs = (const OpInput[]){{"logits", "f32[n,classes]"}, {"targets", "i32[n]", .integer = true}, {0}},
    .attrs = (const Option[]){OPTION_INT_FIELD(CrossEntropyAttrs, ignore_index, -100, -1e15, 1e15,
                                               "target that does not count"),
                              OPTION_NUMBER_FIELD(CrossEntropyAttrs, label_smoothing, 0, 0, 1,
                                                  "this share of the target is spread over all classes"),
                              {0}},
    .attrs_size = sizeof(CrossEntropyAttrs),
    .saves = "log-sum-exp, logits",
    .forward = forward,
    .backward = backward,
    .reference = plain_form,
    .flops = flops,
    .cases = (const OpCase[]){{"f32[4,5] i32[4]<5", ""},
                              {"f32[1,2] i32[1]<2", ""},
                              {"f32[7,33] i32[7]<33", "ignore_index=2"},
                              {"f32[5,9] i32[5]<9", "ignore_index=3 label_smoothing=0.1"},
                              {0}},
};
