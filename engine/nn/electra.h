/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ELECTRA (Clark et al. 2020): a discriminator that tells replaced tokens from original ones, and beside it, on the
 * same embeddings, the smaller generator that replaces them. Names of modules and options are Hugging Face's; all
 * that is the generator's alone stands below "generator". The Model owns everything. */
#ifndef LATHE_NN_ELECTRA_H
#define LATHE_NN_ELECTRA_H

#include "engine/nn/encoder.h"
#include "engine/nn/lora.h"

typedef struct ElectraConfig {
    EncoderConfig encoder; /* of the discriminator */
    int64_t vocab_size, embedding_size, num_labels;
    int64_t generator_hidden_size, generator_num_hidden_layers, generator_num_attention_heads,
        generator_intermediate_size;
    bool generator;
    LoraConfig lora; /* of the discriminator */
} ElectraConfig;

extern const ModelRecord model_electra;

#endif
