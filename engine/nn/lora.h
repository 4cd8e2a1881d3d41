/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Low-rank adaptation (Hu et al. 2022): beside the weight W of a linear layer stand A f32[r,in] and B f32[out,r],
 * and the layer computes x W' + b + alpha / r * dropout(x) A' B'. Which layers have them is part of a model's
 * config, so that checkpoints, structural edits and replays know. Names are those of PEFT: "query.lora_A.weight".
 * The modules belong to the model's tree. */
#ifndef LATHE_NN_LORA_H
#define LATHE_NN_LORA_H

#include "engine/nn/model.h"

/* The lines for the option table of a model's config that has a member of type LoraConfig. standard: names of the
 * linear layers that are adapted, with spaces between them. */
#define LORA_OPTION_FIELDS(type, member, standard)                                                                 \
    {.name = "lora_rank",                                                                                          \
     .doc = "rank of the adapters beside linear layers (LoRA); 0: none",                                           \
     .kind = OPTION_INTEGER,                                                                                       \
     .offset = offsetof(type, member.rank),                                                                        \
     .max = 1 << 16,                                                                                               \
     .bounded = true},                                                                                             \
        {.name = "lora_alpha",                                                                                     \
         .doc = "what adapters are scaled by, over their rank; 0: the rank",                                       \
         .kind = OPTION_NUMBER,                                                                                    \
         .offset = offsetof(type, member.alpha),                                                                   \
         .max = 1e6,                                                                                               \
         .bounded = true},                                                                                         \
        {.name = "lora_dropout",                                                                                   \
         .doc = "dropout of what adapters read",                                                                   \
         .kind = OPTION_NUMBER,                                                                                    \
         .offset = offsetof(type, member.dropout),                                                                 \
         .max = 0.999,                                                                                             \
         .bounded = true},                                                                                         \
    {                                                                                                              \
        .name = "lora_modules", .doc = "names of the linear layers that have adapters", .kind = OPTION_TEXT,       \
        .offset = offsetof(type, member.modules), .text = (standard)                                               \
    }

/* The config's member; NULL where the record has no such options. */
const LoraConfig *lora_config(const Model *model);
double lora_scale(const LoraConfig *config);

/* Adds the adapters that the config asks for to a tree that was just built. Errors: a name that is no linear layer
 * of the model; a rank that is larger than such a layer; memory. */
Status lora_install(Model *model, RandomKey key) STATUS_CHECKED;

/* Whether the parameter is one of an adapter, and whether it is the one that begins with zeros. */
bool lora_is_adapter(const char *path);
bool lora_is_quiet(const char *path);

/* y += the adapter's part, where the module has one. x as the module reads it. */
Status lora_forward(const Module *module, Tape *tape, Tensor *x, Tensor **y) STATUS_CHECKED;

/* The weight with what its adapter adds: *out = W + alpha / r * B A, in the pool, the caller's. NULL where the
 * parameter has no adapter. Errors: memory. */
Status lora_merged(const Model *model, const Param *param, Tensor **out) STATUS_CHECKED;
/* The same in place, of all parameters. Errors: memory; what was merged by then stays merged: for a tree that is
 * thrown away on failure. */
Status lora_merge(const Model *from, Model *to) STATUS_CHECKED;

#endif
