/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The second network of a model, which transformers has in a directory of its own (ModelCompanion): its options and
 * the names of its tensors. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/pretrained_internal.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 128 };

Status pretrained_companion_find(const ModelRecord *record, const char *directory, char **path)
{
    FileKind kind = FILE_MISSING;
    *path = NULL;
    if (!record->companion) return STATUS_OK;
    TRY(file_join(directory, record->companion->name, path));
    Status status = file_kind(*path, &kind);
    if (status == STATUS_OK && kind == FILE_DIRECTORY) return STATUS_OK;
    memory_free(*path);
    *path = NULL;
    return status;
}

const char *pretrained_companion_name(const ModelRecord *record, const char *path)
{
    const ModelCompanion *companion = record->companion;
    if (!companion) return NULL;
    if (module_path_below(path, companion->name)) return path + strlen(companion->name) + 1;
    return module_path_below(path, companion->shared) ? path : NULL;
}

/* --- options --- */

/* "generator" and "generator_hidden_size" are told by the companion's own config.json. */
bool pretrained_companion_option(const ModelRecord *record, const char *option)
{
    size_t length = record->companion ? strlen(record->companion->name) : 0;
    return length && strncmp(option, record->companion->name, length) == 0 &&
           (option[length] == '\0' || option[length] == '_');
}

/* The option that holds the companion's value for this one; NULL: both networks have the same. */
static const Option *twin_of(const ModelRecord *record, const Option *option)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s_%s", record->companion->name, option->name);
    return option_find(record->options, name);
}

static void copy_field(const Option *from, const void *config, const Option *to, void *out)
{
    memcpy((char *)out + to->offset, (const char *)config + from->offset, option_size(to));
}

/* What decides about shapes and the function is the same in both but for the twins; dropout, say, need not be. */
static bool must_agree(const ModelRecord *record, const Option *option)
{
    return option->kind != OPTION_NUMBER && strcmp(option->name, "num_labels") != 0 &&
           !pretrained_companion_option(record, option->name);
}

static Status refuse_difference(const char *directory, const Option *option, const void *its, const void *main)
{
    Buffer a = {0}, b = {0};
    Status status = option_print(option, its, &a);
    if (status == STATUS_OK) status = option_print(option, main, &b);
    if (status == STATUS_OK)
        status = status_fail(STATUS_FORMAT, "%s/config.json: %s is %s, that of the model above it %s", directory,
                             option->name, a.data, b.data);
    buffer_free(&a);
    buffer_free(&b);
    return status;
}

static Status merge(const ModelRecord *record, const char *directory, const void *its, void *out)
{
    for (const Option *option = record->options; option->name; option++) {
        const Option *twin = twin_of(record, option);
        if (twin)
            copy_field(option, its, twin, out);
        else if (must_agree(record, option) && !option_same(option, its, out))
            return refuse_difference(directory, option, its, out);
    }
    return STATUS_OK;
}

static Status read_options(const ModelRecord *record, const char *directory, void *its, void *out)
{
    const ModelRecord *other;
    TRY(pretrained_record(directory, &other));
    if (other != record)
        return status_fail(STATUS_FORMAT, "%s/config.json: its model_type is that of %s, not of %s", directory,
                           other->name, record->name);
    TRY(pretrained_fill_config(directory, record, its));
    return merge(record, directory, its, out);
}

Status pretrained_companion_config(const ModelRecord *record, const char *directory, void *out)
{
    char *path;
    void *its;
    if (!record->companion) return STATUS_OK;
    TRY(pretrained_companion_find(record, directory, &path));
    Status status = option_set_boolean(record->options, out, record->name, record->companion->name, path != NULL);
    if (!path || status != STATUS_OK) {
        memory_free(path);
        return status;
    }
    status = memory_new(1, record->config_size, &its);
    if (status == STATUS_OK) {
        status = read_options(record, path, its, out);
        memory_free(its);
    }
    memory_free(path);
    return status;
}

void pretrained_companion_options(const ModelRecord *record, const void *config, void *out)
{
    memcpy(out, config, record->config_size);
    for (const Option *option = record->options; option->name; option++) {
        const Option *twin = twin_of(record, option);
        if (twin) copy_field(twin, config, option, out);
    }
}
