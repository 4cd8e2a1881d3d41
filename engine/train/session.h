/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session: named models, named data sources with a cursor each, objectives, optimizer and schedule. Parameters,
 * optimizer state, cursors and the step count together are the state; random numbers are a function of seed and
 * step, so they need no state of their own. A step commits everything together or nothing. session_free() frees all
 * that it holds. */
#ifndef LATHE_TRAIN_SESSION_H
#define LATHE_TRAIN_SESSION_H

#include "engine/base/hash.h"
#include "engine/objectives/objective.h"
#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"
#include "engine/train/source.h"

enum { SESSION_MAX_MODELS = 8, SESSION_MAX_SOURCES = 8, SESSION_MAX_OBJECTIVES = 16, SESSION_NAME_SIZE = 64 };

typedef struct SessionSource {
    char name[SESSION_NAME_SIZE]; /* "train", "valid", ... */
    Source *source;
    Cursor cursor;
} SessionSource;

/* What a step reports. Values of objectives are means over the micro-steps, NaN where the objective is off. */
typedef struct StepMetrics {
    int64_t step; /* the number of steps done, from 1 */
    double loss, lr, grad_norm, seconds;
    int64_t tokens, examples;
    double objectives[SESSION_MAX_OBJECTIVES];
    bool skipped; /* the loss was a spike: nothing was updated */
} StepMetrics;

/* The losses so far, as exponential means: what a spike is measured by. Part of the state. */
typedef struct LossStatistics {
    double mean, square; /* of the loss and of its square */
    int64_t count;
} LossStatistics;

typedef struct Session {
    uint64_t seed;
    int64_t step, steps; /* done; all */
    int64_t accumulate;  /* micro-steps of a step */
    double clip_norm;    /* 0: no clipping */
    double skip_spikes;  /* a step whose loss lies so many deviations above the mean updates nothing; 0: never */
    LossStatistics losses;
    Model *models[SESSION_MAX_MODELS];
    SessionSource sources[SESSION_MAX_SOURCES];
    Objective *objectives[SESSION_MAX_OBJECTIVES];
    int model_count, source_count, objective_count;
    Optimizer optimizer;
    Schedule schedule;
    Arena *arena;
    Tape *tape;
    StepMetrics last;
    char *edits; /* which edits of the history shaped the state, "1 2 5"; NULL: none */
} Session;

Status session_new(uint64_t seed, Session **out) STATUS_CHECKED;
void session_free(Session *session);

/* The session takes over models and objectives (also on failure) and references sources. Errors: the name is taken,
 * too many. */
Status session_add_model(Session *session, Model *model) STATUS_CHECKED;
Status session_add_source(Session *session, const char *name, Source *source) STATUS_CHECKED;
Status session_add_objective(Session *session, Objective *objective) STATUS_CHECKED;

/* NULL where there is none. */
Model *session_model(const Session *session, const char *name);
SessionSource *session_source(Session *session, const char *name);
Objective *session_objective(const Session *session, const char *name);

/* Whether every objective's model, source and view are there, and lengths fit; gives an objective without a view
 * the one of the first that makes one on the same model and source. Called before the first step and after edits.
 */
Status session_check(Session *session) STATUS_CHECKED;

/* One optimizer step over accumulate micro-steps. On any failure nothing has changed. Errors: cancelled, a loss or
 * gradient that is not finite (names step and objective or parameter), shapes, memory. */
Status session_step(Session *session, StepMetrics *out) STATUS_CHECKED;

/* A pass over a view of a batch, and the rest of what objectives in a step share. For evaluation and samples. */
typedef struct Passes {
    Session *session;
    RandomKey key; /* masks are drawn below it */
    RandomKey dropout;
    Batch batches[SESSION_MAX_SOURCES]; /* plain, by place of the source; size 0: not read yet */
    int count;
    struct Pass {
        const Model *model;
        int source;
        char view[OBJECTIVE_NAME_SIZE];
        Batch batch;
        Forward *forward;
    } items[SESSION_MAX_OBJECTIVES];
} Passes;

/* The forward pass that the objective reads; made, with its view, at the first request for it. The plain batch of
 * its source must be in passes->batches. */
Status passes_get(Passes *passes, const Objective *objective, Forward **out) STATUS_CHECKED;
void passes_clear(Passes *passes);

/* Which edits shaped the state: kept in checkpoints, no part of the hash. */
Status session_set_edits(Session *session, const char *edits) STATUS_CHECKED;

/* The hash of each tensor of the state: "model.bert.pooler.dense.weight", "... .exp_avg". */
Status session_each_hash(const Session *session, Status (*visit)(void *context, const char *name, Hash hash),
                         void *context) STATUS_CHECKED;

/* The hash of the whole state: parameters, masks, optimizer state, cursors, step, objectives, options. */
Status session_hash(const Session *session, Hash *out) STATUS_CHECKED;

#endif
