/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts the words of a corpus on all threads; they stand in order of first appearance whatever their number. */
#ifndef LATHE_DATASETS_WORD_COUNTING_H
#define LATHE_DATASETS_WORD_COUNTING_H

#include "datasets/corpus.h"

/* Adds the words of one sentence; called by several threads at once. */
typedef Status (*SentenceCount)(const void *context, const char *bytes, size_t length, WordCounts *out);

/* Errors: cancelled, memory, those of count(). What was counted is the caller's to free also then. */
Status corpus_count_words(const Corpus *corpus, SentenceCount count, const void *context,
                          WordCounts *out) STATUS_CHECKED;

#endif
