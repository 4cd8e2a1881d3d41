/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The best achievable masked-language-model loss on the stories: an observer who knows the grammar of the world and
 * how tokens were corrupted, but neither the scene nor the story around, computes the exact posterior of every
 * selected token given everything visible. It sums over all derivations of the visible sentences (templates, plots,
 * values, and whether B follows A or stems from another story) by the forward-backward algorithm.
 *
 * What the observer knows: the tokens after corruption, which positions were selected for prediction (as the loss
 * does; a model must guess which visible tokens are wrong, so this favours the observer slightly), the
 * probabilities of corruption, and that A is any sentence that has a successor and a B from elsewhere is any
 * sentence of another story. Nobody can do better than this posterior on average, so its mean negative
 * log-likelihood is a floor for every model.
 *
 * Exact where each segment is one whole sentence. For segments of several sentences the number of sentences gets no
 * prior of its own and the position of A inside its story is that of single sentences: very nearly the floor.
 *
 * The caller frees the oracle with world_oracle_free(); it keeps the world, which must live as long. Not
 * thread-safe: one oracle a thread. */
#ifndef LATHE_DATASETS_WORLD_ORACLE_H
#define LATHE_DATASETS_WORLD_ORACLE_H

#include "datasets/world.h"

/* The tokenizer: the pieces of one word as it stands in a sentence ("Anna's" is asked for as Anna, ', s). At most
 * capacity of them; *count how many. */
typedef Status (*WorldEncode)(void *context, const char *word, int32_t *pieces, int capacity, int *count);

typedef struct WorldOracleOptions {
    int32_t vocab_size, cls, sep, mask;          /* token ids */
    double mask_share, random_share, keep_share; /* of the selected tokens: 0.8, 0.1, 0.1 */
    double next_share;                           /* of the pairs whose B follows A: 0.5 */
    int32_t segment_sentences;                   /* most sentences of a segment: 0 or 1 for exactly one */
} WorldOracleOptions;

typedef struct WorldOracle WorldOracle;

typedef struct WorldGuess {
    double nll;       /* sum over the selected positions of -log posterior(original), nats */
    double entropy;   /* sum of the posteriors' entropies, whose mean is that of nll */
    double next;      /* posterior probability that B follows A; 0 where there is no B */
    double log_prior; /* log probability of what is visible */
    int64_t correct;  /* selected positions whose likeliest token is the original */
} WorldGuess;

/* Errors: shares that are negative or all 0; a word that the tokenizer refuses; memory. */
Status world_oracle_new(const World *world, const WorldOracleOptions *options, WorldEncode encode, void *context,
                        WorldOracle **out) STATUS_CHECKED;
void world_oracle_free(WorldOracle *oracle);
/* Other shares of corruption than those that it was made with; they are not negative, and not all 0. */
void world_oracle_set_shares(WorldOracle *oracle, double mask, double random, double keep);

/* tokens i32[n]: [CLS] A [SEP] or [CLS] A [SEP] B [SEP], after corruption and without padding. selected i32[count]:
 * the positions to predict, originals i32[count]: what stood there. posterior: NULL, or f64[count, vocab_size] for
 * the distributions. Errors: tokens that are not of this form, or not sentences of this world; memory. */
Status world_oracle_pair(WorldOracle *oracle, const int32_t *tokens, int64_t n, const int32_t *selected,
                         const int32_t *originals, int64_t count, WorldGuess *out,
                         double *posterior) STATUS_CHECKED;

#endif
