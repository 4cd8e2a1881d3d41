/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.json of transformers, read and written. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/pretrained_internal.h"

#include <stdio.h>
#include <string.h>

enum { CONFIG_MAX = 16 << 20 };

static Status read_json(const char *directory, const char *name, char **path, json_t **out)
{
    TRY(file_join(directory, name, path));
    Status status = json_read(*path, CONFIG_MAX, out);
    if (status != STATUS_OK) memory_free(*path);
    return status;
}

/* A run's config.json is about the run; what the model is stands in its model.json. */
static bool is_run(const char *directory, const json_t *config)
{
    char *path;
    if (json_object_get(config, "model_type") || !json_object_get(config, "recipe")) return false;
    if (file_join(directory, "model.json", &path) != STATUS_OK) return false;
    bool there = file_exists(path);
    memory_free(path);
    return there;
}

Status pretrained_read_config(const char *directory, char **path, json_t **out)
{
    FileKind kind;
    TRY(file_kind(directory, &kind));
    if (kind != FILE_DIRECTORY)
        return status_fail(STATUS_IO, "%s: %s; a model is a directory with config.json and model.safetensors",
                           directory, kind == FILE_MISSING ? "there is no such directory" : "it is no directory");
    TRY(read_json(directory, "config.json", path, out));
    if (!is_run(directory, *out)) return STATUS_OK;
    json_decref(*out);
    memory_free(*path);
    return read_json(directory, "model.json", path, out);
}

Status pretrained_look(const char *directory, bool *there)
{
    char *path;
    json_t *config;
    *there = false;
    Status status = read_json(directory, "config.json", &path, &config);
    if (status != STATUS_OK) return status == STATUS_NOMEM ? status : STATUS_OK;
    *there = json_is_string(json_object_get(config, "model_type"));
    json_decref(config);
    memory_free(path);
    return STATUS_OK;
}

bool pretrained_is_there(const char *directory)
{
    bool there;
    return pretrained_look(directory, &there) == STATUS_OK && there;
}

/* Before the model_type of a model that transformers does not have: one with extensions. */
static const char own[] = "lathe-";

static bool is_own(const char *type)
{
    return strncmp(type, own, sizeof own - 1) == 0;
}

static Status find_record(const char *path, const json_t *config, const ModelRecord **out)
{
    const char *type;
    Buffer known = {0};
    TRY(json_member_text(path, config, "model_type", &type));
    *out = model_record_find(is_own(type) ? type + sizeof own - 1 : type);
    if (*out && (*out)->architectures && (!is_own(type) || (*out)->extensions)) return STATUS_OK;
    Status status = STATUS_OK;
    for (int i = 0; i < model_record_count && status == STATUS_OK; i++)
        if (model_records[i]->architectures)
            status = buffer_printf(&known, "%s%s", known.length ? ", " : "", model_records[i]->name);
    if (status == STATUS_OK)
        status =
            status_fail(STATUS_FORMAT, "%s: its model_type is '%.60s'; Lathe reads %s", path, type, known.data);
    buffer_free(&known);
    return status;
}

Status pretrained_record(const char *directory, const ModelRecord **out)
{
    char *path;
    json_t *config;
    TRY(pretrained_read_config(directory, &path, &config));
    Status status = find_record(path, config, out);
    json_decref(config);
    memory_free(path);
    return status;
}

/* --- reading --- */

static Status set_option(const char *path, const ModelRecord *record, const Option *option, const json_t *value,
                         void *out)
{
    Status status = json_read_option(option, value, record->name, out);
    return status == STATUS_OK ? status : status_context(status, "%s", path);
}

/* "true" and "false" mean booleans. */
static bool is_value(const json_t *value, const char *text)
{
    if (!text) return false;
    if (json_is_boolean(value)) return strcmp(text, json_is_true(value) ? "true" : "false") == 0;
    return json_is_string(value) && strcmp(text, json_string_value(value)) == 0;
}

static Status refuse_fixed(const char *path, const ModelRecord *record, const ModelFixed *fixed,
                           const json_t *value)
{
    Buffer text = {0};
    Status status = json_print(value, 0, &text);
    if (status == STATUS_OK)
        status = status_fail(STATUS_FORMAT, "%s: %s is %.60s; Lathe's %s has '%s'", path, fixed->name, text.data,
                             record->name, fixed->value);
    buffer_free(&text);
    return status;
}

static Status check_fixed(const char *path, const ModelRecord *record, const json_t *config, bool extended)
{
    for (const ModelFixed *fixed = record->fixed; fixed && fixed->name; fixed++) {
        const json_t *value = json_object_get(config, fixed->name);
        if (extended && model_extends(record, fixed->name)) continue;
        if (!value || json_is_null(value) || is_value(value, fixed->value) || is_value(value, fixed->also))
            continue;
        return refuse_fixed(path, record, fixed, value);
    }
    return STATUS_OK;
}

/* --- classes of examples --- */

enum { LABELS_MAX = 1 << 20 };

/* {"0": "negative", "1": "positive"}: the text is borrowed from the object. */
static Status read_name(const char *path, const json_t *labels, size_t i, const char **out)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", i);
    const json_t *name = json_object_get(labels, number);
    *out = json_string_value(name);
    if (*out) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: id2label names %zu classes, but that of class %zu is %s", path,
                       json_object_size(labels), i, name ? json_kind(name) : "missing");
}

/* How many classes the file means: num_labels of them, or those that it names, or transformers' 2. */
static Status count_labels(const char *path, const json_t *config, int64_t *out)
{
    const json_t *labels = json_object_get(config, "id2label");
    const char *name;
    if (json_object_get(config, "num_labels"))
        return json_member_integer(path, config, "num_labels", 1, LABELS_MAX, out);
    *out = 2;
    if (!labels || json_is_null(labels)) return STATUS_OK;
    if (!json_is_object(labels))
        return status_fail(STATUS_FORMAT, "%s: id2label is %s; it must be an object, {\"0\": \"name\", ...}", path,
                           json_kind(labels));
    for (size_t i = 0; i < json_object_size(labels); i++) TRY(read_name(path, labels, i, &name));
    *out = (int64_t)json_object_size(labels);
    return STATUS_OK;
}

/* LABEL_0, LABEL_1: transformers gives such names where it was told none. */
static bool told(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(names[i], "LABEL_", 6) != 0) return true;
    return false;
}

Status pretrained_name_classes(const char *path, const json_t *config, Model *model)
{
    const json_t *labels = json_object_get(config, "id2label");
    const Option *option = option_find(model->record->options, "num_labels");
    const char **names;
    size_t count = json_object_size(labels);
    if (!option || !count || *(const int64_t *)((const char *)model->config + option->offset) != (int64_t)count)
        return STATUS_OK;
    TRY(memory_new(count, sizeof *names, &names));
    Status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) status = read_name(path, labels, i, &names[i]);
    if (status == STATUS_OK && told(names, count)) status = model_set_classes(model, names, (int64_t)count);
    memory_free(names);
    return status;
}

/* What the class of transformers has and the options do not say: how many classes a classifier has, that there is a
 * head. Other classes have none of it. */
static Status read_architecture(const char *path, const ModelRecord *record, const json_t *config, void *out)
{
    const ModelArchitecture *architecture = pretrained_architecture(record, config);
    const Option *option =
        architecture && architecture->option ? option_find(record->options, architecture->option) : NULL;
    int64_t count;
    if (!option) return STATUS_OK;
    if (option->kind == OPTION_BOOLEAN)
        return option_set_boolean(record->options, out, record->name, option->name, true);
    TRY(count_labels(path, config, &count));
    Status status = option_set_number(record->options, out, record->name, option->name, (double)count);
    return status == STATUS_OK ? status : status_context(status, "%s", path);
}

static Status fill_config(const char *path, const ModelRecord *record, const json_t *config, void *out)
{
    const char *type;
    TRY(json_member_text(path, config, "model_type", &type));
    option_defaults(record->options, out);
    TRY(check_fixed(path, record, config, is_own(type)));
    for (const Option *option = record->options; option && option->name; option++) {
        const json_t *value = json_object_get(config, option->name);
        if (!is_own(type) && model_extends(record, option->name)) continue;
        if (pretrained_companion_option(record, option->name)) continue;
        if (value && !json_is_null(value)) TRY(set_option(path, record, option, value, out));
    }
    return read_architecture(path, record, config, out);
}

Status pretrained_fill_config(const char *directory, const ModelRecord *record, void *out)
{
    char *path;
    json_t *config;
    TRY(pretrained_read_config(directory, &path, &config));
    Status status = fill_config(path, record, config, out);
    json_decref(config);
    memory_free(path);
    return status;
}

Status pretrained_config(const char *directory, const ModelRecord *record, void *out)
{
    TRY(pretrained_fill_config(directory, record, out));
    return pretrained_companion_config(record, directory, out);
}

/* --- writing --- */

/* How the i-th class is called: by the data, else by the file that the model came from, else by its number. */
static const char *class_name(const Model *model, const PretrainedSaving *how, int64_t i, char out[32])
{
    if (how->classes && i < how->class_count) return how->classes[i];
    if (i < model->class_count) return model->classes[i];
    snprintf(out, 32, "LABEL_%lld", (long long)i);
    return out;
}

static Status put_labels(const Model *model, const PretrainedSaving *how, int64_t count, json_t *out)
{
    json_t *names, *numbers;
    char number[24], standard[32];
    TRY(json_new_object(&names));
    TRY(json_set(out, "id2label", names));
    TRY(json_new_object(&numbers));
    TRY(json_set(out, "label2id", numbers));
    for (int64_t i = 0; i < count; i++) {
        const char *name = class_name(model, how, i, standard);
        snprintf(number, sizeof number, "%lld", (long long)i);
        TRY(json_set_text(names, number, name));
        TRY(json_set_integer(numbers, name, i));
    }
    return STATUS_OK;
}

static Status put_fixed(const ModelRecord *record, bool extended, json_t *out)
{
    for (const ModelFixed *fixed = record->fixed; fixed && fixed->name; fixed++) {
        bool yes = strcmp(fixed->value, "true") == 0, no = strcmp(fixed->value, "false") == 0;
        if (extended && model_extends(record, fixed->name)) continue;
        TRY(yes || no ? json_set_boolean(out, fixed->name, yes) : json_set_text(out, fixed->name, fixed->value));
    }
    return STATUS_OK;
}

/* A number below 0 leaves something open, for which transformers has null. */
static Status put_option(const Option *option, const void *config, json_t *out)
{
    bool open = option->kind == OPTION_NUMBER && *(const double *)((const char *)config + option->offset) < 0;
    return open ? json_set(out, option->name, json_null()) : json_set_option(out, option, config);
}

/* The options; num_labels is told by naming the classes, and only where the class of transformers has them. */
static Status put_options(const Model *model, const ModelArchitecture *architecture, const PretrainedSaving *how,
                          bool extended, json_t *out)
{
    for (const Option *option = model->record->options; option && option->name; option++) {
        bool its = architecture->option && strcmp(architecture->option, option->name) == 0;
        if (!extended && model_extends(model->record, option->name)) continue;
        if (pretrained_companion_option(model->record, option->name)) continue;
        if (strncmp(option->name, "lora_", 5) == 0) continue; /* adapters are merged in these files */
        if (strcmp(option->name, "num_labels") != 0)
            TRY(put_option(option, model->config, out));
        else if (its)
            TRY(put_labels(model, how, *(const int64_t *)((const char *)model->config + option->offset), out));
    }
    return STATUS_OK;
}

static Status put_token(json_t *out, const char *name, int32_t id)
{
    return id < 0 ? json_set(out, name, json_null()) : json_set_integer(out, name, id);
}

/* A generator's begin and end of texts would otherwise be GPT-2's own. */
static Status put_tokens(const ModelRecord *record, const Vocabulary *vocabulary, json_t *out)
{
    if (!vocabulary) return STATUS_OK;
    if (record->next) TRY(put_token(out, "bos_token_id", vocabulary->separator));
    if (record->next) TRY(put_token(out, "eos_token_id", vocabulary->separator));
    return put_token(out, "pad_token_id", vocabulary->pad);
}

Status pretrained_type(const Model *model, char out[PRETRAINED_TYPE_SIZE])
{
    bool extended;
    TRY(model_is_extended(model, &extended));
    snprintf(out, PRETRAINED_TYPE_SIZE, "%s%s", extended ? own : "", model->record->name);
    return STATUS_OK;
}

Status pretrained_print_config(const Model *model, const ModelArchitecture *architecture,
                               const PretrainedSaving *how, json_t *out)
{
    const ModelRecord *record = model->record;
    char type[PRETRAINED_TYPE_SIZE];
    bool extended;
    json_t *architectures;
    TRY(model_is_extended(model, &extended));
    TRY(pretrained_type(model, type));
    TRY(json_new_array(&architectures));
    TRY(json_set(out, "architectures", architectures));
    TRY(json_append(architectures, json_string(architecture->name)));
    TRY(json_set_text(out, "model_type", type));
    TRY(put_fixed(record, extended, out));
    TRY(put_options(model, architecture, how, extended, out));
    TRY(put_tokens(record, how->vocabulary, out));
    return json_set_text(out, "torch_dtype", "float32");
}
