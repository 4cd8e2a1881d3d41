/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/lora.h"

#include "engine/autograd/functions.h"
#include "engine/kernels/gemm.h"

#include <math.h>
#include <string.h>

static const char down[] = "lora_A", up[] = "lora_B";

const LoraConfig *lora_config(const Model *model)
{
    const Option *rank = option_find(model->record->options, "lora_rank");
    if (!rank) return NULL;
    return (const LoraConfig *)((const char *)model->config + rank->offset - offsetof(LoraConfig, rank));
}

double lora_scale(const LoraConfig *config)
{
    return config->alpha > 0 ? config->alpha / (double)config->rank : 1;
}

bool lora_is_adapter(const char *path)
{
    return strstr(path, ".lora_A.") || strstr(path, ".lora_B.");
}

bool lora_is_quiet(const char *path)
{
    return strstr(path, ".lora_B.") != NULL;
}

/* --- making --- */

static bool in_words(const char *words, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = words; *at;) {
        size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, name, length) == 0) return true;
        at += word;
        at += strspn(at, " ");
    }
    return false;
}

static const Param *weight_of(const Module *module)
{
    const Param *weight = module_find_param(module, "weight");
    return weight && weight->value->ndim == 2 ? weight : NULL;
}

/* A draws what PEFT's does in size: uniform numbers of a variance of 1 / (3 in). */
static Status install_one(Module *module, const LoraConfig *config, RandomKey key)
{
    const Param *weight = weight_of(module);
    int64_t out = weight->value->shape[0], in = weight->value->shape[1];
    if (config->rank > in || config->rank > out)
        return status_fail(STATUS_INVALID, "lora_rank %lld is more than '%s' has: it is %lld x %lld",
                           (long long)config->rank, weight->path, (long long)out, (long long)in);
    module->lora = config;
    TRY(linear_add(module, down, in, config->rank, false, key, sqrt(1 / (3.0 * (double)in)), NULL));
    return linear_add(module, up, config->rank, out, false, key, 0, NULL);
}

static Status install(Module *module, const LoraConfig *config, RandomKey key, int64_t *made)
{
    int children = module->child_count; /* without the adapters */
    if (in_words(config->modules, module->name) && weight_of(module)) {
        TRY(install_one(module, config, key));
        (*made)++;
        return STATUS_OK;
    }
    for (int i = 0; i < children; i++) TRY(install(module->children[i], config, key, made));
    return STATUS_OK;
}

Status lora_install(Model *model, RandomKey key)
{
    const LoraConfig *config = lora_config(model);
    int64_t made = 0;
    if (!config || config->rank == 0) return STATUS_OK;
    const char *trunk = model->record->base;
    Module *root = trunk ? module_find(model->root, trunk) : model->root;
    TRY(install(root ? root : model->root, config, key, &made));
    if (made) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s: lora_modules: no linear layer is called '%s'", model->record->name,
                       config->modules);
}

/* --- computing --- */

Status lora_forward(const Module *module, Tape *tape, Tensor *x, Tensor **y)
{
    Tensor *dropped, *narrow, *wide, *scaled;
    if (!module->lora || !module_find(module, down)) return STATUS_OK;
    TRY(f_dropout(tape, x, module->lora->dropout, &dropped));
    TRY(linear_forward(module, down, tape, dropped, false, &narrow));
    TRY(linear_forward(module, up, tape, narrow, false, &wide));
    TRY(f_scale(tape, wide, lora_scale(module->lora), &scaled));
    return f_add(tape, *y, scaled, y);
}

/* --- merging --- */

/* The adapter's two matrices, by the path of the weight beside it. */
static bool find_adapter(const Model *model, const Param *param, const Param **a, const Param **b)
{
    char path[MODULE_PATH_SIZE];
    size_t length = strlen(param->path) - strlen(param->name);
    if (strcmp(param->name, "weight") != 0 || length == 0 || length >= sizeof path) return false;
    memcpy(path, param->path, length);
    path[length - 1] = '\0';
    const Module *module = module_find(model->root, path);
    *a = module ? module_find_param(module, "lora_A.weight") : NULL;
    *b = module ? module_find_param(module, "lora_B.weight") : NULL;
    return *a && *b;
}

Status lora_merged(const Model *model, const Param *param, Tensor **out)
{
    const Param *a, *b;
    const LoraConfig *config = lora_config(model);
    *out = NULL;
    if (!config || !config->rank || !find_adapter(model, param, &a, &b)) return STATUS_OK;
    int64_t rows = param->value->shape[0], columns = param->value->shape[1], rank = config->rank;
    TRY(tensor_clone(NULL, param->value, out));
    kernel_gemm_small(false, false, rows, columns, rank, (float)lora_scale(config), TENSOR_F32(b->value), rank,
                      TENSOR_F32(a->value), columns, true, TENSOR_F32(*out), columns);
    return STATUS_OK;
}

static Status merge_param(void *context, Param *param)
{
    const Model *from = context;
    const Param *old = module_find_param(from->root, param->path);
    Tensor *merged = NULL;
    if (old) TRY(lora_merged(from, old, &merged));
    if (!merged) return STATUS_OK;
    tensor_swap_storage(param->value, merged);
    tensor_unref(merged);
    param_changed(param);
    return STATUS_OK;
}

Status lora_merge(const Model *from, Model *to)
{
    return module_each_param(to->root, merge_param, (void *)from);
}
