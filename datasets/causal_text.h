/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for causal language models: contexts of 'length' tokens and the token behind each of them, so an example has
 * one token more than the length. The source is counted and holds its text; let go with source_unref(). */
#ifndef LATHE_DATASETS_CAUSAL_TEXT_H
#define LATHE_DATASETS_CAUSAL_TEXT_H

#include "datasets/text_source.h"

typedef enum CausalDocuments { CAUSAL_JOINED, CAUSAL_SEPARATE } CausalDocuments;

typedef struct CausalTextConfig {
    TextOptions text;
    int64_t documents; /* CausalDocuments */
    double valid;
} CausalTextConfig;

extern const Option causal_text_options[];

/* joined: the documents one behind the other, a separator behind each, cut into blocks that overlap by one token:
 * each token but the first is predicted once an epoch. From the second epoch on the cuts are elsewhere (drawn by
 * seed and epoch), for which up to length - 1 tokens at the end are left out. separate: an example is a document
 * between separators, cut off behind length + 1 tokens. Errors: options, memory, a text of fewer than 2 tokens. */
Status causal_text_new(Tokenized *text, const CausalTextConfig *config, Source **out) STATUS_CHECKED;

/* As sentence_pairs_split(). */
Status causal_text_split(Tokenized *text, Tokenized *held_out, const CausalTextConfig *config, Source **train,
                         Source **valid) STATUS_CHECKED;

#endif
