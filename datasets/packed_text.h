/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Documents concatenated and cut into blocks of one length: every token of the text is shown once an epoch. The
 * source is counted and holds its text; let go with source_unref(). */
#ifndef LATHE_DATASETS_PACKED_TEXT_H
#define LATHE_DATASETS_PACKED_TEXT_H

#include "datasets/text_source.h"

typedef struct PackedTextConfig {
    TextOptions text;
    bool specials;
    double valid;
} PackedTextConfig;

extern const Option packed_text_options[];

/* specials: blocks are [CLS] ... [SEP], and a [SEP] ends every document inside. Otherwise plain tokens, a [SEP]
 * behind every document, for causal language models. The last block is shorter. Errors: options, memory. */
Status packed_text_new(Tokenized *text, const PackedTextConfig *config, Source **out) STATUS_CHECKED;

/* As sentence_pairs_split(). */
Status packed_text_split(Tokenized *text, Tokenized *held_out, const PackedTextConfig *config, Source **train,
                         Source **valid) STATUS_CHECKED;

#endif
