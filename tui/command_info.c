/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe info FILE|DIR */
#include "engine/base/memory.h"
#include "engine/base/thousands.h"
#include "engine/io/checkpoints.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "engine/io/run_marks.h"
#include "engine/io/safetensors.h"
#include "tui/command.h"
#include "tui/progress.h"

#include <stdio.h>
#include <string.h>

static Status describe_tensors(const Safetensors *file, json_t *document)
{
    json_t *tensors, *entry_json, *shape;
    TRY(json_new_object(&tensors));
    TRY(json_set(document, "tensors", tensors));
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafetensorsEntry *entry = safetensors_entry(file, i);
        TRY(json_new_object(&entry_json));
        TRY(json_set(tensors, entry->name, entry_json));
        TRY(json_set_text(entry_json, "dtype", safetensors_type_name(entry->type)));
        TRY(json_new_array(&shape));
        TRY(json_set(entry_json, "shape", shape));
        for (int d = 0; d < entry->ndim; d++) TRY(json_append(shape, json_integer(entry->shape[d])));
    }
    return STATUS_OK;
}

static void print_tensors(const Safetensors *file)
{
    char text[SAFETENSORS_TEXT_SIZE], weights[32], bytes[32];
    int64_t count = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafetensorsEntry *entry = safetensors_entry(file, i);
        printf("%-24s %s\n", safetensors_text(entry, text), safetensors_shown(entry->name).text);
        count += entry->count;
    }
    printf("%zu tensors, %s elements, %s bytes\n", safetensors_count(file), thousands(count, weights),
           thousands((int64_t)safetensors_data_bytes(file), bytes));
}

static Status info_file(const char *path, json_t *document)
{
    Safetensors *file;
    TRY(safetensors_open(path, &file));
    Status status = STATUS_OK;
    if (document)
        status = describe_tensors(file, document);
    else
        print_tensors(file);
    safetensors_close(file);
    return status;
}

static Status print_config(const json_t *config)
{
    Buffer text = {0};
    Status status = json_print(config, 2, &text);
    if (status == STATUS_OK) puts(text.data);
    buffer_free(&text);
    return status;
}

/* --- the last value of each metric --- */

static Status metrics_json(const MetricsStore *store, json_t *out)
{
    for (int i = 0; i < metrics_name_count(store); i++) {
        const char *name = metrics_name(store, i);
        json_t *entry;
        int64_t step;
        double value;
        if (!metrics_last(store, name, &step, &value)) continue;
        TRY(json_new_object(&entry));
        TRY(json_set(out, name, entry));
        TRY(json_set_integer(entry, "step", step));
        TRY(json_set_number(entry, "value", value));
    }
    return STATUS_OK;
}

static void print_metrics(const MetricsStore *store)
{
    char number[32];
    printf("metrics: %s rows\n", thousands(metrics_rows(store), number));
    for (int i = 0; i < metrics_name_count(store); i++) {
        const char *name = metrics_name(store, i);
        int64_t step;
        double value;
        if (metrics_last(store, name, &step, &value))
            printf("  %-24s %.6g at step %s\n", name, value, thousands(step, number));
    }
}

/* A run of before there were such files, or one that has just begun, has none. */
static Status info_metrics(const char *path, json_t *document)
{
    MetricsStore *store;
    json_t *entry;
    if (document) TRY(json_new_object(&entry));
    if (document) TRY(json_set(document, "metrics", entry));
    Status status = run_directory_open_metrics(path, &store);
    if (status == STATUS_NOMEM) return status;
    if (status != STATUS_OK) {
        fprintf(document ? stderr : stdout, "metrics: %s\n", status_message());
        return STATUS_OK;
    }
    if (document)
        status = metrics_json(store, entry);
    else
        print_metrics(store);
    metrics_close(store);
    return status;
}

static Status print_marks(const char *path)
{
    Buffer marks = {0};
    Status status = run_marks_describe(path, &marks);
    if (status == STATUS_OK && marks.length) fputs(marks.data, stdout);
    buffer_free(&marks);
    return status;
}

static Status info_run(const char *path, json_t *document)
{
    json_t *config, *steps;
    CheckpointSteps list;
    TRY(run_directory_read_config(path, &config));
    Status status = checkpoints_list(path, &list);
    if (status != STATUS_OK) {
        json_decref(config);
        return status;
    }
    if (document) {
        status = json_set(document, "config", json_incref(config));
        if (status == STATUS_OK) status = json_new_array(&steps);
        if (status == STATUS_OK) status = json_set(document, "checkpoints", steps);
        for (size_t i = 0; i < list.count && status == STATUS_OK; i++)
            status = json_append(steps, json_integer(list.steps[i]));
    } else {
        status = print_marks(path);
        if (status == STATUS_OK) status = print_config(config);
        printf("checkpoints:");
        for (size_t i = 0; i < list.count; i++) printf(" %lld", (long long)list.steps[i]);
        puts(list.count ? "" : " none");
    }
    if (status == STATUS_OK) status = info_metrics(path, document);
    checkpoints_list_free(&list);
    json_decref(config);
    return status;
}

/* --- a directory with a model, or with a checkpoint --- */

static bool is_weights(const char *name)
{
    size_t length = strlen(name), end = strlen(".safetensors");
    return length > end && strcmp(name + length - end, ".safetensors") == 0;
}

static Status info_model_config(const char *path, json_t *document)
{
    char *file;
    json_t *config;
    TRY(file_join(path, "config.json", &file));
    Status status = file_exists(file) ? json_read(file, 0, &config) : STATUS_OK;
    if (status == STATUS_OK && file_exists(file)) {
        status = document ? json_set(document, "config", json_incref(config)) : print_config(config);
        json_decref(config);
    }
    memory_free(file);
    return status;
}

/* As "files": {NAME: ...}, or below a line with the name. */
static Status info_weights(const char *path, const char *name, json_t *files)
{
    char *file;
    json_t *entry = NULL;
    TRY(file_join(path, name, &file));
    Status status = files ? json_new_object(&entry) : STATUS_OK;
    if (status == STATUS_OK && files) status = json_set(files, name, entry);
    if (!files) printf("%s:\n", safetensors_shown(name).text);
    if (status == STATUS_OK) status = info_file(file, entry);
    memory_free(file);
    return status;
}

static Status info_directory(const char *path, json_t *document)
{
    FileNames names;
    json_t *files = NULL;
    size_t found = 0;
    if (document) TRY(json_new_object(&files));
    if (document) TRY(json_set(document, "files", files));
    TRY(info_model_config(path, document));
    TRY(file_list(path, &names));
    Status status = STATUS_OK;
    for (size_t i = 0; i < names.count && status == STATUS_OK; i++)
        if (is_weights(names.names[i])) {
            status = info_weights(path, names.names[i], files);
            found++;
        }
    file_names_free(&names);
    if (status != STATUS_OK || found) return status;
    return status_fail(STATUS_INVALID,
                       "%s: is neither a run, with config.json, nor holds weights, NAME.safetensors", path);
}

static Status info(const Arguments *arguments)
{
    FileKind kind;
    json_t *document = NULL;
    const char *path = arguments->names[0];
    TRY(file_kind(path, &kind));
    if (arguments->json) TRY(json_new_object(&document));
    Status status = kind == FILE_DIRECTORY ? info_run(path, document) : info_file(path, document);
    if (kind == FILE_DIRECTORY && status == STATUS_INVALID)
        status = info_directory(path, document); /* it is no run */
    if (status == STATUS_OK && document) status = print_config(document);
    json_decref(document);
    return status;
}

int command_info(const Arguments *arguments)
{
    Status status = info(arguments);
    return status == STATUS_OK ? 0 : command_fail(status);
}
