/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.json of transformers, read and written. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/pretrained_internal.h"

#include <stdio.h>
#include <string.h>

enum { CONFIG_MAX = 16 << 20 };

static Status read_config(const char *directory, char **path, json_t **out)
{
    FileKind kind;
    TRY(file_kind(directory, &kind));
    if (kind != FILE_DIRECTORY)
        return status_fail(STATUS_IO, "%s: %s; a model is a directory with config.json and model.safetensors",
                           directory, kind == FILE_MISSING ? "there is no such directory" : "it is no directory");
    TRY(file_join(directory, "config.json", path));
    Status status = json_read(*path, CONFIG_MAX, out);
    if (status != STATUS_OK) memory_free(*path);
    return status;
}

Status pretrained_look(const char *directory, bool *there)
{
    char *path;
    json_t *config;
    *there = false;
    Status status = read_config(directory, &path, &config);
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

static Status find_record(const char *path, const json_t *config, const ModelRecord **out)
{
    const char *type;
    Buffer known = {0};
    TRY(json_member_text(path, config, "model_type", &type));
    *out = model_record_find(type);
    if (*out && (*out)->architecture) return STATUS_OK;
    Status status = STATUS_OK;
    for (int i = 0; i < model_record_count && status == STATUS_OK; i++)
        if (model_records[i]->architecture)
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
    TRY(read_config(directory, &path, &config));
    Status status = find_record(path, config, out);
    json_decref(config);
    memory_free(path);
    return status;
}

/* --- reading --- */

static Status set_option(const char *path, const ModelRecord *record, const Option *option, const json_t *value,
                         void *out)
{
    Status status;
    if (json_is_number(value))
        status = option_set_number(record->options, out, record->name, option->name, json_number_value(value));
    else if (json_is_boolean(value))
        status = option_set_boolean(record->options, out, record->name, option->name, json_is_true(value));
    else
        status = status_fail(STATUS_FORMAT, "%s is %s", option->name, json_kind(value));
    return status == STATUS_OK ? status : status_context(status, "%s", path);
}

/* "true" and "false" mean booleans. */
static bool is_value(const json_t *value, const char *text)
{
    if (!text) return false;
    if (json_is_boolean(value)) return strcmp(text, json_is_true(value) ? "true" : "false") == 0;
    return json_is_string(value) && strcmp(text, json_string_value(value)) == 0;
}

static Status check_fixed(const char *path, const ModelRecord *record, const json_t *config)
{
    for (const ModelFixed *fixed = record->fixed; fixed && fixed->name; fixed++) {
        const json_t *value = json_object_get(config, fixed->name);
        if (!value || json_is_null(value) || is_value(value, fixed->value) || is_value(value, fixed->also))
            continue;
        const char *text = json_is_string(value) ? json_string_value(value)
                           : json_is_true(value) ? "true"
                                                 : "false";
        return status_fail(STATUS_FORMAT, "%s: %s is '%.60s'; Lathe's %s has '%s'", path, fixed->name, text,
                           record->name, fixed->value);
    }
    return STATUS_OK;
}

/* A classifier's classes are named, not counted; other architectures have none. */
static Status read_labels(const char *path, const ModelRecord *record, const json_t *config, void *out)
{
    const char *name = json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
    const json_t *labels = json_object_get(config, "id2label");
    if (!option_find(record->options, "num_labels") || json_object_get(config, "num_labels") || !name ||
        !strstr(name, "ForSequenceClassification"))
        return STATUS_OK;
    Status status = option_set_number(record->options, out, record->name, "num_labels",
                                      labels ? (double)json_object_size(labels) : 2);
    return status == STATUS_OK ? status : status_context(status, "%s", path);
}

static Status fill_config(const char *path, const ModelRecord *record, const json_t *config, void *out)
{
    option_defaults(record->options, out);
    TRY(check_fixed(path, record, config));
    for (const Option *option = record->options; option && option->name; option++) {
        const json_t *value = json_object_get(config, option->name);
        if (value && !json_is_null(value)) TRY(set_option(path, record, option, value, out));
    }
    return read_labels(path, record, config, out);
}

Status pretrained_config(const char *directory, const ModelRecord *record, void *out)
{
    char *path;
    json_t *config;
    TRY(read_config(directory, &path, &config));
    Status status = fill_config(path, record, config, out);
    json_decref(config);
    memory_free(path);
    return status;
}

/* --- writing --- */

static Status put_option(const Option *option, const void *config, json_t *out)
{
    const void *at = (const char *)config + option->offset;
    if (option->kind == OPTION_INTEGER) return json_set_integer(out, option->name, *(const int64_t *)at);
    if (option->kind == OPTION_NUMBER) return json_set_number(out, option->name, *(const double *)at);
    if (option->kind == OPTION_BOOLEAN) return json_set_boolean(out, option->name, *(const bool *)at);
    return STATUS_OK;
}

static Status put_labels(int64_t count, json_t *out)
{
    json_t *names, *numbers;
    char number[24], name[32];
    TRY(json_new_object(&names));
    TRY(json_set(out, "id2label", names));
    TRY(json_new_object(&numbers));
    TRY(json_set(out, "label2id", numbers));
    for (int64_t i = 0; i < count; i++) {
        snprintf(number, sizeof number, "%lld", (long long)i);
        snprintf(name, sizeof name, "LABEL_%lld", (long long)i);
        TRY(json_set_text(names, number, name));
        TRY(json_set_integer(numbers, name, i));
    }
    return STATUS_OK;
}

static Status put_fixed(const ModelRecord *record, json_t *out)
{
    for (const ModelFixed *fixed = record->fixed; fixed && fixed->name; fixed++) {
        bool yes = strcmp(fixed->value, "true") == 0, no = strcmp(fixed->value, "false") == 0;
        TRY(yes || no ? json_set_boolean(out, fixed->name, yes) : json_set_text(out, fixed->name, fixed->value));
    }
    return STATUS_OK;
}

Status pretrained_print_config(const Model *model, json_t *out)
{
    const ModelRecord *record = model->record;
    json_t *architectures;
    TRY(json_new_array(&architectures));
    TRY(json_set(out, "architectures", architectures));
    TRY(json_append(architectures, json_string(record->architecture)));
    TRY(json_set_text(out, "model_type", record->name));
    TRY(put_fixed(record, out));
    for (const Option *option = record->options; option && option->name; option++) {
        int64_t labels = *(const int64_t *)((const char *)model->config + option->offset);
        if (strcmp(option->name, "num_labels") != 0)
            TRY(put_option(option, model->config, out));
        else if (labels)
            TRY(put_labels(labels, out));
    }
    return json_set_text(out, "torch_dtype", "float32");
}
