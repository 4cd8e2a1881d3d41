/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Weights of a directory into a model: each parameter finds its tensor by one of the names that files have for it;
 * then all is checked, then copied. */
#include "engine/base/memory.h"
#include "engine/base/printable.h"
#include "engine/io/file.h"
#include "engine/io/pretrained_internal.h"
#include "engine/io/weights.h"
#include "engine/nn/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = MODULE_PATH_SIZE + 64, LISTED = 5, PROPORTION = 100 };

typedef struct Loading {
    Model *model;
    const char *config_path;
    const json_t *config;
    const ModelArchitecture *architecture; /* of the directory; NULL: a class that Lathe does not know */
    PretrainedTensors tensors, beside;     /* beside: the companion's */
    bool has_companion, strict;
    RandomKey key; /* of what is drawn anew */
    PretrainedReport *report;
    Buffer wrong; /* missing, though the architecture has it */
    int64_t wrong_count;
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
    char shown[NAME_SIZE];
    (*count)++;
    return buffer_printf(list, "%s%s%s%s\n", printable(name, shown, sizeof shown), *why ? " (" : "", why,
                         *why ? ")" : "");
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
static Status try_name(const PretrainedTensors *tensors, const char *name, PretrainedTensor **found)
{
    PretrainedTensor *tensor = name ? pretrained_find(tensors, name) : NULL;
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

static Status try_all(const Model *model, const PretrainedTensors *tensors, const char *name,
                      PretrainedTensor **found)
{
    char old[NAME_SIZE];
    const char *bare = bare_name(model, name);
    TRY(try_name(tensors, name, found));
    TRY(try_name(tensors, bare, found));
    if (!old_name(name, old)) return STATUS_OK;
    TRY(try_name(tensors, old, found));
    return try_name(tensors, bare ? bare_name(model, old) : NULL, found);
}

/* The name, and the aliases of the path. */
static Status try_aliases(const Model *model, const PretrainedTensors *tensors, const ModelAlias *aliases,
                          const char *path, const char *name, PretrainedTensor **found)
{
    TRY(try_all(model, tensors, name, found));
    for (const ModelAlias *alias = aliases; alias && alias->name; alias++)
        if (alias->path && strcmp(alias->path, path) == 0) TRY(try_all(model, tensors, alias->name, found));
    return STATUS_OK;
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

static Status find_tensor(Loading *loading, const Param *param, PretrainedTensor **found)
{
    const ModelRecord *record = loading->model->record;
    const char *beside = loading->has_companion ? pretrained_companion_name(record, param->path) : NULL;
    if (!beside || beside == param->path)
        TRY(try_aliases(loading->model, &loading->tensors, record->aliases, param->path, param->path, found));
    if (beside)
        TRY(try_aliases(loading->model, &loading->beside, record->companion->aliases, param->path, beside, found));
    return *found ? check_shape(loading, param, found) : STATUS_OK;
}

/* A head of an unknown class may be called as one of ours and mean something else, so it is not looked for. */
static Status find_param(void *context, Param *param)
{
    Loading *loading = context;
    PretrainedTensor **found = &loading->found[loading->place++];
    const ModelRecord *record = loading->model->record;
    if (lora_is_adapter(param->path)) return STATUS_OK; /* they begin anew, or come from elsewhere */
    bool expected = pretrained_has(record, loading->architecture, param->path);
    if (loading->has_companion && pretrained_companion_name(record, param->path)) expected = true;
    if (expected || loading->architecture) TRY(find_tensor(loading, param, found));
    if (*found) return STATUS_OK;
    if (expected) TRY(note(&loading->wrong, &loading->wrong_count, param->path, ""));
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

static Status find_left(Loading *loading, const PretrainedTensors *tensors)
{
    const ModelCompanion *companion = tensors == &loading->beside ? loading->model->record->companion : NULL;
    char why[NAME_SIZE] = "";
    if (companion) snprintf(why, sizeof why, "of the %s", companion->name);
    for (size_t i = 0; i < tensors->count; i++) {
        const PretrainedTensor *tensor = &tensors->items[i];
        if (tensor->used || passed_over(loading->model, tensor->entry->name)) continue;
        TRY(note(&loading->report->left, &loading->report->left_count, tensor->entry->name, why));
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

static Status print_refusal(const char *directory, const Loading *loading, Buffer *out)
{
    const PretrainedReport *report = loading->report;
    TRY(buffer_printf(out, "%s: ", directory));
    if (loading->wrong_count) {
        TRY(buffer_printf(out, "%lld parameters of the model are missing: ", (long long)loading->wrong_count));
        TRY(list_some(&loading->wrong, loading->wrong_count, out));
    }
    if (report->left_count) {
        TRY(buffer_printf(out, "%s%lld tensors have no place in the model: ", loading->wrong_count ? "; " : "",
                          (long long)report->left_count));
        TRY(list_some(&report->left, report->left_count, out));
    }
    return buffer_text(out, ". Nothing was loaded; strict = false takes what fits");
}

static Status refuse(const char *directory, const Loading *loading)
{
    Buffer words = {0};
    Status status = print_refusal(directory, loading, &words);
    if (status == STATUS_OK) status = status_fail(STATUS_FORMAT, "%s", words.data);
    buffer_free(&words);
    return status;
}

static Status refuse_class(const Loading *loading)
{
    const ModelCompanion *companion = loading->model->record->companion;
    Buffer known = {0};
    if (companion && strcmp(pretrained_class(loading->config), companion->architecture.name) == 0)
        return status_fail(STATUS_FORMAT,
                           "%s: this is the %s of a pair; put its directory into that of the other network, as "
                           "'%s', and load that one. Nothing was loaded",
                           loading->config_path, companion->name, companion->name);
    Status status = pretrained_list_architectures(loading->model->record, &known);
    if (status == STATUS_OK)
        status = status_fail(STATUS_FORMAT,
                             "%s: its architecture is '%.60s'; Lathe reads %s. Nothing was loaded; strict = false "
                             "takes the trunk",
                             loading->config_path, pretrained_class(loading->config), known.data);
    buffer_free(&known);
    return status;
}

/* A directory that does not say what it is should have what it would be saved as. */
static Status find_architecture(Loading *loading)
{
    if (!pretrained_class(loading->config)) return pretrained_choose(loading->model, NULL, &loading->architecture);
    loading->architecture = pretrained_architecture(loading->model->record, loading->config);
    return loading->architecture || !loading->strict ? STATUS_OK : refuse_class(loading);
}

/* --- copying --- */

static bool is_finite(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

/* Weights with NaN or infinity train to nothing; who insists gets the rest. */
static Status check_finite(Loading *loading, const Param *param, PretrainedTensor **found)
{
    const SafetensorsEntry *entry = (*found)->entry;
    if (is_finite(loading->scratch.values, tensor_count(param->value))) return STATUS_OK;
    if (loading->strict)
        return status_fail(STATUS_FORMAT, "%s: tensor '%s' holds values that are not finite; nothing was loaded",
                           safetensors_path((*found)->file), entry->name);
    *found = NULL;
    TRY(note(&loading->report->left, &loading->report->left_count, entry->name, "its values are not finite"));
    return note(&loading->report->missing, &loading->report->missing_count, param->path, "");
}

static Status read_param(void *context, Param *param)
{
    Loading *loading = context;
    PretrainedTensor **found = &loading->found[loading->place++];
    if (!*found) return STATUS_OK;
    TRY(weights_prepare(loading->model, param, (*found)->file, (*found)->entry, &loading->scratch));
    return check_finite(loading, param, found);
}

static Status copy_param(void *context, Param *param)
{
    Loading *loading = context;
    const PretrainedTensor *found = loading->found[loading->place++];
    if (found) return weights_copy(loading->model, param, found->file, found->entry, &loading->scratch);
    param_draw(param, loading->key);
    return STATUS_OK;
}

static Status each_param(Loading *loading, Status (*visit)(void *context, Param *param))
{
    loading->place = 0;
    return module_each_param(loading->model->root, visit, loading);
}

/* The companion's tensors, where the model has a companion and the directory, too. */
static Status open_companion(Loading *loading, const char *directory)
{
    const ModelRecord *record = loading->model->record;
    char *path;
    if (!record->companion || !module_find(loading->model->root, record->companion->name)) return STATUS_OK;
    TRY(pretrained_companion_find(record, directory, &path));
    loading->has_companion = path != NULL;
    Status status = path ? pretrained_open(path, &loading->beside) : STATUS_OK;
    memory_free(path);
    return status;
}

static int64_t count_weights(const PretrainedTensors *tensors)
{
    int64_t count = 0;
    for (size_t i = 0; i < tensors->count; i++) count += tensors->items[i].entry->count;
    return count;
}

/* strict = false is for heads, vocabularies, another layer: not for a model out of all proportion to its files. */
static Status check_proportion(const Loading *loading, const char *directory)
{
    int64_t weights = module_count_weights(loading->model->root);
    int64_t there = count_weights(&loading->tensors) + count_weights(&loading->beside);
    if (weights / PROPORTION <= there) return STATUS_OK;
    return status_fail(STATUS_FORMAT,
                       "%s: config.json describes a model of %lld weights, the files have %lld; nothing was loaded",
                       directory, (long long)weights, (long long)there);
}

/* Everything that names and shapes can tell. */
static Status find_all(Loading *loading, const char *directory)
{
    TRY(find_architecture(loading));
    TRY(pretrained_open(directory, &loading->tensors));
    TRY(open_companion(loading, directory));
    TRY(memory_new((size_t)module_count_params(loading->model->root) + 1, sizeof *loading->found, &loading->found));
    TRY(each_param(loading, find_param));
    TRY(find_left(loading, &loading->tensors));
    TRY(find_left(loading, &loading->beside));
    if (loading->strict && (loading->wrong_count || loading->report->left_count)) return refuse(directory, loading);
    return check_proportion(loading, directory);
}

static Status load(Loading *loading, const char *directory)
{
    TRY(find_all(loading, directory));
    TRY(each_param(loading, read_param));
    TRY(pretrained_name_classes(loading->config_path, loading->config, loading->model));
    return each_param(loading, copy_param);
}

static Status with_config(Loading *loading, const char *directory,
                          Status (*run)(Loading *loading, const char *directory))
{
    char *path;
    json_t *config;
    TRY(pretrained_read_config(directory, &path, &config));
    loading->config_path = path;
    loading->config = config;
    Status status = run(loading, directory);
    weights_scratch_free(&loading->scratch);
    buffer_free(&loading->wrong);
    memory_free(loading->found);
    pretrained_close(&loading->tensors);
    pretrained_close(&loading->beside);
    json_decref(config);
    memory_free(path);
    return status;
}

Status pretrained_load(Model *model, const char *directory, bool strict, RandomKey key, PretrainedReport *report)
{
    Loading loading = {.model = model, .strict = strict, .key = key, .report = report};
    return with_config(&loading, directory, load);
}

/* config.json may ask for a model of any size: its outline is held against the files before there is memory for it.
 */
static Status check_outline(const ModelRecord *record, const void *config, const char *directory, bool strict)
{
    PretrainedReport report = {0};
    Model *outline;
    TRY(model_outline(record, config, &outline));
    Loading loading = {.model = outline, .strict = strict, .report = &report};
    Status status = with_config(&loading, directory, find_all);
    pretrained_report_free(&report);
    model_free(outline);
    return status;
}

static Status remember_origin(Model *model, const char *directory)
{
    Hash content;
    TRY(pretrained_content(directory, &content));
    return model_set_origin(model, directory, content);
}

Status pretrained_new(const ModelRecord *record, const void *config, const char *name, const char *directory,
                      bool strict, RandomKey key, PretrainedReport *report, Model **out)
{
    Model *model;
    TRY(check_outline(record, config, directory, strict));
    TRY(model_new(record, config, name, RANDOM_NONE, &model));
    Status status = pretrained_load(model, directory, strict, key, report);
    if (status == STATUS_OK) status = remember_origin(model, directory);
    if (status == STATUS_OK)
        *out = model;
    else
        model_free(model);
    return status;
}
