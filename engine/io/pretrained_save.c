/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A model as a directory of transformers. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/pretrained_internal.h"
#include "engine/io/weights.h"
#include "engine/nn/lora.h"

#include <stdio.h>

typedef struct Saving {
    const Model *model;
    const ModelArchitecture *architecture; /* NULL: the companion's files */
    const PretrainedSaving *how;
    PretrainedReport *report;
} Saving;

/* Adapters are merged into the weights beside them. */
static const char *name_of(const void *context, const Param *param)
{
    const Saving *saving = context;
    const ModelRecord *record = saving->model->record;
    if (lora_is_adapter(param->path)) return NULL;
    if (!saving->architecture) return pretrained_companion_name(record, param->path);
    return pretrained_has(record, saving->architecture, param->path) ? param->path : NULL;
}

static Status list_left(void *context, Param *param)
{
    Saving *saving = context;
    bool elsewhere = lora_is_adapter(param->path) || pretrained_companion_name(saving->model->record, param->path);
    if (elsewhere || name_of(saving, param)) return STATUS_OK;
    saving->report->left_count++;
    return buffer_printf(&saving->report->left, "%s\n", param->path);
}

/* The companion's config.json is that of a model with its options. */
static Status print_companion(const Saving *saving, json_t *out)
{
    const ModelRecord *record = saving->model->record;
    Model its = {.record = record};
    TRY(memory_new(1, record->config_size, &its.config));
    pretrained_companion_options(record, saving->model->config, its.config);
    Status status = pretrained_print_config(&its, &record->companion->architecture, saving->how, out);
    memory_free(its.config);
    return status;
}

static Status write_config(const Saving *saving, const char *directory)
{
    json_t *config;
    TRY(json_new_object(&config));
    Status status = saving->architecture
                        ? pretrained_print_config(saving->model, saving->architecture, saving->how, config)
                        : print_companion(saving, config);
    if (status == STATUS_OK) status = json_write_in(directory, "config.json", config);
    json_decref(config);
    return status;
}

static Status write_weights(const Saving *saving, const char *directory)
{
    char *path;
    TRY(file_join(directory, "model.safetensors", &path));
    WeightsChoice choice = {.name = name_of, .context = saving, .merge = true};
    Status status = weights_save_some(saving->model, &choice, path);
    memory_free(path);
    return status;
}

/* A directory that is no model of this kind is not replaced. */
static Status check_place(const char *directory)
{
    FileKind kind;
    FileNames names;
    TRY(file_kind(directory, &kind));
    if (kind == FILE_MISSING) return STATUS_OK;
    if (kind != FILE_DIRECTORY) return status_fail(STATUS_IO, "%s: there is a file of this name", directory);
    TRY(file_list(directory, &names));
    bool empty = names.count == 0, there;
    file_names_free(&names);
    TRY(pretrained_look(directory, &there));
    if (empty || there) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s: the directory holds something else than a model; name another one",
                       directory);
}

/* A folder of its own below the model's. */
static Status write_companion(const Saving *saving, const char *directory)
{
    const ModelCompanion *companion = saving->model->record->companion;
    Saving its = {.model = saving->model, .how = saving->how};
    char *path;
    if (!companion || !module_find(saving->model->root, companion->name)) return STATUS_OK;
    TRY(file_join(directory, companion->name, &path));
    Status status = file_make_directory(path, false);
    if (status == STATUS_OK) status = write_config(&its, path);
    if (status == STATUS_OK) status = write_weights(&its, path);
    memory_free(path);
    return status;
}

static Status write_all(const Saving *saving, const char *directory)
{
    const PretrainedSaving *how = saving->how;
    TRY(write_config(saving, directory));
    TRY(write_weights(saving, directory));
    TRY(write_companion(saving, directory));
    return how->more ? how->more(how->context, directory) : STATUS_OK;
}

Status pretrained_save(const Model *model, const char *directory, const PretrainedSaving *how,
                       PretrainedReport *report)
{
    char *staged;
    Saving saving = {.model = model, .how = how, .report = report};
    TRY(pretrained_choose(model, how->architecture, &saving.architecture));
    TRY(check_place(directory));
    TRY(module_each_param(model->root, list_left, &saving));
    TRY(file_stage_directory(directory, &staged));
    Status status = write_all(&saving, staged);
    if (status == STATUS_OK)
        status = file_commit_directory(staged, directory);
    else
        file_discard_directory(staged);
    memory_free(staged);
    return status;
}
