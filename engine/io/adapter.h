/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Adapters in directories as PEFT has them: adapter_config.json and adapter_model.safetensors with the matrices of
 * LoRA (engine/nn/lora.h) and heads that were trained beside them. Both ways. Nothing is kept. */
#ifndef LATHE_IO_ADAPTER_H
#define LATHE_IO_ADAPTER_H

#include "engine/nn/model.h"

/* Sets the lora options of a model's config to what the directory's adapter_config.json says. Errors: another kind
 * of adapter, or something of PEFT that Lathe does not do (DoRA, biases, ranks that differ), by name. */
Status adapter_config(const char *directory, const ModelRecord *record, void *config) STATUS_CHECKED;
/* Gives the model the directory's matrices. All or nothing. Errors: what the model's adapters need is missing or
 * misshapen; a tensor that has no place in the model. */
Status adapter_load(Model *model, const char *directory) STATUS_CHECKED;
/* Writes the adapters and what is trained (not frozen) outside of the trunk to a directory, which is made or
 * replaced. Errors: the model has no adapters; something else is there; the disk. */
Status adapter_save(const Model *model, const char *directory) STATUS_CHECKED;

#endif
