/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/adapter.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/weights.h"
#include "engine/nn/lora.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "base_model.model.", config_name[] = "adapter_config.json",
                  weights_name[] = "adapter_model.safetensors";

enum { CONFIG_MAX = 1 << 20, NAME_SIZE = MODULE_PATH_SIZE + sizeof prefix };

/* --- reading the config --- */

/* What PEFT can and Lathe cannot do: missing, null, false, "none" and empty are fine. */
static bool is_nothing(const json_t *value)
{
    const char *text = json_string_value(value);
    if (text) return strcmp(text, "none") == 0 || !*text;
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static Status check_kind(const char *path, const json_t *document)
{
    static const char *const unknown[] = {"bias",           "use_rslora",      "use_dora",
                                          "rank_pattern",   "alpha_pattern",   "layers_to_transform",
                                          "layers_pattern", "megatron_config", "trainable_token_indices"};
    const char *kind;
    TRY(json_member_text(path, document, "peft_type", &kind));
    if (strcmp(kind, "LORA") != 0)
        return status_fail(STATUS_FORMAT, "%s: its peft_type is '%.60s'; Lathe reads LORA", path, kind);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (!is_nothing(json_object_get(document, unknown[i])))
            return status_fail(STATUS_FORMAT, "%s: it has %s, which Lathe does not do", path, unknown[i]);
    return STATUS_OK;
}

/* ["query", "value"] -> "query value" */
static Status read_modules(const char *path, const json_t *document, Buffer *out)
{
    const json_t *list = json_object_get(document, "target_modules");
    if (!json_is_array(list) || json_array_size(list) == 0)
        return status_fail(STATUS_FORMAT, "%s: target_modules is %s; Lathe reads a list of names", path,
                           list ? json_kind(list) : "missing");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !*name || strpbrk(name, " .*"))
            return status_fail(STATUS_FORMAT, "%s: target_modules holds '%.60s'; Lathe reads names of modules",
                               path, name ? name : json_kind(json_array_get(list, i)));
        TRY(buffer_printf(out, "%s%s", i ? " " : "", name));
    }
    return STATUS_OK;
}

static Status set_options(const char *path, const json_t *document, const ModelRecord *record, const char *modules,
                          void *config)
{
    double rank, alpha, dropout = 0;
    TRY(json_member_number(path, document, "r", &rank));
    TRY(json_member_number(path, document, "lora_alpha", &alpha));
    if (json_object_get(document, "lora_dropout"))
        TRY(json_member_number(path, document, "lora_dropout", &dropout));
    if (rank < 1) return status_fail(STATUS_FORMAT, "%s: r is %g; an adapter has a rank of 1 or more", path, rank);
    TRY(option_set_number(record->options, config, record->name, "lora_rank", rank));
    TRY(option_set_number(record->options, config, record->name, "lora_alpha", alpha));
    TRY(option_set_number(record->options, config, record->name, "lora_dropout", dropout));
    return option_set_text(record->options, config, record->name, "lora_modules", modules);
}

static Status read_config(const char *path, const ModelRecord *record, void *config)
{
    json_t *document;
    Buffer modules = {0};
    TRY(json_read(path, CONFIG_MAX, &document));
    Status status = check_kind(path, document);
    if (status == STATUS_OK) status = read_modules(path, document, &modules);
    if (status == STATUS_OK) status = set_options(path, document, record, modules.data, config);
    buffer_free(&modules);
    json_decref(document);
    return status;
}

Status adapter_config(const char *directory, const ModelRecord *record, void *config)
{
    char *path;
    if (!option_find(record->options, "lora_rank"))
        return status_fail(STATUS_INVALID, "%s takes no adapters", record->name);
    TRY(file_join(directory, config_name, &path));
    Status status = read_config(path, record, config);
    memory_free(path);
    return status;
}

/* --- reading the weights --- */

typedef struct Loading {
    Model *model;
    Safetensors *file;
    size_t used;
    WeightsScratch scratch;
} Loading;

static const SafetensorsEntry *find(const Loading *loading, const Param *param)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%s", prefix, param->path);
    return safetensors_find(loading->file, name);
}

static Status check(void *context, Param *param)
{
    Loading *loading = context;
    const SafetensorsEntry *entry = find(loading, param);
    if (entry) {
        loading->used++;
        TRY(weights_check(loading->model, param, loading->file, entry));
        return weights_prepare(loading->model, param, loading->file, entry, &loading->scratch);
    }
    if (!lora_is_adapter(param->path)) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: '%s%s' is missing; nothing was loaded", safetensors_path(loading->file),
                       prefix, param->path);
}

static Status copy(void *context, Param *param)
{
    Loading *loading = context;
    const SafetensorsEntry *entry = find(loading, param);
    return entry ? weights_copy(loading->model, param, loading->file, entry, &loading->scratch) : STATUS_OK;
}

static Status refuse_extra(const Loading *loading)
{
    for (size_t i = 0; i < safetensors_count(loading->file); i++) {
        const char *name = safetensors_entry(loading->file, i)->name;
        bool ours = strncmp(name, prefix, sizeof prefix - 1) == 0;
        if (!ours || !module_find_param(loading->model->root, name + sizeof prefix - 1))
            return status_fail(STATUS_FORMAT, "%s: tensor '%.200s' has no place in the model; nothing was loaded",
                               safetensors_path(loading->file), name);
    }
    return STATUS_OK;
}

static Status load(Loading *loading)
{
    TRY(module_each_param(loading->model->root, check, loading));
    if (loading->used < safetensors_count(loading->file)) return refuse_extra(loading);
    return module_each_param(loading->model->root, copy, loading);
}

Status adapter_load(Model *model, const char *directory)
{
    char *path;
    Loading loading = {.model = model};
    TRY(file_join(directory, weights_name, &path));
    Status status = safetensors_open(path, &loading.file);
    memory_free(path);
    TRY(status);
    status = load(&loading);
    weights_scratch_free(&loading.scratch);
    safetensors_close(loading.file);
    return status;
}

/* --- writing --- */

static const char *name_of(const void *context, const Param *param)
{
    const Model *model = context;
    const char *trunk = model->record->base;
    bool head = !param->frozen && !(trunk && module_path_below(param->path, trunk));
    return head || lora_is_adapter(param->path) ? param->path : NULL;
}

/* The names of modules on top of the tree that are kept beside the adapters. */
static Status put_heads(const Model *model, json_t *out)
{
    json_t *list;
    TRY(json_new_array(&list));
    TRY(json_set(out, "modules_to_save", list));
    for (int i = 0; i < model->root->child_count; i++) {
        const Module *head = model->root->children[i];
        bool trunk = model->record->base && strcmp(head->name, model->record->base) == 0;
        bool frozen = module_count_frozen(head) > 0;
        if (!trunk && !frozen) TRY(json_append(list, json_string(head->name)));
    }
    return STATUS_OK;
}

static Status put_modules(const LoraConfig *config, json_t *out)
{
    json_t *list;
    TRY(json_new_array(&list));
    TRY(json_set(out, "target_modules", list));
    for (const char *at = config->modules; *at;) {
        size_t length = strcspn(at, " ");
        TRY(json_append(list, json_stringn(at, length)));
        at += length;
        at += strspn(at, " ");
    }
    return STATUS_OK;
}

static Status put_config(const Model *model, json_t *out)
{
    const LoraConfig *config = lora_config(model);
    TRY(json_set_text(out, "peft_type", "LORA"));
    TRY(json_set_text(out, "base_model_name_or_path", model->origin ? model->origin : ""));
    TRY(json_set_integer(out, "r", config->rank));
    TRY(json_set_number(out, "lora_alpha", lora_scale(config) * (double)config->rank));
    TRY(json_set_number(out, "lora_dropout", config->dropout));
    TRY(put_modules(config, out));
    TRY(put_heads(model, out));
    TRY(json_set_text(out, "bias", "none"));
    TRY(json_set_boolean(out, "fan_in_fan_out", model->record->transposed != NULL));
    return json_set_boolean(out, "inference_mode", true);
}

static Status write_config(const Model *model, const char *directory)
{
    json_t *config;
    TRY(json_new_object(&config));
    Status status = put_config(model, config);
    if (status == STATUS_OK) status = json_write_in(directory, config_name, config);
    json_decref(config);
    return status;
}

static Status write_weights(const Model *model, const char *directory)
{
    char *path;
    TRY(file_join(directory, weights_name, &path));
    WeightsChoice choice = {.name = name_of, .context = model, .prefix = prefix};
    Status status = weights_save_some(model, &choice, path);
    memory_free(path);
    return status;
}

/* A directory that holds something else than adapters is not replaced. */
static Status check_place(const char *directory)
{
    FileKind kind;
    FileNames names;
    char *path;
    TRY(file_kind(directory, &kind));
    if (kind == FILE_MISSING) return STATUS_OK;
    if (kind != FILE_DIRECTORY) return status_fail(STATUS_IO, "%s: there is a file of this name", directory);
    TRY(file_list(directory, &names));
    bool empty = names.count == 0;
    file_names_free(&names);
    TRY(file_join(directory, config_name, &path));
    bool there = file_exists(path);
    memory_free(path);
    if (empty || there) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s: the directory holds something else than adapters; name another one",
                       directory);
}

Status adapter_save(const Model *model, const char *directory)
{
    char *staged;
    const LoraConfig *config = lora_config(model);
    if (!config || !config->rank)
        return status_fail(STATUS_INVALID, "model '%s' has no adapters; build or reshape it with lora_rank",
                           model->name);
    TRY(check_place(directory));
    TRY(file_stage_directory(directory, &staged));
    Status status = write_config(model, staged);
    if (status == STATUS_OK) status = write_weights(model, staged);
    if (status == STATUS_OK)
        status = file_commit_directory(staged, directory);
    else
        file_discard_directory(staged);
    memory_free(staged);
    return status;
}
