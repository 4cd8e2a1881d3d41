/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts with what is to be written about them, for causal language models: a text, a separator, the target, a
 * separator. Batches have prefix_lengths, so that objective clm predicts the target alone. The source is counted
 * and holds its text; let go with source_unref(). */
#ifndef LATHE_DATASETS_PAIRS_H
#define LATHE_DATASETS_PAIRS_H

#include "datasets/text_source.h"

typedef struct PairsConfig {
    TextOptions text;
    double valid;
} PairsConfig;

extern const Option pairs_options[];

/* text.length is that of the contexts: an example has one token more, which is predicted only. Where it has too
 * many the text loses its beginning, then the target its end and the last separator. Errors: a text without targets
 * (CorpusTask), options, memory. */
Status pairs_new(Tokenized *text, const PairsConfig *config, Source **out) STATUS_CHECKED;

/* As sentence_pairs_split(). */
Status pairs_split(Tokenized *text, Tokenized *held_out, const PairsConfig *config, Source **train,
                   Source **valid) STATUS_CHECKED;

#endif
