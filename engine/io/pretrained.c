/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Weights of a directory into a model: each parameter finds its tensor by one of the names that files have for it;
 * then all is checked, then copied. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/pretrained_internal.h"
#include "engine/io/weights.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = MODULE_PATH_SIZE + 64, LISTED = 5 };

typedef struct Loading {
    Model *model;
    PretrainedTensors tensors;
    bool strict;
    PretrainedReport *report;
    PretrainedTensor **found; /* by the parameter's place; NULL: it stays as it is */
    int64_t place;
    WeightsScratch scratch;
} Loading;

void pretrained_report_free(PretrainedReport *report)
{
    buffer_free(&report->left);
    buffer_free(&report->missing);
    *report = (PretrainedReport){0};
}

static Status note(Buffer *list, int64_t *count, const char *name, const char *why)
{
    (*count)++;
    return buffer_printf(list, "%s%s%s%s\n", name, *why ? " (" : "", why, *why ? ")" : "");
}

/* --- names --- */

/* The name without that of the bare model before it, NULL where it has none. */
static const char *bare_name(const Model *model, const char *name)
{
    const char *base = model->record->base;
    size_t length = base ? strlen(base) : 0;
    return length && strncmp(name, base, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

/* "LayerNorm.gamma" for "LayerNorm.weight", as TensorFlow's checkpoints had it; false where it is no such name. */
static bool old_name(const char *name, char out[NAME_SIZE])
{
    static const char *const names[][2] = {{"LayerNorm.weight", "LayerNorm.gamma"},
                                           {"LayerNorm.bias", "LayerNorm.beta"}};
    size_t length = strlen(name);
    for (int i = 0; i < 2; i++) {
        size_t tail = strlen(names[i][0]);
        if (length < tail || strcmp(name + length - tail, names[i][0]) != 0) continue;
        snprintf(out, NAME_SIZE, "%.*s%s", (int)(length - tail), name, names[i][1]);
        return true;
    }
    return false;
}

/* One way to write the name: the first that is there is the parameter's tensor, and the others are its equals. */
static Status try_name(Loading *loading, const char *name, PretrainedTensor **found)
{
    PretrainedTensor *tensor = name ? pretrained_find(&loading->tensors, name) : NULL;
    if (!tensor || tensor == *found) return STATUS_OK;
    tensor->used = true;
    if (!*found) {
        *found = tensor;
        return STATUS_OK;
    }
    const SafetensorsEntry *a = (*found)->entry, *b = tensor->entry;
    if (a->type == b->type && a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: tensor '%s' differs from '%s', to which it is tied; nothing was loaded",
                       safetensors_path(tensor->file), b->name, a->name);
}

static Status try_all(Loading *loading, const char *name, PretrainedTensor **found)
{
    char old[NAME_SIZE];
    const char *bare = bare_name(loading->model, name);
    TRY(try_name(loading, name, found));
    TRY(try_name(loading, bare, found));
    if (!old_name(name, old)) return STATUS_OK;
    TRY(try_name(loading, old, found));
    return try_name(loading, bare ? bare_name(loading->model, old) : NULL, found);
}

/* --- what is there --- */

static Status check_shape(Loading *loading, const Param *param, PretrainedTensor **found)
{
    char text[SAFETENSORS_TEXT_SIZE], shape[TENSOR_TEXT_SIZE], why[SAFETENSORS_TEXT_SIZE + 2 * TENSOR_TEXT_SIZE];
    Status status = weights_check(loading->model, param, (*found)->file, (*found)->entry);
    if (status == STATUS_OK || loading->strict) return status;
    snprintf(why, sizeof why, "it is %s, the model's is %s", safetensors_text((*found)->entry, text),
             tensor_describe(param->value, shape));
    TRY(note(&loading->report->left, &loading->report->left_count, (*found)->entry->name, why));
    *found = NULL;
    return STATUS_OK;
}

static Status find_param(void *context, Param *param)
{
    Loading *loading = context;
    PretrainedTensor **found = &loading->found[loading->place++];
    TRY(try_all(loading, param->path, found));
    const ModelAlias *alias = loading->model->record->aliases;
    for (; alias && alias->name; alias++)
        if (alias->path && strcmp(alias->path, param->path) == 0) TRY(try_all(loading, alias->name, found));
    if (*found) TRY(check_shape(loading, param, found));
    if (*found) return STATUS_OK;
    return note(&loading->report->missing, &loading->report->missing_count, param->path, "");
}

/* Something that files have and that is no parameter. */
static bool passed_over(const Model *model, const char *name)
{
    char whole[NAME_SIZE];
    snprintf(whole, sizeof whole, "%s.%s", model->record->base ? model->record->base : "", name);
    for (const ModelAlias *alias = model->record->aliases; alias && alias->name; alias++)
        if (!alias->path && (module_path_matches(alias->name, name) || module_path_matches(alias->name, whole)))
            return true;
    return false;
}

static Status find_left(Loading *loading)
{
    for (size_t i = 0; i < loading->tensors.count; i++) {
        const PretrainedTensor *tensor = &loading->tensors.items[i];
        if (tensor->used || passed_over(loading->model, tensor->entry->name)) continue;
        TRY(note(&loading->report->left, &loading->report->left_count, tensor->entry->name, ""));
    }
    return STATUS_OK;
}

/* The first lines of a list, for a message. */
static Status list_some(const Buffer *list, int64_t count, Buffer *out)
{
    const char *line = list->data;
    for (int64_t i = 0; i < count && i < LISTED; i++) {
        size_t length = strcspn(line, "\n");
        TRY(buffer_printf(out, "%s%.*s", i ? ", " : "", (int)length, line));
        line += length + 1;
    }
    return count > LISTED ? buffer_text(out, ", ...") : STATUS_OK;
}

static Status print_refusal(const char *directory, const PretrainedReport *report, Buffer *out)
{
    TRY(buffer_printf(out, "%s: ", directory));
    if (report->missing_count) {
        TRY(buffer_printf(out, "%lld parameters of the model are missing: ", (long long)report->missing_count));
        TRY(list_some(&report->missing, report->missing_count, out));
    }
    if (report->left_count) {
        TRY(buffer_printf(out, "%s%lld tensors have no place in the model: ", report->missing_count ? "; " : "",
                          (long long)report->left_count));
        TRY(list_some(&report->left, report->left_count, out));
    }
    return buffer_text(out, ". Nothing was loaded; strict = false takes what fits");
}

static Status refuse(const char *directory, const PretrainedReport *report)
{
    Buffer words = {0};
    Status status = print_refusal(directory, report, &words);
    if (status == STATUS_OK) status = status_fail(STATUS_FORMAT, "%s", words.data);
    buffer_free(&words);
    return status;
}

/* --- copying --- */

static Status read_param(void *context, Param *param)
{
    Loading *loading = context;
    const PretrainedTensor *found = loading->found[loading->place++];
    return found ? weights_prepare(loading->model, param, found->file, found->entry, &loading->scratch) : STATUS_OK;
}

static Status copy_param(void *context, Param *param)
{
    Loading *loading = context;
    const PretrainedTensor *found = loading->found[loading->place++];
    return found ? weights_copy(loading->model, param, found->file, found->entry, &loading->scratch) : STATUS_OK;
}

static Status each_param(Loading *loading, Status (*visit)(void *context, Param *param))
{
    loading->place = 0;
    return module_each_param(loading->model->root, visit, loading);
}

static Status load(Loading *loading, const char *directory)
{
    const PretrainedReport *report = loading->report;
    TRY(pretrained_open(directory, &loading->tensors));
    TRY(memory_new((size_t)module_count_params(loading->model->root) + 1, sizeof *loading->found, &loading->found));
    TRY(each_param(loading, find_param));
    TRY(find_left(loading));
    if (loading->strict && (report->missing_count || report->left_count)) return refuse(directory, report);
    TRY(each_param(loading, read_param));
    return each_param(loading, copy_param);
}

Status pretrained_load(Model *model, const char *directory, bool strict, PretrainedReport *report)
{
    Loading loading = {.model = model, .strict = strict, .report = report};
    Status status = load(&loading, directory);
    weights_scratch_free(&loading.scratch);
    memory_free(loading.found);
    pretrained_close(&loading.tensors);
    return status;
}

/* --- saving --- */

static Status write_config(const Model *model, const char *directory)
{
    json_t *config;
    char *path;
    TRY(json_new_object(&config));
    Status status = pretrained_print_config(model, config);
    if (status == STATUS_OK) status = file_join(directory, "config.json", &path);
    if (status == STATUS_OK) {
        status = json_write(path, config);
        memory_free(path);
    }
    json_decref(config);
    return status;
}

static Status write_weights(const Model *model, const char *directory)
{
    char *path;
    TRY(file_join(directory, "model.safetensors", &path));
    Status status = weights_save(model, path, true);
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

Status pretrained_save(const Model *model, const char *directory,
                       Status (*more)(const void *context, const char *directory), const void *context)
{
    char *staged;
    if (!model->record->architecture)
        return status_fail(STATUS_INVALID, "%s has no form that transformers reads", model->record->name);
    TRY(check_place(directory));
    TRY(file_stage_directory(directory, &staged));
    Status status = write_config(model, staged);
    if (status == STATUS_OK) status = write_weights(model, staged);
    if (status == STATUS_OK && more) status = more(context, staged);
    if (status == STATUS_OK)
        status = file_commit_directory(staged, directory);
    else {
        char message[1024];
        snprintf(message, sizeof message, "%s", status_message());
        if (file_remove_tree(staged) == STATUS_OK) status = status_fail(status, "%s", message);
    }
    memory_free(staged);
    return status;
}
