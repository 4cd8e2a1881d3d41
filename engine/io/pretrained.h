/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models in directories as Hugging Face's transformers has them: config.json, and model.safetensors or shards with
 * model.safetensors.index.json. Both ways. Nothing is kept; a report is the caller's. */
#ifndef LATHE_IO_PRETRAINED_H
#define LATHE_IO_PRETRAINED_H

#include "engine/base/buffer.h"
#include "engine/io/json.h"
#include "engine/nn/model.h"

/* Whether the directory holds such a model: a config.json with a model_type. */
bool pretrained_is_there(const char *directory);

/* Which record the directory's config.json means; of a finished run, its model.json. Errors: no config.json, no
 * model_type, one that Lathe does not have (with those that it has). */
Status pretrained_record(const char *directory, const ModelRecord **out) STATUS_CHECKED;
/* The model_type of such a file: the record's name; behind "lathe-" where options make it another model than
 * transformers'. Errors: memory. */
enum { PRETRAINED_TYPE_SIZE = 64 };
Status pretrained_type(const Model *model, char out[PRETRAINED_TYPE_SIZE]) STATUS_CHECKED;
/* The record's options from config.json; config has config_size bytes. What the file does not say has its default.
 * Errors: a value of a wrong type or out of range; something that the model does otherwise (ModelRecord.fixed). */
Status pretrained_config(const char *directory, const ModelRecord *record, void *config) STATUS_CHECKED;

/* What did not fit, "name (why)" a line. Start from {0}; pretrained_report_free() ends it. */
typedef struct PretrainedReport {
    Buffer left, missing; /* of the directory (or, saving, of the model); parameters that stay as they are */
    int64_t left_count, missing_count;
} PretrainedReport;
void pretrained_report_free(PretrainedReport *report);

/* Gives the model the directory's weights and the names of its classes; what is missing is drawn below the key
 * (RANDOM_NONE: it stays as it is). Names of tensors: with or without that of
 * the bare model ("bert."), gamma and beta of old files, tied weights under either name. strict: nothing may be
 * missing, left over or misshapen, but for heads that the directory's class of transformers (ModelArchitecture)
 * does not have, which are listed as missing, too. Of a class that Lathe does not know only the trunk is taken, and
 * not where strict. All or nothing. Errors: no weights, shards that are missing, elsewhere or links; tied weights
 * that differ; a model of more than 100 times the weights that there are; memory. */
Status pretrained_load(Model *model, const char *directory, bool strict, RandomKey key,
                       PretrainedReport *report) STATUS_CHECKED;

/* A new model with the directory's weights, which knows where it is from. Names and shapes are compared before it
 * is built. Errors: as pretrained_load(), model_new(). */
Status pretrained_new(const ModelRecord *record, const void *config, const char *name, const char *directory,
                      bool strict, RandomKey key, PretrainedReport *report, Model **out) STATUS_CHECKED;

/* The hash of a directory's weights: names, types, shapes and bytes. Errors: as pretrained_load() for the files. */
Status pretrained_content(const char *directory, Hash *out) STATUS_CHECKED;

/* How a model is saved; {0} will do. */
typedef struct PretrainedSaving {
    const char *architecture;     /* one of the record's; NULL: the first one whose heads the model has */
    const Vocabulary *vocabulary; /* for the ids of special tokens; NULL: not known */
    const char *const *classes;   /* their names; NULL: the model's own, else LABEL_0, LABEL_1, ... */
    int64_t class_count;
    Status (*more)(const void *context, const char *directory); /* adds files of its own; NULL: nobody */
    const void *context;
} PretrainedSaving;

/* Writes config.json and model.safetensors to a directory, which is made or replaced whole. What its class of
 * transformers does not have is left out and listed. Errors: the record has no such form; something else is there;
 * the disk. */
Status pretrained_save(const Model *model, const char *directory, const PretrainedSaving *how,
                       PretrainedReport *report) STATUS_CHECKED;

#endif
