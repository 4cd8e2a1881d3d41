/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of a text and how often each occurs, in order of first appearance. Start from {0}; word_counts_free()
 * ends it. */
#ifndef LATHE_DATASETS_WORD_COUNTS_H
#define LATHE_DATASETS_WORD_COUNTS_H

#include "engine/base/buffer.h"
#include "engine/base/status.h"

#include <stdint.h>

typedef struct WordCount {
    size_t start, length; /* in bytes */
    int64_t times;
} WordCount;

typedef struct WordCounts {
    Buffer bytes;
    WordCount *words;
    int32_t *slots; /* a hash table of numbers of words + 1 */
    size_t count, words_room, slots_room;
} WordCounts;

/* Errors: memory (also: more than 2^30 different words). */
Status word_counts_add(WordCounts *counts, const char *bytes, size_t length, int64_t times) STATUS_CHECKED;
/* NULL where the word does not occur; good until one is added. */
const WordCount *word_counts_find(const WordCounts *counts, const char *bytes, size_t length);
/* Adds all of another one. */
Status word_counts_merge(WordCounts *counts, const WordCounts *other) STATUS_CHECKED;
void word_counts_free(WordCounts *counts);

#endif
