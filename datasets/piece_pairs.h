/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words as strings of pieces, and the counts of their neighbouring pairs, kept up while pairs are joined (the inner
 * part of learning a WordPiece vocabulary). Start from {0}; piece_pairs_free() ends it. */
#ifndef LATHE_DATASETS_PIECE_PAIRS_H
#define LATHE_DATASETS_PIECE_PAIRS_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PiecePairs {
    int32_t *symbols;
    struct PairWord *words;
    struct Pair *pairs;
    struct PairUse *uses;
    struct PairEntry *heap;
    int32_t *slots;   /* a hash table of numbers of pairs + 1 */
    int64_t *touched; /* pairs whose count grew since the heap was last filled */
    size_t symbol_count, word_count, pair_count, use_count, heap_count, slots_room, touched_count;
    int64_t symbols_room, words_room, pairs_room, uses_room, heap_room, touched_room;
} PiecePairs;

/* A word of count pieces that occurs so many times. Errors: memory. */
Status piece_pairs_add(PiecePairs *pairs, const int32_t *pieces, int32_t count, int64_t times) STATUS_CHECKED;

/* The most frequent pair, ties by the smaller ids; *found is false where none occurs at_least times. Errors:
 * memory.
 */
Status piece_pairs_best(PiecePairs *pairs, int64_t at_least, int32_t *left, int32_t *right,
                        bool *found) STATUS_CHECKED;

/* Replaces the pair that piece_pairs_best() gave, from left to right in each word, by a piece. Errors: memory. */
Status piece_pairs_join(PiecePairs *pairs, int32_t left, int32_t right, int32_t piece) STATUS_CHECKED;

void piece_pairs_free(PiecePairs *pairs);

#endif
