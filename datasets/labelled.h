/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Labelled texts for classification: [CLS] text [SEP] with the field labels. The source is counted and holds its
 * text; let go with source_unref(). */
#ifndef LATHE_DATASETS_LABELLED_H
#define LATHE_DATASETS_LABELLED_H

#include "datasets/text_source.h"

typedef struct LabelledConfig {
    TextOptions text;
    double valid;
    char classes[OPTION_TEXT_SIZE]; /* their order, "negative,positive"; empty: that of the text to train on */
} LabelledConfig;

extern const Option labelled_options[];

/* An example is a document; what is longer than the length is cut off. The classes are those of the config, else
 * those of the text. Errors: a document without a label; fewer than two classes; a label that is none of them. */
Status labelled_new(Tokenized *text, const LabelledConfig *config, Source **out) STATUS_CHECKED;

/* As sentence_pairs_split(). Errors also: a class of the held-out text is not one of the text's. */
Status labelled_split(Tokenized *text, Tokenized *held_out, const LabelledConfig *config, Source **train,
                      Source **valid) STATUS_CHECKED;

#endif
