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
