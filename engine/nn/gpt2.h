/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GPT-2 (Radford et al. 2019): a pre-norm causal decoder, its head tied to the word embeddings; names of modules
 * and options are Hugging Face's. Weights are [out,in] in memory; files have those of Conv1D as [in,out]. The Model
 * owns everything. */
#ifndef LATHE_NN_GPT2_H
#define LATHE_NN_GPT2_H

#include "engine/nn/lora.h"

typedef struct Gpt2Config {
    int64_t vocab_size, n_positions, n_embd, n_layer, n_head, n_inner, num_labels;
    double resid_pdrop, embd_pdrop, attn_pdrop, layer_norm_epsilon, initializer_range;
    LoraConfig lora;
} Gpt2Config;

extern const ModelRecord model_gpt2;

#endif
