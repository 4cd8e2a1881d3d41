/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The optimizers. */
#include "engine/kernels/update.h"
#include "engine/optim/optimizer.h"

#include <math.h>

#define LR(standard)                                                                                               \
    OPTION_NUMBER_FIELD(OptimizerConfig, lr, standard, 0, 1e6, "learning rate, before the schedule")
#define DECAY(standard)                                                                                            \
    OPTION_NUMBER_FIELD(OptimizerConfig, weight_decay, standard, 0, 1e6, "weight decay, of matrices only")
#define BETAS                                                                                                      \
    {.name = "beta1",                                                                                              \
     .doc = "decay of the mean of gradients",                                                                      \
     .kind = OPTION_NUMBER,                                                                                        \
     .offset = offsetof(OptimizerConfig, beta1),                                                                   \
     .number = 0.9,                                                                                                \
     .max = 1,                                                                                                     \
     .bounded = true,                                                                                              \
     .max_open = true},                                                                                            \
    {                                                                                                              \
        .name = "beta2", .doc = "decay of the mean of squares", .kind = OPTION_NUMBER,                             \
        .offset = offsetof(OptimizerConfig, beta2), .number = 0.999, .max = 1, .bounded = true, .max_open = true   \
    }
#define EPS(standard)                                                                                              \
    OPTION_NUMBER_FIELD(OptimizerConfig, eps, standard, 0, 1, "added to the root of the mean square")

#define LAYER_DECAY                                                                                                \
    OPTION_NUMBER_FIELD(OptimizerConfig, layer_decay, 1, 0, 1,                                                     \
                        "the learning rate of each layer, over that of the layer above it; 1: all have the same")

static const Option adamw_options[] = {LR(1e-3), DECAY(0.01), BETAS, EPS(1e-8), LAYER_DECAY, {0}};
static const Option adam_options[] = {LR(1e-3), DECAY(0), BETAS, EPS(1e-8), LAYER_DECAY, {0}};
static const Option lamb_options[] = {LR(1e-3), DECAY(0.01), BETAS, EPS(1e-6), LAYER_DECAY, {0}};
static const Option sgd_options[] = {
    LR(1e-2),
    DECAY(0),
    OPTION_NUMBER_FIELD(OptimizerConfig, momentum, 0, 0, 1, "share of the last update that is kept"),
    OPTION_BOOLEAN_FIELD(OptimizerConfig, nesterov, 0, "look ahead along the momentum"),
    LAYER_DECAY,
    {0}};

static AdamStep adam_step(const OptimizerConfig *config, const Param *param, double lr, double scale)
{
    double t = (double)param->step;
    return (AdamStep){.lr = (float)lr,
                      .beta1 = (float)config->beta1,
                      .beta2 = (float)config->beta2,
                      .eps = (float)config->eps,
                      .weight_decay = param->decay ? (float)config->weight_decay : 0,
                      .correction1 = (float)(1 - pow(config->beta1, t)),
                      .correction2 = (float)(1 - pow(config->beta2, t)),
                      .scale = (float)scale};
}

static float *data_of(const Tensor *tensor)
{
    return tensor ? TENSOR_F32(tensor) : NULL;
}

static UpdateArrays arrays_of(const Param *param)
{
    return (UpdateArrays){.n = tensor_count(param->value),
                          .weight = data_of(param->value),
                          .first = data_of(param->state[0]),
                          .second = data_of(param->state[1]),
                          .grad = data_of(param->value->grad),
                          .mask = data_of(param->mask)};
}

static void step_adamw(const OptimizerConfig *config, Param *param, double lr, double scale)
{
    AdamStep step = adam_step(config, param, lr, scale);
    UpdateArrays arrays = arrays_of(param);
    step.decoupled = true;
    kernel_adam(&step, &arrays);
}

static void step_adam(const OptimizerConfig *config, Param *param, double lr, double scale)
{
    AdamStep step = adam_step(config, param, lr, scale);
    UpdateArrays arrays = arrays_of(param);
    kernel_adam(&step, &arrays);
}

static void step_lamb(const OptimizerConfig *config, Param *param, double lr, double scale)
{
    AdamStep step = adam_step(config, param, lr, scale);
    UpdateArrays arrays = arrays_of(param);
    kernel_lamb(&step, &arrays);
}

static void step_sgd(const OptimizerConfig *config, Param *param, double lr, double scale)
{
    SgdStep step = {(float)lr,    (float)config->momentum, param->decay ? (float)config->weight_decay : 0,
                    (float)scale, config->nesterov,        param->step == 1};
    UpdateArrays arrays = arrays_of(param);
    kernel_sgd(&step, &arrays);
}

const OptimizerRecord optimizer_adamw = {.name = "adamw",
                                         .doc = "Adam with decoupled weight decay.",
                                         .source = "Loshchilov, Hutter 2019, Decoupled weight decay regularization",
                                         .options = adamw_options,
                                         .states = {"exp_avg", "exp_avg_sq"},
                                         .step = step_adamw};
const OptimizerRecord optimizer_adam = {.name = "adam",
                                        .doc = "Adam; weight decay is an L2 term.",
                                        .source = "Kingma, Ba 2015",
                                        .options = adam_options,
                                        .states = {"exp_avg", "exp_avg_sq"},
                                        .step = step_adam};
const OptimizerRecord optimizer_sgd = {.name = "sgd",
                                       .doc = "Stochastic gradient descent with momentum.",
                                       .source = "Sutskever et al. 2013 (Nesterov)",
                                       .options = sgd_options,
                                       .states = {"momentum_buffer"},
                                       .step = step_sgd};
const OptimizerRecord optimizer_lamb = {.name = "lamb",
                                        .doc = "Adam's direction scaled layer by layer, for large batches.",
                                        .source = "You et al. 2020, algorithm 2",
                                        .options = lamb_options,
                                        .states = {"exp_avg", "exp_avg_sq"},
                                        .step = step_lamb};
