/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Losses of one tensor against another, element by element, then averaged or summed. */
#include "engine/kernels/elementwise.h"
#include "engine/kernels/reduce.h"
#include "engine/ops/attributes.h"
#include "engine/ops/op.h"

#include <math.h>

/* A loss and its slopes by both inputs. */
typedef struct PairLoss {
    BinaryKind value, by_input, by_target;
} PairLoss;

/* Both inputs broadcast to their common shape. */
static Status operands(Node *node, Tensor *pair[2])
{
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    TRY(node_broadcast(node, &ndim, shape));
    for (int i = 0; i < 2; i++) TRY(node_expanded(node, i, ndim, shape, &pair[i]));
    return STATUS_OK;
}

/* What the sum of the losses is multiplied by. */
static double share_of(LossReduction reduction, const Tensor *full)
{
    int64_t count = reduction == REDUCTION_MEAN                      ? tensor_count(full)
                    : reduction == REDUCTION_BATCHMEAN && full->ndim ? full->shape[0]
                                                                     : 1;
    return 1 / (double)count;
}

static Status pair_forward(Node *node, const PairLoss *loss, LossReduction reduction)
{
    Tensor *pair[2], *each, *y;
    TRY(operands(node, pair));
    int64_t count = tensor_count(pair[0]);
    if (count == 0 && reduction != REDUCTION_NONE)
        return node_refuse(node, 0, "there is no element to take a loss of");
    if (reduction == REDUCTION_NONE) {
        TRY(node_output(node, DTYPE_F32, pair[0]->ndim, pair[0]->shape, &each));
    } else {
        TRY(node_output(node, DTYPE_F32, 0, NULL, &y));
        TRY(node_scratch(node, DTYPE_F32, pair[0]->ndim, pair[0]->shape, &each));
    }
    kernel_binary(loss->value, count, TENSOR_F32(pair[0]), TENSOR_F32(pair[1]), TENSOR_F32(each));
    if (reduction != REDUCTION_NONE) {
        RowSums all = {.rows = 1, .inner = count, .x = TENSOR_F32(each), .factor = share_of(reduction, each)};
        kernel_row_sums(ROW_SUM, &all, TENSOR_F32(y));
    }
    TRY(node_save(node, pair[0]));
    return node_save(node, pair[1]);
}

static Status give_slope(Node *node, int i, BinaryKind slope, LossReduction reduction)
{
    Tensor *a = node->saved[0], *full, *dy;
    if (!node->needs_grad[i]) return STATUS_OK;
    TRY(node_dense_gradient(node, &dy));
    TRY(node_scratch(node, DTYPE_F32, a->ndim, a->shape, &full));
    float *to = TENSOR_F32(full);
    int64_t count = tensor_count(full);
    kernel_binary(slope, count, TENSOR_F32(a), TENSOR_F32(node->saved[1]), to);
    if (reduction == REDUCTION_NONE)
        kernel_binary(BINARY_MUL, count, to, TENSOR_F32(dy), to);
    else
        kernel_unary(UNARY_SCALE, count, (float)(tensor_get(dy, 0) * share_of(reduction, full)), 0, to, to);
    return node_grad_reduced(node, i, full);
}

static Status pair_backward(Node *node, const PairLoss *loss, LossReduction reduction)
{
    TRY(give_slope(node, 0, loss->by_input, reduction));
    return give_slope(node, 1, loss->by_target, reduction);
}

static const PairLoss squared = {BINARY_SQUARED, BINARY_SQUARED_A, BINARY_SQUARED_B};
static const PairLoss bce = {BINARY_BCE, BINARY_BCE_A, BINARY_BCE_B};
static const PairLoss kl = {BINARY_KL, BINARY_KL_A, BINARY_KL_B};
static const PairLoss kl_log = {BINARY_KL_LOG, BINARY_KL_LOG_A, BINARY_KL_LOG_B};

static LossReduction reduction_of(const Node *node)
{
    return (LossReduction)((const LossAttrs *)node->attrs)->reduction;
}

static Status mse_forward(Node *node)
{
    return pair_forward(node, &squared, reduction_of(node));
}

static Status mse_backward(Node *node)
{
    return pair_backward(node, &squared, reduction_of(node));
}

static Status bce_forward(Node *node)
{
    return pair_forward(node, &bce, reduction_of(node));
}

static Status bce_backward(Node *node)
{
    return pair_backward(node, &bce, reduction_of(node));
}

static Status kl_forward(Node *node)
{
    const KlDivAttrs *attrs = node->attrs;
    return pair_forward(node, attrs->log_target ? &kl_log : &kl, (LossReduction)attrs->reduction);
}

static Status kl_backward(Node *node)
{
    const KlDivAttrs *attrs = node->attrs;
    return pair_backward(node, attrs->log_target ? &kl_log : &kl, (LossReduction)attrs->reduction);
}

/* --- plain forms --- */

static double plain_value(BinaryKind kind, double a, double b)
{
    switch (kind) {
    case BINARY_SQUARED: return (a - b) * (a - b);
    case BINARY_BCE: return b * log1p(exp(-a)) + (1 - b) * log1p(exp(a));
    case BINARY_KL: return b == 0 ? 0 : b * (log(b) - a);
    default: return exp(b) * (b - a);
    }
}

static Status plain_loss(Node *node, BinaryKind kind, LossReduction reduction)
{
    Tensor *pair[2], *y;
    double sum = 0;
    TRY(operands(node, pair));
    bool each = reduction == REDUCTION_NONE;
    TRY(node_output(node, DTYPE_F64, each ? pair[0]->ndim : 0, pair[0]->shape, &y));
    for (int64_t i = 0, n = tensor_count(pair[0]); i < n; i++) {
        double value = plain_value(kind, TENSOR_F64(pair[0])[i], TENSOR_F64(pair[1])[i]);
        if (each) TENSOR_F64(y)[i] = value;
        sum += value;
    }
    if (!each) TENSOR_F64(y)[0] = sum * share_of(reduction, pair[0]);
    return STATUS_OK;
}

static Status mse_reference(Node *node)
{
    return plain_loss(node, BINARY_SQUARED, reduction_of(node));
}

static Status bce_reference(Node *node)
{
    return plain_loss(node, BINARY_BCE, reduction_of(node));
}

static Status kl_reference(Node *node)
{
    const KlDivAttrs *attrs = node->attrs;
    return plain_loss(node, attrs->log_target ? BINARY_KL_LOG : BINARY_KL, (LossReduction)attrs->reduction);
}

static const OpInput inputs[] = {{"input", "any shape"}, {"target", "a shape that broadcasts with it"}, {0}};
static const OpInput logit_inputs[] = {
    {"input", "logits of any shape"}, {"target", "probabilities; a shape that broadcasts with it"}, {0}};
static const OpInput kl_inputs[] = {{"input", "logarithms of the model's probabilities"},
                                    {"target", "probabilities, or with log_target their logarithms"},
                                    {0}};
static const Option loss_options[] = {
    OPTION_CHOICE_FIELD(LossAttrs, reduction, "mean", "mean sum none", "what becomes of the losses"), {0}};
static const Option kl_options[] = {
    OPTION_CHOICE_FIELD(KlDivAttrs, reduction, "mean", "mean sum none batchmean",
                        "what becomes of the losses; batchmean, the sum over the first size, is the divergence"),
    OPTION_BOOLEAN_FIELD(KlDivAttrs, log_target, 0, "target holds logarithms"),
    {0}};
static const OpCase mse_cases[] = {{"f32[3,5] f32[3,5]", ""},
                                   {"f32[1] f32[1]", "reduction=sum"},
                                   {"f32[2,1,4] f32[3,1]", "reduction=none"},
                                   {"f32[] f32[3]", ""},
                                   {0}};
static const OpCase bce_cases[] = {{"f32[3,5] f32[3,5]+", ""},
                                   {"f32[1] f32[1]+", "reduction=sum"},
                                   {"f32[2,1,4] f32[3,1]+", "reduction=none"},
                                   {0}};
static const OpCase kl_cases[] = {{"f32[3,5] f32[3,5]+", ""},
                                  {"f32[1] f32[1]+", "reduction=sum"},
                                  {"f32[3,7] f32[3,7]", "reduction=batchmean log_target=true"},
                                  {"f32[2,1,4] f32[3,1]+", "reduction=none"},
                                  {0}};

const Op op_mse_loss = {.name = "mse_loss",
                        .doc = "(input - target)^2, averaged.",
                        .inputs = inputs,
                        .attrs = loss_options,
                        .attrs_size = sizeof(LossAttrs),
                        .saves = "input, target",
                        .forward = mse_forward,
                        .backward = mse_backward,
                        .reference = mse_reference,
                        .cases = mse_cases};
const Op op_binary_cross_entropy_with_logits = {
    .name = "binary_cross_entropy_with_logits",
    .doc = "-target log sigmoid(input) - (1 - target) log(1 - sigmoid(input)), averaged, in nats.",
    .inputs = logit_inputs,
    .attrs = loss_options,
    .attrs_size = sizeof(LossAttrs),
    .saves = "input, target",
    .forward = bce_forward,
    .backward = bce_backward,
    .reference = bce_reference,
    .cases = bce_cases};
const Op op_kl_div = {.name = "kl_div",
                      .doc = "target (log target - input), averaged: the Kullback-Leibler divergence, in nats.",
                      .source = "Kullback, Leibler 1951",
                      .inputs = kl_inputs,
                      .attrs = kl_options,
                      .attrs_size = sizeof(KlDivAttrs),
                      .saves = "input, target",
                      .forward = kl_forward,
                      .backward = kl_backward,
                      .reference = kl_reference,
                      .cases = kl_cases};
