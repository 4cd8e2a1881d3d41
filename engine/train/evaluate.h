/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Held-out evaluation beside its baselines. It draws from streams of its own and changes nothing of the state. */
#ifndef LATHE_TRAIN_EVALUATE_H
#define LATHE_TRAIN_EVALUATE_H

#include "engine/train/class_scores.h"
#include "engine/train/session.h"

/* One objective on held-out data; losses are means in nats over the targets. NaN: there is none. */
typedef struct Score {
    char name[OBJECTIVE_NAME_SIZE];
    int64_t targets;       /* how many were predicted */
    double loss, accuracy; /* the model's; a custom objective has only a loss, a mean over batches */
    double unigram_loss,
        unigram_accuracy; /* of always predicting the training data's class shares, its commonest class */
    double best_loss;     /* of somebody who knows how the data were made, on best_targets of the targets */
    double known_loss;    /* the model's on these */
    int64_t best_targets;
    double perplexity,
        bits_per_byte;   /* of a text (ObjectiveRecord.text); bits_per_byte where pieces have lengths */
    int64_t bytes;       /* of the text that the targets stand for */
    AnswerScore answers; /* of an objective that answers questions, means in [0,1]; questions 0: of another one */
    ClassScores classes; /* of an objective that tells the model's classes apart; count 0: of another one */
} Score;

typedef struct Evaluation {
    int64_t examples;
    int count;
    Score scores[SESSION_MAX_OBJECTIVES];
    double seconds;
} Evaluation;

/* Called between batches with those done and all; may be NULL. */
typedef void (*EvaluationProgress)(void *context, int64_t done, int64_t all);

enum { EVALUATION_ORACLE_BATCHES = 200 };

typedef struct EvaluationOptions {
    const char *source;     /* the held-out data source ("valid"), read instead of the objectives' own */
    int64_t batches;        /* at most; 0: one epoch */
    bool baselines;         /* unigram and best achievable as well */
    int64_t oracle_batches; /* the first ones are put to the oracle, which is slow; 0: EVALUATION_ORACLE_BATCHES */
    EvaluationProgress progress;
    void *context;
} EvaluationOptions;

/* Errors: no such source, an objective cannot be computed on it, cancelled. */
Status evaluate(Session *session, const EvaluationOptions *options, Evaluation *out) STATUS_CHECKED;

#endif
