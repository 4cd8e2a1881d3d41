/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BERT (Devlin et al. 2019): a post-norm encoder with pooler, masked-language-model head tied to the word
 * embeddings, and next-sentence head; names of modules and options are Hugging Face's. The Model owns everything.
 */
#ifndef LATHE_NN_BERT_H
#define LATHE_NN_BERT_H

#include "engine/nn/lora.h"

typedef struct BertConfig {
    int64_t vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
    int64_t max_position_embeddings, type_vocab_size, num_labels;
    double hidden_dropout_prob, attention_probs_dropout_prob, classifier_dropout, layer_norm_eps, initializer_range;
    LoraConfig lora;
} BertConfig;

extern const ModelRecord model_bert;

#endif
