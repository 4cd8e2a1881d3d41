/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A model's weights and an optimizer's state as safetensors, by the parameters' paths. Loading is strict and whole:
 * every tensor is checked before the first is changed. Nothing is kept; nobody frees anything. */
#ifndef LATHE_IO_WEIGHTS_H
#define LATHE_IO_WEIGHTS_H

#include "engine/io/safetensors.h"
#include "engine/nn/model.h"

/* Writes all values below the model's root. in_place: a new file in a staged directory. Errors: memory, disk. */
Status weights_save(const Model *model, const char *path, bool in_place) STATUS_CHECKED;

/* Which parameters are written, and how. */
typedef struct WeightsChoice {
    const char *(*name)(const void *context, const Param *param); /* its name in the file; NULL: it is left out */
    const void *context;
    const char *prefix; /* before each name; NULL: none */
    bool merge;         /* weights with what their adapters add (engine/nn/lora.h) */
} WeightsChoice;

/* The same into a staged directory, of some. */
Status weights_save_some(const Model *model, const WeightsChoice *choice, const char *path) STATUS_CHECKED;

/* Errors: the file's own, a tensor that is missing, left over or misshapen (named), an alias of a tied weight that
 * differs from it. The model is unchanged then. */
Status weights_load(Model *model, const char *path) STATUS_CHECKED;

/* --- one parameter, for who finds its tensor by other names --- */

/* Room for the largest value. Start from {0}. */
typedef struct WeightsScratch {
    float *values;
    int64_t room;
} WeightsScratch;
void weights_scratch_free(WeightsScratch *scratch);

/* Errors: the tensor has not the parameter's shape (or its transpose, where files have that). */
Status weights_check(const Model *model, const Param *param, const Safetensors *file,
                     const SafetensorsEntry *entry) STATUS_CHECKED;
/* Everything that may fail, before the first parameter is changed. Errors: a value that does not fit, memory. */
Status weights_prepare(const Model *model, Param *param, const Safetensors *file, const SafetensorsEntry *entry,
                       WeightsScratch *scratch) STATUS_CHECKED;
/* What was prepared. */
Status weights_copy(const Model *model, Param *param, const Safetensors *file, const SafetensorsEntry *entry,
                    WeightsScratch *scratch) STATUS_CHECKED;

/* The optimizer's state and masks as "path.state_name" and "path.mask". states: names, ending with NULL. */
Status weights_save_states(const Model *model, const char *const *states, const char *path,
                           bool in_place) STATUS_CHECKED;
/* A parameter that was never stepped has no state in the file, and none afterwards. */
Status weights_load_states(Model *model, const char *const *states, const char *path) STATUS_CHECKED;

#endif
