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
    const ModelArchitecture *architecture;
    const PretrainedSaving *how;
    PretrainedReport *report;
} Saving;

/* Adapters are merged into the weights beside them. */
static bool keeps(const void *context, const Param *param)
{
    const Saving *saving = context;
    return !lora_is_adapter(param->path) &&
           pretrained_has(saving->model->record, saving->architecture, param->path);
}

static Status list_left(void *context, Param *param)
{
    Saving *saving = context;
    if (keeps(saving, param) || lora_is_adapter(param->path)) return STATUS_OK;
    saving->report->left_count++;
    return buffer_printf(&saving->report->left, "%s\n", param->path);
}

static Status write_config(const Saving *saving, const char *directory)
{
    json_t *config;
    char *path;
    TRY(json_new_object(&config));
    Status status = pretrained_print_config(saving->model, saving->architecture, saving->how, config);
    if (status == STATUS_OK) status = file_join(directory, "config.json", &path);
    if (status == STATUS_OK) {
        status = json_write(path, config);
        memory_free(path);
    }
    json_decref(config);
    return status;
}

static Status write_weights(const Saving *saving, const char *directory)
{
    char *path;
    TRY(file_join(directory, "model.safetensors", &path));
    WeightsChoice choice = {.keep = keeps, .context = saving, .merge = true};
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

static Status write_all(const Saving *saving, const char *directory)
{
    const PretrainedSaving *how = saving->how;
    TRY(write_config(saving, directory));
    TRY(write_weights(saving, directory));
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
