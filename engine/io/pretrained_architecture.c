/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which classes of transformers have which parts of a model. */
#include "engine/base/memory.h"
#include "engine/io/pretrained_internal.h"

#include <string.h>

static const ModelArchitecture *find(const ModelRecord *record, const char *name)
{
    for (const ModelArchitecture *a = record->architectures; a && a->name; a++)
        if (strcmp(a->name, name) == 0) return a;
    return NULL;
}

const char *pretrained_class(const json_t *config)
{
    return json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
}

const ModelArchitecture *pretrained_architecture(const ModelRecord *record, const json_t *config)
{
    const char *name = pretrained_class(config);
    return name ? find(record, name) : NULL;
}

/* The head of an architecture that the path belongs to, NULL where it is in none. */
static const char *head_of(const ModelArchitecture *architecture, const char *path)
{
    for (const char *const *head = architecture->heads; *head; head++)
        if (module_path_below(path, *head)) return *head;
    return NULL;
}

bool pretrained_has(const ModelRecord *record, const ModelArchitecture *architecture, const char *path)
{
    if (architecture && head_of(architecture, path)) return true;
    for (const ModelArchitecture *a = record->architectures; architecture && a->name; a++)
        if (head_of(a, path)) return false;
    return record->base && module_path_below(path, record->base);
}

static bool has_heads(const Model *model, const ModelArchitecture *architecture)
{
    for (const char *const *head = architecture->heads; *head; head++)
        if (!module_find(model->root, *head)) return false;
    return true;
}

Status pretrained_list_architectures(const ModelRecord *record, Buffer *out)
{
    for (const ModelArchitecture *a = record->architectures; a && a->name; a++)
        TRY(buffer_printf(out, "%s%s", a == record->architectures ? "" : ", ", a->name));
    return STATUS_OK;
}

static Status refuse_name(const ModelRecord *record, const char *name)
{
    Buffer known = {0};
    Status status = pretrained_list_architectures(record, &known);
    if (status == STATUS_OK)
        status = status_fail(STATUS_INVALID, "%s has no form '%.60s' in transformers; there are %s", record->name,
                             name, known.data);
    buffer_free(&known);
    return status;
}

Status pretrained_choose(const Model *model, const char *name, const ModelArchitecture **out)
{
    const ModelRecord *record = model->record;
    if (!record->architectures)
        return status_fail(STATUS_INVALID, "%s has no form that transformers reads", record->name);
    if (!name) {
        for (const ModelArchitecture *a = *out = record->architectures; a->name; *out = ++a)
            if (has_heads(model, a)) return STATUS_OK;
        return status_fail(STATUS_INVALID, "model '%s' lacks heads that each of its forms in transformers has",
                           model->name);
    }
    *out = find(record, name);
    if (!*out) return refuse_name(record, name);
    if (has_heads(model, *out)) return STATUS_OK;
    return status_fail(STATUS_INVALID, "model '%s' has not all parts of a %s", model->name, name);
}
