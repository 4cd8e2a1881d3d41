/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/model.h"

#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "engine/nn/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL(name) extern const ModelRecord model_##name;
#include "engine/nn/models.list"
#undef MODEL

#define MODEL(name) &model_##name,
const ModelRecord *const model_records[] = {
#include "engine/nn/models.list"
};
#undef MODEL

const int model_record_count = sizeof model_records / sizeof *model_records;

const ModelRecord *model_record_find(const char *name)
{
    for (int i = 0; i < model_record_count; i++)
        if (strcmp(model_records[i]->name, name) == 0) return model_records[i];
    return NULL;
}

static Status build(Model *model, const void *config, bool outline, RandomKey key)
{
    TRY(memory_new(1, model->record->config_size, &model->config));
    memcpy(model->config, config, model->record->config_size);
    TRY(module_new(model->name, &model->root));
    model->root->outline = outline;
    TRY(model->record->build(model, key));
    return lora_install(model, key);
}

static Status make(const ModelRecord *record, const void *config, const char *name, bool outline, RandomKey key,
                   Model **out)
{
    Model *model;
    TRY(memory_new(1, sizeof *model, &model));
    model->record = record;
    snprintf(model->name, sizeof model->name, "%s", name);
    Status status = build(model, config, outline, key);
    if (status != STATUS_OK) {
        model_free(model);
        return status;
    }
    *out = model;
    return STATUS_OK;
}

Status model_new(const ModelRecord *record, const void *config, const char *name, RandomKey key, Model **out)
{
    return make(record, config, name, false, key, out);
}

Status model_outline(const ModelRecord *record, const void *config, Model **out)
{
    return make(record, config, record->name, true, RANDOM_NONE, out);
}

static void free_classes(char **names, int64_t count)
{
    for (int64_t i = 0; i < count; i++) memory_free(names[i]);
    memory_free(names);
}

void model_free(Model *model)
{
    if (!model) return;
    module_free(model->root);
    memory_free(model->config);
    free_classes(model->classes, model->class_count);
    memory_free(model->origin);
    memory_free(model);
}

Status model_set_origin(Model *model, const char *directory, Hash content)
{
    char *copy;
    TRY(memory_copy_text(directory, &copy));
    memory_free(model->origin);
    model->origin = copy;
    model->content = content;
    return STATUS_OK;
}

Status model_set_classes(Model *model, const char *const *names, int64_t count)
{
    char **copies;
    TRY(memory_new((size_t)count + 1, sizeof *copies, &copies));
    for (int64_t i = 0; i < count; i++) {
        Status status = memory_copy_text(names[i], &copies[i]);
        if (status == STATUS_OK) continue;
        free_classes(copies, i);
        return status;
    }
    free_classes(model->classes, model->class_count);
    model->classes = copies;
    model->class_count = count;
    return STATUS_OK;
}

int64_t model_vocab_size(const Model *model)
{
    const Option *option = option_find(model->record->options, "vocab_size");
    return option ? *(const int64_t *)((const char *)model->config + option->offset) : 0;
}

Status model_check_vocabulary(const Model *model, const char *whose, int64_t pieces)
{
    int64_t rows = model_vocab_size(model);
    if (!rows || pieces <= rows) return STATUS_OK;
    return status_fail(
        STATUS_INVALID,
        "%s has %lld pieces, model '%s' a vocab_size of %lld: they do not belong together; build the "
        "model with vocab_size = tokenizer.vocab_size",
        whose, (long long)pieces, model->name, (long long)rows);
}

bool model_extends(const ModelRecord *record, const char *option)
{
    for (const char *const *name = record->extensions; name && *name; name++)
        if (strcmp(*name, option) == 0) return true;
    return false;
}

Status model_is_extended(const Model *model, bool *extended)
{
    const Option *table = model->record->options;
    void *plain;
    TRY(memory_new(1, model->record->config_size, &plain));
    option_defaults(table, plain);
    *extended = false;
    for (const Option *option = table; option && option->name; option++) {
        if (!model_extends(model->record, option->name)) continue;
        if (!option_same(option, model->config, plain)) *extended = true;
    }
    memory_free(plain);
    return STATUS_OK;
}

/* --- layer by layer --- */

static bool is_before(const ModelRecord *record, const char *path)
{
    for (const char *const *before = record->before; before && *before; before++)
        if (module_path_below(path, *before)) return true;
    return false;
}

int64_t model_depth(const Model *model, const char *path)
{
    const char *layers = model->record->layers;
    const Module *list = layers ? module_find(model->root, layers) : NULL;
    if (!list) return 0;
    if (is_before(model->record, path)) return 0;
    if (!module_path_below(path, layers)) return list->child_count + 1;
    return strtoll(path + strlen(layers) + 1, NULL, 10) + 1;
}

typedef struct Scaling {
    const Model *model;
    int64_t top;
    double decay;
} Scaling;

static Status scale_rate(void *context, Param *param)
{
    const Scaling *scaling = context;
    param->lr_scale = scaling->decay == 1
                          ? 1
                          : pow(scaling->decay, (double)(scaling->top - model_depth(scaling->model, param->path)));
    return STATUS_OK;
}

void model_scale_rates(Model *model, double decay)
{
    Scaling scaling = {model, model_depth(model, ""), decay};
    Status status = module_each_param(model->root, scale_rate, &scaling);
    (void)status; /* it cannot fail */
}

bool model_transposes(const Model *model, const Param *param)
{
    const char *const *names = model->record->transposed;
    for (; names && *names; names++) {
        size_t length = strlen(param->path), name = strlen(*names), tail = name + strlen(".weight");
        const char *at = param->path + length - tail;
        if (length < tail || memcmp(at, *names, name) != 0 || strcmp(at + name, ".weight") != 0) continue;
        if (length == tail || at[-1] == '.') return param->value->ndim == 2;
    }
    return false;
}

Status forward_new(Model *model, Tape *tape, const Batch *batch, Forward **out)
{
    Forward *pass;
    TRY(arena_take(tape_arena(tape), sizeof *pass, &pass));
    *pass = (Forward){.model = model, .tape = tape, .batch = batch};
    *out = pass;
    return STATUS_OK;
}

/* The fields are borrowed, so nobody clears this batch. */
Status forward_replaced(const Forward *pass, Tensor *ids, Forward **out)
{
    Batch *batch;
    TRY(arena_take(tape_arena(pass->tape), sizeof *batch, &batch));
    *batch = *pass->batch;
    for (int i = 0; i < batch->count; i++)
        if (strcmp(batch->names[i], "input_ids") == 0) batch->fields[i] = ids;
    return forward_new(pass->model, pass->tape, batch, out);
}

static Status unknown_output(const ModelRecord *record, const char *name)
{
    size_t count = 0;
    while (record->outputs[count].name) count++;
    const char *near = names_nearest(name, record->outputs, count, sizeof *record->outputs);
    return near ? status_fail(STATUS_INVALID, "%s has no output '%s'; did you mean '%s'?", record->name, name, near)
                : status_fail(STATUS_INVALID, "%s has no output '%s'; help(models.%s) lists them", record->name,
                              name, record->name);
}

bool model_has_output(const ModelRecord *record, const char *name)
{
    const ModelOutput *output = record->outputs;
    while (output->name && strcmp(output->name, name) != 0) output++;
    return output->name != NULL;
}

Status forward_output(Forward *pass, const char *name, Tensor **out)
{
    const ModelOutput *outputs = pass->model->record->outputs;
    for (int i = 0; outputs[i].name; i++) {
        if (strcmp(outputs[i].name, name) != 0) continue;
        if (!pass->outputs[i]) TRY(outputs[i].compute(pass, &pass->outputs[i]));
        *out = pass->outputs[i];
        return STATUS_OK;
    }
    return unknown_output(pass->model->record, name);
}
