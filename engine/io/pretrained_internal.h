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

/* Whether the directory holds a model. Errors: memory. */
Status pretrained_look(const char *directory, bool *there) STATUS_CHECKED;
/* What config.json says (engine/io/pretrained_config.c). */
Status pretrained_print_config(const Model *model, json_t *out) STATUS_CHECKED;

#endif
