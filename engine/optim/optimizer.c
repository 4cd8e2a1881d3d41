/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/optim/optimizer.h"

#include "engine/base/turns.h"
#include "engine/kernels/reduce.h"

#include <math.h>
#include <string.h>

#define OPTIMIZER(name) extern const OptimizerRecord optimizer_##name;
#include "engine/optim/optimizers.list"
#undef OPTIMIZER

#define OPTIMIZER(name) &optimizer_##name,
const OptimizerRecord *const optimizer_records[] = {
#include "engine/optim/optimizers.list"
};
#undef OPTIMIZER

const int optimizer_record_count = sizeof optimizer_records / sizeof *optimizer_records;

const OptimizerRecord *optimizer_record_find(const char *name)
{
    for (int i = 0; i < optimizer_record_count; i++)
        if (strcmp(optimizer_records[i]->name, name) == 0) return optimizer_records[i];
    return NULL;
}

/* Has a gradient of this step. */
static bool has_gradient(const Param *param)
{
    return param->value->grad && !param->value->grad_fresh;
}

static Status prepare_param(void *context, Param *param)
{
    const OptimizerRecord *record = context;
    if (param->frozen || !has_gradient(param)) return STATUS_OK;
    TRY(tensor_own(param->value)); /* a snapshot may look at it */
    for (int i = 0; record->states[i]; i++) {
        turns_give();
        if (param->state[i])
            TRY(tensor_own(param->state[i]));
        else
            TRY(tensor_new_zeros(NULL, DTYPE_F32, param->value->ndim, param->value->shape, &param->state[i]));
    }
    return STATUS_OK;
}

Status optimizer_prepare(const Optimizer *optimizer, const Module *root)
{
    return module_each_param(root, prepare_param, (void *)optimizer->record);
}

void optimizer_step(const Optimizer *optimizer, const Module *root, double lr, double scale)
{
    for (int i = 0; i < root->param_count; i++) {
        Param *param = root->params[i];
        if (param->frozen || !has_gradient(param)) continue;
        turns_give();
        param->step++;
        optimizer->record->step(&optimizer->config, param, lr * param->lr_scale, scale);
        param_changed(param);
    }
    for (int i = 0; i < root->child_count; i++) optimizer_step(optimizer, root->children[i], lr, scale);
}

/* --- gradients --- */

static double sum_of_squares(const Tensor *tensor, const Tensor *mask)
{
    return kernel_sum_of_squares(tensor_count(tensor), TENSOR_F32(tensor), mask ? TENSOR_F32(mask) : NULL);
}

static double squares_below(const Module *root)
{
    double total = 0;
    for (int i = 0; i < root->param_count; i++)
        if (has_gradient(root->params[i]))
            total += sum_of_squares(root->params[i]->value->grad, root->params[i]->mask);
    for (int i = 0; i < root->child_count; i++) total += squares_below(root->children[i]);
    return total;
}

double gradient_norm(const Module *root)
{
    return sqrt(squares_below(root));
}

const Param *gradient_nonfinite(const Module *root)
{
    for (int i = 0; i < root->param_count; i++) {
        const Tensor *grad = root->params[i]->value->grad;
        if (has_gradient(root->params[i]) && !isfinite(sum_of_squares(grad, NULL))) return root->params[i];
    }
    for (int i = 0; i < root->child_count; i++) {
        const Param *found = gradient_nonfinite(root->children[i]);
        if (found) return found;
    }
    return NULL;
}

void gradient_forget(const Module *root)
{
    for (int i = 0; i < root->param_count; i++) {
        Tensor *value = root->params[i]->value;
        if (value->grad_fresh) { /* this step had none for it: an older one would be shown as the last */
            tensor_unref(value->grad);
            value->grad = NULL;
        }
        value->grad_fresh = true;
    }
    for (int i = 0; i < root->child_count; i++) gradient_forget(root->children[i]);
}
