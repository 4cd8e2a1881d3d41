/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Choosing tokens of a sequence for a corruption: by units (tokens or whole words), alone or in spans. Units point
 * into the caller's scratch; nobody frees anything. */
#ifndef LATHE_OBJECTIVES_UNITS_H
#define LATHE_OBJECTIVES_UNITS_H

#include "engine/base/random.h"
#include "engine/tensor/batch.h"

/* Unit u covers places starts[u] to starts[u] + sizes[u] - 1 of the sequence. */
typedef struct Units {
    int32_t *starts, *sizes, *order; /* order: 0 to count - 1, for whoever wants another one */
    int64_t count, tokens;
} Units;

/* The units of ids i32[length] that are no special tokens. words i32[length]: pieces of the same word belong
 * together; NULL: each is a unit. scratch i32[3*length]. */
Units units_find(const Vocabulary *vocabulary, int64_t length, const int32_t *ids, const int32_t *words,
                 int32_t *scratch);

/* Chooses units until they have about 'budget' tokens, whose places in selected u8[length] become 1. There is at
 * least one unit. Returns the tokens chosen. In random order; one that would go over the budget is passed over, as
 * in the original code of BERT. */
int64_t units_select(Units *units, Random *random, int64_t budget, uint8_t *selected);
/* In spans whose length in units is geometric with parameter p, cut at 'longest' (Joshi et al. 2020). */
int64_t units_select_spans(const Units *units, Random *random, double p, int64_t longest, int64_t budget,
                           uint8_t *selected);

#endif
