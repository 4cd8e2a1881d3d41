/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers that every model is made of. */
#include "engine/autograd/functions.h"
#include "engine/nn/lora.h"

/* Each weight draws from its own path, so that adding a layer changes no other layer's start. */
void param_draw(Param *param, RandomKey key)
{
    if (random_is_none(key) || param->deviation == 0) return;
    tensor_fill_normal(param->value, random_subkey_name(key, param->path), 0, param->deviation);
}

static void draw(Param *param, RandomKey key, double deviation)
{
    param->deviation = deviation;
    param_draw(param, key);
}

Status linear_add(Module *parent, const char *name, int64_t in, int64_t out, bool bias, RandomKey key,
                  double deviation, Module **made)
{
    Module *module;
    Param *weight, *offset;
    TRY(module_add(parent, name, &module));
    TRY(module_add_param(module, "weight", true, 2, (int64_t[]){out, in}, &weight));
    weight->linear = true;
    draw(weight, key, deviation);
    if (bias) TRY(module_add_param(module, "bias", false, 1, (int64_t[]){out}, &offset));
    if (made) *made = module;
    return STATUS_OK;
}

Status embedding_add(Module *parent, const char *name, int64_t rows, int64_t width, RandomKey key, double deviation,
                     Module **made)
{
    Module *module;
    Param *weight;
    TRY(module_add(parent, name, &module));
    TRY(module_add_param(module, "weight", true, 2, (int64_t[]){rows, width}, &weight));
    draw(weight, key, deviation);
    if (made) *made = module;
    return STATUS_OK;
}

Status layer_norm_add(Module *parent, const char *name, int64_t width, bool bias, Module **made)
{
    Module *module;
    Param *weight, *offset;
    TRY(module_add(parent, name, &module));
    TRY(module_add_param(module, "weight", false, 1, (int64_t[]){width}, &weight));
    tensor_fill(weight->value, 1);
    if (bias) TRY(module_add_param(module, "bias", false, 1, (int64_t[]){width}, &offset));
    if (made) *made = module;
    return STATUS_OK;
}

/* The two parameters of a layer; no bias gives NULL. */
static Status weights(const Module *parent, const char *name, Tensor **weight, Tensor **bias)
{
    Module *module;
    Param *param;
    TRY(module_child(parent, name, &module));
    TRY(module_param(module, "weight", &param));
    *weight = param->value;
    param = module_find_param(module, "bias");
    *bias = param ? param->value : NULL;
    return STATUS_OK;
}

/* With an adapter the activation comes behind both. */
static Status adapted_forward(const Module *module, Tape *tape, Tensor *x, Tensor *weight, Tensor *bias, bool gelu,
                              Tensor **y)
{
    TRY(f_linear(tape, x, weight, bias, y));
    TRY(lora_forward(module, tape, x, y));
    return gelu ? f_gelu(tape, *y, false, y) : STATUS_OK;
}

Status linear_forward(const Module *parent, const char *name, Tape *tape, Tensor *x, bool gelu, Tensor **y)
{
    Module *module;
    Tensor *weight, *bias;
    TRY(module_child(parent, name, &module));
    TRY(weights(parent, name, &weight, &bias));
    TRY(tape_enter(tape, name));
    Status status = module->lora ? adapted_forward(module, tape, x, weight, bias, gelu, y)
                    : gelu       ? f_linear_gelu(tape, x, weight, bias, y)
                                 : f_linear(tape, x, weight, bias, y);
    tape_leave(tape);
    return status;
}

Status layer_norm_forward(const Module *parent, const char *name, Tape *tape, Tensor *x, double eps, Tensor **y)
{
    Tensor *weight, *bias;
    TRY(weights(parent, name, &weight, &bias));
    TRY(tape_enter(tape, name));
    Status status = f_layer_norm(tape, x, weight, bias, eps, y);
    tape_leave(tape);
    return status;
}

Status residual_norm_forward(const Module *parent, const char *name, Tape *tape, Tensor *x, Tensor *residual,
                             double p, double eps, Tensor **y)
{
    Tensor *weight, *bias;
    TRY(weights(parent, name, &weight, &bias));
    TRY(tape_enter(tape, name));
    Status status = f_dropout_add_layer_norm(tape, x, residual, weight, bias, p, eps, y);
    tape_leave(tape);
    return status;
}
