/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/weights.h"

#include "engine/base/memory.h"
#include "engine/nn/lora.h"

#include <stdio.h>
#include <string.h>

/* What is to be written, with names and transposes that belong to the list. */
typedef struct Entries {
    SafetensorsEntry *items;
    Tensor **held; /* [capacity]: NULL where the data are somebody else's */
    size_t count, capacity;
    const Model *model;
    const WeightsChoice *choice; /* NULL: all, as they are */
} Entries;

static Status add_entry(Entries *entries, const char *path, const char *suffix, const Tensor *tensor)
{
    Buffer name = {0};
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity ? entries->capacity * 2 : 64;
        TRY(memory_resize(&entries->items, capacity, sizeof *entries->items));
        TRY(memory_resize(&entries->held, capacity, sizeof(Tensor *)));
        entries->capacity = capacity;
    }
    TRY(buffer_printf(&name, suffix ? "%s.%s" : "%s", path, suffix));
    entries->held[entries->count] = NULL;
    SafetensorsEntry *entry = &entries->items[entries->count++];
    *entry = (SafetensorsEntry){.name = buffer_take(&name),
                                .type = safetensors_type(tensor->dtype),
                                .ndim = tensor->ndim,
                                .data = tensor_data(tensor)};
    memcpy(entry->shape, tensor->shape, (size_t)tensor->ndim * sizeof *tensor->shape);
    return STATUS_OK;
}

static void entries_free(Entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        memory_free((char *)entries->items[i].name);
        tensor_unref(entries->held[i]);
    }
    memory_free(entries->items);
    memory_free(entries->held);
}

static Status write_entries(Entries *entries, Status status, const char *path, bool in_place)
{
    static const SafetensorsMetadata metadata[] = {{"format", "pt"}};
    if (status == STATUS_OK)
        status = safetensors_write(path, in_place, entries->items, entries->count, metadata, 1);
    entries_free(entries);
    return status;
}

/* out[n,m] = in[m,n]' */
static void transpose(int64_t m, int64_t n, const float *in, float *out)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) out[j * m + i] = in[i * n + j];
}

static Status new_transpose(const Tensor *matrix, Tensor **out)
{
    int64_t rows = matrix->shape[0], columns = matrix->shape[1];
    TRY(tensor_new(NULL, DTYPE_F32, 2, (int64_t[]){columns, rows}, out));
    transpose(rows, columns, TENSOR_F32(matrix), TENSOR_F32(*out));
    return STATUS_OK;
}

/* The value as files have it: merged, transposed, or itself. *made is the caller's where it is not NULL. */
static Status value_for_files(const Entries *entries, const Param *param, Tensor **made)
{
    Tensor *merged = NULL;
    *made = NULL;
    if (entries->choice && entries->choice->merge) TRY(lora_merged(entries->model, param, &merged));
    if (!model_transposes(entries->model, param)) {
        *made = merged;
        return STATUS_OK;
    }
    Status status = new_transpose(merged ? merged : param->value, made);
    tensor_unref(merged);
    return status;
}

static Status add_named(Entries *entries, const char *path, const Tensor *value)
{
    char name[2 * MODULE_PATH_SIZE];
    const char *prefix = entries->choice ? entries->choice->prefix : NULL;
    snprintf(name, sizeof name, "%s%s", prefix ? prefix : "", path);
    return add_entry(entries, name, NULL, value);
}

static Status collect_value(void *context, Param *param)
{
    Entries *entries = context;
    const WeightsChoice *choice = entries->choice;
    const char *name = choice ? choice->name(choice->context, param) : param->path;
    Tensor *made;
    if (!name) return STATUS_OK;
    TRY(value_for_files(entries, param, &made));
    Status status = add_named(entries, name, made ? made : param->value);
    if (status == STATUS_OK)
        entries->held[entries->count - 1] = made;
    else
        tensor_unref(made);
    return status;
}

Status weights_save(const Model *model, const char *path, bool in_place)
{
    Entries entries = {.model = model};
    return write_entries(&entries, module_each_param(model->root, collect_value, &entries), path, in_place);
}

Status weights_save_some(const Model *model, const WeightsChoice *choice, const char *path)
{
    Entries entries = {.model = model, .choice = choice};
    return write_entries(&entries, module_each_param(model->root, collect_value, &entries), path, true);
}

typedef struct States {
    Entries entries;
    const char *const *names;
} States;

static Status collect_states(void *context, Param *param)
{
    States *states = context;
    if (param->mask) TRY(add_entry(&states->entries, param->path, "mask", param->mask));
    for (int i = 0; states->names[i]; i++)
        if (param->state[i]) TRY(add_entry(&states->entries, param->path, states->names[i], param->state[i]));
    return STATUS_OK;
}

Status weights_save_states(const Model *model, const char *const *names, const char *path, bool in_place)
{
    States states = {.names = names};
    return write_entries(&states.entries, module_each_param(model->root, collect_states, &states), path, in_place);
}

/* --- loading --- */

typedef struct Loading {
    const Model *model;
    const Safetensors *file;
    const char *const *names; /* of states; NULL: values */
    WeightsScratch scratch;
} Loading;

static bool transposed_shape(const SafetensorsEntry *entry, const Tensor *tensor)
{
    return entry->ndim == 2 && entry->shape[0] == tensor->shape[1] && entry->shape[1] == tensor->shape[0];
}

static bool same_shape(const SafetensorsEntry *entry, const Tensor *tensor)
{
    return entry->ndim == tensor->ndim &&
           memcmp(entry->shape, tensor->shape, (size_t)tensor->ndim * sizeof *tensor->shape) == 0;
}

static Status refuse_shape(const Safetensors *file, const SafetensorsEntry *entry, const Tensor *tensor,
                           bool transposed)
{
    char text[SAFETENSORS_TEXT_SIZE], shape[TENSOR_TEXT_SIZE];
    return status_fail(STATUS_FORMAT, "%s: tensor '%s' is %s, the model's is %s%s; nothing was loaded",
                       safetensors_path(file), entry->name, safetensors_text(entry, text),
                       tensor_describe(tensor, shape), transposed ? " (its transpose in files)" : "");
}

Status weights_check(const Model *model, const Param *param, const Safetensors *file, const SafetensorsEntry *entry)
{
    bool turned = model_transposes(model, param);
    bool fits = turned ? transposed_shape(entry, param->value) : same_shape(entry, param->value);
    return fits ? STATUS_OK : refuse_shape(file, entry, param->value, turned);
}

static Status check_value(void *context, Param *param)
{
    const Loading *loading = context;
    const SafetensorsEntry *entry = safetensors_find(loading->file, param->path);
    if (!entry)
        return status_fail(STATUS_FORMAT, "%s: tensor '%s' of the model is missing; nothing was loaded",
                           safetensors_path(loading->file), param->path);
    return weights_check(loading->model, param, loading->file, entry);
}

static Status check_alias(const Loading *loading, const SafetensorsEntry *entry, const ModelAlias *alias)
{
    if (!alias->path) return STATUS_OK;
    const SafetensorsEntry *tied = safetensors_find(loading->file, alias->path);
    if (tied && tied->bytes == entry->bytes && memcmp(tied->data, entry->data, entry->bytes) == 0) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: tensor '%s' differs from '%s', to which it is tied; nothing was loaded",
                       safetensors_path(loading->file), entry->name, alias->path);
}

static Status check_extra(const Loading *loading)
{
    for (size_t i = 0; i < safetensors_count(loading->file); i++) {
        const SafetensorsEntry *entry = safetensors_entry(loading->file, i);
        const ModelAlias *alias = loading->model->record->aliases;
        if (module_find_param(loading->model->root, entry->name)) continue;
        while (alias && alias->name && !module_path_matches(alias->name, entry->name)) alias++;
        if (!alias || !alias->name)
            return status_fail(STATUS_FORMAT, "%s: tensor '%s' has no place in the model '%s'; nothing was loaded",
                               safetensors_path(loading->file), entry->name, loading->model->name);
        TRY(check_alias(loading, entry, alias));
    }
    return STATUS_OK;
}

/* Values are read into scratch memory first, so that one that cannot be converted leaves the model as it was. */
Status weights_prepare(const Model *model, Param *param, const Safetensors *file, const SafetensorsEntry *entry,
                       WeightsScratch *scratch)
{
    int64_t count = tensor_count(param->value);
    (void)model;
    TRY(tensor_own(param->value)); /* a snapshot may look at it */
    if (count > scratch->room) {
        TRY(memory_resize(&scratch->values, (size_t)count, sizeof *scratch->values));
        scratch->room = count;
    }
    return safetensors_load(file, entry, DTYPE_F32, scratch->values);
}

Status weights_copy(const Model *model, Param *param, const Safetensors *file, const SafetensorsEntry *entry,
                    WeightsScratch *scratch)
{
    bool turned = model_transposes(model, param);
    TRY(safetensors_load(file, entry, DTYPE_F32, turned ? scratch->values : tensor_data(param->value)));
    if (turned) transpose(entry->shape[0], entry->shape[1], scratch->values, tensor_data(param->value));
    param_changed(param);
    return STATUS_OK;
}

void weights_scratch_free(WeightsScratch *scratch)
{
    memory_free(scratch->values);
    *scratch = (WeightsScratch){0};
}

static Status read_value(void *context, Param *param)
{
    Loading *loading = context;
    const SafetensorsEntry *entry = safetensors_find(loading->file, param->path);
    return weights_prepare(loading->model, param, loading->file, entry, &loading->scratch);
}

static Status copy_value(void *context, Param *param)
{
    Loading *loading = context;
    const SafetensorsEntry *entry = safetensors_find(loading->file, param->path);
    return weights_copy(loading->model, param, loading->file, entry, &loading->scratch);
}

static Status load_values(Loading *loading)
{
    TRY(module_each_param(loading->model->root, check_value, loading));
    TRY(check_extra(loading));
    TRY(module_each_param(loading->model->root, read_value, loading));
    return module_each_param(loading->model->root, copy_value, loading);
}

Status weights_load(Model *model, const char *path)
{
    Safetensors *file;
    TRY(safetensors_open(path, &file));
    Loading loading = {.model = model, .file = file};
    Status status = load_values(&loading);
    weights_scratch_free(&loading.scratch);
    safetensors_close(file);
    return status;
}

/* One state tensor of a parameter, or none where the file has none. */
static Status load_state(const Safetensors *file, const Param *param, const char *suffix, Tensor **state)
{
    char name[MODULE_PATH_SIZE + 64];
    Tensor *fresh;
    snprintf(name, sizeof name, "%s.%s", param->path, suffix);
    const SafetensorsEntry *entry = safetensors_find(file, name);
    if (!entry) {
        tensor_unref(*state);
        *state = NULL;
        return STATUS_OK;
    }
    if (!same_shape(entry, param->value)) return refuse_shape(file, entry, param->value, false);
    TRY(tensor_new_like(NULL, param->value, &fresh));
    Status status = safetensors_load(file, entry, DTYPE_F32, tensor_data(fresh));
    if (status != STATUS_OK) {
        tensor_unref(fresh);
        return status;
    }
    tensor_unref(*state);
    *state = fresh;
    return STATUS_OK;
}

static bool is_mask(const Tensor *tensor)
{
    const float *values = TENSOR_F32(tensor);
    for (int64_t i = 0, n = tensor_count(tensor); i < n; i++)
        if (values[i] != 0 && values[i] != 1) return false;
    return true;
}

static Status load_mask(const Safetensors *file, Param *param)
{
    Tensor *mask = NULL;
    TRY(load_state(file, param, "mask", &mask));
    if (mask && !is_mask(mask)) {
        tensor_unref(mask);
        return status_fail(STATUS_FORMAT, "%s: tensor '%s.mask' has entries other than 0 and 1",
                           safetensors_path(file), param->path);
    }
    param_set_mask(param, mask);
    return STATUS_OK;
}

static Status load_states(void *context, Param *param)
{
    const Loading *loading = context;
    TRY(load_mask(loading->file, param));
    for (int i = 0; loading->names[i]; i++)
        TRY(load_state(loading->file, param, loading->names[i], &param->state[i]));
    return STATUS_OK;
}

Status weights_load_states(Model *model, const char *const *states, const char *path)
{
    Safetensors *file;
    TRY(safetensors_open(path, &file));
    Loading loading = {.model = model, .file = file, .names = states};
    Status status = module_each_param(model->root, load_states, &loading);
    safetensors_close(file);
    return status;
}
