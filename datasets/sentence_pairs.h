/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BERT's sentence pairs: [CLS] A [SEP] B [SEP] with token types 0 and 1 (Devlin et al. 2019, section 3.1 and
 * appendix A.2). The sources are counted and hold their text; let go with source_unref(). */
#ifndef LATHE_DATASETS_SENTENCE_PAIRS_H
#define LATHE_DATASETS_SENTENCE_PAIRS_H

#include "datasets/text_source.h"

typedef enum PairsMode { PAIRS_NSP, PAIRS_SOP } PairsMode;

typedef struct SentencePairsConfig {
    TextOptions text;
    int64_t mode; /* PairsMode */
    bool pack;
    double valid; /* share of the documents that sentence_pairs_split() holds out */
} SentencePairsConfig;

extern const Option sentence_pairs_options[];

/* nsp: next_sentence_label 0 where B follows A, 1 (half of the examples) where B is taken from another document, or
 * from elsewhere in the only one. sop: sentence_order_label 1 where the two were swapped (Lan et al. 2020).
 *
 * pack: A and B are runs of consecutive sentences that together fill the length: every document is cut into pieces
 * of at least two sentences, an epoch shows each piece once, and where A ends inside the piece is drawn anew in
 * every epoch. Otherwise A and B are one sentence each, and an epoch shows each sentence that has a successor once
 * as A. What is too long is cut from the longer of the two, a random share of it from the front. Documents of one
 * sentence begin no example, but can be B. Everything drawn is keyed by (seed, epoch, example).
 *
 * Errors: no document has two sentences; nsp has nowhere to take another B from; options. */
Status sentence_pairs_new(Tokenized *text, const SentencePairsConfig *config, Source **out) STATUS_CHECKED;

/* Both sources of a recipe. held_out NULL: a share 'valid' of the documents is held out from text. Errors: as
 * above, and as tokenized_split(). */
Status sentence_pairs_split(Tokenized *text, Tokenized *held_out, const SentencePairsConfig *config, Source **train,
                            Source **valid) STATUS_CHECKED;

#endif
