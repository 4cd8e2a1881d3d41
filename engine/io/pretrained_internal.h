/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of pretrained models share. */
#ifndef LATHE_IO_PRETRAINED_INTERNAL_H
#define LATHE_IO_PRETRAINED_INTERNAL_H

#include "engine/io/pretrained.h"
#include "engine/io/safetensors.h"

/* A tensor of a directory. */
typedef struct PretrainedTensor {
    const Safetensors *file;
    const SafetensorsEntry *entry;
    bool used;
} PretrainedTensor;

/* All tensors of a directory (engine/io/pretrained_files.c). Start from {0}; pretrained_close() ends it. */
typedef struct PretrainedTensors {
    Safetensors **files;
    size_t file_count;
    PretrainedTensor *items;
    size_t count, room;
} PretrainedTensors;

Status pretrained_open(const char *directory, PretrainedTensors *out) STATUS_CHECKED;
void pretrained_close(PretrainedTensors *tensors);
/* NULL where there is none. */
PretrainedTensor *pretrained_find(const PretrainedTensors *tensors, const char *name);

/* --- config.json (engine/io/pretrained_config.c) --- */

/* The file and its path, both the caller's. */
Status pretrained_read_config(const char *directory, char **path, json_t **out) STATUS_CHECKED;
/* Whether the directory holds a model. Errors: memory. */
Status pretrained_look(const char *directory, bool *there) STATUS_CHECKED;
/* Gives the model the names of its classes that the file tells, if it tells as many. */
Status pretrained_name_classes(const char *path, const json_t *config, Model *model) STATUS_CHECKED;
Status pretrained_print_config(const Model *model, const ModelArchitecture *architecture,
                               const PretrainedSaving *how, json_t *out) STATUS_CHECKED;

/* The options of the directory's own config.json, whatever lies below it. */
Status pretrained_fill_config(const char *directory, const ModelRecord *record, void *out) STATUS_CHECKED;

/* --- companions (engine/io/pretrained_companion.c) --- */

/* The companion's directory, the caller's; NULL where there is none. */
Status pretrained_companion_find(const ModelRecord *record, const char *directory, char **path) STATUS_CHECKED;
/* The name in the companion's files of the parameter at the path; NULL: they do not have it. */
const char *pretrained_companion_name(const ModelRecord *record, const char *path);
/* Whether the companion's config.json tells the option. */
bool pretrained_companion_option(const ModelRecord *record, const char *option);
/* Says in a config of the model whether there is a companion, and what it has otherwise. */
Status pretrained_companion_config(const ModelRecord *record, const char *directory, void *out) STATUS_CHECKED;
/* The options of the companion's config.json, from those of the model. */
void pretrained_companion_options(const ModelRecord *record, const void *config, void *out);

/* --- classes of transformers (engine/io/pretrained_architecture.c) --- */

/* The name that config.json gives; NULL: none. */
const char *pretrained_class(const json_t *config);
/* NULL where that is none of the record's, or there is none. */
const ModelArchitecture *pretrained_architecture(const ModelRecord *record, const json_t *config);
/* Whether files of the class have the parameter. NULL: an unknown one, of which what is below the trunk's name is
 * known to be that. */
bool pretrained_has(const ModelRecord *record, const ModelArchitecture *architecture, const char *path);
/* The class of that name (NULL: the first one whose heads the model has). Errors: the record has no such class, the
 * model not all of its heads. */
Status pretrained_choose(const Model *model, const char *name, const ModelArchitecture **out) STATUS_CHECKED;
/* "BertModel, BertForMaskedLM, ..." */
Status pretrained_list_architectures(const ModelRecord *record, Buffer *out) STATUS_CHECKED;

#endif
