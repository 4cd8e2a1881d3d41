/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Optimizers, a record each (optimizers.list). The state of a parameter lives in its Param and is made before the
 * first step, so that a step itself cannot fail. Plain values; nobody frees anything. */
#ifndef LATHE_OPTIM_OPTIMIZER_H
#define LATHE_OPTIM_OPTIMIZER_H

#include "engine/nn/module.h"

/* Fields of all optimizers; each record's table names those that it has. */
typedef struct OptimizerConfig {
    double lr, weight_decay, beta1, beta2, eps, momentum, layer_decay;
    bool nesterov;
} OptimizerConfig;

typedef struct OptimizerRecord {
    const char *name, *doc, *source;
    const Option *options;
    const char *states[PARAM_STATES + 1]; /* names of the state tensors, as in PyTorch; ends with NULL */
    /* One step of one parameter. lr: the rate now; scale: what the gradient is multiplied by first (clipping). */
    void (*step)(const OptimizerConfig *config, Param *param, double lr, double scale);
} OptimizerRecord;

typedef struct Optimizer {
    const OptimizerRecord *record;
    OptimizerConfig config;
} Optimizer;

/* Makes the state that is missing below the module, zeroed, and gives what will be written and is shared with a
 * snapshot bytes of its own. Gives turns. Errors: memory. */
Status optimizer_prepare(const Optimizer *optimizer, const Module *root) STATUS_CHECKED;
/* Steps every parameter that is not frozen and has a gradient of this step, at its share of the learning rate.
 * Gives a turn before each. */
void optimizer_step(const Optimizer *optimizer, const Module *root, double lr, double scale);

/* The 2-norm of all gradients of this step below the module, in double precision; those of pruned weights do not
 * count. */
double gradient_norm(const Module *root);
/* The first parameter whose gradient is not finite, NULL where all are. */
const Param *gradient_nonfinite(const Module *root);
/* The gradients are over: the next backward pass writes instead of adding. They stay to be looked at until then. */
void gradient_forget(const Module *root);

extern const OptimizerRecord *const optimizer_records[];
extern const int optimizer_record_count;
const OptimizerRecord *optimizer_record_find(const char *name);

#endif
