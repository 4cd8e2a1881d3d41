/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BERT (Devlin et al. 2019): an encoder with pooler, masked-language-model head tied to the word embeddings, and
 * next-sentence head; names of modules and options are Hugging Face's. The Model owns everything. */
#ifndef LATHE_NN_BERT_H
#define LATHE_NN_BERT_H

#include "engine/nn/encoder.h"
#include "engine/nn/lora.h"

typedef struct BertConfig {
    EncoderConfig encoder;
    int64_t vocab_size, num_labels;
    bool span_head;
    LoraConfig lora;
} BertConfig;

extern const ModelRecord model_bert;

#endif
