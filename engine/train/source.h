/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where batches come from. A source is a pure function of its cursor: the batch at (seed, epoch, index) is always
 * the same, however many loader threads prefetch and whoever asks. Implementations stand in datasets/; each begins
 * with a Source. source_unref() by the last holder frees it. */
#ifndef LATHE_TRAIN_SOURCE_H
#define LATHE_TRAIN_SOURCE_H

#include "engine/base/hash.h"
#include "engine/tensor/batch.h"

typedef struct Source Source;

/* The next example that was not consumed. */
typedef struct Cursor {
    uint64_t seed;
    int64_t epoch, index; /* index: examples of the epoch that were consumed */
} Cursor;

/* What a model answers to an example of a source of questions: tokens [start, end] of it, how sure it is of them
 * and how sure that there is no answer (sums of two logits). */
typedef struct SpanAnswer {
    int64_t example;
    int32_t start, end;
    float score, none;
} SpanAnswer;

/* Sums over the questions that were answered. */
typedef struct AnswerScore {
    int64_t questions;
    double exact_match, f1;
} AnswerScore;

typedef struct SourceType {
    const char *name;
    /* Makes the batch at the cursor in the arena (NULL: pool) and moves the cursor behind it. The last batch of an
     * epoch may be smaller; then the epoch grows by one. */
    Status (*next)(Source *source, Arena *arena, Cursor *cursor, Batch *out);
    /* The best achievable loss, by somebody who knows how the data were made; NULL where nobody does. targets names
     * a field of the view, "masked_targets" or a label; known (one entry for each of them, zeros) becomes 1 where
     * there is an answer (not of examples that were cut off, say), and the negative log-likelihood of these (nats)
     * is added to the sum. */
    Status (*oracle)(Source *source, const Batch *view, const char *targets, uint8_t *known, double *nll_sum);
    void (*free)(Source *source);
    /* Scores answers to questions by their texts; NULL where there are no questions. */
    Status (*answer)(Source *source, const SpanAnswer *answers, int64_t count, AnswerScore *out);
} SourceType;

struct Source {
    const SourceType *type;
    int refs;
    char doc[160];                /* "stories: 60,000 sentences, 512 pieces" */
    int64_t examples;             /* of an epoch */
    int64_t tokens;               /* of an epoch, 0 where it is not text */
    int64_t length;               /* of the longest example, 0 where it is not text */
    int64_t batch_size;           /* unless a session asks for another one */
    uint64_t seed;                /* of the order */
    Hash content;                 /* of the data that it reads */
    const Vocabulary *vocabulary; /* NULL where it is not text */
    int64_t class_count;          /* classes of its labels; 0 where it has none */
    const char *const *classes;   /* their names; NULL: they have none */
};

/* type->next() with the session's batch size in place of the source's own. Order and content of the examples do not
 * depend on it. */
Status source_next(Source *source, int64_t batch_size, Arena *arena, Cursor *cursor, Batch *out) STATUS_CHECKED;

Source *source_ref(Source *source);
void source_unref(Source *source);

#endif
